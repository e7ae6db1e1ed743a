/*
 * fuzz_aof: a manifest, or (where the bytes are none) an append only file. A manifest that reads is
 * written as one that reads the same; a file is looked at by --check, and one that --fix has cut is
 * whole.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "node/keyspace/keyspace.h"
#include "node/persist/aof_manifest.h"
#include "node/persist/check.h"
#include "node/types/types.h"
#include "tests/fuzz/fuzz.h"

static const struct keyspace *types(void)
{
    static struct keyspace *ks;
    struct keyspace_options options = { .databases = 1 };

    if (!ks) {
        ks = keyspace_new(&options);
        types_register(ks);
        ASSERT(freopen("/dev/null", "w", stdout)); /* what --check prints */
    }
    return ks;
}

static bool read_and_write(struct bytes text)
{
    struct aof_manifest m = { 0 }, again = { 0 };
    struct buf out = { 0 };
    struct errmsg why;
    enum err e;

    if (aof_manifest_read(&m, text, &why) != OK)
        return false;
    aof_manifest_write(&m, &out);
    e = m.count ? aof_manifest_read(&again, buf_bytes(&out), &why) : OK;
    ASSERT(e == OK && again.count == m.count);
    for (size_t i = 0; i < m.count; i++)
        ASSERT(!strcmp(m.files[i].name, again.files[i].name) &&
               m.files[i].seq == again.files[i].seq && m.files[i].type == again.files[i].type);
    buf_fini(&out);
    aof_manifest_fini(&m);
    aof_manifest_fini(&again);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { (const char *)data, size };
    char path[64];
    int fd;

    if (read_and_write(text))
        return 0;
    fd = memfd_create("aof", MFD_CLOEXEC);
    ASSERT(fd >= 0 && write(fd, text.at, text.len) == (ssize_t)text.len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (check_file(path, types(), true) == 0)
        ASSERT(check_file(path, types(), false) == 0);
    close(fd);
    return 0;
}
