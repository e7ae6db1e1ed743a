/*
 * stats - what the clients of a service did: totals, per command, per error word.
 *
 * A command's counters are found by its row's address, once per change of command in a session (the
 * session keeps the last pointer), so that the hot path neither hashes nor searches.
 *
 * Latencies are counted in buckets: STATS_STEPS equal steps within each power of two of a microsecond,
 * so a percentile is right to an eighth. LATENCY HISTOGRAM sums them up to powers of two.
 *
 * Owner: embed; zeroed it is empty. Cost: O(1) per call; error words are bounded.
 */
#ifndef HF_COMMON_SERVE_STATS_H
#define HF_COMMON_SERVE_STATS_H

#include "common/acl/selector.h"

enum {
    STATS_POWERS = 26, /* up to a minute; the last bucket takes the rest */
    STATS_STEPS = 8,
    STATS_BUCKETS = STATS_POWERS * STATS_STEPS,
    STATS_ERRORS_MAX = 128, /* different first words of errors; more are counted under the last */
};

struct command_stats {
    const struct command *cmd;
    uint64_t calls, usec, rejected, failed;
    uint64_t buckets[STATS_BUCKETS];
};

struct error_stats {
    char word[32];
    uint64_t count;
};

/* Bytes of all links ever, and of those that were followers' when they were looked at. */
struct traffic {
    uint64_t in, out, replica_in, replica_out;
};

struct service_stats {
    struct command_stats **slots; /* open addressing by row address */
    size_t slot_count, used;
    struct error_stats errors[STATS_ERRORS_MAX];
    size_t error_count;
    uint64_t connections, refused_connections, commands, command_usec, error_replies;
    uint64_t killed_by_output_limit, killed_by_query_limit, killed_idle;
    struct traffic traffic; /* as of the last look at each session: SERVICE_ROUND_MS ago at most */
    uint64_t denied[ACL_DENIED_CHANNEL + 1]; /* by enum acl_denial */
    uint64_t reads, writes;
};

void stats_fini(struct service_stats *s);
/* Counters of a row; made when first asked for, and stable until stats_fini. */
struct command_stats *stats_of(struct service_stats *s, const struct command *cmd);
/* NULL when the row was never run. */
const struct command_stats *stats_find(const struct service_stats *s, const struct command *cmd);
/* One finished run. */
void stats_count(struct command_stats *c, uint64_t usec);
/* An error reply with this first word left. */
void stats_count_error(struct service_stats *s, const char *word);
/* CONFIG RESETSTAT. */
void stats_reset(struct service_stats *s);
/* Microseconds that this share (0..1) of the calls did not exceed. */
double stats_percentile(const struct command_stats *c, double share);
/* Highest latency in microseconds that still falls into the bucket. */
uint64_t stats_bucket_top(size_t bucket);

#endif
