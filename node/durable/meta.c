#include "node/durable/meta.h"

#include <string.h>

#include "node/durable/durable.h"

bool meta_same_kernel(const struct meta *m, const struct found *f)
{
    return m->kernel[0] && strcmp(m->kernel, f->kernel) == 0;
}

bool meta_keeps_did(const struct meta *m, const struct found *f)
{
    if (m->did == 0 || m->resyncing || !f->loads || f->end.offset < m->commit)
        return false;
    if (m->clean && position_cmp(f->end, m->clean_at) == 0)
        return true;
    if (m->solo || m->weakest == KEEP_FSYNC)
        return true;
    return m->weakest == KEEP_OS && meta_same_kernel(m, f);
}

void meta_new_did(struct meta *m, uint64_t did)
{
    m->did = did;
    m->weakest = KEEP_FSYNC;
    m->solo = m->clean = false;
}

/* Files that know of an era which the history does not, or the other way round, tell nothing of the rest. */
static bool history_fits(struct history *h, const struct found *f)
{
    history_cut(h, f->end.offset);
    return history_epoch(h) == f->end.epoch;
}

bool meta_start(struct meta *m, const struct found *f, uint64_t new_did, uint32_t mutations)
{
    bool keeps = meta_keeps_did(m, f);

    if (mutations & MUT_KEEPS_DID)
        keeps = m->did != 0;
    if (!history_fits(&m->history, f)) {
        m->history.count = 0;
        keeps = keeps && (mutations & MUT_KEEPS_DID);
    }
    m->boot += !m->unproved || (mutations & MUT_BOOT_CREEPS);
    m->unproved = true;
    memcpy(m->kernel, f->kernel, sizeof m->kernel);
    if (!keeps)
        meta_new_did(m, new_did);
    m->clean = m->resyncing = false;
    return keeps;
}
