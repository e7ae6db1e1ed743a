/*
 * rows - the handlers of the SENTINEL subcommands, and what they share. Private to this folder.
 */
#ifndef HF_SENTINEL_SERVE_ROWS_H
#define HF_SENTINEL_SERVE_ROWS_H

#include "sentinel/serve/serve.h"

struct durable_request;

static inline struct sentinel_world *world_of(const struct call *c)
{
    return c->world;
}

static inline struct sentinel_session *asking_session(const struct call *c)
{
    return (struct sentinel_session *)c->session;
}

/* The group that argv[at] names; NULL: "No such master with that name" was answered. */
struct group *serve_want_group(struct call *c, int at);

/* Raises the event and answers when the core does: now, or later while the session is held. */
void serve_ask(struct call *c, struct event *ev);
/* The two halves of it, for a question to somebody else than the core. */
void serve_begin_asking(struct call *c);
void serve_end_asking(struct call *c);
/* Writes what the core answered. */
void serve_write_answer(struct reply *r, const struct action *a);

/* One entry of SENTINEL MASTERS, REPLICAS and SENTINELS. */
void serve_reply_node(struct reply *r, const struct sentinel_world *w, const struct node *n);
void serve_reply_seat(struct reply *r, const struct sentinel_world *w, const struct seat *seat);

/* show.c: questions */
/* Are enough sentinels up for a failover? out: in Redis's words; NULL: nobody reads them. */
bool serve_quorum(const struct group *g, struct buf *out);
void sentinel_ckquorum(struct call *c);
void sentinel_get_leader_addr(struct call *c);
void sentinel_info_cache(struct call *c);
void sentinel_leader(struct call *c);
void sentinel_leaders(struct call *c);
void sentinel_myid(struct call *c);
void sentinel_pending_scripts(struct call *c);
void sentinel_followers(struct call *c);
void sentinel_sentinels(struct call *c);
void sentinel_role(struct call *c);

/* operate.c: orders */
void sentinel_failover(struct call *c);
void sentinel_flushconfig(struct call *c);
void sentinel_remove(struct call *c);
void sentinel_reset(struct call *c);
void sentinel_set(struct call *c);
void sentinel_shutdown(struct call *c);

/* monitor.c */
void sentinel_monitor(struct call *c);
/* The session is gone: nobody waits for the name of its SENTINEL MONITOR any more. */
void sentinel_monitor_cancel(struct sentinel_session *s);

/* debug.c: what tests turn */
void sentinel_debug(struct call *c);
void sentinel_simulate_failure(struct call *c);

/* configure.c: SENTINEL CONFIG */
void sentinel_config(struct call *c);

/* peers.c: what other sentinels say */
void sentinel_is_leader_down(struct call *c);
void sentinel_hf(struct call *c);
void sentinel_publish(struct call *c);

/* register.c: what proposers say to our voters. False: it is nothing of theirs, and nothing was answered. */
bool sentinel_register(struct call *c);

/* durable.c: operators and captains of durable groups. False, as above. */
bool sentinel_durable(struct call *c);
void sentinel_durable_status(struct call *c); /* durable_show.c */
/* Hands it on, and answers when it is certain what came of it. */
void serve_request(struct call *c, const char *group, struct durable_request *r);
/* A switchover of a durable group, answered by serve_requested. False: it is not durable, and nothing was asked. */
bool serve_hand_over(struct sentinel_world *w, const struct group *g, const struct addr *to,
                     uint64_t token);
bool serve_take_level(struct bytes word, enum keep *out);

/* pause.c. False, as above. */
bool sentinel_pause(struct call *c);

/* armed.c: why no failover would come about by itself now; NULL: one would. */
const char *serve_why_not_armed(const struct sentinel_world *w, const struct group *g);

/* info.c */
void sentinel_info(struct call *c);
/* "ok", "sdown", "odown": of the leader. */
const char *serve_status_word(const struct group *g);
/* Once per turn: keeps the rates. */
void sentinel_info_sample(struct sentinel_world *w);

/* table.c */
extern const struct command sentinel_rows[];

#endif
