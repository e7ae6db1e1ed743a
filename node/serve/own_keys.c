#include "node/serve/own_keys.h"

#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "node/keyspace/keyspace.h"

struct own_key {
    struct map_node node;
    int64_t deadline_ms;
    int db;
    char name[]; /* the database's four bytes, then the key */
};

static int64_t deadline_of(const void *thing)
{
    return ((const struct own_key *)thing)->deadline_ms;
}

static struct bytes key_of(const struct own_key *k)
{
    return (struct bytes){ k->name + sizeof k->db, k->node.name.len - sizeof k->db };
}

void own_keys_init(struct own_keys *o)
{
    *o = (struct own_keys){ .order = { .of = deadline_of } };
}

static void forget(struct own_keys *o, struct own_key *k)
{
    deadlines_remove(&o->order, k, k->deadline_ms);
    map_remove(&o->keys, &k->node);
    xfree(k);
}

void own_keys_forget(struct own_keys *o)
{
    struct own_key *k;

    while ((k = deadlines_first(&o->order)))
        forget(o, k);
}

void own_keys_fini(struct own_keys *o)
{
    own_keys_forget(o);
    deadlines_fini(&o->order);
    map_fini(&o->keys);
    buf_fini(&o->scratch);
}

static struct own_key *find(struct own_keys *o, int db, struct bytes key)
{
    struct map_node *n;

    o->scratch.len = 0;
    buf_append(&o->scratch, &db, sizeof db);
    buf_add(&o->scratch, key);
    n = map_find(&o->keys, buf_bytes(&o->scratch));
    return n ? CONTAINER_OF(n, struct own_key, node) : NULL;
}

/* Behind find, which has put its name together. */
static void keep(struct own_keys *o, int db, int64_t deadline_ms)
{
    struct bytes name = buf_bytes(&o->scratch);
    struct own_key *k = xcalloc(1, sizeof *k + name.len);

    k->db = db;
    k->deadline_ms = deadline_ms;
    memcpy(k->name, name.at, name.len);
    map_add(&o->keys, &k->node, (struct bytes){ k->name, name.len });
    deadlines_add(&o->order, k);
}

static void move(struct own_keys *o, struct own_key *k, int64_t deadline_ms)
{
    deadlines_remove(&o->order, k, k->deadline_ms);
    k->deadline_ms = deadline_ms;
    deadlines_add(&o->order, k);
}

void own_keys_note(struct own_keys *o, struct keyspace *ks, int db, struct bytes key)
{
    const struct entry *e = keyspace_read(ks, db, key, DOOR_STREAM | DOOR_NO_TOUCH | DOOR_NO_STATS);
    int64_t deadline_ms = e ? entry_expiry_ms(e) : NO_EXPIRY;
    struct own_key *k;

    if (deadline_ms == NO_EXPIRY && o->keys.count == 0)
        return;
    k = find(o, db, key);
    if (deadline_ms == NO_EXPIRY) {
        if (k)
            forget(o, k);
    } else if (!k) {
        keep(o, db, deadline_ms);
    } else if (k->deadline_ms != deadline_ms) {
        move(o, k, deadline_ms);
    }
}

/* A key lives through the millisecond of its deadline. */
static int64_t moment_after(int64_t deadline_ms)
{
    return deadline_ms == INT64_MAX ? INT64_MAX : deadline_ms + 1;
}

int64_t own_keys_next_ms(const struct own_keys *o)
{
    const struct own_key *k = deadlines_first(&o->order);

    return k ? moment_after(k->deadline_ms) : INT64_MAX;
}

int64_t own_keys_due(struct own_keys *o, struct keyspace *ks, uint64_t budget_us)
{
    uint64_t end_us = clock_read_us() + budget_us;
    int64_t now_ms = (int64_t)keyspace_wall_ms(ks), deadline_ms;
    struct own_key *k;

    while ((k = deadlines_first(&o->order)) && k->deadline_ms < now_ms) {
        deadline_ms = keyspace_expire_key(ks, k->db, key_of(k));
        if (deadline_ms == NO_EXPIRY)
            forget(o, k);
        else
            move(o, k, deadline_ms);
        if (clock_read_us() >= end_us)
            break;
    }
    return own_keys_next_ms(o);
}
