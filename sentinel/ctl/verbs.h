/*
 * verbs - what an operator can ask. Each verb gathers facts as a JSON value; --json prints it, a table
 * or a sentence is made from the same value otherwise, so that people and programs never differ.
 *
 * One row per verb: it checks the words, helps, and completes. Every verb gives the exit status; its
 * complaint goes to stderr.
 */
#ifndef HF_SENTINEL_CTL_VERBS_H
#define HF_SENTINEL_CTL_VERBS_H

#include <cjson/cJSON.h>

#include "sentinel/ctl/wire.h"

typedef enum ctl_exit verb_fn(const struct options *o);

verb_fn verb_status, verb_leader, verb_nodes, verb_check, verb_top, verb_failover, verb_pause,
    verb_resume, verb_forget, verb_events, verb_slowlog, verb_audit, verb_completion;

struct verb {
    const char *name, *args;
    int words_min, words_max; /* the first is the group */
    verb_fn *run;
    const char *help;
};
extern const struct verb verbs[];
extern const size_t verb_count;
const struct verb *verb_find(const char *name); /* NULL: there is none */

/* Says why on stderr and translates: not reached is CTL_UNREACHABLE, all else CTL_FAILED. */
enum ctl_exit verb_complain(enum err e, const struct errmsg *why);
/* An address that was typed, of a node where no port was; false: it is none, which stderr is told, and CTL_USAGE. */
bool verb_read_address(struct target *out, const char *text);
/* Prints the value as JSON with --json, or calls show; frees the value. */
void verb_print(const struct options *o, cJSON *value, void (*show)(const cJSON *));

/* What a sentinel answers to get-master-addr-by-name, as "ip:port" in address. ERR_NOTFOUND: it knows
 * no such group. */
enum err ask_leader(struct wire *w, const char *group, char *address, size_t cap,
                    struct errmsg *out_why) MUST_CHECK;
/* A JSON string of bytes from the network, cleaned of what could drive a terminal. */
void json_put(cJSON *object, const char *name, struct bytes text);
const char *json_text(const cJSON *object, const char *name); /* "" when absent */
double json_number(const cJSON *object, const char *name);    /* 0 when absent */

#endif
