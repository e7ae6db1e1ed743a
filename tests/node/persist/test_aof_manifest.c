/*
 * Answers for node/persist/aof_manifest.c: every refusal with its reason, what is read is what was
 * written, and the life of a manifest over many rewrites beside the rules in its header.
 */
#include <string.h>

#include "node/persist/aof_manifest.h"
#include "tests/check_main.h"

static void expect_refused(const char *text, const char *why)
{
    struct aof_manifest m = { 0 };
    struct errmsg told = { "" };

    ck_assert_int_eq(aof_manifest_read(&m, bytes_of(text), &told), ERR_SYNTAX);
    ck_assert_msg(strstr(told.text, why) != NULL, "%s: %s", text, told.text);
    ck_assert_uint_eq(m.count, 0);
}

START_TEST(test_refusals)
{
    static const char malformed[] = "Invalid AOF manifest file format";
    char line[1100];

    expect_refused("", "Found an empty AOF manifest");
    expect_refused("\n", malformed);
    expect_refused("file a seq 1\n", malformed);
    expect_refused("file a seq 1 type\n", malformed);
    expect_refused("file a seq 1 type b extra\n", malformed);
    expect_refused("file a seq 1 typo b\n", malformed);
    expect_refused("file a seq 0 type b\n", malformed);
    expect_refused("file a seq -1 type b\n", malformed);
    expect_refused("file a seq 9999999999999999999 type b\n", malformed);
    expect_refused("file \"a seq 1 type b\n", malformed);
    expect_refused("file a seq 1 type b\n\nfile b seq 1 type i\n", malformed);
    expect_refused("file ../a seq 1 type b\n", "File can't be a path");
    expect_refused("file /etc/a seq 1 type b\n", "File can't be a path");
    expect_refused("file .. seq 1 type b\n", "File can't be a path");
    expect_refused("file \"\" seq 1 type b\n", "File can't be a path");
    expect_refused("file \"a\\x00b\" seq 1 type b\n", "File can't be a path");
    expect_refused("file a seq 1 type b\nfile b seq 2 type b\n",
                   "line 2: Found duplicate base file information");
    expect_refused("file a seq 2 type i\nfile b seq 2 type i\n",
                   "Found a non-monotonic sequence number");
    expect_refused("file a seq 1 type x\n", "Unknown AOF file type");
    expect_refused("file a seq 1 type b", "contains too long line");
    memset(line, 'a', sizeof line);
    memcpy(line, "file ", 5);
    strcpy(line + 1030, " seq 1 type b\n");
    expect_refused(line, "contains too long line");
}
END_TEST

START_TEST(test_reads_what_redis_may_write)
{
    struct aof_manifest m = { 0 };
    struct errmsg why;
    const char *text = "# a comment\n"
                       "seq 3 type b file \"a file.3.base.rdb\"\n"
                       "file x.1.incr.aof seq 1 type h\r\n"
                       "FILE x.4.incr.aof SEQ 4 TYPE i later key\n"
                       "#the end, without a newline";
    struct buf out = { 0 };

    ck_assert_int_eq(aof_manifest_read(&m, bytes_of(text), &why), OK);
    ck_assert_str_eq(aof_manifest_base(&m)->name, "a file.3.base.rdb");
    ck_assert_str_eq(aof_manifest_last_incr(&m)->name, "x.4.incr.aof");
    ck_assert_uint_eq(aof_manifest_count(&m, AOF_HISTORY), 1);
    aof_manifest_write(&m, &out);
    ck_assert_str_eq(buf_text(&out), "file \"a file.3.base.rdb\" seq 3 type b\n"
                                     "file x.1.incr.aof seq 1 type h\n"
                                     "file x.4.incr.aof seq 4 type i\n");
    buf_fini(&out);
    aof_manifest_fini(&m);
}
END_TEST

/* Through its text, as a restart reads it. */
static void reread(struct aof_manifest *m)
{
    struct buf text = { 0 };
    struct errmsg why;
    struct aof_manifest again = { 0 };

    if (!m->count)
        return;
    aof_manifest_write(m, &text);
    ck_assert_msg(aof_manifest_read(&again, buf_bytes(&text), &why) == OK, "%s", why.text);
    ck_assert_uint_eq(again.count, m->count);
    for (size_t i = 0; i < m->count; i++) {
        ck_assert_str_eq(again.files[i].name, m->files[i].name);
        ck_assert_int_eq(again.files[i].seq, m->files[i].seq);
        ck_assert_int_eq(again.files[i].type, m->files[i].type);
    }
    aof_manifest_fini(&again);
    buf_fini(&text);
}

START_TEST(test_a_long_life)
{
    struct aof_manifest m = { 0 }, copy = { 0 };
    struct rng rng;
    int64_t bases = 0, incrs = 0;

    rng_seed(&rng, test_seed());
    for (int step = 0; step < 2000; step++) {
        char name[64];

        switch (rng_below(&rng, 3)) {
        case 0:
            snprintf(name, sizeof name, "p.%lld.incr.aof", (long long)++incrs);
            ck_assert_str_eq(aof_manifest_add_incr(&m, "p"), name);
            break;
        case 1: {
            size_t keep = rng_below(&rng, 3), had = aof_manifest_count(&m, AOF_INCR);

            bases++;
            snprintf(name, sizeof name, "p.%lld.base.%s", (long long)bases,
                     bases % 2 ? "rdb" : "aof");
            ck_assert_str_eq(aof_manifest_new_base(&m, "p", bases % 2, keep), name);
            ck_assert_uint_eq(aof_manifest_count(&m, AOF_INCR), had < keep ? had : keep);
            break;
        }
        case 2:
            aof_manifest_forget_history(&m);
            ck_assert_uint_eq(aof_manifest_count(&m, AOF_HISTORY), 0);
            break;
        }
        ck_assert_uint_le(aof_manifest_count(&m, AOF_BASE), 1);
        aof_manifest_copy(&copy, &m);
        ck_assert_int_eq(copy.incr_seq, m.incr_seq);
        reread(&copy);
    }
    aof_manifest_fini(&copy);
    aof_manifest_fini(&m);
}
END_TEST

START_TEST(test_an_old_file_becomes_the_base)
{
    struct aof_manifest m = { 0 };
    struct buf out = { 0 };

    aof_manifest_adopt_base(&m, "appendonly.aof");
    aof_manifest_add_incr(&m, "appendonly.aof");
    aof_manifest_write(&m, &out);
    ck_assert_str_eq(buf_text(&out), "file appendonly.aof seq 1 type b\n"
                                     "file appendonly.aof.1.incr.aof seq 1 type i\n");
    buf_fini(&out);
    aof_manifest_fini(&m);
}
END_TEST

CHECK_MAIN("aof_manifest", test_refusals, test_reads_what_redis_may_write, test_a_long_life,
           test_an_old_file_becomes_the_base)
