#include "node/persist/snapshot.h"

#include "common/alloc.h"
#include "common/clock.h"
#include "node/keyspace/keyspace.h"

static void flush(struct snapshot *s)
{
    struct bytes data = buf_bytes(&s->out);

    if (!data.len || s->abort_why)
        return;
    rdb_write_taken(&s->writer);
    s->bytes += data.len;
    s->sink->bytes(s->sink_arg, data);
    s->out.len = 0;
}

static void end(struct snapshot *s, enum err e, const char *why)
{
    const struct snapshot_sink *sink = s->sink;
    void *arg = s->sink_arg;

    ev_timer_stop(s->loop, &s->next);
    xfree(s->db_seen);
    s->db_seen = NULL;
    s->sink = NULL;
    s->abort_why = NULL;
    buf_fini(&s->out);
    sink->done(arg, e, why);
    if (s->freed)
        s->freed(s->freed_arg);
}

static void select_db(struct snapshot *s, int db)
{
    uint64_t keys, expires = 0;

    if (db == s->db)
        return;
    s->db = db;
    if (s->db_seen[db]) {
        rdb_write_select_again(&s->writer, (uint64_t)db);
        return;
    }
    s->db_seen[db] = true;
    keys = keyspace_walk_keys(s->keyspace, db, &expires);
    rdb_write_select(&s->writer, (uint64_t)db, keys, expires);
}

/* Straight from the entry to the sink: a value of a gigabyte is not copied into a buffer first. */
static void write_large(struct snapshot *s, const struct entry *e, struct bytes value)
{
    rdb_write_string_head(&s->writer, entry_key(e), value.len, entry_expiry_ms(e));
    flush(s);
    if (s->abort_why)
        return;
    rdb_write_passed_on(&s->writer, value);
    s->bytes += value.len;
    s->sink->bytes(s->sink_arg, value);
}

/* A value of many parts passes through the buffer in pieces. */
static void write_apart(struct snapshot *s, const struct entry *e)
{
    const struct value_ops *ops = keyspace_type(s->keyspace, entry_type(e));
    const void *apart = entry_apart(e);
    uint64_t cursor = 0;

    rdb_write_head(&s->writer, ops->rdb_type(apart), entry_key(e), entry_expiry_ms(e));
    while (!ops->save(apart, &cursor, s->plan.compress, &s->out)) {
        if (s->out.len >= SNAPSHOT_FLUSH_BYTES)
            flush(s);
        if (s->abort_why)
            return;
    }
}

static void write_string(struct snapshot *s, const struct entry *e)
{
    char scratch[ENTRY_INT_TEXT];
    struct bytes value = entry_text(e, scratch);

    if (value.len > RDB_COMPRESS_MAX)
        write_large(s, e, value);
    else
        rdb_write_string_entry(&s->writer, entry_key(e), value, entry_expiry_ms(e));
}

static bool emit(void *arg, int db, const struct entry *e, bool early)
{
    struct snapshot *s = arg;
    uint64_t before = s->bytes + s->out.len;

    if (s->abort_why)
        return false;
    select_db(s, db);
    if (entry_form(e) == FORM_APART)
        write_apart(s, e);
    else
        write_string(s, e);
    if (early)
        s->inline_bytes += s->bytes + s->out.len - before;
    if (s->out.len >= SNAPSHOT_FLUSH_BYTES)
        flush(s);
    return !s->sink->ready || s->sink->ready(s->sink_arg);
}

/* The walk has just begun: what the keys need now is what the image needs. */
static uint32_t needs_of_image(const struct snapshot *s)
{
    uint32_t needs = s->plan.needs;

    for (int need = NEED_NOTHING + 1; need < VALUE_NEEDS && !s->plan.no_keys; need++) {
        if (keyspace_needs(s->keyspace, (enum value_need)need))
            needs |= RDB_NEED(need);
    }
    return needs;
}

static void write_head(struct snapshot *s)
{
    const struct replica_position *p = &s->plan.position;

    rdb_write_header(&s->writer, rdb_version_for(needs_of_image(s)));
    rdb_write_aux(&s->writer, "redis-ver", BYTES(RDB_REDIS_VERSION));
    rdb_write_aux_int(&s->writer, "redis-bits", 8 * (int)sizeof(void *));
    rdb_write_aux_int(&s->writer, "ctime", (int64_t)(clock_wall_ms() / 1000));
    rdb_write_aux_int(&s->writer, "used-mem", (int64_t)alloc_used_bytes());
    if (p->known) {
        rdb_write_aux_int(&s->writer, "repl-stream-db", p->db);
        rdb_write_aux(&s->writer, "repl-id", bytes_of(p->id));
        rdb_write_aux_int(&s->writer, "repl-offset", (int64_t)p->offset);
    }
    if (*p->root)
        rdb_write_aux(&s->writer, "hf-root", bytes_of(p->root));
    if (p->born_empty)
        rdb_write_aux(&s->writer, "hf-born", BYTES("empty"));
    rdb_write_aux_int(&s->writer, "aof-base", 0);
}

/* One slice; true when the snapshot ended. */
static bool step(struct snapshot *s, uint64_t budget_us)
{
    bool whole = s->plan.no_keys;

    if (s->abort_why) {
        const char *why = s->abort_why;

        if (keyspace_walking(s->keyspace))
            keyspace_walk_abort(s->keyspace);
        end(s, ERR_LIMIT, why);
        return true;
    }
    if (!whole)
        whole = keyspace_walk_step(s->keyspace, budget_us);
    if (whole)
        rdb_write_end(&s->writer);
    flush(s);
    if (!whole || s->abort_why)
        return false;
    end(s, OK, NULL);
    return true;
}

static void on_next(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct snapshot *s = timer->data;

    if (s->sink->ready && !s->abort_why && !s->sink->ready(s->sink_arg))
        return; /* snapshot_resume starts it again */
    if (!step(s, SNAPSHOT_SLICE_US))
        snapshot_resume(s);
}

void snapshot_init(struct snapshot *s, struct ev_loop *loop, struct keyspace *ks)
{
    *s = (struct snapshot){ .loop = loop, .keyspace = ks };
    ev_timer_init(&s->next, on_next, 0., 0.);
    s->next.data = s;
}

void snapshot_fini(struct snapshot *s)
{
    if (!snapshot_running(s))
        return;
    snapshot_abort(s, "the node stops");
    step(s, 0);
}

enum err snapshot_start(struct snapshot *s, const struct snapshot_plan *plan,
                        const struct snapshot_sink *sink, void *sink_arg)
{
    enum err e = OK;

    if (s->sink)
        return ERR_EXISTS;
    if (!plan->no_keys)
        e = keyspace_walk_begin(s->keyspace, emit, s);
    if (e != OK)
        return e;
    s->plan = *plan;
    s->sink = sink;
    s->sink_arg = sink_arg;
    s->db = -1;
    s->bytes = 0;
    s->db_seen = xcalloc((size_t)keyspace_databases(s->keyspace), sizeof *s->db_seen);
    rdb_write_init(&s->writer, &s->out, plan->compress, plan->checksum);
    write_head(s);
    snapshot_resume(s);
    return OK;
}

void snapshot_resume(struct snapshot *s)
{
    if (!s->sink || ev_is_active(&s->next))
        return;
    ev_timer_set(&s->next, 0., 0.);
    ev_timer_start(s->loop, &s->next);
}

void snapshot_finish(struct snapshot *s)
{
    while (s->sink && !step(s, UINT64_MAX / 2))
        ;
}

void snapshot_abort(struct snapshot *s, const char *why)
{
    if (!s->sink || s->abort_why)
        return;
    s->abort_why = why;
    snapshot_resume(s);
}

bool snapshot_running(const struct snapshot *s)
{
    return s->sink != NULL;
}
