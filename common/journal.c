#include "common/journal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/file.h"

static const char magic[8] = "HFJOURNL";

struct journal {
    const struct journal_io *io;
    char *path;
    int fd, lock_fd;
    uint64_t next;   /* sequence of the next record */
    uint64_t synced; /* last sequence surely on the disk */
    uint64_t bytes;  /* of the file, all of it whole records */
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

/* ---- crc32c (Castagnoli, reflected), a nibble at a time: records are short ------------------------ */

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    const unsigned char *at = data;

    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* ---- layout ------------------------------------------------------------------------------------- */

struct record {
    uint64_t sequence, synced;
    struct bytes payload;
};

static uint32_t get32(const char *at)
{
    uint32_t v;

    memcpy(&v, at, sizeof v);
    return le32toh(v);
}

static uint64_t get64(const char *at)
{
    uint64_t v;

    memcpy(&v, at, sizeof v);
    return le64toh(v);
}

static void put32(char *at, uint32_t v)
{
    v = htole32(v);
    memcpy(at, &v, sizeof v);
}

static void put64(char *at, uint64_t v)
{
    v = htole64(v);
    memcpy(at, &v, sizeof v);
}

/* The crc covers the header with its own field as zero, so that no field goes unchecked. */
static uint32_t record_crc(const char *header, struct bytes payload)
{
    char plain[JOURNAL_RECORD_HEADER];

    memcpy(plain, header, sizeof plain);
    put32(plain + 4, 0);
    return crc32c(crc32c(0, plain, sizeof plain), payload.at, payload.len);
}

/* False: no whole, sound record begins here. */
static bool record_at(struct bytes file, size_t at, struct record *out)
{
    size_t left = file.len - at;
    uint32_t len;

    if (left < JOURNAL_RECORD_HEADER)
        return false;
    len = get32(file.at + at);
    if (len > JOURNAL_RECORD_MAX || len > left - JOURNAL_RECORD_HEADER)
        return false;
    out->payload = (struct bytes){ file.at + at + JOURNAL_RECORD_HEADER, len };
    out->sequence = get64(file.at + at + 8);
    out->synced = get64(file.at + at + 16);
    return record_crc(file.at + at, out->payload) == get32(file.at + at + 4);
}

static void make_header(char *out, uint64_t first)
{
    memcpy(out, magic, sizeof magic);
    put32(out + 8, JOURNAL_VERSION);
    put64(out + 12, first);
    put32(out + 20, crc32c(0, out, 20));
}

/* ---- reading ------------------------------------------------------------------------------------ */

static enum err read_header(struct bytes file, uint64_t *out_first, struct errmsg *out_why)
{
    if (file.len < JOURNAL_HEADER_BYTES || memcmp(file.at, magic, sizeof magic) != 0) {
        errmsg_set(out_why, "it is no journal: its first bytes are not those of one");
        return ERR_CORRUPT;
    }
    if (get32(file.at + 20) != crc32c(0, file.at, 20)) {
        errmsg_set(out_why, "its header is damaged");
        return ERR_CORRUPT;
    }
    if (get32(file.at + 8) > JOURNAL_VERSION) {
        errmsg_set(out_why,
                   "it was written by a newer version (format %u, this one knows up to %d)",
                   get32(file.at + 8), JOURNAL_VERSION);
        return ERR_UNSUPPORTED;
    }
    *out_first = get64(file.at + 12);
    return OK;
}

/* A sound record behind the damage that was written when `sequence` was already on the disk proves that
 * the damage hit what had been promised. */
static bool was_promised(struct bytes file, size_t at, uint64_t sequence)
{
    struct record r;

    for (; at + JOURNAL_RECORD_HEADER <= file.len; at++)
        if (record_at(file, at, &r) && r.sequence > sequence && r.synced >= sequence)
            return true;
    return false;
}

enum err journal_scan(struct bytes file,
                      enum err (*each)(void *arg, struct bytes payload, struct errmsg *why),
                      void *arg, size_t *out_good_bytes, struct journal_found *out_found,
                      struct errmsg *out_why)
{
    size_t at = JOURNAL_HEADER_BYTES;
    uint64_t sequence;
    struct record r;
    enum err e = read_header(file, &sequence, out_why);

    *out_found = (struct journal_found){ 0 };
    if (e != OK)
        return e;
    while (at < file.len && record_at(file, at, &r) && r.sequence == sequence) {
        e = each(arg, r.payload, out_why);
        if (e != OK)
            return e;
        at += JOURNAL_RECORD_HEADER + r.payload.len;
        sequence++;
        out_found->records++;
    }
    if (at < file.len && was_promised(file, at, sequence)) {
        errmsg_set(out_why, "record %llu at byte %zu is damaged, and it had been written safely",
                   (unsigned long long)sequence, at);
        return ERR_CORRUPT;
    }
    out_found->torn_bytes = file.len - at;
    *out_good_bytes = at;
    return OK;
}

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
    char header[JOURNAL_HEADER_BYTES];

    make_header(header, first);
    if (ftruncate(j->fd, 0) != 0 || !write_all(j->io, j->fd, header, sizeof header) ||
        j->io->sync(j->fd) != 0)
        return io_failed(out_why, "write", j->path);
    j->next = first;
    j->synced = first - 1;
    j->bytes = sizeof header;
    return file_sync_dir(j->path, out_why);
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
        j->next = get64(file.at + 12) + out_found->records;
        j->synced = j->next - 1;
        j->bytes = good;
        if (out_found->torn_bytes && ftruncate(j->fd, (off_t)good) != 0)
            e = io_failed(out_why, "cut the torn end off", j->path);
        /* What was read may still be in memory only: it counts as promised from here on. */
        else if (j->io->sync(j->fd) != 0)
            e = io_failed(out_why, "fsync", j->path);
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
    char header[JOURNAL_RECORD_HEADER];
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
    put32(header, (uint32_t)payload.len);
    put64(header + 8, j->next);
    put64(header + 16, j->synced);
    put32(header + 4, record_crc(header, payload));
    buf_append(&whole, header, sizeof header);
    buf_add(&whole, payload);
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
    if (j->io->sync(j->fd) != 0) {
        j->broken = true;
        return io_failed(out_why, "fsync", j->path);
    }
    j->unsynced = false;
    j->synced = j->next - 1;
    return OK;
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
    j->unsynced = false;
    /* The name is only certain once the directory is: until then a crash could bring the old file back,
     * without what is appended from now on. */
    e = file_sync_dir(j->path, out_why);
    j->broken = e != OK;
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
