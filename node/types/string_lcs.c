/*
 * string_lcs - LCS, the longest common subsequence of two strings, by the matrix of lengths.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/string.h"

struct lcs {
    struct bytes a, b;
    uint32_t *
        lengths; /* (a.len + 1) x (b.len + 1): of what is common to the first i and first j bytes */
    bool want_len, want_index, want_match_len;
    int64_t match_len_min;
};

/* A stretch that both have, by its last bytes. */
struct match {
    size_t a_end, b_end, len;
};

static uint32_t *length_at(const struct lcs *l, size_t i, size_t j)
{
    return &l->lengths[i * (l->b.len + 1) + j];
}

static bool want_lcs_options(struct call *c, struct lcs *l)
{
    for (int i = 3; i < c->argc; i++) {
        if (bytes_is_word(c->argv[i], "idx")) {
            l->want_index = true;
        } else if (bytes_is_word(c->argv[i], "len")) {
            l->want_len = true;
        } else if (bytes_is_word(c->argv[i], "withmatchlen")) {
            l->want_match_len = true;
        } else if (bytes_is_word(c->argv[i], "minmatchlen") && i + 1 < c->argc) {
            if (!want_i64(c, ++i, &l->match_len_min))
                return false;
        } else {
            refuse_syntax(c);
            return false;
        }
    }
    if (!l->want_index || !l->want_len)
        return true;
    refuse(c, "ERR If you want both the length and indexes, please just use IDX.");
    return false;
}

/* The matrix is no larger than a text may be, as in Redis. */
static enum err fill(struct lcs *l, uint64_t bytes_max)
{
    uint64_t cells;

    if (__builtin_mul_overflow((uint64_t)l->a.len + 1, (uint64_t)l->b.len + 1, &cells) ||
        cells > bytes_max / sizeof *l->lengths)
        return ERR_LIMIT;
    l->lengths = try_malloc(cells * sizeof *l->lengths);
    if (!l->lengths)
        return ERR_NOMEM;
    memset(l->lengths, 0, (l->b.len + 1) * sizeof *l->lengths);
    for (size_t i = 1; i <= l->a.len; i++) {
        *length_at(l, i, 0) = 0;
        for (size_t j = 1; j <= l->b.len; j++) {
            uint32_t up = *length_at(l, i - 1, j), left = *length_at(l, i, j - 1);

            if (l->a.at[i - 1] == l->b.at[j - 1])
                *length_at(l, i, j) = *length_at(l, i - 1, j - 1) + 1;
            else
                *length_at(l, i, j) = up > left ? up : left;
        }
    }
    return OK;
}

/* Walks back from the ends; text gets the common bytes, matches the stretches, last one first.
 * Their number. */
static size_t trace(const struct lcs *l, char *text, struct match *matches)
{
    size_t i = l->a.len, j = l->b.len, at = *length_at(l, i, j), count = 0;
    bool open = false;

    while (i > 0 && j > 0) {
        if (l->a.at[i - 1] == l->b.at[j - 1]) {
            if (!open)
                matches[count++] = (struct match){ i - 1, j - 1, 0 };
            open = true;
            matches[count - 1].len++;
            text[--at] = l->a.at[i - 1];
            i--;
            j--;
            continue;
        }
        open = false;
        if (*length_at(l, i - 1, j) > *length_at(l, i, j - 1))
            i--;
        else
            j--;
    }
    return count;
}

static bool long_enough(const struct lcs *l, const struct match *m)
{
    return l->match_len_min <= 0 || m->len >= (uint64_t)l->match_len_min;
}

static void reply_range(struct call *c, size_t end, size_t len)
{
    reply_array(c->reply, 2);
    reply_int(c->reply, (int64_t)(end + 1 - len));
    reply_int(c->reply, (int64_t)end);
}

static void reply_matches(struct call *c, const struct lcs *l, const struct match *matches,
                          size_t count)
{
    size_t shown = 0;

    for (size_t i = 0; i < count; i++)
        shown += long_enough(l, &matches[i]);
    reply_map(c->reply, 2);
    reply_bulk(c->reply, BYTES("matches"));
    reply_array(c->reply, shown);
    for (size_t i = 0; i < count; i++) {
        if (!long_enough(l, &matches[i]))
            continue;
        reply_array(c->reply, l->want_match_len ? 3 : 2);
        reply_range(c, matches[i].a_end, matches[i].len);
        reply_range(c, matches[i].b_end, matches[i].len);
        if (l->want_match_len)
            reply_int(c->reply, (int64_t)matches[i].len);
    }
    reply_bulk(c->reply, BYTES("len"));
    reply_int(c->reply, *length_at(l, l->a.len, l->b.len));
}

static void reply_lcs(struct call *c, const struct lcs *l)
{
    size_t len = *length_at(l, l->a.len, l->b.len), count;
    AUTO_FREE char *text = xmalloc(len);
    AUTO_FREE struct match *matches = xcalloc(len, sizeof *matches);

    if (l->want_len) {
        reply_int(c->reply, (int64_t)len);
        return;
    }
    count = trace(l, text, matches);
    if (l->want_index)
        reply_matches(c, l, matches, count);
    else
        reply_bulk(c->reply, (struct bytes){ text, len });
}

void cmd_lcs(struct call *c)
{
    char a_scratch[ENTRY_INT_TEXT], b_scratch[ENTRY_INT_TEXT];
    const struct entry *a = call_read(c, 1, 0), *b = call_read(c, 2, 0);
    struct lcs l = { 0 };
    enum err e;

    /* The second look may have deleted the first key only if it is the same one, and then both are
     * gone. */
    if ((a && entry_type(a) != VALUE_STRING) || (b && entry_type(b) != VALUE_STRING)) {
        refuse(c, "ERR The specified keys must contain string values");
        return;
    }
    if (!want_lcs_options(c, &l))
        return;
    l.a = a ? entry_text(a, a_scratch) : BYTES("");
    l.b = b ? entry_text(b, b_scratch) : BYTES("");
    e = fill(&l, keyspace_text_max(call_keyspace(c)));
    if (e != OK) {
        refuse(c, e == ERR_LIMIT ? "ERR Insufficient memory, transient memory for LCS exceeds "
                                   "proto-max-bulk-len"
                                 : "ERR Insufficient memory, failed allocating transient memory "
                                   "for LCS");
        return;
    }
    reply_lcs(c, &l);
    xfree(l.lengths);
}
