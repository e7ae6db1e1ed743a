#include "node/serve/expire.h"

#include "common/clock.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/persist.h"
#include "node/serve/block.h"
#include "node/serve/latency.h"
#include "node/serve/serve.h"
#include "node/world.h"

static double delay_s(int64_t next_ms)
{
    int64_t wait_ms = next_ms - (int64_t)clock_wall_ms();

    if (wait_ms > EXPIRE_LOOK_MS)
        wait_ms = EXPIRE_LOOK_MS;
    return wait_ms > 0 ? (double)wait_ms / 1000. : 0.001;
}

static void come_again(struct serve *v, int64_t next_ms)
{
    v->expire_next_ms = next_ms;
    v->expire.repeat = delay_s(next_ms);
    ev_timer_again(v->world->loop, &v->expire);
}

static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* What this node is to delete; a follower has only what its own clients made. */
static int64_t delete_due(struct serve *v)
{
    struct keyspace *ks = v->world->keyspace;
    int64_t next_ms = keyspace_expire_due(ks, EXPIRE_SLICE_US);

    if (LIKELY(own_keys_count(&v->own_keys) == 0) || !keyspace_active_expiry(ks))
        return next_ms;
    return sooner(next_ms, own_keys_due(&v->own_keys, ks, EXPIRE_SLICE_US));
}

/* After a gap in its time a leader of a group looks first whether it leads still, which is said behind this. */
static bool was_away(const struct serve *v)
{
    return v->group.beat && clock_now_ms() > v->expire_looked_ms + 2 * EXPIRE_LOOK_MS;
}

static bool may_expire(const struct serve *v)
{
    return group_takes_writes(v) && service_paused(v->service) == PAUSE_NOTHING &&
           !persist_loading(v->world->persist);
}

static void look(struct ev_loop *loop, ev_timer *w, int events)
{
    struct serve *v = w->data;
    int64_t next_ms = INT64_MAX;

    (void)loop;
    (void)events;
    if (was_away(v))
        next_ms = (int64_t)clock_wall_ms();
    else if (may_expire(v))
        next_ms = delete_due(v);
    else if (keyspace_sweeping(v->world->keyspace)) /* which deletes nothing */
        keyspace_walk_step(v->world->keyspace, EXPIRE_SLICE_US);
    v->expire_looked_ms = clock_now_ms();
    v->silent_changes = 0;
    rates_sample(&v->rates, v);
    block_serve_ready(v);
    come_again(v, next_ms);
}

void expire_turn_ended(struct serve *v)
{
    int64_t next_ms = keyspace_next_expiry_ms(v->world->keyspace);

    if (UNLIKELY(own_keys_count(&v->own_keys)) && keyspace_active_expiry(v->world->keyspace))
        next_ms = sooner(next_ms, own_keys_next_ms(&v->own_keys));
    if (next_ms < v->expire_next_ms && may_expire(v))
        come_again(v, next_ms);
}

void expire_start(struct serve *v)
{
    ev_timer_init(&v->expire, look, EXPIRE_LOOK_MS / 1000., EXPIRE_LOOK_MS / 1000.);
    v->expire.data = v;
    v->expire_next_ms = INT64_MAX;
    ev_timer_start(v->world->loop, &v->expire);
}

void expire_stop(struct serve *v)
{
    ev_timer_stop(v->world->loop, &v->expire);
}
