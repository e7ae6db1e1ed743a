#include "node/script/api.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/serve/session.h"
#include "node/script/ldb.h"
#include "node/script/script_room.h"

void api_add_function(lua_State *L, const char *name, lua_CFunction f)
{
    lua_pushcfunction(L, f);
    lua_setfield(L, -2, name);
}

static void add_number(lua_State *L, const char *name, int v)
{
    lua_pushinteger(L, v);
    lua_setfield(L, -2, name);
}

/* ---- errors ------------------------------------------------------------------------------------ */

static void tell_debugger(lua_State *L, const char *sign, const char *text)
{
    struct script *s = vm_of(L)->owner;

    if (ldb_steps(s))
        ldb_tell_error(s, sign, text);
}

void api_push_error(lua_State *L, const char *text)
{
    const char *code = "ERR", *blank = strchr(text, ' ');
    size_t code_len = 3, len = strlen(text);

    tell_debugger(L, "", text);
    if (text[0] == '-') {
        if (blank) {
            code = text + 1;
            code_len = (size_t)(blank - code);
            text = blank;
        }
        text++;
        len = strlen(text);
    }
    while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    lua_newtable(L);
    vm_push_word(L, VM_ERR);
    lua_pushlstring(L, code, code_len);
    lua_pushliteral(L, " ");
    lua_pushlstring(L, text, len);
    lua_concat(L, 3);
    lua_rawset(L, -3);
}

void api_push_answer(lua_State *L, const char *text)
{
    bool plain = strncmp(text, "ERR ", 4) == 0;

    tell_debugger(L, plain ? "" : "-", plain ? text + 4 : text);
    lua_newtable(L);
    vm_push_word(L, VM_ERR);
    lua_pushstring(L, text);
    lua_rawset(L, -3);
    vm_push_word(L, VM_COUNTED);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
}

int api_raise(lua_State *L, const char *text)
{
    api_push_error(L, text);
    return lua_error(L);
}

/* ---- redis.* -------------------------------------------------------------------------------------- */

static bool one_text(lua_State *L)
{
    if (lua_gettop(L) == 1 && lua_type(L, 1) == LUA_TSTRING)
        return true;
    api_push_error(L, "wrong number or type of arguments");
    return false;
}

static int error_reply(lua_State *L)
{
    const char *text;

    if (!one_text(L))
        return 1;
    text = lua_tostring(L, 1);
    if (text[0] != '-') {
        lua_pushliteral(L, "-");
        lua_insert(L, 1);
        lua_concat(L, 2);
        text = lua_tostring(L, 1);
    }
    api_push_error(L, text);
    return 1;
}

static int status_reply(lua_State *L)
{
    if (!one_text(L))
        return 1;
    lua_newtable(L);
    vm_push_word(L, VM_OK);
    lua_pushvalue(L, 1);
    lua_rawset(L, -3);
    return 1;
}

static int sha1hex(lua_State *L)
{
    struct bytes text;
    char hex[SHA_HEX + 1];

    if (lua_gettop(L) != 1)
        return api_raise(L, "wrong number of arguments");
    text.at = lua_tolstring(L, 1, &text.len);
    sha1_hex(text.at ? text : BYTES(""), hex);
    lua_pushlstring(L, hex, SHA_HEX);
    return 1;
}

static int set_repl(lua_State *L)
{
    struct run *r = run_of(L);
    int flags;

    if (!r)
        return api_raise(L, "redis.set_repl can only be called inside a script invocation");
    if (lua_gettop(L) != 1)
        return api_raise(L, "redis.set_repl() requires two arguments.");
    flags = (int)lua_tointeger(L, 1);
    if (flags & ~REPL_ALL)
        return api_raise(L, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or "
                            "REPL_NONE.");
    r->repl = flags;
    return 0;
}

static int setresp(lua_State *L)
{
    struct run *r = run_of(L);
    int proto;

    if (!r)
        return api_raise(L, "redis.setresp can only be called inside a script invocation");
    if (lua_gettop(L) != 1)
        return api_raise(L, "redis.setresp() requires one argument.");
    proto = (int)lua_tointeger(L, 1);
    if (proto != 2 && proto != 3)
        return api_raise(L, "RESP version must be 2 or 3.");
    r->proto = proto;
    return 0;
}

/* All arguments but the first, with blanks between. */
static void join(lua_State *L, struct buf *out)
{
    for (int i = 2; i <= lua_gettop(L); i++) {
        size_t len;
        const char *text = lua_tolstring(L, i, &len);

        if (!text)
            continue;
        if (i > 2)
            buf_putc(out, ' ');
        buf_append(out, text, len);
    }
}

static int write_log(lua_State *L)
{
    static const enum log_level levels[] = { LOG_LEVEL_DEBUG, LOG_LEVEL_VERBOSE, LOG_LEVEL_NOTICE,
                                             LOG_LEVEL_WARNING };
    struct buf text = { 0 };
    lua_Number level;

    if (lua_gettop(L) < 2)
        return api_raise(L, "redis.log() requires two arguments or more.");
    if (!lua_isnumber(L, 1))
        return api_raise(L, "First argument must be a number (log level).");
    level = lua_tonumber(L, 1);
    if (!(level > -1 && level < 4))
        return api_raise(L, "Invalid debug level.");
    for (int i = 2; i <= lua_gettop(L); i++)
        lua_tostring(L, i); /* numbers become texts here, where no buffer is open */
    join(L, &text);
    log_line(levels[(int)level], "%s", buf_text(&text));
    buf_fini(&text);
    return 0;
}

/* Effects are what is replicated, always. */
static int replicate_commands(lua_State *L)
{
    lua_pushboolean(L, 1);
    return 1;
}

static int os_clock(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)clock() / CLOCKS_PER_SEC);
    return 1;
}

void api_add_basics(lua_State *L)
{
    static const char *const levels[] = { "LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING" };
    unsigned major = 0, minor = 0, patch = 0;

    api_add_function(L, "log", write_log);
    for (int i = 0; i < 4; i++)
        add_number(L, levels[i], i);
    lua_pushliteral(L, SERVE_REDIS_VERSION);
    lua_setfield(L, -2, "REDIS_VERSION");
    if (sscanf(SERVE_REDIS_VERSION, "%u.%u.%u", &major, &minor, &patch) == 3)
        add_number(L, "REDIS_VERSION_NUM", (int)(major << 16 | minor << 8 | patch));
}

static void add_replication(lua_State *L)
{
    api_add_function(L, "set_repl", set_repl);
    add_number(L, "REPL_NONE", REPL_NONE);
    add_number(L, "REPL_AOF", REPL_AOF);
    add_number(L, "REPL_SLAVE", REPL_FOLLOWERS);
    add_number(L, "REPL_REPLICA", REPL_FOLLOWERS);
    add_number(L, "REPL_ALL", REPL_ALL);
}

static void add_clock(lua_State *L)
{
    lua_newtable(L);
    api_add_function(L, "clock", os_clock);
    lua_setglobal(L, "os");
}

void api_add(lua_State *L)
{
    lua_newtable(L);
    api_add_function(L, "call", api_call);
    api_add_function(L, "pcall", api_pcall);
    api_add_basics(L);
    api_add_function(L, "setresp", setresp);
    api_add_function(L, "sha1hex", sha1hex);
    api_add_function(L, "error_reply", error_reply);
    api_add_function(L, "status_reply", status_reply);
    add_replication(L);
    api_add_function(L, "acl_check_cmd", api_acl_check_cmd);
    if (!vm_of(L)->functions) {
        api_add_function(L, "breakpoint", ldb_breakpoint);
        api_add_function(L, "debug", ldb_debug);
        api_add_function(L, "replicate_commands", replicate_commands);
    }
    vm_protect_table(L);
    lua_pushvalue(L, -1);
    lua_setglobal(L, "redis");
    lua_setglobal(L, "server");
    add_clock(L);
}
