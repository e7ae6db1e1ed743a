/*
 * functions - FUNCTION and FCALL.
 */
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/serve/service.h"
#include "node/persist/persist.h"
#include "node/script/functions.h"
#include "node/script/library.h"
#include "node/script/script_room.h"
#include "node/serve/monitor.h"
#include "node/serve/serve.h"

/* A library counts as data: followers and files hear of it. */
void functions_changed(struct call *c)
{
    persist_count_changes(script_of(c)->world->persist, 1);
    c->intents |= INTENT_FORCE_EFFECT;
}

/* ---- FCALL -------------------------------------------------------------------------------------------- */

static void fcall(struct call *c, bool read_only)
{
    struct script *s = script_of(c);
    const struct function *f;
    struct run_what what;
    int keys;

    monitor_tell(s->world->serve, c);
    f = libraries_function(s->libraries, c->argv[1]);
    if (!f) {
        reply_error(c->reply, "ERR Function not found");
        return;
    }
    if (!run_want_keys(c, "ERR Bad number of keys provided", &keys))
        return;
    what = (struct run_what){
        .vm = &s->functions, .name = f->name, .flags = f->flags, .function = f->reference
    };
    run_function(s, c, &what, read_only);
}

uint32_t fcall_flags(const struct call *c)
{
    const struct function *f = libraries_function(script_of(c)->libraries, c->argv[1]);

    return f ? run_command_flags(c->cmd, f->flags) : c->cmd->flags;
}

void cmd_fcall(struct call *c)
{
    fcall(c, false);
}

void cmd_fcall_ro(struct call *c)
{
    fcall(c, true);
}

/* ---- FUNCTION LOAD, DELETE, FLUSH, KILL --------------------------------------------------------------- */

void cmd_function_load(struct call *c)
{
    struct script *s = script_of(c);
    struct errmsg why;
    const char *name;
    bool replace = false;

    for (int i = 2; i < c->argc - 1; i++) {
        if (!bytes_is_word(c->argv[i], "replace")) {
            reply_errorf(c->reply, "ERR Unknown option given: %.*s", SERVE_SHOWN(c->argv[i]));
            return;
        }
        replace = true;
    }
    if (libraries_load(s->libraries, c->argv[c->argc - 1], replace, !c->from_leader, &name, &why) !=
        OK) {
        reply_errorf(c->reply, "ERR %s", why.text);
        return;
    }
    functions_changed(c);
    reply_text(c->reply, name);
}

void cmd_function_delete(struct call *c)
{
    struct script *s = script_of(c);
    struct library *x = libraries_find(s->libraries, c->argv[2]);

    if (!x) {
        reply_error(c->reply, "ERR Library not found");
        return;
    }
    libraries_delete(s->libraries, x);
    functions_changed(c);
    reply_ok(c->reply);
}

static void forget_libraries(struct script *s)
{
    libraries_free(s->aside);
    libraries_free(s->libraries);
    s->libraries = s->aside = NULL;
}

/* SYNC and ASYNC are one: what takes long is done elsewhere. */
void cmd_function_flush(struct call *c)
{
    struct script *s = script_of(c);

    if (c->argc > 3) {
        serve_wrong_use(c);
        return;
    }
    if (c->argc == 3 && !bytes_is_word(c->argv[2], "sync") && !bytes_is_word(c->argv[2], "async")) {
        reply_error(c->reply, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
        return;
    }
    forget_libraries(s);
    vm_fini_later(&s->functions);
    functions_start(s);
    functions_changed(c);
    reply_ok(c->reply);
}

void cmd_function_kill(struct call *c)
{
    run_kill(script_of(c), c, true);
}

void functions_start(struct script *s)
{
    vm_init(&s->functions, s, true, run_hook);
    library_prepare(&s->functions);
    s->libraries = libraries_new(&s->functions);
}

void functions_stop(struct script *s)
{
    forget_libraries(s);
    vm_fini(&s->functions);
}

/* ---- FUNCTION LIST, STATS -------------------------------------------------------------------------------- */

static void reply_flags(struct reply *r, uint32_t flags)
{
    const char *word;
    uint32_t flag;

    reply_set(r, (size_t)__builtin_popcount(flags));
    for (size_t i = 0; (word = run_flag_at(i, &flag)); i++)
        if (flags & flag)
            reply_simple(r, word);
}

static void reply_function(struct reply *r, const struct function *f)
{
    reply_map(r, 3);
    reply_text(r, "name");
    reply_text(r, f->name);
    reply_text(r, "description");
    if (f->about)
        reply_text(r, f->about);
    else
        reply_null(r);
    reply_text(r, "flags");
    reply_flags(r, f->flags);
}

static void reply_library(struct reply *r, const struct library *x, bool with_code)
{
    reply_map(r, with_code ? 4 : 3);
    reply_text(r, "library_name");
    reply_text(r, x->name);
    reply_text(r, "engine");
    reply_text(r, "LUA");
    reply_text(r, "functions");
    reply_array(r, x->count);
    for (const struct function *f = x->functions; f; f = f->next)
        reply_function(r, f);
    if (!with_code)
        return;
    reply_text(r, "library_code");
    reply_bulk(r, (struct bytes){ x->text, x->len });
}

/* pattern NULL: all. r NULL: only counted. */
static size_t list(const struct libraries *l, const struct bytes *pattern, bool with_code,
                   struct reply *r)
{
    struct map_walk walk = map_walk(&l->by_name);
    size_t count = 0;

    for (struct map_node *n; (n = map_walk_next(&walk));) {
        const struct library *x = CONTAINER_OF(n, struct library, node);

        if (pattern && !glob_match(*pattern, bytes_of(x->name), true))
            continue;
        count++;
        if (r)
            reply_library(r, x, with_code);
    }
    return count;
}

void cmd_function_list(struct call *c)
{
    const struct libraries *l = script_of(c)->libraries;
    const struct bytes *pattern = NULL;
    bool with_code = false;

    for (int i = 2; i < c->argc; i++) {
        if (!with_code && bytes_is_word(c->argv[i], "withcode")) {
            with_code = true;
        } else if (!pattern && bytes_is_word(c->argv[i], "libraryname")) {
            if (++i == c->argc) {
                reply_error(c->reply, "ERR library name argument was not given");
                return;
            }
            pattern = &c->argv[i];
        } else {
            reply_errorf(c->reply, "ERR Unknown argument %.*s", SERVE_SHOWN(c->argv[i]));
            return;
        }
    }
    reply_array(c->reply, list(l, pattern, with_code, NULL));
    list(l, pattern, with_code, c->reply);
}

static void reply_running(struct reply *out, const struct run *r)
{
    reply_map(out, 3);
    reply_text(out, "name");
    reply_text(out, r->name);
    reply_text(out, "command");
    reply_array(out, (size_t)r->call->argc);
    for (int i = 0; i < r->call->argc; i++)
        reply_bulk(out, r->call->argv[i]);
    reply_text(out, "duration_ms");
    reply_int(out, (int64_t)((clock_read_us() - r->start_us) / 1000));
}

void cmd_function_stats(struct call *c)
{
    const struct script *s = script_of(c);
    const struct run *r = s->running;

    if (r && !r->vm->functions) {
        reply_error(c->reply, s->world->serve->busy_text);
        return;
    }
    reply_map(c->reply, 2);
    reply_text(c->reply, "running_script");
    if (r)
        reply_running(c->reply, r);
    else
        reply_null(c->reply);
    reply_text(c->reply, "engines");
    reply_map(c->reply, 1);
    reply_text(c->reply, "LUA");
    reply_map(c->reply, 2);
    reply_text(c->reply, "libraries_count");
    reply_int(c->reply, (int64_t)s->libraries->by_name.count);
    reply_text(c->reply, "functions_count");
    reply_int(c->reply, (int64_t)s->libraries->functions.count);
}
