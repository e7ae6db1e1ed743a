/* The argument language of command_docs.h, read into a flat tree. */
#include "common/command_docs.h"

#include <ctype.h>
#include <string.h>

static const char *const type_words[DOC_TYPES] = {
    [DOC_STRING] = "string", [DOC_INTEGER] = "integer",       [DOC_DOUBLE] = "double",
    [DOC_KEY] = "key",       [DOC_PATTERN] = "pattern",       [DOC_UNIX_TIME] = "unix-time",
    [DOC_ONEOF] = "oneof",   [DOC_PURE_TOKEN] = "pure-token", [DOC_BLOCK] = "block",
};

const char *doc_arg_type_word(enum doc_arg_type type)
{
    return type_words[type];
}

struct parser {
    const char *start, *at;
    struct doc_args *args;
    struct errmsg *why;
};

static enum err fail(struct parser *p, enum err e, const char *what)
{
    errmsg_set(p->why, "%s at '%.40s' in '%.80s'", what, p->at, p->start);
    return e;
}

static void skip_blanks(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\n')
        p->at++;
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '/' || c == '.';
}

static struct bytes take_run(struct parser *p)
{
    struct bytes run = { p->at, 0 };

    while (is_word_char(*p->at))
        p->at++;
    run.len = (size_t)(p->at - run.at);
    return run;
}

/* What stands between two marks; p->at is on the first one. */
static enum err take_between(struct parser *p, char end, struct bytes *out)
{
    const char *close = strchr(p->at + 1, end);

    if (!close)
        return fail(p, ERR_SYNTAX, "unclosed mark");
    *out = (struct bytes){ p->at + 1, (size_t)(close - p->at - 1) };
    p->at = close + 1;
    return OK;
}

/* A word in capitals is a token. */
static bool is_token(struct bytes run)
{
    bool capital = false;

    for (size_t i = 0; i < run.len; i++) {
        if (islower((unsigned char)run.at[i]))
            return false;
        capital |= isupper((unsigned char)run.at[i]) != 0;
    }
    return capital;
}

static enum err new_arg(struct parser *p, int *out_index)
{
    if (p->args->count == COMMAND_ARGS_MAX)
        return fail(p, ERR_LIMIT, "too many arguments");
    *out_index = p->args->count++;
    p->args->args[*out_index] =
        (struct doc_arg){ .type = DOC_STRING, .key_spec = -1, .child = -1, .next = -1 };
    return OK;
}

static enum err parse_item(struct parser *p, int *out_index);

/* Items up to the closing mark; separator is '|' or ' '. */
static enum err parse_children(struct parser *p, int parent, char separator, char close)
{
    int last = -1, index;
    enum err e;

    p->at++;
    for (;;) {
        skip_blanks(p);
        if (*p->at == close)
            break;
        if (last >= 0 && separator == '|') {
            if (*p->at != '|')
                return fail(p, ERR_SYNTAX, "expected '|'");
            p->at++;
            skip_blanks(p);
        }
        if ((e = parse_item(p, &index)) != OK)
            return e;
        if (last < 0)
            p->args->args[parent].child = index;
        else
            p->args->args[last].next = index;
        last = index;
    }
    p->at++;
    return last < 0 ? fail(p, ERR_SYNTAX, "nothing inside") : OK;
}

static enum err parse_type(struct parser *p, struct doc_arg *a)
{
    struct bytes run = take_run(p);

    if (run.len && run.at[run.len - 1] >= '0' && run.at[run.len - 1] < '0' + KEY_SPECS_MAX)
        a->key_spec = run.at[--run.len] - '0';
    for (int t = 0; t < DOC_PURE_TOKEN; t++) {
        if (bytes_is(run, type_words[t])) {
            a->type = (enum doc_arg_type)t;
            if (t == DOC_KEY && a->key_spec < 0)
                a->key_spec = 0;
            return OK;
        }
    }
    return fail(p, ERR_SYNTAX, "unknown type");
}

/* "(A|B)", "{a b}", "'TOKEN'" or a type: what may stand behind "name:". */
static enum err parse_body(struct parser *p, int index)
{
    struct doc_arg *a = &p->args->args[index];

    switch (*p->at) {
    case '(':
        a->type = DOC_ONEOF;
        return parse_children(p, index, '|', ')');
    case '{':
        a->type = DOC_BLOCK;
        return parse_children(p, index, ' ', '}');
    case '\'':
        a->type = DOC_PURE_TOKEN;
        a->has_token = true;
        return take_between(p, '\'', &a->token);
    default:
        return parse_type(p, a);
    }
}

/* A name, a token, or one of the two with what follows it. */
static enum err parse_named(struct parser *p, int index)
{
    struct doc_arg *a = &p->args->args[index];
    struct bytes run;
    enum err e;

    if (*p->at == '\'') {
        a->type = DOC_PURE_TOKEN;
        a->has_token = true;
        return take_between(p, '\'', &a->token);
    }
    if (*p->at == '<') {
        if ((e = take_between(p, '>', &run)) != OK)
            return e;
    } else {
        run = take_run(p);
        if (run.len == 0)
            return fail(p, ERR_SYNTAX, "expected an argument");
        if (is_token(run)) {
            a->type = DOC_PURE_TOKEN;
            a->token = run;
            a->has_token = true;
            return OK;
        }
    }
    a->name = run;
    if (*p->at == ':') {
        p->at++;
        return parse_body(p, index);
    }
    if (bytes_is(run, "key")) {
        a->type = DOC_KEY;
        a->key_spec = 0;
    }
    return OK;
}

static enum err parse_suffixes(struct parser *p, struct doc_arg *a)
{
    for (;;) {
        if (*p->at == '+') {
            a->flags |= a->flags & DOC_MULTIPLE ? DOC_MULTIPLE_TOKEN : DOC_MULTIPLE;
            p->at++;
        } else if (*p->at == '@') {
            p->at++;
            a->since = take_run(p);
        } else if (*p->at == '~') {
            p->at++;
            a->deprecated = take_run(p);
        } else {
            return OK;
        }
    }
}

/* "TOKEN=" or "'token'=" in front of an argument; p->at is behind it when true. */
static bool take_leading_token(struct parser *p, struct bytes *out_token)
{
    struct parser ahead = *p;
    struct bytes token;

    ahead.why = NULL;
    if (*p->at == '\'') {
        if (take_between(&ahead, '\'', &token) != OK)
            return false;
    } else {
        token = take_run(&ahead);
    }
    if (*ahead.at != '=')
        return false;
    p->at = ahead.at + 1;
    *out_token = token;
    return true;
}

static enum err parse_item(struct parser *p, int *out_index)
{
    bool optional = *p->at == '[', has_token;
    struct bytes token = { 0 };
    struct doc_arg *a;
    int index;
    enum err e;

    if (optional)
        p->at++;
    if ((e = new_arg(p, &index)) != OK)
        return e;
    a = &p->args->args[index];
    has_token = take_leading_token(p, &token);
    e = *p->at == '(' || *p->at == '{' ? parse_body(p, index) : parse_named(p, index);
    if (e != OK)
        return e;
    if (has_token) {
        a->token = token;
        a->has_token = true;
    }
    if ((e = parse_suffixes(p, a)) != OK)
        return e;
    if (optional) {
        a->flags |= DOC_OPTIONAL;
        if (*p->at != ']')
            return fail(p, ERR_SYNTAX, "expected ']' before this");
        p->at++;
    }
    *out_index = index;
    return parse_suffixes(p, a);
}

enum err doc_args_parse(const char *text, struct doc_args *out_args, struct errmsg *out_why)
{
    struct parser p = { .start = text, .at = text, .args = out_args, .why = out_why };
    int last = -1, index;
    enum err e;

    out_args->count = 0;
    if (!text)
        return OK;
    for (skip_blanks(&p); *p.at; skip_blanks(&p)) {
        if ((e = parse_item(&p, &index)) != OK)
            return e;
        if (*p.at && *p.at != ' ' && *p.at != '\n')
            return fail(&p, ERR_SYNTAX, "expected a blank");
        if (last >= 0)
            out_args->args[last].next = index;
        last = index;
    }
    return OK;
}

void doc_arg_name(const struct doc_args *args, int index, struct buf *out_name)
{
    const struct doc_arg *a = &args->args[index];

    if (a->name.len) {
        buf_add(out_name, a->name);
    } else if (a->child < 0) {
        for (size_t i = 0; i < a->token.len; i++)
            buf_putc(out_name, (char)tolower((unsigned char)a->token.at[i]));
    } else {
        for (int i = a->child; i >= 0; i = args->args[i].next) {
            if (i != a->child)
                buf_putc(out_name, '_');
            doc_arg_name(args, i, out_name);
        }
    }
}
