/*
 * function_dump - libraries as a payload: what an RDB file holds of them, then version and CRC-64 as behind
 * DUMP, so that payloads go between this node and redis-server.
 */
#include <string.h>

#include "common/alloc.h"
#include "common/resp.h"
#include "common/serve/service.h"
#include "node/persist/loader.h"
#include "node/persist/persist.h"
#include "node/persist/rdb_read.h"
#include "node/persist/rdb_write.h"
#include "node/persist/snapshot.h"
#include "node/script/functions.h"
#include "node/script/library.h"
#include "node/script/script_room.h"

static void put_all(const struct script *s, struct buf *out, bool compress)
{
    struct map_walk walk = map_walk(&s->libraries->by_name);

    for (struct map_node *n; (n = map_walk_next(&walk));) {
        const struct library *x = CONTAINER_OF(n, struct library, node);

        rdb_put_function(out, (struct bytes){ x->text, x->len }, compress);
    }
}

void cmd_function_dump(struct call *c)
{
    struct buf payload = { 0 };

    put_all(script_of(c), &payload, true);
    rdb_end_functions(&payload);
    reply_bulk(c->reply, buf_bytes(&payload));
    buf_fini(&payload);
}

enum policy { APPEND, REPLACE, FLUSH };

static bool want_policy(struct call *c, enum policy *out)
{
    static const char *const words[] = {
        [APPEND] = "append", [REPLACE] = "replace", [FLUSH] = "flush"
    };

    *out = APPEND;
    if (c->argc == 3)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (bytes_is_word(c->argv[3], words[i])) {
            *out = (enum policy)i;
            return true;
        }
    }
    reply_error(c->reply, "ERR Wrong restore policy given, value should be either FLUSH, APPEND or "
                          "REPLACE.");
    return false;
}

struct restoring {
    struct libraries *into;
    bool limited;
};

static enum err take(void *arg, struct bytes text, struct errmsg *out_why)
{
    const struct restoring *r = arg;
    const char *name;

    return libraries_load(r->into, text, false, r->limited, &name, out_why);
}

static enum err join(struct script *s, struct libraries *fresh, enum policy policy,
                     struct errmsg *out_why)
{
    if (policy == FLUSH) {
        struct library *x;

        while ((x = libraries_any(s->libraries)))
            libraries_delete(s->libraries, x);
    }
    return libraries_join(s->libraries, fresh, policy == REPLACE, out_why);
}

void cmd_function_restore(struct call *c)
{
    struct script *s = script_of(c);
    struct restoring r = { .limited = !c->from_leader };
    enum policy policy;
    struct errmsg why;
    enum err e;

    if (c->argc > 4) {
        serve_wrong_use(c);
        return;
    }
    if (!want_policy(c, &policy))
        return;
    r.into = libraries_new(&s->functions);
    e = rdb_read_functions(c->argv[2], take, &r, &why);
    if (e == OK)
        e = join(s, r.into, policy, &why);
    if (e == OK) {
        functions_changed(c);
        reply_ok(c->reply);
    } else {
        reply_errorf(c->reply, "ERR %s", why.text);
    }
    libraries_free(r.into);
}

/* ---- files and full syncs ---- */

static void put_commands(const struct script *s, struct buf *out)
{
    struct map_walk walk = map_walk(&s->libraries->by_name);

    for (struct map_node *n; (n = map_walk_next(&walk));) {
        const struct library *x = CONTAINER_OF(n, struct library, node);
        struct bytes argv[] = { BYTES("FUNCTION"), BYTES("LOAD"), { x->text, x->len } };

        resp_put_command(out, 3, argv);
    }
}

static size_t put_image(void *arg, const struct snapshot_plan *plan, struct buf *out)
{
    const struct script *s = arg;

    if (plan->commands)
        put_commands(s, out);
    else
        put_all(s, out, plan->compress);
    return s->libraries->by_name.count;
}

static void load_begins(void *arg)
{
    struct script *s = arg;

    libraries_free(s->aside);
    s->aside = NULL;
}

static enum err load_library(void *arg, struct bytes text, struct errmsg *out_why)
{
    struct script *s = arg;
    const char *name;

    if (!s->aside)
        s->aside = libraries_new(&s->functions);
    return libraries_load(s->aside, text, false, false, &name, out_why);
}

/* A file without libraries leaves none. */
static void load_ends(void *arg)
{
    struct script *s = arg;

    libraries_free(s->libraries);
    s->libraries = s->aside ? s->aside : libraries_new(&s->functions);
    s->aside = NULL;
}

static enum err load_joins(void *arg, bool replace, struct errmsg *out_why)
{
    struct script *s = arg;

    return s->aside ? libraries_join(s->libraries, s->aside, replace, out_why) : OK;
}

void functions_keep(struct script *s)
{
    const struct loader_libraries loads = { .arg = s,
                                            .begin = load_begins,
                                            .take = load_library,
                                            .commit = load_ends,
                                            .join = load_joins };
    struct snapshot *snapshot = persist_snapshot(s->world->persist);

    loader_set_libraries(&loads);
    snapshot->libraries = put_image;
    snapshot->libraries_arg = s;
}
