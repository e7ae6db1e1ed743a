/*
 * group - birth, death and switch of a group, and the order in which a changed one is looked at.
 *
 * Whatever changes something about a group marks it; when the step ends, each marked group is
 * evaluated once: agreement (agree.h), failover (failover.h), strays (stray.h), then its timer.
 */
#ifndef HF_SENTINEL_CORE_GROUP_H
#define HF_SENTINEL_CORE_GROUP_H

#include "sentinel/core/sentinel.h"

/* Persists nothing. The leader is the first node. */
struct group *group_add(struct sentinel *s, const char *name, const struct addr *leader,
                        const struct group_settings *set);
void group_remove(struct sentinel *s, struct group *g, struct actions *out);
/* Forgets followers and failover, meets the leader anew, and vacates the peers' seats (peer.h). A follower
 * that the leader itself follows stays known, for no INFO of a leader would ever name it. */
void group_reset(struct sentinel *s, struct group *g, struct actions *out);

void group_mark(struct sentinel *s, struct group *g);
void group_set_agreed(struct sentinel *s, struct group *g, bool agreed);
void group_evaluate_marked(struct sentinel *s, struct actions *out);
/* Looks at every node's timers again: INFO is wanted more often now, and from followers at once. */
void group_hurry(struct sentinel *s, struct group *g, struct actions *out);

/* to leads from now on, by this config_epoch: persisted, published (+switch-master, +slave for each
 * other), told to all nodes and peers. mine: I am the captain. Scripts run. */
void group_switch(struct sentinel *s, struct group *g, struct node *to, uint64_t config_epoch,
                  bool mine, struct actions *out);

/* One hello to every node and peer of g that is up. */
void group_spread(struct sentinel *s, struct group *g, struct actions *out);
/* The same where nobody waits for news: nodes get theirs every second time, with their next PING. */
void group_spread_calmly(struct sentinel *s, struct group *g, struct actions *out);
/* The hello's text, for a connection whose own end is local_ip; the caller frees it. */
char *group_hello(const struct sentinel *s, const struct group *g, const char *local_ip);
struct view group_view(const struct sentinel *s, const struct group *g);
/* Are there peers, and has every one its seat, speaks Holdfast's words, and a line that is up? */
bool group_is_calm(const struct group *g);
/* Whom the leader says that it follows, where that is one of the group: a captain that never came to tell has promoted
 * it, or an operator. NULL: it follows nobody of these. */
const struct node *group_leaders_leader(const struct group *g);

#endif
