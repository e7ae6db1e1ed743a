/*
 * What a sample says of the whole: for a known mix of keys, drawn at random many times, every estimate is as near to the
 * truth as its error says (three standard errors: a few in a thousand may be beyond), and sums and orders hold.
 */
#include "sentinel/audit/report.h"

#include <math.h>
#include <string.h>

#include "common/alloc.h"
#include "tests/check_main.h"

enum { KEYS = 1000000, SAMPLES = 4000, ROUNDS = 50 };

static const struct kind {
    const char *before, *behind, *pattern, *type;
    int percent; /* of the keys */
    double bytes, span;
    bool expires;
} kinds[] = {
    { "session:", "", "session:*", "string", 60, 150, 50, true },
    { "user:", ":profile", "user:*:profile", "hash", 25, 400, 200, false },
    { "user:", ":cart", "user:*:cart", "list", 10, 900, 1800, false },
    { "board:", "", "board:*", "zset", 5, 5000, 4000, false },
};

static char *as_it_is(struct bytes text)
{
    return xmemdup0(text.at, text.len);
}

static void put_key(struct sample *s, const struct kind *k, struct rng *rng)
{
    char text[64];

    snprintf(text, sizeof text, "%s%08llu%s", k->before,
             (unsigned long long)rng_below(rng, 100000000), k->behind);
    s->key = xstrdup(text);
    s->key_len = strlen(text);
}

static struct sample draw(struct rng *rng)
{
    struct sample s = { .db = 0 };
    const struct kind *k = kinds;

    for (int at = (int)rng_below(rng, 100); at >= k->percent; k++)
        at -= k->percent;
    put_key(&s, k, rng);
    audit_take_word(&s, AUDIT_TYPE, bytes_of(k->type));
    audit_take_number(&s, AUDIT_IDLE, 60);
    audit_take_number(&s, AUDIT_BYTES, k->bytes + (double)rng_below(rng, 1001) / 1000 * k->span);
    audit_take_number(&s, AUDIT_TTL, k->expires ? 5000 : -1);
    return s;
}

static double number(const cJSON *o, const char *name)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static const cJSON *row_of(const cJSON *report, const struct kind *k)
{
    const cJSON *row;

    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(report, "patterns")) if (
        strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "pattern")),
               k->pattern) == 0) return row;
    return NULL;
}

/* How many of this round's estimates are beyond their errors. */
static int misses(struct rng *rng)
{
    struct audit a = { .keys = KEYS };
    cJSON *report;
    double sum = 0, shares = 0, before = INFINITY;
    const cJSON *row;
    int missed = 0;

    for (int i = 0; i < SAMPLES; i++) {
        struct sample s = draw(rng);

        audit_keep(&a, &s);
    }
    report = audit_report(&a, as_it_is);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct kind *k = &kinds[i];
        double keys = KEYS * k->percent / 100.0, bytes = keys * (k->bytes + k->span / 2);

        row = row_of(report, k);
        ck_assert_ptr_nonnull(row);
        missed += fabs(number(row, "keys") - keys) > number(row, "keys_error");
        missed += fabs(number(row, "bytes") - bytes) > number(row, "bytes_error");
        ck_assert(number(row, "expire_percent") == (k->expires ? 100 : 0));
        ck_assert(number(row, "idle_s") == 60);
        sum += bytes;
    }
    missed += fabs(number(report, "bytes") - sum) > number(report, "bytes_error");
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(report, "patterns"))
    {
        ck_assert(number(row, "bytes") <= before);
        before = number(row, "bytes");
        shares += number(row, "share_percent");
    }
    ck_assert(fabs(shares - 100) < 1e-6);
    cJSON_Delete(report);
    audit_fini(&a);
    return missed;
}

START_TEST(estimates_are_within_their_errors)
{
    struct rng rng;
    int missed = 0;

    rng_seed(&rng, test_seed());
    for (int i = 0; i < ROUNDS; i++)
        missed += misses(&rng);
    ck_assert_int_le(missed,
                     ROUNDS * 9 / 50); /* of nine a round; three in a thousand are expected */
}
END_TEST

START_TEST(databases_and_draws)
{
    struct audit a = { .keys = 0 };
    struct rng rng;
    int drawn[8] = { 0 };

    audit_databases(
        &a, BYTES("# Keyspace\r\ndb0:keys=300,expires=1,avg_ttl=0\r\ndb5:keys=100,expires=0\r\n"
                  "db-1:keys=9\r\ndbx:keys=9\r\ndb7:keys=0,expires=0\r\ndb2000:keys=5\r\nkeys=3"));
    ck_assert_int_eq(a.db_count, 2);
    ck_assert(a.keys == 400);
    rng_seed(&rng, test_seed());
    for (int i = 0; i < 4000; i++)
        drawn[audit_draw(&a, &rng)]++;
    ck_assert_int_eq(drawn[0] + drawn[5], 4000);
    ck_assert_int_gt(drawn[5], 800);
    ck_assert_int_lt(drawn[5], 1200);
    audit_fini(&a);
}
END_TEST

START_TEST(what_has_gone_is_not_counted)
{
    struct audit a = { .keys = 2 };
    struct sample gone = { .key = xstrdup("a"), .key_len = 1 },
                  there = { .key = xstrdup("b"), .key_len = 1 };
    cJSON *report;

    audit_take_word(&gone, AUDIT_BYTES, BYTES("")); /* nil */
    audit_keep(&a, &gone);
    audit_take_number(&there, AUDIT_BYTES, 100);
    audit_take_word(&there, AUDIT_IDLE, BYTES("ERR an LFU policy"));
    audit_keep(&a, &there);
    ck_assert_uint_eq(a.count, 1);
    ck_assert(!audit_is_known(&a, 100));
    report = audit_report(&a, as_it_is);
    ck_assert(number(report, "bytes") == 200);
    ck_assert(!cJSON_HasObjectItem(
        cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(report, "patterns"), 0), "idle_s"));
    cJSON_Delete(report);
    audit_fini(&a);
}
END_TEST

START_TEST(nothing_at_all)
{
    struct audit a = { .keys = 0 };
    cJSON *report = audit_report(&a, as_it_is);

    ck_assert(number(report, "bytes") == 0);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(report, "largest")), 0);
    cJSON_Delete(report);
}
END_TEST

CHECK_MAIN("report", estimates_are_within_their_errors, databases_and_draws,
           what_has_gone_is_not_counted, nothing_at_all)
