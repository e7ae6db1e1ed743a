#include "node/types/set.h"

#include <string.h>

#include "common/alloc.h"
#include "node/keyspace/table.h"
#include "node/persist/rdb_write.h"
#include "node/types/digest.h"
#include "node/types/intset.h"
#include "node/types/listpack.h"
#include "node/types/rewrite.h"

struct set {
    struct intset *ints; /* NULL: it is a table */
    struct table table;
    size_t member_bytes; /* of the table's members */
};

enum { RDB_SET = 2, RDB_SET_INTSET = 11, RDB_SET_LISTPACK = 20, SAVE_BYTES = 16 * 1024 };

/* ---- a member of the table: its length in one byte, or 255 and eight bytes, then the text ---- */

enum { LONG_MEMBER = 255 };

static void *member_new(struct bytes text)
{
    bool is_long = text.len >= LONG_MEMBER;
    size_t head = is_long ? 1 + sizeof text.len : 1;
    unsigned char *m = xmalloc(head + text.len);

    m[0] = is_long ? LONG_MEMBER : (unsigned char)text.len;
    if (is_long)
        memcpy(m + 1, &text.len, sizeof text.len);
    if (text.len)
        memcpy(m + head, text.at, text.len);
    return m;
}

static struct bytes member_text(const void *member)
{
    const unsigned char *m = member;
    size_t len = m[0];

    if (len < LONG_MEMBER)
        return (struct bytes){ (const char *)m + 1, len };
    memcpy(&len, m + 1, sizeof len);
    return (struct bytes){ (const char *)m + 1 + sizeof len, len };
}

static const struct table_kind member_kind = { member_text };

/* ---- the two forms ---- */

struct set *set_new(void)
{
    struct set *s = xcalloc(1, sizeof *s);

    s->table.kind = &member_kind;
    s->ints = intset_new();
    return s;
}

static void free_member(void *member, const void *arg)
{
    xfree(member);
}

void set_free(struct set *s)
{
    if (!s)
        return;
    xfree(s->ints);
    table_fini(&s->table, free_member, NULL);
    xfree(s);
}

size_t set_count(const struct set *s)
{
    return s->ints ? intset_count(s->ints) : s->table.count;
}

bool set_is_ints(const struct set *s)
{
    return s->ints != NULL;
}

static void add_to_table(struct set *s, uint64_t hash, struct bytes text)
{
    void *member = member_new(text);

    table_add(&s->table, hash, member);
    s->member_bytes += alloc_size(member);
}

static void become_table(struct set *s)
{
    char text[SET_INT_TEXT];

    for (size_t i = 0; i < intset_count(s->ints); i++) {
        struct bytes member = { text, fmt_i64(text, intset_at(s->ints, i)) };

        add_to_table(s, table_hash(member), member);
    }
    xfree(s->ints);
    s->ints = NULL;
}

static bool fits_ints(const struct set *s, const struct value_limits *limits)
{
    size_t max = limits->set_max_intset_entries < INTSET_COUNT_MAX
                     ? (size_t)limits->set_max_intset_entries
                     : INTSET_COUNT_MAX - 1;

    return intset_count(s->ints) <= max;
}

bool set_has(const struct set *s, struct bytes member)
{
    int64_t v;

    if (s->ints)
        return bytes_to_i64(member, &v) && intset_has(s->ints, v);
    return table_find(&s->table, table_hash(member), member) != NULL;
}

bool set_add(struct set *s, struct bytes member, const struct value_limits *limits)
{
    uint64_t hash;
    int64_t v;

    if (s->ints && bytes_to_i64(member, &v)) {
        bool added = intset_add(&s->ints, v);

        if (added && !fits_ints(s, limits))
            become_table(s);
        return added;
    }
    if (s->ints)
        become_table(s);
    hash = table_hash(member);
    if (table_find(&s->table, hash, member))
        return false;
    add_to_table(s, hash, member);
    return true;
}

bool set_remove(struct set *s, struct bytes member)
{
    uint64_t hash;
    int64_t v;
    struct table_slot *slot;
    void *found;

    if (s->ints)
        return bytes_to_i64(member, &v) && intset_remove(&s->ints, v);
    hash = table_hash(member);
    slot = table_find(&s->table, hash, member);
    if (!slot)
        return false;
    found = table_thing(slot);
    table_remove(&s->table, hash, slot);
    s->member_bytes -= alloc_size(found);
    xfree(found);
    return true;
}

/* ---- looking around ---- */

struct each {
    set_each_fn *fn;
    void *arg;
    bool stopped;
};

static void each_member(void *arg, void *member)
{
    struct each *e = arg;

    if (!e->stopped)
        e->stopped = !e->fn(e->arg, member_text(member));
}

static void each_int(const struct set *s, struct each *e)
{
    char text[SET_INT_TEXT];

    for (size_t i = 0; i < intset_count(s->ints) && !e->stopped; i++) {
        struct bytes member = { text, fmt_i64(text, intset_at(s->ints, i)) };

        e->stopped = !e->fn(e->arg, member);
    }
}

void set_scan(const struct set *s, uint64_t *cursor, set_each_fn *fn, void *arg)
{
    struct each e = { fn, arg, false };

    if (s->ints) {
        each_int(s, &e);
        *cursor = 0;
    } else {
        *cursor = table_scan(&s->table, *cursor, each_member, &e);
    }
}

void set_each(const struct set *s, set_each_fn *fn, void *arg)
{
    struct each e = { fn, arg, false };
    uint64_t cursor = 0;

    if (s->ints) {
        each_int(s, &e);
        return;
    }
    do {
        cursor = table_scan(&s->table, cursor, each_member, &e);
    } while (cursor && !e.stopped);
}

static uint64_t dice(void *arg)
{
    return keyspace_dice(arg);
}

struct bytes set_random(const struct set *s, struct keyspace *chance, char *scratch)
{
    if (!s->ints)
        return member_text(table_random(&s->table, dice, chance));
    return (struct bytes){ scratch, fmt_i64(scratch, intset_at(s->ints, keyspace_dice(chance) %
                                                                            set_count(s))) };
}

/* ---- what the keyspace asks for ---- */

static void ops_free(void *apart)
{
    set_free(apart);
}

static bool copy_member(void *arg, struct bytes member)
{
    add_to_table(arg, table_hash(member), member);
    return true;
}

static void *ops_copy(const void *apart)
{
    const struct set *s = apart;
    struct set *copy = xcalloc(1, sizeof *copy);

    copy->table.kind = &member_kind;
    if (s->ints)
        copy->ints = intset_copy(s->ints);
    else
        set_each(s, copy_member, copy);
    return copy;
}

static size_t ops_bytes(const void *apart)
{
    const struct set *s = apart;

    return alloc_size(s) + (s->ints ? alloc_size(s->ints) : 0) + s->table.bytes + s->member_bytes;
}

static size_t ops_length(const void *apart)
{
    return set_count(apart);
}

static size_t ops_blocks(const void *apart)
{
    return set_is_ints(apart) ? 1 : set_count(apart);
}

static const char *ops_encoding(const void *apart)
{
    return set_is_ints(apart) ? "intset" : "hashtable";
}

static bool digest_member(void *arg, struct bytes member)
{
    digest_xor(arg, member);
    return true;
}

static void ops_digest(const void *apart, unsigned char digest[DIGEST_LEN])
{
    set_each(apart, digest_member, digest);
}

static int ops_rdb_type(const void *apart)
{
    return set_is_ints(apart) ? RDB_SET_INTSET : RDB_SET;
}

struct save {
    struct buf *out;
    bool compress;
};

static bool save_member(void *arg, struct bytes member)
{
    const struct save *save = arg;

    rdb_put_string(save->out, member, save->compress);
    return true;
}

static bool ops_save(const void *apart, uint64_t *cursor, bool compress, struct buf *out)
{
    const struct set *s = apart;
    struct save save = { out, compress };
    size_t from = out->len;

    if (s->ints) {
        rdb_put_string(out, intset_bytes(s->ints), compress);
        return true;
    }
    if (*cursor == 0)
        rdb_put_len(out, set_count(s));
    do {
        set_scan(s, cursor, save_member, &save);
    } while (*cursor && out->len - from < SAVE_BYTES);
    return *cursor == 0;
}

static bool rewrite_member(void *arg, struct bytes member)
{
    rewrite_add(arg, member, (struct bytes){ 0 });
    return true;
}

static bool ops_rewrite(const void *apart, struct bytes key, uint64_t *cursor, struct buf *out)
{
    struct rewrite r = { .out = out, .command = "SADD", .key = key, .words_each = 1 };
    size_t from = out->len;

    do {
        set_scan(apart, cursor, rewrite_member, &r);
    } while (*cursor && out->len - from < REWRITE_BYTES);
    rewrite_end(&r);
    return *cursor == 0;
}

static bool load_ints(struct set *s, struct bytes data, const struct value_limits *limits)
{
    if (!intset_valid(data))
        return false;
    xfree(s->ints);
    s->ints = intset_of(data);
    if (!fits_ints(s, limits))
        become_table(s);
    return true;
}

static bool load_listpack(struct set *s, struct bytes data, const struct value_limits *limits)
{
    char scratch[LISTPACK_INT_TEXT];
    struct listpack *lp;
    bool whole = true;

    if (!listpack_valid(data))
        return false;
    lp = listpack_of(data);
    for (size_t at = listpack_first(lp); at != LISTPACK_END && whole; at = listpack_next(lp, at))
        whole = set_add(s, listpack_get(lp, at, scratch), limits);
    listpack_free(lp);
    return whole;
}

static bool ops_load(void **apart, int rdb_type, const struct value_part *part,
                     const struct value_limits *limits)
{
    struct set *s = *apart ? *apart : set_new();
    bool loaded = rdb_type == RDB_SET_INTSET     ? load_ints(s, part->text, limits)
                  : rdb_type == RDB_SET_LISTPACK ? load_listpack(s, part->text, limits)
                                                 : set_add(s, part->text, limits);

    if (set_count(s) == 0) {
        set_free(s);
        s = NULL;
    }
    *apart = s;
    return loaded;
}

const struct value_ops set_ops = {
    .free = ops_free,
    .copy = ops_copy,
    .bytes = ops_bytes,
    .length = ops_length,
    .blocks = ops_blocks,
    .encoding = ops_encoding,
    .digest = ops_digest,
    .rdb_type = ops_rdb_type,
    .save = ops_save,
    .rewrite = ops_rewrite,
    .load = ops_load,
};

void set_check(const struct set *s)
{
    ASSERT(!s->ints || s->table.count == 0);
    if (s->ints)
        ASSERT(intset_valid(intset_bytes(s->ints)));
    else
        table_check(&s->table);
}
