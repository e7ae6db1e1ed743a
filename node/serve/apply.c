#include "node/serve/apply.h"

#include <string.h>

#include "common/alloc.h"
#include "common/command.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/persist.h"
#include "node/serve/block.h"
#include "node/serve/serve.h"
#include "node/settings.h"
#include "node/world.h"

struct held {
    struct held *next;
    int argc;
    struct bytes argv[]; /* their bytes stand behind */
};

struct apply {
    struct node_world *world;
    struct reply reply;
    struct out out; /* replies, thrown away */
    struct command_memo memo;
    uint64_t now_us;
    int db;
    bool in_unit, quiet;
    struct held *first, **end;
};

struct apply *apply_new(struct node_world *w)
{
    struct apply *a = xcalloc(1, sizeof *a);

    a->world = w;
    a->reply = (struct reply){ .out = &a->out, .proto = 2 };
    a->end = &a->first;
    return a;
}

static void drop_unit(struct apply *a)
{
    while (a->first) {
        struct held *next = a->first->next;

        xfree(a->first);
        a->first = next;
    }
    a->end = &a->first;
    a->in_unit = false;
}

void apply_free(struct apply *a)
{
    if (!a)
        return;
    drop_unit(a);
    out_fini(&a->out);
    xfree(a);
}

void apply_set_quiet(struct apply *a, bool quiet)
{
    a->quiet = quiet;
}

void apply_begin(struct apply *a, uint64_t now_us)
{
    a->now_us = now_us;
}

void apply_reset(struct apply *a, int db)
{
    drop_unit(a);
    a->db = db;
}

/* A unit of the stream is held whole until its EXEC comes, however large it is: who wrote it had room for it, and a
 * file of our own, or a leader's stream, that is not taken whole would be a data set that is another. */
static void hold(struct apply *a, int argc, const struct bytes *argv)
{
    size_t bytes = sizeof(struct held) + (size_t)argc * sizeof(struct bytes);
    struct held *h;
    char *at;

    for (int i = 0; i < argc; i++)
        bytes += argv[i].len;
    h = xmalloc(bytes);
    *h = (struct held){ .argc = argc };
    at = (char *)(h->argv + argc);
    for (int i = 0; i < argc; i++) {
        memcpy(at, argv[i].at, argv[i].len);
        h->argv[i] = (struct bytes){ at, argv[i].len };
        at += argv[i].len;
    }
    *a->end = h;
    a->end = &h->next;
}

static enum err select_db(struct apply *a, int argc, const struct bytes *argv,
                          struct errmsg *out_why)
{
    int64_t db;

    if (argc != 2 || !bytes_to_i64(argv[1], &db) || db < 0 ||
        db >= keyspace_databases(a->world->keyspace)) {
        errmsg_set(out_why, "SELECT of a database that is not here");
        return ERR_REFUSED;
    }
    a->db = (int)db;
    return OK;
}

/* The stream carries effects and nothing else: what asks a session is not for it. A read may be: PFCOUNT
 * keeps what it counted. A Redis before 7 sends scripts as they are. */
static bool fit_for_stream(const struct command *cmd)
{
    return (cmd->flags & (CMD_WRITE | CMD_READONLY | CMD_MAY_REPLICATE)) ||
           (cmd->acl & ACL_SCRIPTING);
}

/* The handler alone. */
static bool run_quietly(struct serve *v, struct call *c)
{
    uint32_t errors = c->reply->errors;
    uint64_t changes = v->changes;
    bool failed;

    v->effects.len = 0;
    c->effects = &v->effects;
    c->cmd->run(c);
    persist_count_changes(v->world->persist, serve_changes_of(c, v->changes - changes));
    failed = c->reply->errors != errors;
    c->reply->errors = errors;
    return !failed;
}

static enum err run(struct apply *a, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct node_world *w = a->world;
    struct call c = { .argc = argc,
                      .argv = argv,
                      .reply = &a->reply,
                      .db = a->db,
                      .world = w,
                      .service = w->service,
                      .from_leader = true,
                      .denies_blocking = true };
    bool answered;

    if (bytes_is_word(argv[0], "ping"))
        return OK;
    if (bytes_is_word(argv[0], "select"))
        return select_db(a, argc, argv, out_why);
    c.cmd = command_resolve_again(w->commands, &a->memo, argc, argv, out_why);
    if (!c.cmd)
        return ERR_NOTFOUND;
    if (!fit_for_stream(c.cmd)) {
        errmsg_set(out_why, "%s is not for a stream", c.cmd->name);
        return ERR_NOTFOUND;
    }
    answered = a->quiet ? run_quietly(w->serve, &c) : serve_run_inner(w->serve, &c, &a->now_us);
    out_sent(&a->out, out_pending(&a->out));
    if (answered)
        return OK;
    errmsg_set(out_why, "%s answered with an error (%s)", c.cmd->name, a->reply.error_code);
    return ERR_REFUSED;
}

/* A unit is opened although nothing is appended: whoever is blocked is served behind its end. */
static enum err run_alone(struct apply *a, int argc, const struct bytes *argv,
                          struct errmsg *out_why)
{
    struct serve *v = a->world->serve;
    enum err e;

    unit_begin(&v->unit);
    e = run(a, argc, argv, out_why);
    unit_end(&v->unit);
    if (!a->quiet)
        block_serve_ready(v);
    return e;
}

static enum err run_unit(struct apply *a, struct errmsg *out_why)
{
    struct serve *v = a->world->serve;
    enum err first = OK;
    struct errmsg why;

    unit_begin(&v->unit);
    for (const struct held *h = a->first; h; h = h->next) {
        enum err e = run(a, h->argc, h->argv, &why);

        if (e == OK || first != OK)
            continue;
        first = e;
        if (out_why)
            *out_why = why;
    }
    unit_end(&v->unit);
    drop_unit(a);
    if (!a->quiet)
        block_serve_ready(v);
    return first;
}

enum err apply_command(struct apply *a, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    if (argc == 0)
        return OK;
    if (a->world->set->maxmemory_bytes && !a->in_unit)
        evict_make_room(a->world->serve);
    if (a->in_unit && bytes_is_word(argv[0], "exec"))
        return run_unit(a, out_why);
    if (a->in_unit) {
        hold(a, argc, argv);
        return OK;
    }
    if (bytes_is_word(argv[0], "multi")) {
        a->in_unit = true;
        return OK;
    }
    return run_alone(a, argc, argv, out_why);
}

bool apply_in_unit(const struct apply *a)
{
    return a->in_unit;
}

int apply_db(const struct apply *a)
{
    return a->db;
}
