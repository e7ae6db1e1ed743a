/*
 * latency - the slow moments of the node, by event: LATENCY LATEST, HISTORY, RESET; GRAPH and DOCTOR for
 * people, in latency_report.c.
 *
 * An event's last LATENCY_SAMPLES samples of at least latency-monitor-threshold are kept, the worst one of
 * each second. HISTOGRAM is about every command ever run, and comes from the service's statistics.
 * Owner: latency_new/latency_free. Cost: a compare where the monitor is off or the moment was quick.
 */
#ifndef HF_NODE_SERVE_LATENCY_H
#define HF_NODE_SERVE_LATENCY_H

#include "common/command.h"

struct latency;
struct server_settings;

enum { LATENCY_SAMPLES = 160 };

/* In the order of the table in latency.c. */
enum latency_event {
    LATENCY_COMMAND,
    LATENCY_FAST_COMMAND,
    LATENCY_EXPIRE,
    LATENCY_AOF_WRITE, /* each of these is also one of the next three */
    LATENCY_AOF_WRITE_ALONE,
    LATENCY_AOF_WRITE_PENDING_FSYNC,
    LATENCY_AOF_WRITE_ACTIVE_CHILD,
    LATENCY_AOF_FSYNC_ALWAYS,
    LATENCY_EVICTION_CYCLE,
    LATENCY_EVICTION_DEL,
    LATENCY_EVENTS
};

struct latency *latency_new(const struct server_settings *set);
void latency_free(struct latency *l); /* NULL does nothing */
void latency_note(struct latency *l, enum latency_event event, uint64_t usec);
void latency_command(struct latency *l, const struct call *c, uint64_t usec);

void latency_latest(struct call *c);
void latency_history(struct call *c);
void latency_reset(struct call *c);
void latency_histogram(struct call *c);
void latency_graph(struct call *c);
void latency_doctor(struct call *c);

#endif
