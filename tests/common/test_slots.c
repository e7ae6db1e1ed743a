/*
 * slots: whatever a crash or a bad disk leaves, what is read back is the newest that was promised, or nothing.
 * Proven by tearing a write at every sector, by damaging every byte behind a promise, and by a system that fails.
 */
#include "common/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "tests/check_main.h"

static char dir[] = "/tmp/test_slots.XXXXXX";
static char path[64];
static struct errmsg why;
static enum err err;

static struct slots *create(const char *text)
{
    struct slots *s;

    if (strstr(dir, "XXXXXX"))
        ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    s = slots_create(path, &slots_io_real, bytes_of(text), &err, &why);
    ck_assert_msg(s != NULL, "%s", why.text);
    return s;
}

static void write_ok(struct slots *s, const char *text)
{
    ck_assert_msg(slots_write(s, bytes_of(text), &why) == OK, "%s", why.text);
}

static void file_is(const char *text)
{
    struct buf seen = { 0 };
    struct slots *s = slots_open(path, &slots_io_real, &seen, &err, &why);

    ck_assert_msg(s != NULL, "%s", why.text);
    ck_assert_str_eq(buf_text(&seen), text);
    slots_close(s);
    buf_fini(&seen);
}

static void read_file(struct buf *out)
{
    out->len = 0;
    ck_assert_int_eq(file_read(path, SLOTS_FILE_BYTES, out, &why), OK);
    ck_assert_uint_eq(out->len, SLOTS_FILE_BYTES);
}

START_TEST(the_last_one_written_is_read)
{
    struct slots *s = create("one");
    char text[16];

    slots_close(s);
    file_is("one");
    s = create("anew");
    for (int i = 0; i < 9; i++) {
        snprintf(text, sizeof text, "number %d", i);
        write_ok(s, text);
    }
    slots_close(s);
    file_is("number 8");
}
END_TEST

START_TEST(one_process_at_a_time)
{
    struct slots *s = create("one");
    struct buf seen = { 0 };

    ck_assert_ptr_null(slots_open(path, &slots_io_real, &seen, &err, &why));
    ck_assert_int_eq(err, ERR_EXISTS);
    slots_close(s);
    unlink(path);
    ck_assert_ptr_null(slots_open(path, &slots_io_real, &seen, &err, &why));
    ck_assert_int_eq(err, ERR_NOTFOUND);
    ck_assert_uint_eq(seen.len, 0);
}
END_TEST

/* Sectors of the third write reach the disk in every combination: the second is read unless all did. */
START_TEST(a_torn_write_leaves_what_was_promised)
{
    struct slots *s = create("one");
    struct buf before = { 0 }, slot = { 0 };
    char big[SLOT_PAYLOAD_MAX];
    unsigned sectors = SLOT_BYTES / SLOTS_SECTOR;

    memset(big, 'x', sizeof big);
    write_ok(s, "two");
    slots_close(s);
    read_file(&before);
    slots_put(&slot, 3, (struct bytes){ big, sizeof big });
    for (unsigned landed = 0; landed < 1u << sectors; landed++) {
        struct bytes payload;
        uint64_t sequence;
        struct buf file = { 0 };

        buf_add(&file, buf_bytes(&before));
        for (unsigned i = 0; i < sectors; i++)
            if (landed >> i & 1)
                memcpy(file.at + slots_place(3) + i * SLOTS_SECTOR, slot.at + i * SLOTS_SECTOR,
                       SLOTS_SECTOR);
        ck_assert_int_eq(slots_scan(buf_bytes(&file), &payload, &sequence, &why), OK);
        ck_assert_uint_eq(sequence, landed == (1u << sectors) - 1 ? 3 : 2);
        buf_fini(&file);
    }
    buf_fini(&before);
    buf_fini(&slot);
}
END_TEST

/* Never the older one: what it does not hold any more had been told to others. */
START_TEST(damage_to_what_was_promised_is_refused)
{
    struct slots *s = create("one");
    struct buf file = { 0 };
    struct bytes payload;
    uint64_t sequence;

    write_ok(s, "two");
    slots_close(s);
    read_file(&file);
    for (size_t at = 0; at < file.len; at++) {
        bool newest =
            at >= (size_t)slots_place(2) && at < (size_t)slots_place(2) + SLOT_HEADER_BYTES + 3;
        enum err e;

        file.at[at] = (char)(file.at[at] ^ 0x10);
        e = slots_scan(buf_bytes(&file), &payload, &sequence, &why);
        ck_assert_int_eq(e, newest ? ERR_CORRUPT : OK);
        if (e == OK)
            ck_assert(sequence == 2 && bytes_is(payload, "two"));
        file.at[at] = (char)(file.at[at] ^ 0x10);
    }
    ck_assert_int_eq(slots_scan((struct bytes){ file.at, file.len - 1 }, &payload, &sequence, &why),
                     ERR_CORRUPT);
    buf_fini(&file);
}
END_TEST

static int syncs_left;

static int failing_sync(int fd)
{
    errno = EIO;
    return syncs_left-- > 0 ? 0 : -1;
}

static ssize_t short_pwrite(int fd, const void *data, size_t len, off_t at)
{
    return pwrite(fd, data, len / 2, at);
}

START_TEST(after_a_failure_nothing_is_written_any_more)
{
    struct slots_io io = slots_io_real;
    struct slots *s;

    slots_close(create("one"));
    io.sync = failing_sync;
    syncs_left = 0;
    s = slots_create(path, &io, BYTES("one"), &err, &why);
    ck_assert_int_eq(slots_write(s, BYTES("two"), &why), ERR_IO);
    ck_assert_ptr_nonnull(strstr(why.text, "Input/output error"));
    syncs_left = 9;
    ck_assert_int_eq(slots_write(s, BYTES("three"), &why), ERR_IO);
    slots_close(s);
    io.pwrite = short_pwrite;
    s = slots_create(path, &io, BYTES("one"), &err, &why);
    ck_assert_int_eq(slots_write(s, BYTES("two"), &why), ERR_IO);
    slots_close(s);
    file_is("one");
}
END_TEST

CHECK_MAIN("slots", the_last_one_written_is_read, one_process_at_a_time,
           a_torn_write_leaves_what_was_promised, damage_to_what_was_promised_is_refused,
           after_a_failure_nothing_is_written_any_more)
