/*
 * struct - the library struct: numbers and texts in the layout of C structures.
 *
 *     pack(format, values…) -> text   unpack(format, text [, from]) -> values…, next   size(format)
 *
 *     > < ! [n]   byte order, alignment (a power of 2)      x      a zero byte
 *     b h l T i[n]   signed (T is not), B H L I[n] unsigned     f d    floating
 *     c[n]        n bytes; c0: of the length just read      s      a text and its zero byte
 *
 * Bounds are those of Redis's struct: integers of at most INTEGER_MAX bytes, and no read past the text.
 */
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "node/script/json.h"
#include "node/script/vm.h"

enum { INTEGER_MAX = 32, ALIGN_DEFAULT = 8 };

struct layout {
    lua_State *L;
    const char *format;
    bool big;
    int align;
};

static struct layout begin(lua_State *L)
{
    return (struct layout){ .L = L, .format = luaL_checkstring(L, 1), .align = 1 };
}

static int take_count(struct layout *l, int otherwise)
{
    int n = 0;

    if (!isdigit((unsigned char)*l->format))
        return otherwise;
    while (isdigit((unsigned char)*l->format)) {
        int digit = *l->format++ - '0';

        if (n > (INT_MAX - digit) / 10)
            luaL_error(l->L, "integral size overflow");
        n = n * 10 + digit;
    }
    return n;
}

static size_t size_of(struct layout *l, char option)
{
    int n;

    switch (option) {
    case 'b':
    case 'B':
    case 'x':
        return 1;
    case 'h':
    case 'H':
        return 2;
    case 'l':
    case 'L':
    case 'T':
    case 'd':
        return 8;
    case 'f':
        return 4;
    case 'c':
        return (size_t)take_count(l, 1);
    case 'i':
    case 'I':
        n = take_count(l, sizeof(int));
        if (n > INTEGER_MAX)
            luaL_error(l->L, "integral size %d is larger than limit of %d", n, INTEGER_MAX);
        return (size_t)n;
    default:
        return 0;
    }
}

static size_t padding(const struct layout *l, char option, size_t at, size_t size)
{
    if (size == 0 || option == 'c')
        return 0;
    if (size > (size_t)l->align)
        size = (size_t)l->align;
    return (size - (at & (size - 1))) & (size - 1);
}

static void control(struct layout *l, char option)
{
    int n;

    switch (option) {
    case ' ':
        return;
    case '>':
    case '<':
        l->big = option == '>';
        return;
    case '!':
        n = take_count(l, ALIGN_DEFAULT);
        if (n <= 0 || (n & (n - 1)))
            luaL_error(l->L, "alignment %d is not a power of 2", n);
        l->align = n;
        return;
    default:
        luaL_argerror(l->L, 1, lua_pushfstring(l->L, "invalid format option '%c'", option));
    }
}

static bool is_integer(char option)
{
    return option && strchr("bBhHlLTiI", option) != NULL;
}

/* Bytes of the machine, which is little endian, in the order of the layout. */
static void put_ordered(const struct layout *l, struct buf *out, const unsigned char *bytes,
                        size_t size)
{
    for (size_t i = 0; i < size; i++)
        buf_putc(out, (char)bytes[l->big ? size - 1 - i : i]);
}

static void get_ordered(const struct layout *l, const char *from, unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[l->big ? size - 1 - i : i] = (unsigned char)from[i];
}

/* ---- pack ------------------------------------------------------------------------------------------ */

static uint64_t wrapped(lua_Number n)
{
    if (n >= -9223372036854775808.0 && n < 0)
        return (uint64_t)(int64_t)n;
    return n >= 0 && n < 18446744073709551616.0 ? (uint64_t)n : (uint64_t)1 << 63;
}

static void pack_integer(struct layout *l, struct buf *out, int arg, size_t size)
{
    uint64_t v = wrapped(luaL_checknumber(l->L, arg));
    unsigned char bytes[INTEGER_MAX] = { 0 };

    memcpy(bytes, &v, sizeof v);
    put_ordered(l, out, bytes, size);
}

static void pack_floating(struct layout *l, struct buf *out, int arg, size_t size)
{
    double d = luaL_checknumber(l->L, arg);
    float f = (float)d;
    unsigned char bytes[sizeof d];

    memcpy(bytes, size == sizeof f ? (const void *)&f : (const void *)&d, size);
    put_ordered(l, out, bytes, size);
}

static size_t pack_text(struct layout *l, struct buf *out, int arg, char option, size_t size)
{
    size_t len;
    const char *text = luaL_checklstring(l->L, arg, &len);

    if (size == 0)
        size = len;
    luaL_argcheck(l->L, len >= size, arg + 1, "string too short");
    buf_append(out, text, size);
    if (option != 's')
        return size;
    buf_putc(out, '\0');
    return size + 1;
}

static void bound(struct layout *l, const struct buf *out)
{
    if (out->len > JSON_BYTES_MAX)
        luaL_error(l->L, "the packed values are larger than %d MB", (int)(JSON_BYTES_MAX >> 20));
}

static int pack(lua_State *L)
{
    struct layout l = begin(L);
    struct buf *out = json_scratch(L);
    int arg = 2;

    lua_pushnil(L); /* what a value that is missing is called in the error */
    while (*l.format) {
        char option = *l.format++;
        size_t size = size_of(&l, option), pad = padding(&l, option, out->len, size);

        if (pad > JSON_BYTES_MAX)
            luaL_error(L, "integral size overflow");
        memset(buf_reserve(out, pad + 1), 0, pad + 1);
        out->len += pad;
        if (is_integer(option))
            pack_integer(&l, out, arg++, size);
        else if (option == 'f' || option == 'd')
            pack_floating(&l, out, arg++, size);
        else if (option == 'c' || option == 's')
            pack_text(&l, out, arg++, option, size);
        else if (option == 'x')
            buf_putc(out, '\0');
        else
            control(&l, option);
        bound(&l, out);
    }
    lua_pushlstring(L, out->at ? out->at : "", out->len);
    return 1;
}

/* ---- unpack ------------------------------------------------------------------------------------------- */

static void unpack_integer(struct layout *l, const char *from, char option, size_t size)
{
    unsigned char bytes[INTEGER_MAX] = { 0 };
    uint64_t v;
    int shift = size < sizeof v ? 64 - 8 * (int)size : 0;

    get_ordered(l, from, bytes, size);
    memcpy(&v, bytes, sizeof v);
    if (islower((unsigned char)option) && size)
        lua_pushnumber(l->L, (lua_Number)((int64_t)(v << shift) >> shift));
    else
        lua_pushnumber(l->L, (lua_Number)v);
}

static void unpack_floating(struct layout *l, const char *from, size_t size)
{
    unsigned char bytes[sizeof(double)];
    double d;
    float f;

    get_ordered(l, from, bytes, size);
    memcpy(&f, bytes, sizeof f);
    if (size == sizeof f) {
        lua_pushnumber(l->L, f);
        return;
    }
    memcpy(&d, bytes, sizeof d);
    lua_pushnumber(l->L, d);
}

static void want_bytes(struct layout *l, struct bytes data, size_t at, size_t size)
{
    luaL_argcheck(l->L, size <= data.len && at <= data.len - size, 2, "data string too short");
}

/* c0: as many bytes as the number just unpacked says, which goes. */
static size_t length_before(struct layout *l, int *count)
{
    lua_Number n;

    if (*count == 0 || !lua_isnumber(l->L, -1))
        luaL_error(l->L, "format 'c0' needs a previous size");
    n = lua_tonumber(l->L, -1);
    lua_pop(l->L, 1);
    --*count;
    return n >= 0 && n < (lua_Number)JSON_BYTES_MAX ? (size_t)n : SIZE_MAX;
}

static size_t unpack_bytes(struct layout *l, struct bytes data, size_t at, size_t size, int *count)
{
    if (size == 0) {
        size = length_before(l, count);
        want_bytes(l, data, at, size);
    }
    lua_pushlstring(l->L, data.at + at, size);
    return size;
}

static size_t unpack_text(struct layout *l, struct bytes data, size_t at)
{
    const char *end = memchr(data.at + at, '\0', data.len - at);
    size_t len;

    if (!end)
        luaL_error(l->L, "unfinished string in data");
    len = (size_t)(end - (data.at + at));
    lua_pushlstring(l->L, data.at + at, len);
    return len + 1;
}

static int unpack(lua_State *L)
{
    struct layout l = begin(L);
    struct bytes data;
    size_t at;
    int count = 0;

    data.at = luaL_checklstring(L, 2, &data.len);
    luaL_argcheck(L, luaL_optinteger(L, 3, 1) != 0, 3, "offset must be 1 or greater");
    at = (size_t)luaL_optinteger(L, 3, 1) - 1;
    while (*l.format) {
        char option = *l.format++;
        size_t size = size_of(&l, option);

        at += padding(&l, option, at, size);
        want_bytes(&l, data, at, size);
        luaL_checkstack(L, 2, "too many results");
        if (is_integer(option)) {
            unpack_integer(&l, data.at + at, option, size);
            count++;
        } else if (option == 'f' || option == 'd') {
            unpack_floating(&l, data.at + at, size);
            count++;
        } else if (option == 'c') {
            size = unpack_bytes(&l, data, at, size, &count);
            count++;
        } else if (option == 's') {
            size = unpack_text(&l, data, at);
            count++;
        } else if (option != 'x') {
            control(&l, option);
        }
        at += size;
    }
    lua_pushinteger(L, (lua_Integer)at + 1);
    return count + 1;
}

static int measure(lua_State *L)
{
    struct layout l = begin(L);
    size_t at = 0;

    while (*l.format) {
        char option = *l.format++;
        size_t bytes = size_of(&l, option);

        at += padding(&l, option, at, bytes);
        if (option == 's')
            return luaL_argerror(L, 1, "option 's' has no fixed size");
        if (option == 'c' && bytes == 0)
            return luaL_argerror(L, 1, "option 'c0' has no fixed size");
        if (!isalnum((unsigned char)option))
            control(&l, option);
        at += bytes;
    }
    lua_pushinteger(L, (lua_Integer)at);
    return 1;
}

int vm_open_struct(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, pack);
    lua_setfield(L, -2, "pack");
    lua_pushcfunction(L, unpack);
    lua_setfield(L, -2, "unpack");
    lua_pushcfunction(L, measure);
    lua_setfield(L, -2, "size");
    return 1;
}
