#include "voter_disk.h"

#include <string.h>

/* What a sync has behind it is on the disk, and so is the mark that was written before. */
static void land_mark(struct voter_disk *d)
{
    struct buf mark = { 0 };

    if (d->mark == 0)
        return;
    slots_put_mark(&mark, d->mark);
    memcpy(d->file + SLOTS_MARK_AT, mark.at, mark.len);
    buf_fini(&mark);
    d->mark = 0;
}

static size_t put_slot(char *to, uint64_t sequence, const struct acceptor *a)
{
    struct buf memory = { 0 }, slot = { 0 };
    size_t len;

    acceptor_encode(a, &memory);
    slots_put(&slot, sequence, buf_bytes(&memory));
    len = slot.len;
    memcpy(to, slot.at, len);
    buf_fini(&slot);
    buf_fini(&memory);
    return len;
}

void voter_disk_create(struct voter_disk *d, const struct acceptor *a)
{
    memset(d, 0, sizeof *d);
    put_slot(d->file + slots_place(1), 1, a);
    d->exists = true;
    d->sequence = d->mark = 1;
    land_mark(d);
}

uint64_t voter_disk_write(struct voter_disk *d, const struct acceptor *a, uint64_t now_ms,
                          uint64_t sync_ms)
{
    struct voter_write *x = &d->writes[d->write_count++];

    ASSERT(d->write_count <= VOTER_WRITES_MAX);
    x->sequence = ++d->sequence;
    x->len = put_slot(x->slot, x->sequence, a);
    x->start_ms = d->free_ms > now_ms ? d->free_ms : now_ms;
    d->free_ms = x->done_ms = x->start_ms + sync_ms;
    return x->done_ms;
}

void voter_disk_written(struct voter_disk *d)
{
    land_mark(d);
    memcpy(d->file + slots_place(d->writes[0].sequence), d->writes[0].slot, d->writes[0].len);
    d->mark = d->writes[0].sequence;
    memmove(d->writes, d->writes + 1, --d->write_count * sizeof *d->writes);
}

static void tear(struct voter_disk *d, struct rng *rng, uint64_t now_ms)
{
    const struct voter_write *x = &d->writes[0];
    uint64_t how = rng_below(rng, 3);

    if (d->write_count == 0 || x->start_ms > now_ms || how == 0)
        return;
    for (size_t at = 0; at < x->len; at += SLOTS_SECTOR) {
        size_t len = x->len - at < SLOTS_SECTOR ? x->len - at : SLOTS_SECTOR;

        if (how == 1 || rng_below(rng, 2) == 0)
            memcpy(d->file + slots_place(x->sequence) + at, x->slot + at, len);
    }
}

void voter_disk_crash(struct voter_disk *d, struct rng *rng, uint64_t now_ms)
{
    tear(d, rng, now_ms);
    if (rng_below(rng, 2) == 0)
        land_mark(d);
    d->mark = 0;
    d->write_count = 0;
    d->free_ms = 0;
}

void voter_disk_damage(struct voter_disk *d)
{
    struct bytes payload;
    uint64_t sequence;

    if (slots_scan((struct bytes){ d->file, sizeof d->file }, &payload, &sequence, NULL) != OK)
        return;
    d->mark = sequence;
    land_mark(d);
    d->file[slots_place(sequence) + SLOT_HEADER_BYTES + 3] ^= 1;
}

bool voter_disk_load(struct voter_disk *d, struct acceptor *a, struct errmsg *out_why)
{
    struct bytes file = { d->file, sizeof d->file }, payload;

    return d->exists && slots_scan(file, &payload, &d->sequence, out_why) == OK &&
           acceptor_decode(payload, a, out_why) == OK;
}
