#include "sentinel/core/durable/found.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void reasons_say(struct reasons *r, const char *format, ...)
{
    va_list args;

    if (r->count == FOUND_REASONS_MAX)
        return;
    va_start(args, format);
    vsnprintf(r->text[r->count++], FOUND_TEXT_MAX, format, args);
    va_end(args);
}

static const char *odd_node(const struct founding *f, const struct founding_node *n)
{
    const struct report *r = &n->report;

    if (!n->answers)
        return "does not answer";
    if (!n->speaks)
        return "is no Holdfast node: it could lead, and would lose what was acknowledged";
    if (r->gid[0] && strcmp(r->gid, f->gid) != 0 && strcmp(r->gid, f->heir) != 0)
        return "belongs to another durable group";
    if (r->node == 0 || r->did == 0 || !r->run[0])
        return "does not say who it is, or which data it has";
    for (uint32_t i = 0; &f->nodes[i] != n; i++)
        if (f->nodes[i].report.node == r->node)
            return "has the identity of another node: its directory was copied";
    if (n->leads && f->heir[0] && (strcmp(r->gid, f->heir) != 0 || r->role != NODE_ACTIVE))
        return "does not lead the group whose register was lost";
    if (f->heir[0] && r->format < 2)
        return "is of an older version, which could not read it";
    if (n->leads && n->observer)
        return "leads, and is to be an observer";
    if (n->leads && (r->flags & (NODE_LOADING | NODE_RESYNCING)))
        return "leads, and its data are not in memory yet";
    if (n->leads && (r->flags & NODE_DISK_FAILED) && f->level >= KEEP_OS)
        return "leads, and its disk fails";
    return NULL;
}

static const char *odd_voter(const struct founding *f, const struct founding_voter *v)
{
    if (!v->answers)
        return "does not answer";
    if (!v->speaks)
        return "is no Holdfast sentinel: it cannot keep the register";
    if (v->voter == 0)
        return "has no memory to vote with";
    if (f->heir[0] && v->format < 2)
        return "is of an older version, which could not read it";
    for (uint32_t i = 0; &f->voters[i] != v; i++)
        if (f->voters[i].voter == v->voter)
            return "has the identity of another sentinel: its directory was copied";
    return NULL;
}

static uint64_t leads_in(const struct founding *f)
{
    uint64_t epoch = 0;

    for (uint32_t i = 0; i < f->node_count; i++)
        if (f->nodes[i].leads)
            epoch = f->nodes[i].report.promised;
    return epoch;
}

static void check_nodes(const struct founding *f, struct reasons *why)
{
    uint32_t leaders = 0;

    for (uint32_t i = 0; i < f->node_count; i++) {
        const struct founding_node *n = &f->nodes[i];
        const char *odd = odd_node(f, n);

        leaders += n->leads;
        if (!odd && f->heir[0] && n->report.promised > leads_in(f))
            odd = "knows of a later epoch than the leader's";
        if (odd)
            reasons_say(why, "the node %s:%u %s", n->at.host, n->at.port, odd);
    }
    if (leaders != 1)
        reasons_say(why, leaders ? "more than one node leads" : "no node leads");
}

static void check_voters(const struct founding *f, struct reasons *why)
{
    for (uint32_t i = 0; i < f->voter_count; i++) {
        const struct founding_voter *v = &f->voters[i];
        const char *odd = odd_voter(f, v);

        if (odd)
            reasons_say(why, "the sentinel %s:%u %s", v->at.host, v->at.port, odd);
    }
    if (f->voter_count == 0)
        reasons_say(why, "no sentinel votes");
}

static void check_terms(const struct founding *f, struct reasons *why)
{
    if (f->level == KEEP_ASYNC || (unsigned)f->level >= KEEP_COUNT)
        reasons_say(why, "the level is to be mem, os or fsync");
    if (f->min_sync == 0 || f->min_sync > f->node_count)
        reasons_say(why, "min-sync is to be between 1 and the number of nodes, %u", f->node_count);
}

static struct charter first_version(const struct founding *f)
{
    struct charter c = {
        .ver = 1, .epoch = f->epoch ? f->epoch : 1, .level = f->level, .min_sync = f->min_sync
    };

    memcpy(c.gid, f->gid, sizeof c.gid);
    memcpy(c.heir, f->heir, sizeof c.heir);
    if (f->heir[0] && c.epoch <= leads_in(f))
        c.epoch = leads_in(f) + 1;
    for (uint32_t i = 0; i < f->node_count; i++) {
        const struct founding_node *n = &f->nodes[i];
        const struct report *r = &n->report;
        struct member m = {
            .node = r->node, .at = n->at, .observer = n->observer, .boot = r->boot
        };

        if (n->leads) {
            m.did = r->did;
            c.leader = r->node;
            memcpy(c.run, r->run, sizeof c.run);
        }
        charter_add_member(&c, &m);
    }
    for (uint32_t i = 0; i < f->voter_count; i++) {
        struct voter v = { .id = f->voters[i].voter, .at = f->voters[i].at, .sets = VOTERS_NOW };

        charter_add_voter(&c, &v);
    }
    return c;
}

bool found_charter(const struct founding *f, struct charter *out, struct reasons *out_why)
{
    struct charter first;
    struct errmsg odd;

    out_why->count = 0;
    check_terms(f, out_why);
    check_nodes(f, out_why);
    check_voters(f, out_why);
    if (out_why->count > 0)
        return false;
    first = first_version(f);
    if (!charter_is_sound(&first, &odd))
        reasons_say(out_why, "%s", odd.text);
    else if (!charter_has_room(&first, 1))
        reasons_say(out_why, "it has too many nodes and sentinels for names of hosts as long as "
                             "theirs: use addresses, or fewer nodes");
    if (out_why->count > 0)
        return false;
    *out = first;
    return true;
}
