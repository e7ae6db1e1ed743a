#include "common/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/random.h"

static enum err io_failed(struct errmsg *why, const char *what, const char *path)
{
    errmsg_set(why, "Can't %s '%s': %s", what, path, strerror(errno));
    return errno == ENOENT ? ERR_NOTFOUND : ERR_IO;
}

enum err file_read(const char *path, uint64_t bytes_max, struct buf *out, struct errmsg *out_why)
{
    size_t old_len = out->len;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;

    if (fd < 0)
        return io_failed(out_why, "open", path);
    do {
        char *at = buf_reserve(out, 64 * 1024);

        got = read(fd, at, 64 * 1024);
        if (got > 0)
            out->len += (size_t)got;
    } while ((got > 0 && out->len - old_len <= bytes_max) || (got < 0 && errno == EINTR));
    if (got < 0) {
        enum err e = io_failed(out_why, "read", path);

        close(fd);
        out->len = old_len;
        return e;
    }
    close(fd);
    if (out->len - old_len > bytes_max) {
        errmsg_set(out_why, "'%s' is longer than %llu bytes", path, (unsigned long long)bytes_max);
        out->len = old_len;
        return ERR_LIMIT;
    }
    return OK;
}

enum err file_sync_dir(const char *path, struct errmsg *out_why)
{
    AUTO_FREE char *copy = xstrdup(path);
    const char *dir = dirname(copy);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed;

    if (fd < 0)
        return io_failed(out_why, "open", dir);
    failed = fsync(fd);
    /* Some file systems know no fsync of a directory, and say so with EINVAL. */
    if (failed && errno == EINVAL)
        failed = 0;
    if (failed)
        io_failed(out_why, "fsync", dir);
    close(fd);
    return failed ? ERR_IO : OK;
}

static bool write_all(int fd, struct bytes content)
{
    while (content.len) {
        ssize_t put = write(fd, content.at, content.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        content.at += put;
        content.len -= (size_t)put;
    }
    return true;
}

/* The new file takes the old one's mode and, where we may, its owner. EINVAL: one that our user namespace
 * does not know. */
static bool take_looks(int fd, const struct stat *old)
{
    if (fchown(fd, old->st_uid, old->st_gid) != 0 && errno != EPERM && errno != EINVAL)
        return false;
    return fchmod(fd, old->st_mode & 07777) == 0;
}

/* Empty, and as path looks, or with mode where there is none: nobody reads in it what that one keeps secret. */
static int open_temp(const char *temp, const char *path, unsigned mode)
{
    struct stat old;
    bool there = stat(path, &old) == 0;
    int fd;

    if (!there && errno != ENOENT)
        return -1;
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, there ? 0600 : mode);
    if (fd >= 0 && there && !take_looks(fd, &old)) {
        int error = errno;

        close(fd);
        unlink(temp);
        errno = error;
        return -1;
    }
    return fd;
}

/* A device (/dev/null in place of a configuration) would be gone for everybody. */
static bool is_no_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

enum err file_replace(const char *path, struct bytes content, unsigned mode, struct errmsg *out_why)
{
    char tag[17];
    struct buf temp = { 0 };
    enum err e = OK;
    int fd;

    if (is_no_file(path)) {
        errmsg_set(out_why, "%s is not a regular file", path);
        return ERR_IO;
    }
    random_hex(tag, 16);
    buf_printf(&temp, "%s.%s.tmp", path, tag);
    fd = open_temp(buf_text(&temp), path, mode);
    if (fd < 0) {
        e = io_failed(out_why, "create", buf_text(&temp));
        buf_fini(&temp);
        return e;
    }
    if (!write_all(fd, content) || fsync(fd) != 0)
        e = io_failed(out_why, "write", buf_text(&temp));
    if (close(fd) != 0 && e == OK)
        e = io_failed(out_why, "close", buf_text(&temp));
    if (e == OK && rename(buf_text(&temp), path) != 0)
        e = io_failed(out_why, "replace", path);
    if (e != OK)
        unlink(buf_text(&temp));
    else
        e = file_sync_dir(path, out_why);
    buf_fini(&temp);
    return e;
}

/* ".", sixteen hexadecimal digits, ".tmp": what file_replace puts behind a path. */
static bool is_temp_suffix(const char *s)
{
    return s[0] == '.' && strspn(s + 1, "0123456789abcdef") == 16 && strcmp(s + 17, ".tmp") == 0;
}

int file_sweep(const char *path)
{
    AUTO_FREE char *copy = xstrdup(path), *base_copy = xstrdup(path);
    const char *base = basename(base_copy);
    DIR *dir = opendir(dirname(copy));
    size_t len = strlen(base);
    struct dirent *found;
    int swept = 0;

    while (dir && (found = readdir(dir))) {
        struct stat st;

        if (strncmp(found->d_name, base, len) != 0 || !is_temp_suffix(found->d_name + len))
            continue;
        if (fstatat(dirfd(dir), found->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && time(NULL) >= st.st_mtime + FILE_TEMP_AGE_S)
            swept += unlinkat(dirfd(dir), found->d_name, 0) == 0;
    }
    if (dir)
        closedir(dir);
    return swept;
}

char *file_absolute(const char *path)
{
    char cwd[PATH_MAX];
    struct buf whole = { 0 };
    char *absolute;

    if (path[0] == '/' || !path[0] || !getcwd(cwd, sizeof cwd))
        return xstrdup(path);
    buf_printf(&whole, "%s/%s", cwd, path);
    absolute = xmemdup0(whole.at, whole.len);
    buf_fini(&whole);
    return absolute;
}
