#include "node/script/convert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "node/script/vm.h"

/* ---- RESP into Lua ---------------------------------------------------------------------------- */

struct cursor {
    const char *at, *end;
};

static struct bytes take_line(struct cursor *c)
{
    const char *end = memchr(c->at, '\r', (size_t)(c->end - c->at));
    struct bytes line;

    ASSERT(end && end + 2 <= c->end);
    line = (struct bytes){ c->at, (size_t)(end - c->at) };
    c->at = end + 2;
    return line;
}

static int64_t take_number(struct cursor *c)
{
    struct bytes line = take_line(c);
    int64_t n;

    ASSERT(bytes_to_i64(line, &n));
    return n;
}

static struct bytes take_blob(struct cursor *c, size_t len)
{
    struct bytes blob = { c->at, len };

    ASSERT((size_t)(c->end - c->at) >= len + 2);
    c->at += len + 2;
    return blob;
}

static void push(lua_State *L, struct bytes text)
{
    lua_pushlstring(L, text.at, text.len);
}

/* { word = the value that comes next on the stack } */
static void open_field(lua_State *L, enum vm_word word)
{
    lua_createtable(L, 0, 1);
    vm_push_word(L, word);
}

static void push_field(lua_State *L, enum vm_word word, struct bytes text)
{
    open_field(L, word);
    push(L, text);
    lua_rawset(L, -3);
}

/* counted: the statistics know of this error already. */
static void push_error(lua_State *L, struct bytes text)
{
    const char *blank = memchr(text.at, ' ', text.len);

    lua_newtable(L);
    vm_push_word(L, VM_ERR);
    if (!blank)
        lua_pushliteral(L, "ERR ");
    push(L, text);
    if (!blank)
        lua_concat(L, 2);
    lua_rawset(L, -3);
    vm_push_word(L, VM_COUNTED);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
}

static void push_value(lua_State *L, struct cursor *c);

static void push_array(lua_State *L, struct cursor *c, int64_t count)
{
    lua_createtable(L, (int)(count < INT32_MAX ? count : INT32_MAX), 0);
    for (int64_t i = 1; i <= count; i++) {
        push_value(L, c);
        lua_rawseti(L, -2, (int)i);
    }
}

static void push_map(lua_State *L, struct cursor *c, int64_t pairs)
{
    open_field(L, VM_MAP);
    lua_newtable(L);
    for (int64_t i = 0; i < pairs; i++) {
        push_value(L, c);
        push_value(L, c);
        lua_rawset(L, -3);
    }
    lua_rawset(L, -3);
}

static void push_set(lua_State *L, struct cursor *c, int64_t count)
{
    open_field(L, VM_SET);
    lua_newtable(L);
    for (int64_t i = 0; i < count; i++) {
        push_value(L, c);
        lua_pushboolean(L, 1);
        lua_rawset(L, -3);
    }
    lua_rawset(L, -3);
}

static void push_verbatim(lua_State *L, struct bytes blob)
{
    ASSERT(blob.len >= 4);
    open_field(L, VM_VERBATIM);
    lua_createtable(L, 0, 2);
    vm_push_word(L, VM_STRING);
    push(L, (struct bytes){ blob.at + 4, blob.len - 4 });
    lua_rawset(L, -3);
    vm_push_word(L, VM_FORMAT);
    push(L, (struct bytes){ blob.at, 3 });
    lua_rawset(L, -3);
    lua_rawset(L, -3);
}

static void push_double(lua_State *L, struct bytes text)
{
    double v;

    if (!bytes_to_double(text, &v))
        v = bytes_is(text, "-inf") ? -INFINITY : (double)NAN;
    open_field(L, VM_DOUBLE);
    lua_pushnumber(L, v);
    lua_rawset(L, -3);
}

/* A length below zero is a null of RESP2. */
static void push_sized(lua_State *L, struct cursor *c, char type)
{
    int64_t n = take_number(c);

    if (n < 0)
        lua_pushboolean(L, 0);
    else if (type == '$')
        push(L, take_blob(c, (size_t)n));
    else if (type == '=')
        push_verbatim(L, take_blob(c, (size_t)n));
    else if (type == '%')
        push_map(L, c, n);
    else if (type == '~')
        push_set(L, c, n);
    else
        push_array(L, c, n);
}

static void push_line(lua_State *L, char type, struct bytes line)
{
    int64_t n;

    switch (type) {
    case ':':
        ASSERT(bytes_to_i64(line, &n));
        lua_pushnumber(L, (lua_Number)n);
        return;
    case '+':
        push_field(L, VM_OK, line);
        return;
    case '-':
        push_error(L, line);
        return;
    case '#':
        lua_pushboolean(L, line.len && line.at[0] == 't');
        return;
    case ',':
        push_double(L, line);
        return;
    case '(':
        push_field(L, VM_BIG_NUMBER, line);
        return;
    default:
        ASSERT(type == '_');
        lua_pushnil(L);
    }
}

/* Attributes are about the value behind them, and a push is for the client: neither is for scripts. */
static void skip_asides(lua_State *L, struct cursor *c)
{
    while (c->at < c->end && (*c->at == '|' || *c->at == '>')) {
        int values = *c->at++ == '|' ? 2 : 1;

        for (int64_t left = values * take_number(c); left > 0; left--) {
            push_value(L, c);
            lua_pop(L, 1);
        }
    }
}

static void push_value(lua_State *L, struct cursor *c)
{
    char type;

    luaL_checkstack(L, 8, "reached lua stack limit");
    skip_asides(L, c);
    ASSERT(c->at < c->end);
    type = *c->at++;
    if (strchr("$*%~=", type))
        push_sized(L, c, type);
    else
        push_line(L, type, take_line(c));
}

void convert_to_lua(lua_State *L, struct bytes resp)
{
    struct cursor c = { resp.at, resp.at + resp.len };

    push_value(L, &c);
    ASSERT(c.at == c.end);
}

/* ---- Lua into RESP ---------------------------------------------------------------------------- */

/* The field of the table on the top, pushed, if it has this type; else nothing. */
static bool push_member(lua_State *L, enum vm_word word, int type)
{
    vm_push_word(L, word);
    lua_rawget(L, -2);
    if (lua_type(L, -1) == type)
        return true;
    lua_pop(L, 1);
    return false;
}

static struct bytes text_at(lua_State *L, int index)
{
    struct bytes text;

    text.at = lua_tolstring(L, index, &text.len);
    return text;
}

/* Everything up to a zero byte, on one line: no script forges a second reply. The caller frees it. */
static char *one_line(struct bytes text)
{
    char *line = xmemdup0(text.at, strnlen(text.at, text.len));

    for (char *p = line; *p; p++)
        if (*p == '\r' || *p == '\n')
            *p = ' ';
    return line;
}

static void write_error(lua_State *L, struct bytes text, bool counted, struct reply *to)
{
    uint32_t before = to->errors;

    while (text.len && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
        text.len--;
    reply_error_as_is(to, text);
    if (!counted)
        return;
    to->errors = before;
    vm_of(L)->known_errors++;
}

static bool is_counted(lua_State *L)
{
    bool counted;

    vm_push_word(L, VM_COUNTED);
    lua_rawget(L, -2);
    counted = lua_isboolean(L, -1) && lua_toboolean(L, -1);
    lua_pop(L, 1);
    return counted;
}

static void write_int(lua_Number n, struct reply *to)
{
    /* The others have no integer, and on the machines that Redis runs on they are this one. */
    bool fits = n >= -9223372036854775808.0 && n < 9223372036854775808.0;

    reply_int(to, fits ? (int64_t)n : INT64_MIN);
}

static void write_bool(bool v, int proto, struct reply *to)
{
    if (proto > 2)
        reply_bool(to, v);
    else if (v)
        reply_int(to, 1);
    else
        reply_null(to);
}

static void write_value(lua_State *L, int proto, struct reply *to);

static bool write_verbatim(lua_State *L, struct reply *to)
{
    char format[3] = { ' ', ' ', ' ' };
    struct bytes given;
    bool written = false;

    if (!push_member(L, VM_FORMAT, LUA_TSTRING))
        return false;
    given = text_at(L, -1);
    for (size_t i = 0; i < sizeof format && i < given.len && given.at[i]; i++)
        format[i] = given.at[i];
    lua_pop(L, 1);
    if (push_member(L, VM_STRING, LUA_TSTRING)) {
        reply_verbatim(to, format, text_at(L, -1));
        lua_pop(L, 1);
        written = true;
    }
    return written;
}

static size_t count_members(lua_State *L)
{
    size_t count = 0;

    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        count++;
    }
    return count;
}

static void write_members(lua_State *L, bool with_values, int proto, struct reply *to)
{
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pushvalue(L, -2);
        write_value(L, proto, to); /* pops the key */
        if (with_values)
            write_value(L, proto, to);
        else
            lua_pop(L, 1);
    }
}

static void write_array(lua_State *L, int proto, struct reply *to)
{
    int count = 0;

    for (;; count++) {
        bool end;

        lua_rawgeti(L, -1, count + 1);
        end = lua_isnil(L, -1);
        lua_pop(L, 1);
        if (end)
            break;
    }
    reply_array(to, (size_t)count);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        write_value(L, proto, to);
    }
}

static void write_line_of(lua_State *L, enum vm_word word, struct reply *to)
{
    AUTO_FREE char *line = one_line(text_at(L, -1));

    if (word == VM_OK)
        reply_simple(to, line);
    else
        reply_bignum(to, bytes_of(line));
}

/* A table with one of the fields that mean something. */
static bool write_marked(lua_State *L, int proto, struct reply *to)
{
    if (push_member(L, VM_ERR, LUA_TSTRING)) {
        struct bytes text = text_at(L, -1);

        text.len = strnlen(text.at, text.len);
        lua_insert(L, -2);
        write_error(L, text, is_counted(L), to);
        lua_insert(L, -2);
    } else if (push_member(L, VM_OK, LUA_TSTRING)) {
        write_line_of(L, VM_OK, to);
    } else if (push_member(L, VM_DOUBLE, LUA_TNUMBER)) {
        reply_double(to, lua_tonumber(L, -1));
    } else if (push_member(L, VM_BIG_NUMBER, LUA_TSTRING)) {
        write_line_of(L, VM_BIG_NUMBER, to);
    } else if (push_member(L, VM_VERBATIM, LUA_TTABLE)) {
        if (!write_verbatim(L, to)) {
            lua_pop(L, 1);
            return false;
        }
    } else if (push_member(L, VM_MAP, LUA_TTABLE)) {
        reply_map(to, count_members(L));
        write_members(L, true, proto, to);
    } else if (push_member(L, VM_SET, LUA_TTABLE)) {
        reply_set(to, count_members(L));
        write_members(L, false, proto, to);
    } else {
        return false;
    }
    lua_pop(L, 1);
    return true;
}

/* Pops it. */
static void write_value(lua_State *L, int proto, struct reply *to)
{
    if (!lua_checkstack(L, 8)) {
        reply_error(to, "ERR reached lua stack limit");
        lua_pop(L, 1);
        return;
    }
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        reply_bulk(to, text_at(L, -1));
        break;
    case LUA_TBOOLEAN:
        write_bool(lua_toboolean(L, -1), proto, to);
        break;
    case LUA_TNUMBER:
        write_int(lua_tonumber(L, -1), to);
        break;
    case LUA_TTABLE:
        if (!write_marked(L, proto, to))
            write_array(L, proto, to);
        break;
    default:
        reply_null(to);
    }
    lua_pop(L, 1);
}

void convert_to_reply(lua_State *L, int proto, struct reply *to)
{
    write_value(L, proto, to);
}

void convert_error(lua_State *L, const char *name, struct reply *to)
{
    const char *text, *source, *line;
    bool counted;
    struct buf all = { 0 };

    if (!lua_istable(L, -1)) { /* no memory even for the table, or an error about an error */
        reply_errorf(to, "ERR Error running script %s, %.100s", name,
                     lua_isstring(L, -1) ? lua_tostring(L, -1) : "execution failure");
        lua_pop(L, 1);
        return;
    }
    counted = is_counted(L);
    lua_getfield(L, -1, "err");
    lua_getfield(L, -2, "source");
    lua_getfield(L, -3, "line");
    text = lua_tostring(L, -3);
    source = lua_tostring(L, -2);
    line = lua_tostring(L, -1);
    if (!text)
        text = "ERR unknown error";
    buf_puts(&all, text);
    if (source && line)
        buf_printf(&all, " script: %s, on %s:%s.", name, source, line);
    write_error(L, buf_bytes(&all), counted, to);
    buf_fini(&all);
    lua_pop(L, 4);
}
