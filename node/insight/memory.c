#include "node/insight/memory.h"

#include <stdio.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#ifdef HF_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#include "common/alloc.h"
#include "common/serve/service.h"
#include "node/insight/identity.h"
#include "node/keyspace/keyspace.h"
#include "node/oplog/oplog.h"
#include "node/persist/aof.h"
#include "node/persist/persist.h"
#include "node/replica/replica.h"
#include "node/world.h"

static uint64_t resident_bytes(void)
{
    unsigned long long size, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (!f)
        return 0;
    if (fscanf(f, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    fclose(f);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void ask_allocator(struct memory *m)
{
    m->allocated = m->active = m->resident = m->used;
#ifdef HF_JEMALLOC
    uint64_t epoch = 1;
    size_t len = sizeof epoch, v;

    mallctl("epoch", &epoch, &len, &epoch, sizeof epoch);
    len = sizeof v;
    if (mallctl("stats.allocated", &v, &len, NULL, 0) == 0)
        m->allocated = v;
    if (mallctl("stats.active", &v, &len, NULL, 0) == 0)
        m->active = v;
    if (mallctl("stats.resident", &v, &len, NULL, 0) == 0)
        m->resident = v;
#endif
}

uint64_t memory_of_table(const struct keyspace_db_stats *s)
{
    return s->table_bytes + s->keys * ENTRY_HEADER_BYTES;
}

uint64_t memory_of_expires(const struct keyspace_db_stats *s)
{
    return s->index_bytes + s->expires * ENTRY_EXPIRY_BYTES;
}

static void measure_keys(const struct node_world *w, struct memory *m)
{
    for (int db = 0; db < keyspace_databases(w->keyspace); db++) {
        struct keyspace_db_stats s;

        keyspace_db_stats(w->keyspace, db, &s);
        m->keys += s.keys;
        m->tables += memory_of_table(&s);
        m->expires += memory_of_expires(&s);
    }
}

static uint64_t backlog_of(const struct oplog *o)
{
    uint64_t kept = o->backlog ? o->backlog_bytes : 0;

    return o->held_bytes < kept ? o->held_bytes : kept;
}

/* What is held beyond the backlog is held for the file, whose disk does not have it yet, or for followers that
 * lag; the rest of a chunk is theirs, if there are any. */
static void measure_stream(const struct node_world *w, struct memory *m)
{
    const struct oplog *o = w->oplog;
    uint64_t beyond, synced;

    m->backlog = backlog_of(o);
    beyond = o->held_bytes - m->backlog;
    if (aof_synced(w->aof, &synced))
        m->file = o->next - synced < beyond ? o->next - synced : beyond;
    if (m->followers)
        m->followers += beyond - m->file;
}

static void measure_sessions(const struct service *v, struct memory *m)
{
    LIST_EACH (&v->sessions, n) {
        const struct session *s = LIST_ENTRY(n, struct session, node);
        struct session_memory sm;

        session_measure(s, &sm);
        if (s->kind == SESSION_REPLICA)
            m->followers += sm.total;
        else
            m->clients += sm.total;
    }
}

uint64_t memory_not_counted(const struct node_world *w)
{
    return w->oplog->held_bytes - backlog_of(w->oplog) + w->oplog->gone_bytes +
           replica_payload_bytes(w->replica) + persist_held_bytes(w->persist) +
           aof_held_bytes(w->aof);
}

bool memory_is_over(const struct node_world *w, uint64_t max_bytes)
{
    uint64_t used = alloc_used_bytes();

    return used > max_bytes && used > max_bytes + memory_not_counted(w) +
                                          keyspace_unfreed_bytes(w->keyspace) +
                                          w->service->client_memory.leaving_bytes;
}

void memory_measure(const struct node_world *w, struct memory *out)
{
    struct sysinfo si;

    *out = (struct memory){ .used = alloc_used_bytes(),
                            .peak = alloc_peak_bytes(),
                            .rss = resident_bytes(),
                            .total = sysinfo(&si) == 0 ? (uint64_t)si.totalram * si.mem_unit : 0 };
    out->startup = identity()->startup_bytes;
    measure_keys(w, out);
    measure_sessions(w->service, out);
    measure_stream(w, out);
    out->overhead = out->startup + out->backlog + out->followers + out->file + out->clients +
                    out->tables + out->expires;
    out->dataset = out->used > out->overhead ? out->used - out->overhead : 0;
    ask_allocator(out);
}

double memory_ratio(uint64_t a, uint64_t b)
{
    return b ? (double)a / (double)b : 0;
}
