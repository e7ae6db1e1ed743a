/*
 * metric_rows - /metrics about followers, as their leader sees them, and about our own age as a follower.
 */
#include "common/clock.h"
#include "common/metrics/metrics.h"
#include "node/replica/replica_room.h"

/* The item-th that counts; NULL: there is none. */
static const struct follower *follower_at(const struct replica *r, size_t item)
{
    LIST_EACH ((struct list *)&r->followers, node) {
        const struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (follower_counts(f) && item-- == 0)
            return f;
    }
    return NULL;
}

static const struct follower *label_follower(struct metric_page *p, size_t item)
{
    const struct follower *f = follower_at(((const struct node_world *)p->world)->replica, item);
    char address[FOLLOWER_ADDRESS_MAX], port[24];

    if (!f)
        return NULL;
    metric_label(p, "ip", bytes_of(follower_address(f, address, sizeof address)));
    metric_label(p, "port", (struct bytes){ port, fmt_i64(port, f->listening_port) });
    return f;
}

static bool put_lag_bytes(struct metric_page *p, size_t item)
{
    const struct follower *f = label_follower(p, item);
    const struct oplog *o = ((const struct node_world *)p->world)->oplog;

    if (f)
        metric_put(p, o->next > f->ack_offset ? (double)(o->next - f->ack_offset) : 0);
    return f != NULL;
}

/* What has everything has no lag, however long ago it said so. */
static bool put_lag_seconds(struct metric_page *p, size_t item)
{
    const struct replica *r = ((const struct node_world *)p->world)->replica;
    const struct follower *f = label_follower(p, item);
    uint64_t now_ms = clock_now_ms();

    if (f && leader_follower_has_all(r, f))
        metric_put(p, 0);
    else if (f)
        metric_put(p, now_ms > f->ack_ms ? (double)(now_ms - f->ack_ms) / 1000 : 0);
    return f != NULL;
}

static bool put_online(struct metric_page *p, size_t item)
{
    const struct follower *f = label_follower(p, item);

    if (f)
        metric_put(p, f->state == FOLLOWER_ONLINE);
    return f != NULL;
}

static bool put_age(struct metric_page *p, size_t item)
{
    const struct replica *r = ((const struct node_world *)p->world)->replica;
    uint64_t age_ms = replica_age_ms(r);

    if (r->follows)
        metric_put(p, age_ms == UINT64_MAX ? -1 : (double)age_ms / 1000);
    return false;
}

/* clang-format off */
const struct metric replica_metrics[] = {
    { .name = "holdfast_follower_online", .type = METRIC_GAUGE, .each = put_online,
      .help = "Whether a follower has the data set, and gets the stream." },
    { .name = "holdfast_follower_lag_bytes", .type = METRIC_GAUGE, .unit = "bytes", .each = put_lag_bytes,
      .help = "Bytes of the stream that a follower has not acknowledged." },
    { .name = "holdfast_follower_lag_seconds", .type = METRIC_GAUGE, .unit = "seconds", .each = put_lag_seconds,
      .help = "Since when a follower that lacks something has acknowledged nothing." },
    { .name = "holdfast_replica_age_seconds", .type = METRIC_GAUGE, .unit = "seconds", .each = put_age,
      .help = "How old the data of this follower can be at most; -1: nobody knows." },
    { .name = NULL },
};
/* clang-format on */
