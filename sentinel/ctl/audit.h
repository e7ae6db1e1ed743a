/*
 * audit - what takes the space of a node, estimated from keys drawn at random.
 *
 * The node is asked for RANDOMKEY and, of each key, for its type, its bytes (MEMORY USAGE), its time to
 * live and since when nobody touched it: few at a time, so that nobody else waits, and nothing is touched
 * by being looked at. Redis answers the same.
 *
 * Of n keys out of N the bytes of a pattern are N times the mean of (bytes if it is of the pattern, else 0);
 * the error told is SIGMAS standard errors of that mean, which the truth exceeds in three of a thousand
 * cases. It says nothing of single giants that no sample met.
 */
#ifndef HF_SENTINEL_CTL_AUDIT_H
#define HF_SENTINEL_CTL_AUDIT_H

#include <cjson/cJSON.h>

#include "sentinel/ctl/wire.h"

enum {
    AUDIT_SIGMAS = 3,
    AUDIT_BATCH = 16,           /* keys asked for at once */
    AUDIT_SAMPLES_LEAST = 1000, /* before an error is believed */
    AUDIT_SAMPLES_MAX = 500000,
    AUDIT_DATABASES_MAX = 64,
};

struct sample {
    char *key; /* raw bytes, key_len of them */
    size_t key_len;
    char type[16];
    int db;
    double bytes;
    bool expires;
    double idle_s; /* negative: not known, as under an LFU policy */
};

struct audit {
    struct {
        int number;
        double keys;
    } db[AUDIT_DATABASES_MAX];
    int db_count;
    double keys;            /* in all of them, when it began */
    struct sample *samples; /* owned */
    size_t count, cap;
    double sum, squares; /* of bytes */
    int selected;        /* database of the connection */
    bool whole;          /* it ended by itself: not by time, number or Ctrl-C */
};

/* Samples until the bytes are known to options->error percent, or time_ms, count or *stop say so.
 * Progress goes to stderr where that is a terminal. */
enum err audit_sample(struct audit *a, struct wire *w, volatile int *stop,
                      struct errmsg *out_why) MUST_CHECK;
void audit_fini(struct audit *a);
/* The error of the sum of all bytes, as a part of it. */
double audit_error(const struct audit *a);

#endif
