#include "common/acl/selector.h"

#include <ctype.h>
#include <string.h>

#include "common/alloc.h"

static struct bytes own(struct bytes text)
{
    return (struct bytes){ xmemdup0(text.at, text.len), text.len };
}

static void disown(struct bytes *text)
{
    xfree((char *)text->at);
}

static void forget_keys(struct selector *s)
{
    for (size_t i = 0; i < s->key_count; i++)
        disown(&s->keys[i].text);
    xfree(s->keys);
    s->keys = NULL;
    s->key_count = 0;
}

static void forget_channels(struct selector *s)
{
    for (size_t i = 0; i < s->channel_count; i++)
        disown(&s->channels[i]);
    xfree(s->channels);
    s->channels = NULL;
    s->channel_count = 0;
}

/* Of one command, or of all. */
static void forget_arguments(struct selector *s, int command)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->argument_count; i++) {
        if (command != CATALOG_NONE && s->arguments[i].command != command)
            s->arguments[kept++] = s->arguments[i];
        else
            disown(&s->arguments[i].word);
    }
    s->argument_count = kept;
    if (kept > 0)
        return;
    xfree(s->arguments);
    s->arguments = NULL;
}

void selector_fini(struct selector *s)
{
    forget_keys(s);
    forget_channels(s);
    forget_arguments(s, CATALOG_NONE);
    *s = (struct selector){ 0 };
}

void selector_copy(struct selector *to, const struct selector *from)
{
    *to = *from;
    to->keys = xcalloc(from->key_count + 1, sizeof *to->keys);
    for (size_t i = 0; i < from->key_count; i++)
        to->keys[i] = (struct key_pattern){ own(from->keys[i].text), from->keys[i].rights };
    to->channels = xcalloc(from->channel_count + 1, sizeof *to->channels);
    for (size_t i = 0; i < from->channel_count; i++)
        to->channels[i] = own(from->channels[i]);
    to->arguments = xcalloc(from->argument_count + 1, sizeof *to->arguments);
    for (size_t i = 0; i < from->argument_count; i++)
        to->arguments[i] =
            (struct first_argument){ from->arguments[i].command, own(from->arguments[i].word) };
}

/* What stands in a file of lines and words. */
static bool fits_a_line(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (isspace((unsigned char)text.at[i]) || text.at[i] == '\0')
            return false;
    return true;
}

/* ---- commands ---------------------------------------------------------------------------------- */

static void set_bit(struct selector *s, int id, bool allow)
{
    uint64_t bit = 1ull << (id % 64);

    if (allow)
        s->bits[id / 64] |= bit;
    else
        s->bits[id / 64] &= ~bit;
}

void selector_set(struct selector *s, const struct catalog *c, int id, bool allow)
{
    forget_arguments(s, id);
    for (int i = 0; i <= c->entries[id].subs; i++)
        set_bit(s, id + i, allow);
}

void selector_set_category(struct selector *s, const struct catalog *c, uint32_t category,
                           bool allow)
{
    for (int i = 0; i < c->count; i++)
        if (c->entries[i].categories & category)
            selector_set(s, c, i, allow);
}

void selector_set_all(struct selector *s, bool allow)
{
    memset(s->bits, allow ? 0xff : 0, sizeof s->bits);
    s->future = allow;
    forget_arguments(s, CATALOG_NONE);
}

static enum acl_fault apply_category(struct selector *s, const struct catalog *c, struct bytes name,
                                     bool allow)
{
    uint32_t category = acl_category_of(name);

    if (bytes_is_word(name, "all"))
        selector_set_all(s, allow);
    else if (category)
        selector_set_category(s, c, category, allow);
    else
        return ACL_NO_COMMAND;
    return ACL_FINE;
}

static enum acl_fault apply_one_command(struct selector *s, const struct catalog *c,
                                        struct bytes name, bool allow)
{
    int id = catalog_find(c, name);

    if (id == CATALOG_NONE)
        return ACL_NO_COMMAND;
    selector_set(s, c, id, allow);
    return ACL_FINE;
}

static void allow_argument(struct selector *s, int command, struct bytes word)
{
    for (size_t i = 0; i < s->argument_count; i++)
        if (s->arguments[i].command == command && bytes_ieq(s->arguments[i].word, word))
            return;
    s->arguments = xrealloc(s->arguments, (s->argument_count + 1) * sizeof *s->arguments);
    s->arguments[s->argument_count++] = (struct first_argument){ command, own(word) };
}

/* +config|get is a subcommand; +select|0 an argument of a command that has none. */
static enum acl_fault allow_command(struct selector *s, const struct catalog *c, struct bytes name)
{
    const char *bar = name.len ? memrchr(name.at, '|', name.len) : NULL;
    struct bytes head = { name.at, bar ? (size_t)(bar - name.at) : name.len };
    int id = catalog_find(c, head);

    if (!bar)
        return apply_one_command(s, c, name, true);
    if (id == CATALOG_NONE)
        return ACL_NO_COMMAND;
    if (c->entries[id].parent != CATALOG_NONE)
        return ACL_ARGUMENT_OF_SUB;
    if (head.len + 1 == name.len)
        return ACL_BAD_RULE;
    if (c->entries[id].row->subs)
        return apply_one_command(s, c, name, true);
    if (!fits_a_line(name))
        return ACL_BAD_RULE; /* Redis takes it, and writes a file that it cannot read */
    allow_argument(s, id, (struct bytes){ bar + 1, name.len - head.len - 1 });
    return ACL_FINE;
}

static enum acl_fault apply_commands(struct selector *s, const struct catalog *c, struct bytes rule)
{
    bool allow = rule.at[0] == '+';
    struct bytes name = { rule.at + 1, rule.len - 1 };

    if (name.len && name.at[0] == '@')
        return apply_category(s, c, (struct bytes){ name.at + 1, name.len - 1 }, allow);
    return allow ? allow_command(s, c, name) : apply_one_command(s, c, name, false);
}

/* ---- keys and channels ------------------------------------------------------------------------- */

/* "~p", "%R~p", "%W~p", "%RW~p". ~ may be missing where nothing follows, as in Redis. */
static bool read_key_rule(struct bytes rule, struct key_pattern *out)
{
    size_t at = 1;

    *out = (struct key_pattern){ .rights = rule.at[0] == '~' ? KEY_READ | KEY_WRITE : 0 };
    for (; rule.at[0] == '%' && at < rule.len && rule.at[at] != '~'; at++) {
        char letter = (char)toupper((unsigned char)rule.at[at]);
        uint32_t right = letter == 'R' ? KEY_READ : letter == 'W' ? KEY_WRITE : 0;

        if (!right || (out->rights & right))
            return false;
        out->rights |= right;
    }
    at += rule.at[0] == '%' && at < rule.len;
    out->text = (struct bytes){ rule.at + at, rule.len - at };
    return out->rights && fits_a_line(out->text);
}

static enum acl_fault apply_keys(struct selector *s, struct bytes rule)
{
    struct key_pattern p;

    if (s->all_keys)
        return ACL_KEYS_ARE_ALL;
    if (!read_key_rule(rule, &p))
        return ACL_BAD_RULE;
    for (size_t i = 0; i < s->key_count; i++)
        if (bytes_eq(s->keys[i].text, p.text)) {
            s->keys[i].rights |= p.rights;
            return ACL_FINE;
        }
    s->keys = xrealloc(s->keys, (s->key_count + 1) * sizeof *s->keys);
    s->keys[s->key_count++] = (struct key_pattern){ own(p.text), p.rights };
    return ACL_FINE;
}

static enum acl_fault apply_channel(struct selector *s, struct bytes rule)
{
    struct bytes text = { rule.at + 1, rule.len - 1 };

    if (s->all_channels)
        return ACL_CHANNELS_ARE_ALL;
    if (!fits_a_line(text))
        return ACL_BAD_RULE;
    for (size_t i = 0; i < s->channel_count; i++)
        if (bytes_eq(s->channels[i], text))
            return ACL_FINE;
    s->channels = xrealloc(s->channels, (s->channel_count + 1) * sizeof *s->channels);
    s->channels[s->channel_count++] = own(text);
    return ACL_FINE;
}

static void set_keys(struct selector *s, bool all)
{
    forget_keys(s);
    s->all_keys = all;
}

static void set_channels(struct selector *s, bool all)
{
    forget_channels(s);
    s->all_channels = all;
}

static const struct {
    const char *word;
    void (*set)(struct selector *s, bool all);
    bool all;
} words[] = {
    { "allkeys", set_keys, true },
    { "~*", set_keys, true },
    { "resetkeys", set_keys, false },
    { "allchannels", set_channels, true },
    { "&*", set_channels, true },
    { "resetchannels", set_channels, false },
    { "allcommands", selector_set_all, true },
    { "nocommands", selector_set_all, false },
};

enum acl_fault selector_apply(struct selector *s, const struct catalog *c, struct bytes rule)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (bytes_is_word(rule, words[i].word)) {
            words[i].set(s, words[i].all);
            return ACL_FINE;
        }
    switch (rule.len ? rule.at[0] : '\0') {
    case '+':
    case '-':
        return apply_commands(s, c, rule);
    case '~':
    case '%':
        return apply_keys(s, rule);
    case '&':
        return apply_channel(s, rule);
    default:
        return ACL_BAD_RULE;
    }
}

static bool reaches_all_keys(const struct selector *s)
{
    bool all = s->all_keys;

    for (size_t i = 0; i < s->key_count; i++)
        all |= key_pattern_is_all(&s->keys[i]);
    return all;
}

bool selector_unlimited(const struct selector *s, const struct catalog *c)
{
    if (!s->future || !reaches_all_keys(s) || !s->all_channels)
        return false;
    for (int i = 0; i < c->count; i++)
        if (!selector_has(s, i))
            return false;
    return true;
}
