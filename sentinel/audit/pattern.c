#include "sentinel/audit/pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"

static const char separators[] = ":/.|#,;{}[]()@ -_=";

static bool is_separator(char c)
{
    return c && strchr(separators, c);
}

static size_t word_len(const char *at, const char *end)
{
    const char *from = at;

    while (at < end && !is_separator(*at))
        at++;
    return (size_t)(at - from);
}

static bool is_name(const char *word, size_t len)
{
    if (len > PATTERN_WORD_BYTES_MAX)
        return true;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)word[i];

        if (isdigit(c) || c < 0x20 || c >= 0x7f || c == '*')
            return true;
    }
    return false;
}

/* "*-*-*" is one name with dashes in it, as uuids and dates are. */
static bool joins(const struct buf *out, const char *word, size_t len)
{
    const char *end = out->at + out->len;

    return len && is_name(word, len) && out->len >= 2 && (end[-1] == '-' || end[-1] == '_') &&
           end[-2] == '*';
}

char *pattern_of(struct bytes key)
{
    const char *at = key.at, *end = key.at + key.len;
    struct buf out = { 0 };
    char *copy;

    for (int depth = 0; at < end; depth++) {
        size_t len = word_len(at, end);

        if (depth == PATTERN_DEPTH_MAX) {
            buf_putc(&out, '*');
            break;
        }
        if (joins(&out, at, len)) {
            out.len--;
            depth--;
        } else if (is_name(at, len)) {
            buf_putc(&out, '*');
        } else {
            buf_append(&out, at, len);
        }
        at += len;
        if (at < end)
            buf_putc(&out, *at++);
    }
    copy = xstrdup(buf_text(&out));
    buf_fini(&out);
    return copy;
}

/* ---- what many tell ------------------------------------------------------------------------------- */

/* Where word number depth begins and ends; both at the end of the text where it has fewer. */
static void word_at(const char *text, int depth, size_t *out_from, size_t *out_to)
{
    size_t from = 0;

    for (int i = 0; i < depth && text[from]; i++) {
        from += word_len(text + from, text + strlen(text));
        from += text[from] != 0;
    }
    *out_from = from;
    *out_to = from + word_len(text + from, text + strlen(text));
}

/* By what stands in front of word number *depth, then by that word. */
static int by_place(const void *a, const void *b, void *depth)
{
    const char *x = **(char **const *)a, *y = **(char **const *)b;
    size_t x_from, x_to, y_from, y_to;
    int order;

    word_at(x, *(int *)depth, &x_from, &x_to);
    word_at(y, *(int *)depth, &y_from, &y_to);
    order = bytes_cmp((struct bytes){ x, x_from }, (struct bytes){ y, y_from });
    if (order)
        return order;
    return bytes_cmp((struct bytes){ x + x_from, x_to - x_from },
                     (struct bytes){ y + y_from, y_to - y_from });
}

static bool same_beginning(const char *a, const char *b, int depth, bool with_word)
{
    size_t a_from, a_to, b_from, b_to;

    word_at(a, depth, &a_from, &a_to);
    word_at(b, depth, &b_from, &b_to);
    if (with_word)
        return a_to == b_to && a_from == b_from && memcmp(a, b, a_to) == 0;
    return a_from == b_from && memcmp(a, b, a_from) == 0;
}

static void make_star(char **pattern, int depth)
{
    size_t from, to, len = strlen(*pattern);
    char *text;

    word_at(*pattern, depth, &from, &to);
    if (from == to)
        return;
    text = xmalloc(len + 2);
    memcpy(text, *pattern, from);
    text[from] = '*';
    memcpy(text + from + 1, *pattern + to, len - to + 1);
    xfree(*pattern);
    *pattern = text;
}

/* The run of one word, or of one beginning, that starts at i. */
static size_t run_end(char ***sorted, size_t i, size_t count, int depth, bool with_word)
{
    size_t j = i + 1;

    while (j < count && same_beginning(*sorted[i], *sorted[j], depth, with_word))
        j++;
    return j;
}

/* All patterns that begin alike, and differ in word number depth. */
static void fold_place(char ***sorted, size_t from, size_t to, int depth)
{
    size_t words = 0;

    for (size_t i = from; i < to; i = run_end(sorted, i, to, depth, true))
        words++;
    if (words <= PATTERN_WORDS_MAX)
        return;
    for (size_t i = from, next; i < to; i = next) {
        next = run_end(sorted, i, to, depth, true);
        if ((next - i) * 100 >= (to - from) * PATTERN_SHARE_PERCENT)
            continue;
        for (size_t j = next; j-- > i;)
            make_star(sorted[j], depth);
    }
}

void patterns_fold(char **patterns, size_t count)
{
    char ***sorted = xcalloc(count + 1, sizeof *sorted);

    for (size_t i = 0; i < count; i++)
        sorted[i] = &patterns[i];
    for (int depth = 0; depth <= PATTERN_DEPTH_MAX; depth++) {
        qsort_r(sorted, count, sizeof *sorted, by_place, &depth);
        for (size_t i = 0, next; i < count; i = next) {
            next = run_end(sorted, i, count, depth, false);
            fold_place(sorted, i, next, depth);
        }
    }
    xfree(sorted);
}
