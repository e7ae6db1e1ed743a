#include "common/metrics/metrics.h"

#include "common/alloc.h"
#include "common/http/http.h"

#define TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define OPEN_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct metrics {
    void *world;
    void (*info_text)(void *world, struct buf *out);
    const struct metric *tables[METRICS_TABLES];
    int table_count;
};

/* One page on its way: how far it is, and what INFO said when it began. */
struct scrape {
    const struct metrics *metrics;
    struct metric_page page;
    struct buf info;
    int table;
    size_t item;
};

struct metrics *metrics_new(void *world, void (*info_text)(void *world, struct buf *out))
{
    struct metrics *m = xcalloc(1, sizeof *m);

    m->world = world;
    m->info_text = info_text;
    return m;
}

void metrics_free(struct metrics *m)
{
    xfree(m);
}

void metrics_add(struct metrics *m, const struct metric *rows)
{
    ASSERT(m->table_count < METRICS_TABLES);
    m->tables[m->table_count++] = rows;
}

const struct metric *metrics_at(const struct metrics *m, size_t index)
{
    for (int i = 0; i < m->table_count; i++)
        for (const struct metric *row = m->tables[i]; row->name; row++)
            if (index-- == 0)
                return row;
    return NULL;
}

/* ---- a scrape ---- */

static void put_field(struct metric_page *p)
{
    double value, scale = p->row->scale != 0 ? p->row->scale : 1;

    if (info_number(info_field(p->info, p->row->field), &value))
        metric_put(p, value * scale);
}

static void next_row(struct scrape *s)
{
    s->page.row++;
    s->page.headed = false;
    s->item = 0;
    while (!s->page.row->name && ++s->table < s->metrics->table_count)
        s->page.row = s->metrics->tables[s->table];
}

/* One item of one row. False: that was the last row. */
static bool put_item(struct scrape *s)
{
    if (s->table == s->metrics->table_count)
        return false;
    metric_clear(&s->page);
    if (s->page.row->field)
        put_field(&s->page);
    else if (s->page.row->each(&s->page, s->item++))
        return true;
    next_row(s);
    return true;
}

static enum http_more more(void *arg, struct buf *out)
{
    struct scrape *s = arg;

    s->page.out = out;
    while (out->len < HTTP_PIECE_BYTES)
        if (!put_item(s)) {
            buf_puts(out, s->page.open ? "# EOF\n" : "");
            return HTTP_SOURCE_ENDS;
        }
    return HTTP_SOURCE_MORE;
}

static void gone(void *arg)
{
    struct scrape *s = arg;

    buf_fini(&s->info);
    buf_fini(&s->page.labels);
    xfree(s);
}

static const struct http_source source = { .more = more, .gone = gone };

void metrics_answer(struct http_call *c, struct metrics *m)
{
    struct bytes accept = http_request_field(c->request, "accept");
    struct scrape *s = xcalloc(1, sizeof *s);

    ASSERT(m->table_count);
    s->metrics = m;
    m->info_text(m->world, &s->info);
    s->page = (struct metric_page){ .world = m->world,
                                    .info = buf_bytes(&s->info),
                                    .open = http_list_has(accept, "application/openmetrics-text"),
                                    .row = m->tables[0] };
    http_answer_source(c, s->page.open ? OPEN_TYPE : TEXT_TYPE, &source, s);
}
