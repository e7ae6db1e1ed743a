/*
 * meta_file: a node's memory comes back as it was, or the start is told why not and what to do; no text but the one
 * that was written is read.
 */
#include "node/durable/meta_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "tests/common/register/charters.h"

#define KERNEL "01234567-89ab-cdef-0123-456789abcdef"

static char folder[] = "/tmp/test_meta_file.XXXXXX", path[64];
static struct meta_file file;
static struct errmsg why;

static struct meta meta_of(uint32_t eras)
{
    struct meta m = { .node = 11, .did = 111, .boot = 3, .kernel = KERNEL, .weakest = KEEP_OS };

    m.seen = charter_of_three();
    memcpy(m.gid, m.seen.gid, sizeof m.gid);
    m.solo = m.unproved = true;
    m.clean_at = (struct position){ 4, 5000 };
    m.commit = 4999;
    for (uint32_t i = 0; i < eras; i++)
        m.history.eras[m.history.count++] = (struct era){ 1 + i, (uint64_t)i << 59 };
    return m;
}

static void fresh(void)
{
    if (strstr(folder, "XXXXXX"))
        ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/hf.meta", folder);
    unlink(path);
    file = (struct meta_file){ NULL };
    why.text[0] = '\0';
}

static void same(const struct meta *a, const struct meta *b)
{
    struct buf one = { 0 }, two = { 0 };

    meta_encode(a, &one);
    meta_encode(b, &two);
    ck_assert_str_eq(buf_text(&one), buf_text(&two));
    buf_fini(&one);
    buf_fini(&two);
}

START_TEST(what_is_written_is_read)
{
    for (uint32_t eras = 0; eras <= HISTORY_MAX; eras++) {
        struct meta m = meta_of(eras > 8 ? 8 : eras), back = { .node = 0 };
        struct buf text = { 0 };

        meta_encode(&m, &text);
        ck_assert_uint_le(text.len, META_BYTES_MAX);
        ck_assert_msg(meta_decode(buf_bytes(&text), &back, &why) == OK, "%s", why.text);
        ck_assert(back.history.count == m.history.count && charter_eq(&back.seen, &m.seen));
        same(&m, &back);
        buf_fini(&text);
    }
}
END_TEST

START_TEST(it_stands_as_it_always_will)
{
    const char *golden = "meta 1 0123456789abcdef0123456789abcdef01234567 11 111 3 1 " KERNEL
                         " os 1 0 0 4 5000 4999 2\n1 0 2 576460752303423488\n*12\r\n";
    struct meta m = meta_of(2), none = { .node = 7, .did = 8, .weakest = KEEP_FSYNC };
    struct buf text = { 0 };

    meta_encode(&m, &text);
    ck_assert_int_eq(strncmp(buf_text(&text), golden, strlen(golden)), 0);
    text.len = 0;
    meta_encode(&none, &text);
    ck_assert_str_eq(buf_text(&text), "meta 1 - 7 8 0 0 - fsync 0 0 0 0 0 0 0\n\n");
    buf_fini(&text);
}
END_TEST

START_TEST(nothing_else_is_read)
{
    static const char *const odd[] = {
        "",
        "meta 1 - 7 8 0 0 - fsync 0 0 0 0 0 0 0\n",
        "meta 0 - 7 8 0 - fsync 0 0 0 0 0 0 0\n\n",
        "meta 1 - 0 8 0 - fsync 0 0 0 0 0 0 0\n\n",
        "meta 1 - 7 8 0 0 - fsync 0 0 0 0 0 0 0 \n\n",
        "meta 1  - 7 8 0 - fsync 0 0 0 0 0 0 0\n\n",
        "meta 1 - 7 8 00 - fsync 0 0 0 0 0 0 0\n\n",
        "meta 1 - 7 8 0 - never 0 0 0 0 0 0 0\n\n",
        "meta 1 - 7 8 0 0 - fsync 2 0 0 0 0 0 0\n\n",
        "meta 1 ff 7 8 0 - fsync 0 0 0 0 0 0 0\n\n",
        "meta 1 - 7 8 0 0 - fsync 0 0 0 0 0 0 1\n\n",
        "meta 1 - 7 8 0 0 - fsync 0 0 0 0 0 0 1\n1 0 2\n",
        "meta 1 - 7 8 0 0 - fsync 0 0 0 0 0 0 2\n2 0 1 5\n",
        "meta 1 - 7 8 0 0 - fsync 0 0 0 0 0 0 2\n1 5 2 4\n",
        "meta 1 - 7 8 0 0 - fsync 0 0 0 0 0 0 33\n\n",
        "meta 1 - 7 8 0 0 - fsync 0 0 0 0 0 0 0\n\n*1",
    };
    struct meta m = meta_of(3), back = { .node = 99 };
    struct buf text = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        ck_assert_msg(meta_decode(bytes_of(odd[i]), &back, &why) != OK, "%s", odd[i]);
    meta_encode(&m, &text);
    for (size_t len = 0; len < text.len; len++)
        if (text.at[len] != '*') /* without its charter it is whole */
            ck_assert(meta_decode((struct bytes){ text.at, len }, &back, &why) != OK);
    ck_assert_uint_eq(back.node, 99);
    buf_fini(&text);
}
END_TEST

START_TEST(the_newest_comes_back)
{
    struct meta m = meta_of(1), back = { .node = 0 };

    fresh();
    ck_assert_int_eq(meta_file_open(&file, path, &slots_io_real, &back, &why), ERR_NOTFOUND);
    ck_assert_int_eq(meta_file_create(&file, path, &slots_io_real, &m, &why), OK);
    for (uint64_t boot = 1; boot < 6; boot++) {
        m.boot = boot;
        ck_assert_int_eq(meta_file_store(&file, &m, &why), OK);
    }
    meta_file_close(&file);
    ck_assert_msg(meta_file_open(&file, path, &slots_io_real, &back, &why) == OK, "%s", why.text);
    same(&m, &back);
    meta_file_close(&file);
}
END_TEST

static void refused(enum err e, const char *sentence)
{
    struct meta back = { .node = 99 };

    ck_assert_int_eq(meta_file_open(&file, path, &slots_io_real, &back, &why), e);
    ck_assert_msg(strstr(why.text, sentence) && strstr(why.text, path), "%s", why.text);
    ck_assert_uint_eq(back.node, 99);
}

START_TEST(what_cannot_be_believed_is_refused)
{
    struct meta m = meta_of(1);
    struct meta_file held;
    struct slots *slots;
    enum err e;
    int fd;

    fresh();
    ck_assert_int_eq(meta_file_create(&held, path, &slots_io_real, &m, &why), OK);
    refused(ERR_EXISTS, "give each a dir of its own");
    meta_file_close(&held);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(pwrite(fd, "x", 1, slots_place(1) + SLOT_HEADER_BYTES + 9), 1);
    close(fd);
    refused(ERR_CORRUPT, "Move it away");
    slots = slots_create(path, &slots_io_real, BYTES("meta 2 - 7 8 tomorrow\n\n"), &e, &why);
    slots_close(slots);
    refused(ERR_UNSUPPORTED, "Start the version that wrote it");
    slots = slots_create(path, &slots_io_real, BYTES("voter 1"), &e, &why);
    slots_close(slots);
    refused(ERR_CORRUPT, "it is no node's memory");
}
END_TEST

CHECK_MAIN("meta_file", what_is_written_is_read, it_stands_as_it_always_will, nothing_else_is_read,
           the_newest_comes_back, what_cannot_be_believed_is_refused)
