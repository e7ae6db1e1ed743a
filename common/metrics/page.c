/*
 * page - how heads and samples are written, in both formats.
 */
#include "common/metrics/metrics.h"

#include <stdio.h>
#include <string.h>

static bool ends_in(struct bytes text, const char *end)
{
    size_t len = strlen(end);

    return text.len >= len && memcmp(text.at + text.len - len, end, len) == 0;
}

/* OpenMetrics names a family without what tells its type, and knows no counter whose name does not tell. */
static struct bytes family_name(const struct metric_page *p)
{
    struct bytes name = bytes_of(p->row->name);

    if (p->open && p->row->type == METRIC_COUNTER && ends_in(name, "_total"))
        name.len -= strlen("_total");
    else if (p->open && p->row->type == METRIC_INFO)
        name.len -= strlen("_info");
    return name;
}

static const char *type_word(const struct metric_page *p)
{
    static const char *const words[] = { [METRIC_GAUGE] = "gauge",
                                         [METRIC_COUNTER] = "counter",
                                         [METRIC_HISTOGRAM] = "histogram",
                                         [METRIC_SUMMARY] = "summary",
                                         [METRIC_INFO] = "gauge" };
    enum metric_type type = p->row->type;

    if (p->open && type == METRIC_INFO)
        return "info";
    if (p->open && type == METRIC_COUNTER && !ends_in(bytes_of(p->row->name), "_total"))
        return "unknown";
    return words[type];
}

static void put_head(struct metric_page *p)
{
    struct bytes name = family_name(p);

    p->headed = true;
    buf_printf(p->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)name.len, name.at, p->row->help,
               (int)name.len, name.at, type_word(p));
    if (p->open && p->row->unit && ends_in(name, p->row->unit))
        buf_printf(p->out, "# UNIT %.*s %s\n", (int)name.len, name.at, p->row->unit);
}

void metric_clear(struct metric_page *p)
{
    p->labels.len = 0;
}

void metric_label(struct metric_page *p, const char *name, struct bytes value)
{
    buf_printf(&p->labels, "%s%s=\"", p->labels.len ? "," : "", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];

        if (c == '\n')
            buf_puts(&p->labels, "\\n");
        else if (c == '\\' || c == '"')
            buf_printf(&p->labels, "\\%c", c);
        else
            buf_putc(&p->labels, c);
    }
    buf_putc(&p->labels, '"');
}

static void put_number(struct buf *out, double value)
{
    char text[40];

    if (value != value)
        buf_puts(out, "NaN");
    else if (value - value != 0)
        buf_puts(out, value > 0 ? "+Inf" : "-Inf");
    else
        buf_append(out, text, fmt_double(text, value));
}

void metric_put_part(struct metric_page *p, const char *suffix, const char *more, double value)
{
    if (!p->headed)
        put_head(p);
    buf_puts(p->out, p->row->name);
    buf_puts(p->out, suffix);
    if (p->labels.len || more) {
        buf_putc(p->out, '{');
        buf_add(p->out, buf_bytes(&p->labels));
        buf_puts(p->out, p->labels.len && more ? "," : "");
        buf_puts(p->out, more ? more : "");
        buf_putc(p->out, '}');
    }
    buf_putc(p->out, ' ');
    put_number(p->out, value);
    buf_putc(p->out, '\n');
}

void metric_put(struct metric_page *p, double value)
{
    metric_put_part(p, "", NULL, value);
}

void metric_put_histogram(struct metric_page *p, int buckets, const double *bounds,
                          const uint64_t *counts, uint64_t all, double sum)
{
    for (int i = 0; i < buckets; i++) {
        char number[40], label[64];

        number[fmt_double(number, bounds[i])] = '\0';
        snprintf(label, sizeof label, "le=\"%s\"", number);
        metric_put_part(p, "_bucket", label, (double)counts[i]);
    }
    metric_put_part(p, "_bucket", "le=\"+Inf\"", (double)all);
    metric_put_part(p, "_sum", NULL, sum);
    metric_put_part(p, "_count", NULL, (double)all);
}
