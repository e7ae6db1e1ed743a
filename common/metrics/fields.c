/*
 * fields - single facts out of the text of INFO.
 */
#include "common/metrics/metrics.h"

#include <string.h>

/* The next line, without its end; false behind the last. */
static bool next_line(struct bytes *rest, struct bytes *out_line)
{
    const char *end = rest->len ? memchr(rest->at, '\n', rest->len) : NULL;

    if (!end)
        return false;
    *out_line = (struct bytes){ rest->at, (size_t)(end - rest->at) };
    rest->at = end + 1;
    rest->len -= out_line->len + 1;
    if (out_line->len && out_line->at[out_line->len - 1] == '\r')
        out_line->len--;
    return true;
}

static bool begins(struct bytes line, const char *text, size_t len)
{
    return line.len > len && memcmp(line.at, text, len) == 0;
}

struct bytes info_field(struct bytes info, const char *name)
{
    size_t len = strlen(name);
    struct bytes line;

    while (next_line(&info, &line))
        if (begins(line, name, len) && line.at[len] == ':')
            return (struct bytes){ line.at + len + 1, line.len - len - 1 };
    return (struct bytes){ NULL, 0 };
}

struct bytes info_field_numbered(struct bytes info, const char *prefix, size_t item,
                                 struct bytes *out_digits)
{
    size_t len = strlen(prefix);
    struct bytes line;

    while (next_line(&info, &line)) {
        size_t end = len;

        if (!begins(line, prefix, len))
            continue;
        while (end < line.len && line.at[end] >= '0' && line.at[end] <= '9')
            end++;
        if (end == len || end == line.len || line.at[end] != ':' || item--)
            continue;
        *out_digits = (struct bytes){ line.at + len, end - len };
        return (struct bytes){ line.at + end + 1, line.len - end - 1 };
    }
    return (struct bytes){ NULL, 0 };
}

struct bytes info_part_of(struct bytes value, const char *name)
{
    size_t len = strlen(name);

    while (value.len) {
        const char *comma = memchr(value.at, ',', value.len);
        struct bytes part = { value.at, comma ? (size_t)(comma - value.at) : value.len };

        if (begins(part, name, len) && part.at[len] == '=')
            return (struct bytes){ part.at + len + 1, part.len - len - 1 };
        if (!comma)
            break;
        value = (struct bytes){ comma + 1, value.len - part.len - 1 };
    }
    return (struct bytes){ NULL, 0 };
}

bool info_number(struct bytes value, double *out)
{
    static const struct {
        const char *word;
        double number;
    } words[] = {
        { "ok", 1 }, { "up", 1 }, { "yes", 1 }, { "err", 0 }, { "down", 0 }, { "no", 0 }
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!bytes_is(value, words[i].word))
            continue;
        *out = words[i].number;
        return true;
    }
    return value.len && bytes_to_double(value, out);
}
