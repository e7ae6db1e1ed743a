/*
 * metrics - what a daemon tells Prometheus, one row per family, rendered in pieces.
 *
 *     rows of the rooms --metrics_add--> table --scrape--> page: "# HELP", "# TYPE", samples
 *                                          ^
 *                              the text of INFO, taken once per scrape
 *
 *   1. a row is a family: its head is written once, before its first sample, and not at all without one
 *   2. a row that names a field of INFO has one sample, which is that field; any other has a function that
 *      puts the samples of its item-th thing (a command, a database), so that a page is made in pieces of
 *      bounded size however many things there are
 *   3. the name of a counter ends in _total, one that is spoken in a unit ends in that unit; where a name of
 *      redis_exporter's breaks that rule it is kept all the same
 *
 * Formats: Prometheus text 0.0.4, and OpenMetrics 1.0.0 for who asks for it. Owner: metrics_new/metrics_free; rows
 * and world outlive it. Cost of a scrape: INFO, and O(samples).
 */
#ifndef HF_COMMON_METRICS_METRICS_H
#define HF_COMMON_METRICS_METRICS_H

#include "common/bytes.h"

enum { METRICS_TABLES = 16 };

enum metric_type {
    METRIC_GAUGE,
    METRIC_COUNTER,
    METRIC_HISTOGRAM,
    METRIC_SUMMARY,
    METRIC_INFO, /* always 1: its labels are what it says; the name ends in _info */
};

struct metric_page;

/* False: there is no such item, and none behind it. */
typedef bool metric_fn(struct metric_page *p, size_t item);

struct metric {
    const char *name;
    enum metric_type type;
    const char *help;
    const char *unit;  /* seconds, bytes, ratio; NULL: none */
    const char *field; /* of INFO; NULL: each */
    double scale;      /* of the field's number; 0: 1 */
    metric_fn *each;
};

struct metrics;

/* info_text appends what the rows' fields are looked for in. */
struct metrics *metrics_new(void *world, void (*info_text)(void *world, struct buf *out));
void metrics_free(struct metrics *m); /* NULL does nothing */
/* rows end with one without a name. */
void metrics_add(struct metrics *m, const struct metric *rows);
/* In table order; NULL behind the last. For tests, and for those that list them. */
const struct metric *metrics_at(const struct metrics *m, size_t index);

/* ---- what a row's function is given ---- */

struct metric_page {
    void *world;
    struct buf *out;
    struct bytes info; /* the text of INFO */
    const struct metric *row;
    bool open;   /* OpenMetrics */
    bool headed; /* the row's head is written */
    struct buf labels;
};

/* The labels of the samples that follow, until they are cleared. Value: any text. */
void metric_label(struct metric_page *p, const char *name, struct bytes value);
void metric_clear(struct metric_page *p);
/* A sample, by the name of its row. */
void metric_put(struct metric_page *p, double value);
/* Of a histogram or summary: suffix is _sum, _count or ""; more is one more label, ready made, or NULL. */
void metric_put_part(struct metric_page *p, const char *suffix, const char *more, double value);
/* All of a histogram: how many were at most bounds[i] (which ends the i-th bucket), the count and the sum of all. */
void metric_put_histogram(struct metric_page *p, int buckets, const double *bounds,
                          const uint64_t *counts, uint64_t all, double sum);

/* ---- fields of INFO ---- */

/* "name:value": at NULL, there is none. */
struct bytes info_field(struct bytes info, const char *name);
/* The same of the item-th line whose name is prefix and then digits; *out_digits: those. */
struct bytes info_field_numbered(struct bytes info, const char *prefix, size_t item,
                                 struct bytes *out_digits);
/* Inside "a=1,b=2". */
struct bytes info_part_of(struct bytes value, const char *name);
/* A number, or a word that means 1 (ok, up, yes) or 0 (err, down, no). */
bool info_number(struct bytes value, double *out);

/* What redis_exporter makes of INFO, by its names: of single fields, and with labels. */
extern const struct metric metrics_of_info[];
extern const struct metric metrics_of_info_labelled[];

/* ---- a scrape ---- */

struct http_call;

/* Answers with all of it, as the Accept field asks. */
void metrics_answer(struct http_call *c, struct metrics *m);

#endif
