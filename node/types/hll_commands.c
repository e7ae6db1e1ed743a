/*
 * hll_commands - PFADD, PFCOUNT, PFMERGE, PFDEBUG. The structure is in hll.c, the rows in hll_rows.c.
 */
#include "node/types/hll_commands.h"

#include <string.h>

#include "node/types/arguments.h"
#include "node/types/hll.h"

static bool refuse_corrupt(struct call *c)
{
    refuse(c, "INVALIDOBJ Corrupted HLL object detected");
    return false;
}

static bool want_hll(struct call *c, const struct entry *e)
{
    char scratch[ENTRY_INT_TEXT];

    if (!want_type(c, e, VALUE_STRING))
        return false;
    if (!e || hll_is(entry_text(e, scratch)))
        return true;
    refuse(c, "WRONGTYPE Key is not a valid HyperLogLog string value.");
    return false;
}

/* Only behind want_hll: an integer's text, which needs a scratch, is none. */
static struct bytes text_of(const struct entry *e)
{
    return entry_text(e, NULL);
}

static size_t sparse_bytes_max(const struct call *c)
{
    return keyspace_limits(call_keyspace(c))->hll_sparse_max_bytes;
}

/* ---- changing ------------------------------------------------------------------------------ */

/* A HyperLogLog under a key, opened for change: a dense one where it is, a sparse one in a copy. Without an
 * end nothing was changed, which is legal for one that was not written to, or only in the copy. */
struct edit {
    struct entry *e; /* NULL: a new key */
    struct hll hll;
    unsigned char room[HLL_ROOM];
};

static void edit_dense(struct call *c, struct edit *edit)
{
    edit->hll.len = HLL_DENSE_BYTES;
    edit->hll.at =
        (unsigned char *)keyspace_edit_string(call_keyspace(c), c->db, &edit->e, HLL_DENSE_BYTES);
}

static bool edit_sparse(struct call *c, struct edit *edit, struct bytes text)
{
    if (text.len > HLL_SPARSE_BYTES_MAX)
        return refuse_corrupt(c);
    memcpy(edit->room, text.at, text.len);
    edit->hll = (struct hll){ edit->room, text.len };
    return true;
}

/* False: the reply says why. */
static bool edit_begin(struct call *c, int key, struct edit *edit)
{
    edit->e = call_write(c, key);
    if (!want_hll(c, edit->e))
        return false;
    if (!edit->e) {
        hll_init(&edit->hll, edit->room);
        return true;
    }
    if (!hll_is_dense(text_of(edit->e)))
        return edit_sparse(c, edit, text_of(edit->e));
    edit_dense(c, edit);
    return true;
}

static void edit_end(struct call *c, int key, struct edit *edit)
{
    struct keyspace *ks = call_keyspace(c);
    struct value v = { .type = VALUE_STRING, .form = FORM_TEXT, .raw = true };

    v.text = (struct bytes){ (const char *)edit->hll.at, edit->hll.len };
    if (!edit->e) {
        keyspace_put(ks, c->db, c->argv[key], &v, NO_EXPIRY, call_door(c));
        return;
    }
    if (edit->hll.at == edit->room)
        edit->e = keyspace_set_string(ks, c->db, edit->e, &v);
    keyspace_changed(ks, c->db, edit->e);
}

static bool add_all(struct call *c, struct edit *edit, bool *out_changed)
{
    size_t max = sparse_bytes_max(c);
    bool changed = false;

    for (int i = 2; i < c->argc; i++) {
        bool grew;

        if (hll_add(&edit->hll, c->argv[i], max, &grew) != OK)
            return refuse_corrupt(c);
        changed |= grew;
    }
    *out_changed = changed;
    return true;
}

void cmd_pfadd(struct call *c)
{
    struct edit edit;
    bool changed;

    if (!edit_begin(c, 1, &edit) || !add_all(c, &edit, &changed))
        return;
    if (edit.e && !changed) {
        reply_int(c->reply, 0);
        call_no_effect(c);
        return;
    }
    hll_forget(edit.hll.at);
    edit_end(c, 1, &edit);
    string_event(c, "pfadd", 1);
    reply_int(c->reply, 1);
}

/* ---- several together ---------------------------------------------------------------------- */

/* The largest of each register under keys from first on. */
struct merged {
    unsigned char registers[HLL_REGISTERS];
    bool any_dense;
};

static bool want_merged(struct call *c, struct merged *m)
{
    *m = (struct merged){ 0 };
    for (int i = 1; i < c->argc; i++) {
        const struct entry *e = call_read(c, i, 0);

        if (!want_hll(c, e))
            return false;
        if (!e)
            continue;
        m->any_dense |= hll_is_dense(text_of(e));
        if (hll_merge(m->registers, text_of(e)) != OK)
            return refuse_corrupt(c);
    }
    return true;
}

static bool raise_all(struct hll *h, const struct merged *m, size_t max)
{
    bool grew;

    if (m->any_dense && hll_make_dense(h) != OK)
        return false;
    for (unsigned i = 0; i < HLL_REGISTERS; i++) {
        if (m->registers[i] && hll_raise(h, i, m->registers[i], max, &grew) != OK)
            return false;
    }
    return true;
}

void cmd_pfmerge(struct call *c)
{
    struct merged m;
    struct edit edit;

    if (!want_merged(c, &m) || !edit_begin(c, 1, &edit))
        return;
    if (!raise_all(&edit.hll, &m, sparse_bytes_max(c))) {
        refuse_corrupt(c);
        return;
    }
    hll_forget(edit.hll.at);
    edit_end(c, 1, &edit);
    string_event(c, "pfadd", 1);
    reply_ok(c->reply);
}

/* ---- counting ------------------------------------------------------------------------------ */

/* What was counted is kept in the value, which is a change, though the command is called a read: followers
 * count too, and only they do not keep what they count for a client of their own. */
static void keep_count(struct call *c, uint64_t count)
{
    struct keyspace *ks = call_keyspace(c);
    struct entry *e;
    char *at;

    if (keyspace_follows(ks) && !c->from_leader)
        return;
    e = call_write(c, 1);
    at = keyspace_edit_string(ks, c->db, &e, entry_text_len(e));
    hll_cache((unsigned char *)at, count);
    keyspace_changed(ks, c->db, e);
    c->intents |= INTENT_FORCE_EFFECT;
}

static void count_one(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);
    uint64_t count = 0;

    if (!want_hll(c, e))
        return;
    if (e && !hll_cached(text_of(e), &count)) {
        if (hll_count(text_of(e), &count) != OK) {
            refuse_corrupt(c);
            return;
        }
        keep_count(c, count);
    }
    reply_int(c->reply, (int64_t)count);
}

void cmd_pfcount(struct call *c)
{
    struct merged m;

    if (c->argc == 2)
        count_one(c);
    else if (want_merged(c, &m))
        reply_int(c->reply, (int64_t)hll_count_registers(m.registers));
}

/* ---- PFDEBUG ------------------------------------------------------------------------------- */

/* False: it cannot be, and the reply says so. */
static bool make_dense(struct call *c, bool *out_changed)
{
    struct edit edit;

    if (!edit_begin(c, 2, &edit))
        return false;
    *out_changed = edit.hll.at == edit.room;
    if (hll_make_dense(&edit.hll) != OK)
        return refuse_corrupt(c);
    if (*out_changed)
        edit_end(c, 2, &edit);
    else
        call_no_effect(c);
    return true;
}

static void show_registers(struct call *c)
{
    unsigned char registers[HLL_REGISTERS] = { 0 };
    bool changed;

    if (!make_dense(c, &changed))
        return;
    ASSERT(hll_merge(registers, text_of(call_write(c, 2))) == OK);
    reply_array(c->reply, HLL_REGISTERS);
    for (unsigned i = 0; i < HLL_REGISTERS; i++)
        reply_int(c->reply, registers[i]);
}

static void show_runs(struct call *c)
{
    struct bytes text = text_of(call_write(c, 2));
    struct buf runs = { 0 };

    if (hll_is_dense(text)) {
        refuse(c, "ERR HLL encoding is not sparse");
        return;
    }
    hll_print_runs(text, &runs);
    reply_bulk(c->reply, buf_bytes(&runs));
    buf_fini(&runs);
    call_no_effect(c);
}

static void show_encoding(struct call *c)
{
    reply_simple(c->reply, hll_is_dense(text_of(call_write(c, 2))) ? "dense" : "sparse");
    call_no_effect(c);
}

static void to_dense(struct call *c)
{
    bool changed;

    if (make_dense(c, &changed))
        reply_int(c->reply, changed);
}

static const struct {
    const char *word;
    void (*run)(struct call *c);
} debug_verbs[] = {
    { "getreg", show_registers },
    { "decode", show_runs },
    { "encoding", show_encoding },
    { "todense", to_dense },
};

void cmd_pfdebug(struct call *c)
{
    const struct entry *e = call_write(c, 2);

    if (!e) {
        refuse(c, "ERR The specified key does not exist");
        return;
    }
    if (!want_hll(c, e))
        return;
    for (size_t i = 0; i < ARRAY_LEN(debug_verbs); i++) {
        if (bytes_is_word(c->argv[1], debug_verbs[i].word)) {
            debug_verbs[i].run(c);
            return;
        }
    }
    reply_errorf(c->reply, "ERR Unknown PFDEBUG subcommand '%.*s'", (int)c->argv[1].len,
                 c->argv[1].at);
    call_no_effect(c);
}
