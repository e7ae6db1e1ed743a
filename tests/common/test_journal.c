/*
 * journal: whatever a crash leaves, what is read back is a prefix of what was written and holds everything
 * that was synced. Proven by cutting the file at every byte, by tearing the unsynced end at random, by
 * damaging every byte, and by a system that fails: short writes, no space, failing fsync and rename.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "common/alloc.h"
#include "common/crc32c.h"
#include "common/file.h"
#include "common/format.h"
#include "common/journal_format.h"

static char dir[] = "/tmp/test_journal.XXXXXX";
static char path[128];
static struct errmsg why;

static void fresh(void)
{
    char lock[160];

    if (strstr(dir, "XXXXXX"))
        ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/j", dir);
    snprintf(lock, sizeof lock, "%s.lock", path);
    unlink(path);
    unlink(lock);
    why.text[0] = '\0';
}

static enum err keep(void *arg, struct bytes payload, struct errmsg *out_why)
{
    buf_add(arg, payload);
    buf_putc(arg, ';');
    return OK;
}

static struct journal *reopen_with(const struct journal_io *io, struct buf *seen,
                                   struct journal_found *found, enum err *e)
{
    seen->len = 0;
    return journal_open(path, io, keep, seen, found, e, &why);
}

static struct journal *open_fresh(const struct journal_io *io)
{
    struct buf seen = { 0 };
    struct journal_found found;
    enum err e;
    struct journal *j;

    fresh();
    j = reopen_with(io, &seen, &found, &e);
    ck_assert_msg(j != NULL, "%s", why.text);
    ck_assert(found.is_new && seen.len == 0);
    buf_fini(&seen);
    return j;
}

static void add(struct journal *j, const char *text)
{
    ck_assert_msg(journal_append(j, bytes_of(text), &why) == OK, "%s", why.text);
}

static void sync_ok(struct journal *j)
{
    ck_assert_msg(journal_sync(j, &why) == OK, "%s", why.text);
}

static enum err fill_snapshot(void *arg, struct journal *draft, struct errmsg *out_why)
{
    return journal_append(draft, bytes_of(arg), out_why);
}

START_TEST(checksum_is_castagnoli)
{
    ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
    ck_assert_uint_eq(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}
END_TEST

START_TEST(records_come_back_in_order)
{
    struct journal *j = open_fresh(&journal_io_real);
    struct buf seen = { 0 };
    struct journal_found found;
    enum err e;

    add(j, "one");
    add(j, "");
    sync_ok(j);
    add(j, "two");
    sync_ok(j);
    journal_close(j);
    j = reopen_with(&journal_io_real, &seen, &found, &e);
    ck_assert_ptr_nonnull(j);
    ck_assert_str_eq(buf_text(&seen), "one;;two;");
    ck_assert(found.records == 3 && found.torn_bytes == 0 && !found.is_new);
    add(j, "three");
    sync_ok(j);
    journal_close(j);
    j = reopen_with(&journal_io_real, &seen, &found, &e);
    ck_assert_str_eq(buf_text(&seen), "one;;two;three;");
    journal_close(j);
    buf_fini(&seen);
}
END_TEST

/* Whoever goes back to the version that wrote it finds nothing there that it does not know. */
START_TEST(an_older_file_stays_one_until_it_is_replaced)
{
    struct buf seen = { 0 }, file = { 0 };
    struct journal_found found;
    struct journal *j;
    enum err e;
    int fd;

    fresh();
    journal_put_header(&file, 1);
    file.at[8] = 1;
    for (int i = 0; i < 4; i++)
        file.at[20 + i] = (char)(crc32c(0, file.at, 20) >> 8 * i);
    journal_put_record(&file, 1, 0, BYTES("one"));
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq((int)write(fd, file.at, file.len), (int)file.len);
    close(fd);
    j = reopen_with(&journal_io_real, &seen, &found, &e);
    ck_assert_msg(j && found.version == 1 && found.records == 1, "%s", why.text);
    add(j, "two");
    sync_ok(j);
    ck_assert_uint_eq(journal_bytes(j), file.len + JOURNAL_RECORD_HEADER + 3);
    ck_assert(journal_replace(j, fill_snapshot, (char *)"all", &why) == OK);
    journal_close(j);
    j = reopen_with(&journal_io_real, &seen, &found, &e);
    ck_assert_str_eq(buf_text(&seen), "all;");
    ck_assert_uint_eq(found.version, format_own(JOURNAL_NEWEST));
    journal_close(j);
    buf_fini(&seen);
    buf_fini(&file);
}
END_TEST

START_TEST(one_process_at_a_time)
{
    struct journal *j = open_fresh(&journal_io_real), *second;
    struct buf seen = { 0 };
    struct journal_found found;
    enum err e;

    second = reopen_with(&journal_io_real, &seen, &found, &e);
    ck_assert_ptr_null(second);
    ck_assert(e == ERR_EXISTS);
    ck_assert_ptr_nonnull(strstr(why.text, "is in use by another process"));
    journal_close(j);
    second = reopen_with(&journal_io_real, &seen, &found, &e);
    ck_assert_ptr_nonnull(second);
    journal_close(second);
    buf_fini(&seen);
}
END_TEST

/* A file of records in batches; record i begins at begins[i] and ends at ends[i + 1], with a mark between
 * where a batch ends; `promised` is how many are synced. */
enum { RECORDS = 24 };
static size_t begins[RECORDS + 1], ends[RECORDS + 1], promised;
static struct buf whole;
static char texts[RECORDS][40];

static void write_batches(void)
{
    struct journal *j = open_fresh(&journal_io_real);

    ends[0] = JOURNAL_HEADER_BYTES;
    for (int i = 0; i < RECORDS; i++) {
        snprintf(texts[i], sizeof texts[i], "record %d %.*s", i, i % 7, "xxxxxxx");
        begins[i] = journal_bytes(j);
        add(j, texts[i]);
        ends[i + 1] = journal_bytes(j);
        if (i % 3 == 1 && i < RECORDS - 4) {
            sync_ok(j);
            promised = (size_t)i + 1;
        }
    }
    begins[RECORDS] = journal_bytes(j);
    journal_close(j);
    whole.len = 0;
    ck_assert(file_read(path, 1 << 20, &whole, &why) == OK);
}

/* How many records of the file come back; they must be the first ones. */
static enum err read_back(struct bytes file, size_t *out_records, struct journal_found *out_found)
{
    struct buf seen = { 0 }, expected = { 0 };
    size_t good = 0;
    enum err e = journal_scan(file, keep, &seen, &good, out_found, &why);

    if (e == OK) {
        *out_records = out_found->records;
        for (size_t i = 0; i < *out_records; i++)
            buf_printf(&expected, "%s;", texts[i]);
        ck_assert(bytes_eq(buf_bytes(&seen), buf_bytes(&expected)));
        ck_assert_uint_eq(good + out_found->torn_bytes, file.len);
    }
    buf_fini(&seen);
    buf_fini(&expected);
    return e;
}

START_TEST(a_cut_at_every_byte_gives_a_prefix)
{
    write_batches();
    for (size_t cut = JOURNAL_HEADER_BYTES; cut <= whole.len; cut++) {
        struct journal_found found;
        size_t records = 0, expected = 0;

        while (expected < RECORDS && ends[expected + 1] <= cut)
            expected++;
        ck_assert_msg(read_back((struct bytes){ whole.at, cut }, &records, &found) == OK, "%s",
                      why.text);
        ck_assert_uint_eq(records, expected);
        if (cut >= begins[expected])
            ck_assert_uint_eq(found.torn_bytes, cut - begins[expected]);
        else
            ck_assert_uint_eq(found.torn_bytes, cut - ends[expected]);
    }
}
END_TEST

/* Damage within a promised record, or a mark between two, is refused; within the unsynced end, or the mark
 * before it, it is a torn end, and then everything promised is there. */
START_TEST(damage_at_every_byte_is_noticed)
{
    write_batches();
    for (size_t at = JOURNAL_HEADER_BYTES; at < whole.len; at++) {
        AUTO_FREE char *copy = xmemdup0(whole.at, whole.len);
        struct journal_found found;
        size_t records = 0, hit = 0;
        enum err e;

        while (ends[hit + 1] <= at)
            hit++;
        copy[at] = (char)(copy[at] ^ 0x10);
        e = read_back((struct bytes){ copy, whole.len }, &records, &found);
        if (hit < promised) {
            ck_assert_int_eq(e, ERR_CORRUPT);
            ck_assert_ptr_nonnull(strstr(why.text, "is damaged"));
        } else {
            ck_assert_int_eq(e, OK);
            ck_assert_uint_eq(records, hit);
        }
    }
}
END_TEST

/* A vote that was synced a moment ago is the last record there is, and no less promised for that. */
START_TEST(damage_of_the_last_promised_record_is_refused)
{
    struct journal *j = open_fresh(&journal_io_real);
    struct buf file = { 0 }, seen = { 0 };
    struct journal_found found;
    size_t begin, end, good;
    enum err e;

    add(j, "epoch");
    sync_ok(j);
    begin = journal_bytes(j);
    add(j, "vote");
    end = journal_bytes(j);
    sync_ok(j);
    journal_close(j);
    ck_assert(file_read(path, 1 << 20, &file, &why) == OK);
    for (size_t at = begin; at < file.len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            file.at[at] = (char)(file.at[at] ^ 1 << bit);
            e = journal_scan(buf_bytes(&file), keep, &seen, &good, &found, &why);
            file.at[at] = (char)(file.at[at] ^ 1 << bit);
            if (at < end) {
                ck_assert_int_eq(e, ERR_CORRUPT);
                ck_assert_ptr_nonnull(strstr(why.text, "record 2 at byte"));
            } else {
                ck_assert_int_eq(e, OK);
                ck_assert_uint_eq(found.records, 2);
            }
        }
    }
    /* Shorter than it says: a crash while it was written. */
    for (size_t cut = begin; cut < end; cut++) {
        e = journal_scan((struct bytes){ file.at, cut }, keep, &seen, &good, &found, &why);
        ck_assert_int_eq(e, OK);
        ck_assert_uint_eq(found.records, 1);
    }
    /* Opening promises what it has read. */
    j = reopen_with(&journal_io_real, &seen, &found, &e);
    ck_assert_ptr_nonnull(j);
    ck_assert_uint_eq(journal_bytes(j), file.len + JOURNAL_RECORD_HEADER);
    journal_close(j);
    buf_fini(&file);
    buf_fini(&seen);
}
END_TEST

/* After a crash any mixture of old (zero) and new pages of what was not synced may stand there. */
START_TEST(torn_batches_are_cut_not_refused)
{
    struct rng r;

    write_batches();
    rng_seed(&r, test_seed());
    for (int round = 0; round < 20000; round++) {
        AUTO_FREE char *copy = xmemdup0(whole.at, whole.len);
        size_t from = ends[promised], records = 0;
        struct journal_found found;

        for (size_t at = from; at < whole.len; at += 16)
            if (rng_below(&r, 2))
                memset(copy + at, 0, whole.len - at < 16 ? whole.len - at : 16);
        ck_assert_msg(read_back((struct bytes){ copy, whole.len }, &records, &found) == OK, "%s",
                      why.text);
        ck_assert_uint_ge(records, promised);
    }
}
END_TEST

START_TEST(odd_files_are_refused_with_a_sentence)
{
    struct buf seen = { 0 };
    struct journal_found found;
    char copy[4096];
    size_t records;
    enum err e;
    int fd;

    write_batches();
    memcpy(copy, whole.at, whole.len);
    copy[8] = 99; /* version, without the header's checksum */
    ck_assert(read_back((struct bytes){ copy, whole.len }, &records, &found) == ERR_CORRUPT);
    fresh();
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq((int)write(fd, "this is some other file of yours", 32), 32);
    close(fd);
    ck_assert_ptr_null(reopen_with(&journal_io_real, &seen, &found, &e));
    ck_assert(e == ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(why.text, "it is no journal"));
    snprintf(path, sizeof path, "/nowhere/j");
    ck_assert_ptr_null(reopen_with(&journal_io_real, &seen, &found, &e));
    ck_assert(e == ERR_IO);
    buf_fini(&seen);
}
END_TEST

/* ---- a system that fails ---------------------------------------------------------------------- */

static int fail_at, calls;
enum { FAIL_WRITE, FAIL_SHORT, FAIL_SYNC, FAIL_RENAME, FAIL_KINDS };
static int fail_kind;

static bool fails(int kind)
{
    return fail_kind == kind && calls++ == fail_at;
}

static ssize_t bad_write(int fd, const void *data, size_t len)
{
    if (fail_kind == FAIL_SHORT && calls++ >= fail_at) {
        if (calls % 2 == 0) {
            errno = ENOSPC;
            return -1;
        }
        return write(fd, data, len > 3 ? 3 : len);
    }
    if (fails(FAIL_WRITE)) {
        errno = ENOSPC;
        return -1;
    }
    return write(fd, data, len);
}

static int bad_sync(int fd)
{
    if (fails(FAIL_SYNC)) {
        errno = EIO;
        return -1;
    }
    return 0;
}

static int bad_rename(const char *from, const char *to)
{
    if (fails(FAIL_RENAME)) {
        errno = EACCES;
        return -1;
    }
    return rename(from, to);
}

static const struct journal_io bad_io = { bad_write, bad_sync, bad_rename };

/* Ten records, a replacement in the middle; at some call the system fails. What reads back must hold
 * everything whose sync said OK, and nothing that was not written. */
START_TEST(every_failure_keeps_what_was_promised)
{
    struct journal_found found;
    struct buf seen = { 0 }, written = { 0 };
    int failures = 0;

    for (fail_kind = 0; fail_kind < FAIL_KINDS; fail_kind++) {
        for (int at = 0; at < 30; at++) {
            struct journal *j;
            size_t safe = 0;
            enum err e;

            fresh();
            calls = 0;
            fail_at = at;
            j = reopen_with(&bad_io, &seen, &found, &e);
            if (!j) {
                failures++;
                continue; /* could not be made: nothing was promised */
            }
            written.len = 0;
            for (int i = 0; i < 10; i++) {
                char text[16];

                snprintf(text, sizeof text, "%d", i);
                if (i == 5) {
                    e = journal_replace(j, fill_snapshot, (char *)buf_text(&written), &why);
                    if (e == OK) {
                        buf_putc(&written, ';');
                        safe = written.len;
                    } else {
                        failures++;
                    }
                }
                if (journal_append(j, bytes_of(text), &why) != OK) {
                    failures++;
                    ck_assert(journal_broken(j));
                    break;
                }
                buf_printf(&written, "%s;", text);
                if (journal_sync(j, &why) != OK) {
                    failures++;
                    ck_assert(journal_broken(j));
                    ck_assert(journal_append(j, BYTES("no"), &why) == ERR_IO);
                    break;
                }
                safe = written.len;
            }
            journal_close(j);
            j = reopen_with(&journal_io_real, &seen, &found, &e);
            ck_assert_msg(j != NULL, "%s", why.text);
            ck_assert_uint_ge(seen.len, safe);
            ck_assert_uint_le(seen.len, written.len);
            ck_assert(memcmp(seen.at ? seen.at : "", written.at ? written.at : "", seen.len) == 0);
            journal_close(j);
        }
    }
    ck_assert_int_gt(failures, 30);
    buf_fini(&seen);
    buf_fini(&written);
}
END_TEST

/* The disk is full when only the mark is left to write: what was synced is safe, and the journal asks to be
 * replaced before it takes more. */
START_TEST(a_mark_that_does_not_fit_breaks_no_promise)
{
    struct buf seen = { 0 };
    struct journal_found found;
    struct journal *j;
    enum err e;

    fail_kind = FAIL_WRITE;
    fail_at = 2; /* after the header and the record */
    calls = 0;
    j = open_fresh(&bad_io);
    add(j, "vote");
    sync_ok(j);
    ck_assert(journal_broken(j));
    ck_assert(journal_append(j, BYTES("no"), &why) == ERR_IO);
    ck_assert(journal_replace(j, fill_snapshot, (char *)"vote", &why) == OK);
    ck_assert(!journal_broken(j));
    journal_close(j);
    j = reopen_with(&journal_io_real, &seen, &found, &e);
    ck_assert_str_eq(buf_text(&seen), "vote;");
    journal_close(j);
    buf_fini(&seen);
}
END_TEST

START_TEST(replacing_mends_a_broken_journal)
{
    struct buf seen = { 0 };
    struct journal_found found;
    struct journal *j;
    enum err e;

    fail_kind = FAIL_SYNC;
    fail_at = 1; /* the first is of the new file's header */
    calls = 0;
    j = open_fresh(&bad_io);
    add(j, "a");
    ck_assert(journal_sync(j, &why) == ERR_IO);
    ck_assert(journal_broken(j));
    ck_assert(journal_replace(j, fill_snapshot, (char *)"whole state", &why) == OK);
    add(j, "b");
    sync_ok(j);
    journal_close(j);
    j = reopen_with(&journal_io_real, &seen, &found, &e);
    ck_assert_str_eq(buf_text(&seen), "whole state;b;");
    journal_close(j);
    buf_fini(&seen);
}
END_TEST

/* A process is killed between any two steps of a replacement: the old or the new file stands. */
static ssize_t dying_write(int fd, const void *data, size_t len)
{
    if (calls++ == fail_at)
        _exit(0);
    return write(fd, data, len);
}

static int dying_sync(int fd)
{
    if (calls++ == fail_at)
        _exit(0);
    return 0;
}

static int dying_rename(const char *from, const char *to)
{
    if (calls++ == fail_at)
        _exit(0);
    if (rename(from, to) != 0)
        return -1;
    if (calls++ == fail_at)
        _exit(0);
    return 0;
}

START_TEST(killed_while_replacing)
{
    static const struct journal_io dying = { dying_write, dying_sync, dying_rename };
    struct buf seen = { 0 };
    struct journal_found found;
    bool saw_old = false, saw_new = false;

    for (fail_at = 0; fail_at < 10; fail_at++) {
        struct journal *j = open_fresh(&journal_io_real);
        enum err e;
        pid_t pid;

        add(j, "old");
        sync_ok(j);
        journal_close(j);
        pid = fork();
        if (pid == 0) {
            calls = -2; /* opening syncs and marks */
            j = reopen_with(&dying, &seen, &found, &e);
            if (!j || journal_replace(j, fill_snapshot, (char *)"new", &why) != OK)
                _exit(1);
            _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        j = reopen_with(&journal_io_real, &seen, &found, &e);
        ck_assert_ptr_nonnull(j);
        saw_old |= strcmp(buf_text(&seen), "old;") == 0;
        saw_new |= strcmp(buf_text(&seen), "new;") == 0;
        ck_assert(strcmp(buf_text(&seen), "old;") == 0 || strcmp(buf_text(&seen), "new;") == 0);
        journal_close(j);
    }
    ck_assert(saw_old && saw_new);
    buf_fini(&seen);
}
END_TEST

START_TEST(nobody_else_may_read_it)
{
    struct journal *j = open_fresh(&journal_io_real);
    struct stat st;

    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    journal_close(j);
}
END_TEST

CHECK_MAIN("journal", checksum_is_castagnoli, records_come_back_in_order,
           an_older_file_stays_one_until_it_is_replaced, one_process_at_a_time,
           a_cut_at_every_byte_gives_a_prefix, damage_at_every_byte_is_noticed,
           damage_of_the_last_promised_record_is_refused,
           a_mark_that_does_not_fit_breaks_no_promise, torn_batches_are_cut_not_refused,
           odd_files_are_refused_with_a_sentence, every_failure_keeps_what_was_promised,
           replacing_mends_a_broken_journal, killed_while_replacing, nobody_else_may_read_it)
