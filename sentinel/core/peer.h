/*
 * peer - the other sentinels: one line and one pulse each, one seat in every group they share with me.
 *
 *     peer_line_up ---> PING, hellos, ACT_PROBE ---> peer_probed: Holdfast or legacy
 *     peer_tick ---> dials and PINGs that are due; judges every seat by its group's down-after
 *
 * A peer lives while it has a seat.
 */
#ifndef HF_SENTINEL_CORE_PEER_H
#define HF_SENTINEL_CORE_PEER_H

#include "sentinel/core/sentinel.h"

#define SEAT_OF(n)      LIST_ENTRY(n, struct seat, of_group)
#define SEAT_OF_PEER(n) LIST_ENTRY(n, struct seat, of_peer)
#define PEER_OF(n)      LIST_ENTRY(n, struct peer, of_sentinel)

/* The seat of run_id in g, made if need be (then *out_new is set), with its peer at a if that is new.
 * NULL at SEATS_PER_GROUP_MAX. */
struct seat *seat_add(struct sentinel *s, struct group *g, const char *run_id, const struct addr *a,
                      bool *out_new);
void seat_remove(struct sentinel *s, struct seat *seat, struct actions *out);
/* RESET: the peer is forgotten as far as anybody can see, but counts as a voter, and is spoken to, until
 * it has had time to say hello; then seat_expire removes it for good. */
void seat_vacate(struct sentinel *s, struct seat *seat);
/* Removes the vacant seats whose time has come. When to look again; TIMER_NEVER: none is vacant. */
uint64_t seat_expire(struct sentinel *s, struct group *g, struct actions *out);
struct seat *seat_find(const struct group *g, const char *run_id);
void seat_hello(struct sentinel *s, struct seat *seat, struct actions *out);
void seat_state(struct sentinel *s, struct seat *seat, struct actions *out);
bool seat_is_holdfast(const struct seat *seat); /* and reachable */

struct peer *peer_find(const struct sentinel *s, const char *run_id);
void peer_move(struct sentinel *s, struct peer *p, const struct addr *a, struct actions *out);
void peer_redial(struct sentinel *s, struct peer *p, struct actions *out);
void peer_line_up(struct sentinel *s, struct peer *p, const struct event *ev, struct actions *out);
void peer_line_down(struct sentinel *s, struct peer *p, enum down_why why, struct actions *out);
void peer_pong(struct sentinel *s, struct peer *p, enum pong_kind kind, struct actions *out);
void peer_probed(struct sentinel *s, struct peer *p, uint32_t protocol, struct actions *out);
void peer_tick(struct sentinel *s, struct peer *p, struct actions *out);

#endif
