#include "node/serve/evict.h"

#include "common/clock.h"
#include "node/insight/memory.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/persist.h"
#include "node/replica/replica.h"
#include "node/serve/latency.h"
#include "node/serve/serve.h"
#include "node/settings.h"
#include "node/world.h"

enum { KEYS_PER_LOOK = 16 }; /* at the clock */

enum room { ROOM_ENOUGH, ROOM_LATER, ROOM_NONE };

static const struct {
    enum evict_order order;
    bool expiring_only;
} policies[] = {
    [POLICY_VOLATILE_LRU] = { EVICT_IDLEST, true },  [POLICY_ALLKEYS_LRU] = { EVICT_IDLEST, false },
    [POLICY_VOLATILE_LFU] = { EVICT_RAREST, true },  [POLICY_ALLKEYS_LFU] = { EVICT_RAREST, false },
    [POLICY_VOLATILE_RANDOM] = { EVICT_ANY, true },  [POLICY_ALLKEYS_RANDOM] = { EVICT_ANY, false },
    [POLICY_VOLATILE_TTL] = { EVICT_SOONEST, true },
};

/* Up to 10 in even steps of 50 us, then each 15 % more than the one before it; 100 is without end. */
static uint64_t budget_us(int64_t tenacity)
{
    double us = 500;

    if (tenacity <= 10)
        return 50 * (uint64_t)tenacity;
    if (tenacity >= 100)
        return UINT64_MAX;
    for (int64_t i = 10; i < tenacity; i++)
        us *= 1.15;
    return (uint64_t)us;
}

static bool may_evict(const struct serve *v)
{
    const struct node_world *w = v->world;

    return !(w->set->follower_ignore_maxmemory && replica_is_follower(w->replica)) &&
           !persist_loading(w->persist) && group_takes_writes(v) &&
           service_paused(v->service) == PAUSE_NOTHING;
}

static bool over(const struct serve *v)
{
    uint64_t max_bytes = v->world->set->maxmemory_bytes;
    int64_t told_bytes = v->evict.told_bytes;

    return max_bytes &&
           memory_is_over(v->world, max_bytes + (told_bytes > 0 ? (uint64_t)told_bytes : 0));
}

static bool evict_one(struct serve *v, const struct eviction *how)
{
    uint64_t start_us = v->world->set->server.latency_threshold_ms ? clock_read_us() : 0;
    bool evicted = keyspace_evict(v->world->keyspace, how, &v->evict.told_bytes);

    if (start_us)
        latency_note(v->latency, LATENCY_EVICTION_DEL, clock_read_us() - start_us);
    return evicted;
}

static enum room evict_for_a_while(struct serve *v)
{
    const struct node_settings *set = v->world->set;
    uint64_t start_us = clock_read_us(), budget = budget_us(set->maxmemory_eviction_tenacity);
    struct eviction how = { .order = policies[set->maxmemory_policy].order,
                            .expiring_only = policies[set->maxmemory_policy].expiring_only,
                            .samples = (int)set->maxmemory_samples };
    enum room room = ROOM_ENOUGH;

    for (int keys = 1; over(v); keys++) {
        if (!evict_one(v, &how)) {
            room = ROOM_NONE;
            break;
        }
        if (keys % KEYS_PER_LOOK == 0 && clock_read_us() - start_us > budget) {
            room = ROOM_LATER;
            break;
        }
    }
    latency_note(v->latency, LATENCY_EVICTION_CYCLE, clock_read_us() - start_us);
    return room;
}

static void note_time_over(struct evict *e, bool is_over)
{
    uint64_t now_us = clock_read_us();

    if (is_over && !e->over_since_us)
        e->over_since_us = now_us;
    if (is_over || !e->over_since_us)
        return;
    e->over_us += now_us - e->over_since_us;
    e->over_since_us = 0;
}

static bool over_without_clients(struct serve *v)
{
    if (LIKELY(!over(v)))
        return false;
    client_memory_look(v->service);
    return over(v);
}

static enum room make_room(struct serve *v)
{
    enum room room = ROOM_NONE;

    if (!over_without_clients(v) || !may_evict(v)) {
        if (UNLIKELY(v->evict.over_since_us))
            note_time_over(&v->evict, false);
        return ROOM_ENOUGH;
    }
    if (v->world->set->maxmemory_policy != POLICY_NOEVICTION)
        room = evict_for_a_while(v);
    note_time_over(&v->evict, room != ROOM_ENOUGH);
    return room;
}

static void go_on(struct ev_loop *loop, ev_timer *w, int events)
{
    struct serve *v = w->data;

    (void)loop;
    (void)events;
    if (make_room(v) == ROOM_LATER)
        ev_timer_start(v->world->loop, &v->evict.more);
}

void evict_make_room(struct serve *v)
{
    enum room room;

    if (UNLIKELY(v->busy_text != NULL)) /* others get a turn amid a script, whose unit is open */
        return;
    room = make_room(v);
    v->evict.full = room == ROOM_NONE;
    if (room == ROOM_LATER)
        ev_timer_start(v->world->loop, &v->evict.more);
}

void evict_turn_ended(struct serve *v)
{
    v->evict.told_bytes = 0;
}

void evict_settings_changed(struct serve *v)
{
    ev_timer_start(v->world->loop, &v->evict.more);
}

uint64_t evict_exceeded_us(const struct serve *v, uint64_t *out_total)
{
    uint64_t since_us = v->evict.over_since_us;
    uint64_t current_us = since_us ? clock_read_us() - since_us : 0;

    *out_total = v->evict.over_us + current_us;
    return current_us;
}

void evict_reset_stats(struct serve *v)
{
    v->evict.over_us = v->evict.over_since_us = 0;
}

void evict_init(struct serve *v)
{
    ev_timer_init(&v->evict.more, go_on, 0., 0.);
    v->evict.more.data = v;
}

void evict_stop(struct serve *v)
{
    ev_timer_stop(v->world->loop, &v->evict.more);
}
