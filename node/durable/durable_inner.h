/*
 * durable_inner - what the files of the core share: durable.c (events, orders, reports), place.c (the register, and
 * which role follows from it), lead.c and eff.c (leading), follow.c (following).
 */
#ifndef HF_NODE_DURABLE_INNER_H
#define HF_NODE_DURABLE_INNER_H

#include "common/register/lookout.h"
#include "node/durable/durable.h"

enum {
    REGISTER_MS = 1000,     /* of one change or read, then it is given up */
    READ_RETRY_MS = 200,    /* between reads of who does not know its leader */
    ASK_RETRY_MS = 100,     /* between attempts to attach */
    FULL_RETRY_MS = 20,     /* while a shrink is under way for us */
    LOAD_SILENCE_MS = 5000, /* nothing of a payload came */
    SILENCES = 4,           /* a follower attaches again after this many silences of its leader */
    AWAY_BYTES = 64 << 20,  /* of the stream, kept for a member that is not in sync */
    BORNE_MS =
        5000, /* of turns that held us up is borne in others; behind longer ones another leads … */
    BORNE_MS_MAX = 10000, /* … and nothing in who has got nowhere for so long */
};

/* durable.c */
void durable_persist(struct durable *d, struct durable_actions *out);
struct talk *durable_say(struct durable *d, enum talk_kind kind, uint64_t to,
                         struct durable_actions *out);
void durable_answer(struct durable *d, uint64_t asker, uint64_t seq, enum receipt_kind kind,
                    struct durable_actions *out);
/* `weakest` is what an acknowledgement at `level` needs; before it is given. */
void durable_ready_for(struct durable *d, enum keep level, struct durable_actions *out);
/* What of ours is kept at each level; what is written of levels above. */
void durable_own(const struct durable *d, uint64_t kept[KEEP_COUNT]);

/* place.c */
void place_bind(struct durable *d, const struct charter *first, uint64_t proposer, uint64_t seed);
void place_adopt(struct durable *d, const struct charter *c, struct durable_actions *out);
/* The group's register was lost, and this is the first that is heard of its heir. */
void place_inherit(struct durable *d, const struct charter *c, struct durable_actions *out);
void place_leave(struct durable *d, struct durable_actions *out); /* we do not lead any more */
void place_submit(struct durable *d, const struct change *ch, struct durable_actions *out);
void place_obey(struct durable *d, struct reg_actions *asked, struct durable_actions *out);
void place_turn(struct durable *d, struct durable_actions *out); /* behind every event */

/* eff.c */
bool eff_has(const struct durable *d, uint64_t node, uint64_t did);
struct copy *eff_copy(struct durable *d, uint64_t node); /* NULL: no member */
enum keep eff_level(const struct durable *d);
/* The least that all of eff keep at the level; and the lowest beat that the others have answered. */
uint64_t eff_least(const struct durable *d);
uint64_t eff_beat(const struct durable *d);
bool eff_is_alone(const struct durable *d);
bool eff_is_lost(const struct durable *d, uint64_t node, uint64_t did);
/* When its silence is over the limit, and when its link will have been gone for too long (UINT64_MAX: it is not gone). */
uint64_t eff_silent_ms(const struct durable *d, const struct copy *c);
uint64_t eff_gone_ms(const struct durable *d, const struct copy *c);
void eff_decide(struct durable *d, struct durable_actions *out); /* shrinks and grows */
void eff_told(struct durable *d, enum outcome outcome);

/* lead.c */
void lead_begin(struct durable *d, struct durable_actions *out);
void lead_hear(struct durable *d, const struct talk *t, struct durable_actions *out);
void lead_link_down(struct durable *d, uint64_t node);
void lead_suspect(struct durable *d, uint64_t node);
void lead_turn(struct durable *d, struct durable_actions *out);
void lead_wakes_again(struct durable *d, uint64_t slept_ms,
                      struct durable_actions *out); /* after a gap */
uint64_t lead_wake_ms(const struct durable *d);

/* handoff.c */
enum receipt_kind handoff_begin(struct durable *d, uint64_t asker, const struct order *o);
void handoff_turn(struct durable *d, struct durable_actions *out);
void handoff_read(struct durable *d);

/* follow.c */
void follow_begin(struct durable *d, struct durable_actions *out);
void follow_stop(struct durable *d);
void follow_hear(struct durable *d, const struct talk *t, struct durable_actions *out);
void follow_ack(struct durable *d, struct durable_actions *out);
void follow_moved(struct durable *d, struct durable_actions *out);
void follow_link_down(struct durable *d, struct durable_actions *out);
/* A read that began after FULL came shows this version. */
void follow_verified(struct durable *d, const struct charter *c, struct durable_actions *out);
void follow_turn(struct durable *d, struct durable_actions *out);
uint64_t follow_wake_ms(const struct durable *d);

#endif
