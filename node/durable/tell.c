/*
 * tell - INFO replication, of a bound node.
 */
#include "node/durable/membership_room.h"
#include "node/durable/vital.h"
#include "node/serve/serve.h"

#define U(number) ((unsigned long long)(number))

static uint32_t count_in_sync(const struct charter *c)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->member_count; i++)
        count += c->members[i].did != 0;
    return count;
}

static void write_leading(const struct membership *m, struct buf *out)
{
    struct effective eff[CHARTER_MEMBERS_MAX + 1];
    const struct durable *d = &m->core;

    info_line(out, "hf_demanded", "%u", durable_eff(d, eff));
    info_line(out, "hf_parked", "%llu", U(m->w->serve->gate.parked_entries));
    info_line(out, "hf_holding", "%d", d->handoff.state != HANDOFF_NONE);
}

static void write_membership(struct node_world *w, struct buf *out)
{
    const struct membership *m = w->membership;
    const struct charter *c;

    if (!m || !m->bound || !m->ready)
        return;
    c = &m->core.meta.seen;
    info_line(out, "hf_group", "%s", m->core.meta.gid);
    info_line(out, "hf_role", "%s", node_role_word(m->core.role));
    info_line(out, "hf_level", "%s", keep_word(c->level));
    info_line(out, "hf_epoch", "%llu", U(c->epoch));
    info_line(out, "hf_version", "%llu", U(c->ver));
    info_line(out, "hf_node", "%llu", U(m->core.meta.node));
    info_line(out, "hf_did", "%llu", U(m->core.meta.did));
    info_line(out, "hf_boot", "%llu", U(m->core.meta.boot));
    info_line(out, "hf_members", "%u", c->member_count);
    info_line(out, "hf_in_sync", "%u", count_in_sync(c));
    info_line(out, "hf_min_sync", "%u", c->min_sync);
    info_line(out, "hf_commit", "%llu", U(m->core.commit));
    info_line(out, "hf_written", "%llu", U(m->core.written));
    info_line(out, "hf_synced", "%llu", U(m->core.synced));
    info_line(out, "hf_resyncing", "%d", m->core.meta.resyncing);
    info_line(out, "hf_solo", "%d", m->core.meta.solo);
    info_line(out, "hf_disk_failed", "%d", m->core.disk_failed);
    info_line(out, "hf_vital_lines", "%u", vital_count(m->vital));
    info_line(out, "hf_discarded_tails", "%llu", U(m->discarded.times));
    if (m->discarded.bytes)
        info_line(out, "hf_discarded_file", "%s", m->discarded.name);
    if (m->core.role >= NODE_LEADER)
        write_leading(m, out);
}

const struct info_part membership_info_parts[] = {
    { INFO_REPLICATION, 1100, write_membership },
    { 0 },
};
