/*
 * aof_kept - what others may be told that the file has, and where in the stream it stands.
 */
#include "common/log.h"
#include "node/oplog/oplog.h"
#include "node/persist/aof_files.h"
#include "node/persist/aof_room.h"
#include "node/world.h"

bool aof_synced(const struct aof *a, uint64_t *out_offset)
{
    if (!aof_writer_on(&a->writer) || a->state != AOF_ON)
        return false;
    *out_offset = a->writer.synced;
    return true;
}

bool aof_kept(const struct aof *a, uint64_t *out_written, uint64_t *out_synced)
{
    if (!aof_writer_on(&a->writer) || a->state != AOF_ON)
        return false;
    *out_written = a->writer.written;
    *out_synced = a->writer.synced;
    return true;
}

char *aof_tail_path(const struct aof *a)
{
    const struct aof_file *last = aof_manifest_last_incr(&a->manifest);

    if (!aof_writer_on(&a->writer) || a->state != AOF_ON || !last)
        return NULL;
    return aof_path(aof_dir(a), last->name);
}

void aof_require(struct aof *a, enum keep level)
{
    if (level == a->writer.required)
        return;
    a->writer.required = level;
    aof_policy_changed(a);
}

void aof_note(struct aof *a, aof_epoch_fn *epoch_at, void *arg)
{
    aof_writer_note(&a->writer, epoch_at, arg);
}

const struct aof_position *aof_loaded_at(const struct aof *a)
{
    return &a->loaded_at;
}

void aof_cut_begins(struct aof *a)
{
    if (aof_flush(a) != OK)
        aof_give_up(a); /* what it lacks is about to be nowhere else */
    aof_writer_let_go(&a->writer);
}

void aof_cut_ends(struct aof *a)
{
    aof_writer_take_up(&a->writer);
}
