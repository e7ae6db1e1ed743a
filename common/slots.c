#include "common/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/file.h"

struct slots {
    const struct slots_io *io;
    char *path;
    int fd, lock_fd;
    uint64_t sequence; /* of the newest slot */
    bool broken;
};

static ssize_t real_pwrite(int fd, const void *data, size_t len, off_t at)
{
    return pwrite(fd, data, len, at);
}

static int real_sync(int fd)
{
    return fdatasync(fd);
}

const struct slots_io slots_io_real = { real_pwrite, real_sync };

static enum err io_failed(struct errmsg *why, const char *what, const char *path)
{
    errmsg_set(why, "Can't %s '%s': %s", what, path, strerror(errno));
    return ERR_IO;
}

static struct slots *slots_new(const char *path, const struct slots_io *io)
{
    struct slots *s = xcalloc(1, sizeof *s);

    s->io = io;
    s->path = file_absolute(path);
    s->fd = s->lock_fd = -1;
    return s;
}

static enum err take_lock(struct slots *s, struct errmsg *out_why)
{
    struct buf path = { 0 };
    enum err e = OK;

    buf_printf(&path, "%s.lock", s->path);
    s->lock_fd = open(buf_text(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0) {
        e = io_failed(out_why, "open", buf_text(&path));
    } else if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        errmsg_set(out_why, "'%s' is in use by another process", s->path);
        e = ERR_EXISTS;
    }
    buf_fini(&path);
    return e;
}

/* One pwrite; one that comes short is a failure like any other. */
static bool put(struct slots *s, const struct buf *data, off_t at)
{
    ssize_t done;

    do
        done = s->io->pwrite(s->fd, data->at, data->len, at);
    while (done < 0 && errno == EINTR);
    if (done >= 0 && (size_t)done < data->len)
        errno = ENOSPC;
    return done == (ssize_t)data->len;
}

enum err slots_write(struct slots *s, struct bytes payload, struct errmsg *out_why)
{
    struct buf data = { 0 };
    bool done;

    ASSERT(payload.len <= SLOT_PAYLOAD_MAX);
    if (s->broken) {
        errmsg_set(out_why, "'%s' could not be written before", s->path);
        return ERR_IO;
    }
    slots_put(&data, s->sequence + 1, payload);
    done = put(s, &data, slots_place(s->sequence + 1)) && s->io->sync(s->fd) == 0;
    if (!done) {
        enum err e = io_failed(out_why, "write", s->path);

        s->broken = true;
        buf_fini(&data);
        return e;
    }
    s->sequence++;
    data.len = 0;
    slots_put_mark(&data, s->sequence);
    /* It is there: only the next write suffers. */
    s->broken = !put(s, &data, SLOTS_MARK_AT);
    buf_fini(&data);
    return OK;
}

static enum err load(struct slots *s, struct buf *out, struct errmsg *out_why)
{
    struct buf file = { 0 };
    struct bytes payload = { 0 };
    struct errmsg reason = { "" };
    enum err e = file_read(s->path, SLOTS_FILE_BYTES, &file, out_why);

    if (e == ERR_LIMIT)
        e = ERR_CORRUPT;
    if (e == OK) {
        e = slots_scan(buf_bytes(&file), &payload, &s->sequence, &reason);
        if (e != OK)
            errmsg_set(out_why, "'%s' can't be believed: %s", s->path, reason.text);
    }
    if (e == OK)
        buf_add(out, payload);
    buf_fini(&file);
    return e;
}

struct slots *slots_open(const char *path, const struct slots_io *io, struct buf *out,
                         enum err *out_err, struct errmsg *out_why)
{
    struct slots *s = slots_new(path, io);
    size_t before = out->len;

    *out_err = take_lock(s, out_why);
    if (*out_err == OK)
        *out_err = load(s, out, out_why);
    if (*out_err == OK) {
        s->fd = open(s->path, O_RDWR | O_CLOEXEC);
        /* What was read may be in memory only: nobody is told of it before it is on the disk. */
        if (s->fd < 0 || io->sync(s->fd) != 0)
            *out_err = io_failed(out_why, "open", s->path);
    }
    if (*out_err == OK)
        return s;
    out->len = before;
    slots_close(s);
    return NULL;
}

/* The whole file at once: what stood there goes with the rename. */
static enum err write_new(struct slots *s, struct bytes payload, struct errmsg *out_why)
{
    struct buf file = { 0 }, slot = { 0 };
    enum err e;

    memset(buf_reserve(&file, SLOTS_FILE_BYTES), 0, SLOTS_FILE_BYTES);
    file.len = SLOTS_FILE_BYTES;
    slots_put(&slot, 1, payload);
    memcpy(file.at + slots_place(1), slot.at, slot.len);
    slot.len = 0;
    slots_put_mark(&slot, 1);
    memcpy(file.at + SLOTS_MARK_AT, slot.at, slot.len);
    e = file_replace(s->path, buf_bytes(&file), 0600, out_why);
    buf_fini(&file);
    buf_fini(&slot);
    return e;
}

struct slots *slots_create(const char *path, const struct slots_io *io, struct bytes payload,
                           enum err *out_err, struct errmsg *out_why)
{
    struct slots *s = slots_new(path, io);

    ASSERT(payload.len <= SLOT_PAYLOAD_MAX);
    *out_err = take_lock(s, out_why);
    if (*out_err == OK)
        *out_err = write_new(s, payload, out_why);
    if (*out_err == OK) {
        s->sequence = 1;
        s->fd = open(s->path, O_RDWR | O_CLOEXEC);
        if (s->fd < 0)
            *out_err = io_failed(out_why, "open", s->path);
    }
    if (*out_err == OK)
        return s;
    slots_close(s);
    return NULL;
}

void slots_close(struct slots *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    xfree(s->path);
    xfree(s);
}
