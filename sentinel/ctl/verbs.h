/*
 * verbs - what an operator can ask. Each verb gathers facts as a JSON value; --json prints it, a table
 * or a sentence is made from the same value otherwise, so that people and programs never differ.
 *
 * Every verb gives the exit status; its complaint goes to stderr.
 */
#ifndef HF_SENTINEL_CTL_VERBS_H
#define HF_SENTINEL_CTL_VERBS_H

#include <cjson/cJSON.h>

#include "sentinel/ctl/wire.h"

typedef enum ctl_exit verb_fn(const struct options *o);

verb_fn verb_status, verb_leader, verb_nodes, verb_failover, verb_events;

/* Says why on stderr and translates: not reached is CTL_UNREACHABLE, all else CTL_FAILED. */
enum ctl_exit verb_complain(enum err e, const struct errmsg *why);
/* Prints the value as JSON with --json, or calls show; frees the value. */
void verb_print(const struct options *o, cJSON *value, void (*show)(const cJSON *));

/* What a sentinel answers to get-master-addr-by-name, as "ip:port" in address. ERR_NOTFOUND: it knows
 * no such group. */
enum err ask_leader(struct wire *w, const char *group, char *address, size_t cap,
                    struct errmsg *out_why) MUST_CHECK;
/* A JSON string of bytes from the network, cleaned of what could drive a terminal. */
void json_put(cJSON *object, const char *name, struct bytes text);
const char *json_text(const cJSON *object, const char *name); /* "" when absent */

#endif
