/*
 * inquiry - a question of somebody who looks at a node: its slow log, the largest of some of its keys, what takes its
 * space.
 *
 *     GET …/nodes/HOST:PORT/slowlog   --dial--> SLOWLOG GET                              --> answer
 *     GET …/nodes/HOST:PORT/largest   --dial--> RANDOMKEY, MEMORY USAGE, …, TYPE of few  --> answer
 *     GET …/nodes/HOST:PORT/audit     --dial--> INFO keyspace, RANDOMKEY, …              --> answer (sentinel/audit)
 *
 *   1. it is asked on a connection of its own, with the rights of the sentinel's user: what watches the node never
 *      waits for it
 *   2. so it is answered only to who has shown a token; who may look at the sentinel may not look at data for that
 *   3. an inquiry is over after INQUIRY_MS; the keys are SAMPLE_KEYS at most, or those of SAMPLE_MS; an audit's those of
 *      AUDIT_MS, AUDIT_KEYS at most, few at a time, so that nobody else waits for them
 *
 * Owner: embed a zeroed struct inquiries; empty once http_free was called.
 */
#ifndef HF_SENTINEL_SERVE_INQUIRY_H
#define HF_SENTINEL_SERVE_INQUIRY_H

enum {
    INQUIRIES_MAX = 4, /* at one time */
    INQUIRY_MS = 4000,
    SAMPLE_KEYS = 1000,
    SAMPLE_MS = 1500,
    AUDIT_MS = 3000,
    AUDIT_KEYS = 20000,
    INQUIRY_CALLS_MAX = 200,
};

struct inquiry;

struct inquiries {
    struct inquiry *first;
    int count;
};

#endif
