/* A row as COMMAND INFO and COMMAND DOCS show it. */
#include "common/command_docs.h"

#include <stdio.h>
#include <string.h>

enum { FULL_NAME_MAX = 64 };

static void reply_field(struct reply *r, const char *name, const char *value)
{
    reply_text(r, name);
    reply_text(r, value);
}

static void reply_int_field(struct reply *r, const char *name, int value)
{
    reply_text(r, name);
    reply_int(r, value);
}

static size_t sub_count(const struct command_table *t, const struct command *cmd)
{
    size_t n = 0;

    for (const struct command *sub = cmd->subs; sub && sub->name; sub++)
        n += command_shown(t, sub);
    return n;
}

/* The bits of a mask as a set of status replies; word gives each bit's word, or NULL. */
static void reply_bits(struct reply *r, uint32_t bits, const char *(*word)(uint32_t),
                       const char *prefix)
{
    char text[64];
    size_t n = 0;

    for (uint32_t rest = bits; rest; rest &= rest - 1)
        n += word(rest & -rest) != NULL;
    reply_set(r, n);
    for (uint32_t rest = bits; rest; rest &= rest - 1) {
        const char *w = word(rest & -rest);

        if (w) {
            snprintf(text, sizeof text, "%s%s", prefix, w);
            reply_simple(r, text);
        }
    }
}

static void reply_begin(struct reply *r, const struct key_spec *s)
{
    static const char *const types[] = { "unknown", "index", "keyword" };

    reply_text(r, "begin_search");
    reply_map(r, 2);
    reply_field(r, "type", types[s->begin]);
    reply_text(r, "spec");
    switch (s->begin) {
    case KEY_BEGIN_INDEX:
        reply_map(r, 1);
        reply_int_field(r, "index", s->index);
        break;
    case KEY_BEGIN_KEYWORD:
        reply_map(r, 2);
        reply_text(r, "keyword");
        reply_bulk(r, s->keyword);
        reply_int_field(r, "startfrom", s->start_from);
        break;
    default:
        reply_map(r, 0);
    }
}

static void reply_find(struct reply *r, const struct key_spec *s)
{
    static const char *const types[] = { "unknown", "range", "keynum" };

    reply_text(r, "find_keys");
    reply_map(r, 2);
    reply_field(r, "type", types[s->find]);
    reply_text(r, "spec");
    switch (s->find) {
    case KEY_FIND_RANGE:
        reply_map(r, 3);
        reply_int_field(r, "lastkey", s->last);
        reply_int_field(r, "keystep", s->step);
        reply_int_field(r, "limit", s->limit);
        break;
    case KEY_FIND_KEYNUM:
        reply_map(r, 3);
        reply_int_field(r, "keynumidx", s->number);
        reply_int_field(r, "firstkey", s->first);
        reply_int_field(r, "keystep", s->step);
        break;
    default:
        reply_map(r, 0);
    }
}

static void reply_specs(struct reply *r, const struct command *cmd)
{
    struct key_spec specs[KEY_SPECS_MAX];
    int n = key_specs_parse(cmd, specs, NULL);

    ASSERT(n >= 0);
    reply_set(r, (size_t)n);
    for (int i = 0; i < n; i++) {
        reply_map(r, 3u + (specs[i].note.len > 0));
        if (specs[i].note.len) {
            reply_text(r, "notes");
            reply_bulk(r, specs[i].note);
        }
        reply_text(r, "flags");
        reply_bits(r, specs[i].flags, key_flag_word, "");
        reply_begin(r, &specs[i]);
        reply_find(r, &specs[i]);
    }
}

/* Pieces of text between separators: their number, and each in turn. */
static size_t piece_count(const char *text, char separator)
{
    size_t n = text && *text ? 1 : 0;

    for (; n && *text; text++)
        n += *text == separator;
    return n;
}

static struct bytes next_piece(const char **text, char separator)
{
    const char *end = strchrnul(*text, separator);
    struct bytes piece = { *text, (size_t)(end - *text) };

    *text = *end ? end + 1 : end;
    return piece;
}

static void reply_tips(struct reply *r, const char *tips)
{
    size_t n = piece_count(tips, ' ');

    reply_set(r, n);
    while (n--)
        reply_bulk(r, next_piece(&tips, ' '));
}

static void reply_subs_info(struct reply *r, const struct command_table *t,
                            const struct command *cmd)
{
    char name[FULL_NAME_MAX];

    if (!cmd->subs) {
        reply_set(r, 0);
        return;
    }
    reply_array(r, sub_count(t, cmd));
    for (const struct command *sub = cmd->subs; sub->name; sub++) {
        if (!command_shown(t, sub))
            continue;
        snprintf(name, sizeof name, "%s|%s", cmd->name, sub->name);
        command_reply_info(r, t, sub, name);
    }
}

/* Flags have an order of their own: the one of command_flag_at. */
static void reply_flags(struct reply *r, uint32_t flags)
{
    const char *word;
    size_t n = 0;

    for (size_t i = 0; command_flag_at(i, &word); i++)
        n += (flags & command_flag_at(i, &word)) != 0;
    reply_set(r, n);
    for (size_t i = 0; command_flag_at(i, &word); i++)
        if (flags & command_flag_at(i, &word))
            reply_simple(r, word);
}

void command_reply_info(struct reply *r, const struct command_table *t, const struct command *cmd,
                        const char *full_name)
{
    reply_array(r, 10);
    reply_text(r, full_name);
    reply_int(r, command_arity(cmd));
    reply_flags(r, cmd->flags);
    reply_int(r, cmd->keys.first);
    reply_int(r, cmd->keys.last);
    reply_int(r, cmd->keys.step);
    reply_bits(r, command_categories(cmd), acl_category_word, "@");
    reply_tips(r, cmd->tips);
    reply_specs(r, cmd);
    reply_subs_info(r, t, cmd);
}

static void reply_bytes_field(struct reply *r, const char *name, struct bytes value)
{
    reply_text(r, name);
    reply_bulk(r, value);
}

static void reply_arg_list(struct reply *r, const struct doc_args *args, int first);

static void reply_arg_flags(struct reply *r, uint32_t flags)
{
    static const char *const words[] = { "optional", "multiple", "multiple_token" };

    reply_text(r, "flags");
    reply_set(r, (size_t)__builtin_popcount(flags));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (flags & 1u << i)
            reply_simple(r, words[i]);
}

static void reply_arg(struct reply *r, const struct doc_args *args, int index)
{
    const struct doc_arg *a = &args->args[index];
    struct buf name = { 0 };

    doc_arg_name(args, index, &name);
    reply_map(r, 2u + (a->key_spec >= 0) + a->has_token + (a->since.len > 0) +
                     (a->deprecated.len > 0) + (a->flags != 0) + (a->child >= 0));
    reply_bytes_field(r, "name", buf_bytes(&name));
    reply_bytes_field(r, "type", bytes_of(doc_arg_type_word(a->type)));
    if (a->key_spec >= 0) {
        reply_text(r, "key_spec_index");
        reply_int(r, a->key_spec);
    }
    if (a->has_token)
        reply_bytes_field(r, "token", a->token);
    if (a->since.len)
        reply_bytes_field(r, "since", a->since);
    if (a->deprecated.len)
        reply_bytes_field(r, "deprecated_since", a->deprecated);
    if (a->flags)
        reply_arg_flags(r, a->flags);
    if (a->child >= 0) {
        reply_text(r, "arguments");
        reply_arg_list(r, args, a->child);
    }
    buf_fini(&name);
}

static void reply_arg_list(struct reply *r, const struct doc_args *args, int first)
{
    size_t n = 0;

    for (int i = first; i >= 0; i = args->args[i].next)
        n++;
    reply_array(r, n);
    for (int i = first; i >= 0; i = args->args[i].next)
        reply_arg(r, args, i);
}

void doc_args_reply(struct reply *r, const struct doc_args *args)
{
    reply_arg_list(r, args, 0);
}

static void reply_doc_flags(struct reply *r, const struct command *cmd)
{
    reply_text(r, "doc_flags");
    reply_set(r, (cmd->deprecated != NULL) + ((cmd->flags & CMD_SYSCMD) != 0));
    if (cmd->deprecated)
        reply_simple(r, "deprecated");
    if (cmd->flags & CMD_SYSCMD)
        reply_simple(r, "syscmd");
}

static void reply_deprecated(struct reply *r, const char *text)
{
    reply_text(r, "deprecated_since");
    reply_bulk(r, next_piece(&text, '|'));
    reply_field(r, "replaced_by", text);
}

static void reply_history(struct reply *r, const char *text)
{
    size_t n = piece_count(text, '|');

    reply_text(r, "history");
    reply_set(r, n);
    while (n--) {
        struct bytes entry = next_piece(&text, '|');
        size_t head = (size_t)((const char *)memchr(entry.at, ':', entry.len) - entry.at);

        reply_array(r, 2);
        reply_bulk(r, (struct bytes){ entry.at, head });
        reply_bulk(r, (struct bytes){ entry.at + head + 1, entry.len - head - 1 });
    }
}

static void reply_arguments(struct reply *r, const struct command *cmd)
{
    struct doc_args args;
    struct errmsg why;
    enum err e = doc_args_parse(cmd->args, &args, &why);

    ASSERT(e == OK);
    reply_text(r, "arguments");
    doc_args_reply(r, &args);
}

static void reply_subs_docs(struct reply *r, const struct command_table *t,
                            const struct command *cmd)
{
    reply_text(r, "subcommands");
    reply_map(r, sub_count(t, cmd));
    for (const struct command *sub = cmd->subs; sub->name; sub++) {
        if (!command_shown(t, sub))
            continue;
        reply_bulkf(r, "%s|%s", cmd->name, sub->name);
        command_reply_docs(r, t, sub);
    }
}

void command_reply_docs(struct reply *r, const struct command_table *t, const struct command *cmd)
{
    bool doc_flags = cmd->deprecated || (cmd->flags & CMD_SYSCMD);
    bool args = cmd->args && *cmd->args;

    reply_map(r, (cmd->help != NULL) + (cmd->since != NULL) + 1u + (cmd->cost != NULL) + doc_flags +
                     (cmd->deprecated ? 2u : 0u) + (cmd->history != NULL) + args +
                     (cmd->subs != NULL));
    if (cmd->help)
        reply_field(r, "summary", cmd->help);
    if (cmd->since)
        reply_field(r, "since", cmd->since);
    reply_field(r, "group", cmd->group ? cmd->group : "generic");
    if (cmd->cost)
        reply_field(r, "complexity", cmd->cost);
    if (doc_flags)
        reply_doc_flags(r, cmd);
    if (cmd->deprecated)
        reply_deprecated(r, cmd->deprecated);
    if (cmd->history)
        reply_history(r, cmd->history);
    if (args)
        reply_arguments(r, cmd);
    if (cmd->subs)
        reply_subs_docs(r, t, cmd);
}
