/*
 * node - one watched node: its lines, its pulse, its INFO, and what I think of it.
 *
 *     node_line_up ---> PING and INFO at once            node_line_down ---> dial at once
 *     node_pong, node_info ---> judge                    dial refused after a loss ---> judge
 *     node_tick ---> PING, INFO, dials that are due; judge by silence
 *     judge ---> +sdown, -sdown, and the group is evaluated when the step ends
 */
#ifndef HF_SENTINEL_CORE_NODE_H
#define HF_SENTINEL_CORE_NODE_H

#include "sentinel/core/sentinel.h"

#define NODE_OF(n) LIST_ENTRY(n, struct node, of_group)
/* Every node of g, in the order they were found. The body may remove node n only. */
#define EACH_NODE(g, link) LIST_EACH (&(g)->nodes, link)

/* Borrowed from g. Not persisted and not announced here. NULL at NODES_PER_GROUP_MAX. */
struct node *node_add(struct sentinel *s, struct group *g, const struct addr *a);
void node_remove(struct sentinel *s, struct node *n, struct actions *out);
struct node *node_at(const struct group *g, const struct addr *a);
/* Does a name n, by its host or by what that resolved to? */
bool node_is_at(const struct node *n, const struct addr *a);

void node_line_up(struct sentinel *s, struct node *n, const struct event *ev, struct actions *out);
void node_line_down(struct sentinel *s, struct node *n, const struct event *ev,
                    struct actions *out);
void node_pong(struct sentinel *s, struct node *n, enum pong_kind kind, struct actions *out);
void node_info(struct sentinel *s, struct node *n, const struct event *ev, struct actions *out);

/* What is due, then arms the timer: also after anything that changes how often INFO is asked. */
void node_tick(struct sentinel *s, struct node *n, struct actions *out);
/* A peer's verdict on the leader may have changed: what was refused to me from the start may be dead. */
void node_hear_witness(struct sentinel *s, struct node *n, struct actions *out);
void node_judge(struct sentinel *s, struct node *n, struct actions *out);
/* Drops its lines and dials again: other credentials, or another start in life. */
void node_redial(struct sentinel *s, struct node *n, struct actions *out);
void node_ask_info(struct sentinel *s, struct node *n, struct actions *out);
void node_ping(struct sentinel *s, struct node *n, struct actions *out);
void node_hello(struct sentinel *s, struct node *n, struct actions *out);
/* SLAVEOF to; NULL: NO ONE. tag comes back with EV_ROLE_DONE. */
void node_set_role(struct sentinel *s, struct node *n, const struct node *to, uint64_t tag,
                   struct actions *out);
/* Does hard evidence count for it? fast-detection of its group, and what it is. */
bool node_is_fast(const struct node *n);
bool node_is_up(const struct node *n); /* its command line is, and nobody thinks it down */

#endif
