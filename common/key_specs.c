/* The key language of command_docs.h. */
#include "common/command_docs.h"

#include <string.h>

/* By bit, in the order in which clients see them. */
static const char *const flag_words[] = {
    "RO",     "RW",     "OW",      "RM",         "access",         "update",
    "insert", "delete", "not_key", "incomplete", "variable_flags",
};

const char *key_flag_word(uint32_t flag)
{
    return flag_words[__builtin_ctz(flag)];
}

uint32_t key_flag_of(struct bytes word)
{
    for (size_t i = 0; i < ARRAY_LEN(flag_words); i++)
        if (bytes_is_word(word, flag_words[i]))
            return 1u << i;
    return 0;
}

/* Cuts the next word off *text; false at its end. */
static bool next_word(struct bytes *text, struct bytes *out_word)
{
    size_t len = 0;

    while (text->len && text->at[0] == ' ')
        *text = (struct bytes){ text->at + 1, text->len - 1 };
    while (len < text->len && text->at[len] != ' ')
        len++;
    *out_word = (struct bytes){ text->at, len };
    *text = (struct bytes){ text->at + len, text->len - len };
    return len > 0;
}

/* What stands behind "name=", in up to three parts between colons; the number of parts, 0 when the word
 * does not begin so. */
static int word_parts(struct bytes word, const char *name, struct bytes parts[3])
{
    size_t head = strlen(name);
    int n = 0;

    if (word.len <= head || memcmp(word.at, name, head) != 0)
        return 0;
    parts[0] = (struct bytes){ word.at + head, 0 };
    for (size_t i = head; i < word.len; i++) {
        if (word.at[i] == ':' && n < 2)
            parts[++n] = (struct bytes){ word.at + i + 1, 0 };
        else
            parts[n].len++;
    }
    return n + 1;
}

static bool part_int(struct bytes part, int *out)
{
    int64_t v;

    if (!bytes_to_i64(part, &v) || v < -1000 || v > 1000)
        return false;
    *out = (int)v;
    return true;
}

static bool part_ints(struct bytes parts[3], int *a, int *b, int *c)
{
    return part_int(parts[0], a) && part_int(parts[1], b) && part_int(parts[2], c);
}

static bool spec_word(struct key_spec *s, struct bytes word, int *unknowns)
{
    struct bytes parts[3];
    uint32_t flag = key_flag_of(word);

    if (flag) {
        s->flags |= flag;
        return true;
    }
    if (bytes_is(word,
                 "unknown")) { /* the first time it is the beginning, the second time the rest */
        if ((*unknowns)++)
            s->find = KEY_FIND_UNKNOWN;
        else
            s->begin = KEY_BEGIN_UNKNOWN;
        return *unknowns <= 2;
    }
    if (word_parts(word, "index=", parts) == 1) {
        s->begin = KEY_BEGIN_INDEX;
        return part_int(parts[0], &s->index);
    }
    if (word_parts(word, "keyword=", parts) == 2) {
        s->begin = KEY_BEGIN_KEYWORD;
        s->keyword = parts[0];
        return part_int(parts[1], &s->start_from);
    }
    if (word_parts(word, "range=", parts) == 3) {
        s->find = KEY_FIND_RANGE;
        return part_ints(parts, &s->last, &s->step, &s->limit);
    }
    if (word_parts(word, "keynum=", parts) == 3) {
        s->find = KEY_FIND_KEYNUM;
        return part_ints(parts, &s->number, &s->first, &s->step);
    }
    return false;
}

static struct key_spec spec_default(const struct command *cmd, bool first)
{
    struct key_spec s = { .begin = KEY_BEGIN_INDEX, .find = KEY_FIND_RANGE, .step = 1 };

    if (first) {
        s.index = cmd->keys.first;
        s.last = cmd->keys.last < 0 ? cmd->keys.last : cmd->keys.last - cmd->keys.first;
        s.step = cmd->keys.step;
    }
    return s;
}

static bool spec_parse(struct key_spec *s, struct bytes text, struct bytes *out_bad)
{
    const char *hash = memchr(text.at, '#', text.len);
    int unknowns = 0;

    if (hash) {
        s->note = (struct bytes){ hash + 1, (size_t)(text.at + text.len - hash - 1) };
        text.len = (size_t)(hash - text.at);
        while (s->note.len && s->note.at[0] == ' ')
            s->note = (struct bytes){ s->note.at + 1, s->note.len - 1 };
    }
    while (next_word(&text, out_bad))
        if (!spec_word(s, *out_bad, &unknowns))
            return false;
    return true;
}

int key_specs_parse(const struct command *cmd, struct key_spec out_specs[KEY_SPECS_MAX],
                    struct errmsg *out_why)
{
    const char *at = cmd->key_specs;
    int n = 0;

    while (at && *at) {
        size_t len = strcspn(at, ";");
        struct bytes bad;

        if (n == KEY_SPECS_MAX) {
            errmsg_set(out_why, "%s: more than %d key specifications", cmd->name, KEY_SPECS_MAX);
            return -1;
        }
        out_specs[n] = spec_default(cmd, n == 0);
        if (!spec_parse(&out_specs[n], (struct bytes){ at, len }, &bad)) {
            errmsg_set(out_why, "%s: '%.*s' in its key_specs", cmd->name, (int)bad.len, bad.at);
            return -1;
        }
        n++;
        at += at[len] ? len + 1 : len;
    }
    return n;
}

struct key_spec key_spec_of_keys(const struct command *cmd)
{
    return spec_default(cmd, true);
}

uint32_t key_flags_parse(const char *words)
{
    struct bytes rest = bytes_of(words), word;
    uint32_t flags = 0;

    while (next_word(&rest, &word))
        flags |= key_flag_of(word);
    return flags;
}
