/*
 * zset_pop - the lowest or highest members, taken out.
 */
#include "node/types/arguments.h"
#include "node/types/zset_commands.h"

/* RESP3 shows pairs where a count was asked for. */
static void pop_items(struct call *c, struct zset *z, uint64_t count, bool highest)
{
    bool pairs = c->argc == 3 && c->reply->proto > 2;

    reply_array(c->reply, pairs ? count : count * 2);
    while (count--) {
        uint64_t rank = highest ? zset_count(z) - 1 : 0;
        struct zset_item item = zset_at(z, rank);

        if (pairs)
            reply_array(c->reply, 2);
        reply_bulk(c->reply, item.member);
        reply_score(c, item.score);
        zset_remove_at(z, rank);
    }
}

static void pop(struct call *c, bool highest)
{
    struct entry *e;
    struct zset *z;
    int64_t count = 1;

    if (c->argc > 3) {
        refuse_syntax(c);
        return;
    }
    if (c->argc == 3 &&
        !want_range(c, 2, 0, INT64_MAX, "ERR value is out of range, must be positive", &count))
        return;
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_ZSET))
        return;
    if (!e || count == 0) {
        reply_array(c->reply, 0);
        call_no_effect(c);
        return;
    }
    z = entry_apart(e);
    if ((uint64_t)count > zset_count(z))
        count = (int64_t)zset_count(z);
    pop_items(c, z, (uint64_t)count, highest);
    end_removal(c, e, 1, highest ? "zpopmax" : "zpopmin", zset_count(z) == 0);
}

void cmd_zpopmin(struct call *c)
{
    pop(c, false);
}

void cmd_zpopmax(struct call *c)
{
    pop(c, true);
}
