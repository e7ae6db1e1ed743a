#include <ctype.h>
#include <string.h>

#include "common/alloc.h"
#include "common/settings.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char unescape(char c)
{
    static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
    const char *at = c ? strchr(from, c) : NULL;

    return at ? to[at - from] : c;
}

/* Moves *at behind one quoted stretch. The closing quote must end the word. */
static bool take_quoted(struct bytes line, size_t *at, struct buf *storage)
{
    char quote = line.at[*at];
    size_t i = *at + 1;

    for (;; i++) {
        if (i >= line.len)
            return false;
        if (line.at[i] == quote)
            break;
        if (line.at[i] != '\\' || i + 1 >= line.len) {
            buf_putc(storage, line.at[i]);
        } else if (quote == '\'') {
            if (line.at[i + 1] == '\'')
                i++;
            buf_putc(storage, line.at[i]);
        } else if (line.at[i + 1] == 'x' && i + 3 < line.len && hex_digit(line.at[i + 2]) >= 0 &&
                   hex_digit(line.at[i + 3]) >= 0) {
            buf_putc(storage, (char)(hex_digit(line.at[i + 2]) * 16 + hex_digit(line.at[i + 3])));
            i += 3;
        } else {
            buf_putc(storage, unescape(line.at[++i]));
        }
    }
    *at = i + 1;
    return *at >= line.len || isspace((unsigned char)line.at[*at]);
}

static bool take_word(struct bytes line, size_t *at, struct buf *storage)
{
    while (*at < line.len && !isspace((unsigned char)line.at[*at]) && line.at[*at]) {
        char c = line.at[*at];

        if (c == '"' || c == '\'')
            return take_quoted(line, at, storage);
        buf_putc(storage, c);
        ++*at;
    }
    return true;
}

enum err settings_split(struct bytes line, struct buf *storage, struct bytes *out_words, int max,
                        int *out_count)
{
    size_t at = 0;
    int count = 0;

    storage->len = 0;
    buf_reserve(storage, line.len + 1); /* unquoting never grows, so words may point into it */
    for (;;) {
        size_t start = storage->len;

        while (at < line.len && isspace((unsigned char)line.at[at]))
            at++;
        if (at >= line.len || !line.at[at])
            break;
        if (count == max)
            return ERR_LIMIT;
        if (!take_word(line, &at, storage))
            return ERR_SYNTAX;
        out_words[count++] = (struct bytes){ storage->at + start, storage->len - start };
    }
    *out_count = count;
    return OK;
}

/* Most lines have few words, so room for them grows instead of being what the longest might need. */
enum { WORDS_FIRST = 64 };

enum err settings_split_all(struct bytes line, struct settings_words *out)
{
    int max = WORDS_FIRST / 2;
    enum err e;

    *out = (struct settings_words){ 0 };
    do {
        max *= 2;
        xfree(out->at);
        out->at = xcalloc((size_t)max, sizeof *out->at);
        e = settings_split(line, &out->storage, out->at, max, &out->count);
    } while (e == ERR_LIMIT);
    if (e != OK)
        settings_words_fini(out);
    return e;
}

void settings_words_fini(struct settings_words *w)
{
    xfree(w->at);
    buf_fini(&w->storage);
    *w = (struct settings_words){ 0 };
}
