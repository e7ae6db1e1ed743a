#include "node/persist/aof_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/file.h"

static enum err failed(struct errmsg *why, const char *what, const char *path)
{
    int error = errno;

    errmsg_set(why, "cannot %s %s (%s)", what, path, strerror(error));
    return error == ENOENT ? ERR_NOTFOUND : ERR_IO;
}

char *aof_path(const char *dir, const char *name)
{
    struct buf path = { 0 };

    buf_printf(&path, "%s/%s", dir, name);
    buf_text(&path);
    return path.at;
}

char *aof_manifest_path(const char *dir, const char *prefix)
{
    struct buf path = { 0 };

    buf_printf(&path, "%s/%s.manifest", dir, prefix);
    buf_text(&path);
    return path.at;
}

enum err aof_make_dir(const char *dir, struct errmsg *out_why)
{
    struct stat st;

    if (mkdir(dir, 0755) == 0)
        return file_sync_dir(dir, out_why);
    if (errno != EEXIST)
        return failed(out_why, "create", dir);
    if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
        return OK;
    errmsg_set(out_why, "%s is not a directory", dir);
    return ERR_IO;
}

enum err aof_load_manifest(struct aof_manifest *m, const char *dir, const char *prefix,
                           struct errmsg *out_why)
{
    AUTO_FREE char *path = aof_manifest_path(dir, prefix);
    struct buf text = { 0 };
    enum err e = file_read(path, AOF_MANIFEST_BYTES_MAX, &text, out_why);

    if (e == OK)
        e = aof_manifest_read(m, buf_bytes(&text), out_why);
    else
        aof_manifest_fini(m);
    buf_fini(&text);
    return e;
}

static enum err write_whole(int fd, struct bytes text)
{
    while (text.len) {
        ssize_t n = write(fd, text.at, text.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        text.at += n;
        text.len -= (size_t)n;
    }
    return fsync(fd) ? ERR_IO : OK;
}

/* Where nothing moved the old manifest stands, under the temp name at most something that nobody reads. */
enum err aof_store_manifest(const char *dir, const char *prefix, struct bytes text, bool *out_moved,
                            struct errmsg *out_why)
{
    AUTO_FREE char *path = aof_manifest_path(dir, prefix);
    struct buf temp = { 0 };
    enum err e = OK;
    int fd;

    *out_moved = false;
    buf_printf(&temp, "%s/temp-%s.manifest", dir, prefix);
    fd = open(buf_text(&temp), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        e = failed(out_why, "create", buf_text(&temp));
        buf_fini(&temp);
        return e;
    }
    if (write_whole(fd, text) != OK)
        e = failed(out_why, "write", buf_text(&temp));
    close(fd);
    if (e == OK)
        e = aof_rename(buf_text(&temp), path, out_moved, out_why);
    else
        unlink(buf_text(&temp));
    buf_fini(&temp);
    return e;
}

int aof_create(const char *path, struct errmsg *out_why)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0) {
        failed(out_why, "create", path);
        return -1;
    }
    if (file_sync_dir(path, out_why) == OK)
        return fd;
    close(fd);
    return -1;
}

enum err aof_sync_names(const char *path, struct errmsg *out_why)
{
    return file_sync_dir(path, out_why);
}

enum err aof_rename(const char *from, const char *to, bool *out_moved, struct errmsg *out_why)
{
    *out_moved = rename(from, to) == 0;
    if (!*out_moved)
        return failed(out_why, "rename", from);
    return aof_sync_names(to, out_why);
}

int64_t aof_size(const char *path)
{
    struct stat st;

    return stat(path, &st) ? -1 : (int64_t)st.st_size;
}

enum err aof_total_size(const struct aof_manifest *m, const char *dir, uint64_t *out_bytes,
                        struct errmsg *out_why)
{
    uint64_t total = 0;

    for (size_t i = 0; i < m->count; i++) {
        AUTO_FREE char *path = aof_path(dir, m->files[i].name);
        int64_t bytes = aof_size(path);

        if (m->files[i].type == AOF_HISTORY)
            continue;
        if (bytes < 0)
            return failed(out_why, "find", path);
        total += (uint64_t)bytes;
    }
    *out_bytes = total;
    return OK;
}

/* The manifest first: a file that it names and that is not there yet stands outside, and is moved in by
 * the next start. */
enum err aof_move_in(struct aof_manifest *m, const char *dir, const char *prefix,
                     struct errmsg *out_why)
{
    AUTO_FREE char *inside = aof_path(dir, prefix);
    struct buf text = { 0 };
    enum err e = aof_make_dir(dir, out_why);
    bool moved;

    if (e != OK)
        return e;
    if (!aof_manifest_base(m))
        aof_manifest_adopt_base(m, prefix);
    aof_manifest_write(m, &text);
    e = aof_store_manifest(dir, prefix, buf_bytes(&text), &moved, out_why);
    buf_fini(&text);
    if (e != OK)
        return e;
    return aof_rename(prefix, inside, &moved, out_why);
}
