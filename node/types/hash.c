#include "node/types/hash.h"

#include <string.h>

#include "common/alloc.h"
#include "node/keyspace/table.h"
#include "node/persist/rdb_write.h"
#include "node/types/digest.h"
#include "node/types/old_packs.h"

/* The form of many fields. */
struct hash_table {
    struct table table;
    size_t field_bytes; /* held by fields and values */
};

enum {
    PACKED_TAG = 1,
    RDB_HASH = 4,
    RDB_HASH_ZIPMAP = 9,
    RDB_HASH_ZIPLIST = 13,
    RDB_HASH_LISTPACK = 16,
    SAVE_BYTES = 16 * 1024, /* of one step */
};

/* ---- which form ---- */

bool hash_is_packed(const struct hash *h)
{
    return (uintptr_t)h & PACKED_TAG;
}

static struct listpack *pack_of(const struct hash *h)
{
    return (struct listpack *)((uintptr_t)h & ~(uintptr_t)PACKED_TAG);
}

static struct hash *packed(struct listpack *pack)
{
    return (struct hash *)((uintptr_t)pack | PACKED_TAG);
}

static struct hash_table *table_of(const struct hash *h)
{
    return (struct hash_table *)(uintptr_t)h;
}

/* ---- a field of the table: both lengths in a byte each, or 255 and both in full; then the texts ---- */

enum { LONG_FIELD = 255 };

struct field {
    struct bytes name, value;
};

static struct field field_of(const void *thing)
{
    const unsigned char *p = thing;
    size_t len[2] = { p[0], p[1] }, head = 2;

    if (p[0] == LONG_FIELD) {
        memcpy(len, p + 1, sizeof len);
        head = 1 + sizeof len;
    }
    return (struct field){ { (const char *)p + head, len[0] },
                           { (const char *)p + head + len[0], len[1] } };
}

static void put_text(unsigned char *at, struct bytes text)
{
    if (text.len)
        memcpy(at, text.at, text.len);
}

static void *field_new(struct bytes name, struct bytes value)
{
    bool is_long = name.len >= LONG_FIELD || value.len >= LONG_FIELD;
    size_t len[2] = { name.len, value.len }, head = is_long ? 1 + sizeof len : 2;
    unsigned char *p = xmalloc(head + name.len + value.len);

    p[0] = is_long ? LONG_FIELD : (unsigned char)name.len;
    if (is_long)
        memcpy(p + 1, len, sizeof len);
    else
        p[1] = (unsigned char)value.len;
    put_text(p + head, name);
    put_text(p + head + name.len, value);
    return p;
}

static struct bytes field_name(const void *thing)
{
    return field_of(thing).name;
}

static const struct table_kind field_kind = { field_name };

static void free_field(void *field, const void *arg)
{
    (void)arg;
    xfree(field);
}

/* ---- the two forms ---- */

struct hash *hash_new(void)
{
    return packed(listpack_new());
}

void hash_free(struct hash *h)
{
    if (!h)
        return;
    if (hash_is_packed(h)) {
        listpack_free(pack_of(h));
        return;
    }
    table_fini(&table_of(h)->table, free_field, NULL);
    xfree(h);
}

size_t hash_count(const struct hash *h)
{
    return hash_is_packed(h) ? listpack_count(pack_of(h)) / 2 : table_of(h)->table.count;
}

static bool set_in_table(struct hash_table *t, struct bytes name, struct bytes value)
{
    uint64_t hash = table_hash(name);
    void **slot = table_find(&t->table, hash, name), *field = field_new(name, value);

    t->field_bytes += alloc_size(field);
    if (!slot) {
        table_add(&t->table, hash, field);
        return true;
    }
    t->field_bytes -= alloc_size(*slot);
    xfree(*slot);
    *slot = field;
    return false;
}

static bool set_each(void *arg, struct bytes name, struct bytes value)
{
    set_in_table(arg, name, value);
    return true;
}

static void become_table(struct hash **h)
{
    struct hash_table *t = xcalloc(1, sizeof *t);

    t->table.kind = &field_kind;
    hash_each(*h, set_each, t);
    hash_free(*h);
    *h = (struct hash *)t;
}

/* The place of a field of a packed hash. */
static size_t place_of(const struct listpack *pack, struct bytes name)
{
    struct listpack_needle n = listpack_needle(name);

    return listpack_find(pack, listpack_first(pack), &n, 1);
}

bool hash_find(const struct hash *h, struct bytes field, char *scratch, struct bytes *out)
{
    void **slot;
    size_t at;

    if (hash_is_packed(h)) {
        at = place_of(pack_of(h), field);
        if (at)
            *out = listpack_get(pack_of(h), listpack_next(pack_of(h), at), scratch);
        return at;
    }
    slot = table_find(&table_of(h)->table, table_hash(field), field);
    if (slot)
        *out = field_of(*slot).value;
    return slot;
}

static bool set_in_pack(struct hash **h, struct bytes name, struct bytes value)
{
    struct listpack *pack = pack_of(*h);
    size_t at = place_of(pack, name);

    if (at) {
        pack = listpack_replace(pack, listpack_next(pack, at), value);
    } else {
        pack = listpack_append(pack, name);
        pack = listpack_append(pack, value);
    }
    *h = packed(pack);
    return !at;
}

bool hash_set(struct hash **h, struct bytes field, struct bytes value,
              const struct value_limits *limits)
{
    size_t most = limits->hash_max_listpack_value_bytes;
    bool is_new;

    if (hash_is_packed(*h) &&
        (field.len > most || value.len > most ||
         !listpack_has_room(pack_of(*h), listpack_cost(field) + listpack_cost(value))))
        become_table(h);
    if (!hash_is_packed(*h))
        return set_in_table(table_of(*h), field, value);
    is_new = set_in_pack(h, field, value);
    if ((int64_t)hash_count(*h) > limits->hash_max_listpack_entries)
        become_table(h);
    return is_new;
}

static bool remove_from_table(struct hash_table *t, struct bytes name)
{
    uint64_t hash = table_hash(name);
    void **slot = table_find(&t->table, hash, name), *field;

    if (!slot)
        return false;
    field = *slot;
    table_remove(&t->table, hash, slot);
    t->field_bytes -= alloc_size(field);
    xfree(field);
    return true;
}

bool hash_remove(struct hash **h, struct bytes field)
{
    size_t at;

    if (!hash_is_packed(*h))
        return remove_from_table(table_of(*h), field);
    at = place_of(pack_of(*h), field);
    if (at)
        *h = packed(listpack_delete(pack_of(*h), at, 2));
    return at;
}

/* ---- walks ---- */

struct walk {
    hash_each_fn *fn;
    void *arg;
    bool ended;
};

static void walk_field(void *arg, void *thing)
{
    struct walk *w = arg;
    struct field f = field_of(thing);

    if (!w->ended)
        w->ended = !w->fn(w->arg, f.name, f.value);
}

/* Shows the pair at a place; returns the next one's. */
static size_t show_pair(const struct listpack *pack, size_t at, hash_each_fn *fn, void *arg,
                        bool *out_more)
{
    char scratch[2][LISTPACK_INT_TEXT];
    size_t value = listpack_next(pack, at);

    *out_more = fn(arg, listpack_get(pack, at, scratch[0]), listpack_get(pack, value, scratch[1]));
    return listpack_next(pack, value);
}

static void each_packed(const struct listpack *pack, hash_each_fn *fn, void *arg)
{
    bool more = true;

    for (size_t at = listpack_first(pack); at && more;)
        at = show_pair(pack, at, fn, arg, &more);
}

void hash_each(const struct hash *h, hash_each_fn *fn, void *arg)
{
    struct walk w = { fn, arg, false };
    uint64_t cursor = 0;

    if (hash_is_packed(h)) {
        each_packed(pack_of(h), fn, arg);
        return;
    }
    do {
        cursor = table_scan(&table_of(h)->table, cursor, walk_field, &w);
    } while (cursor && !w.ended);
}

static void scan_field(void *arg, void *thing)
{
    const struct walk *w = arg;
    struct field f = field_of(thing);

    (void)w->fn(w->arg, f.name, f.value);
}

void hash_scan(const struct hash *h, uint64_t *cursor, hash_each_fn *fn, void *arg)
{
    struct walk w = { fn, arg, false };

    if (hash_is_packed(h)) {
        each_packed(pack_of(h), fn, arg);
        *cursor = 0;
        return;
    }
    *cursor = table_scan(&table_of(h)->table, *cursor, scan_field, &w);
}

static uint64_t dice(void *chance)
{
    return keyspace_dice(chance);
}

void hash_random(const struct hash *h, struct keyspace *chance, hash_each_fn *fn, void *arg)
{
    bool more;

    if (hash_is_packed(h)) {
        uint64_t index = keyspace_dice(chance) % hash_count(h);

        show_pair(pack_of(h), listpack_seek(pack_of(h), (int64_t)(2 * index)), fn, arg, &more);
    } else {
        struct field f = field_of(table_random(&table_of(h)->table, dice, chance));

        (void)fn(arg, f.name, f.value);
    }
}

void hash_check(const struct hash *h)
{
    if (!hash_is_packed(h)) {
        table_check(&table_of(h)->table);
        return;
    }
    listpack_check(pack_of(h));
    ASSERT(listpack_count(pack_of(h)) % 2 == 0);
}

/* ---- what the keyspace asks for ---- */

static void ops_free(void *apart)
{
    hash_free(apart);
}

static void *ops_copy(const void *apart)
{
    struct hash *copy;

    if (hash_is_packed(apart))
        return packed(listpack_copy(pack_of(apart)));
    copy = hash_new();
    become_table(&copy);
    hash_each(apart, set_each, table_of(copy));
    return copy;
}

static size_t ops_bytes(const void *apart)
{
    const struct hash_table *t = table_of(apart);

    if (hash_is_packed(apart))
        return listpack_held(pack_of(apart));
    return alloc_size(t) + t->table.bytes + t->field_bytes;
}

static size_t ops_length(const void *apart)
{
    return hash_count(apart);
}

static const char *ops_encoding(const void *apart)
{
    return hash_is_packed(apart) ? "listpack" : "hashtable";
}

static bool digest_field(void *arg, struct bytes field, struct bytes value)
{
    unsigned char one[DIGEST_LEN] = { 0 };

    digest_mix(one, field);
    digest_mix(one, value);
    digest_xor(arg, (struct bytes){ (const char *)one, sizeof one });
    return true;
}

static void ops_digest(const void *apart, unsigned char digest[DIGEST_LEN])
{
    hash_each(apart, digest_field, digest);
}

/* As plain strings: every version of every Redis reads them, and nothing is lost. */
static int ops_rdb_type(const void *apart)
{
    (void)apart;
    return RDB_HASH;
}

struct save {
    struct buf *out;
    bool compress;
};

static bool save_field(void *arg, struct bytes field, struct bytes value)
{
    const struct save *save = arg;

    rdb_put_string(save->out, field, save->compress);
    rdb_put_string(save->out, value, save->compress);
    return true;
}

static bool ops_save(const void *apart, uint64_t *cursor, bool compress, struct buf *out)
{
    struct save save = { out, compress };
    size_t from = out->len;

    if (*cursor == 0)
        rdb_put_len(out, hash_count(apart));
    do {
        hash_scan(apart, cursor, save_field, &save);
    } while (*cursor && out->len - from < SAVE_BYTES);
    return *cursor == 0;
}

/* Field and value in turn, as old packs show them. */
struct loading {
    struct hash **hash;
    const struct value_limits *limits;
    struct buf field;
    bool has_field;
};

/* False: it is too long, or there already. */
static bool load_pair(struct loading *l, struct bytes field, struct bytes value)
{
    char scratch[LISTPACK_INT_TEXT];
    struct bytes there;

    return field.len <= HASH_TEXT_MAX && value.len <= HASH_TEXT_MAX &&
           !hash_find(*l->hash, field, scratch, &there) &&
           hash_set(l->hash, field, value, l->limits);
}

static bool load_text(void *arg, struct bytes text)
{
    struct loading *l = arg;

    l->has_field = !l->has_field;
    if (!l->has_field)
        return load_pair(l, buf_bytes(&l->field), text);
    l->field.len = 0;
    buf_add(&l->field, text);
    return true;
}

static bool load_listpack(struct loading *l, struct bytes blob)
{
    char scratch[LISTPACK_INT_TEXT];
    struct listpack *pack;
    bool sound = true;

    if (!listpack_valid(blob))
        return false;
    pack = listpack_of(blob);
    for (size_t at = listpack_first(pack); at && sound; at = listpack_next(pack, at))
        sound = load_text(l, listpack_get(pack, at, scratch));
    listpack_free(pack);
    return sound;
}

static bool load_part(struct loading *l, int rdb_type, const struct value_part *part)
{
    switch (rdb_type) {
    case RDB_HASH:
        return load_pair(l, part->text, part->second);
    case RDB_HASH_ZIPMAP:
        return zipmap_each(part->text, load_text, l);
    case RDB_HASH_ZIPLIST:
        return ziplist_each(part->text, load_text, l);
    case RDB_HASH_LISTPACK:
        return load_listpack(l, part->text);
    default:
        return false;
    }
}

static bool ops_load(void **apart, int rdb_type, const struct value_part *part,
                     const struct value_limits *limits)
{
    struct hash *h = *apart ? *apart : hash_new();
    struct loading l = { .hash = &h, .limits = limits };
    bool sound = load_part(&l, rdb_type, part) && !l.has_field;

    buf_fini(&l.field);
    if (hash_count(h) == 0) {
        hash_free(h);
        h = NULL;
    }
    *apart = h;
    return sound;
}

const struct value_ops hash_ops = { .free = ops_free,
                                    .copy = ops_copy,
                                    .bytes = ops_bytes,
                                    .length = ops_length,
                                    .encoding = ops_encoding,
                                    .digest = ops_digest,
                                    .rdb_type = ops_rdb_type,
                                    .save = ops_save,
                                    .load = ops_load };
