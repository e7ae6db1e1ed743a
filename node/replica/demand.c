#include "node/replica/demand.h"

static struct kept *find(struct demand *d, uint64_t did)
{
    for (uint32_t i = 0; i < d->who.count; i++)
        if (d->who.dids[i] == did)
            return &d->kept[i];
    return NULL;
}

void demand_set(struct demand *d, const struct replica_demand *who)
{
    struct demand next = { .who = *who };

    ASSERT(who->count <= CHARTER_MEMBERS_MAX);
    for (uint32_t i = 0; i < who->count && who->epoch == d->who.epoch; i++) {
        const struct kept *before = find(d, who->dids[i]);

        if (before)
            next.kept[i] = *before;
    }
    *d = next;
}

static bool in_order(const struct kept *k)
{
    return k->at[KEEP_MEM] >= k->at[KEEP_OS] && k->at[KEEP_OS] >= k->at[KEEP_FSYNC];
}

bool demand_heard(struct demand *d, const struct replica_ack *ack)
{
    struct kept *k = ack->epoch == d->who.epoch ? find(d, ack->did) : NULL;

    if (!k || !in_order(&ack->kept))
        return false;
    for (int level = KEEP_MEM; level < KEEP_COUNT; level++)
        if (ack->kept.at[level] > k->at[level])
            k->at[level] = ack->kept.at[level];
    return true;
}

uint64_t demand_kept(const struct demand *d)
{
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < d->who.count; i++)
        if (d->kept[i].at[d->who.level] < least)
            least = d->kept[i].at[d->who.level];
    return d->who.count ? least : 0;
}
