#include "node/persist/snapshot.h"

#include "common/alloc.h"
#include "common/clock.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/snapshot_commands.h"
#include "node/settings.h"

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
    s->open.entry = NULL;
    s->rest = (struct rest){ 0 };
    s->aside.at = 0;
    buf_fini(&s->aside.bytes);
    buf_fini(&s->out);
    sink->done(arg, e, why);
    if (s->freed)
        s->freed(s->freed_arg);
}

/* Names db, where last is another one, in front of what comes; with its sizes the first time. */
static void select_db(struct snapshot *s, struct rdb_writer *to, int *last, int db)
{
    uint64_t keys, expires = 0;

    if (db == *last)
        return;
    *last = db;
    if (s->db_seen[db]) {
        rdb_write_select_again(to, (uint64_t)db);
        return;
    }
    s->db_seen[db] = true;
    keys = keyspace_walk_keys(s->keyspace, db, &expires);
    rdb_write_select(to, (uint64_t)db, keys, expires);
}

/* Straight to the sink: what is large is not copied into the buffer first. */
static void pass_on(struct snapshot *s, struct bytes data)
{
    flush(s);
    if (s->abort_why)
        return;
    rdb_write_passed_on(&s->writer, data);
    s->bytes += data.len;
    s->sink->bytes(s->sink_arg, data);
}

/* ---- entries in pieces ---- */

/* The next piece of a long text. True: that was the last. */
static bool text_piece(struct snapshot *s, const struct entry *e)
{
    struct bytes text = entry_text(e, NULL);
    size_t left = text.len - s->open.cursor;
    size_t len = left < SNAPSHOT_PIECE_BYTES ? left : SNAPSHOT_PIECE_BYTES;

    pass_on(s, (struct bytes){ text.at + s->open.cursor, len });
    s->open.cursor += len;
    return s->open.cursor == text.len;
}

static struct rdb_form form_of(const struct snapshot *s, const struct entry *e)
{
    return rdb_form_of(keyspace_type(s->keyspace, entry_type(e)), entry_apart(e), s->version);
}

static bool parts_piece(struct snapshot *s, const struct entry *e)
{
    struct rdb_form form = form_of(s, e);
    size_t begun = s->out.len;

    while (s->out.len - begun < SNAPSHOT_PIECE_BYTES)
        if (form.save(entry_apart(e), &s->open.cursor, s->plan.compress, &s->out))
            return true;
    return false;
}

static bool next_piece(struct snapshot *s, const struct entry *e)
{
    bool last = entry_form(e) == FORM_APART ? parts_piece(s, e) : text_piece(s, e);

    if (last)
        s->open.entry = NULL;
    if (s->out.len >= SNAPSHOT_FLUSH_BYTES)
        flush(s);
    return last;
}

static void put_use(const struct snapshot *s, struct rdb_writer *to, const struct entry *e)
{
    if (s->plan.use == USE_IDLE)
        rdb_write_idle(to, keyspace_idle_seconds(s->keyspace, e));
    else if (s->plan.use == USE_FREQUENCY)
        rdb_write_frequency(to, keyspace_frequency(s->keyspace, e));
}

static void open_entry(struct snapshot *s, int db, const struct entry *e)
{
    select_db(s, &s->writer, &s->db, db);
    put_use(s, &s->writer, e);
    if (entry_form(e) == FORM_APART)
        rdb_write_head(&s->writer, form_of(s, e).type, entry_key(e), entry_expiry_ms(e));
    else
        rdb_write_string_head(&s->writer, entry_key(e), entry_text_len(e), entry_expiry_ms(e));
    s->open.entry = e;
    s->open.cursor = 0;
}

static void finish_open(struct snapshot *s)
{
    while (s->open.entry && !s->abort_why)
        next_piece(s, s->open.entry);
}

/* ---- whole entries ---- */

static bool comes_in_pieces(const struct entry *e)
{
    return entry_form(e) == FORM_APART ||
           (entry_form(e) == FORM_BLOB && entry_text_len(e) > RDB_COMPRESS_MAX);
}

static void write_short_text(const struct snapshot *s, struct rdb_writer *to, const struct entry *e)
{
    char scratch[ENTRY_INT_TEXT];

    put_use(s, to, e);
    rdb_write_string_entry(to, entry_key(e), entry_text(e, scratch), entry_expiry_ms(e));
}

/* Between two pieces of another entry, or behind those that came so: the same bytes, later. */
static void put_aside(struct snapshot *s, int db, const struct entry *e)
{
    struct buf *out = &s->aside.bytes;
    struct rdb_writer writer;
    uint64_t cursor = 0;

    rdb_write_init(&writer, out, s->plan.compress, false);
    select_db(s, &writer, &s->aside.db, db);
    if (entry_form(e) != FORM_APART) {
        write_short_text(s, &writer, e);
    } else {
        struct rdb_form form = form_of(s, e);

        put_use(s, &writer, e);
        rdb_write_head(&writer, form.type, entry_key(e), entry_expiry_ms(e));
        while (!form.save(entry_apart(e), &cursor, s->plan.compress, out))
            continue;
    }
    if (out->len - s->aside.at > s->aside_peak_bytes)
        s->aside_peak_bytes = out->len - s->aside.at;
    if (out->len - s->aside.at > SNAPSHOT_ASIDE_MAX)
        snapshot_abort(s, "more old values than may be held came while a large one was written");
}

static void aside_piece(struct snapshot *s)
{
    size_t left = s->aside.bytes.len - s->aside.at;
    size_t len = left < SNAPSHOT_PIECE_BYTES ? left : SNAPSHOT_PIECE_BYTES;

    pass_on(s, (struct bytes){ s->aside.bytes.at + s->aside.at, len });
    s->aside.at += len;
    if (s->aside.at < s->aside.bytes.len)
        return;
    s->db = s->aside.db;
    s->aside.db = -1;
    s->aside.at = 0;
    buf_fini(&s->aside.bytes);
}

static void emit_early(struct snapshot *s, int db, const struct entry *e)
{
    uint64_t before = s->bytes + s->out.len + s->aside.bytes.len, more;

    if (s->open.entry == e) {
        finish_open(s);
    } else if (s->open.entry || s->aside.bytes.len) {
        put_aside(s, db, e);
    } else if (comes_in_pieces(e)) {
        open_entry(s, db, e);
        finish_open(s);
    } else {
        select_db(s, &s->writer, &s->db, db);
        write_short_text(s, &s->writer, e);
    }
    more = s->bytes + s->out.len + s->aside.bytes.len - before;
    if (more >= WALK_LARGE_BYTES)
        s->inline_bytes += more;
}

/* False: e is to come again, because there is more of it, or because what is aside goes before
 * whatever begins anew. */
static bool emit_in_turn(struct snapshot *s, int db, const struct entry *e)
{
    if (s->open.entry) {
        ASSERT(s->open.entry == e);
        return next_piece(s, e);
    }
    if (s->aside.bytes.len) {
        aside_piece(s);
        return false;
    }
    if (comes_in_pieces(e)) {
        open_entry(s, db, e);
        return next_piece(s, e);
    }
    select_db(s, &s->writer, &s->db, db);
    write_short_text(s, &s->writer, e);
    return true;
}

/* ---- as commands ---- */

static void select_by_command(struct snapshot *s, int db)
{
    if (db == s->db)
        return;
    s->db = db;
    snapshot_put_select(db, &s->out);
}

/* As a whole, from the cursor on. */
static void put_all_commands(struct snapshot *s, const struct entry *e, uint64_t cursor)
{
    while (!snapshot_put_commands(s->keyspace, e, &cursor, &s->out))
        if (s->out.len >= SNAPSHOT_FLUSH_BYTES)
            flush(s);
}

/* True: that was all of it. */
static bool emit_commands(struct snapshot *s, int db, const struct entry *e, enum emit_how how)
{
    bool open = s->open.entry == e;

    select_by_command(s, db);
    if (how == EMIT_EARLY) {
        put_all_commands(s, e, open ? s->open.cursor : 0);
        if (open)
            s->open.entry = NULL;
        return true;
    }
    if (!open)
        s->open.cursor = 0;
    s->open.entry = e;
    if (!snapshot_put_commands(s->keyspace, e, &s->open.cursor, &s->out))
        return false;
    s->open.entry = NULL;
    return true;
}

static uint32_t emit(void *arg, int db, const struct entry *e, enum emit_how how)
{
    struct snapshot *s = arg;
    uint32_t answer = 0;

    if (s->abort_why)
        return EMIT_STOP;
    if (s->plan.commands)
        answer |= emit_commands(s, db, e, how) ? 0 : EMIT_MORE;
    else if (how == EMIT_EARLY)
        emit_early(s, db, e);
    else if (!emit_in_turn(s, db, e))
        answer |= EMIT_MORE;
    if (s->out.len >= SNAPSHOT_FLUSH_BYTES)
        flush(s);
    if (s->abort_why || (s->sink->ready && !s->sink->ready(s->sink_arg)))
        answer |= EMIT_STOP;
    if (!(answer & EMIT_MORE) && rest_begin(&s->rest, s->plan.rest_us))
        answer |= EMIT_STOP;
    return answer;
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
    struct buf libraries = { 0 };

    if (s->plan.commands) {
        if (s->plan.stamped)
            buf_printf(&s->out, "#TS:%lld\r\n", (long long)(clock_wall_ms() / 1000));
        if (s->libraries)
            s->libraries(s->libraries_arg, &s->plan, &s->out);
        return;
    }
    if (s->libraries && s->libraries(s->libraries_arg, &s->plan, &libraries))
        s->plan.needs |= RDB_NEED_FUNCTIONS;
    s->version = rdb_version_for(needs_of_image(s), s->plan.valkey);
    rdb_write_header(&s->writer, s->version);
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
    rdb_write_aux_int(&s->writer, "aof-base", s->plan.aof_base);
    buf_add(&s->out, buf_bytes(&libraries));
    buf_fini(&libraries);
}

static void write_foot(struct snapshot *s)
{
    if (!s->plan.commands)
        rdb_write_end(&s->writer);
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
    if (whole && s->aside.bytes.len) {
        aside_piece(s);
        return false;
    }
    whole = whole && !rest_left_us(&s->rest);
    if (whole)
        write_foot(s);
    flush(s);
    if (!whole || s->abort_why)
        return false;
    end(s, OK, NULL);
    return true;
}

static void on_next(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct snapshot *s = timer->data;

    if (s->sink->ready && !s->abort_why && !s->sink->ready(s->sink_arg) &&
        !keyspace_walk_wanted(s->keyspace))
        return; /* snapshot_resume starts it again */
    if (!step(s, SNAPSHOT_SLICE_US))
        snapshot_resume(s);
}

enum snapshot_use snapshot_use(const struct node_settings *set)
{
    static const enum snapshot_use uses[] = {
        [POLICY_VOLATILE_LRU] = USE_IDLE,
        [POLICY_ALLKEYS_LRU] = USE_IDLE,
        [POLICY_VOLATILE_LFU] = USE_FREQUENCY,
        [POLICY_ALLKEYS_LFU] = USE_FREQUENCY,
    };
    size_t policy = (size_t)set->maxmemory_policy;

    return policy < ARRAY_LEN(uses) ? uses[policy] : USE_UNSAID;
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
    s->db = s->aside.db = -1;
    s->started_ms = clock_now_ms();
    s->bytes = 0;
    s->started++;
    s->db_seen = xcalloc((size_t)keyspace_databases(s->keyspace), sizeof *s->db_seen);
    rdb_write_init(&s->writer, &s->out, plan->compress, plan->checksum && !plan->commands);
    write_head(s);
    snapshot_resume(s);
    return OK;
}

static double seconds_to_next(const struct snapshot *s)
{
    if (s->abort_why || keyspace_walk_wanted(s->keyspace))
        return 0.;
    return (double)rest_left_us(&s->rest) / 1e6;
}

void snapshot_resume(struct snapshot *s)
{
    if (!s->sink || (ev_is_active(&s->next) && !s->rest.until_us))
        return;
    ev_timer_stop(s->loop, &s->next); /* of a rest, which may be over early */
    ev_timer_set(&s->next, seconds_to_next(s), 0.);
    ev_timer_start(s->loop, &s->next);
}

void snapshot_finish(struct snapshot *s)
{
    s->plan.rest_us = 0;
    s->rest = (struct rest){ 0 };
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
