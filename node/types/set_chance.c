/*
 * set_chance - members by chance: SPOP takes them out, SRANDMEMBER only shows them.
 */
#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/set.h"
#include "node/types/set_commands.h"

/* SREM effects name this many members at a time, so that no follower waits for a huge one. */
enum { EFFECT_MEMBERS = 1024 };

/* ---- SPOP ---------------------------------------------------------------------------------- */

static void pop_one(struct call *c)
{
    struct entry *e = call_write(c, 1);
    char scratch[SET_INT_TEXT];
    struct buf member = { 0 };
    struct set *s;

    if (!want_type(c, e, VALUE_SET))
        return;
    if (!e) {
        reply_null(c->reply);
        call_no_effect(c);
        return;
    }
    s = entry_apart(e);
    buf_add(&member, set_random(s, call_keyspace(c), scratch));
    set_remove(s, buf_bytes(&member));
    reply_bulk(c->reply, buf_bytes(&member));
    call_effect(c, 3, (struct bytes[]){ BYTES("SREM"), c->argv[1], buf_bytes(&member) });
    end_removal(c, e, 1, "spop", set_count(s) == 0);
    buf_fini(&member);
}

static bool reply_member(void *arg, struct bytes member)
{
    reply_bulk(arg, member);
    return true;
}

static void pop_all(struct call *c, const struct set *s)
{
    reply_set(c->reply, set_count(s));
    set_each(s, reply_member, c->reply);
    set_event(c, "spop", 1);
    keyspace_delete(call_keyspace(c), c->db, c->argv[1], call_door(c));
    generic_event(c, "del", 1);
    effect_delete(c, 1);
}

/* Pops members one by one into text, whose runs are the words of one SREM. */
static void pop_some(struct call *c, struct set *s, size_t count)
{
    struct bytes *words = xmalloc((EFFECT_MEMBERS + 2) * sizeof *words);
    char scratch[SET_INT_TEXT];

    words[0] = BYTES("SREM");
    words[1] = c->argv[1];
    while (count) {
        size_t batch = count < EFFECT_MEMBERS ? count : EFFECT_MEMBERS;
        char *copies[EFFECT_MEMBERS];

        for (size_t i = 0; i < batch; i++) {
            struct bytes member = set_random(s, call_keyspace(c), scratch);

            copies[i] = xmemdup0(member.at, member.len);
            words[i + 2] = (struct bytes){ copies[i], member.len };
            reply_bulk(c->reply, member);
            set_remove(s, words[i + 2]);
        }
        call_effect(c, (int)batch + 2, words);
        for (size_t i = 0; i < batch; i++)
            xfree(copies[i]);
        count -= batch;
    }
    xfree(words);
}

static void pop_many(struct call *c)
{
    struct entry *e;
    struct set *s;
    int64_t count;

    if (!want_range(c, 2, 0, INT64_MAX, "ERR value is out of range, must be positive", &count))
        return;
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_SET))
        return;
    if (!e || count == 0) {
        reply_set(c->reply, 0);
        call_no_effect(c);
        return;
    }
    s = entry_apart(e);
    if ((uint64_t)count >= set_count(s)) {
        pop_all(c, s);
        return;
    }
    reply_set(c->reply, (size_t)count);
    pop_some(c, s, (size_t)count);
    keyspace_changed(call_keyspace(c), c->db, e);
    set_event(c, "spop", 1);
}

void cmd_spop(struct call *c)
{
    if (c->argc > 3)
        refuse_syntax(c);
    else if (c->argc == 3)
        pop_many(c);
    else
        pop_one(c);
}

/* ---- SRANDMEMBER --------------------------------------------------------------------------- */

/* count members, the same one as often as chance will have it. */
static void show_any(struct call *c, const struct set *s, uint64_t count)
{
    char scratch[SET_INT_TEXT];

    reply_array(c->reply, count);
    while (count-- && !reply_is_over(c->reply))
        reply_bulk(c->reply, set_random(s, call_keyspace(c), scratch));
}

struct choice {
    struct call *c;
    uint64_t wanted, left; /* of those not looked at yet */
};

/* Each of the left is taken with the same chance (Knuth's algorithm S). */
static bool choose(void *arg, struct bytes member)
{
    struct choice *choice = arg;

    if (keyspace_dice(call_keyspace(choice->c)) % choice->left-- < choice->wanted) {
        reply_bulk(choice->c->reply, member);
        choice->wanted--;
    }
    return choice->wanted > 0;
}

/* count different ones, fewer than there are: thrown until they differ, where that is quick. */
static void show_few(struct call *c, const struct set *s, size_t count)
{
    struct set *shown = set_new();
    char scratch[SET_INT_TEXT];

    while (set_count(shown) < count) {
        struct bytes member = set_random(s, call_keyspace(c), scratch);

        if (set_add(shown, member, keyspace_limits(call_keyspace(c))))
            reply_bulk(c->reply, member);
    }
    set_free(shown);
}

static void show_different(struct call *c, const struct set *s, uint64_t count)
{
    enum { FEW_OF = 3 };
    struct choice choice = { c, count, set_count(s) };

    if (count > choice.left)
        choice.wanted = count = choice.left;
    reply_array(c->reply, count);
    if (count * FEW_OF <= choice.left)
        show_few(c, s, count);
    else if (count)
        set_each(s, choose, &choice);
}

static void show_many(struct call *c)
{
    const struct entry *e;
    int64_t count;

    if (!want_range(c, 2, -INT64_MAX, INT64_MAX, NULL, &count))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_SET))
        return;
    if (!e || count == 0)
        reply_array(c->reply, 0);
    else if (count < 0)
        show_any(c, entry_apart(e), (uint64_t)-count);
    else
        show_different(c, entry_apart(e), (uint64_t)count);
}

void cmd_srandmember(struct call *c)
{
    char scratch[SET_INT_TEXT];
    const struct entry *e;

    if (c->argc > 3) {
        refuse_syntax(c);
        return;
    }
    if (c->argc == 3) {
        show_many(c);
        return;
    }
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_SET))
        return;
    if (e)
        reply_bulk(c->reply, set_random(entry_apart(e), call_keyspace(c), scratch));
    else
        reply_null(c->reply);
}
