#include "node/script/run.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/serve/session.h"
#include "node/script/api.h"
#include "node/script/convert.h"
#include "node/script/library.h"
#include "node/script/script_room.h"
#include "node/serve/refuse.h"
#include "node/serve/serve.h"
#include "node/settings.h"

enum { CALLS_PER_LOOK = 64 };

static const struct {
    const char *word;
    uint32_t flag;
} flag_words[] = {
    { "no-writes", RUN_NO_WRITES },
    { "allow-oom", RUN_ALLOW_OOM },
    { "allow-stale", RUN_ALLOW_STALE },
    { "no-cluster", RUN_NO_CLUSTER },
    { "allow-cross-slot-keys", RUN_CROSS_SLOT },
};

uint32_t run_flag_of(struct bytes word)
{
    for (size_t i = 0; i < ARRAY_LEN(flag_words); i++)
        if (bytes_is(word, flag_words[i].word))
            return flag_words[i].flag;
    return 0;
}

const char *run_flag_at(size_t index, uint32_t *out_flag)
{
    if (index >= ARRAY_LEN(flag_words))
        return NULL;
    *out_flag = flag_words[index].flag;
    return flag_words[index].word;
}

/* ---- before ----------------------------------------------------------------------------------- */

uint32_t run_command_flags(const struct command *cmd, uint32_t flags)
{
    uint32_t as = cmd->flags;

    if (flags & RUN_PLAIN)
        return as;
    as &= ~(uint32_t)(CMD_STALE | CMD_DENYOOM | CMD_WRITE | CMD_MAY_REPLICATE);
    if (flags & RUN_ALLOW_STALE)
        as |= CMD_STALE;
    if (!(flags & RUN_NO_WRITES))
        as |= CMD_WRITE;
    if (!(flags & (RUN_ALLOW_OOM | RUN_NO_WRITES)))
        as |= CMD_DENYOOM;
    return as;
}

/* What a script that says what it does is refused for; one that says nothing is refused only what its
 * commands are, one by one, but for data that is too old. */
static const char *refusal(const struct call *c, uint32_t flags, bool read_only)
{
    const struct serve *v = script_of(c)->world->serve;
    uint32_t has = 0, lacks = 0;

    if (c->from_leader)
        return NULL;
    if (flags & RUN_PLAIN)
        return refuse_reason(v, CMD_READONLY, CMD_STALE);
    if (!(flags & RUN_ALLOW_STALE))
        has |= CMD_READONLY, lacks |= CMD_STALE;
    if (!(flags & RUN_NO_WRITES))
        has |= CMD_WRITE;
    if (!(flags & (RUN_ALLOW_OOM | RUN_NO_WRITES)))
        has |= CMD_DENYOOM;
    if ((has & CMD_WRITE) && read_only)
        return "ERR Can not execute a script with write flag using *_ro command.";
    return refuse_reason(v, has, lacks);
}

bool run_want_keys(struct call *c, const char *not_number, int *out_keys)
{
    int64_t keys;

    if (!bytes_to_i64(c->argv[2], &keys)) {
        reply_error(c->reply, not_number);
        return false;
    }
    if (keys > c->argc - 3) {
        reply_error(c->reply, "ERR Number of keys can't be greater than number of args");
        return false;
    }
    if (keys < 0) {
        reply_error(c->reply, "ERR Number of keys can't be negative");
        return false;
    }
    *out_keys = (int)keys;
    return true;
}

/* ---- while it runs ------------------------------------------------------------------------------ */

struct run *run_of(lua_State *L)
{
    struct vm *vm = vm_of(L);
    struct run *r = vm->owner->running;

    return r && r->vm == vm ? r : NULL;
}

/* From here on every instruction comes to the hook, and so back to here: no pcall holds it up. */
static void die(lua_State *L, struct run *r)
{
    lua_sethook(L, run_hook, LUA_MASKCOUNT, 1);
    lua_sethook(r->vm->lua, run_hook, LUA_MASKCOUNT, 1);
    api_raise(L, r->vm->functions ? "Script killed by user with FUNCTION KILL."
                                  : "Script killed by user with SCRIPT KILL...");
}

void run_check_killed(lua_State *L)
{
    struct run *r = run_of(L);

    if (UNLIKELY(r && r->killed))
        die(L, r);
}

static void look(lua_State *L, struct run *r)
{
    const struct node_settings *set = r->script->world->set;
    uint64_t now_us, limit_us = (uint64_t)set->busy_reply_threshold_ms * 1000;

    if (r->killed)
        die(L, r);
    if (!limit_us || r->call->from_leader || !r->call->session)
        return;
    now_us = clock_read_us();
    if (now_us - r->start_us < limit_us)
        return;
    r->looked_us = now_us;
    if (run_let_in(r))
        die(L, r);
}

void run_look(lua_State *L)
{
    struct run *r = run_of(L);

    if (++r->calls % CALLS_PER_LOOK == 0)
        look(L, r);
}

void run_hook(lua_State *L, lua_Debug *ar)
{
    struct run *r = run_of(L);

    (void)ar;
    if (r)
        look(L, r);
    else if (vm_of(L)->loading)
        library_check_time(L);
}

void run_kill(struct script *s, struct call *c, bool functions)
{
    struct run *r = s->running;

    if (!r) {
        reply_error(c->reply, "NOTBUSY No scripts in execution right now.");
        return;
    }
    if (r->call->from_leader) {
        reply_error(c->reply, "UNKILLABLE The busy script was sent by a master instance in the "
                              "context of replication and cannot be killed.");
        return;
    }
    if (r->wrote) {
        reply_error(c->reply, "UNKILLABLE Sorry the script already executed write commands against "
                              "the dataset. You can either wait the script termination or kill the "
                              "server in a hard way using the SHUTDOWN NOSAVE command.");
        return;
    }
    if (r->vm->functions != functions) {
        reply_error(c->reply, s->world->serve->busy_text);
        return;
    }
    r->killed = true;
    reply_ok(c->reply);
}

int run_on_error(lua_State *L)
{
    lua_Debug at;
    bool known = lua_getstack(L, 1, &at) && lua_getinfo(L, "Sl", &at);

    if (known && strcmp(at.what, "C") == 0) /* the place that a reader of the script knows */
        known = lua_getstack(L, 2, &at) && lua_getinfo(L, "Sl", &at);
    if (!lua_istable(L, 1)) {
        const char *text = lua_tostring(L, 1);

        if (!text)
            text = lua_isboolean(L, 1) ? (lua_toboolean(L, 1) ? "true" : "false")
                                       : luaL_typename(L, 1);
        lua_createtable(L, 0, 3);
        vm_push_word(L, VM_ERR);
        lua_pushfstring(L, "ERR %s", text);
        lua_rawset(L, -3);
        lua_replace(L, 1);
    } else if (vm_is_protected(L, 1)) {
        return 1;
    }
    lua_settop(L, 1);
    if (!known)
        return 1;
    vm_push_word(L, VM_SOURCE);
    lua_pushstring(L, at.source);
    lua_rawset(L, 1);
    vm_push_word(L, VM_LINE);
    lua_pushinteger(L, at.currentline);
    lua_rawset(L, 1);
    return 1;
}

/* ---- from call to reply ------------------------------------------------------------------------- */

struct job {
    struct run *run;
    const struct run_what *what;
    int keys;
};

static void push_texts(lua_State *L, int count, const struct bytes *texts)
{
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        lua_pushlstring(L, texts[i].at, texts[i].len);
        lua_rawseti(L, -2, i + 1);
    }
}

static void push_arguments(lua_State *L, const struct job *j)
{
    const struct call *c = j->run->call;

    push_texts(L, j->keys, c->argv + 3);
    push_texts(L, c->argc - 3 - j->keys, c->argv + 3 + j->keys);
    if (!j->what->globals)
        return;
    vm_push_globals(L);
    lua_pushliteral(L, "KEYS");
    lua_pushvalue(L, -4);
    lua_rawset(L, -3);
    lua_pushliteral(L, "ARGV");
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 3);
}

static void run_body(lua_State *L, void *arg)
{
    const struct job *j = arg;
    struct run *r = j->run;
    struct reply to = { .out = &r->script->result, .proto = r->call->reply->proto };
    uint64_t known_before = r->vm->known_errors;
    int failed;

    luaL_checkstack(L, 16, "reached lua stack limit");
    lua_pushcfunction(L, run_on_error);
    lua_rawgeti(L, LUA_REGISTRYINDEX, j->what->function);
    push_arguments(L, j);
    failed = lua_pcall(L, j->what->globals ? 0 : 2, 1, 1);
    if (failed)
        convert_error(L, r->name, &to);
    else
        convert_to_reply(L, r->proto, &to);
    r->call->reply->errors += to.errors;
    if (to.errors)
        memcpy(r->call->reply->error_code, to.error_code, sizeof to.error_code);
    /* Errors that are known are not counted again, but the call failed. */
    if (r->vm->known_errors != known_before)
        stats_of(&r->script->world->service->stats, r->call->cmd)->failed +=
            r->vm->known_errors - known_before;
}

static void drop(struct out *o)
{
    if (out_pending(o))
        out_sent(o, (size_t)out_pending(o));
}

static void answer(struct run *r, const struct job *j)
{
    struct script *s = r->script;
    struct errmsg why;

    drop(&s->result);
    if (vm_run(r->vm, run_body, (void *)(uintptr_t)j, &why)) {
        out_move(r->call->reply->out, &s->result);
        return;
    }
    drop(&s->result);
    reply_errorf(r->call->reply, "ERR Error running script %s, %.100s", r->name, why.text);
}

/* SELECT in a script is the script's own. */
static void run_in_session(struct run *r, const struct job *j)
{
    struct session *session = r->call->session;
    int db = session ? session->db : 0;

    r->script->running = r;
    answer(r, j);
    r->script->running = NULL;
    if (session)
        session->db = db;
    if (r->killed)
        lua_sethook(r->vm->lua, run_hook, LUA_MASKCOUNT, VM_HOOK_STEPS);
    if (r->interlude)
        run_busy_end(r);
    if (r->leaving)
        unit_drop(&r->script->world->serve->unit);
}

void run_function(struct script *s, struct call *c, const struct run_what *what, bool read_only)
{
    struct run r = { .script = s,
                     .vm = what->vm,
                     .call = c,
                     .name = what->name,
                     .flags = what->flags,
                     .proto = 2,
                     .repl = REPL_ALL,
                     .start_us = clock_read_us() };
    struct job j = { .run = &r, .what = what };
    const char *why = refusal(c, what->flags, read_only);

    ASSERT(!s->running);
    if (why) {
        reply_error(c->reply, why);
        return;
    }
    if (!run_want_keys(c, "ERR value is not an integer or out of range", &j.keys))
        return;
    r.read_only = read_only || (!(what->flags & RUN_PLAIN) && (what->flags & RUN_NO_WRITES));
    r.was_oom = refuse_reason(s->world->serve, CMD_DENYOOM, 0) != NULL;
    run_in_session(&r, &j);
}
