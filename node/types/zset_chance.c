/*
 * zset_chance - ZRANDMEMBER: members by chance.
 */
#include "node/types/arguments.h"
#include "node/types/set.h"
#include "node/types/zset_commands.h"

static uint64_t any_rank(struct call *c, const struct zset *z)
{
    return keyspace_dice(call_keyspace(c)) % zset_count(z);
}

static void reply_any(struct call *c, const struct zset *z, uint64_t count, bool with_scores)
{
    reply_items_head(c, count, with_scores);
    while (count-- && !reply_is_over(c->reply))
        reply_item(c, zset_at(z, any_rank(c, z)), with_scores);
}

/* Each of the left is taken with the same chance (Knuth's algorithm S). */
struct choice {
    struct call *c;
    uint64_t wanted, left; /* of those not looked at yet */
    bool with_scores;
};

static bool choose(void *arg, struct zset_item item)
{
    struct choice *choice = arg;

    if (keyspace_dice(call_keyspace(choice->c)) % choice->left-- < choice->wanted) {
        reply_item(choice->c, item, choice->with_scores);
        choice->wanted--;
    }
    return choice->wanted > 0;
}

/* Far fewer than there are: thrown until they differ. */
static void reply_few(struct call *c, const struct zset *z, uint64_t count, bool with_scores)
{
    struct set *shown = set_new();

    while (set_count(shown) < count) {
        struct zset_item item = zset_at(z, any_rank(c, z));

        if (set_add(shown, item.member, keyspace_limits(call_keyspace(c))))
            reply_item(c, item, with_scores);
    }
    set_free(shown);
}

static void reply_different(struct call *c, const struct zset *z, uint64_t count, bool with_scores)
{
    enum { FEW_OF = 3 };
    struct choice choice = { c, count, zset_count(z), with_scores };

    if (count > choice.left)
        choice.wanted = count = choice.left;
    reply_items_head(c, count, with_scores);
    if (count * FEW_OF <= choice.left)
        reply_few(c, z, count, with_scores);
    else
        zset_each(z, 0, zset_count(z), false, choose, &choice);
}

static void show_many(struct call *c)
{
    bool with_scores = c->argc == 4;
    const struct entry *e;
    int64_t count;

    if (!want_range(c, 2, -INT64_MAX, INT64_MAX, NULL, &count))
        return;
    if (c->argc > 4 || (with_scores && !bytes_is_word(c->argv[3], "withscores"))) {
        refuse_syntax(c);
        return;
    }
    if (with_scores && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        refuse(c, "ERR value is out of range");
        return;
    }
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_ZSET))
        return;
    if (!e || count == 0)
        reply_array(c->reply, 0);
    else if (count < 0)
        reply_any(c, entry_apart(e), (uint64_t)-count, with_scores);
    else
        reply_different(c, entry_apart(e), (uint64_t)count, with_scores);
}

void cmd_zrandmember(struct call *c)
{
    const struct entry *e;

    if (c->argc > 2) {
        show_many(c);
        return;
    }
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_ZSET))
        return;
    if (e)
        reply_bulk(c->reply, zset_at(entry_apart(e), any_rank(c, entry_apart(e))).member);
    else
        reply_null(c->reply);
}
