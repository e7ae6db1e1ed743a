/*
 * membership - this node's place in a durable group: it drives the core (durable.h) with what the node's rooms tell it,
 * and obeys it on them.
 *
 *     sentinel --HF HELLO, PING, PROMOTE, CONFIG, HANDOFF--> orders.c --.                  .--> hf.meta
 *     voters   --replies-----------------------------------> voters.c --+--> durable.c --+--> the stream (group_link.h)
 *     replica  --talk, stream, payload, files moved (hooks)------------>+    (pure)      +--> serve: gate, refusals
 *     clock    ---------------------------------------------------------'                 `--> voters, answers
 *
 *     unbound --CONFIG or PROMOTE with a charter that names this node--> bound: hf.meta is made, and PSYNC is over
 *     start: no hf.meta: unbound | sound: bound, loads, then reads the register | damaged: refused
 *
 *   1. a node in no group answers HELLO and PING of anybody with what it is, and everything that is meant for a group
 *      with GROUP. Its node id and did are drawn at each start, so that nobody takes two runs of it for one
 *   2. the configuration file says which group has bound a node (hf-group): one that starts without hf.meta has lost
 *      its disk, and serves nobody before that group has bound it again
 *   3. before a node is bound its append only file is on, whole, and says where in the stream it stands: the start
 *      after any crash knows exactly what it holds. Until then the order is answered with BUSYSYNC
 *   4. a bound node's append only file stays on, whatever the configuration says
 *   5. actions are obeyed in order; PERSIST holds the loop until the disk has it. Where it cannot be had the process
 *      ends at once: nothing that follows would be true
 *   6. before a bound node has loaded it tells what it knows of itself, and follows no order
 *
 * Owner: main. Cost: a step of the core per turn of the loop in which something moved; nothing per command.
 */
#ifndef HF_NODE_DURABLE_MEMBERSHIP_H
#define HF_NODE_DURABLE_MEMBERSHIP_H

#include "common/command.h"
#include "node/insight/info.h"

struct membership;
struct node_world;

/* In the directory that the node is to live in, before its data is loaded. NULL: out_why says what stands in the way,
 * and what to do. */
struct membership *membership_open(struct node_world *w, struct errmsg *out_why);
/* The data is loaded, and neither the file is appended to nor the stream begun yet: puts the stream where it ends. */
void membership_loaded(struct membership *m);
/* Both have begun. ERR_IO: hf.meta cannot be written. */
enum err membership_start(struct membership *m, struct errmsg *out_why) MUST_CHECK;
/* The node ends in good order, and nothing will be executed any more: the next start keeps its data. */
void membership_stop(struct membership *m);
void membership_free(struct membership *m); /* NULL does nothing */

/* A bound node cannot be without its append only file. */
bool membership_needs_file(const struct membership *m);
/* Nor can it live elsewhere than where hf.meta and its files are: false once the process has changed its directory. */
bool membership_is_at_home(const struct membership *m);
/* hf-* was changed. */
void membership_settings_changed(struct membership *m);

extern const struct command membership_rows[];
extern const struct info_part membership_info_parts[];

#endif
