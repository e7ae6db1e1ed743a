/*
 * helms - the captains of this sentinel's durable groups at work: bytes become their events, their actions bytes.
 *
 *     nodes ---------receipts-----> +------+ --orders: HF HELLO, PING, PROMOTE, CONFIG, HANDOFF--> nodes
 *     voters --------ballots------> | helm | --ballots: our own voter's directly, others' by courier--> voters
 *     other captains -suspicions--> |      | --suspicions, opinions--> other captains
 *     operators ------requests----> +------+ --EV_CHARTERED, EV_SERVES, EV_NEWS--> the classic core
 *
 * A group has a helm while it is watched and our voter of that name knows of a register, or somebody makes one; so a
 * sentinel that restarts finds its durable groups by its voters' files. Making one begins with a muster: who is
 * there, which data has it, who votes.
 *
 *   1. a helm's actions are obeyed in order; what is raised while one is obeyed is stepped at once and obeyed behind
 *   2. one gid per name, and the same for whoever makes it: two operators make one register
 *   3. each request is answered once
 *
 * Owner: helms_new, helms_free, on the loop thread, between a drive and its end. Limits: CHARTER_MEMBERS_MAX nodes and
 * CHARTER_VOTERS_MAX voters of one group. Cost: a captain's step, and a PING to each node per heartbeat.
 */
#ifndef HF_SENTINEL_HELM_HELMS_H
#define HF_SENTINEL_HELM_HELMS_H

#include "sentinel/core/acceptor.h"
#include "sentinel/core/durable/request.h"
#include "sentinel/drive/drive.h"

struct helms;
struct lookout;

/* The other rooms, as main knows them. */
struct helms_ops {
    /* Our own voters: helms_told with this token follows, from inside the call or later. */
    void (*hear)(void *world, uint64_t token, const struct reg_message *m);
    void (*enrol)(void *world, uint64_t token, struct bytes group);
    const struct acceptor *(*voter)(void *world, struct bytes group);
    /* To whoever asked with a request; NULL: done, or why not, in a sentence without a code word. */
    void (*answer)(void *world, uint64_t token, const char *refusal);
};

struct helms *helms_new(struct drive *d, const struct helms_ops *ops, void *world);
void helms_free(struct helms *hs); /* NULL does nothing */

/* The configuration is loaded: those whom our voters know. */
void helms_begin(struct helms *hs);
/* The group is watched since, is not any more, or has other settings. */
void helms_look(struct helms *hs, const char *group);
/* How voters are dialled may have changed. */
void helms_set_dialling(struct helms *hs);

/* ---- for voters_options ---- */

/* Its voter has accepted something, or was told that it is committed. */
void helms_learned(struct helms *hs, struct bytes group, const struct acceptor *a);
/* An acceptor_policy, by the group's name. */
bool helms_refuse(const struct helms *hs, struct bytes group, const struct charter *mine,
                  const struct charter *proposed);
/* Is it one of ours, or somebody else's? */
bool helms_own_token(uint64_t token);
void helms_told(struct helms *hs, uint64_t token, const struct reg_message *answer,
                const char *refusal);

/* Somebody counts on our voter of this group, or will. If no charter comes of it the others are asked for one. */
void helms_enrolled(struct helms *hs, struct bytes group);

/* ---- what came in ---- */

/* Another captain asks, or says what it thinks. False: of no group of ours. */
bool helms_hear(struct helms *hs, bool asks, const struct suspicion *s);
/* A node says whether it hears its leader. */
bool helms_lookout(struct helms *hs, const struct lookout *l);
void helms_request(struct helms *hs, const char *group, const struct durable_request *r);

/* NULL: the group is not durable. */
const struct captain *helms_captain(const struct helms *hs, const char *group);

#endif
