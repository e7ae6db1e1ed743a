/*
 * acks - what replies wait for, on the wire and off it.
 *
 *     leader   --REPLCONF HFBEAT epoch seq commit level-->              follower   every BEAT_MS while something is
 *                between two units, in no offset and no backlog                    demanded, and once when it ends
 *     leader   <--REPLCONF HFACK epoch did mem os fsync beat--          follower   once a turn in which any of it moved,
 *                                                                                  from the first beat on
 *
 * Whoever has not said, or answered with OK, `REPLCONF hf-ack 1` at the beginning hears neither.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "common/serve/service.h"
#include "node/persist/aof.h"
#include "node/replica/replica_room.h"

enum { BEAT_MS = 50, BEAT_WORDS = 6, ACK_WORDS = 8 };

static bool parse_numbers(const struct bytes *argv, uint64_t *const *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!bytes_to_u64(argv[i], fields[i]))
            return false;
    return true;
}

/* What this node's own copy has of its stream. */
static struct kept own_kept(const struct replica *r)
{
    struct kept k = { .at[KEEP_MEM] = r->w->oplog->next };

    if (!aof_kept(r->w->aof, &k.at[KEEP_OS], &k.at[KEEP_FSYNC]))
        k.at[KEEP_OS] = k.at[KEEP_FSYNC] = 0;
    return k;
}

/* ---- leading ------------------------------------------------------------------------------------- */

void acks_place_beat(struct follower *f)
{
    if (!f->beat.hears || f->state != FOLLOWER_ONLINE || f->beat.placed)
        return;
    f->beat.placed = true;
    f->beat.at = f->room->w->oplog->next;
    f->room->pumped = UINT64_MAX;
}

void acks_say_beat(struct follower *f)
{
    const struct replica *r = f->room;
    struct beat b = { .epoch = r->demand.who.epoch,
                      .seq = r->beat_seq,
                      .commit = demand_kept(&r->demand),
                      .level = r->demand.who.level };
    char digits[3][24];
    struct buf line = { 0 };
    struct bytes argv[BEAT_WORDS] = { BYTES("REPLCONF"), BYTES("HFBEAT") };
    uint64_t numbers[3];

    f->beat.placed = false;
    if (f->group.node)
        b = f->beat.words;
    numbers[0] = b.epoch;
    numbers[1] = b.seq;
    numbers[2] = b.commit;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        argv[2 + i] = (struct bytes){ digits[i], fmt_u64(digits[i], numbers[i]) };
    argv[BEAT_WORDS - 1] = bytes_of(keep_word(b.level));
    resp_put_command(&line, BEAT_WORDS, argv);
    leader_put(f, buf_bytes(&line));
    buf_fini(&line);
}

void replica_beat(struct replica *r)
{
    r->beat_seq++;
    LIST_EACH (&r->followers, node)
        acks_place_beat(LIST_ENTRY(node, struct follower, node));
}

void acks_follower_online(struct follower *f)
{
    if (demand_on(&f->room->demand))
        acks_place_beat(f);
}

static void on_beat_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    replica_beat(timer->data);
}

void replica_set_demand(struct replica *r, const struct replica_demand *who)
{
    bool was_on = demand_on(&r->demand), on;

    demand_set(&r->demand, who);
    on = demand_on(&r->demand);
    if (on) {
        oplog_backlog_start(r->w->oplog); /* or offsets would stand still */
        gather_end(r);
    }
    aof_require(r->w->aof, r->follows ? r->heard.level : who->level);
    replica_beat(r);
    if (on && !ev_is_active(&r->beat_timer))
        ev_timer_again(r->w->loop, &r->beat_timer);
    else if (!on)
        ev_timer_stop(r->w->loop, &r->beat_timer);
    if (on != was_on)
        log_notice("acknowledgements level=%s copies=%u epoch=%llu", keep_word(who->level),
                   who->count, (unsigned long long)who->epoch);
    if (r->hooks.demanded)
        r->hooks.demanded(r->hooks.arg, on);
}

const struct replica_demand *replica_demands(const struct replica *r)
{
    return demand_on(&r->demand) ? &r->demand.who : NULL;
}

uint64_t replica_kept(struct replica *r)
{
    struct replica_ack own = { .epoch = r->demand.who.epoch, .did = r->did, .kept = own_kept(r) };

    (void)demand_heard(&r->demand, &own); /* dropped where our own copy is not asked for */
    return demand_kept(&r->demand);
}

static void kept_moved(struct replica *r)
{
    if (demand_on(&r->demand) && r->hooks.kept)
        r->hooks.kept(r->hooks.arg);
}

static bool parse_ack(const struct call *c, struct replica_ack *out)
{
    uint64_t *fields[] = { &out->epoch,
                           &out->did,
                           &out->kept.at[KEEP_MEM],
                           &out->kept.at[KEEP_OS],
                           &out->kept.at[KEEP_FSYNC],
                           &out->beat };

    return c->argc == ACK_WORDS && parse_numbers(c->argv + 2, fields, ARRAY_LEN(fields));
}

bool acks_take(struct replica *r, const struct call *c)
{
    struct follower *f;
    struct replica_ack ack = { 0 };

    if (c->argc < 2 || !bytes_is_word(c->argv[1], "hfack"))
        return false;
    f = leader_follower_of(r, c->session, false);
    if (!f || f->state != FOLLOWER_ONLINE || !parse_ack(c, &ack) ||
        ack.kept.at[KEEP_MEM] > r->w->oplog->next)
        return true; /* what makes no sense acknowledges nothing */
    f->hf_ack = ack;
    if (c->session->link)
        c->session->link->releases = f->group.node != 0;
    leader_acked(f, ack.kept.at[KEEP_MEM]);
    if (f->group.node) {
        leader_file_acked(f, ack.kept.at[KEEP_FSYNC]);
        group_acked(f, &ack);
        return true;
    }
    if (r->hooks.heard)
        r->hooks.heard(r->hooks.arg, &ack);
    if (demand_heard(&r->demand, &ack))
        kept_moved(r);
    return true;
}

uint32_t replica_copies(const struct replica *r, struct replica_ack *out, uint32_t max)
{
    uint32_t count = 0;

    LIST_EACH ((struct list *)&r->followers, node) {
        const struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (f->state == FOLLOWER_ONLINE && f->hf_ack.did && count < max)
            out[count++] = f->hf_ack;
    }
    return count;
}

/* ---- following ----------------------------------------------------------------------------------- */

bool acks_level_of(struct bytes word, enum keep *out)
{
    for (int level = KEEP_ASYNC; level < KEEP_COUNT; level++) {
        if (!bytes_is_word(word, keep_word((enum keep)level)))
            continue;
        *out = (enum keep)level;
        return true;
    }
    return false;
}

bool acks_take_beat(struct replica *r, const struct resp_request *q)
{
    struct beat b;
    uint64_t *fields[] = { &b.epoch, &b.seq, &b.commit };

    if (q->argc < 2 || !bytes_is_word(q->argv[0], "replconf") ||
        !bytes_is_word(q->argv[1], "hfbeat"))
        return false;
    if (q->argc != BEAT_WORDS || !parse_numbers(q->argv + 2, fields, ARRAY_LEN(fields)) ||
        !acks_level_of(q->argv[5], &b.level))
        return true;
    if (group_bound(r)) {
        group_beaten(r, &b);
        return true;
    }
    if (b.epoch < r->heard.epoch)
        return true;
    r->heard.epoch = b.epoch;
    r->heard.seq = b.seq;
    r->heard.commit = b.commit;
    r->heard.ms = clock_now_ms();
    r->heard.level = b.level;
    aof_require(r->w->aof, b.level);
    return true;
}

void acks_forget_link(struct replica *r)
{
    if (r->heard.level != KEEP_ASYNC)
        aof_require(r->w->aof, KEEP_ASYNC);
    r->heard.level = KEEP_ASYNC;
    r->heard.seq = 0;
    r->heard.told = (struct replica_ack){ 0 };
}

static bool same(const struct replica_ack *a, const struct replica_ack *b)
{
    return a->epoch == b->epoch && a->did == b->did && a->beat == b->beat &&
           a->kept.at[KEEP_MEM] == b->kept.at[KEEP_MEM] &&
           a->kept.at[KEEP_OS] == b->kept.at[KEEP_OS] &&
           a->kept.at[KEEP_FSYNC] == b->kept.at[KEEP_FSYNC];
}

void acks_say(struct replica *r, const struct replica_ack *ack)
{
    uint64_t numbers[ACK_WORDS - 2] = { ack->epoch,
                                        ack->did,
                                        ack->kept.at[KEEP_MEM],
                                        ack->kept.at[KEEP_OS],
                                        ack->kept.at[KEEP_FSYNC],
                                        ack->beat };
    struct bytes argv[ACK_WORDS] = { BYTES("REPLCONF"), BYTES("HFACK") };
    char digits[ARRAY_LEN(numbers)][24];
    struct buf line = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        argv[2 + i] = (struct bytes){ digits[i], fmt_u64(digits[i], numbers[i]) };
    resp_put_command(&line, ACK_WORDS, argv);
    out_append(&r->link->out, line.at, line.len);
    link_wrote(r->link);
    buf_fini(&line);
}

/* Before the loop sleeps: all that this turn has applied, written or synced in one word. */
void acks_turn(struct replica *r)
{
    struct replica_ack now;

    if (group_bound(r)) {
        group_say_ack(r);
        return;
    }
    if (LIKELY(r->heard.level == KEEP_ASYNC && r->heard.told.did == r->did) || !r->upstream.acks ||
        !replica_link_up(r) || !r->link)
        return;
    now = (struct replica_ack){
        .epoch = r->heard.epoch, .did = r->did, .kept = own_kept(r), .beat = r->heard.seq
    };
    if (same(&now, &r->heard.told))
        return;
    r->heard.told = now;
    acks_say(r, &now);
}

/* ---- both ------------------------------------------------------------------------------------------ */

/* Our own file has more on the disk, or in the kernel. */
void replica_file_moved(struct replica *r)
{
    replica_file_synced(r);
    kept_moved(r);
}

uint64_t replica_did(const struct replica *r)
{
    return r->did;
}

void replica_set_did(struct replica *r, uint64_t did)
{
    r->did = did;
}

void acks_new_did(struct replica *r)
{
    do
        random_bytes(&r->did, sizeof r->did);
    while (r->did == 0);
}

void acks_init(struct replica *r)
{
    acks_new_did(r);
    ev_timer_init(&r->beat_timer, on_beat_timer, 0., BEAT_MS / 1000.);
    r->beat_timer.data = r;
}

void acks_fini(struct replica *r)
{
    ev_timer_stop(r->w->loop, &r->beat_timer);
    r->heard.level = KEEP_ASYNC; /* the file is closed already */
}
