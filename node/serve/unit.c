#include "node/serve/unit.h"

#include "common/alloc.h"
#include "common/resp.h"
#include "node/oplog/oplog.h"

void unit_init(struct unit *u, struct oplog *log)
{
    *u = (struct unit){ .log = log };
}

void unit_fini(struct unit *u)
{
    buf_fini(&u->bytes);
    xfree(u->effects);
    *u = (struct unit){ 0 };
}

bool unit_wanted(const struct unit *u)
{
    return !u->muted && oplog_active(u->log);
}

static void effect_ended(struct unit *u, int db, int commands)
{
    if (u->count == u->cap) {
        u->cap = u->cap ? u->cap * 2 : 16;
        u->effects = xrealloc(u->effects, u->cap * sizeof *u->effects);
    }
    u->effects[u->count++] = (struct unit_effect){ .db = db, .end = u->bytes.len };
    u->commands += commands;
}

void unit_begin(struct unit *u)
{
    u->depth++;
}

static void append_all(struct unit *u)
{
    size_t at = 0;

    for (size_t i = 0; i < u->count; i++) {
        struct bytes resp = { u->bytes.at + at, u->effects[i].end - at };

        if (u->effects[i].aside)
            oplog_append_aside(u->log, u->effects[i].db, resp);
        else
            oplog_append_encoded(u->log, u->effects[i].db, resp);
        at = u->effects[i].end;
    }
}

static void append_wrapped(struct unit *u)
{
    static const struct bytes multi = { "MULTI", 5 }, exec = { "EXEC", 4 };

    uint64_t from = u->log->next;

    oplog_append(u->log, u->effects[0].db, 1, &multi);
    append_all(u);
    oplog_append(u->log, OPLOG_NO_DB, 1, &exec);
    if (u->asides == u->count) {
        oplog_set_aside(u->log, from); /* an empty transaction is none */
        oplog_forget_db(u->log);       /* its SELECT went with it */
    }
}

void unit_end(struct unit *u)
{
    ASSERT(u->depth > 0);
    if (--u->depth > 0 || LIKELY(u->count == 0))
        return;
    if (u->commands > 1 && !u->loose)
        append_wrapped(u);
    else
        append_all(u);
    unit_drop(u);
}

void unit_drop(struct unit *u)
{
    u->count = u->asides = 0;
    u->commands = 0;
    u->loose = false;
    u->bytes.len = 0;
}

void unit_add(struct unit *u, int db, int argc, const struct bytes *argv)
{
    if (!unit_wanted(u))
        return;
    if (u->depth == 0) {
        oplog_append(u->log, db, argc, argv);
        return;
    }
    resp_put_command(&u->bytes, argc, argv);
    effect_ended(u, db, 1);
}

void unit_add_aside(struct unit *u, int db, int argc, const struct bytes *argv)
{
    if (!unit_wanted(u))
        return;
    resp_put_command(&u->bytes, argc, argv);
    effect_ended(u, db, 1);
    u->effects[u->count - 1].aside = true;
    u->asides++;
    if (u->depth == 0) {
        u->depth = 1;
        unit_end(u);
    }
}

void unit_add_encoded(struct unit *u, int db, struct bytes resp, int commands)
{
    if (!unit_wanted(u) || commands == 0)
        return;
    buf_add(&u->bytes, resp);
    effect_ended(u, db, commands);
    if (u->depth == 0) {
        u->depth = 1;
        unit_end(u);
    }
}

void unit_end_with(struct unit *u, int db, int argc, const struct bytes *argv)
{
    if (u->depth == 1 && u->count == 0) {
        u->depth = 0;
        unit_add(u, db, argc, argv);
        return;
    }
    unit_add(u, db, argc, argv);
    unit_end(u);
}
