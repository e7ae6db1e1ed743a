#include "node/persist/aof_load.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/resp.h"
#include "node/persist/aof_files.h"
#include "node/persist/loader.h"
#include "node/persist/rdb.h"
#include "node/serve/apply.h"
#include "node/settings.h"
#include "node/world.h"

enum {
    READ_BYTES = 256 * 1024,
    COMMANDS_PER_LOOK = 64, /* between two readings of the clock */
    LINE_MAX_BYTES = 64 * 1024,
    TELL_EVERY_MS = 2000,
    MAGIC_LEN = 6, /* "REDIS0", "VALKEY" */
};

enum part { PART_MAGIC, PART_RDB, PART_COMMANDS };

struct aof_load {
    struct node_world *w;
    struct aof_manifest files;
    size_t at; /* of files */
    struct apply *apply;
    struct resp_reader reader;

    int fd; /* of the file at hand; -1: none yet */
    char *path;
    enum part part;
    struct loader rdb;
    struct buf data;
    size_t used;              /* of data */
    uint64_t taken;           /* bytes of the file in front of data[used] */
    uint64_t whole;           /* the file is whole up to here: outside of a unit */
    uint64_t size, limit;     /* limit: without the zeros at its end */
    bool ended;               /* of the file: nothing more to read */
    struct rest rest;         /* behind a command */
    struct aof_position here; /* at taken */

    struct aof_load_progress progress;
    uint64_t before; /* bytes of the files that are through */
    uint64_t told_ms;
};

struct aof_load *aof_load_new(struct node_world *w, const struct aof_manifest *m,
                              uint64_t total_bytes)
{
    struct aof_load *l = xcalloc(1, sizeof *l);

    l->w = w;
    l->fd = -1;
    aof_manifest_copy(&l->files, m);
    aof_manifest_forget_history(&l->files);
    l->apply = apply_new(w);
    apply_set_quiet(l->apply, true);
    l->progress = (struct aof_load_progress){ .total_bytes = total_bytes,
                                              .started_ms = clock_now_ms(),
                                              .started_wall_s = (int64_t)(clock_wall_ms() / 1000) };
    l->told_ms = l->progress.started_ms;
    return l;
}

static void close_file(struct aof_load *l)
{
    if (l->fd < 0)
        return;
    close(l->fd);
    l->fd = -1;
    xfree(l->path);
    l->path = NULL;
    if (l->part == PART_RDB)
        loader_fini(&l->rdb);
    resp_reader_fini(&l->reader);
    buf_fini(&l->data);
}

void aof_load_free(struct aof_load *l)
{
    if (!l)
        return;
    close_file(l);
    aof_manifest_fini(&l->files);
    apply_free(l->apply);
    xfree(l);
}

/* Only of an increment: the end of an RDB may be zeros. */
static uint64_t without_zeros(const struct aof_load *l)
{
    char block[4096];
    uint64_t end = l->size;

    while (end && l->files.files[l->at].type == AOF_INCR) {
        size_t len = end < sizeof block ? (size_t)end : sizeof block, left = len;

        if (pread(l->fd, block, len, (off_t)(end - len)) != (ssize_t)len)
            break;
        while (left && !block[left - 1])
            left--;
        end -= len - left;
        if (left)
            break;
    }
    return end;
}

static enum err open_file(struct aof_load *l, struct errmsg *out_why)
{
    struct stat st;

    l->path = aof_path(l->w->set->appenddirname, l->files.files[l->at].name);
    l->fd = open(l->path, O_RDONLY | O_CLOEXEC);
    if (l->fd < 0) {
        errmsg_set(out_why, "cannot open the append only file %s for reading: %s", l->path,
                   strerror(errno));
        xfree(l->path);
        l->path = NULL;
        return ERR_IO;
    }
    l->size = fstat(l->fd, &st) ? 0 : (uint64_t)st.st_size;
    l->limit = without_zeros(l);
    l->part = PART_MAGIC;
    l->used = 0;
    l->taken = l->whole = 0;
    l->ended = false;
    if (l->files.files[l->at].type == AOF_BASE)
        l->here.known = l->progress.at.known = false;
    apply_reset(l->apply, 0);
    resp_reader_init(&l->reader, (struct resp_limits){ .argc_max = 1024 * 1024 * 1024,
                                                       .bulk_bytes_max = RDB_STRING_BYTES_MAX,
                                                       .inline_bytes_max = LINE_MAX_BYTES });
    return OK;
}

/* ---- bytes ---------------------------------------------------------------------------------------- */

static struct bytes unread(const struct aof_load *l)
{
    return (struct bytes){ l->data.at + l->used, l->data.len - l->used };
}

static void take(struct aof_load *l, size_t len)
{
    l->used += len;
    l->taken += len;
    l->progress.loaded_bytes = l->before + l->taken;
}

static enum err read_more(struct aof_load *l, struct errmsg *out_why)
{
    uint64_t at = l->taken + unread(l).len;
    size_t len = l->limit - at < READ_BYTES ? (size_t)(l->limit - at) : READ_BYTES;
    ssize_t n;

    buf_drop(&l->data, l->used);
    l->used = 0;
    do {
        n = read(l->fd, buf_reserve(&l->data, READ_BYTES), len);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        errmsg_set(out_why, "cannot read %s: %s", l->path, strerror(errno));
        return ERR_IO;
    }
    l->data.len += (size_t)n;
    l->ended = n == 0;
    return OK;
}

/* ---- what may stand in a file --------------------------------------------------------------------- */

/* Each: OK: it moved on; ERR_AGAIN: it needs more bytes. */

static enum err take_magic(struct aof_load *l, struct errmsg *out_why)
{
    struct bytes data = unread(l);

    if (data.len < MAGIC_LEN && !l->ended)
        return ERR_AGAIN;
    l->part = PART_COMMANDS;
    if (data.len < 5 || (memcmp(data.at, "REDIS", 5) && memcmp(data.at, "VALKE", 5)))
        return OK;
    l->part = PART_RDB;
    loader_init(&l->rdb, l->w->keyspace, true, l->w->set->rdbchecksum);
    l->rdb.rest_us = &l->w->set->key_load_delay_us;
    return OK;
}

static enum err take_rdb(struct aof_load *l, uint64_t deadline_us, struct errmsg *out_why)
{
    size_t consumed;
    enum err e = loader_feed(&l->rdb, unread(l), deadline_us, &consumed, out_why);

    take(l, consumed);
    if (e == ERR_AGAIN)
        return OK; /* the slice is over, which the caller sees */
    if (e != OK)
        return e;
    if (!l->rdb.ended) {
        if (!l->ended)
            return ERR_AGAIN;
        errmsg_set(out_why, "the RDB in %s ends in the middle", l->path);
        return ERR_CORRUPT;
    }
    l->progress.keys += l->rdb.loaded;
    l->progress.position = l->rdb.position;
    loader_fini(&l->rdb);
    l->part = PART_COMMANDS;
    l->whole = l->taken;
    return OK;
}

static enum err malformed(const struct aof_load *l, struct errmsg *out_why, const char *what)
{
    errmsg_set(out_why,
               "Bad file format reading the append only file %s, at byte %llu: %s; make a backup "
               "of the files, then let holdfast-node --check --fix look at them",
               l->path, (unsigned long long)l->taken, what);
    return ERR_CORRUPT;
}

static void unit_is_whole(struct aof_load *l)
{
    l->whole = l->taken;
    l->progress.at = l->here;
    l->progress.at.db = apply_db(l->apply);
}

/* A comment, but for notes. */
static enum err take_comment(struct aof_load *l, struct errmsg *out_why)
{
    struct bytes data = unread(l);
    const char *end = memchr(data.at, '\n', data.len);

    if (!end)
        return data.len > LINE_MAX_BYTES ? malformed(l, out_why, "a line without an end")
                                         : ERR_AGAIN;
    take(l, (size_t)(end - data.at) + 1);
    if (aof_note_read((struct bytes){ data.at, (size_t)(end - data.at) }, &l->here) &&
        !apply_in_unit(l->apply))
        unit_is_whole(l);
    return OK;
}

static enum err run(struct aof_load *l, const struct resp_request *q, struct errmsg *out_why)
{
    struct errmsg why = { "" };
    enum err e = apply_command(l->apply, q->argc, q->argv, &why);

    l->progress.commands++;
    if (e == ERR_REFUSED && l->w->set->propagation_error == PROPAGATION_IGNORE) {
        log_warning("aof-command-failed file=%s at=%llu why=\"%s\"", l->path,
                    (unsigned long long)l->taken, why.text);
        e = OK;
    }
    if (e == ERR_NOTFOUND)
        errmsg_set(out_why,
                   "Unknown command '%.*s' reading the append only file %s, at byte %llu: %s",
                   q->argv[0].len > 128 ? 128 : (int)q->argv[0].len, q->argv[0].at, l->path,
                   (unsigned long long)l->taken, why.text);
    else if (e != OK)
        errmsg_set(out_why, "%s, at byte %llu: %s", l->path, (unsigned long long)l->taken,
                   why.text);
    return e;
}

static enum err take_command(struct aof_load *l, struct errmsg *out_why)
{
    struct bytes data = unread(l);
    struct resp_request q;
    enum err e;

    if (data.at[0] == '#')
        return take_comment(l, out_why);
    if (data.at[0] != '*')
        return malformed(l, out_why, "a command does not begin with *");
    switch (resp_read_request(&l->reader, data, &q)) {
    case RESP_MORE:
        return ERR_AGAIN;
    case RESP_BAD:
        return malformed(l, out_why, l->reader.error);
    case RESP_ITEM:
        break;
    }
    if (q.argc < 1)
        return malformed(l, out_why, "a command without words");
    e = run(l, &q, out_why);
    if (e != OK)
        return e;
    take(l, q.bytes);
    l->here.offset += q.bytes;
    if (!apply_in_unit(l->apply))
        unit_is_whole(l);
    rest_begin(&l->rest, l->w->set->key_load_delay_us);
    return OK;
}

/* ---- the end of a file ---------------------------------------------------------------------------- */

static enum err cut(struct aof_load *l, struct errmsg *out_why)
{
    int fd = open(l->path, O_WRONLY | O_CLOEXEC);
    enum err e = OK;

    if (fd < 0 || ftruncate(fd, (off_t)l->whole) || fsync(fd)) {
        errmsg_set(out_why, "cannot cut the torn end of %s: %s", l->path, strerror(errno));
        e = ERR_IO;
    }
    if (fd >= 0)
        close(fd);
    return e;
}

/* A rewrite that came to nothing may have left empty increments. */
static bool is_last(const struct aof_load *l)
{
    for (size_t i = l->at + 1; i < l->files.count; i++) {
        AUTO_FREE char *path = aof_path(l->w->set->appenddirname, l->files.files[i].name);

        if (aof_size(path) != 0)
            return false;
    }
    return true;
}

static enum err file_ended(struct aof_load *l, struct errmsg *out_why)
{
    bool torn = unread(l).len || apply_in_unit(l->apply) || l->limit < l->size;
    enum err e;

    if (torn && !is_last(l)) {
        errmsg_set(out_why, "%s is torn at byte %llu, and is not the last file", l->path,
                   (unsigned long long)l->whole);
        return ERR_CORRUPT;
    }
    if (torn && !l->w->set->aof_load_truncated) {
        errmsg_set(
            out_why,
            "Unexpected end of file reading the append only file %s, whole up to byte %llu; let "
            "holdfast-node --check --fix cut it, or set aof-load-truncated yes",
            l->path, (unsigned long long)l->whole);
        return ERR_CORRUPT;
    }
    if (torn) {
        log_warning("aof-truncated file=%s from=%llu to=%llu", l->path, (unsigned long long)l->size,
                    (unsigned long long)l->whole);
        apply_reset(l->apply, 0);
        l->here = l->progress.at;
        e = cut(l, out_why);
        if (e != OK)
            return e;
    }
    log_notice("aof-loaded file=%s type=%c bytes=%llu", l->path, l->files.files[l->at].type,
               (unsigned long long)l->taken);
    l->before += l->size;
    l->progress.loaded_bytes = l->before;
    close_file(l);
    l->at++;
    return OK;
}

/* ---- steps ---------------------------------------------------------------------------------------- */

static enum err step(struct aof_load *l, uint64_t deadline_us, struct errmsg *out_why)
{
    enum err e;

    if (l->fd < 0)
        return open_file(l, out_why);
    if (l->part == PART_COMMANDS && !unread(l).len)
        e = ERR_AGAIN;
    else if (l->part == PART_COMMANDS)
        e = take_command(l, out_why);
    else if (l->part == PART_RDB)
        e = take_rdb(l, deadline_us, out_why);
    else
        e = take_magic(l, out_why);
    if (e != ERR_AGAIN)
        return e;
    return l->ended ? file_ended(l, out_why) : read_more(l, out_why);
}

static void tell(struct aof_load *l)
{
    const struct aof_load_progress *p = &l->progress;
    uint64_t now_us = clock_read_us();

    if (now_us / 1000 - l->told_ms < TELL_EVERY_MS)
        return;
    l->told_ms = now_us / 1000;
    log_notice("aof-loading bytes=%llu of=%llu commands=%llu", (unsigned long long)p->loaded_bytes,
               (unsigned long long)p->total_bytes, (unsigned long long)p->commands);
}

uint64_t aof_load_rest_us(const struct aof_load *l)
{
    return rest_left_us(l->part == PART_RDB ? &l->rdb.rest : &l->rest);
}

enum err aof_load_step(struct aof_load *l, uint64_t deadline_us, struct errmsg *out_why)
{
    for (unsigned n = 1; l->at < l->files.count; n++) {
        enum err e = step(l, deadline_us, out_why);

        if (e != OK)
            return e;
        if (deadline_us && UNLIKELY(aof_load_rest_us(l)))
            return ERR_AGAIN;
        if ((l->part == PART_RDB || n % COMMANDS_PER_LOOK == 0) && deadline_us &&
            clock_read_us() >= deadline_us) {
            tell(l);
            return ERR_AGAIN;
        }
    }
    return OK;
}

void aof_load_progress(const struct aof_load *l, struct aof_load_progress *out)
{
    *out = l->progress;
}
