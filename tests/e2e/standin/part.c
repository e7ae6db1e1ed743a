#include "part.h"

#include <string.h>

#include "common/clock.h"
#include "common/random.h"
#include "common/register/lookout.h"
#include "common/register/wire.h"

void part_begin(struct part *p, const char *run, bool leads)
{
    memcpy(p->run, run, sizeof p->run);
    random_bytes(&p->node, sizeof p->node);
    random_bytes(&p->did, sizeof p->did);
    p->node = p->node >> 1 | 1;
    p->did = p->did >> 1 | 1;
    p->role = leads ? NODE_ACTIVE : NODE_FOLLOWER;
}

static enum receipt_kind adopt(struct part *p, const struct order *o)
{
    bool is_mine = strcmp(o->value.run, p->run) == 0;

    if (p->seen.ver && strcmp(p->seen.gid, o->gid) != 0)
        return RECEIPT_GROUP;
    if (o->value.epoch < p->seen.epoch)
        return RECEIPT_STALE;
    if (o->kind == ORDER_PROMOTE && !is_mine)
        return RECEIPT_NOT_SYNC;
    if (o->value.ver > p->seen.ver)
        p->seen = o->value;
    if (o->kind == ORDER_PROMOTE)
        p->role = NODE_ACTIVE;
    else if (!is_mine)
        p->role = NODE_FOLLOWER;
    return RECEIPT_OK;
}

static enum receipt_kind obey(struct part *p, const struct order *o)
{
    if (o->kind == ORDER_PROMOTE || o->kind == ORDER_CONFIG)
        return adopt(p, o);
    if (o->gid[0] && strcmp(o->gid, p->seen.gid) != 0)
        return RECEIPT_GROUP;
    return o->kind == ORDER_HANDOFF ? RECEIPT_LAGS : RECEIPT_OK;
}

static void say_alive(const struct part *p, struct reply *r)
{
    reply_array(r, 2);
    reply_bulk(r, bytes_of(p->run));
    reply_int(r, 0);
}

void part_obey(struct part *p, struct reply *r, int argc, const struct bytes *argv)
{
    struct wire words = { .count = 0 }, back = { .count = 0 };
    struct receipt receipt;
    struct errmsg why = { "" };
    struct order o;

    if (argc > 1 && bytes_is_word(argv[1], "vital")) {
        say_alive(p, r);
        return;
    }
    wire_of_words(&words, argc - 1, argv + 1);
    if (wire_take_order(&words, &o, &why) != OK) {
        reply_errorf(r, "ERR %.200s", why.text);
        return;
    }
    receipt = (struct receipt){ .kind = obey(p, &o), .seq = o.seq };
    receipt.report = (struct report){ .node = p->node,
                                      .did = p->did,
                                      .boot = 1,
                                      .role = p->role,
                                      .priority = 100,
                                      .promised = p->seen.epoch,
                                      .ver = p->seen.ver,
                                      .at = { p->seen.epoch, 1000 },
                                      .written = 1000,
                                      .synced = 1000,
                                      .commit = 1000,
                                      .beat_age_ms = p->role == NODE_FOLLOWER ? 10 : UINT64_MAX };
    memcpy(receipt.report.gid, p->seen.gid, sizeof receipt.report.gid);
    memcpy(receipt.report.run, p->run, sizeof receipt.report.run);
    wire_put_receipt(&back, &receipt);
    wire_reply(&back, r);
    wire_fini(&back);
}

void part_look_out(struct part *p, struct courier *c, uint64_t silent_ms)
{
    struct lookout l = { .epoch = p->seen.epoch, .node = p->node, .silent_ms = silent_ms };

    if (p->seen.ver == 0 || p->role != NODE_FOLLOWER ||
        clock_now_ms() < p->told_ms + LOOKOUT_CALM_MS)
        return;
    p->told_ms = clock_now_ms();
    memcpy(l.gid, p->seen.gid, sizeof l.gid);
    memcpy(l.run, p->seen.run, sizeof l.run);
    for (uint32_t i = 0; i < p->seen.voter_count; i++) {
        struct wire w = { .count = 0 };

        lookout_put(&w, &l);
        courier_tell(c, &p->seen.voters[i].at, &w);
    }
}
