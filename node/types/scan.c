#include "node/types/scan.h"

#include "node/types/arguments.h"

enum { SCAN_COUNT = 10, SCAN_EMPTY_BUCKETS = 10 };

/* As strtoul reads it, which is what Redis accepts: a sign, leading zeros. */
bool want_scan_cursor(struct call *c, int arg, struct scan *out)
{
    struct bytes text = c->argv[arg];
    uint64_t v = 0;
    bool minus = text.len && text.at[0] == '-';
    size_t i = minus || (text.len && text.at[0] == '+');

    if (i && i == text.len) {
        refuse(c, "ERR invalid cursor");
        return false;
    }
    for (; i < text.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text.at[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, digit, &v)) {
            refuse(c, "ERR invalid cursor");
            return false;
        }
    }
    *out = (struct scan){ .cursor = minus ? -v : v };
    return true;
}

/* A lone star matches everything: no need to look at each name. */
static struct bytes pattern_of(struct bytes text)
{
    return bytes_is(text, "*") ? (struct bytes){ 0 } : text;
}

static bool want_count(struct call *c, int arg, struct scan *s)
{
    int64_t count;

    if (!want_i64(c, arg, &count))
        return false;
    if (count < 1) {
        refuse_syntax(c);
        return false;
    }
    s->count = (uint64_t)count;
    return true;
}

bool want_scan_options(struct call *c, int first, struct scan *s, struct bytes *out_type)
{
    s->count = SCAN_COUNT;
    for (int i = first; i < c->argc; i += 2) {
        bool last = i + 1 == c->argc;

        if (bytes_is_word(c->argv[i], "count") && !last) {
            if (!want_count(c, i + 1, s))
                return false;
        } else if (bytes_is_word(c->argv[i], "match") && !last) {
            s->pattern = pattern_of(c->argv[i + 1]);
        } else if (out_type && bytes_is_word(c->argv[i], "type") && !last) {
            *out_type = c->argv[i + 1];
        } else {
            refuse_syntax(c);
            return false;
        }
    }
    if (__builtin_mul_overflow(s->count, (uint64_t)SCAN_EMPTY_BUCKETS, &s->steps_left))
        s->steps_left = UINT64_MAX;
    return true;
}

bool scan_matches(const struct scan *s, struct bytes text)
{
    return !s->pattern.at || glob_match(s->pattern, text, false);
}

bool scan_goes_on(struct scan *s, uint64_t seen)
{
    return s->cursor && --s->steps_left && seen < s->count;
}

void reply_scan_head(struct call *c, const struct scan *s)
{
    char text[24];

    reply_array(c->reply, 2);
    reply_bulk(c->reply, (struct bytes){ text, fmt_u64(text, s->cursor) });
}
