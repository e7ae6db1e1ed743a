/*
 * facts - what sentinels and nodes answer, as the JSON that verbs print and compare.
 *
 * A node is {address, role, state, link, offset, …}, the leader first; absent where nothing was said.
 */
#ifndef HF_SENTINEL_CTL_FACTS_H
#define HF_SENTINEL_CTL_FACTS_H

#include <cjson/cJSON.h>

#include "sentinel/ctl/wire.h"

/* From one of a sentinel's maps; empty when absent. */
struct bytes facts_field(const struct resp_value *map, const char *name);
/* Puts it under `as`, where it is a number. */
void facts_number(cJSON *object, const char *as, const struct resp_value *map, const char *name);
void facts_address(cJSON *object, const char *as, const struct resp_value *map, const char *host,
                   const char *port);
/* Flags as one word: "ok", "silent", "down", … */
const char *facts_state(struct bytes flags);

/* A line of INFO; empty when absent. */
struct bytes facts_info(struct bytes text, const char *name);

/* Leader and followers of a group as one sentinel sees them, added to nodes. ERR_NOTFOUND: no such group. */
enum err facts_nodes(struct wire *w, const char *group, cJSON *nodes,
                     struct errmsg *out_why) MUST_CHECK;
/* The same of the options' group from the sentinel that knows the newest; the caller deletes them. */
enum err facts_group(const struct options *o, cJSON **out_nodes, struct errmsg *out_why) MUST_CHECK;
/* Where a node of these is. */
enum err facts_node_target(const cJSON *node, struct target *out) MUST_CHECK;

/* Does a text begin with this word? */
bool facts_begins(struct bytes text, const char *word);

#endif
