/*
 * group_node - a node's process: the core's driver, a data set, files, and clients' commands.
 */
#include <string.h>

#include "common/alloc.h"
#include "group_world.h"

enum { META_MS = 5, META_SLOW_MS = 60, WRITE_MS = 2, FSYNC_MS = 6, FSYNC_SLOW_MS = 80 };

static struct host *host_of(struct world *w, int n)
{
    return &w->hosts[FIRST_NODE + n];
}

static bool is_busy(const struct node *x)
{
    return x->is_saving;
}

static void after(struct world *w, int n, struct durable_actions *out);

static void reply(struct world *w, int n, int client, uint64_t number, enum reply how)
{
    struct letter *l = net_letter(LETTER_REPLY, FIRST_NODE + n, FIRST_CLIENT + client);

    l->number = number;
    l->reply = how;
    net_send(w, l);
}

/* ---- files ------------------------------------------------------------------------------------- */

static void moved(struct world *w, int n)
{
    struct node *x = &w->nodes[n];
    struct durable_actions out = { 0 };
    size_t written = store_common(&x->data, &x->files.file);
    size_t synced = store_common(&x->data, &x->files.disk);
    struct store s = x->data;
    uint64_t written_end, synced_end;

    s.count = written;
    written_end = store_end(&s);
    s.count = synced < written ? synced : written;
    synced_end = store_end(&s);
    durable_moved(&x->core, store_end(&x->data), written_end, synced_end, w->now_ms, &out);
    after(w, n, &out);
}

static void fsync_item(struct world *w, struct item *it);

static void start_fsync(struct world *w, int n)
{
    struct node *x = &w->nodes[n];
    uint64_t ms = 1 + (w->faults && world_chance(w, 40) == 0 ? world_chance(w, FSYNC_SLOW_MS)
                                                             : world_chance(w, FSYNC_MS));

    if (x->is_syncing)
        return;
    if (x->files.file.count == x->files.disk.count &&
        store_common(&x->files.file, &x->files.disk) == x->files.file.count)
        return;
    x->is_syncing = true;
    store_copy(&x->sync, &x->files.file);
    world_put(w, ms, fsync_item, n, 0)->generation = host_of(w, n)->generation;
}

static void again_later(struct world *w, const struct item *it, uint64_t in_ms)
{
    struct item *again = world_put(w, in_ms, it->run, it->a, it->b);

    again->generation = it->generation;
    again->number = it->number;
}

/* An event of a process that is gone, paused, or waits for its disk. */
static bool is_off(struct world *w, const struct item *it)
{
    struct host *h = host_of(w, it->a);

    if (!h->alive || h->generation != it->generation)
        return true;
    if (h->paused_ms > w->now_ms)
        again_later(w, it, h->paused_ms - w->now_ms);
    else if (is_busy(&w->nodes[it->a]))
        again_later(w, it, 1);
    else
        return false;
    return true;
}

static void fsync_item(struct world *w, struct item *it)
{
    struct node *x = &w->nodes[it->a];

    if (is_off(w, it))
        return;
    x->is_syncing = false;
    store_copy(&x->files.disk, &x->sync);
    moved(w, it->a);
    start_fsync(w, it->a);
}

static void write_item(struct world *w, struct item *it)
{
    struct node *x = &w->nodes[it->a];

    if (is_off(w, it))
        return;
    store_copy(&x->files.file, &x->data);
    moved(w, it->a);
    start_fsync(w, it->a);
}

static void write_soon(struct world *w, int n)
{
    world_put(w, world_chance(w, WRITE_MS), write_item, n, 0)->generation =
        host_of(w, n)->generation;
}

/* ---- the stream -------------------------------------------------------------------------------- */

static void pump(struct world *w, int n)
{
    struct node *x = &w->nodes[n];

    for (int k = 0; k < NODES; k++) {
        struct stream_to *s = &x->streams[k];
        struct letter *l;

        if (s->attach == 0 || s->next >= x->data.count)
            continue;
        l = net_letter(LETTER_DATA, FIRST_NODE + n, FIRST_NODE + k);
        l->epoch = x->core.meta.seen.epoch;
        l->attach = s->attach;
        l->offset = s->next ? x->data.at[s->next - 1].end : 0;
        for (size_t i = s->next; i < x->data.count; i++) {
            struct store *e = &l->entries;

            if (e->count == e->cap) {
                e->cap = e->cap ? e->cap * 2 : 8;
                e->at = xrealloc(e->at, e->cap * sizeof *e->at);
            }
            e->at[e->count++] = x->data.at[i];
        }
        s->next = x->data.count;
        net_send(w, l);
    }
}

static void send_payload(struct world *w, int n, const struct durable_action *a)
{
    struct node *x = &w->nodes[n];
    struct letter *l = net_letter(LETTER_PAYLOAD, FIRST_NODE + n, world_node_host(w, a->node));

    w->resyncs++;
    l->epoch = x->core.meta.seen.epoch;
    l->attach = a->attach;
    l->history = x->core.meta.history;
    store_copy(&l->entries, &x->data);
    net_send(w, l);
}

static void begin_stream(struct world *w, int n, const struct durable_action *a)
{
    struct node *x = &w->nodes[n];
    struct stream_to *s = &x->streams[world_node_host(w, a->node) - FIRST_NODE];

    s->attach = a->attach;
    if (a->kind == DURABLE_PAYLOAD) {
        send_payload(w, n, a);
        s->next = x->data.count;
    } else {
        s->next = store_index(&x->data, a->offset);
    }
}

static void link_down(struct world *w, int n, int other)
{
    struct node *x = &w->nodes[n];
    struct durable_actions out = { 0 };

    x->streams[other].attach = 0;
    durable_link_down(&x->core, w->nodes[other].id, w->now_ms, &out);
    after(w, n, &out);
}

/* True: taken, or of no use. False: the core saves something first, and the letter comes again. */
static bool take_data(struct world *w, int n, const struct letter *l)
{
    struct node *x = &w->nodes[n];

    if (!durable_takes(&x->core, l->epoch, l->attach) || x->core.follow == FOLLOW_LOADING)
        return true;
    if (l->offset > store_end(&x->data)) {
        link_down(w, n, l->from - FIRST_NODE);
        return true;
    }
    for (size_t i = 0; i < l->entries.count; i++) {
        const struct entry *e = &l->entries.at[i];
        struct durable_actions out = { 0 };

        if (e->end <= store_end(&x->data))
            continue;
        if (e->number == 0)
            durable_marked(&x->core, e->epoch, store_end(&x->data), &out);
        if (out.count > 0) {
            after(w, n, &out);
            if (is_busy(x))
                return false;
        }
        if (!store_take(&x->data, e)) {
            world_fail(w, "n%d got entry %llu of epoch %llu on another past (I8)", n, U(e->number),
                       U(e->epoch));
            return true;
        }
    }
    moved(w, n);
    write_soon(w, n);
    return true;
}

static void take_payload(struct world *w, int n, const struct letter *l)
{
    struct node *x = &w->nodes[n];
    struct durable_actions out = { 0 };

    if (!durable_takes(&x->core, l->epoch, l->attach) || x->core.follow != FOLLOW_LOADING)
        return;
    store_copy(&x->data, &l->entries);
    durable_loaded(&x->core, &l->history, store_end(&x->data), w->now_ms, &out);
    after(w, n, &out);
    write_soon(w, n);
}

/* ---- clients ----------------------------------------------------------------------------------- */

static void execute(struct world *w, int n, const struct parked *command)
{
    struct node *x = &w->nodes[n];
    struct parked p = *command;

    judge_executed(w, p.number);
    if (p.is_write)
        store_append(&x->data, x->core.meta.seen.epoch, p.number, WRITE_BYTES);
    p.offset = store_end(&x->data);
    p.writes = store_writes(&x->data);
    p.hash = x->data.count ? x->data.at[x->data.count - 1].list_hash : 0;
    p.seq = 0;
    x->parked[x->parked_count++] = p;
    if (p.is_write) {
        moved(w, n);
        pump(w, n);
        write_soon(w, n);
    }
}

static void refuse(struct world *w, int n, const struct parked *p)
{
    judge_refused(w, p->number);
    w->refused++;
    reply(w, n, p->client, p->number, REPLY_REFUSED);
}

static void read_confirmed(struct world *w, int n)
{
    struct node *x = &w->nodes[n];
    struct durable_actions out = { 0 };
    struct parked *p = &x->parked[x->parked_count - 1];

    p->seq = UINT64_MAX; /* until it is known */
    p->seq = durable_confirm(&x->core, w->now_ms, &out);
    after(w, n, &out);
}

/* The next turn: writes that were held, and others that wait for a role. */
static void offer(struct world *w, int n, const struct parked *p)
{
    struct node *x = &w->nodes[n];
    enum refusal r = p->is_write ? durable_refuses_write(&x->core, w->now_ms)
                                 : durable_refuses_read(&x->core, w->now_ms);

    if (!p->is_write && x->core.role == NODE_FOLLOWER)
        r = REFUSES_READONLY; /* what a follower shows is old: nobody here asks for that */
    if (r == REFUSES_HELD && x->held_count < PARKED_MAX)
        x->held[x->held_count++] = *p;
    else if (r != REFUSES_NOTHING || x->parked_count == PARKED_MAX)
        refuse(w, n, p);
    else {
        execute(w, n, p);
        if (!p->is_write)
            read_confirmed(w, n);
    }
}

static void offer_held(struct world *w, int n)
{
    struct node *x = &w->nodes[n];
    size_t count = x->held_count;
    struct parked held[PARKED_MAX];

    if (count == 0 || durable_refuses_write(&x->core, w->now_ms) == REFUSES_HELD)
        return;
    memcpy(held, x->held, count * sizeof *held);
    x->held_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_busy(x))
            offer(w, n, &held[i]);
        else
            x->held[x->held_count++] = held[i];
}

static void release(struct world *w, int n)
{
    struct node *x = &w->nodes[n];
    size_t kept = 0;

    for (size_t i = 0; i < x->parked_count; i++) {
        struct parked *p = &x->parked[i];

        if (p->offset <= x->released && p->seq <= x->confirmed) {
            judge_told(w, p);
            reply(w, n, p->client, p->number, REPLY_OK);
        } else {
            x->parked[kept++] = *p;
        }
    }
    x->parked_count = kept;
}

static void close_waiting(struct world *w, int n)
{
    struct node *x = &w->nodes[n];

    for (size_t i = 0; i < x->parked_count; i++) {
        w->unknown++;
        reply(w, n, x->parked[i].client, x->parked[i].number, REPLY_CLOSED);
    }
    x->parked_count = 0;
}

static void demote(struct world *w, int n)
{
    struct node *x = &w->nodes[n];

    close_waiting(w, n);
    for (size_t i = 0; i < x->held_count; i++)
        refuse(w, n, &x->held[i]);
    x->held_count = 0;
}

/* ---- the core's driver ------------------------------------------------------------------------- */

static void saved(struct world *w, struct item *it);

static void save(struct world *w, int n, const struct meta *m)
{
    struct node *x = &w->nodes[n];
    uint64_t ms = 1 + (w->faults && world_chance(w, 30) == 0 ? world_chance(w, META_SLOW_MS)
                                                             : world_chance(w, META_MS));

    x->saving = *m;
    x->is_saving = true;
    world_put(w, ms, saved, n, 0)->generation = host_of(w, n)->generation;
}

static void drop_data(struct world *w, int n)
{
    struct node *x = &w->nodes[n];

    judge_dropped(w, n);
    x->data.count = 0;
    /* As a node does it: the files are replaced by new, empty ones. */
    x->files.file.count = x->files.disk.count = x->sync.count = 0;
}

/* To the voters of the version that it has seen, which are sentinels. */
static void look_out(struct world *w, int n, uint64_t silent_ms)
{
    const struct charter *c = &w->nodes[n].core.meta.seen;

    for (uint32_t i = 0; i < c->voter_count; i++) {
        int to = net_host_at(w, &c->voters[i].at);
        struct letter *l;

        if (to < 0)
            continue;
        l = net_letter(LETTER_LOOKOUT, FIRST_NODE + n, to);
        l->lookout =
            (struct lookout){ .epoch = c->epoch, .node = w->nodes[n].id, .silent_ms = silent_ms };
        memcpy(l->lookout.gid, c->gid, sizeof l->lookout.gid);
        memcpy(l->lookout.run, c->run, sizeof l->lookout.run);
        net_send(w, l);
    }
}

static void do_one(struct world *w, int n, const struct durable_action *a)
{
    struct node *x = &w->nodes[n];
    struct letter *l;
    int to;

    switch (a->kind) {
    case DURABLE_SAY:
        l = net_letter(LETTER_TALK, FIRST_NODE + n, world_node_host(w, a->talk.to));
        l->talk = a->talk;
        if (a->talk.kind != TALK_ACK && a->talk.kind != TALK_BEAT)
            world_trace(w, "n%d says %s to %s: epoch %llu at %llu", n, talk_word(a->talk.kind),
                        w->hosts[l->to].name, U(a->talk.epoch), U(a->talk.at));
        net_send(w, l);
        break;
    case DURABLE_ASK:
        to = net_host_at(w, &a->at);
        if (a->reg.kind == REG_ACCEPT)
            judge_proposed(w, &a->reg);
        l = net_letter(LETTER_REGISTER, FIRST_NODE + n, to);
        l->reg = a->reg;
        net_send(w, l);
        break;
    case DURABLE_ANSWER:
        l = net_letter(LETTER_RECEIPT, FIRST_NODE + n, (int)a->asker);
        l->receipt = a->receipt;
        net_send(w, l);
        break;
    case DURABLE_STREAM:
    case DURABLE_PAYLOAD:
        begin_stream(w, n, a);
        break;
    case DURABLE_DETACH:
        memset(x->streams, 0, sizeof x->streams);
        break;
    case DURABLE_MARK:
        world_trace(w, "n%d leads epoch %llu from %llu", n, U(a->epoch), U(store_end(&x->data)));
        store_append(&x->data, a->epoch, 0, a->offset);
        x->released = x->confirmed = 0;
        write_soon(w, n);
        break;
    case DURABLE_CUT:
        world_trace(w, "n%d cuts at %llu", n, U(a->offset));
        if (!store_cut(&x->data, a->offset))
            world_fail(w, "n%d cuts writes, which nothing can undo", n);
        store_copy(&x->files.file, &x->data);
        break;
    case DURABLE_DROP:
        world_trace(w, "n%d drops its data", n);
        drop_data(w, n);
        break;
    case DURABLE_RELEASE:
        x->released = a->offset;
        release(w, n);
        break;
    case DURABLE_CONFIRM:
        x->confirmed = a->seq;
        release(w, n);
        break;
    case DURABLE_CLOSE:
        close_waiting(w, n);
        break;
    case DURABLE_DEMOTE:
        world_trace(w, "n%d leads no more", n);
        demote(w, n);
        break;
    case DURABLE_SERVE:
        world_trace(w, "n%d serves epoch %llu", n, U(x->core.meta.seen.epoch));
        break;
    case DURABLE_LOOKOUT:
        look_out(w, n, a->silent_ms);
        break;
    case DURABLE_ALARM:
        world_trace(w, "n%d: %s", n, a->text);
        break;
    default:
        break;
    }
}

static void obey(struct world *w, int n)
{
    struct node *x = &w->nodes[n];

    while (x->pending_next < x->pending.count && !w->failed) {
        struct durable_action *a = &x->pending.at[x->pending_next++];

        if (a->kind == DURABLE_PERSIST) {
            save(w, n, &a->meta);
            return;
        }
        do_one(w, n, a);
    }
    durable_actions_fini(&x->pending);
    x->pending_next = 0;
    if (!w->failed)
        pump(w, n);
}

static void wake(struct world *w, struct item *it);

static void arm(struct world *w, int n)
{
    struct host *h = host_of(w, n);
    uint64_t at = durable_wake_ms(&w->nodes[n].core);
    struct item *it;

    if (at == UINT64_MAX || at == h->wake_set_ms)
        return;
    h->wake_set_ms = at > w->now_ms ? at : w->now_ms + 1;
    it = world_put(w, h->wake_set_ms - w->now_ms, wake, n, 0);
    it->generation = h->generation;
    it->number = h->wake_set_ms;
}

/* Behind every step of the core. */
static void after(struct world *w, int n, struct durable_actions *out)
{
    struct node *x = &w->nodes[n];

    w->steps++;
    ASSERT(x->pending.count == 0 && !x->is_saving);
    durable_check(&x->core);
    x->pending = *out;
    x->pending_next = 0;
    obey(w, n);
    if (!w->failed && !is_busy(x))
        judge_node(w, n);
    arm(w, n);
}

static void saved(struct world *w, struct item *it)
{
    struct host *h = host_of(w, it->a);
    struct node *x = &w->nodes[it->a];

    if (!h->alive || h->generation != it->generation)
        return;
    if (h->paused_ms > w->now_ms) {
        again_later(w, it, h->paused_ms - w->now_ms);
        return;
    }
    x->files.meta = x->saving;
    x->files.has_meta = true;
    x->is_saving = false;
    faults_marked(w, it->a);
    obey(w, it->a);
    if (!w->failed && !is_busy(x))
        judge_node(w, it->a);
}

static void wake(struct world *w, struct item *it)
{
    struct durable_actions out = { 0 };

    if (it->number != host_of(w, it->a)->wake_set_ms || is_off(w, it))
        return;
    host_of(w, it->a)->wake_set_ms = 0;
    durable_time(&w->nodes[it->a].core, w->now_ms, &out);
    after(w, it->a, &out);
    if (!is_busy(&w->nodes[it->a]))
        offer_held(w, it->a);
}

static bool step(struct world *w, int n, const struct letter *l)
{
    struct node *x = &w->nodes[n];
    struct durable_actions out = { 0 };
    struct parked p = { .number = l->number, .is_write = l->is_write };

    switch (l->kind) {
    case LETTER_ORDER:
        durable_order(&x->core, (uint64_t)l->from, &l->order, w->now_ms, &out);
        break;
    case LETTER_TALK:
        durable_hear(&x->core, &l->talk, w->now_ms, &out);
        break;
    case LETTER_VOTED:
        durable_voted(&x->core, &l->reg, w->now_ms, &out);
        break;
    case LETTER_DATA:
        return take_data(w, n, l);
    case LETTER_PAYLOAD:
        take_payload(w, n, l);
        return true;
    case LETTER_RESET:
        if (l->attach == 0 || l->attach == x->core.attach ||
            l->attach == x->streams[l->from - FIRST_NODE].attach)
            link_down(w, n, l->from - FIRST_NODE);
        return true;
    case LETTER_COMMAND:
        p.client = l->from - FIRST_CLIENT;
        offer(w, n, &p);
        return true;
    default:
        return true;
    }
    after(w, n, &out);
    return true;
}

void node_letter(struct world *w, int n, struct letter *l)
{
    struct node *x = &w->nodes[n];

    if (is_busy(x)) {
        net_later(w, l, 1);
        return;
    }
    if (!step(w, n, l)) {
        net_later(w, l, 1);
        return;
    }
    if (!w->failed && !is_busy(x))
        offer_held(w, n);
    store_fini(&l->entries);
    xfree(l);
}

/* ---- life -------------------------------------------------------------------------------------- */

void node_start(struct world *w, int n)
{
    struct host *h = host_of(w, n);
    struct node *x = &w->nodes[n];
    struct found f = { .loads = true };
    struct durable_start s = { .terms = &w->terms, .priority = 100 };
    struct durable_actions out = { 0 };
    char run[RUN_LEN + 1];

    store_copy(&x->data, &x->files.file);
    f.end = (struct position){ store_epoch(&x->data), store_end(&x->data) };
    snprintf(f.kernel, sizeof f.kernel, "%llu", U(x->kernel));
    if (!x->files.has_meta)
        x->files.meta = (struct meta){ .node = x->id, .weakest = KEEP_FSYNC };
    s.meta = x->files.meta;
    if (meta_start(&s.meta, &f, world_id(w), w->mutations))
        w->kept_dids++;
    else
        w->lost_dids++;
    x->files.meta = s.meta; /* before anything else */
    x->files.has_meta = true;
    world_hex(w, run);
    s.run = run;
    s.at = s.written = store_end(&x->data);
    s.synced = 0;
    {
        struct store safe = x->data;

        safe.count = store_common(&x->data, &x->files.disk);
        s.synced = store_end(&safe);
    }
    s.proposer = world_id(w);
    s.seed = world_id(w);
    h->alive = true;
    h->generation++;
    h->wake_set_ms = 0;
    x->is_saving = x->is_syncing = false;
    x->parked_count = x->held_count = 0;
    x->released = x->confirmed = 0;
    memset(x->streams, 0, sizeof x->streams);
    durable_init(&x->core, &s, w->now_ms, &out);
    x->core.mutations = w->mutations;
    world_trace(w, "n%d starts: boot %llu did %llu at %llu", n, U(s.meta.boot), U(s.meta.did),
                U(s.at));
    after(w, n, &out);
    start_fsync(w, n);
}

static void stop_process(struct world *w, int n)
{
    struct node *x = &w->nodes[n];
    struct host *h = host_of(w, n);

    h->alive = false;
    h->generation++;
    h->paused_ms = 0;
    w->unknown += x->parked_count;
    durable_actions_fini(&x->pending);
    x->pending_next = 0;
    x->is_saving = false;
    for (int k = 0; k < NODES; k++)
        if (k != n && w->hosts[FIRST_NODE + k].alive)
            net_later(w, net_letter(LETTER_RESET, FIRST_NODE + n, FIRST_NODE + k), 1);
}

/* What the disk has surely, and as much of what the kernel had as it got to. */
static void lose_power(struct world *w, struct node *x)
{
    struct store *file = &x->files.file, *disk = &x->files.disk;
    size_t common = store_common(file, disk);

    if (common == disk->count) {
        file->count = common + world_chance(w, file->count - common + 1);
        store_copy(disk, file);
    } else {
        store_copy(file, disk);
    }
    x->kernel++;
}

static void copy_files(struct files *to, const struct files *from)
{
    to->has_meta = from->has_meta;
    to->meta = from->meta;
    store_copy(&to->file, &from->disk);
    store_copy(&to->disk, &from->disk);
}

bool node_keeps_did(const struct world *w, int n, enum loss loss)
{
    const struct meta *m = &w->nodes[n].files.meta;

    if (m->resyncing)
        return false;
    if (m->solo || m->weakest == KEEP_FSYNC)
        return loss <= LOSS_POWER;
    return loss == LOSS_NOTHING || (loss == LOSS_PROCESS && m->weakest == KEEP_OS);
}

void node_crash(struct world *w, int n, enum loss loss)
{
    static const char *const words[] = { "nothing", "memory", "power", "time", "everything" };
    struct node *x = &w->nodes[n];
    const struct member *m = charter_member(&w->chosen, x->id);

    world_trace(w, "n%d dies and loses %s", n, words[loss]);
    if (x->is_saving && world_chance(w, 2) == 0) {
        x->files.meta = x->saving;
        x->files.has_meta = true;
    }
    stop_process(w, n);
    if (loss == LOSS_POWER)
        lose_power(w, x);
    /* One that no group has bound has no file: there is no copy from before. */
    if (loss == LOSS_STALE && x->old.has_meta && x->old.meta.gid[0] && m &&
        m->boot > x->old.meta.boot) {
        copy_files(&x->files, &x->old);
        x->kernel++;
    }
    if (loss == LOSS_EMPTY) {
        x->files.has_meta = false;
        x->files.file.count = x->files.disk.count = 0;
        x->kernel++;
    }
    if (world_chance(w, 2) == 0)
        copy_files(&x->old, &x->files);
}

bool node_stop(struct world *w, int n)
{
    struct node *x = &w->nodes[n];
    struct durable_actions out = { 0 };

    if (is_busy(x) || host_of(w, n)->paused_ms > w->now_ms)
        return false;
    store_copy(&x->files.file, &x->data);
    store_copy(&x->files.disk, &x->data);
    moved(w, n);
    if (is_busy(x))
        return false;
    durable_stopped(&x->core, &out);
    x->files.meta = out.at[0].meta;
    durable_actions_fini(&out);
    world_trace(w, "n%d stops in good order", n);
    stop_process(w, n);
    return true;
}
