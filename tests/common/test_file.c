/*
 * file: what killed replacements have left beside a path goes, and nothing else does; nobody reads in a replacement
 * what nobody may read in the file. The kernel's answers are this program's own: write notes who may read what it
 * writes to, and fchown fails where a test says so.
 */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/check_main.h"

static char dir[] = "/tmp/test_file.XXXXXX";
static char path[64];

static mode_t mode_written; /* of the regular file that was written to last */
static int fchown_errno;

ssize_t write(int fd, const void *buf, size_t n)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        mode_written = st.st_mode & 07777;
    return syscall(SYS_write, fd, buf, n);
}

int fchown(int fd, uid_t owner, gid_t group)
{
    if (!fchown_errno)
        return (int)syscall(SYS_fchown, fd, owner, group);
    errno = fchown_errno;
    return -1;
}

static const char *beside(const char *suffix)
{
    static char name[128];

    snprintf(name, sizeof name, "%s%s", path, suffix);
    return name;
}

static void make(const char *suffix, int age_s)
{
    struct timespec at[2] = { { time(NULL) - age_s, 0 }, { time(NULL) - age_s, 0 } };
    int fd = open(beside(suffix), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(futimens(fd, at), 0);
    close(fd);
}

static bool is_there(const char *suffix)
{
    return access(beside(suffix), F_OK) == 0;
}

START_TEST(only_old_temps_of_this_path_are_swept)
{
    static const char *const kept[] = {
        "",       ".0123456789abcde.tmp",  ".0123456789abcdef.tmp.x", ".0123456789abcdeg.tmp",
        ".state", "2.0123456789abcdef.tmp"
    };

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/conf", dir);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        make(kept[i], 10 * FILE_TEMP_AGE_S);
    make(".0123456789abcdef.tmp", FILE_TEMP_AGE_S + 1);
    make(".ffffffffffffffff.tmp", FILE_TEMP_AGE_S + 1);
    make(".0000000000000000.tmp", 0); /* somebody may be writing it */
    ck_assert_int_eq(file_sweep(path), 2);
    ck_assert(!is_there(".0123456789abcdef.tmp") && !is_there(".ffffffffffffffff.tmp"));
    ck_assert(is_there(".0000000000000000.tmp"));
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        ck_assert(is_there(kept[i]));
    ck_assert_int_eq(file_sweep(path), 0);
    ck_assert_int_eq(file_sweep("/nowhere/at/all"), 0);
}
END_TEST

START_TEST(a_replacement_is_as_secret_as_the_file_from_its_first_byte)
{
    static const struct {
        mode_t old, mode, want; /* old 0: there is none */
        int fchown_errno;
        enum err result;
    } table[] = {
        { 0600, 0644, 0600 },
        { 0640, 0600, 0640 },
        { 0, 0640, 0640 },
        { 0600, 0644, 0600, EPERM },
        { 0600, 0644, 0600, EINVAL },
        { 0600, 0644, 0600, EIO, ERR_IO },
    };
    struct errmsg why;

    umask(022);
    ck_assert_ptr_nonnull(mkdtemp(strcpy(dir, "/tmp/test_file.XXXXXX")));
    snprintf(path, sizeof path, "%s/conf", dir);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct stat st;

        unlink(path);
        if (table[i].old)
            make("", 0);
        ck_assert(!table[i].old || chmod(path, table[i].old) == 0);
        fchown_errno = table[i].fchown_errno;
        mode_written = 0;
        ck_assert_int_eq(file_replace(path, BYTES("secret"), table[i].mode, &why), table[i].result);
        fchown_errno = 0;
        ck_assert_uint_eq(mode_written, table[i].result == OK ? table[i].want : 0);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, table[i].want);
    }
}
END_TEST

START_TEST(what_is_no_file_is_not_replaced)
{
    struct errmsg why;
    struct stat st;

    ck_assert_ptr_nonnull(mkdtemp(strcpy(dir, "/tmp/test_file.XXXXXX")));
    snprintf(path, sizeof path, "%s/conf", dir);
    ck_assert_int_eq(symlink("/dev/null", path), 0);
    ck_assert_int_eq(file_replace(path, BYTES("text"), 0644, &why), ERR_IO);
    ck_assert_ptr_nonnull(strstr(why.text, "is not a regular file"));
    ck_assert(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
    unlink(path);
    rmdir(dir);
}
END_TEST

CHECK_MAIN("file", what_is_no_file_is_not_replaced, only_old_temps_of_this_path_are_swept,
           a_replacement_is_as_secret_as_the_file_from_its_first_byte)
