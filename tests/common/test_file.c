/*
 * file: what killed replacements have left beside a path goes, and nothing else does.
 */
#include "common/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/check_main.h"

static char dir[] = "/tmp/test_file.XXXXXX";
static char path[64];

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

CHECK_MAIN("file", only_old_temps_of_this_path_are_swept)
