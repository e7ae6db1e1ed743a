/*
 * watcher - one sentinel process: a core, a driver that keeps its contract, and a disk.
 */
#include <string.h>

#include "common/alloc.h"
#include "sentinel/core/vote.h"
#include "world.h"

enum { FSYNC_MS_MAX = 6, FSYNC_SLOW_MS = 40, FSYNC_STUCK_MS = 2500, CRASH_ONE_IN = 60 };

/* A record with everything it borrows. */
struct saved {
    struct saved *next;
    struct record rec;
    struct group_settings set;
    struct globals globals;
};

static struct saved *save(const struct record *rec)
{
    struct saved *r = xcalloc(1, sizeof *r);

    r->rec = *rec;
    if (rec->set)
        group_settings_copy(&r->set, rec->set);
    if (rec->globals)
        globals_copy(&r->globals, rec->globals);
    r->rec.set = &r->set;
    r->rec.globals = &r->globals;
    return r;
}

static void saved_free(struct saved *r)
{
    group_settings_fini(&r->set);
    globals_fini(&r->globals);
    xfree(r);
}

static void write_oldest_first(struct watcher *x, struct saved *r)
{
    if (!r)
        return;
    write_oldest_first(x, r->next);
    config_apply(&x->disk, &r->rec);
    saved_free(r);
}

void watcher_write_buffered(struct watcher *x)
{
    write_oldest_first(x, x->buffered);
    x->buffered = NULL;
}

static void forget_buffered(struct watcher *x)
{
    while (x->buffered) {
        struct saved *next = x->buffered->next;

        saved_free(x->buffered);
        x->buffered = next;
    }
}

int watcher_by_id(const struct world *w, const char *id)
{
    for (int i = 0; i < w->watcher_count; i++)
        if (strcmp(w->watchers[i].disk.globals.my_id, id) == 0 ||
            strcmp(w->watchers[i].lost_id, id) == 0)
            return i;
    return -1;
}

static int group_number(const char *name)
{
    return name[0] == 'g' && name[1] >= '0' && name[1] < '0' + GROUPS ? name[1] - '0' : -1;
}

static int group_of_text(const char *text)
{
    const char *at = strstr(text, " g");

    return at ? group_number(at + 1) : -1;
}

/* I2: whoever hears of a vote never hears of another one in that group and epoch. */
static void vote_is_told(struct world *w, int i, int g, uint64_t epoch, const char *id)
{
    char *told = &w->watchers[i].vote_told[g][epoch];
    int whom = watcher_by_id(w, id) + 1;

    if (*told != 0 && *told != whom && !w->wiped)
        world_fail(w, "sentinel %d voted for %d and %d in group %d epoch %llu", i, *told - 1,
                   whom - 1, g, (unsigned long long)epoch);
    *told = (char)whom;
}

/* I1: one captain per group and epoch. */
static void captain_is_told(struct world *w, int i, const struct action *a)
{
    int g = group_of_text(a->text);

    w->failovers++;
    if (a->code != 0 || g < 0 || a->epoch >= EPOCHS_MAX) {
        if (g >= 0 && a->epoch < EPOCHS_MAX)
            w->forced[g][a->epoch] = true;
        return;
    }
    if (w->captain[g][a->epoch] != 0 && w->captain[g][a->epoch] != i + 1 && !w->wiped)
        world_fail(w, "sentinels %d and %d are both captain of group %d in epoch %llu",
                   w->captain[g][a->epoch] - 1, i, g, (unsigned long long)a->epoch);
    w->captain[g][a->epoch] = (char)(i + 1);
}

/* I3: a config-epoch names one leader, and what one sentinel tells never goes back. */
static void config_is_told(struct world *w, int i, const char *text)
{
    struct hello h;
    int g, leader;

    if (hello_parse(&h, bytes_of(text)) != OK)
        return;
    g = group_number(h.group);
    leader = store_by_port(w, h.leader.port) + 1;
    if (g < 0 || h.config_epoch >= EPOCHS_MAX)
        return;
    if (h.config_epoch < w->watchers[i].told_config[g] && !w->watchers[i].forgot[g])
        world_fail(w, "sentinel %d told config-epoch %llu of group %d and now %llu", i,
                   (unsigned long long)w->watchers[i].told_config[g], g,
                   (unsigned long long)h.config_epoch);
    w->watchers[i].told_config[g] = h.config_epoch;
    if (h.config_epoch == 0 || w->forced[g][h.config_epoch] || w->wiped)
        return;
    if (w->config_leader[g][h.config_epoch] != 0 && w->config_leader[g][h.config_epoch] != leader)
        world_fail(w, "config-epoch %llu of group %d has leaders %d and %d",
                   (unsigned long long)h.config_epoch, g, w->config_leader[g][h.config_epoch] - 1,
                   leader - 1);
    w->config_leader[g][h.config_epoch] = (char)leader;
}

/* I5: who is held for dead by hard evidence is dead, or another process than the one that answered last. */
static void evidence_is_true(struct world *w, int i)
{
    LIST_EACH (&w->watchers[i].core.groups, of_sentinel)
        LIST_EACH (&LIST_ENTRY(of_sentinel, struct group, of_sentinel)->nodes, of_group) {
            const struct node *n = LIST_ENTRY(of_group, struct node, of_group);
            int i_store = store_by_port(w, n->addr.port);
            const struct store *store = &w->stores[i_store];

            if ((n->refused || n->witnessed) && store->alive && store->born_ms <= n->vitals.pong_ms)
                world_fail(w,
                           "sentinel %d holds n%d for dead, which has not died since it answered",
                           i, i_store);
        }
}

static void trace_action(struct world *w, int i, const struct action *a)
{
    if (!w->trace || a->kind == ACT_PING || a->kind == ACT_INFO || a->kind == ACT_HELLO)
        return;
    if (a->kind == ACT_PERSIST)
        world_trace(w, "s%d persist %s %s %llu %s", i, record_word(a->record->kind),
                    a->record->group, (unsigned long long)a->record->epoch, a->record->id);
    else
        world_trace(w, "s%d %s %llu %s%s%s", i, action_word(a->kind), (unsigned long long)a->id,
                    a->channel ? a->channel : "", a->text ? " " : "", a->text ? a->text : "");
}

static bool matters(const struct action *a)
{
    return a->kind == ACT_ROLE || a->kind == ACT_FAILOVER || a->kind == ACT_EXIT ||
           (a->kind == ACT_REPLY && a->reply.id[0]) || (a->kind == ACT_ASK && a->ask_id[0]) ||
           (a->kind == ACT_PUBLISH && a->level == LEVEL_WARNING);
}

static void crash_item(struct world *w, struct item *it)
{
    struct watcher *x = &w->watchers[it->a];

    if (x->alive && x->generation == it->generation)
        faults_kill_watcher(w, it->a);
}

/* kill -9 at every step of a failover: right after this one, whatever it was, now and then. */
static void crash_sometimes(struct world *w, int i, const struct action *a)
{
    struct item *it;

    if (!w->faults || !matters(a) || world_chance(w, CRASH_ONE_IN) != 0)
        return;
    it = queue_put(&w->queue, w->now_ms, crash_item);
    it->a = i;
    it->generation = w->watchers[i].generation;
}

static void obey(struct world *w, int i, const struct action *a)
{
    struct watcher *x = &w->watchers[i];

    trace_action(w, i, a);
    crash_sometimes(w, i, a);
    switch (a->kind) {
    case ACT_DIAL:
        net_dial(w, i, a);
        break;
    case ACT_HANG_UP:
        net_hang_up(w, i, a->id, a->line);
        break;
    case ACT_FORGET:
        net_hang_up(w, i, a->id, LINE_CMD);
        net_hang_up(w, i, a->id, LINE_PUBSUB);
        break;
    case ACT_REPLY:
        if (a->reply.kind == REPLY_DOWN && a->reply.id[0] && a->reply.epoch < EPOCHS_MAX)
            vote_is_told(w, i, (int)a->code, a->reply.epoch, a->reply.id);
        net_reply(w, a);
        break;
    case ACT_PUBLISH:
        if (strcmp(a->channel, "+elected-leader") == 0)
            captain_is_told(w, i, a);
        break;
    case ACT_ASK:
        if (a->ask_id[0] && a->epoch < EPOCHS_MAX)
            vote_is_told(w, i, w->stores[store_by_port(w, a->addr.port)].group, a->epoch,
                         a->ask_id);
        net_command(w, i, a);
        break;
    case ACT_HELLO:
        config_is_told(w, i, a->text);
        net_command(w, i, a);
        break;
    case ACT_EXIT:
        x->alive = false;
        break;
    default:
        net_command(w, i, a);
    }
}

static void drop_action(struct item *it)
{
    struct actions one = { .at = it->data, .count = 1, .cap = 1 };

    actions_fini(&one);
}

static void obey_item(struct world *w, struct item *it)
{
    const struct watcher *x = &w->watchers[it->a];

    if (x->alive && x->generation == it->generation)
        obey(w, it->a, it->data);
    drop_action(it);
}

static void drop_saved(struct item *it)
{
    saved_free(it->data);
}

static void write_item(struct world *w, struct item *it)
{
    struct watcher *x = &w->watchers[it->a];
    struct saved *r = it->data;

    if (!x->alive || x->generation != it->generation) {
        saved_free(r);
        return;
    }
    r->next = x->buffered;
    x->buffered = r;
    if (r->rec.durable)
        watcher_write_buffered(x);
}

static void put_action(struct world *w, int i, struct action *a)
{
    struct watcher *x = &w->watchers[i];
    struct item *it;

    if (a->kind == ACT_PERSIST) {
        trace_action(w, i, a);
        if (x->disk_free_ms < w->now_ms)
            x->disk_free_ms = w->now_ms;
        if (a->record->durable)
            x->disk_free_ms += world_chance(w, 200) == 0  ? FSYNC_STUCK_MS
                               : world_chance(w, 20) == 0 ? FSYNC_SLOW_MS
                                                          : world_chance(w, FSYNC_MS_MAX);
        it = queue_put(&w->queue, x->disk_free_ms, write_item);
        it->drop = drop_saved;
        it->data = save(a->record);
    } else if (x->disk_free_ms < w->now_ms || action_looks(a->kind)) {
        obey(w, i, a);
        return;
    } else {
        it = queue_put(&w->queue, x->disk_free_ms, obey_item);
        it->drop = drop_action;
        it->data = xmalloc(sizeof *a);
        *(struct action *)it->data = *a;
        a->channel = a->text = NULL;
        a->record = NULL;
        a->view = NULL;
    }
    it->a = i;
    it->generation = x->generation;
}

/* What the invariants need to know about an action is known only now. */
static void annotate(struct world *w, struct watcher *x, const struct event *ev, struct action *a)
{
    const struct group *g;
    int number;

    if (a->kind == ACT_REPLY && ev->kind == EV_ASK) {
        g = sentinel_find_leader(&x->core, &ev->ask.leader);
        a->code = g ? group_number(g->name) : 0;
    }
    if (a->kind != ACT_PUBLISH || strcmp(a->channel, "+elected-leader") != 0)
        return;
    number = group_of_text(a->text);
    if (number < 0)
        return;
    g = sentinel_find_group(&x->core, bytes_of(number == 0 ? "g0" : "g1"));
    /* An attempt that ended in the step that elected it promoted nobody. */
    a->epoch = g->failover.epoch;
    a->code =
        g->failover.epoch == 0 || (g->failover.planned && vote_tally(&x->core, g) != TALLY_WON);
}

static void wake(struct world *w, struct item *it)
{
    struct watcher *x = &w->watchers[it->a];
    struct event ev = { .kind = EV_TIME };
    struct item *again;

    if (!x->alive || x->generation != it->generation || it->number != x->wake_set_ms)
        return;
    if (x->frozen) {
        again = queue_put(&w->queue, w->now_ms + 10, wake);
        again->a = it->a;
        again->generation = it->generation;
        again->number = it->number;
        return;
    }
    x->wake_set_ms = 0;
    watcher_step(w, it->a, &ev);
}

static void arm(struct world *w, int i)
{
    struct watcher *x = &w->watchers[i];
    uint64_t at = sentinel_wake_ms(&x->core);
    struct item *it;

    if (at == UINT64_MAX)
        return;
    if (at < w->now_ms)
        at = w->now_ms;
    if (x->wake_set_ms != 0 && x->wake_set_ms <= at)
        return;
    it = queue_put(&w->queue, at, wake);
    it->a = i;
    it->generation = x->generation;
    it->number = x->wake_set_ms = at;
}

void watcher_step(struct world *w, int i, struct event *ev)
{
    struct watcher *x = &w->watchers[i];
    struct actions out = { 0 };

    if (!x->alive)
        return;
    ev->now_ms = w->now_ms;
    sentinel_step(&x->core, ev, &out);
    w->steps++;
    evidence_is_true(w, i);
    if (w->steps % 16 == 0)
        sentinel_check(&x->core);
    for (size_t k = 0; k < out.count; k++)
        annotate(w, x, ev, &out.at[k]);
    for (size_t k = 0; k < out.count && x->alive; k++)
        put_action(w, i, &out.at[k]);
    actions_fini(&out);
    arm(w, i);
}

void watcher_start(struct world *w, int i)
{
    struct watcher *x = &w->watchers[i];
    struct event ev = { .kind = EV_LOAD, .load = &x->disk };

    x->alive = true;
    x->frozen = false;
    x->generation++;
    x->disk_free_ms = x->wake_set_ms = 0;
    sentinel_init(&x->core, w->seed * 31 + (uint64_t)i + x->generation * 1000003);
    x->core.mutations = w->mutations;
    watcher_step(w, i, &ev);
}

void watcher_crash(struct world *w, int i)
{
    struct watcher *x = &w->watchers[i];

    x->alive = false;
    x->generation++;
    forget_buffered(x);
    sentinel_fini(&x->core);
    memset(&x->core, 0, sizeof x->core);
    net_close_watcher(w, i);
}

/* As another sentinel tells the operator who writes the configuration anew. */
static bool present_leader(const struct world *w, int not_this, const char *name, struct addr *out)
{
    for (int i = 0; i < w->watcher_count; i++) {
        const struct watcher *x = &w->watchers[i];
        const struct group *g = i != not_this && x->alive && !x->frozen
                                    ? sentinel_find_group(&x->core, bytes_of(name))
                                    : NULL;

        if (g) {
            *out = g->leader->addr;
            return true;
        }
    }
    return false;
}

void watcher_wipe(struct world *w, int i)
{
    struct watcher *x = &w->watchers[i];

    memcpy(x->lost_id, x->disk.globals.my_id, sizeof x->lost_id);
    memset(x->forgot, true, sizeof x->forgot);
    world_new_disk(w, i);
    for (size_t g = 0; g < x->disk.group_count; g++)
        (void)present_leader(w, i, x->disk.groups[g].name, &x->disk.groups[g].leader);
}

void watcher_fini(struct watcher *x)
{
    forget_buffered(x);
    if (x->alive)
        sentinel_fini(&x->core);
    config_fini(&x->disk);
}
