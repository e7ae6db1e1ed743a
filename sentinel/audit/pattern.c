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

/* Keys that are alike, as far as it is known: first each is a kind of its own. */
struct kind {
    char *text; /* the pattern; owned */
    size_t keys;
    size_t from, to;   /* where the word that is looked at begins and ends */
    struct kind *into; /* it has become one of this kind, and is looked at no more */
};

/* Where word number depth begins and ends; both at the end of the text where it has fewer. */
static void find_word(struct kind *k, int depth)
{
    const char *at = k->text, *end = at + strlen(at);

    for (int i = 0; i < depth && at < end; i++) {
        at += word_len(at, end);
        at += at < end;
    }
    k->from = (size_t)(at - k->text);
    k->to = k->from + word_len(at, end);
}

static struct bytes beginning(const struct kind *k)
{
    return (struct bytes){ k->text, k->from };
}

static struct bytes word(const struct kind *k)
{
    return (struct bytes){ k->text + k->from, k->to - k->from };
}

static int by_text(const void *a, const void *b)
{
    return strcmp((*(struct kind *const *)a)->text, (*(struct kind *const *)b)->text);
}

/* By what stands in front of the word, then by the word. */
static int by_place(const void *a, const void *b)
{
    const struct kind *x = *(struct kind *const *)a, *y = *(struct kind *const *)b;
    int order = bytes_cmp(beginning(x), beginning(y));

    return order ? order : bytes_cmp(word(x), word(y));
}

/* Those of the same text become one kind. How many are left, at the front. */
static size_t merge(struct kind **kinds, size_t count)
{
    size_t left = 0;

    qsort(kinds, count, sizeof *kinds, by_text);
    for (size_t i = 0; i < count; i++) {
        struct kind *last = left ? kinds[left - 1] : NULL;

        if (!last || strcmp(last->text, kinds[i]->text) != 0) {
            kinds[left++] = kinds[i];
            continue;
        }
        last->keys += kinds[i]->keys;
        kinds[i]->into = last;
    }
    return left;
}

/* The run of one word, or of one beginning, that starts at i. */
static size_t run_end(struct kind *const *kinds, size_t i, size_t count, bool with_word)
{
    size_t j = i + 1;

    while (j < count && bytes_eq(beginning(kinds[i]), beginning(kinds[j])) &&
           (!with_word || bytes_eq(word(kinds[i]), word(kinds[j]))))
        j++;
    return j;
}

static size_t count_keys(struct kind *const *kinds, size_t from, size_t to)
{
    size_t keys = 0;

    for (size_t i = from; i < to; i++)
        keys += kinds[i]->keys;
    return keys;
}

static bool make_star(struct kind *k)
{
    struct buf text = { 0 };

    if (k->from == k->to || bytes_is(word(k), "*"))
        return false;
    buf_append(&text, k->text, k->from);
    buf_putc(&text, '*');
    buf_puts(&text, k->text + k->to);
    xfree(k->text);
    k->text = xstrdup(buf_text(&text));
    buf_fini(&text);
    return true;
}

/* All that begin alike, and differ in the word. Has any of them changed? */
static bool fold_place(struct kind *const *kinds, size_t from, size_t to)
{
    size_t words = 0, keys = count_keys(kinds, from, to);
    bool changed = false;

    for (size_t i = from; i < to; i = run_end(kinds, i, to, true))
        words++;
    if (words <= PATTERN_WORDS_MAX)
        return false;
    for (size_t i = from, next; i < to; i = next) {
        next = run_end(kinds, i, to, true);
        if (count_keys(kinds, i, next) * 100 >= keys * PATTERN_SHARE_PERCENT)
            continue;
        for (size_t j = i; j < next; j++)
            changed |= make_star(kinds[j]);
    }
    return changed;
}

static size_t fold_words(struct kind **kinds, size_t count, int depth)
{
    bool changed = false;

    for (size_t i = 0; i < count; i++)
        find_word(kinds[i], depth);
    qsort(kinds, count, sizeof *kinds, by_place);
    for (size_t i = 0, next; i < count; i = next) {
        next = run_end(kinds, i, count, false);
        changed |= fold_place(kinds, i, next);
    }
    return changed ? merge(kinds, count) : count;
}

static const struct kind *final_kind(const struct kind *k)
{
    while (k->into)
        k = k->into;
    return k;
}

void patterns_fold(char **patterns, size_t count)
{
    struct kind *all = xcalloc(count + 1, sizeof *all), **kinds = xcalloc(count + 1, sizeof *kinds);
    size_t left;

    for (size_t i = 0; i < count; i++) {
        all[i] = (struct kind){ .text = patterns[i], .keys = 1 };
        kinds[i] = &all[i];
    }
    left = merge(kinds, count);
    for (int depth = 0; depth <= PATTERN_DEPTH_MAX; depth++)
        left = fold_words(kinds, left, depth);
    for (size_t i = 0; i < count; i++) {
        const struct kind *k = final_kind(&all[i]);

        if (strcmp(all[i].text, k->text) != 0) {
            xfree(all[i].text);
            all[i].text = xstrdup(k->text);
        }
        patterns[i] = all[i].text;
    }
    xfree(kinds);
    xfree(all);
}
