/*
 * audit - what takes the space of a node, estimated from keys drawn at random.
 *
 * Whoever asks the node (holdfastctl, or the sentinel for its page) asks few at a time for RANDOMKEY and, of each key,
 * for since when nobody touched it, its bytes (MEMORY USAGE), its type and its time to live, in this order: what is
 * looked at is not touched. Redis answers the same.
 *
 *     INFO keyspace --audit_databases--> which database to draw from: audit_draw
 *     RANDOMKEY, and what is asked of the key --audit_keep--> the sample --audit_report--> JSON, by pattern (pattern.h)
 *
 * Of n keys out of N the bytes of a pattern are N times the mean of (bytes if it is of the pattern, else 0); the error
 * told is SIGMAS standard errors of that mean, which the truth exceeds in three of a thousand cases. It says nothing of
 * single giants that no sample met.
 *
 * Pure. Owner: embed a zeroed struct audit; audit_fini.
 */
#ifndef HF_SENTINEL_AUDIT_AUDIT_H
#define HF_SENTINEL_AUDIT_AUDIT_H

#include "common/bytes.h"
#include "common/random.h"

enum {
    AUDIT_SIGMAS = 3,
    AUDIT_BATCH = 16,           /* keys asked for at once */
    AUDIT_SAMPLES_LEAST = 1000, /* before an error is believed */
    AUDIT_SAMPLES_MAX = 500000,
    AUDIT_DATABASES_MAX = 64,
    AUDIT_LARGEST = 10, /* keys that a report names */
};

/* What is asked of a key, in order. */
enum audit_question { AUDIT_IDLE, AUDIT_BYTES, AUDIT_TYPE, AUDIT_TTL, AUDIT_QUESTIONS };

struct sample {
    char *key; /* raw bytes, key_len of them; owned */
    size_t key_len;
    char type[16];
    int db;
    double bytes; /* negative: it has gone meanwhile */
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
    bool whole;          /* it ended by itself: not by time, number or a wish */
};

void audit_fini(struct audit *a);
/* The text of INFO keyspace. */
void audit_databases(struct audit *a, struct bytes info);
/* A database as likely as the part of all keys that it has; there is one. */
int audit_draw(const struct audit *a, struct rng *rng);
/* The words of a question about a key; *out_argc of them. */
enum { AUDIT_WORDS_MAX = 3 };
void audit_words(const struct sample *s, enum audit_question question,
                 struct bytes out_argv[AUDIT_WORDS_MAX], int *out_argc);
/* An answer: a number, or a word. False: neither makes sense, and the sample is worth nothing. */
void audit_take_number(struct sample *s, enum audit_question question, double number);
void audit_take_word(struct sample *s, enum audit_question question, struct bytes word);
/* Keeps it, or frees its key where it has gone. */
void audit_keep(struct audit *a, struct sample *s);
/* The error of the sum of all bytes, as a part of it. */
double audit_error(const struct audit *a);
/* Known to that many percent? Then it is whole. */
bool audit_is_known(struct audit *a, double error_percent);

#endif
