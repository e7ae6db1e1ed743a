/*
 * call - redis.call: from Lua's arguments to a handler and back, without a copy of any text.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/serve/rights.h"
#include "node/script/api.h"
#include "node/script/convert.h"
#include "node/script/ldb.h"
#include "node/script/script_room.h"
#include "node/serve/refuse.h"
#include "node/serve/serve.h"

enum { NUMBER_TEXT = 32 };

/* As "%.17g" has it; whole numbers, which are nearly all, without printf. */
static size_t number_text(char *out, lua_Number n)
{
    if (n == floor(n) && fabs(n) < 1e17 && !(n == 0 && signbit(n)))
        return fmt_i64(out, (int64_t)n);
    return (size_t)snprintf(out, NUMBER_TEXT, "%.17g", n);
}

static void make_room(struct script *s, int argc)
{
    if (argc > s->argv_cap) {
        s->argv = xrealloc(s->argv, (size_t)argc * 2 * sizeof *s->argv);
        s->argv_cap = argc * 2;
    }
    s->numbers.len = 0;
}

/* Lua's texts stand still while they are on its stack. False: an argument is neither text nor number. */
static bool take_arguments(lua_State *L, struct script *s, int argc)
{
    make_room(s, argc);
    for (int i = 0; i < argc; i++) {
        struct bytes *arg = &s->argv[i];

        switch (lua_type(L, i + 1)) {
        case LUA_TSTRING:
            arg->at = lua_tolstring(L, i + 1, &arg->len);
            break;
        case LUA_TNUMBER:
            if (s->numbers.len == 0) /* for all of them: none may move once it is pointed at */
                buf_reserve(&s->numbers, (size_t)argc * NUMBER_TEXT);
            arg->at = s->numbers.at + s->numbers.len;
            arg->len = number_text(s->numbers.at + s->numbers.len, lua_tonumber(L, i + 1));
            s->numbers.len += arg->len;
            break;
        default:
            return false;
        }
    }
    return true;
}

/* NULL: *argc arguments stand in s->argv. */
static const char *want_arguments(lua_State *L, struct script *s, int *argc)
{
    *argc = lua_gettop(L);
    if (*argc == 0)
        return "Please specify at least one argument for this redis lib call";
    if (!take_arguments(L, s, *argc))
        return "Lua redis lib command arguments must be strings or integers";
    return NULL;
}

/* ---- may it run? ------------------------------------------------------------------------------ */

/* However many arguments it has; NULL: no such command or subcommand. */
static const struct command *find(const struct script *s, int argc)
{
    const struct command_table *t = s->world->commands;
    const struct command *cmd = command_find(t, s->argv[0]);

    if (cmd && cmd->subs && argc > 1)
        cmd = command_find_sub(t, cmd, s->argv[1]);
    return cmd;
}

static const char *resolve(const struct script *s, int argc, const struct command **out_cmd)
{
    const struct command *cmd = find(s, argc);

    *out_cmd = cmd;
    if (UNLIKELY(!cmd))
        return "ERR Unknown Redis command called from script";
    if (UNLIKELY(argc < cmd->argc_min || argc > cmd->argc_max))
        return "ERR Wrong number of args calling Redis command from script";
    return NULL;
}

static const char *denied(enum acl_denial denial)
{
    static const char *const texts[] = {
        [ACL_DENIED_COMMAND] =
            "ERR The user executing the script can't run this command or subcommand",
        [ACL_DENIED_KEY] = "ERR The user executing the script can't access at least one of the "
                           "keys mentioned in the command arguments",
        [ACL_DENIED_CHANNEL] = "ERR The user executing the script can't publish to the channel "
                               "mentioned in the command",
    };

    return texts[denial];
}

static const char *refuse_write(const struct run *r)
{
    return r->call->from_leader ? NULL : refuse_reason(r->script->world->serve, CMD_WRITE, 0);
}

/* In the order in which Redis asks. */
static const char *refusal(const struct run *r, const struct call *c)
{
    const struct serve *v = r->script->world->serve;
    uint32_t flags = c->cmd->flags;
    enum acl_denial denial;

    if ((flags & CMD_NOSCRIPT) && !r->script->allows_all)
        return "ERR This Redis command is not allowed from script";
    if (!c->session && !(flags & (CMD_WRITE | CMD_READONLY | CMD_MAY_REPLICATE)))
        return "ERR This Redis command is not allowed from script";
    if (!(flags & CMD_STALE) && !c->from_leader &&
        refuse_reason(v, flags & CMD_READONLY, CMD_STALE))
        return "ERR Can not execute the command on a stale replica";
    denial = rights_check(c, ACL_IN_LUA);
    if (UNLIKELY(denial != ACL_ALLOWED))
        return denied(denial);
    if (r->read_only && (flags & (CMD_WRITE | CMD_MAY_REPLICATE)))
        return "ERR Write commands are not allowed from read-only scripts.";
    /* Once half of it is done, all of it is, whatever happened meanwhile. */
    if ((flags & CMD_WRITE) && !r->wrote) {
        const char *refused = refuse_write(r);

        if (refused)
            return refused;
    }
    if ((flags & CMD_DENYOOM) && r->was_oom && !r->wrote && !c->from_leader &&
        !(r->flags & RUN_ALLOW_OOM))
        return refuse_reason(v, CMD_DENYOOM, 0);
    return NULL;
}

/* ---- the call ------------------------------------------------------------------------------------ */

static void forget_reply(struct script *s)
{
    if (out_pending(&s->replies))
        out_sent(&s->replies, (size_t)out_pending(&s->replies));
}

static struct bytes whole_reply(struct script *s)
{
    struct iovec pieces[2];

    if (out_pieces(&s->replies, pieces, 2) == 1)
        return (struct bytes){ pieces[0].iov_base, pieces[0].iov_len };
    s->flat.len = 0;
    out_copy(&s->replies, &s->flat);
    return buf_bytes(&s->flat);
}

/* As of a client's. Gives the reason. */
static const char *count_refusal(struct script *s, const struct command *cmd, const char *why)
{
    struct service_stats *stats = &s->world->service->stats;
    struct reply unread = { .out = &s->replies };

    if (cmd)
        stats_of(stats, cmd)->rejected++;
    reply_error(&unread, why);
    stats_count_error(stats, unread.error_code);
    forget_reply(s);
    return why;
}

static const char *run_command(struct run *r, int argc)
{
    struct script *s = r->script;
    struct reply reply = { .out = &s->replies, .proto = r->proto };
    struct call c = *r->call;
    const char *why = resolve(s, argc, &c.cmd);
    uint64_t now_us;

    if (ldb_steps(s))
        ldb_tell_call(s, argc, s->argv);
    if (UNLIKELY(why != NULL))
        return count_refusal(s, c.cmd, why);
    c.argv = s->argv;
    c.argc = argc;
    c.reply = &reply;
    c.db = c.session ? c.session->db : c.db;
    c.in_exec = c.in_script = c.denies_blocking = true;
    c.script = r->call;
    c.silent = r->repl == REPL_NONE;
    c.intents = 0;
    c.effect_count = 0;
    why = refusal(r, &c);
    if (UNLIKELY(why != NULL))
        return count_refusal(s, c.cmd, why);
    r->wrote |= (c.cmd->flags & CMD_WRITE) != 0;
    forget_reply(s);
    now_us = clock_read_us();
    serve_run_inner(s->world->serve, &c, &now_us);
    return NULL;
}

static int call_or_raise(lua_State *L, bool raise)
{
    struct run *r = run_of(L);
    const char *why;
    int argc;

    if (!r)
        return api_raise(L, "redis.call/pcall can only be called inside a script invocation");
    run_look(L);
    why = want_arguments(L, r->script, &argc);
    if (LIKELY(!why)) {
        why = run_command(r, argc);
        lua_settop(L, 0);
        if (UNLIKELY(why != NULL)) {
            api_push_answer(L, why);
        } else {
            struct bytes reply = whole_reply(r->script);

            raise = raise && reply.at[0] == '-';
            if (ldb_steps(r->script))
                ldb_tell_reply(r->script, reply);
            convert_to_lua(L, reply);
            forget_reply(r->script);
            return raise ? lua_error(L) : 1;
        }
    } else {
        api_push_error(L, why);
    }
    return raise ? lua_error(L) : 1;
}

int api_call(lua_State *L)
{
    return call_or_raise(L, true);
}

int api_pcall(lua_State *L)
{
    return call_or_raise(L, false);
}

int api_acl_check_cmd(lua_State *L)
{
    struct run *r = run_of(L);
    const struct command *cmd;
    const struct user *user;
    const char *why;
    int argc, arg;

    if (!r)
        return api_raise(L, "redis.acl_check_cmd can only be called inside a script invocation");
    why = want_arguments(L, r->script, &argc);
    if (why)
        return api_raise(L, why);
    cmd = find(r->script, argc);
    if (!cmd)
        return api_raise(L, "Invalid command passed to redis.acl_check_cmd()");
    user = r->call->user;
    lua_pushboolean(L, !user || acl_check(user, cmd, argc, r->script->argv, &arg) == ACL_ALLOWED);
    return 1;
}
