#include "node/persist/loader.h"

#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "node/keyspace/keyspace.h"
#include "node/oplog/oplog.h"

enum {
    ITEMS_PER_LOOK = 64, /* between two readings of the clock */
    EMPTY_NAMED_MAX = 64,
};

static struct loader_libraries libraries; /* a node has one set of them */

void loader_set_libraries(const struct loader_libraries *l)
{
    libraries = *l;
}

void loader_drop_libraries(void)
{
    if (!libraries.commit)
        return;
    libraries.begin(libraries.arg);
    libraries.commit(libraries.arg);
}

void loader_init(struct loader *l, struct keyspace *into, bool keep_expired, bool checksum)
{
    *l = (struct loader){ .into = into, .keep_expired = keep_expired, .position = { .db = -1 } };
    rdb_reader_init(&l->reader);
    l->reader.skip_checksum = !checksum;
    l->reader.types = into;
    if (libraries.begin)
        libraries.begin(libraries.arg);
}

void loader_fini(struct loader *l)
{
    rdb_reader_fini(&l->reader);
}

static void aux_id(struct loader *l, struct bytes value)
{
    if (!oplog_is_id(value))
        return;
    memcpy(l->position.id, value.at, value.len);
    l->position.known = true;
}

static void aux_offset(struct loader *l, struct bytes value)
{
    if (!bytes_to_u64(value, &l->position.offset))
        l->position.offset = UINT64_MAX;
}

static void aux_db(struct loader *l, struct bytes value)
{
    int64_t db;

    if (bytes_to_i64(value, &db) && db >= 0 && db < keyspace_databases(l->into))
        l->position.db = (int)db;
}

static void aux_born(struct loader *l, struct bytes value)
{
    l->position.born_empty = bytes_is(value, "empty");
}

static void aux_root(struct loader *l, struct bytes value)
{
    if (oplog_is_id(value))
        memcpy(l->position.root, value.at, value.len);
}

static const struct {
    const char *name;
    void (*take)(struct loader *l, struct bytes value);
} aux_fields[] = {
    { "repl-id", aux_id },   { "repl-offset", aux_offset }, { "repl-stream-db", aux_db },
    { "hf-root", aux_root }, { "hf-born", aux_born },
};

static void take_aux(struct loader *l, const struct rdb_item *item)
{
    for (size_t i = 0; i < ARRAY_LEN(aux_fields); i++) {
        if (bytes_is(item->name, aux_fields[i].name))
            aux_fields[i].take(l, item->value);
    }
    if (item->name.len && item->name.at[0] == '%')
        log_notice("rdb-aux name=%.*s value=%.*s", (int)item->name.len, item->name.at,
                   (int)item->value.len, item->value.at);
}

static struct value value_of_item(const struct rdb_item *item)
{
    if (!item->apart)
        return value_of_text(item->value);
    return (struct value){ .type = item->type, .form = FORM_APART, .apart = item->apart };
}

/* What the keyspace did not take. */
static void drop_value(struct loader *l, const struct value *v)
{
    if (v->form == FORM_APART)
        keyspace_type(l->into, v->type)->free(v->apart);
}

static enum err take_entry(struct loader *l, const struct rdb_item *item, struct errmsg *out_why)
{
    struct load_attributes attributes = { .expiry_ms = item->expire_wall_ms,
                                          .idle_seconds = item->idle_seconds,
                                          .frequency = item->frequency };
    struct value value = value_of_item(item);
    bool expired = item->expire_wall_ms >= 0 && !l->keep_expired &&
                   (uint64_t)item->expire_wall_ms < keyspace_wall_ms(l->into);

    if (expired && !l->position.known) {
        l->expired++;
        drop_value(l, &value);
        return OK;
    }
    if (keyspace_load(l->into, l->db, item->key, &value, &attributes) != OK) {
        drop_value(l, &value);
        errmsg_set(out_why, "the RDB holds a key twice: '%.*s'",
                   item->key.len > 64 ? 64 : (int)item->key.len, item->key.at);
        return ERR_CORRUPT;
    }
    l->loaded += !expired;
    l->expired += expired;
    return OK;
}

/* The first few are named: a file may be full of them. */
static void skip_empty(struct loader *l, struct bytes key)
{
    if (l->empty++ < EMPTY_NAMED_MAX)
        log_notice("rdb-key-skipped" REDIS_SAYS("skipping empty key: %.*s"),
                   key.len > 128 ? 128 : (int)key.len, key.at);
}

static enum err take_item(struct loader *l, const struct rdb_item *item, struct errmsg *out_why)
{
    switch (item->kind) {
    case RDB_AUX:
        take_aux(l, item);
        return OK;
    case RDB_SELECT:
        if (item->db >= (uint64_t)keyspace_databases(l->into)) {
            errmsg_set(out_why, "the RDB holds database %llu, and there are %d here",
                       (unsigned long long)item->db, keyspace_databases(l->into));
            return ERR_RANGE;
        }
        l->db = (int)item->db;
        return OK;
    case RDB_ENTRY:
        return take_entry(l, item, out_why);
    case RDB_EMPTY:
        skip_empty(l, item->key);
        return OK;
    case RDB_LIBRARY:
        return libraries.take ? libraries.take(libraries.arg, item->value, out_why) : OK;
    case RDB_END:
        l->ended = true;
        if (l->empty)
            log_notice("rdb-keys-skipped count=%llu" REDIS_SAYS("empty keys skipped: %llu"),
                       (unsigned long long)l->empty, (unsigned long long)l->empty);
        if (l->end != LOAD_TAKES_OVER && libraries.join)
            return libraries.join(libraries.arg, l->end == LOAD_MERGES, out_why);
        if (libraries.commit)
            libraries.commit(libraries.arg);
        if (l->position.offset > OPLOG_OFFSET_MAX)
            l->position.known = false;
        return OK;
    case RDB_RESIZE:
    case RDB_SKIPPED:
        return OK;
    }
    return OK;
}

enum err loader_feed(struct loader *l, struct bytes data, uint64_t deadline_us,
                     size_t *out_consumed, struct errmsg *out_why)
{
    size_t at = 0;

    *out_consumed = 0;
    if (deadline_us && rest_left_us(&l->rest))
        return ERR_AGAIN;
    for (unsigned n = 1; !l->ended; n++) {
        struct rdb_item item;
        size_t consumed;
        enum rdb_status s =
            rdb_read(&l->reader, (struct bytes){ data.at + at, data.len - at }, &item, &consumed);
        enum err e;

        if (s == RDB_MORE)
            break;
        if (s == RDB_BAD) {
            *out_why = l->reader.why;
            return ERR_CORRUPT;
        }
        e = take_item(l, &item, out_why);
        if (e != OK)
            return e;
        at += consumed;
        *out_consumed = at;
        if (deadline_us && item.kind == RDB_ENTRY && l->rest_us &&
            rest_begin(&l->rest, *l->rest_us))
            return ERR_AGAIN;
        if (deadline_us && n % ITEMS_PER_LOOK == 0 && clock_read_us() >= deadline_us)
            return ERR_AGAIN;
    }
    return OK;
}
