/* The history as lines of name=value, for a file that a person may read: a name that is not known is skipped. */
#include <string.h>

#include "common/alloc.h"
#include "common/words.h"
#include "sentinel/serve/history.h"

enum { WORDS_MAX = 64 };

enum kind { NUMBER, PORT, COUNT, FLAG, TEXT, OUTCOME };

#define AT(field)      .at = offsetof(struct history_item, field)
#define TEXT_AT(field) .kind = TEXT, AT(field), .cap = sizeof((struct history_item *)0)->field

static const struct field {
    const char *name;
    enum kind kind;
    size_t at, cap;
} fields[] = {
    { "number", .kind = NUMBER, AT(number) },
    { "time-ms", .kind = NUMBER, AT(wall_ms) },
    { "group", TEXT_AT(group) },
    { "from", TEXT_AT(from.host) },
    { "from-port", .kind = PORT, AT(from.port) },
    { "to", TEXT_AT(to.host) },
    { "to-port", .kind = PORT, AT(to.port) },
    { "led-by", TEXT_AT(captain) },
    { "planned", .kind = FLAG, AT(planned) },
    { "outcome", .kind = OUTCOME, AT(outcome) },
    { "attempts", .kind = COUNT, AT(attempts) },
    { "silent-us", .kind = NUMBER, AT(silent_us) },
};

/* ---- out ---- */

static void put_number(struct buf *out, uint64_t value)
{
    buf_printf(out, "%llu", (unsigned long long)value);
}

static void put_value(const void *at, enum kind kind, struct buf *out)
{
    switch (kind) {
    case NUMBER:
        put_number(out, *(const uint64_t *)at);
        break;
    case PORT:
        put_number(out, (uint64_t) * (const int *)at);
        break;
    case COUNT:
        put_number(out, *(const uint32_t *)at);
        break;
    case FLAG:
        put_number(out, *(const bool *)at);
        break;
    case TEXT:
        buf_put_quoted(out, bytes_of(at));
        break;
    case OUTCOME:
        buf_puts(out, tally_outcome_words[*(const enum tally_outcome *)at]);
        break;
    }
}

static void put_item(struct buf *out, const struct history_item *item)
{
    buf_puts(out, "failover");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        buf_printf(out, " %s=", fields[i].name);
        put_value((const char *)item + fields[i].at, fields[i].kind, out);
    }
    for (int m = 0; m < MARK_COUNT; m++)
        if (item->marks & (1u << m)) {
            buf_printf(out, " %s-us=", history_mark_words[m]);
            put_number(out, item->at_us[m]);
        }
    buf_putc(out, '\n');
}

void history_put(const struct history *h, struct buf *out)
{
    uint64_t first = h->last >= HISTORY_MAX ? h->last - HISTORY_MAX + 1 : 1;

    for (uint64_t n = first; h->items && n <= h->last; n++)
        if (h->items[n % HISTORY_MAX].number == n)
            put_item(out, &h->items[n % HISTORY_MAX]);
}

/* ---- and in ---- */

static bool read_number(struct bytes value, uint64_t max, uint64_t *out)
{
    return bytes_to_u64(value, out) && *out <= max;
}

static bool read_text(struct bytes value, char *out, size_t cap)
{
    if (value.len >= cap || memchr(value.at, '\0', value.len))
        return false;
    memcpy(out, value.at, value.len);
    out[value.len] = '\0';
    return true;
}

static bool read_outcome(struct bytes value, enum tally_outcome *out)
{
    for (int i = 0; i < ENDED_COUNT; i++)
        if (bytes_is(value, tally_outcome_words[i])) {
            *out = (enum tally_outcome)i;
            return true;
        }
    return false;
}

static bool read_value(struct bytes value, const struct field *f, void *at)
{
    uint64_t n = 0;
    bool whole;

    switch (f->kind) {
    case NUMBER:
        return read_number(value, INT64_MAX, at);
    case PORT:
        whole = read_number(value, 65535, &n);
        *(int *)at = (int)n;
        return whole;
    case COUNT:
        whole = read_number(value, UINT32_MAX, &n);
        *(uint32_t *)at = (uint32_t)n;
        return whole;
    case FLAG:
        whole = read_number(value, 1, &n);
        *(bool *)at = n == 1;
        return whole;
    case TEXT:
        return read_text(value, at, f->cap);
    case OUTCOME:
        return read_outcome(value, at);
    }
    return false;
}

static bool is_mark(struct bytes name, int mark)
{
    size_t len = strlen(history_mark_words[mark]);

    return name.len == len + strlen("-us") && memcmp(name.at, history_mark_words[mark], len) == 0 &&
           memcmp(name.at + len, "-us", strlen("-us")) == 0;
}

static bool read_word(struct history_item *item, struct bytes name, struct bytes value)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (bytes_is(name, fields[i].name))
            return read_value(value, &fields[i], (char *)item + fields[i].at);
    for (int m = 0; m < MARK_COUNT; m++)
        if (is_mark(name, m)) {
            item->marks |= 1u << m;
            return read_number(value, INT64_MAX, &item->at_us[m]);
        }
    return true;
}

static bool read_item(struct bytes line, struct buf *storage, struct history_item *item)
{
    struct bytes words[WORDS_MAX];
    int count;

    *item = (struct history_item){ .number = 0 };
    if (words_split(line, storage, words, WORDS_MAX, &count) != OK || count == 0 ||
        !bytes_is(words[0], "failover"))
        return false;
    for (int i = 1; i < count; i++) {
        const char *sign = memchr(words[i].at, '=', words[i].len);
        size_t len = sign ? (size_t)(sign - words[i].at) : words[i].len;

        if (!sign || !read_word(item, (struct bytes){ words[i].at, len },
                                (struct bytes){ sign + 1, words[i].len - len - 1 }))
            return false;
    }
    return item->number > 0 && item->group[0];
}

/* The next line of *text, which is cut off there. */
static struct bytes next_line(struct bytes *text)
{
    const char *end = memchr(text->at, '\n', text->len);
    struct bytes line = { text->at, end ? (size_t)(end - text->at) : text->len };
    size_t taken = line.len + (end != NULL);

    *text = (struct bytes){ text->at + taken, text->len - taken };
    return line;
}

int history_read(struct history *h, struct bytes text)
{
    struct buf storage = { 0 };
    struct history_item item;
    int bad = 0;

    while (text.len) {
        struct bytes line = next_line(&text);

        if (line.len == 0)
            continue;
        if (!read_item(line, &storage, &item) || item.number <= h->last) {
            bad++;
            continue;
        }
        if (!h->items)
            h->items = xcalloc(HISTORY_MAX, sizeof *h->items);
        h->items[item.number % HISTORY_MAX] = item;
        h->last = item.number;
    }
    buf_fini(&storage);
    return bad;
}
