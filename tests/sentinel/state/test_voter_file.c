/*
 * voter_file: a voter comes back as it was, or under another id; never under its id with an older memory.
 */
#include "sentinel/state/voter_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "tests/common/register/charters.h"

static char dir[] = "/tmp/test_voter_file.XXXXXX";
static char path[64], damaged[80];
static struct voter_file file;
static struct acceptor voter;
static struct errmsg why;
static bool is_new;

static void open_file(const struct slots_io *io)
{
    why.text[0] = '\0';
    ck_assert_msg(voter_file_open(&file, path, io, &voter, &is_new, &why) == OK, "%s", why.text);
}

static void fresh(void)
{
    if (strstr(dir, "XXXXXX"))
        ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/v", dir);
    snprintf(damaged, sizeof damaged, "%s.damaged", path);
    unlink(path);
    unlink(damaged);
    open_file(&slots_io_real);
    ck_assert(is_new && voter.voter != 0);
    ck_assert_str_eq(why.text, "");
}

/* Steps and obeys, as a driver does: false when the disk failed. */
static bool accepts(uint64_t round)
{
    struct reg_message m = { .kind = REG_ACCEPT, .ballot = { round, 1 } };
    struct reg_actions out = { 0 };
    struct buf memory = { 0 };
    bool stored = false;

    m.value = charter_of_three();
    memcpy(m.gid, m.value.gid, sizeof m.gid);
    acceptor_step(&voter, &m, &out);
    ck_assert_int_eq(out.at[0].kind, REG_PERSIST);
    acceptor_encode(&voter, &memory);
    stored = voter_file_store(&file, buf_bytes(&memory), &why) == OK;
    if (!stored)
        acceptor_lost(&voter);
    buf_fini(&memory);
    reg_actions_fini(&out);
    return stored;
}

static void flip(off_t at)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char c;

    ck_assert_int_eq(pread(fd, &c, 1, at), 1);
    c ^= 1;
    ck_assert_int_eq(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

START_TEST(it_comes_back_as_it_was)
{
    uint64_t id;

    fresh();
    id = voter.voter;
    for (uint64_t round = 1; round <= 5; round++)
        ck_assert(accepts(round));
    voter_file_close(&file);
    open_file(&slots_io_real);
    ck_assert(!is_new && voter.voter == id && voter.accepted.round == 5);
    ck_assert_uint_eq(voter.value.ver, 1);
    voter_file_close(&file);
}
END_TEST

START_TEST(a_damaged_memory_makes_another_voter)
{
    uint64_t id;

    fresh();
    id = voter.voter;
    ck_assert(accepts(1) && accepts(2));
    voter_file_close(&file);
    flip(slots_place(3) + SLOT_HEADER_BYTES + 8); /* the newest; the one before it is sound */
    open_file(&slots_io_real);
    ck_assert(is_new && voter.voter != id && voter.promised.round == 0);
    ck_assert_ptr_nonnull(strstr(why.text, "had been written safely"));
    ck_assert_int_eq(access(damaged, F_OK), 0);
    id = voter.voter;
    voter_file_close(&file);
    open_file(&slots_io_real);
    ck_assert(!is_new && voter.voter == id);
    voter_file_close(&file);
    unlink(path);
    open_file(&slots_io_real);
    ck_assert(is_new && voter.voter != id);
    voter_file_close(&file);
}
END_TEST

START_TEST(two_processes_are_not_one_voter)
{
    struct voter_file other;
    struct acceptor twin = { 0 };

    fresh();
    ck_assert_int_eq(voter_file_open(&other, path, &slots_io_real, &twin, &is_new, &why),
                     ERR_EXISTS);
    ck_assert_ptr_nonnull(strstr(why.text, "in use by another process"));
    ck_assert_ptr_null(other.slots);
    voter_file_close(&file);
}
END_TEST

START_TEST(a_newer_version_s_memory_is_left_alone)
{
    struct slots *slots;
    enum err e;

    fresh();
    voter_file_close(&file);
    unlink(path);
    slots = slots_create(path, &slots_io_real, BYTES("voter 2 7 0 0 0 0 0 0\n"), &e, &why);
    slots_close(slots);
    ck_assert_int_eq(voter_file_open(&file, path, &slots_io_real, &voter, &is_new, &why),
                     ERR_UNSUPPORTED);
    ck_assert_str_eq(why.text, "it has format 2, and this version reads 1");
    ck_assert_ptr_null(file.slots);
    ck_assert(access(path, F_OK) == 0 && access(damaged, F_OK) != 0);
}
END_TEST

static bool disk_fails;

static int failing_sync(int fd)
{
    errno = EIO;
    return disk_fails ? -1 : 0;
}

START_TEST(a_failing_disk_silences_it)
{
    struct slots_io io = slots_io_real;
    struct reg_message m = { .kind = REG_GET };
    struct reg_actions out = { 0 };

    io.sync = failing_sync;
    disk_fails = false;
    fresh();
    voter_file_close(&file);
    open_file(&io);
    ck_assert(accepts(1));
    disk_fails = true;
    ck_assert(!accepts(2));
    ck_assert(voter.lost);
    acceptor_step(&voter, &m, &out);
    ck_assert_int_eq(out.at[0].message.why, NACK_LOST);
    reg_actions_fini(&out);
    voter_file_close(&file);
}
END_TEST

CHECK_MAIN("voter_file", it_comes_back_as_it_was, a_damaged_memory_makes_another_voter,
           two_processes_are_not_one_voter, a_newer_version_s_memory_is_left_alone,
           a_failing_disk_silences_it)
