#include "tests/node/durable/one_node.h"

#include "common/alloc.h"

struct durable d;
struct acceptor voters[3];
bool voters_answer, voters_accept;
uint64_t now_ms, written, synced;
struct meta on_disk;
struct durable_action dropped;
uint64_t acked_os;
struct durable_terms terms;

static struct buf trace;

static void ask_voter(const struct durable_action *a)
{
    struct reg_actions told = { 0 };
    struct durable_actions out = { 0 };

    if (!voters_answer || (a->reg.kind == REG_ACCEPT && !voters_accept))
        return;
    acceptor_step(&voters[a->to - 1], &a->reg, &told);
    for (size_t i = 0; i < told.count; i++) {
        if (told.at[i].kind == REG_SEND)
            durable_voted(&d, &told.at[i].message, now_ms, &out);
        obey(&out);
    }
    reg_actions_fini(&told);
}

static void note(const struct durable_action *a)
{
    if (a->kind == DURABLE_DROP)
        dropped = *a;
    if (a->kind == DURABLE_SAY && a->talk.kind == TALK_ACK)
        acked_os = a->talk.kept[KEEP_OS];
    if (a->kind == DURABLE_SAY && a->talk.kind == TALK_BEAT)
        return;
    if (a->kind == DURABLE_SAY)
        buf_printf(&trace, "%s ", talk_word(a->talk.kind));
    else if (a->kind == DURABLE_ANSWER)
        buf_printf(&trace, "+%s ", receipt_word(a->receipt.kind));
    else if (a->kind == DURABLE_LOOKOUT)
        buf_printf(&trace, "lookout:%llu ", (unsigned long long)a->silent_ms);
    else if (a->kind == DURABLE_RELEASE)
        buf_printf(&trace, "release:%llu ", (unsigned long long)a->offset);
    else if (a->kind != DURABLE_ASK)
        buf_printf(&trace, "%s ", durable_action_word(a->kind));
}

/* Voters answer in the middle of it: the rest is obeyed behind what came of that. */
void obey(struct durable_actions *out)
{
    struct durable_actions mine = *out;

    *out = (struct durable_actions){ 0 };
    durable_check(&d);
    for (size_t i = 0; i < mine.count; i++) {
        note(&mine.at[i]);
        if (mine.at[i].kind == DURABLE_PERSIST)
            on_disk = mine.at[i].meta;
    }
    for (size_t i = 0; i < mine.count; i++)
        if (mine.at[i].kind == DURABLE_ASK)
            ask_voter(&mine.at[i]);
    durable_actions_fini(&mine);
}

const char *seen(void)
{
    static char text[1024];

    snprintf(text, sizeof text, "%s", trace.len ? buf_text(&trace) : "");
    buf_fini(&trace);
    return text;
}

void start(const struct charter *c, uint64_t node, uint64_t did, uint64_t at)
{
    struct durable_start s = { .terms = &terms, .run = RUN_B, .proposer = 77, .seed = 5 };
    struct durable_actions out = { 0 };

    terms = durable_terms_default;
    voters_answer = voters_accept = true;
    now_ms = 1000000;
    for (uint64_t i = 0; i < 3; i++) {
        acceptor_init(&voters[i], i + 1);
        voters[i].promised = voters[i].accepted = voters[i].committed = (struct ballot){ 1, 1 };
        voters[i].value = *c;
    }
    s.meta =
        (struct meta){ .node = node, .did = did, .boot = 2, .weakest = KEEP_FSYNC, .seen = *c };
    memcpy(s.meta.gid, c->gid, sizeof s.meta.gid);
    if (at)
        history_add(&s.meta.history, 1, 0);
    s.at = s.written = s.synced = written = synced = at;
    durable_init(&d, &s, now_ms, &out);
    obey(&out);
    seen();
}

void later(uint64_t ms)
{
    struct durable_actions out = { 0 };

    now_ms += ms;
    durable_time(&d, now_ms, &out);
    obey(&out);
}

void moved(uint64_t at)
{
    struct durable_actions out = { 0 };

    durable_moved(&d, at, written < at ? written : at, synced < at ? synced : at, now_ms, &out);
    obey(&out);
}

void order(enum order_kind kind, const struct charter *c)
{
    struct order o = { .kind = kind, .epoch = c->epoch, .value = *c, .target = OTHER };
    struct durable_actions out = { 0 };

    memcpy(o.gid, c->gid, sizeof o.gid);
    o.timeout_ms = 500;
    durable_order(&d, 1, &o, now_ms, &out);
    obey(&out);
}

struct talk talk_of(enum talk_kind kind, uint64_t from)
{
    struct talk t = { .kind = kind, .epoch = d.meta.seen.epoch, .from = from, .to = d.meta.node };

    memcpy(t.gid, d.meta.gid, sizeof t.gid);
    t.attach = from == ME || d.role == NODE_FOLLOWER ? d.attach : 5;
    t.did = from + 100;
    return t;
}

void hear(const struct talk *t)
{
    struct durable_actions out = { 0 };

    durable_hear(&d, t, now_ms, &out);
    obey(&out);
}

void ack(uint64_t from, uint64_t did, uint64_t at)
{
    struct talk t = talk_of(TALK_ACK, from);

    t.did = did;
    t.seq = d.seq;
    for (int i = KEEP_MEM; i < KEEP_COUNT; i++)
        t.kept[i] = at;
    hear(&t);
}

void attach(uint64_t from, uint64_t at)
{
    struct talk t = talk_of(TALK_SYNC, from);

    t.at = at;
    if (at)
        history_add(&t.history, 1, 0);
    hear(&t);
}

struct charter named(void)
{
    struct charter c = charter_of_three();

    c.ver = 2;
    c.epoch = 2;
    strcpy(c.run, RUN_B);
    return c;
}

void put_in_register(const struct charter *c)
{
    for (int i = 0; i < 3; i++) {
        voters[i].promised = voters[i].accepted = voters[i].committed =
            (struct ballot){ d.proposer.round + 1, 1 };
        voters[i].value = *c;
    }
}

uint64_t begun(void)
{
    return 100 + history_mark_bytes(2);
}

void promote(void)
{
    struct charter c = charter_of_three(), next = named();

    start(&c, ME, MINE, 100);
    put_in_register(&next);
    order(ORDER_PROMOTE, &next);
    written = synced = begun();
    moved(begun());
}

void serve(void)
{
    promote();
    attach(OTHER, 100);
    ack(OTHER, ITS, begun());
    ack(OTHER, ITS, begun()); /* of the beat that tells it */
    seen();
}

void execute(uint64_t at)
{
    written = synced = at;
    moved(at);
}
