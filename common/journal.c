#include "common/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/file.h"
#include "common/format.h"
#include "common/journal_format.h"

struct journal {
    const struct journal_io *io;
    char *path;
    int fd, lock_fd;
    uint64_t next;   /* sequence of the next record */
    uint64_t synced; /* last sequence surely on the disk */
    uint64_t bytes;  /* of the file, all of it whole records */
    uint32_t version;
    bool broken, unsynced;
};

static ssize_t real_write(int fd, const void *data, size_t len)
{
    return write(fd, data, len);
}

static int real_sync(int fd)
{
    return fdatasync(fd);
}

static int real_rename(const char *from, const char *to)
{
    return rename(from, to);
}

const struct journal_io journal_io_real = { real_write, real_sync, real_rename };

/* ---- files -------------------------------------------------------------------------------------- */

static enum err io_failed(struct errmsg *why, const char *what, const char *path)
{
    errmsg_set(why, "Can't %s '%s': %s", what, path, strerror(errno));
    return ERR_IO;
}

static bool write_all(const struct journal_io *io, int fd, const char *at, size_t len)
{
    while (len) {
        ssize_t put = io->write(fd, at, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        at += put;
        len -= (size_t)put;
    }
    return true;
}

static enum err take_lock(struct journal *j, struct errmsg *out_why)
{
    struct buf path = { 0 };
    enum err e = OK;

    buf_printf(&path, "%s.lock", j->path);
    j->lock_fd = open(buf_text(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->lock_fd < 0) {
        e = io_failed(out_why, "open", buf_text(&path));
    } else if (flock(j->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        errmsg_set(out_why,
                   "'%s' is in use by another process; give each its own file, or stop the "
                   "other one",
                   j->path);
        e = ERR_EXISTS;
    }
    buf_fini(&path);
    return e;
}

/* A file shorter than its header was made by a start that did not get further: it promised nothing. */
static enum err start_file(struct journal *j, uint64_t first, struct errmsg *out_why)
{
    struct buf header = { 0 };
    bool written;

    journal_put_header(&header, first);
    written = ftruncate(j->fd, 0) == 0 && write_all(j->io, j->fd, header.at, header.len) &&
              j->io->sync(j->fd) == 0;
    buf_fini(&header);
    if (!written)
        return io_failed(out_why, "write", j->path);
    j->next = first;
    j->synced = first - 1;
    j->bytes = JOURNAL_HEADER_BYTES;
    j->version = format_own(JOURNAL_NEWEST);
    return file_sync_dir(j->path, out_why);
}

/* The next one to open the file can tell from the mark that the records before it had been promised, even
 * if it finds the last of them damaged and nothing else behind. A program of version 1 would take it for damage. */
static void put_mark(struct journal *j)
{
    struct buf mark = { 0 };

    if (j->version < JOURNAL_MARKS)
        return;
    journal_put_mark(&mark, j->synced);
    if (write_all(j->io, j->fd, mark.at, mark.len)) {
        j->bytes += mark.len;
    } else {
        j->broken = true;
        (void)!ftruncate(j->fd, (off_t)j->bytes);
    }
    buf_fini(&mark);
}

static enum err sync_and_mark(struct journal *j, struct errmsg *out_why)
{
    if (j->io->sync(j->fd) != 0) {
        j->broken = true;
        return io_failed(out_why, "fsync", j->path);
    }
    j->unsynced = false;
    j->synced = j->next - 1;
    put_mark(j);
    return OK;
}

static enum err load(struct journal *j,
                     enum err (*each)(void *arg, struct bytes payload, struct errmsg *why),
                     void *arg, struct journal_found *out_found, struct errmsg *out_why)
{
    struct buf file = { 0 };
    struct errmsg reason = { "" };
    size_t good = 0;
    enum err e = file_read(j->path, JOURNAL_FILE_MAX, &file, out_why);

    if (e != OK) {
        buf_fini(&file);
        return e;
    }
    if (file.len < JOURNAL_HEADER_BYTES) {
        *out_found = (struct journal_found){ .is_new = true, .torn_bytes = file.len };
        buf_fini(&file);
        return start_file(j, 1, out_why);
    }
    e = journal_scan(buf_bytes(&file), each, arg, &good, out_found, &reason);
    if (e == OK) {
        j->next = out_found->next;
        j->synced = j->next - 1;
        j->bytes = good;
        j->version = out_found->version;
        if (out_found->torn_bytes && ftruncate(j->fd, (off_t)good) != 0)
            e = io_failed(out_why, "cut the torn end off", j->path);
        /* What was read may still be in memory only: it counts as promised from here on. */
        else
            e = sync_and_mark(j, out_why);
    } else {
        errmsg_set(out_why, "'%s' can't be read: %s", j->path, reason.text);
    }
    buf_fini(&file);
    return e;
}

struct journal *journal_open(const char *path, const struct journal_io *io,
                             enum err (*each)(void *arg, struct bytes payload, struct errmsg *why),
                             void *arg, struct journal_found *out_found, enum err *out_err,
                             struct errmsg *out_why)
{
    struct journal *j = xcalloc(1, sizeof *j);
    enum err e;

    j->io = io;
    j->path = file_absolute(path);
    j->fd = j->lock_fd = -1;
    *out_found = (struct journal_found){ 0 };
    e = take_lock(j, out_why);
    if (e == OK) {
        j->fd = open(j->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        e = j->fd < 0 ? io_failed(out_why, "open", j->path)
                      : load(j, each, arg, out_found, out_why);
    }
    *out_err = e;
    if (e == OK)
        return j;
    journal_close(j);
    return NULL;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    if (j->fd >= 0)
        close(j->fd);
    if (j->lock_fd >= 0)
        close(j->lock_fd);
    xfree(j->path);
    xfree(j);
}

enum err journal_append(struct journal *j, struct bytes payload, struct errmsg *out_why)
{
    struct buf whole = { 0 };
    bool written;

    if (payload.len > JOURNAL_RECORD_MAX || j->bytes > JOURNAL_FILE_MAX - JOURNAL_RECORD_MAX) {
        errmsg_set(out_why, "'%s': a record of %zu bytes does not fit", j->path, payload.len);
        return ERR_LIMIT;
    }
    if (j->broken) {
        errmsg_set(out_why, "'%s' could not be written before", j->path);
        return ERR_IO;
    }
    journal_put_record(&whole, j->next, j->synced, payload);
    written = write_all(j->io, j->fd, whole.at, whole.len);
    buf_fini(&whole);
    if (!written) {
        io_failed(out_why, "write", j->path);
        j->broken = true;
        (void)!ftruncate(j->fd, (off_t)j->bytes); /* a torn end is understood anyway */
        return ERR_IO;
    }
    j->bytes += JOURNAL_RECORD_HEADER + payload.len;
    j->next++;
    j->unsynced = true;
    return OK;
}

enum err journal_sync(struct journal *j, struct errmsg *out_why)
{
    if (j->broken) {
        errmsg_set(out_why, "'%s' could not be written before", j->path);
        return ERR_IO;
    }
    if (!j->unsynced)
        return OK;
    return sync_and_mark(j, out_why);
}

/* The draft is a journal on a file that nobody reads before it has the real name. */
static enum err write_draft(struct journal *draft, uint64_t first,
                            enum err (*fill)(void *arg, struct journal *draft, struct errmsg *why),
                            void *arg, struct errmsg *out_why)
{
    enum err e;

    draft->fd = open(draft->path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (draft->fd < 0)
        return io_failed(out_why, "create", draft->path);
    e = start_file(draft, first, out_why);
    if (e == OK)
        e = fill(arg, draft, out_why);
    if (e == OK)
        e = journal_sync(draft, out_why);
    return e;
}

enum err journal_replace(struct journal *j,
                         enum err (*fill)(void *arg, struct journal *draft, struct errmsg *why),
                         void *arg, struct errmsg *out_why)
{
    struct journal draft = { .io = j->io, .fd = -1, .lock_fd = -1 };
    struct buf path = { 0 };
    enum err e;

    buf_printf(&path, "%s.new", j->path);
    draft.path = (char *)buf_text(&path);
    e = write_draft(&draft, j->next, fill, arg, out_why);
    if (e == OK && j->io->rename(draft.path, j->path) != 0)
        e = io_failed(out_why, "replace", j->path);
    if (e != OK) {
        if (draft.fd >= 0)
            close(draft.fd);
        unlink(draft.path);
        buf_fini(&path);
        return e;
    }
    buf_fini(&path);
    close(j->fd);
    j->fd = draft.fd;
    j->next = draft.next;
    j->synced = draft.synced;
    j->bytes = draft.bytes;
    j->version = draft.version;
    j->unsynced = false;
    /* The name is only certain once the directory is: until then a crash could bring the old file back,
     * without what is appended from now on. */
    e = file_sync_dir(j->path, out_why);
    j->broken = e != OK || draft.broken;
    return e;
}

bool journal_broken(const struct journal *j)
{
    return j->broken;
}

uint64_t journal_bytes(const struct journal *j)
{
    return j->bytes;
}

const char *journal_path(const struct journal *j)
{
    return j->path;
}
