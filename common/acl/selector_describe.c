/*
 * A selector as the rules that make it.
 *
 * Of the commands only a bitmap is left, so the shortest rules are searched for as Redis does: from +@all
 * or -@all, one category after the other that brings more right commands than wrong ones, the best first;
 * then single commands for what is still different. The rules are applied as they are found, so the end
 * can be compared with the beginning.
 */
#include "common/acl/selector.h"

#include <limits.h>
#include <string.h>

/* Redis 7.0 has it. */
static bool is_old(const struct command *row)
{
    return !(row->flags & CMD_HIDDEN) && strcmp(row->since, "7.1") < 0;
}

/* Commands of a category by their bit. Those that Redis 7.0 does not have do not count, so that both choose
 * alike. */
static void count_bits(const struct selector *s, const struct catalog *c, uint32_t category,
                       int out_counts[2])
{
    out_counts[0] = out_counts[1] = 0;
    for (int i = 0; i < c->count; i++)
        if ((c->entries[i].categories & category) && is_old(c->entries[i].row))
            out_counts[selector_has(s, i)]++;
}

/* The category with the fewest commands for which `allow` is wrong, and the most for which it is right. */
static uint32_t best_category(const struct selector *s, const struct catalog *c, bool allow,
                              uint32_t tried)
{
    uint32_t best = 0;
    int wrong = INT_MAX, right = 0;

    for (uint32_t bit = 1; acl_category_word(bit); bit <<= 1) {
        int counts[2];

        if (tried & bit)
            continue;
        count_bits(s, c, bit, counts);
        if (counts[allow] <= counts[!allow])
            continue;
        if (counts[!allow] < wrong || (counts[!allow] == wrong && counts[allow] > right)) {
            best = bit;
            wrong = counts[!allow];
            right = counts[allow];
        }
    }
    return best;
}

static void put_categories(const struct selector *s, const struct catalog *c, struct selector *made,
                           struct buf *out)
{
    struct selector rest = { 0 }; /* what is still to be said */
    uint32_t tried = 0, category;
    bool allow = !s->future;

    memcpy(rest.bits, s->bits, sizeof rest.bits);
    while ((category = best_category(&rest, c, allow, tried))) {
        selector_set_category(made, c, category, allow);
        selector_set_category(&rest, c, category, !allow);
        buf_printf(out, " %c@%s", allow ? '+' : '-', acl_category_word(category));
        tried |= category;
    }
}

static void put_single_commands(const struct selector *s, const struct catalog *c,
                                struct selector *made, struct buf *out)
{
    for (int i = 0; i < c->count; i++) {
        const struct catalog_entry *e = &c->entries[i];
        bool allow = selector_has(s, i);

        if (allow != selector_has(made, i)) {
            buf_printf(out, " %c%s", allow ? '+' : '-', e->name.at);
            selector_set(made, c, i, allow);
        }
        for (size_t k = 0; !allow && k < s->argument_count; k++)
            if (s->arguments[k].command == i) {
                buf_printf(out, " +%s|", e->name.at);
                buf_add(out, s->arguments[k].word);
            }
    }
}

void selector_put_commands(const struct selector *s, const struct catalog *c, struct buf *out)
{
    struct selector made = { 0 };

    buf_puts(out, s->future ? "+@all" : "-@all");
    selector_set_all(&made, s->future);
    put_categories(s, c, &made, out);
    put_single_commands(s, c, &made, out);
    ASSERT(memcmp(made.bits, s->bits, sizeof made.bits) ==
           0); /* else a file would hold other rights */
}

void selector_put_keys(const struct selector *s, bool again, struct buf *out)
{
    static const char *const marks[] = {
        [KEY_READ] = "%R~", [KEY_WRITE] = "%W~", [KEY_READ | KEY_WRITE] = "~"
    };

    if (s->all_keys)
        buf_puts(out, "~*");
    for (size_t i = 0; i < s->key_count; i++) {
        const struct key_pattern *p = &s->keys[i];
        /* "~*" takes those before it away, and none may follow it. */
        bool mixed = again && key_pattern_is_all(p) && s->key_count > 1;

        buf_printf(out, "%s%s", i ? " " : "", mixed ? "%RW~" : marks[p->rights]);
        buf_add(out, p->text);
    }
}

void selector_put_channels(const struct selector *s, struct buf *out)
{
    if (s->all_channels)
        buf_puts(out, "&*");
    for (size_t i = 0; i < s->channel_count; i++) {
        buf_puts(out, i ? " &" : "&");
        buf_add(out, s->channels[i]);
    }
}

void selector_describe(const struct selector *s, const struct catalog *c, bool again,
                       struct buf *out)
{
    size_t before = out->len;

    selector_put_keys(s, again, out);
    if (out->len > before)
        buf_putc(out, ' ');
    if (!s->all_channels)
        buf_puts(out, "resetchannels ");
    before = out->len;
    selector_put_channels(s, out);
    if (out->len > before)
        buf_putc(out, ' ');
    selector_put_commands(s, c, out);
}
