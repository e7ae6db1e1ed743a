/*
 * msgpack - the library cmsgpack: Lua values as MessagePack and back.
 *
 *     pack(...)   unpack(text) -> values   unpack_one(text, offset) and unpack_limit(text, n, offset) -> where
 *     to go on (-1: it is all read), values
 *
 * Whole numbers become integers and the others floats where that loses nothing, else doubles. A table is an
 * array where its keys are 1..n, else a map; below NESTING_MAX tables it is nil, so a circle ends. Debian's
 * lua-mpack has another interface and other choices (numbers, empty tables), so this is our own.
 *
 * Source: the MessagePack specification; what Redis's cmsgpack answers.
 */
#include <endian.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "node/script/json.h"
#include "node/script/vm.h"

enum { NESTING_MAX = 16 };

/* ---- packing -------------------------------------------------------------------------------------- */

static void put_be(struct buf *out, uint8_t type, uint64_t v, size_t bytes)
{
    uint64_t be = htobe64(v);

    buf_putc(out, (char)type);
    buf_append(out, (const char *)&be + sizeof be - bytes, bytes);
}

static void pack_text(struct buf *out, struct bytes text)
{
    if (text.len < 32)
        buf_putc(out, (char)(0xa0 | text.len));
    else if (text.len <= UINT8_MAX)
        put_be(out, 0xd9, text.len, 1);
    else if (text.len <= UINT16_MAX)
        put_be(out, 0xda, text.len, 2);
    else
        put_be(out, 0xdb, text.len, 4);
    buf_add(out, text);
}

static void pack_integer(struct buf *out, int64_t v)
{
    if (v >= -32 && v <= INT8_MAX)
        buf_putc(out, (char)v);
    else if (v >= 0)
        put_be(out,
               (uint8_t)(v <= UINT8_MAX    ? 0xcc
                         : v <= UINT16_MAX ? 0xcd
                         : v <= UINT32_MAX ? 0xce
                                           : 0xcf),
               (uint64_t)v,
               v <= UINT8_MAX    ? 1
               : v <= UINT16_MAX ? 2
               : v <= UINT32_MAX ? 4
                                 : 8);
    else
        put_be(out,
               (uint8_t)(v >= INT8_MIN    ? 0xd0
                         : v >= INT16_MIN ? 0xd1
                         : v >= INT32_MIN ? 0xd2
                                          : 0xd3),
               (uint64_t)v,
               v >= INT8_MIN    ? 1
               : v >= INT16_MIN ? 2
               : v >= INT32_MIN ? 4
                                : 8);
}

static bool is_whole(lua_Number n)
{
    return n >= -9223372036854775808.0 && n < 9223372036854775808.0 && n == floor(n);
}

static void pack_number(struct buf *out, lua_Number n)
{
    float f = (float)n;
    uint32_t f_bits;
    uint64_t n_bits;

    if (is_whole(n)) {
        pack_integer(out, (int64_t)n);
    } else if ((lua_Number)f == n) {
        memcpy(&f_bits, &f, sizeof f_bits);
        put_be(out, 0xca, f_bits, 4);
    } else {
        memcpy(&n_bits, &n, sizeof n_bits);
        put_be(out, 0xcb, n_bits, 8);
    }
}

static void put_count(struct buf *out, size_t count, uint8_t few, uint8_t many)
{
    if (count < 16)
        buf_putc(out, (char)(few | count));
    else if (count <= UINT16_MAX)
        put_be(out, many, count, 2);
    else
        put_be(out, (uint8_t)(many + 1), count, 4);
}

/* Are its keys 1..n? *out_count: how many there are. */
static bool is_array(lua_State *L, size_t *out_count)
{
    lua_Number max = 0;
    bool whole = true;

    *out_count = 0;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_Number k = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;

        whole = whole && k > 0 && is_whole(k);
        max = k > max ? k : max;
        ++*out_count;
        lua_pop(L, 1);
    }
    return whole && max == (lua_Number)*out_count;
}

static void pack_value(lua_State *L, struct buf *out, int depth);

static void pack_table(lua_State *L, struct buf *out, int depth)
{
    size_t count;

    if (is_array(L, &count)) {
        put_count(out, count, 0x90, 0xdc);
        for (size_t i = 1; i <= count; i++) {
            lua_rawgeti(L, -1, (int)i);
            pack_value(L, out, depth + 1);
        }
        return;
    }
    put_count(out, count, 0x80, 0xde);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pushvalue(L, -2);
        pack_value(L, out, depth + 1);
        pack_value(L, out, depth + 1);
    }
}

/* Pops it. */
static void pack_value(lua_State *L, struct buf *out, int depth)
{
    struct bytes text;

    luaL_checkstack(L, 5, "in function mp_encode_lua_table");
    if (out->len > JSON_BYTES_MAX)
        luaL_error(L, "the packed values are larger than %d MB", (int)(JSON_BYTES_MAX >> 20));
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        text.at = lua_tolstring(L, -1, &text.len);
        pack_text(out, text);
        break;
    case LUA_TBOOLEAN:
        buf_putc(out, (char)(lua_toboolean(L, -1) ? 0xc3 : 0xc2));
        break;
    case LUA_TNUMBER:
        pack_number(out, lua_tonumber(L, -1));
        break;
    case LUA_TTABLE:
        if (depth < NESTING_MAX) {
            pack_table(L, out, depth);
            break;
        }
        /* fall through */
    default:
        buf_putc(out, (char)0xc0);
    }
    lua_pop(L, 1);
}

static int pack(lua_State *L)
{
    int count = lua_gettop(L);
    struct buf *out;

    if (count == 0)
        return luaL_argerror(L, 0, "MessagePack pack needs input.");
    luaL_checkstack(L, 1, "Too many arguments for MessagePack pack.");
    out = json_scratch(L);
    for (int i = 1; i <= count; i++) {
        lua_pushvalue(L, i);
        pack_value(L, out, 0);
    }
    lua_pushlstring(L, out->at, out->len);
    return 1;
}

/* ---- unpacking ---------------------------------------------------------------------------------------- */

struct input {
    lua_State *L;
    const unsigned char *at, *end;
};

static void need(struct input *in, size_t bytes)
{
    if ((size_t)(in->end - in->at) < bytes)
        luaL_error(in->L, "Missing bytes in input.");
}

static uint64_t take_be(struct input *in, size_t bytes)
{
    uint64_t v = 0;

    need(in, bytes);
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | *in->at++;
    return v;
}

static void take_text(struct input *in, size_t len)
{
    need(in, len);
    lua_pushlstring(in->L, (const char *)in->at, len);
    in->at += len;
}

static void take_float(struct input *in)
{
    uint32_t bits = (uint32_t)take_be(in, sizeof bits);
    float f;

    memcpy(&f, &bits, sizeof f);
    lua_pushnumber(in->L, f);
}

static void take_double(struct input *in)
{
    uint64_t bits = take_be(in, sizeof bits);
    double d;

    memcpy(&d, &bits, sizeof d);
    lua_pushnumber(in->L, d);
}

static void take_value(struct input *in);

/* Nothing is set aside for what a count says, only for what comes. */
static void take_array(struct input *in, uint64_t count)
{
    luaL_checkstack(in->L, 3, "in function mp_decode_to_lua_array");
    lua_newtable(in->L);
    for (uint64_t i = 1; i <= count; i++) {
        take_value(in);
        lua_rawseti(in->L, -2, (int)i);
    }
}

static void take_map(struct input *in, uint64_t count)
{
    luaL_checkstack(in->L, 4, "in function mp_decode_to_lua_hash");
    lua_newtable(in->L);
    for (uint64_t i = 0; i < count; i++) {
        take_value(in);
        take_value(in);
        lua_settable(in->L, -3); /* an error where the key is nil or NaN */
    }
}

static void take_signed(struct input *in, size_t bytes)
{
    uint64_t v = take_be(in, bytes);
    int shift = 64 - 8 * (int)bytes;

    lua_pushnumber(in->L, (lua_Number)((int64_t)(v << shift) >> shift));
}

/* A type with its length, value or count behind it. */
static void take_long_form(struct input *in, unsigned type)
{
    switch (type) {
    case 0xc0:
        lua_pushnil(in->L);
        return;
    case 0xc2:
    case 0xc3:
        lua_pushboolean(in->L, type == 0xc3);
        return;
    case 0xc4:
    case 0xc5:
    case 0xc6:
        take_text(in, take_be(in, (size_t)1 << (type - 0xc4)));
        return;
    case 0xca:
        take_float(in);
        return;
    case 0xcb:
        take_double(in);
        return;
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        /* the largest come out negative, as they do in Redis */
        lua_pushnumber(in->L, (lua_Number)(int64_t)take_be(in, (size_t)1 << (type - 0xcc)));
        return;
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        take_signed(in, (size_t)1 << (type - 0xd0));
        return;
    case 0xd9:
    case 0xda:
    case 0xdb:
        take_text(in, take_be(in, (size_t)1 << (type - 0xd9)));
        return;
    case 0xdc:
    case 0xdd:
        take_array(in, take_be(in, type == 0xdc ? 2 : 4));
        return;
    case 0xde:
    case 0xdf:
        take_map(in, take_be(in, type == 0xde ? 2 : 4));
        return;
    default:
        luaL_error(in->L, "Bad data format in input.");
    }
}

static void take_value(struct input *in)
{
    unsigned type;

    luaL_checkstack(in->L, 2,
                    "too many return values at once; use unpack_one or unpack_limit instead.");
    type = (unsigned)take_be(in, 1);
    if (type < 0x80)
        lua_pushnumber(in->L, type);
    else if (type >= 0xe0)
        lua_pushnumber(in->L, (int8_t)type);
    else if (type >= 0xa0 && type < 0xc0)
        take_text(in, type & 0x1f);
    else if (type >= 0x90 && type < 0xa0)
        take_array(in, type & 0x0f);
    else if (type < 0x90)
        take_map(in, type & 0x0f);
    else
        take_long_form(in, type);
}

/* The text at 1; everything above it is ours. all: to the end, and no word of where that is. */
static int unpack_from(lua_State *L, lua_Integer limit, lua_Integer offset, bool all)
{
    struct bytes text;
    struct input in = { .L = L };
    int count = 0;

    text.at = luaL_checklstring(L, 1, &text.len);
    if (offset < 0 || limit < 0)
        return luaL_error(L, "Invalid request to unpack with offset of %d and limit of %d.",
                          (int)offset, (int)text.len);
    if ((size_t)offset > text.len)
        return luaL_error(L, "Start offset %d greater than input length %d.", (int)offset,
                          (int)text.len);
    lua_settop(L, 1);
    in.at = (const unsigned char *)text.at + offset;
    in.end = (const unsigned char *)text.at + text.len;
    while (in.at < in.end && (all || count < limit)) {
        take_value(&in);
        count++;
    }
    if (all)
        return count;
    lua_pushnumber(L, in.at == in.end ? -1 : (lua_Number)(in.at - (const unsigned char *)text.at));
    lua_insert(L, 2);
    return count + 1;
}

static int unpack(lua_State *L)
{
    return unpack_from(L, 0, 0, true);
}

static int unpack_one(lua_State *L)
{
    return unpack_from(L, 1, luaL_optinteger(L, 2, 0), false);
}

static int unpack_limit(lua_State *L)
{
    lua_Integer limit = luaL_checkinteger(L, 2), offset = luaL_optinteger(L, 3, 0);

    return unpack_from(L, limit, offset, limit == 0 && offset == 0);
}

int vm_open_msgpack(lua_State *L)
{
    static const luaL_Reg functions[] = { { "pack", pack },
                                          { "unpack", unpack },
                                          { "unpack_one", unpack_one },
                                          { "unpack_limit", unpack_limit } };

    lua_newtable(L);
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        lua_pushcfunction(L, functions[i].func);
        lua_setfield(L, -2, functions[i].name);
    }
    lua_pushliteral(L, "cmsgpack");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "lua-cmsgpack 0.4.0");
    lua_setfield(L, -2, "_VERSION");
    lua_pushliteral(L, "MessagePack for Lua");
    lua_setfield(L, -2, "_DESCRIPTION");
    return 1;
}
