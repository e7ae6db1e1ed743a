#include "sentinel/ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"

void table_init(struct table *t, const char *const *heads)
{
    *t = (struct table){ 0 };
    while (heads[t->columns])
        t->columns++;
    ASSERT(t->columns > 0);
    ASSERT(t->columns <= TABLE_COLUMNS_MAX);
    for (int i = 0; i < t->columns; i++)
        table_add(t, heads[i]);
}

void table_fini(struct table *t)
{
    for (size_t i = 0; i < t->count; i++)
        xfree(t->cells[i]);
    xfree(t->cells);
    *t = (struct table){ 0 };
}

void table_add(struct table *t, const char *text)
{
    char *cell = printable(bytes_of(text ? text : "-"));
    size_t *width = &t->width[t->count % (size_t)t->columns];

    t->cells = xgrow(t->cells, t->count, &t->cap, sizeof *t->cells);
    if (strlen(cell) > *width)
        *width = strlen(cell);
    t->cells[t->count++] = cell;
}

void table_addf(struct table *t, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    table_add(t, text);
}

void table_print(const struct table *t, FILE *to)
{
    size_t columns = (size_t)t->columns;

    for (size_t i = 0; i + columns <= t->count; i += columns)
        for (size_t c = 0; c < columns; c++) {
            bool last = c + 1 == columns;

            fprintf(to, "%-*s%s", last ? 0 : (int)t->width[c], t->cells[i + c], last ? "\n" : "  ");
        }
}

/* U+0080 to U+009F, of which U+009B begins what ESC [ does. */
static bool is_control_pair(struct bytes text, size_t at)
{
    return at + 1 < text.len && (unsigned char)text.at[at] == 0xc2 &&
           (unsigned char)text.at[at + 1] >= 0x80 && (unsigned char)text.at[at + 1] < 0xa0;
}

char *printable(struct bytes text)
{
    struct buf out = { 0 };
    char *copy;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (is_control_pair(text, i))
            buf_printf(&out, "\\xc2\\x%02x", (unsigned char)text.at[++i]);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(&out, "\\x%02x", c);
        else
            buf_putc(&out, (char)c);
    }
    copy = xmemdup0(out.at ? out.at : "", out.len);
    buf_fini(&out);
    return copy;
}

void print_line(FILE *to, const char *format, ...)
{
    char *text = NULL, *clean;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    clean = printable(bytes_of(text ? text : ""));
    fprintf(to, "%s\n", clean);
    xfree(clean);
    free(text);
}
