/*
 * source - load and loadstring for source alone. Lua's own would take bytecode, which it does not check;
 * and the name of a chunk is only safe while somebody holds it, so here it stays on the stack.
 */
#include <string.h>

#include "common/err.h"
#include "node/script/run.h"
#include "node/script/vm.h"

enum { SOURCE_BYTES_MAX = 64 * 1024 * 1024 };

struct source {
    const char *at;
    size_t len;
    bool bytecode, begun;
};

static const char *read_source(lua_State *L, void *arg, size_t *out_len)
{
    struct source *s = arg;

    (void)L;
    if (s->bytecode && !s->begun) { /* a blank first makes it source, and bad source */
        s->begun = true;
        *out_len = 1;
        return " ";
    }
    *out_len = s->len;
    s->len = 0;
    return *out_len ? s->at : NULL;
}

/* The text and the name at these stack indices; pushes the function, or nil and the error. */
static int load_text(lua_State *L, int text, int name)
{
    struct source s;

    s.at = lua_tolstring(L, text, &s.len);
    s.bytecode = s.len && s.at[0] == LUA_SIGNATURE[0];
    s.begun = false;
    if (s.len > SOURCE_BYTES_MAX)
        return luaL_error(L, "chunk is too large");
    lua_pushstring(L, lua_tostring(L, name)); /* as Lua will know it: up to a zero byte */
    if (lua_load(L, read_source, &s, lua_tostring(L, -1)) == 0)
        return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int load_string(lua_State *L)
{
    luaL_checkstring(L, 1);
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        lua_pushvalue(L, 1);
        lua_replace(L, 2);
    }
    luaL_checkstring(L, 2);
    return load_text(L, 1, 2);
}

/* Pieces are put together before Lua sees the first, so that no piece's function runs inside the parser. */
static int load_pieces(lua_State *L)
{
    size_t total = 0;
    int count = 0;

    luaL_checktype(L, 1, LUA_TFUNCTION);
    luaL_optstring(L, 2, "=(load)");
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        lua_pushliteral(L, "=(load)");
        lua_replace(L, 2);
    }
    lua_newtable(L);
    lua_pushcfunction(L, run_on_error);
    for (;;) {
        size_t len;

        lua_pushvalue(L, 1);
        if (lua_pcall(L, 0, 1, 4) != 0) {
            lua_pushnil(L);
            lua_insert(L, -2);
            return 2;
        }
        if (lua_isnil(L, -1) || !lua_isstring(L, -1))
            break;
        lua_tolstring(L, -1, &len);
        if (len == 0)
            break;
        total += len;
        if (total > SOURCE_BYTES_MAX)
            return luaL_error(L, "chunk is too large");
        lua_rawseti(L, 3, ++count);
    }
    if (!lua_isnil(L, -1) && !lua_isstring(L, -1)) {
        lua_pushnil(L);
        lua_pushliteral(L, "reader function must return a string");
        return 2;
    }
    lua_settop(L, 3);
    {
        luaL_Buffer all;

        luaL_buffinit(L, &all);
        for (int i = 1; i <= count; i++) {
            lua_rawgeti(L, 3, i);
            luaL_addvalue(&all);
        }
        luaL_pushresult(&all);
    }
    return load_text(L, 4, 2);
}

void vm_add_load(lua_State *L)
{
    lua_pushcfunction(L, load_string);
    lua_setglobal(L, "loadstring");
    lua_pushcfunction(L, load_pieces);
    lua_setglobal(L, "load");
}

int vm_load(lua_State *L, struct bytes text, const char *name)
{
    struct source s = { .at = text.at, .len = text.len };

    s.bytecode = s.len && s.at[0] == LUA_SIGNATURE[0];
    lua_pushstring(L, name);
    if (lua_load(L, read_source, &s, lua_tostring(L, -1)) != 0) {
        lua_remove(L, -2);
        return 1;
    }
    lua_remove(L, -2);
    return 0;
}
