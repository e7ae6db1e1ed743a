/*
 * fuzz_aof: a manifest, or (where the bytes are none) an append only file. A manifest that reads is written as one
 * that reads the same, also behind what a rewrite does to it, and its files are looked at. A file is looked at by
 * --check, mended by --fix, and loaded, at once and in slices: what --check calls whole no load cuts, and what was
 * loaded or mended is whole.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/aof_load.h"
#include "node/persist/check.h"
#include "node/types/types.h"
#include "tests/fuzz/fuzz.h"
#include "tests/node/node_harness.h"

enum { BULK_MAX = 1 << 20, FILES_MAX = 8 };
#define MANIFEST     "fuzz.manifest"
#define SEQUENCE_FAR (INT64_C(1) << 56) /* nobody gets there by rewriting */

static const struct command *const rows[] = {
    string_commands, generic_commands, hash_commands,   list_commands,
    set_commands,    zset_commands,    stream_commands, NULL,
};

static struct node node; /* lives as long as the program */
static struct node_settings settings;
static char folder_of_fds[] = "/proc/self/fd";

static void start(void)
{
    if (node.w.loop)
        return;
    ASSERT(freopen("/dev/null", "w", stdout)); /* what --check prints */
    log_set_level(LOG_LEVEL_NOTHING);
    open_node(&node, rows);
    node.set.server.proto_max_bulk_bytes = BULK_MAX;
    settings = node.set;
    settings.appenddirname = folder_of_fds;
    node.w.set = &settings;
}

/* ---- manifests ---------------------------------------------------------------------------------- */

static void check_written(const struct aof_manifest *m)
{
    struct aof_manifest again = { 0 };
    struct buf out = { 0 };
    struct errmsg why;

    aof_manifest_write(m, &out);
    if (m->count)
        ASSERT(aof_manifest_read(&again, buf_bytes(&out), &why) == OK);
    ASSERT(again.count == m->count);
    for (size_t i = 0; i < m->count; i++)
        ASSERT(!strcmp(m->files[i].name, again.files[i].name) &&
               m->files[i].seq == again.files[i].seq && m->files[i].type == again.files[i].type);
    buf_fini(&out);
    aof_manifest_fini(&again);
}

/* A rewrite: a new increment, then a new base for all before it, then what became of history. */
static void rewrite(const struct aof_manifest *from)
{
    struct aof_manifest m = { 0 };
    size_t incrs;

    aof_manifest_copy(&m, from);
    if (!aof_manifest_base(&m))
        aof_manifest_adopt_base(&m, "an old file");
    check_written(&m);
    incrs = aof_manifest_count(&m, AOF_INCR);
    aof_manifest_add_incr(&m, "prefix");
    ASSERT(aof_manifest_count(&m, AOF_INCR) == incrs + 1);
    check_written(&m);
    aof_manifest_new_base(&m, "prefix", incrs & 1, 1);
    ASSERT(aof_manifest_count(&m, AOF_INCR) == 1 && aof_manifest_count(&m, AOF_BASE) == 1);
    check_written(&m);
    aof_manifest_forget_history(&m);
    ASSERT(m.count == 2);
    check_written(&m);
    aof_manifest_fini(&m);
}

/* Every file that a manifest names, in a folder of their own: whole ones, and one that is torn at the end. */
static void check_named(struct bytes text, const struct aof_manifest *m)
{
    static const char whole[] = "*2\r\n$3\r\nDEL\r\n$1\r\na\r\n";
    char folder[] = "/tmp/fuzz-aof-XXXXXX";
    struct buf path = { 0 };
    int dir, fd, result;

    ASSERT(mkdtemp(folder));
    dir = open(folder, O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < m->count; i++) {
        size_t len = sizeof whole - 1 - (i + 1 == m->count ? 3 : 0);

        fd = openat(dir, m->files[i].name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
            continue; /* no such name can be */
        ASSERT(write(fd, whole, len) == (ssize_t)len);
        close(fd);
    }
    fd = openat(dir, MANIFEST, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT(fd >= 0 && write(fd, text.at, text.len) == (ssize_t)text.len);
    close(fd);
    buf_printf(&path, "%s/%s", folder, MANIFEST);
    result = check_file(buf_text(&path), node.w.keyspace, false);
    ASSERT(check_file(buf_text(&path), node.w.keyspace, true) <= result);
    for (size_t i = 0; i < m->count; i++)
        unlinkat(dir, m->files[i].name, 0);
    unlinkat(dir, MANIFEST, 0);
    close(dir);
    ASSERT(rmdir(folder) == 0);
    buf_fini(&path);
}

static bool read_and_write(struct bytes text)
{
    struct aof_manifest m = { 0 };
    struct errmsg why;

    if (aof_manifest_read(&m, text, &why) != OK)
        return false;
    check_written(&m);
    if (m.count && m.count < FILES_MAX)
        check_named(text, &m);
    if (m.base_seq < SEQUENCE_FAR && m.incr_seq < SEQUENCE_FAR)
        rewrite(&m);
    aof_manifest_fini(&m);
    return true;
}

/* ---- files -------------------------------------------------------------------------------------- */

static void put(int fd, struct bytes text)
{
    ASSERT(ftruncate(fd, 0) == 0 && pwrite(fd, text.at, text.len, 0) == (ssize_t)text.len);
}

static off_t size_of(int fd)
{
    struct stat st;

    ASSERT(fstat(fd, &st) == 0);
    return st.st_size;
}

/* In slices, where one ends whenever somebody looks. */
static enum err load_all(struct aof_load *l, bool sliced, struct errmsg *why)
{
    struct aof_load_progress p;
    enum err e;

    do
        e = aof_load_step(l, sliced, why);
    while (e == ERR_AGAIN);
    aof_load_progress(l, &p);
    ASSERT(e != OK || (p.loaded_bytes == p.total_bytes && !aof_load_rest_us(l)));
    return e;
}

static char *name_of(char path[64])
{
    return strrchr(path, '/') + 1;
}

static void load(int fd, char path[64], enum aof_file_type type, bool sliced)
{
    bool whole = check_file(path, node.w.keyspace, false) == 0;
    struct aof_file file = { .name = name_of(path), .seq = 1, .type = type };
    struct aof_manifest m = { .files = &file, .count = 1 };
    off_t size = size_of(fd);
    struct aof_load *l = aof_load_new(&node.w, &m, (uint64_t)size);
    struct errmsg why = { "" };
    enum err e = load_all(l, sliced, &why);

    ASSERT(e == OK || why.text[0]);
    ASSERT(!whole || size_of(fd) == size);
    ASSERT(e != OK || check_file(path, node.w.keyspace, false) == 0);
    aof_load_free(l);
    keyspace_flush(node.w.keyspace, -1);
    settle_node(&node);
}

/* Where another file follows, and where it is not allowed, nothing is cut, and a file is whole or refused. */
static void load_uncut(int fd, char path[64])
{
    bool whole = check_file(path, node.w.keyspace, false) == 0;
    char nowhere[] = "nowhere";
    struct aof_file files[] = {
        { .name = name_of(path), .seq = 1, .type = AOF_INCR },
        { .name = nowhere, .seq = 2, .type = AOF_INCR },
    };
    struct aof_manifest m = { .files = files, .count = 2 };
    off_t size = size_of(fd);

    for (; m.count; m.count--) {
        struct aof_load *l = aof_load_new(&node.w, &m, (uint64_t)size);
        struct errmsg why = { "" };
        enum err e;

        settings.aof_load_truncated = m.count > 1;
        e = load_all(l, false, &why);
        ASSERT(m.count == 1 || e != OK); /* the second is not there */
        ASSERT(size_of(fd) == size && (e != OK || whole));
        aof_load_free(l);
        keyspace_flush(node.w.keyspace, -1);
        settle_node(&node);
    }
    settings.aof_load_truncated = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { (const char *)data, size };
    char path[64];
    int fd;

    start();
    if (read_and_write(text))
        return 0;
    fd = memfd_create("aof", MFD_CLOEXEC);
    ASSERT(fd >= 0);
    put(fd, text);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    load_uncut(fd, path);
    load(fd, path, AOF_BASE, false);
    put(fd, text);
    load(fd, path, AOF_INCR, true);
    put(fd, text);
    if (check_file(path, node.w.keyspace, true) == 0)
        ASSERT(check_file(path, node.w.keyspace, false) == 0);
    close(fd);
    return 0;
}
