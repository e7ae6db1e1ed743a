/*
 * Families in both formats: a head before the first sample and none without one, names as each format wants them,
 * labels escaped, a field of INFO as a sample; and how fields are found.
 */
#include "common/metrics/metrics.h"

#include "tests/check_main.h"

static const char info[] =
    "# Server\r\nup:3\r\nupper:4\r\nstatus:ok\r\ntext:x\r\ndb0:keys=1,expires=2\r\n"
    "db:0\r\ndb12:keys=7\r\n";

static bool two_items(struct metric_page *p, size_t item)
{
    if (item == 2)
        return false;
    metric_label(p, "name", item ? BYTES("a\"b\\c\nd") : BYTES("plain"));
    metric_put(p, item ? 0.5 : 1e21);
    return true;
}

static bool histogram(struct metric_page *p, size_t item)
{
    static const double bounds[] = { 0.001, 0.5 };
    static const uint64_t counts[] = { 1, 3 };

    metric_label(p, "cmd", BYTES("get"));
    metric_put_histogram(p, 2, bounds, counts, 4, 1.25);
    return false;
}

static bool odd_numbers(struct metric_page *p, size_t item)
{
    metric_put(p, item ? -__builtin_inf() : __builtin_nan(""));
    return item == 0;
}

static const struct metric rows[] = {
    { .name = "x_total", .type = METRIC_COUNTER, .each = two_items, .help = "Two of them." },
    { .name = "x_seconds",
      .type = METRIC_HISTOGRAM,
      .unit = "seconds",
      .each = histogram,
      .help = "Took." },
    { .name = "x_info", .type = METRIC_INFO, .each = odd_numbers, .help = "Is." },
    { .name = "x_calls", .type = METRIC_COUNTER, .each = odd_numbers, .help = "Calls." },
};

static void put_row(const struct metric *row, bool open, struct buf *out)
{
    struct metric_page p = { .row = row, .out = out, .open = open, .info = BYTES("") };

    for (size_t item = 0; metric_clear(&p), row->each(&p, item); item++)
        ;
    buf_fini(&p.labels);
}

START_TEST(text)
{
    struct buf out = { 0 };

    for (size_t i = 0; i < 3; i++)
        put_row(&rows[i], false, &out);
    ck_assert_str_eq(
        buf_text(&out),
        "# HELP x_total Two of them.\n# TYPE x_total counter\n"
        "x_total{name=\"plain\"} 1e+21\nx_total{name=\"a\\\"b\\\\c\\nd\"} 0.5\n"
        "# HELP x_seconds Took.\n# TYPE x_seconds histogram\n"
        "x_seconds_bucket{cmd=\"get\",le=\"0.001\"} 1\nx_seconds_bucket{cmd=\"get\",le=\"0.5\"} 3\n"
        "x_seconds_bucket{cmd=\"get\",le=\"+Inf\"} 4\nx_seconds_sum{cmd=\"get\"} 1.25\n"
        "x_seconds_count{cmd=\"get\"} 4\n"
        "# HELP x_info Is.\n# TYPE x_info gauge\nx_info NaN\nx_info -Inf\n");
    buf_fini(&out);
}
END_TEST

START_TEST(open_metrics)
{
    struct buf out = { 0 };

    for (size_t i = 0; i < 4; i++)
        put_row(&rows[i], true, &out);
    ck_assert(strstr(buf_text(&out), "# TYPE x counter\nx_total{"));
    ck_assert(strstr(buf_text(&out), "# TYPE x_seconds histogram\n# UNIT x_seconds seconds\n"));
    ck_assert(strstr(buf_text(&out), "# TYPE x info\nx_info NaN"));
    ck_assert(strstr(buf_text(&out), "# TYPE x_calls unknown\n"));
    buf_fini(&out);
}
END_TEST

START_TEST(fields)
{
    struct bytes all = { info, sizeof info - 1 }, digits;
    double n;

    ck_assert(bytes_is(info_field(all, "up"), "3") && bytes_is(info_field(all, "upper"), "4"));
    ck_assert(!info_field(all, "u").at && !info_field(all, "down").at);
    ck_assert(info_number(info_field(all, "status"), &n) && n == 1);
    ck_assert(!info_number(info_field(all, "text"), &n) && !info_number(info_field(all, "no"), &n));
    ck_assert(bytes_is(info_part_of(info_field_numbered(all, "db", 0, &digits), "expires"), "2"));
    ck_assert(bytes_is(digits, "0"));
    ck_assert(bytes_is(info_part_of(info_field_numbered(all, "db", 1, &digits), "keys"), "7"));
    ck_assert(bytes_is(digits, "12"));
    ck_assert(!info_field_numbered(all, "db", 2, &digits).at);
    ck_assert(!info_part_of(BYTES("a=1"), "b").at && !info_part_of(BYTES(""), "b").at);
}
END_TEST

CHECK_MAIN("metrics", text, open_metrics, fields)
