#include <stdlib.h>
#include <string.h>

#include "common/settings_impl.h"

/* Edits (insert, delete, replace, swap of neighbours) from a to b, up to limit. */
static int distance(struct bytes a, const char *b, int limit)
{
    enum { LONGEST = 64 };
    int rows[3][LONGEST + 1];
    int b_len = (int)strlen(b);

    if (a.len > LONGEST || b_len > LONGEST || abs((int)a.len - b_len) > limit)
        return limit + 1;
    for (int j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (int i = 1; i <= (int)a.len; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];

        row[0] = i;
        for (int j = 1; j <= b_len; j++) {
            int best = above[j - 1] + (a.at[i - 1] != b[j - 1]);

            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a.at[i - 1] == b[j - 2] && a.at[i - 2] == b[j - 1] &&
                higher[j - 2] + 1 < best)
                best = higher[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a.len % 3][b_len];
}

const char *settings_nearest(const struct settings *s, struct bytes name)
{
    int limit = name.len < 5 ? 1 : name.len < 9 ? 2 : 3;
    const char *nearest = NULL;

    for (size_t i = 0; i < s->spelling_count; i++) {
        int d = distance(name, s->spellings[i].name, limit);

        if (d <= limit) {
            nearest = s->spellings[i].name;
            limit = d - 1;
        }
    }
    return nearest;
}

static const char *kind_word(const struct setting *row)
{
    static const char *const words[] = {
        [SET_BOOL] = "yes or no",     [SET_INT] = "number",
        [SET_BYTES] = "bytes",        [SET_BYTES_OR_PERCENT] = "bytes or percent",
        [SET_TEXT] = "text",          [SET_SECRET] = "secret",
        [SET_PASSWORD] = "secret",    [SET_ENUM] = "word",
        [SET_OCTAL] = "octal number", [SET_LINES] = "words",
    };

    return words[row->kind];
}

void settings_manual(const struct settings *s, struct buf *out)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct setting *row = s->entries[i].row;

        if (row->flags & (SETTING_HIDDEN | SETTING_RETIRED))
            continue;
        buf_puts(out, row->name);
        if (row->alias)
            buf_printf(out, " (%s)", row->alias);
        buf_printf(out, "\n    %s", kind_word(row));
        for (const struct setting_word *w = row->words; w && w->word; w++)
            buf_printf(out, "%s%s", w == row->words ? ": " : ", ", w->word);
        if (row->min || row->max)
            buf_printf(out, ", %s to %s", row->min ? row->min : "any", row->max ? row->max : "any");
        buf_printf(out, "; default %s%s\n    %s\n", row->def && row->def[0] ? row->def : "none",
                   row->when == SET_AT_START ? "; at start only" : "", row->help ? row->help : "");
    }
}
