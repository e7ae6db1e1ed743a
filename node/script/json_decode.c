#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/script/json.h"
#include "node/script/vm.h"

enum token_kind {
    OBJECT_BEGIN,
    OBJECT_END,
    ARRAY_BEGIN,
    ARRAY_END,
    STRING,
    NUMBER,
    BOOLEAN,
    NULL_WORD,
    COLON,
    COMMA,
    END,
    BAD
};

static const char *const names[] = {
    [OBJECT_BEGIN] = "T_OBJ_BEGIN",
    [OBJECT_END] = "T_OBJ_END",
    [ARRAY_BEGIN] = "T_ARR_BEGIN",
    [ARRAY_END] = "T_ARR_END",
    [STRING] = "T_STRING",
    [NUMBER] = "T_NUMBER",
    [BOOLEAN] = "T_BOOLEAN",
    [NULL_WORD] = "T_NULL",
    [COLON] = "T_COLON",
    [COMMA] = "T_COMMA",
    [END] = "T_END",
};

struct token {
    enum token_kind kind;
    size_t at; /* in the text */
    double number;
    bool truth;
    const char *why; /* BAD */
};

/* The text ends with a zero byte, as every text of Lua does; one inside of it is an end as well. */
struct decoder {
    lua_State *L;
    const struct json_config *c;
    const char *text, *p;
    struct buf *string; /* of the last STRING, without its escapes */
    int depth;
};

static void bad(struct decoder *d, struct token *t, const char *why)
{
    t->kind = BAD;
    t->at = (size_t)(d->p - d->text);
    t->why = why;
}

/* ---- tokens ------------------------------------------------------------------------------------- */

/* -1: not four of them. */
static int hex4(const char *p)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i], digit;

        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (c | 32) - 'a' + 10;
        else
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

static void put_utf8(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_putc(b, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_putc(b, (char)(0xc0 | c >> 6));
    } else if (c < 0x10000) {
        buf_putc(b, (char)(0xe0 | c >> 12));
        buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
    } else {
        buf_putc(b, (char)(0xf0 | c >> 18));
        buf_putc(b, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
    }
    buf_putc(b, (char)(0x80 | (c & 0x3f)));
}

/* \uXXXX, or two of them that are one character. */
static bool take_unicode(struct decoder *d)
{
    int c = hex4(d->p + 2), low;

    if (c < 0)
        return false;
    if ((c & 0xf800) != 0xd800) {
        put_utf8(d->string, (uint32_t)c);
        d->p += 6;
        return true;
    }
    if ((c & 0x400) || d->p[6] != '\\' || d->p[7] != 'u')
        return false;
    low = hex4(d->p + 8);
    if (low < 0 || (low & 0xfc00) != 0xdc00)
        return false;
    put_utf8(d->string, 0x10000 + ((uint32_t)(c & 0x3ff) << 10 | (uint32_t)(low & 0x3ff)));
    d->p += 12;
    return true;
}

/* 0: no such escape. */
static char unescaped(char c)
{
    static const char from[] = "\"\\/btnfr", to[] = "\"\\/\b\t\n\f\r";
    const char *at = c ? strchr(from, c) : NULL;

    return at ? to[at - from] : '\0';
}

static void take_string(struct decoder *d, struct token *t)
{
    d->string->len = 0;
    for (d->p++; *d->p != '"';) {
        size_t plain = strcspn(d->p, "\"\\");
        char c;

        if (plain) {
            buf_append(d->string, d->p, plain);
            d->p += plain;
            continue;
        }
        if (!*d->p) {
            bad(d, t, "unexpected end of string");
            return;
        }
        if (d->p[1] == 'u') {
            if (take_unicode(d))
                continue;
            bad(d, t, "invalid unicode escape code");
            return;
        }
        c = unescaped(d->p[1]);
        if (!c) {
            bad(d, t, "invalid escape code");
            return;
        }
        buf_putc(d->string, c);
        d->p += 2;
    }
    d->p++;
    t->kind = STRING;
}

/* A number for strtod, and none for JSON. */
static bool is_odd_number(const char *p)
{
    if (*p == '+')
        return true;
    if (*p == '-')
        p++;
    if (*p == '0')
        return (p[1] | 32) == 'x' || (p[1] >= '0' && p[1] <= '9');
    if (*p <= '9')
        return false;
    return strncasecmp(p, "inf", 3) == 0 || strncasecmp(p, "nan", 3) == 0;
}

static void take_number(struct decoder *d, struct token *t)
{
    char *end;

    t->number = strtod(d->p, &end);
    if (end == d->p) {
        bad(d, t, "invalid number");
        return;
    }
    t->kind = NUMBER;
    d->p = end;
}

static bool take_word(struct decoder *d, struct token *t, const char *word, enum token_kind kind)
{
    size_t len = strlen(word);

    if (strncmp(d->p, word, len) != 0)
        return false;
    d->p += len;
    t->kind = kind;
    return true;
}

static void take_scalar(struct decoder *d, struct token *t)
{
    if (*d->p == '"') {
        take_string(d, t);
    } else if (*d->p == '-' || (*d->p >= '0' && *d->p <= '9')) {
        if (!d->c->decode_invalid && is_odd_number(d->p))
            bad(d, t, "invalid number");
        else
            take_number(d, t);
    } else if (take_word(d, t, "true", BOOLEAN)) {
        t->truth = true;
    } else if (!take_word(d, t, "false", BOOLEAN) && !take_word(d, t, "null", NULL_WORD)) {
        if (*d->p && strchr("+iInN", *d->p) && d->c->decode_invalid && is_odd_number(d->p))
            take_number(d, t);
        else
            bad(d, t, "invalid token");
    }
}

static void next(struct decoder *d, struct token *t)
{
    static const char marks[] = "{}[]:,";
    static const enum token_kind kinds[] = { OBJECT_BEGIN, OBJECT_END, ARRAY_BEGIN,
                                             ARRAY_END,    COLON,      COMMA };
    const char *mark;

    d->p += strspn(d->p, " \t\n\r");
    *t = (struct token){ .at = (size_t)(d->p - d->text) };
    if (!*d->p) {
        t->kind = END;
        return;
    }
    mark = strchr(marks, *d->p);
    if (!mark) {
        take_scalar(d, t);
        return;
    }
    t->kind = kinds[mark - marks];
    d->p++;
}

/* ---- values ----------------------------------------------------------------------------------------- */

static void refuse(struct decoder *d, const struct token *t, const char *expected)
{
    luaL_error(d->L, "Expected %s but found %s at character %d", expected,
               t->kind == BAD ? t->why : names[t->kind], (int)t->at + 1);
}

static void descend(struct decoder *d)
{
    if (++d->depth > d->c->decode_depth_max || !lua_checkstack(d->L, 4))
        luaL_error(d->L, "Found too many nested data structures (%d) at character %d", d->depth,
                   (int)(d->p - d->text));
}

static void push_value(struct decoder *d, const struct token *t);

static void push_object(struct decoder *d)
{
    struct token t;

    descend(d);
    lua_newtable(d->L);
    next(d, &t);
    for (bool first = true; !(first && t.kind == OBJECT_END); first = false) {
        if (t.kind != STRING)
            refuse(d, &t, "object key string");
        lua_pushlstring(d->L, d->string->at, d->string->len);
        next(d, &t);
        if (t.kind != COLON)
            refuse(d, &t, "colon");
        next(d, &t);
        push_value(d, &t);
        lua_rawset(d->L, -3);
        next(d, &t);
        if (t.kind == OBJECT_END)
            break;
        if (t.kind != COMMA)
            refuse(d, &t, "comma or object end");
        next(d, &t);
    }
    d->depth--;
}

static void push_array(struct decoder *d)
{
    struct token t;

    descend(d);
    lua_newtable(d->L);
    next(d, &t);
    for (int i = 1; !(i == 1 && t.kind == ARRAY_END); i++) {
        push_value(d, &t);
        lua_rawseti(d->L, -2, i);
        next(d, &t);
        if (t.kind == ARRAY_END)
            break;
        if (t.kind != COMMA)
            refuse(d, &t, "comma or array end");
        next(d, &t);
    }
    d->depth--;
}

static void push_value(struct decoder *d, const struct token *t)
{
    switch (t->kind) {
    case STRING:
        lua_pushlstring(d->L, d->string->at, d->string->len);
        return;
    case NUMBER:
        lua_pushnumber(d->L, t->number);
        return;
    case BOOLEAN:
        lua_pushboolean(d->L, t->truth);
        return;
    case NULL_WORD:
        lua_pushlightuserdata(d->L, NULL);
        return;
    case OBJECT_BEGIN:
        push_object(d);
        return;
    case ARRAY_BEGIN:
        push_array(d);
        return;
    default:
        refuse(d, t, "value");
    }
}

int json_decode(lua_State *L)
{
    struct decoder d = { .L = L, .c = lua_touserdata(L, lua_upvalueindex(1)) };
    struct token t;
    size_t len;

    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    d.text = d.p = luaL_checklstring(L, 1, &len);
    if (len >= 2 && (!d.text[0] || !d.text[1]))
        return luaL_error(L, "JSON parser does not support UTF-16 or UTF-32");
    if (len > JSON_BYTES_MAX)
        return luaL_error(L, "the text is larger than %d MB", (int)(JSON_BYTES_MAX >> 20));
    d.string = json_scratch(L);
    buf_reserve(d.string, 1);
    next(&d, &t);
    push_value(&d, &t);
    next(&d, &t);
    if (t.kind != END)
        refuse(&d, &t, "the end");
    return 1;
}
