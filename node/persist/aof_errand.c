/*
 * aof_errand - work on the directory of the append only file, beside the loop.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/log.h"
#include "node/persist/aof_files.h"
#include "node/persist/aof_room.h"
#include "node/world.h"

void aof_errand_begin(struct aof_errand *e, struct aof *a, const struct aof_manifest *m)
{
    *e = (struct aof_errand){ .room = a,
                              .dir = xstrdup(aof_dir(a)),
                              .prefix = xstrdup(aof_prefix(a)),
                              .old_fd = -1,
                              .fd = -1 };
    e->job.run = aof_errand_run;
    if (m)
        aof_manifest_write(m, &e->manifest);
}

void aof_errand_end(struct aof_errand *e)
{
    xfree(e->dir);
    xfree(e->prefix);
    xfree(e->from);
    xfree(e->to);
    buf_fini(&e->manifest);
    for (size_t i = 0; i < e->name_count; i++)
        xfree(e->names[i]);
    xfree(e->names);
    *e = (struct aof_errand){ .old_fd = -1, .fd = -1 };
}

/* The power going must not bring back a manifest that still reads them. */
static void delete_names(struct aof_errand *e)
{
    AUTO_FREE char *manifest = aof_manifest_path(e->dir, e->prefix);

    if (e->name_count)
        e->e = aof_sync_names(manifest, &e->why);
    if (e->e != OK)
        return;
    for (size_t i = 0; i < e->name_count; i++) {
        AUTO_FREE char *path = aof_path(e->dir, e->names[i]);

        if (unlink(path) == 0)
            log_notice("aof-history-removed file=%s", path);
        else if (errno != ENOENT)
            log_warning("aof-history-not-removed file=%s why=\"%s\"", path, strerror(errno));
    }
}

/* What is new is on the disk, with its name, before the manifest says so. */
void aof_errand_run(struct helper_job *job)
{
    struct aof_errand *e = CONTAINER_OF(job, struct aof_errand, job);
    bool moved;

    delete_names(e);
    if (e->e == OK && e->old_fd >= 0 && fdatasync(e->old_fd)) {
        errmsg_set(&e->why, "cannot sync the increment: %s", strerror(errno));
        e->e = ERR_IO;
    }
    if (e->e == OK && e->from)
        e->e = aof_rename(e->from, e->to, &moved, &e->why);
    if (e->e == OK && e->to && !e->from) {
        e->fd = aof_create(e->to, &e->why);
        e->e = e->fd < 0 ? ERR_IO : OK;
    }
    if (e->e == OK && e->manifest.len)
        e->e = aof_store_manifest(e->dir, e->prefix, buf_bytes(&e->manifest), &e->placed, &e->why);
    if (e->e != OK && e->fd >= 0) {
        close(e->fd); /* the file stays: the manifest may name it for all we know */
        e->fd = -1;
    }
}

/* ---- history -------------------------------------------------------------------------------------- */

static void forgotten(struct helper_job *job)
{
    struct aof_errand *e = CONTAINER_OF(job, struct aof_errand, job);
    struct aof *a = e->room;

    a->sweeping = false;
    if (e->placed)
        aof_manifest_forget_history(&a->manifest);
    if (e->e != OK)
        log_warning("aof-manifest-not-stored why=\"%s\"", e->why.text);
    aof_errand_end(e);
}

static void swept(struct helper_job *job)
{
    struct aof_errand *e = CONTAINER_OF(job, struct aof_errand, job);
    struct aof *a = e->room;
    struct aof_manifest rest = { 0 };
    bool swept = e->e == OK;

    if (!swept)
        log_warning("aof-history-kept why=\"%s\"", e->why.text);
    aof_errand_end(e);
    if (!swept || a->rewrite.running || a->manifest.count == 0) {
        a->sweeping = false; /* a rewrite stores a manifest of its own, and sweeps again */
        return;
    }
    aof_manifest_copy(&rest, &a->manifest);
    aof_manifest_forget_history(&rest);
    aof_errand_begin(&a->forget, a, &rest);
    aof_manifest_fini(&rest);
    a->forget.job.done = forgotten;
    helper_submit(a->writer.writes, &a->forget.job);
}

void aof_sweep(struct aof *a)
{
    struct aof_errand *e = &a->sweep;
    struct errmsg why;

    if (a->sweeping || a->w->set->aof_disable_auto_gc ||
        !aof_manifest_count(&a->manifest, AOF_HISTORY))
        return;
    if (aof_threads(a, &why) != OK)
        return; /* it stays in the manifest, and goes another time */
    aof_errand_begin(e, a, NULL);
    e->names = xcalloc(a->manifest.count, sizeof *e->names);
    for (size_t i = 0; i < a->manifest.count; i++)
        if (a->manifest.files[i].type == AOF_HISTORY)
            e->names[e->name_count++] = xstrdup(a->manifest.files[i].name);
    a->sweeping = true;
    e->job.done = swept;
    helper_submit(a->sweeper, &e->job);
}
