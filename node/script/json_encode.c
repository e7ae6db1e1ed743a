#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "node/script/json.h"
#include "node/script/vm.h"

struct encoder {
    lua_State *L;
    const struct json_config *c;
    struct buf *out;
};

static void refuse(struct encoder *e, int at, const char *why)
{
    luaL_error(e->L, "Cannot serialise %s: %s", luaL_typename(e->L, at), why);
}

static void bound(struct encoder *e, size_t more)
{
    if (more > JSON_BYTES_MAX || e->out->len > JSON_BYTES_MAX - more)
        luaL_error(e->L, "Cannot serialise, the text is larger than %d MB",
                   (int)(JSON_BYTES_MAX >> 20));
}

/* NULL: stands for itself. */
static const char *escape_of(unsigned char c, char scratch[8])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '/':
        return "\\/";
    case '\b':
        return "\\b";
    case '\t':
        return "\\t";
    case '\n':
        return "\\n";
    case '\f':
        return "\\f";
    case '\r':
        return "\\r";
    default:
        if (c >= 32 && c != 127)
            return NULL;
        snprintf(scratch, 8, "\\u%04x", c);
        return scratch;
    }
}

static void put_text(struct encoder *e, int at)
{
    size_t len, plain = 0;
    const char *text = lua_tolstring(e->L, at, &len);
    char scratch[8];

    bound(e, len + 2);
    buf_putc(e->out, '"');
    for (size_t i = 0; i < len; i++) {
        const char *escape = escape_of((unsigned char)text[i], scratch);

        if (!escape)
            continue;
        buf_append(e->out, text + plain, i - plain);
        buf_puts(e->out, escape);
        bound(e, len - i);
        plain = i + 1;
    }
    buf_append(e->out, text + plain, len - plain);
    buf_putc(e->out, '"');
}

static void put_number(struct encoder *e, int at)
{
    lua_Number n = lua_tonumber(e->L, at);
    char text[64];

    if (isinf(n) || isnan(n)) {
        if (e->c->encode_invalid == JSON_INVALID_OFF)
            refuse(e, at, "must not be NaN or Inf");
        if (e->c->encode_invalid == JSON_INVALID_NULL || isnan(n)) {
            buf_puts(e->out, e->c->encode_invalid == JSON_INVALID_NULL ? "null" : "nan");
            return;
        }
    }
    if (n == floor(n) && fabs(n) < 1e14 && e->c->precision == 14 && !(n == 0 && signbit(n))) {
        buf_append(e->out, text, fmt_i64(text, (int64_t)n));
        return;
    }
    buf_append(e->out, text, (size_t)snprintf(text, sizeof text, "%.*g", e->c->precision, n));
}

/* The length of an array; -1: an object. Holes are null, as long as there are not too many. */
static lua_Number array_length(struct encoder *e)
{
    lua_State *L = e->L;
    lua_Number max = 0, items = 0;

    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_Number k = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;

        if (k < 1 || floor(k) != k || k > INT_MAX) {
            lua_pop(L, 2);
            return -1;
        }
        max = k > max ? k : max;
        items++;
        lua_pop(L, 1);
    }
    if (e->c->sparse_ratio > 0 && max > items * e->c->sparse_ratio && max > e->c->sparse_safe) {
        if (!e->c->sparse_convert)
            refuse(e, -1, "excessively sparse array");
        return -1;
    }
    return max;
}

static void put_value(struct encoder *e, int depth);

static void put_array(struct encoder *e, int depth, int len)
{
    buf_putc(e->out, '[');
    for (int i = 1; i <= len; i++) {
        if (i > 1)
            buf_putc(e->out, ',');
        lua_rawgeti(e->L, -1, i);
        put_value(e, depth);
        lua_pop(e->L, 1);
    }
    buf_putc(e->out, ']');
}

static void put_key(struct encoder *e)
{
    switch (lua_type(e->L, -2)) {
    case LUA_TNUMBER:
        buf_putc(e->out, '"');
        put_number(e, -2);
        buf_putc(e->out, '"');
        break;
    case LUA_TSTRING:
        put_text(e, -2);
        break;
    default:
        refuse(e, -2, "table key must be a number or string");
    }
    buf_putc(e->out, ':');
}

static void put_object(struct encoder *e, int depth)
{
    bool first = true;

    buf_putc(e->out, '{');
    lua_pushnil(e->L);
    while (lua_next(e->L, -2)) {
        if (!first)
            buf_putc(e->out, ',');
        first = false;
        put_key(e);
        put_value(e, depth);
        lua_pop(e->L, 1);
    }
    buf_putc(e->out, '}');
}

static void put_table(struct encoder *e, int depth)
{
    lua_Number len;

    if (depth > e->c->encode_depth_max || !lua_checkstack(e->L, 3))
        luaL_error(e->L, "Cannot serialise, excessive nesting (%d)", depth);
    len = array_length(e);
    bound(e, len > 0 ? (size_t)len * 2 : 2);
    if (len > 0)
        put_array(e, depth, (int)len);
    else
        put_object(e, depth);
}

/* The value on the top, which stays there. depth: of the tables around it. */
static void put_value(struct encoder *e, int depth)
{
    switch (lua_type(e->L, -1)) {
    case LUA_TSTRING:
        put_text(e, -1);
        break;
    case LUA_TNUMBER:
        put_number(e, -1);
        break;
    case LUA_TBOOLEAN:
        buf_puts(e->out, lua_toboolean(e->L, -1) ? "true" : "false");
        break;
    case LUA_TTABLE:
        put_table(e, depth + 1);
        break;
    case LUA_TNIL:
        buf_puts(e->out, "null");
        break;
    case LUA_TLIGHTUSERDATA:
        if (!lua_touserdata(e->L, -1)) {
            buf_puts(e->out, "null");
            break;
        }
        /* fall through */
    default:
        refuse(e, -1, "type not supported");
    }
    bound(e, 0);
}

int json_encode(lua_State *L)
{
    struct encoder e = { .L = L, .c = lua_touserdata(L, lua_upvalueindex(1)) };

    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    e.out = json_scratch(L);
    put_value(&e, 0);
    lua_pushlstring(L, e.out->at, e.out->len);
    return 1;
}
