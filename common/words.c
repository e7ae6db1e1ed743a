#include "common/words.h"

struct cutter {
    const char *at, *end;
    char *to;
};

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Inside a bare word \v and \f are ordinary bytes, as in Redis. */
static bool ends_word(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static char escaped(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'a':
        return '\a';
    default:
        return c;
    }
}

/* at stands behind a backslash in double quotes, and at least one byte follows. */
static void cut_escape(struct cutter *k)
{
    int high, low;

    if (*k->at == 'x' && k->end - k->at >= 3) {
        high = hex_digit(k->at[1]);
        low = hex_digit(k->at[2]);
        if (high >= 0 && low >= 0) {
            *k->to++ = (char)(high << 4 | low);
            k->at += 3;
            return;
        }
    }
    *k->to++ = escaped(*k->at++);
}

/* at stands behind the opening quote; false when the closing one is missing or something sticks to it. */
static bool cut_quoted(struct cutter *k, char quote)
{
    for (; k->at < k->end;) {
        char c = *k->at++;

        if (c == quote)
            return k->at == k->end || is_blank(*k->at);
        if (c == '\\' && quote == '"' && k->at < k->end) {
            cut_escape(k);
        } else if (c == '\\' && quote == '\'' && k->at < k->end && *k->at == '\'') {
            *k->to++ = *k->at++;
        } else {
            *k->to++ = c;
        }
    }
    return false;
}

static bool cut_word(struct cutter *k)
{
    while (k->at < k->end && !ends_word(*k->at)) {
        char c = *k->at++;

        if (c == '"' || c == '\'')
            return cut_quoted(k, c);
        *k->to++ = c;
    }
    return true;
}

enum err words_split(struct bytes line, struct buf *storage, struct bytes *out_words, int max,
                     int *out_count)
{
    struct cutter k = { .at = line.at, .end = line.at + line.len };
    int count = 0;

    storage->len = 0;
    k.to = buf_reserve(storage, line.len + 1); /* unquoting never lengthens */
    for (;;) {
        char *start = k.to;

        while (k.at < k.end && is_blank(*k.at))
            k.at++;
        if (k.at == k.end)
            break;
        if (!cut_word(&k))
            return ERR_SYNTAX;
        if (count == max)
            return ERR_LIMIT;
        out_words[count++] = (struct bytes){ start, (size_t)(k.to - start) };
    }
    storage->len = (size_t)(k.to - storage->at);
    *out_count = count;
    return OK;
}
