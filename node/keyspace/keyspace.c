#include "node/keyspace/keyspace.h"

#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "node/keyspace/inner.h"

static struct bytes key_of(const void *thing)
{
    return entry_key(thing);
}

const struct table_kind entry_table_kind = { .key = key_of };

/* A key being looked for: its database's space, its hash, and where it stands. */
struct spot {
    struct space *sp;
    uint64_t hash;
    struct table_slot *slot; /* NULL: nowhere */
};

/* A command asks for the key that is next, and perhaps again. The same bytes in the same place are the same
 * key, for as long as the loan lasts. */
static uint64_t hash_fetched(struct fetched *f, struct bytes key)
{
    for (int i = f->at; i < f->count && i <= f->at + 1; i++) {
        if (f->keys[i].at == key.at && f->keys[i].len == key.len) {
            f->at = i;
            return f->hashes[i];
        }
    }
    return table_hash(key);
}

static struct spot look(struct keyspace *ks, int db, struct bytes key)
{
    struct spot s = { .sp = ks->spaces[db], .hash = hash_fetched(&ks->fetched, key) };

    s.slot = table_find(&s.sp->table, s.hash, key);
    return s;
}

void hear_changed(struct keyspace *ks, int db, struct bytes key)
{
    if (ks->hooks.changed)
        ks->hooks.changed(ks->hooks.arg, db, key);
}

void keyspace_event(struct keyspace *ks, enum notify_class class, const char *name, int db,
                    struct bytes key)
{
    if (ks->hooks.event)
        ks->hooks.event(ks->hooks.arg, class, name, db, key);
}

void keyspace_ready(struct keyspace *ks, int db, struct bytes key)
{
    if (ks->hooks.ready)
        ks->hooks.ready(ks->hooks.arg, db, key);
}

void hear_gone(struct keyspace *ks, int db, const struct entry *e)
{
    if (UNLIKELY(entry_type(e) == VALUE_STREAM))
        keyspace_ready(ks, db, entry_key(e));
}

bool keyspace_expired(const struct keyspace *ks, const struct entry *e)
{
    int64_t at = entry_expiry_ms(e);

    return at != NO_EXPIRY && (int64_t)ks->wall_ms() > at;
}

/* ---- entries in and out of their space ---- */

static void index_add(struct keyspace *ks, struct space *sp, struct entry *e)
{
    int64_t at = entry_expiry_ms(e);

    if (at == NO_EXPIRY)
        return;
    deadlines_add(&sp->deadlines, e);
    if (at < ks->next_expiry_ms)
        ks->next_expiry_ms = at;
}

static void index_remove(struct space *sp, const struct entry *e, int64_t at)
{
    if (at != NO_EXPIRY)
        deadlines_remove(&sp->deadlines, e, at);
}

static void attach_entry(struct keyspace *ks, struct space *sp, struct entry *e, uint64_t hash)
{
    table_add(&sp->table, hash, e);
    index_add(ks, sp, e);
    note_value(ks, sp, e);
    sp->entry_bytes += entry_own_bytes(e);
}

void detach_entry(struct keyspace *ks, struct space *sp, struct entry *e, uint64_t hash)
{
    struct table_slot *slot = table_find(&sp->table, hash, entry_key(e));

    ASSERT(slot && table_thing(slot) == e);
    sp->entry_bytes -= entry_own_bytes(e);
    index_remove(sp, e, entry_expiry_ms(e));
    forget_value(ks, sp, e);
    table_remove(&sp->table, hash, slot);
}

static void free_value(void *thing, const void *arg)
{
    entry_free(thing, arg);
}

/* Redis frees no string in the background, however long: none is counted. */
void drop_entry(struct keyspace *ks, struct entry *e, bool lazily)
{
    const struct value_ops *ops = ops_of(ks, e);

    if (LIKELY(!entry_is_slow_to_free(e, ops))) {
        entry_free(e, ops);
        return;
    }
    trash_put(ks->trash, &(struct trash_item){ .free_fn = free_value,
                                               .thing = e,
                                               .arg = ops,
                                               .bytes = entry_bytes(e, ops),
                                               .objects = lazily && entry_form(e) == FORM_APART });
}

void discard_entry(struct keyspace *ks, const struct space *sp, struct entry *e, bool lazily)
{
    if (!walk_keeps(ks, sp, e))
        drop_entry(ks, e, lazily);
}

static uint32_t fresh_clock(const struct keyspace *ks)
{
    uint64_t now = ks->wall_ms();

    if (ks->frequency) /* 16 bits of minutes, 8 of count; new keys start at 5 to survive at all */
        return (uint32_t)((now / 60000 & 0xffff) << 8 | 5);
    return (uint32_t)(now / 1000 & 0xffffff);
}

static struct entry *new_entry(struct keyspace *ks, const struct space *sp, struct bytes key,
                               const struct value *value, int64_t expiry_ms)
{
    struct entry *e = entry_new(key, value, expiry_ms);

    entry_set_mark(e, sp->mark);
    entry_set_clock(e, fresh_clock(ks));
    return e;
}

/* An edit may move an entry and change its weight and deadline: these two calls bracket it. */
struct edit {
    struct space *sp;
    struct entry *e;
    int64_t expiry_ms;
};

static struct edit edit_begin(struct keyspace *ks, int db, struct entry *e)
{
    struct edit edit = { ks->spaces[db], e, entry_expiry_ms(e) };

    ASSERT(!walk_wants(ks, edit.sp, e)); /* it went through keyspace_write */
    edit.sp->entry_bytes -= entry_own_bytes(e);
    return edit;
}

static struct entry *edit_end(struct keyspace *ks, struct edit edit, struct entry *e,
                              struct table_slot *slot)
{
    edit.sp->entry_bytes += entry_own_bytes(e);
    if (e != edit.e) {
        table_replace(slot, e);
        note_moved(ks, e);
    }
    if (e == edit.e && entry_expiry_ms(e) == edit.expiry_ms)
        return e;
    index_remove(edit.sp, edit.e, edit.expiry_ms);
    index_add(ks, edit.sp, e);
    return e;
}

/* Where an entry stands; looked up before it may move, because then its key is gone. */
static struct table_slot *slot_of(struct keyspace *ks, int db, const struct entry *e)
{
    struct spot s = look(ks, db, entry_key(e));

    ASSERT(s.slot && table_thing(s.slot) == e);
    return s.slot;
}

/* ---- the clock of use ---- */

static int decayed(const struct keyspace *ks, uint32_t clock)
{
    uint32_t now = (uint32_t)(ks->wall_ms() / 60000 & 0xffff), then = clock >> 8;
    uint32_t minutes = (now - then) & 0xffff;
    uint32_t steps = ks->decay_minutes ? minutes / (uint32_t)ks->decay_minutes : 0;
    uint32_t count = clock & 0xff;

    return steps > count ? 0 : (int)(count - steps);
}

/* Counts on a logarithmic scale: the busier a key, the rarer a step. */
static uint32_t counted(struct keyspace *ks, int count)
{
    uint64_t base = count > 5 ? (uint64_t)(count - 5) : 0;
    uint64_t odds = base * (uint64_t)ks->log_factor + 1;

    if (count < 255 && rng_below(&ks->rng, odds) == 0)
        count++;
    return (uint32_t)count;
}

static void touch(struct keyspace *ks, struct entry *e)
{
    uint64_t now = ks->wall_ms();

    if (ks->frequency)
        entry_set_clock(e, (uint32_t)((now / 60000 & 0xffff) << 8) |
                               counted(ks, decayed(ks, entry_clock(e))));
    else
        entry_set_clock(e, (uint32_t)(now / 1000 & 0xffffff));
}

uint64_t keyspace_idle_seconds(const struct keyspace *ks, const struct entry *e)
{
    return (ks->wall_ms() / 1000 - entry_clock(e)) & 0xffffff;
}

int keyspace_frequency(const struct keyspace *ks, const struct entry *e)
{
    return decayed(ks, entry_clock(e));
}

void keyspace_set_attributes(struct keyspace *ks, struct entry *e, int64_t idle_seconds,
                             int frequency)
{
    uint64_t now = ks->wall_ms();

    if (ks->frequency && frequency >= 0)
        entry_set_clock(e, (uint32_t)((now / 60000 & 0xffff) << 8) | (uint32_t)frequency);
    else if (!ks->frequency && idle_seconds >= 0)
        entry_set_clock(e, (uint32_t)((now / 1000 - (uint64_t)idle_seconds) & 0xffffff));
}

/* ---- the read door ---- */

void expire_entry(struct keyspace *ks, int db, struct entry *e)
{
    struct space *sp = ks->spaces[db];
    struct bytes key = entry_key(e);

    detach_entry(ks, sp, e, table_hash(key));
    ks->stats.expired++;
    if (ks->hooks.expired && !ks->follower)
        ks->hooks.expired(ks->hooks.arg, db, key);
    keyspace_event(ks, NOTIFY_EXPIRED, "expired", db, key);
    hear_gone(ks, db, e);
    hear_changed(ks, db, key);
    discard_entry(ks, sp, e, ks->lazily->expire);
}

/* True when the door shows nothing: the key has expired, and on a leader, or where it is about to
 * be written, it is gone now. */
static bool hidden(struct keyspace *ks, int db, struct entry *e, uint32_t flags, bool writes)
{
    if (flags & DOOR_STREAM || !keyspace_expired(ks, e))
        return false;
    if (!ks->follower || writes)
        expire_entry(ks, db, e);
    return true;
}

const struct entry *keyspace_read(struct keyspace *ks, int db, struct bytes key, uint32_t flags)
{
    struct spot s = look(ks, db, key);

    if (!s.slot || hidden(ks, db, table_thing(s.slot), flags, false)) {
        if (flags & DOOR_NO_STATS)
            return NULL;
        ks->stats.misses++;
        if (!(flags & DOOR_NO_EVENT))
            keyspace_event(ks, NOTIFY_KEYMISS, "keymiss", db, key);
        return NULL;
    }
    ks->stats.hits += !(flags & DOOR_NO_STATS);
    if (!(flags & DOOR_NO_TOUCH))
        touch(ks, table_thing(s.slot));
    return table_thing(s.slot);
}

/* ---- the write door ---- */

struct entry *keyspace_write(struct keyspace *ks, int db, struct bytes key, uint32_t flags)
{
    struct spot s = look(ks, db, key);

    if (!s.slot || hidden(ks, db, table_thing(s.slot), flags, true))
        return NULL;
    walk_before_change(ks, s.sp, table_thing(s.slot));
    if (!(flags & DOOR_NO_TOUCH))
        touch(ks, table_thing(s.slot));
    return table_thing(s.slot);
}

void keyspace_changed(struct keyspace *ks, int db, struct entry *e)
{
    ASSERT(!walk_wants(ks, ks->spaces[db], e));
    note_value(ks, ks->spaces[db], e);
    hear_changed(ks, db, entry_key(e));
}

void keyspace_noted(struct keyspace *ks, int db, struct entry *e)
{
    ASSERT(!walk_wants(ks, ks->spaces[db], e));
    note_value(ks, ks->spaces[db], e);
    if (ks->hooks.noted)
        ks->hooks.noted(ks->hooks.arg, db, entry_key(e));
}

static void hear_born(struct keyspace *ks, int db, struct entry *e)
{
    struct bytes key = entry_key(e);

    keyspace_event(ks, NOTIFY_NEW, "new", db, key);
    if (entry_type(e) != VALUE_STRING)
        keyspace_ready(ks, db, key);
    hear_changed(ks, db, key);
}

/* Replaces what stands in the slot by a new entry of the same key. */
static struct entry *replace(struct keyspace *ks, struct spot s, const struct value *value,
                             int64_t expiry_ms)
{
    struct entry *old = table_thing(s.slot),
                 *e = new_entry(ks, s.sp, entry_key(old), value, expiry_ms);

    s.sp->entry_bytes -= entry_own_bytes(old);
    index_remove(s.sp, old, entry_expiry_ms(old));
    forget_value(ks, s.sp, old);
    table_replace(s.slot, e);
    index_add(ks, s.sp, e);
    note_value(ks, s.sp, e);
    s.sp->entry_bytes += entry_own_bytes(e);
    discard_entry(ks, s.sp, old, ks->lazily->server_del);
    return e;
}

/* A string over a string with nothing to be freed slowly and no layout of expiry to change. */
static bool fits_over(const struct keyspace *ks, const struct entry *e, const struct value *value,
                      int64_t expiry_ms)
{
    return entry_type(e) == VALUE_STRING && value->type == VALUE_STRING &&
           (entry_expiry_ms(e) == NO_EXPIRY) == (expiry_ms == NO_EXPIRY) &&
           !entry_is_slow_to_free(e, ks->types[VALUE_STRING]);
}

static struct entry *overwrite(struct keyspace *ks, int db, struct spot s,
                               const struct value *value, int64_t expiry_ms)
{
    struct edit edit;
    struct entry *e = table_thing(s.slot);

    walk_before_change(ks, s.sp, e);
    if (entry_expiry_ms(e) == expiry_ms && entry_set_alike(e, value)) {
        touch(ks, e);
        return e;
    }
    edit = edit_begin(ks, db, e);
    e = entry_set(edit.e, value);
    e = entry_set_expiry(e, expiry_ms);
    touch(ks, e);
    return edit_end(ks, edit, e, s.slot);
}

struct entry *keyspace_put(struct keyspace *ks, int db, struct bytes key, const struct value *value,
                           int64_t expiry_ms, uint32_t flags)
{
    struct spot s = look(ks, db, key);
    struct entry *e;

    if (!s.slot || hidden(ks, db, table_thing(s.slot), flags, true)) {
        e = new_entry(ks, s.sp, key, value, expiry_ms);
        attach_entry(ks, s.sp, e, s.hash);
        hear_born(ks, db, e);
        return e;
    }
    if (flags & PUT_KEEP_EXPIRY)
        expiry_ms = entry_expiry_ms(table_thing(s.slot));
    hear_gone(ks, db, table_thing(s.slot));
    if (fits_over(ks, table_thing(s.slot), value, expiry_ms))
        e = overwrite(ks, db, s, value, expiry_ms);
    else
        e = replace(ks, s, value, expiry_ms);
    if (entry_type(e) != VALUE_STRING)
        keyspace_ready(ks, db, key);
    hear_changed(ks, db, key);
    return e;
}

struct entry *keyspace_set_string(struct keyspace *ks, int db, struct entry *e,
                                  const struct value *value)
{
    struct table_slot *slot;
    struct edit edit;

    if (entry_set_alike(e, value))
        return e;
    slot = slot_of(ks, db, e);
    edit = edit_begin(ks, db, e);
    return edit_end(ks, edit, entry_set(e, value), slot);
}

char *keyspace_edit_string(struct keyspace *ks, int db, struct entry **e, size_t len)
{
    struct table_slot *slot = slot_of(ks, db, *e);
    struct edit edit = edit_begin(ks, db, *e);
    char *text;

    *e = edit_end(ks, edit, entry_edit(*e, len, &text), slot);
    return text;
}

struct entry *keyspace_set_expiry(struct keyspace *ks, int db, struct entry *e, int64_t expiry_ms)
{
    struct table_slot *slot = slot_of(ks, db, e);
    struct edit edit = edit_begin(ks, db, e);

    index_remove(edit.sp, e, edit.expiry_ms);
    e = entry_set_expiry(e, expiry_ms);
    edit.sp->entry_bytes += entry_own_bytes(e);
    table_replace(slot, e);
    note_moved(ks, e);
    index_add(ks, edit.sp, e);
    hear_changed(ks, db, entry_key(e));
    return e;
}

bool keyspace_delete(struct keyspace *ks, int db, struct bytes key, uint32_t flags)
{
    struct spot s = look(ks, db, key);
    struct entry *e;

    if (!s.slot || hidden(ks, db, table_thing(s.slot), flags, true))
        return false;
    e = table_thing(s.slot);
    detach_entry(ks, s.sp, e, s.hash);
    hear_gone(ks, db, e);
    hear_changed(ks, db, entry_key(e));
    discard_entry(ks, s.sp, e, flags & DELETE_LAZILY);
    return true;
}

/* The entry's value and attributes go to another key, another database, or both. */
static void carry(struct keyspace *ks, struct entry *old, int to_db, struct bytes to)
{
    int64_t expiry_ms = entry_expiry_ms(old);
    struct value value = entry_take(old);
    struct entry *e = new_entry(ks, ks->spaces[to_db], to, &value, expiry_ms);

    entry_set_clock(e, entry_clock(old));
    attach_entry(ks, ks->spaces[to_db], e, table_hash(to));
    hear_born(ks, to_db, e);
    entry_forget(old);
}

void keyspace_rename(struct keyspace *ks, int db, struct bytes from, struct bytes to)
{
    struct spot s = look(ks, db, from);
    struct entry *old;

    ASSERT(s.slot);
    if (bytes_eq(from, to))
        return;
    old = table_thing(s.slot);
    walk_before_change(ks, s.sp, old);
    detach_entry(ks, s.sp, old, s.hash);
    keyspace_delete(ks, db, to, DOOR_STREAM | (ks->lazily->server_del ? DELETE_LAZILY : 0u));
    hear_gone(ks, db, old);
    hear_changed(ks, db, from);
    carry(ks, old, db, to);
}

bool keyspace_move(struct keyspace *ks, int db, struct bytes key, int other_db, uint32_t flags)
{
    struct spot to = look(ks, other_db, key), s;
    struct entry *old;

    if (to.slot && !hidden(ks, other_db, table_thing(to.slot), flags, true))
        return false;
    s = look(ks, db, key);
    if (!s.slot || hidden(ks, db, table_thing(s.slot), flags, true))
        return false;
    old = table_thing(s.slot);
    walk_before_change(ks, s.sp, old);
    detach_entry(ks, s.sp, old, s.hash);
    hear_gone(ks, db, old);
    hear_changed(ks, db, key);
    carry(ks, old, other_db, key);
    return true;
}

struct value keyspace_copy_value(const struct keyspace *ks, const struct entry *e)
{
    struct value v = { .type = entry_type(e), .form = entry_form(e), .raw = entry_raw(e) };

    if (v.form == FORM_APART)
        v.apart = ops_of(ks, e)->copy(entry_apart(e));
    else if (!entry_int(e, &v.integer)) {
        v.form = FORM_TEXT;
        v.text = entry_text(e, NULL);
    }
    return v;
}

enum err keyspace_load(struct keyspace *ks, int db, struct bytes key, const struct value *value,
                       const struct load_attributes *attributes)
{
    struct spot s = look(ks, db, key);
    struct entry *e;

    if (s.slot)
        return ERR_EXISTS;
    e = new_entry(ks, s.sp, key, value, attributes->expiry_ms);
    keyspace_set_attributes(ks, e, attributes->idle_seconds, attributes->frequency);
    attach_entry(ks, s.sp, e, s.hash);
    return OK;
}
