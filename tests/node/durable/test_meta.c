/*
 * meta, history: which data set keeps its name over a restart, row by row; and how far two copies agree, against every
 * pair of small streams written out in full.
 */
#include "node/durable/meta.h"

#include "node/durable/durable.h"
#include "tests/check_main.h"

/* ---- the did ----------------------------------------------------------------------------------- */

static struct meta meta_of(enum keep weakest)
{
    struct meta m = { .node = 11, .did = 111, .boot = 4, .kernel = "k1", .weakest = weakest };

    history_add(&m.history, 1, 0);
    return m;
}

static struct found found_of(const char *kernel, bool loads)
{
    struct found f = { .loads = loads, .end = { 1, 500 } };

    strcpy(f.kernel, kernel);
    return f;
}

START_TEST(a_did_is_kept_only_where_nothing_can_be_missing)
{
    static const struct {
        enum keep weakest;
        const char *kernel;
        bool loads, solo, resyncing, clean, keeps;
        uint64_t commit;
    } rows[] = {
        { KEEP_FSYNC, "k1", true, .keeps = true },
        { KEEP_FSYNC, "k2", true, .keeps = true },
        { KEEP_FSYNC, "k1", false, .keeps = false },
        { KEEP_OS, "k1", true, .keeps = true },
        { KEEP_OS, "k2", true, .keeps = false },
        { KEEP_MEM, "k1", true, .keeps = false },
        { KEEP_MEM, "k2", true, .solo = true, .keeps = true },
        { KEEP_MEM, "k2", false, .solo = true, .keeps = false },
        { KEEP_MEM, "k2", true, .clean = true, .keeps = true },
        { KEEP_FSYNC, "k1", true, .resyncing = true, .keeps = false },
        { KEEP_FSYNC, "k1", true, .commit = 500, .keeps = true },
        { KEEP_FSYNC, "k1", true, .commit = 501, .keeps = false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct meta m = meta_of(rows[i].weakest);
        struct found f = found_of(rows[i].kernel, rows[i].loads);

        m.solo = rows[i].solo;
        m.resyncing = rows[i].resyncing;
        m.clean = rows[i].clean;
        m.clean_at = f.end;
        m.commit = rows[i].commit;
        ck_assert_msg(meta_keeps_did(&m, &f) == rows[i].keeps, "row %zu", i);
        ck_assert(meta_start(&m, &f, 999, 0) == rows[i].keeps);
        ck_assert_uint_eq(m.did, rows[i].keeps ? 111 : 999);
        ck_assert(!m.clean && !m.resyncing);
        if (!rows[i].keeps)
            ck_assert(m.weakest == KEEP_FSYNC && !m.solo);
    }
}
END_TEST

START_TEST(a_clean_mark_is_of_one_position)
{
    struct meta m = meta_of(KEEP_MEM);
    struct found f = found_of("k2", true);

    m.clean = true;
    m.clean_at = (struct position){ 1, 501 };
    ck_assert(!meta_keeps_did(&m, &f));
}
END_TEST

/* /proc may be hidden. Then nothing tells a restart from a loss of power. */
START_TEST(a_kernel_that_tells_no_id_is_not_the_same)
{
    struct meta m = meta_of(KEEP_OS);
    struct found f = found_of("", true);

    m.kernel[0] = '\0';
    ck_assert(!meta_keeps_did(&m, &f));
    ck_assert(!meta_start(&m, &f, 999, 0));
}
END_TEST

START_TEST(a_boot_that_proved_nothing_is_not_used_up)
{
    struct meta m = meta_of(KEEP_FSYNC);
    struct found f = found_of("k1", true);

    meta_start(&m, &f, 999, 0);
    ck_assert_uint_eq(m.boot, 5);
    meta_start(&m, &f, 999, 0);
    ck_assert_uint_eq(m.boot, 5);
    m.unproved = false;
    meta_start(&m, &f, 999, 0);
    ck_assert_uint_eq(m.boot, 6);
}
END_TEST

START_TEST(files_that_know_another_epoch_are_another_data_set)
{
    struct meta m = meta_of(KEEP_FSYNC);
    struct found f = found_of("k1", true);

    f.end.epoch = 2;
    ck_assert(!meta_start(&m, &f, 999, 0));
    ck_assert_uint_eq(m.history.count, 0);
    m = meta_of(KEEP_FSYNC);
    history_add(&m.history, 2, 500); /* its mark did not get into the file */
    f.end.epoch = 1;
    ck_assert(meta_start(&m, &f, 999, 0));
    ck_assert_uint_eq(m.history.count, 1);
}
END_TEST

/* ---- histories --------------------------------------------------------------------------------- */

/* A stream written out: one word per unit, of the epoch that wrote it. Each leader goes on from a cut of an earlier
 * stream, so that equal words at equal places after an equal past are the same unit. */
enum { UNITS_MAX = 24, STREAMS = 12 };

struct written {
    uint64_t units[UNITS_MAX], end;
    struct history history;
};

static void lead(const struct written *from, uint64_t cut, uint64_t epoch, uint64_t units,
                 struct written *out)
{
    *out = *from;
    out->end = cut;
    history_cut(&out->history, cut);
    history_add(&out->history, epoch, cut);
    while (units-- > 0 && out->end < UNITS_MAX)
        out->units[out->end++] = epoch;
}

START_TEST(the_common_part_is_what_is_the_same)
{
    struct written s[STREAMS] = { 0 };
    struct rng rng;

    rng_seed(&rng, test_seed());
    for (int round = 0; round < 2000; round++) {
        for (int i = 1; i < STREAMS; i++) {
            const struct written *from = &s[rng_below(&rng, (uint64_t)i)];

            lead(from, rng_below(&rng, from->end + 1), (uint64_t)i, 1 + rng_below(&rng, 4), &s[i]);
        }
        for (int k = 0; k < 20; k++) {
            /* Both may hold less than was written. */
            struct written a = s[1 + rng_below(&rng, STREAMS - 1)];
            struct written b = s[1 + rng_below(&rng, STREAMS - 1)];
            uint64_t same = 0, common;

            a.end = 1 + rng_below(&rng, a.end ? a.end : 1);
            b.end = 1 + rng_below(&rng, b.end ? b.end : 1);
            history_cut(&a.history, a.end);
            history_cut(&b.history, b.end);
            while (same < a.end && same < b.end && a.units[same] == b.units[same])
                same++;
            if (a.history.count == 0 || b.history.count == 0)
                continue;
            if (history_common(&a.history, a.end, &b.history, b.end, &common))
                ck_assert_uint_eq(common, same);
            else
                ck_assert_uint_eq(same, 0);
        }
    }
}
END_TEST

START_TEST(a_tail_of_marks_is_told_from_data)
{
    struct history h = { 0 };
    uint64_t one = history_mark_bytes(7), two = history_mark_bytes(12);

    history_add(&h, 1, 0);
    ck_assert(history_is_marks(&h, 900, 900));
    ck_assert(!history_is_marks(&h, 900, 901));
    history_add(&h, 7, 900);
    history_add(&h, 12, 900 + one);
    ck_assert(history_is_marks(&h, 900, 900 + one + two));
    ck_assert(!history_is_marks(&h, 900, 900 + one + two + 1));
    ck_assert(!history_is_marks(&h, 899, 900 + one + two));
    ck_assert_uint_eq(one, strlen("*2\r\n$7\r\nHFEPOCH\r\n$1\r\n7\r\n"));
    ck_assert_uint_eq(two, strlen("*2\r\n$7\r\nHFEPOCH\r\n$2\r\n12\r\n"));
}
END_TEST

START_TEST(an_old_era_is_forgotten_first)
{
    struct history h = { 0 };

    for (uint64_t e = 1; e <= HISTORY_MAX + 3; e++)
        history_add(&h, e, e * 100);
    ck_assert_uint_eq(h.count, HISTORY_MAX);
    ck_assert_uint_eq(h.eras[0].epoch, 4);
    history_check(&h, UINT64_MAX);
}
END_TEST

CHECK_MAIN("meta", a_did_is_kept_only_where_nothing_can_be_missing, a_clean_mark_is_of_one_position,
           a_kernel_that_tells_no_id_is_not_the_same, a_boot_that_proved_nothing_is_not_used_up,
           files_that_know_another_epoch_are_another_data_set, the_common_part_is_what_is_the_same,
           a_tail_of_marks_is_told_from_data, an_old_era_is_forgotten_first)
