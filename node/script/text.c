/*
 * text - guards around the standard string functions that would otherwise take what the hook cannot give
 * back: the C stack (one frame for each magic character of a pattern) and the clock.
 */
#include <string.h>

#include "common/err.h"
#include "node/script/vm.h"

enum { MAGIC_MAX = 2000 }; /* Lua 5.2 stops at 200 open ones; nobody writes so many by hand */

static struct {
    lua_CFunction find, match, gmatch, gsub, rep;
} originals;

static void check_pattern(lua_State *L)
{
    size_t len, magic = 0;
    const char *pattern;

    if (lua_type(L, 2) != LUA_TSTRING)
        return; /* a number has no magic, anything else is refused */
    pattern = lua_tolstring(L, 2, &len);
    if (len <= MAGIC_MAX)
        return;
    for (size_t i = 0; i < len; i++)
        magic += memchr("^$*+?.([%-", pattern[i], 10) != NULL;
    if (magic > MAGIC_MAX)
        luaL_error(L, "pattern too complex");
}

static int guarded_find(lua_State *L)
{
    if (!lua_toboolean(L, 4)) /* a plain search has no pattern */
        check_pattern(L);
    return originals.find(L);
}

static int guarded_match(lua_State *L)
{
    check_pattern(L);
    return originals.match(L);
}

static int guarded_gmatch(lua_State *L)
{
    check_pattern(L);
    return originals.gmatch(L);
}

static int guarded_gsub(lua_State *L)
{
    check_pattern(L);
    return originals.gsub(L);
}

static int guarded_rep(lua_State *L)
{
    size_t len;
    int n;

    luaL_checklstring(L, 1, &len);
    n = luaL_checkint(L, 2);
    if (len == 0 || n <= 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((size_t)n > vm_of(L)->bytes_max / len)
        return luaL_error(L, "not enough memory");
    return originals.rep(L);
}

void vm_guard_text(lua_State *L)
{
    const struct {
        const char *name;
        lua_CFunction guarded, *original;
    } rows[] = {
        { "find", guarded_find, &originals.find },
        { "match", guarded_match, &originals.match },
        { "gmatch", guarded_gmatch, &originals.gmatch },
        { "gfind", guarded_gmatch, &originals.gmatch },
        { "gsub", guarded_gsub, &originals.gsub },
        { "rep", guarded_rep, &originals.rep },
    };

    lua_getglobal(L, "string");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        lua_getfield(L, -1, rows[i].name);
        *rows[i].original = lua_tocfunction(L, -1);
        lua_pop(L, 1);
        lua_pushcfunction(L, rows[i].guarded);
        lua_setfield(L, -2, rows[i].name);
    }
    lua_pop(L, 1);
}
