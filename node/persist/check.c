#include "node/persist/check.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/file.h"
#include "common/resp.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/aof_files.h"
#include "node/persist/rdb_read.h"

enum { WHOLE, BROKEN, UNREADABLE };

enum { READ_BYTES = 256 * 1024, LINE_BYTES_MAX = 64 * 1024, MAGIC_LEN = 6 };

struct check {
    const char *path;
    const struct keyspace *types;
    int fd;
    uint64_t size;
    struct buf data;
    size_t used;
    uint64_t taken; /* bytes in front of data[used] */
    bool ended;     /* nothing more to read */

    uint64_t whole; /* good up to here */
    bool torn;      /* it breaks off, and is not wrong before */
    struct errmsg why;

    int version; /* of an RDB in it */
    uint64_t keys[VALUE_TYPES], all_keys, expiries, databases, rdb_bytes;
    uint64_t commands, units, comments;
    bool in_unit;
};

static struct bytes unread(const struct check *c)
{
    return (struct bytes){ c->data.at + c->used, c->data.len - c->used };
}

static void take(struct check *c, size_t len)
{
    c->used += len;
    c->taken += len;
}

static bool read_more(struct check *c)
{
    ssize_t n;

    buf_drop(&c->data, c->used);
    c->used = 0;
    do {
        n = read(c->fd, buf_reserve(&c->data, READ_BYTES), READ_BYTES);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        errmsg_set(&c->why, "cannot be read: %s", strerror(errno));
        return false;
    }
    c->data.len += (size_t)n;
    c->ended = n == 0;
    return true;
}

/* ---- an RDB ----------------------------------------------------------------------------------------- */

static void count(struct check *c, const struct rdb_item *item)
{
    if (item->kind == RDB_SELECT)
        c->databases++;
    if (item->kind != RDB_ENTRY)
        return;
    c->keys[item->type]++;
    c->all_keys++;
    c->expiries += item->expire_wall_ms >= 0;
    if (item->apart)
        keyspace_type(c->types, item->type)->free(item->apart);
}

static int check_rdb(struct check *c)
{
    struct rdb_reader reader;
    enum rdb_status s = RDB_MORE;
    struct rdb_item item = { 0 };

    rdb_reader_init(&reader);
    reader.types = c->types;
    while (!(s == RDB_ITEM && item.kind == RDB_END)) {
        size_t consumed;

        s = rdb_read(&reader, unread(c), &item, &consumed);
        if (s == RDB_ITEM) {
            take(c, consumed);
            count(c, &item);
        } else if (s == RDB_BAD) {
            c->why = reader.why;
            break;
        } else if (c->ended) {
            errmsg_set(&c->why, "the RDB ends in the middle");
            s = RDB_BAD;
            break;
        } else if (!read_more(c)) {
            s = RDB_BAD;
            break;
        }
    }
    c->version = reader.version;
    rdb_reader_fini(&reader);
    c->rdb_bytes = c->whole = c->taken;
    return s == RDB_BAD ? BROKEN : WHOLE;
}

/* ---- commands --------------------------------------------------------------------------------------- */

static int wrong(struct check *c, const char *what)
{
    errmsg_set(&c->why, "%s", what);
    return BROKEN;
}

/* A unit may not begin in a unit, nor end outside of one. */
static int take_words(struct check *c, const struct resp_request *q)
{
    bool multi = bytes_is_word(q->argv[0], "multi"), exec = bytes_is_word(q->argv[0], "exec");

    if (multi && c->in_unit)
        return wrong(c, "MULTI inside of MULTI");
    if (exec && !c->in_unit)
        return wrong(c, "EXEC without MULTI");
    c->in_unit = (c->in_unit || multi) && !exec;
    c->units += exec;
    c->commands += !multi && !exec;
    take(c, q->bytes);
    if (!c->in_unit)
        c->whole = c->taken;
    return WHOLE;
}

/* WHOLE: one item was taken, or there are too few bytes (*out_more). */
static int take_item(struct check *c, struct resp_reader *reader, bool *out_more)
{
    struct bytes data = unread(c);
    struct resp_request q;
    const char *end;

    *out_more = !data.len;
    if (!data.len)
        return WHOLE;
    if (data.at[0] == '#') {
        end = memchr(data.at, '\n', data.len);
        *out_more = !end;
        if (!end)
            return data.len > LINE_BYTES_MAX ? wrong(c, "a line without an end") : WHOLE;
        take(c, (size_t)(end - data.at) + 1);
        c->comments++;
        return WHOLE;
    }
    if (data.at[0] != '*')
        return wrong(c, "a command does not begin with *");
    switch (resp_read_request(reader, data, &q)) {
    case RESP_MORE:
        *out_more = true;
        return WHOLE;
    case RESP_BAD:
        return wrong(c, reader->error);
    case RESP_ITEM:
        return q.argc < 1 ? wrong(c, "a command without words") : take_words(c, &q);
    }
    return WHOLE;
}

static int check_commands(struct check *c)
{
    struct resp_reader reader;
    int result = WHOLE;
    bool more = false;

    resp_reader_init(&reader, (struct resp_limits){ .argc_max = 1024 * 1024 * 1024,
                                                    .bulk_bytes_max = RDB_STRING_BYTES_MAX,
                                                    .inline_bytes_max = LINE_BYTES_MAX });
    while (result == WHOLE && !(more && c->ended)) {
        result = take_item(c, &reader, &more);
        if (result == WHOLE && more && !c->ended && !read_more(c))
            result = BROKEN;
    }
    resp_reader_fini(&reader);
    if (result == WHOLE && (unread(c).len || c->in_unit)) {
        c->torn = true;
        result = wrong(c, c->in_unit ? "a transaction is not ended" : "the last command is torn");
    }
    return result;
}

/* ---- one file --------------------------------------------------------------------------------------- */

static void print_rdb(const struct check *c)
{
    static const char *const words[VALUE_TYPES] = {
        [VALUE_STRING] = "strings", [VALUE_LIST] = "lists",  [VALUE_SET] = "sets",
        [VALUE_ZSET] = "zsets",     [VALUE_HASH] = "hashes", [VALUE_MODULE] = "modules",
        [VALUE_STREAM] = "streams",
    };

    printf("  rdb: version %d, %llu bytes, %llu keys in %llu databases, %llu with an expiry",
           c->version, (unsigned long long)c->rdb_bytes, (unsigned long long)c->all_keys,
           (unsigned long long)c->databases, (unsigned long long)c->expiries);
    for (int i = 0; i < VALUE_TYPES; i++)
        if (c->keys[i])
            printf(", %llu %s", (unsigned long long)c->keys[i], words[i]);
    printf("\n");
}

static void print_found(const struct check *c, bool commands, int result)
{
    if (c->version)
        print_rdb(c);
    if (commands)
        printf("  commands: %llu, in transactions: %llu, remarks: %llu\n",
               (unsigned long long)c->commands, (unsigned long long)c->units,
               (unsigned long long)c->comments);
    if (result == WHOLE)
        printf("  whole: %llu bytes\n", (unsigned long long)c->taken);
    else
        printf("  broken at byte %llu of %llu: %s\n", (unsigned long long)c->taken,
               (unsigned long long)c->size, c->why.text);
}

static int mend(const struct check *c)
{
    int fd, result = WHOLE;

    if (!c->whole && !c->torn) {
        printf("  nothing in it is an append only file: not cut\n");
        return BROKEN;
    }
    fd = open(c->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)c->whole) || fsync(fd)) {
        printf("  cannot be cut: %s\n", strerror(errno));
        result = BROKEN;
    } else {
        printf("  cut to %llu bytes, %llu taken away\n", (unsigned long long)c->whole,
               (unsigned long long)(c->size - c->whole));
    }
    if (fd >= 0)
        close(fd);
    return result;
}

static int check_one(const char *path, const struct keyspace *types, bool fix)
{
    struct check c = { .path = path, .types = types };
    struct bytes head;
    struct stat st;
    bool rdb, commands = false;
    int result = WHOLE;

    printf("%s\n", path);
    c.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (c.fd < 0 || fstat(c.fd, &st)) {
        printf("  cannot be opened: %s\n", strerror(errno));
        return UNREADABLE;
    }
    c.size = (uint64_t)st.st_size;
    while (unread(&c).len < MAGIC_LEN && !c.ended && result == WHOLE)
        result = read_more(&c) ? WHOLE : UNREADABLE;
    head = unread(&c);
    rdb = head.len >= 5 && (!memcmp(head.at, "REDIS", 5) || !memcmp(head.at, "VALKE", 5));
    if (rdb && result == WHOLE)
        result = check_rdb(&c);
    if (result == WHOLE &&
        (!rdb || unread(&c).len || (!c.ended && read_more(&c) && unread(&c).len))) {
        commands = true;
        result = check_commands(&c);
    }
    print_found(&c, commands, result);
    if (result == BROKEN && commands && fix)
        result = mend(&c);
    else if (result == BROKEN && commands)
        printf("  good up to byte %llu; --fix cuts it there%s\n", (unsigned long long)c.whole,
               c.torn ? "" : ", with all that stands behind");
    close(c.fd);
    buf_fini(&c.data);
    return result;
}

/* ---- a manifest ------------------------------------------------------------------------------------- */

static int check_manifest(const char *path, struct bytes text, const struct keyspace *types,
                          bool fix)
{
    AUTO_FREE char *copy = xstrdup(path);
    const char *dir = dirname(copy);
    struct aof_manifest m = { 0 };
    struct errmsg why;
    int result = WHOLE;

    printf("%s\n", path);
    if (aof_manifest_read(&m, text, &why) != OK) {
        printf("  broken: %s\n", why.text);
        return BROKEN;
    }
    printf("  manifest: %zu base, %zu increments, %zu of history\n",
           aof_manifest_count(&m, AOF_BASE), aof_manifest_count(&m, AOF_INCR),
           aof_manifest_count(&m, AOF_HISTORY));
    for (size_t i = 0; i < m.count; i++) {
        AUTO_FREE char *file = aof_path(dir, m.files[i].name);
        int one;

        if (m.files[i].type == AOF_HISTORY)
            continue;
        /* What breaks in the middle is not mended: what follows would no longer fit. */
        one = check_one(file, types, fix && i + 1 == m.count);
        result = one > result ? one : result;
    }
    aof_manifest_fini(&m);
    return result;
}

static bool is_manifest(const char *path, struct buf *text)
{
    size_t len = strlen(path);
    struct errmsg why;

    return len > 9 && !strcmp(path + len - 9, ".manifest") &&
           file_read(path, AOF_MANIFEST_BYTES_MAX, text, &why) == OK;
}

int check_file(const char *path, const struct keyspace *types, bool fix)
{
    struct buf text = { 0 };
    int result = is_manifest(path, &text) ? check_manifest(path, buf_bytes(&text), types, fix)
                                          : check_one(path, types, fix);

    buf_fini(&text);
    return result;
}
