/* What other sentinels say: questions about a leader, votes, views, hellos. */
#include <ctype.h>
#include <string.h>

#include "common/serve/rights.h"
#include "sentinel/serve/rows.h"

/* A sentinel's id or "*"; what is stored and told must not break a line. */
static bool id_fits(struct bytes id)
{
    if (id.len == 0 || id.len > ID_LEN)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!isalnum((unsigned char)id.at[i]))
            return false;
    return true;
}

static void copy_id(char out[ID_LEN + 1], struct bytes id)
{
    memcpy(out, id.at, id.len);
    out[id.len] = '\0';
}

/* Nothing is known of that address: not down, and nobody was voted for. */
static void reply_not_known(struct reply *r)
{
    reply_array(r, 3);
    reply_int(r, 0);
    reply_text(r, "*");
    reply_int(r, 0);
}

/* SENTINEL IS-MASTER-DOWN-BY-ADDR host port epoch id-or-* */
void sentinel_is_leader_down(struct call *c)
{
    struct event ev = { .kind = EV_ASK };
    bool votes = !bytes_is(c->argv[5], "*");
    char id[ID_LEN + 1];
    int64_t port, epoch;

    if (!serve_want_i64(c, c->argv[3], &port) || !serve_want_i64(c, c->argv[4], &epoch))
        return;
    if (epoch < 0 || (uint64_t)epoch > EPOCH_MAX) {
        reply_error(c->reply, "ERR value is not an integer or out of range");
        return;
    }
    if (votes && !id_fits(c->argv[5])) {
        reply_error(c->reply, "ERR Invalid runid");
        return;
    }
    if (!addr_set(&ev.ask.leader, c->argv[2], port)) {
        reply_not_known(c->reply);
        return;
    }
    if (votes)
        copy_id(id, c->argv[5]);
    ev.ask.epoch = (uint64_t)epoch;
    ev.ask.id = votes ? id : NULL;
    serve_ask(c, &ev);
}

/* HF HELLO <protocol> <my-id>: the lower protocol of both. */
static void hf_hello(struct call *c)
{
    int64_t theirs;

    if (c->argc != 5 || !bytes_to_i64(c->argv[3], &theirs) || theirs < 1 || !id_fits(c->argv[4])) {
        reply_error(c->reply, "ERR syntax error");
        return;
    }
    reply_int(c->reply, theirs < VIEW_PROTOCOL ? theirs : VIEW_PROTOCOL);
}

/* HF STATE <my-id> <view> */
static void hf_state(struct call *c)
{
    struct event ev = { .kind = EV_STATE };
    struct view view;
    char id[ID_LEN + 1];

    if (c->argc != 4 + VIEW_WORDS || !id_fits(c->argv[3]) ||
        view_parse(&view, VIEW_WORDS, c->argv + 4) != OK) {
        reply_error(c->reply, "ERR syntax error");
        return;
    }
    copy_id(id, c->argv[3]);
    ev.state.from = id;
    ev.state.view = &view;
    serve_ask(c, &ev);
}

/* What some words need besides the right to HF, which every node has that a durable group may have: of peers, what
 * they need for a vote, and of operators, what they need for the like. What proposers say and STATUS need no more. */
static const struct {
    const char *word, *needs;
} guarded[] = {
    { "hello", "is-master-down-by-addr" },
    { "state", "is-master-down-by-addr" },
    { "paused", "is-master-down-by-addr" },
    { "suspect", "is-master-down-by-addr" },
    { "opinion", "is-master-down-by-addr" },
    { "pause", "failover" },
    { "resume", "failover" },
    { "force", "failover" },
    { "reseed", "failover" },
    { "level", "set" },
    { "admit", "set" },
    { "member", "set" },
    { "voter", "set" },
};

/* False: refused and answered. */
static bool hf_allowed(struct call *c)
{
    const struct command_table *t = c->service->commands;
    struct call as = *c;
    enum acl_denial denial;
    struct errmsg why;

    for (size_t i = 0; i < ARRAY_LEN(guarded); i++) {
        if (!bytes_is_word(c->argv[2], guarded[i].word))
            continue;
        as.cmd = command_find_sub(t, command_find(t, c->argv[0]), bytes_of(guarded[i].needs));
        denial = rights_check(&as, ACL_TOPLEVEL);
        if (denial == ACL_ALLOWED)
            return true;
        rights_say(&as, denial, &why);
        reply_error(c->reply, why.text);
        return false;
    }
    return true;
}

void sentinel_hf(struct call *c)
{
    if (!hf_allowed(c))
        return;
    if (bytes_is_word(c->argv[2], "hello"))
        hf_hello(c);
    else if (bytes_is_word(c->argv[2], "state"))
        hf_state(c);
    else if (!sentinel_register(c) && !sentinel_durable(c) && !sentinel_pause(c))
        reply_error(c->reply, "ERR syntax error");
}

/* A hello that comes by our own port. A malformed one is answered like any other: Redis does, and the
 * sender could not do anything about it. */
void sentinel_publish(struct call *c)
{
    struct event ev = { .kind = EV_HELLO };
    struct hello hello;

    if (!bytes_is(c->argv[1], HELLO_CHANNEL)) {
        reply_error(c->reply, "ERR Only HELLO messages are accepted by Sentinel instances.");
        return;
    }
    if (hello_parse(&hello, c->argv[2]) == OK) {
        ev.hello = &hello;
        world_of(c)->raise(world_of(c), &ev);
    }
    reply_int(c->reply, 1);
}
