/*
 * random_config - random records and a text form of a config, for the tests of state.
 */
#ifndef HF_TESTS_SENTINEL_STATE_RANDOM_CONFIG_H
#define HF_TESTS_SENTINEL_STATE_RANDOM_CONFIG_H

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/random.h"
#include "sentinel/core/config.h"

/* Holds what a record borrows until the next one. */
struct random_record {
    struct record rec;
    struct group_settings set;
    struct globals globals;
};

static inline char *random_text(struct rng *r)
{
    static const char *const some[] = { "plain", "a b", "\"q\"", "x\ny", "#", "\\", "\x80\xff" };

    return rng_below(r, 3) ? xstrdup(some[rng_below(r, ARRAY_LEN(some))]) : NULL;
}

static inline void random_set(struct rng *r, struct group_settings *set)
{
    group_settings_fini(set);
    group_settings_defaults(set);
    set->quorum = 1 + (uint32_t)rng_below(r, 5);
    set->down_after_ms = 1 + rng_below(r, 100000);
    set->fast_detection = (enum fast_detection)rng_below(r, 3);
    set->durability = (enum keep)rng_below(r, KEEP_COUNT);
    set->auth_pass = random_text(r);
    set->auth_user = random_text(r);
    set->auth_pass_fallback = random_text(r);
    set->tls = (enum group_tls)rng_below(r, 3);
    set->busy_failover_ms = rng_below(r, 2) ? 0 : 500 + rng_below(r, 9000);
    for (uint64_t i = rng_below(r, 3); i > 0; i--) {
        AUTO_FREE char *to = random_text(r);

        if (to && group_settings_rename(set, BYTES("CONFIG"), bytes_of(to)) != OK)
            abort();
    }
}

static inline void random_globals(struct rng *r, struct globals *g)
{
    globals_fini(g);
    globals_defaults(g);
    snprintf(g->my_id, sizeof g->my_id, "%040llx", (unsigned long long)rng_next(r));
    g->announce_ip = random_text(r);
    g->sentinel_pass = random_text(r);
    g->sentinel_pass_fallback = random_text(r);
    g->announce_port = (int)rng_below(r, 65536);
    g->resolve_hostnames = rng_below(r, 2);
}

/* A group is added once, as the core does it; know is what stands already. */
static inline void random_record(struct rng *r, struct config *know, struct random_record *out)
{
    struct record *rec = &out->rec;

    *rec = (struct record){ .kind = (enum record_kind)rng_below(r, REC_COUNT) };
    if (rec->kind == REC_GLOBALS) {
        random_globals(r, &out->globals);
        rec->globals = &out->globals;
        return;
    }
    if (rec->kind != REC_EPOCH)
        snprintf(rec->group, sizeof rec->group, rng_below(r, 8) ? "m%d" : "m \"%d\"",
                 (int)rng_below(r, 5));
    rec->epoch = rng_below(r, 1000);
    if (rec->kind == REC_PAUSE) {
        rec->epoch++; /* 0: there never was one */
        rec->until_ms = rng_below(r, 2) ? rng_below(r, 1000) : UINT64_MAX;
    }
    snprintf(rec->addr.host, sizeof rec->addr.host, "10.0.0.%d", (int)rng_below(r, 9));
    rec->addr.port = 1 + (int)rng_below(r, 4);
    snprintf(rec->id, sizeof rec->id, "%040d", (int)rng_below(r, 6));
    if (rec->kind == REC_GROUP_ADD && config_find_group(know, rec->group))
        rec->kind = REC_GROUP_SET;
    if (rec->kind == REC_GROUP_ADD || rec->kind == REC_GROUP_SET) {
        random_set(r, &out->set);
        rec->set = &out->set;
    }
}

static inline void random_record_fini(struct random_record *r)
{
    group_settings_fini(&r->set);
    globals_fini(&r->globals);
}

static inline void show_set(const struct group_settings *s, struct buf *out)
{
    buf_printf(out, " q%u d%llu f%d k%d", s->quorum, (unsigned long long)s->down_after_ms,
               s->fast_detection, s->durability);
    buf_printf(out, " [%s] [%s]", s->auth_user ? s->auth_user : "-",
               s->auth_pass ? s->auth_pass : "-");
    buf_printf(out, " t%d b%llu [%s]", s->tls, (unsigned long long)s->busy_failover_ms,
               s->auth_pass_fallback ? s->auth_pass_fallback : "-");
    for (size_t i = 0; i < s->rename_count; i++)
        buf_printf(out, " %s>%s", s->renames[i].command, s->renames[i].to);
}

/* Everything of a config, members in the order they stand. */
static inline const char *show_config(const struct config *c, struct buf *out)
{
    out->len = 0;
    buf_printf(out, "%s [%s] %d %d [%s] [%s] epoch %llu\n", c->globals.my_id,
               c->globals.announce_ip ? c->globals.announce_ip : "-", c->globals.announce_port,
               c->globals.resolve_hostnames,
               c->globals.sentinel_pass ? c->globals.sentinel_pass : "-",
               c->globals.sentinel_pass_fallback ? c->globals.sentinel_pass_fallback : "-",
               (unsigned long long)c->current_epoch);
    for (size_t i = 0; i < c->group_count; i++) {
        const struct config_group *g = &c->groups[i];

        buf_printf(out, "%s %s:%d c%llu v%llu %s", g->name, g->leader.host, g->leader.port,
                   (unsigned long long)g->config_epoch, (unsigned long long)g->vote_epoch,
                   g->vote_id);
        buf_printf(out, " p%llu/%llu", (unsigned long long)g->pause_stamp,
                   (unsigned long long)g->pause_until_ms);
        show_set(&g->set, out);
        for (size_t n = 0; n < g->node_count; n++)
            buf_printf(out, " n%s:%d", g->nodes[n].host, g->nodes[n].port);
        for (size_t p = 0; p < g->peer_count; p++)
            buf_printf(out, " p%s:%d/%s", g->peers[p].addr.host, g->peers[p].addr.port,
                       g->peers[p].id);
        buf_putc(out, '\n');
    }
    return buf_text(out);
}

#endif
