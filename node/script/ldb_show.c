#include <inttypes.h>

#include "node/script/ldb.h"

enum { DEPTH = LUA_MINSTACK / 2 };

/* ---- values of Lua --------------------------------------------------------------------------- */

static void show(struct buf *out, lua_State *L, int index, int depth);

/* 1, 2, 3 … in this order, as lua_next has them. */
static bool is_list(lua_State *L, int table)
{
    lua_Number expected = 1;
    bool list = true;

    lua_pushnil(L);
    while (lua_next(L, table)) {
        list = list && lua_type(L, -2) == LUA_TNUMBER && lua_tonumber(L, -2) == expected;
        expected++;
        lua_pop(L, 1);
    }
    return list;
}

static void show_table(struct buf *out, lua_State *L, int table, int depth)
{
    bool list = is_list(L, table);
    const char *between = "";

    buf_putc(out, '{');
    lua_pushnil(L);
    while (lua_next(L, table)) {
        buf_puts(out, between);
        between = "; ";
        if (!list) {
            buf_putc(out, '[');
            show(out, L, lua_gettop(L) - 1, depth);
            buf_puts(out, "]=");
        }
        show(out, L, lua_gettop(L), depth);
        lua_pop(L, 1);
    }
    buf_putc(out, '}');
}

static void show_text(struct buf *out, lua_State *L, int index)
{
    struct bytes text;

    text.at = lua_tolstring(L, index, &text.len);
    buf_put_quoted(out, text);
}

static void show(struct buf *out, lua_State *L, int index, int depth)
{
    int type = lua_type(L, index);

    if (depth == DEPTH) {
        buf_puts(out, "<max recursion level reached! Nested table?>");
        return;
    }
    luaL_checkstack(L, 4, "the value is nested too deeply");
    switch (type) {
    case LUA_TSTRING:
        show_text(out, L, index);
        break;
    case LUA_TBOOLEAN:
        buf_puts(out, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        buf_printf(out, "%g", (double)lua_tonumber(L, index));
        break;
    case LUA_TNIL:
        buf_puts(out, "nil");
        break;
    case LUA_TTABLE:
        show_table(out, L, index, depth + 1);
        break;
    default:
        buf_printf(out, "\"%s@%p\"",
                   type == LUA_TLIGHTUSERDATA ? "light-userdata" : lua_typename(L, type),
                   lua_topointer(L, index));
        break;
    }
}

void ldb_show_value(struct buf *out, lua_State *L, int index)
{
    show(out, L, index < 0 ? lua_gettop(L) + 1 + index : index, 0);
}

/* ---- replies --------------------------------------------------------------------------------- */

static void show_item(struct buf *out, const struct resp_value *v, int proto);

static void show_items(struct buf *out, const struct resp_value *v, int proto, const char *open,
                       char close)
{
    size_t count = v->kind == RESP_MAP ? 2 * v->count : v->count;

    buf_puts(out, open);
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_puts(out, v->kind == RESP_MAP && i % 2 ? " => " : ",");
        show_item(out, &v->items[i], proto);
    }
    buf_putc(out, close);
}

static void show_line(struct buf *out, char sign, struct bytes text)
{
    struct buf line = { 0 };

    buf_putc(&line, sign);
    buf_add(&line, text);
    buf_put_quoted(out, buf_bytes(&line));
    buf_fini(&line);
}

static void show_double(struct buf *out, double number)
{
    char text[40];

    buf_puts(out, "(double) ");
    buf_append(out, text, fmt_double(text, number));
}

static void show_item(struct buf *out, const struct resp_value *v, int proto)
{
    switch (v->kind) {
    case RESP_SIMPLE:
        show_line(out, '+', v->text);
        break;
    case RESP_ERROR:
        show_line(out, '-', v->text);
        break;
    case RESP_INTEGER:
        buf_printf(out, "%" PRId64, v->integer);
        break;
    case RESP_BULK:
    case RESP_VERBATIM:
    case RESP_BIGNUM:
        buf_put_quoted(out, v->text);
        break;
    case RESP_NULL:
        buf_puts(out, proto == 3 ? "(null)" : "NULL");
        break;
    case RESP_DOUBLE:
        show_double(out, v->number);
        break;
    case RESP_BOOL:
        buf_puts(out, v->integer ? "#true" : "#false");
        break;
    case RESP_MAP:
        show_items(out, v, proto, "{", '}');
        break;
    case RESP_SET:
        show_items(out, v, proto, "~(", ')');
        break;
    case RESP_ARRAY:
    case RESP_PUSH:
        show_items(out, v, proto, "[", ']');
        break;
    }
}

void ldb_show_reply(struct buf *out, struct bytes reply, int proto)
{
    struct resp_replies reader;
    const struct resp_value *v;
    size_t bytes;

    resp_replies_init(&reader);
    if (resp_read_reply(&reader, reply, &v, &bytes) == RESP_ITEM)
        show_item(out, v, proto);
    resp_replies_fini(&reader);
}
