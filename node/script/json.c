/* The table cjson and its settings. */
#include "node/script/json.h"

#include <limits.h>
#include <stdio.h>

#include "node/script/script_room.h"

static struct json_config *config(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

struct buf *json_scratch(lua_State *L)
{
    struct buf *b = &vm_of(L)->owner->text;

    b->len = 0;
    return b;
}

static void want_options(lua_State *L, int count)
{
    luaL_argcheck(L, lua_gettop(L) <= count, count + 1, "found too many arguments");
    lua_settop(L, count);
}

static void integer_option(lua_State *L, int at, int *setting, int min, int max)
{
    if (!lua_isnil(L, at)) {
        lua_Integer v = luaL_checkinteger(L, at);
        char why[64];

        snprintf(why, sizeof why, "expected integer between %d and %d", min, max);
        luaL_argcheck(L, v >= min && v <= max, at, why);
        *setting = (int)v;
    }
    lua_pushinteger(L, *setting);
}

/* true is the second word. */
static void word_option(lua_State *L, int at, int *setting, const char *const *words)
{
    if (lua_isboolean(L, at))
        *setting = lua_toboolean(L, at);
    else if (!lua_isnil(L, at))
        *setting = luaL_checkoption(L, at, NULL, words);
    if (*setting < 2)
        lua_pushboolean(L, *setting);
    else
        lua_pushstring(L, words[*setting]);
}

static const char *const on_off[] = { "off", "on", NULL };

static int encode_sparse_array(lua_State *L)
{
    struct json_config *c = config(L);

    want_options(L, 3);
    word_option(L, 1, &c->sparse_convert, on_off);
    integer_option(L, 2, &c->sparse_ratio, 0, INT_MAX);
    integer_option(L, 3, &c->sparse_safe, 0, INT_MAX);
    return 3;
}

static int encode_max_depth(lua_State *L)
{
    want_options(L, 1);
    integer_option(L, 1, &config(L)->encode_depth_max, 1, INT_MAX);
    return 1;
}

static int decode_max_depth(lua_State *L)
{
    want_options(L, 1);
    integer_option(L, 1, &config(L)->decode_depth_max, 1, INT_MAX);
    return 1;
}

static int encode_number_precision(lua_State *L)
{
    want_options(L, 1);
    integer_option(L, 1, &config(L)->precision, 1, 14);
    return 1;
}

static int encode_keep_buffer(lua_State *L)
{
    want_options(L, 1);
    word_option(L, 1, &config(L)->keep_buffer, on_off);
    return 1;
}

static int encode_invalid_numbers(lua_State *L)
{
    static const char *const words[] = { "off", "on", "null", NULL };

    want_options(L, 1);
    word_option(L, 1, &config(L)->encode_invalid, words);
    return 1;
}

static int decode_invalid_numbers(lua_State *L)
{
    want_options(L, 1);
    word_option(L, 1, &config(L)->decode_invalid, on_off);
    return 1;
}

static int new_library(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "encode", json_encode },
        { "decode", json_decode },
        { "encode_sparse_array", encode_sparse_array },
        { "encode_max_depth", encode_max_depth },
        { "decode_max_depth", decode_max_depth },
        { "encode_number_precision", encode_number_precision },
        { "encode_keep_buffer", encode_keep_buffer },
        { "encode_invalid_numbers", encode_invalid_numbers },
        { "decode_invalid_numbers", decode_invalid_numbers },
        { "new", new_library },
    };
    struct json_config *c;

    lua_newtable(L);
    c = lua_newuserdata(L, sizeof *c);
    *c = (struct json_config){ .sparse_ratio = 2,
                               .sparse_safe = 10,
                               .encode_depth_max = 1000,
                               .decode_depth_max = 1000,
                               .decode_invalid = JSON_INVALID_ON,
                               .keep_buffer = 1,
                               .precision = 14 };
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        lua_pushvalue(L, -1);
        lua_pushcclosure(L, functions[i].func, 1);
        lua_setfield(L, -3, functions[i].name);
    }
    lua_pop(L, 1);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_pushliteral(L, "cjson");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "2.1.0");
    lua_setfield(L, -2, "_VERSION");
    return 1;
}

int vm_open_json(lua_State *L)
{
    return new_library(L);
}
