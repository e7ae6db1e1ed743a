/*
 * MEMORY: one key, the whole, and what to think of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifdef HF_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#include "common/alloc.h"
#include "common/serve/service.h"
#include "node/insight/memory.h"
#include "node/keyspace/keyspace.h"
#include "node/script/script.h"
#include "node/world.h"

/* Without the key its places in table and index would be free as well. */
static size_t places_of(const struct entry *e)
{
    return ENTRY_TABLE_SHARE + (entry_expiry_ms(e) == NO_EXPIRY ? 0u : ENTRY_INDEX_SHARE);
}

/* As often as one likes, and of what a value takes nothing is guessed: no number is too small. */
static bool want_samples(struct call *c, int from)
{
    int64_t samples = 0;

    for (int at = from; at < c->argc; at += 2) {
        bool given = at + 1 < c->argc && bytes_is_word(c->argv[at], "samples");

        if (given && !serve_want_i64(c, c->argv[at + 1], &samples))
            return false;
        if (!given || samples < 0) {
            reply_error(c->reply, "ERR syntax error");
            return false;
        }
    }
    return true;
}

static void memory_usage(struct call *c)
{
    const struct node_world *w = c->world;
    const struct entry *e;

    if (!want_samples(c, 3))
        return;
    e = keyspace_read(w->keyspace, c->db, c->argv[2], DOOR_NO_TOUCH | DOOR_NO_STATS);
    if (!e)
        reply_null(c->reply);
    else
        reply_int(c->reply, (int64_t)(entry_bytes(e, keyspace_type(w->keyspace, entry_type(e))) +
                                      places_of(e)));
}

/* ---- MEMORY STATS ---- */

struct pairs {
    struct buf resp; /* encoded behind a header that is not known yet */
    struct out out;
    struct reply reply;
    size_t count;
};

static void put_int(struct pairs *p, const char *name, uint64_t v)
{
    reply_text(&p->reply, name);
    reply_int(&p->reply, (int64_t)v);
    p->count++;
}

static void put_double(struct pairs *p, const char *name, double v)
{
    reply_text(&p->reply, name);
    reply_double(&p->reply, v);
    p->count++;
}

static void put_databases(const struct node_world *w, struct pairs *p)
{
    for (int db = 0; db < keyspace_databases(w->keyspace); db++) {
        struct keyspace_db_stats s;
        char name[32];

        keyspace_db_stats(w->keyspace, db, &s);
        if (!s.keys)
            continue;
        snprintf(name, sizeof name, "db.%d", db);
        reply_text(&p->reply, name);
        reply_map(&p->reply, 3);
        reply_text(&p->reply, "overhead.hashtable.main");
        reply_int(&p->reply, (int64_t)memory_of_table(&s));
        reply_text(&p->reply, "overhead.hashtable.expires");
        reply_int(&p->reply, (int64_t)memory_of_expires(&s));
        reply_text(&p->reply, "overhead.hashtable.slot-to-keys");
        reply_int(&p->reply, 0);
        p->count++;
    }
}

static void put_totals(const struct node_world *w, const struct memory *m, struct pairs *p)
{
    struct script_memory scripts;

    put_int(p, "peak.allocated", m->peak);
    put_int(p, "total.allocated", m->used);
    put_int(p, "startup.allocated", m->startup);
    put_int(p, "replication.backlog", m->backlog);
    put_int(p, "clients.slaves", m->followers);
    put_int(p, "clients.normal", m->clients);
    put_int(p, "cluster.links", 0);
    put_int(p, "aof.buffer", m->file);
    script_measure(w->script, &scripts);
    put_int(p, "lua.caches", scripts.scripts);
    put_int(p, "functions.caches", scripts.functions);
    put_databases(w, p);
}

static void put_shares(const struct memory *m, struct pairs *p)
{
    uint64_t grown = m->used > m->startup ? m->used - m->startup : 0;

    put_int(p, "overhead.total", m->overhead);
    put_int(p, "keys.count", m->keys);
    put_int(p, "keys.bytes-per-key", m->keys ? grown / m->keys : 0);
    put_int(p, "dataset.bytes", m->dataset);
    put_double(p, "dataset.percentage", 100 * memory_ratio(m->dataset, grown));
    put_double(p, "peak.percentage", 100 * memory_ratio(m->used, m->peak));
    put_int(p, "allocator.allocated", m->allocated);
    put_int(p, "allocator.active", m->active);
    put_int(p, "allocator.resident", m->resident);
    put_double(p, "allocator-fragmentation.ratio", memory_ratio(m->active, m->allocated));
    put_int(p, "allocator-fragmentation.bytes", m->active - m->allocated);
    put_double(p, "allocator-rss.ratio", memory_ratio(m->resident, m->active));
    put_int(p, "allocator-rss.bytes", m->resident - m->active);
    put_double(p, "rss-overhead.ratio", memory_ratio(m->rss, m->resident));
    put_int(p, "rss-overhead.bytes", m->rss - m->resident);
    put_double(p, "fragmentation", memory_ratio(m->rss, m->used));
    put_int(p, "fragmentation.bytes", m->rss - m->used);
}

static void memory_stats(struct call *c)
{
    const struct node_world *w = c->world;
    struct pairs p = { 0 };
    struct memory m;

    p.reply = (struct reply){ .out = &p.out, .proto = c->reply->proto };
    memory_measure(w, &m);
    put_totals(w, &m, &p);
    put_shares(&m, &p);
    out_copy(&p.out, &p.resp);
    reply_map(c->reply, p.count);
    reply_raw(c->reply, p.resp.at, p.resp.len);
    out_fini(&p.out);
    buf_fini(&p.resp);
}

/* ---- MEMORY DOCTOR ---- */

/* Below this nothing is worth a word. */
enum { DOCTOR_BYTES_MIN = 5 * 1024 * 1024 };

static bool peak_is_far(const struct memory *m)
{
    return memory_ratio(m->peak, m->used) > 1.5;
}

static bool is_fragmented(const struct memory *m)
{
    return memory_ratio(m->active, m->allocated) > 1.1 && m->active - m->allocated > 10u << 20;
}

static bool holds_pages(const struct memory *m)
{
    return memory_ratio(m->resident, m->active) > 1.1 && m->resident - m->active > 10u << 20;
}

static bool clients_are_large(const struct memory *m)
{
    return m->clients > 10u << 20 && memory_ratio(m->clients, m->used) > 0.2;
}

static bool followers_are_large(const struct memory *m)
{
    return m->followers > 10u << 20;
}

static const struct {
    bool (*holds)(const struct memory *m);
    const char *text;
} findings[] = {
    { peak_is_far,
      "Peak: far more was used once than is now. The process may keep what it had then "
      "until it is needed again; that is no leak." },
    { is_fragmented, "Fragmentation: the allocator holds more than 110 % of what we asked it for. "
                     "Values of very different sizes that come and go do that; a restart of a "
                     "follower and a failover to it pack them anew." },
    { holds_pages,
      "Pages: the allocator holds pages that nothing uses. MEMORY PURGE gives them back." },
    { clients_are_large,
      "Clients: buffers of clients take more than a fifth. Look for clients that "
      "send without reading (CLIENT LIST, omem and qbuf)." },
    { followers_are_large, "Followers: output for followers is waiting. Look at their lag in INFO "
                           "replication and at client-output-buffer-limit replica." },
};

static void memory_doctor(struct call *c)
{
    struct buf text = { 0 };
    struct memory m;

    memory_measure(c->world, &m);
    for (size_t i = 0; m.used >= DOCTOR_BYTES_MIN && i < ARRAY_LEN(findings); i++)
        if (findings[i].holds(&m))
            buf_printf(&text, "* %s\n", findings[i].text);
    if (!text.len)
        buf_puts(&text, m.used < DOCTOR_BYTES_MIN ? "Too little is used to say anything about it.\n"
                                                  : "Nothing is wrong with the use of memory.\n");
    reply_verbatim(c->reply, "txt", buf_bytes(&text));
    buf_fini(&text);
}

/* ---- the allocator ---- */

static void memory_purge(struct call *c)
{
#ifdef HF_JEMALLOC
    mallctl("arena.4096.purge", NULL, NULL, NULL, 0); /* MALLCTL_ARENAS_ALL */
#endif
    reply_ok(c->reply);
}

#ifdef HF_JEMALLOC
/* The allocator has to be asked in the width that a number has, and says EINVAL to any other. value: what it becomes;
 * NULL: what it is. */
static int ask_number(const char *name, const int64_t *value, uint64_t *out_old)
{
    int error = EINVAL;

    for (size_t width = sizeof *out_old; width && error == EINVAL; width /= 2) {
        uint64_t old = 0, new = value ? (uint64_t)*value : 0;
        size_t len = width;

        error = mallctl(name, &old, &len, value ? &new : NULL, value ? width : 0);
        if (!error)
            *out_old = old;
    }
    return error;
}

static void debug_mallctl(struct call *c)
{
    char name[SERVE_SHOWN_MAX + 1];
    int64_t value;
    uint64_t old;
    int error;

    if (c->argc > 3 && !serve_want_i64(c, c->argv[3], &value))
        return;
    snprintf(name, sizeof name, "%.*s", SERVE_SHOWN(c->argv[2]));
    error = ask_number(name, c->argc > 3 ? &value : NULL, &old);
    if (error)
        reply_errorf(c->reply, "ERR %s", strerror(error));
    else
        reply_int(c->reply, (int64_t)old);
}
#endif

const struct command memory_debug_subs[] = {
#ifdef HF_JEMALLOC
    { .name = "mallctl",
      .run = debug_mallctl,
      .argc_min = 3,
      .argc_max = 4,
      .args = "key [value:integer]",
      .help = "One of the allocator's numbers, which may get another value." },
#endif
    { 0 },
};

#ifdef HF_JEMALLOC
static void add_text(void *arg, const char *text)
{
    buf_puts(arg, text);
}
#endif

static void memory_malloc_stats(struct call *c)
{
    struct buf text = { 0 };

#ifdef HF_JEMALLOC
    malloc_stats_print(add_text, &text, NULL);
#else
    buf_printf(&text, "Stats not supported for the current allocator (%s)", alloc_name());
#endif
    reply_verbatim(c->reply, "txt", buf_bytes(&text));
    buf_fini(&text);
}

static const struct command memory_subs[] = {
    { .name = "usage",
      .run = memory_usage,
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY,
      .keys = { 2, 2, 1 },
      .key_specs = "RO",
      .group = "server",
      .since = "4.0.0",
      .cost = "O(N) where N is the number of samples.",
      .args = "key [SAMPLES=count:integer]",
      .help = "Bytes that a key and its value take." },
    { .name = "help",
      .run = serve_help,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "4.0.0",
      .cost = "O(1)",
      .help = "Explains the subcommands." },
    { .name = "doctor",
      .run = memory_doctor,
      .argc_min = 2,
      .argc_max = 2,
      .group = "server",
      .since = "4.0.0",
      .cost = "O(1)",
      .help = "What is worth a word about the use of memory.",
      .tips = "nondeterministic_output request_policy:all_shards response_policy:special" },
    { .name = "stats",
      .run = memory_stats,
      .argc_min = 2,
      .argc_max = 2,
      .group = "server",
      .since = "4.0.0",
      .cost = "O(1)",
      .help = "What memory is used for.",
      .tips = "nondeterministic_output request_policy:all_shards response_policy:special" },
    { .name = "malloc-stats",
      .run = memory_malloc_stats,
      .argc_min = 2,
      .argc_max = 2,
      .group = "server",
      .since = "4.0.0",
      .cost = "Depends on how much memory is allocated, could be slow",
      .help = "The allocator's own report.",
      .tips = "nondeterministic_output request_policy:all_shards response_policy:special" },
    { .name = "purge",
      .run = memory_purge,
      .argc_min = 2,
      .argc_max = 2,
      .group = "server",
      .since = "4.0.0",
      .cost = "Depends on how much memory is allocated, could be slow",
      .help = "Makes the allocator give unused pages back.",
      .tips = "request_policy:all_shards response_policy:all_succeeded" },
    { 0 },
};

const struct command memory_rows[] = {
    { .name = "memory",
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .group = "server",
      .since = "4.0.0",
      .cost = "Depends on subcommand.",
      .help = "Asks about memory.",
      .subs = memory_subs },
    { 0 },
};
