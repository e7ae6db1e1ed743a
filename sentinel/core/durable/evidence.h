/*
 * evidence - what one sentinel knows of one node's process: is it alive, silent, stuck, or dead?
 *
 *                          heard, and in time                   silent over its limit, unreachable, closed
 *      NONE --evidence_hear--> ALIVE <------evidence_hear------- before it answered, a probe missed --> soft
 *                                |
 *                                +--lost, and the next dial refused; another process answers ------------------> hard
 *
 * Questions are about a process, (epoch, run), never about an address: a node that restarted lives, and the process
 * that led is dead. Hard evidence is a trigger and no proof (a packet filter refuses, too); it is taken back when that
 * very process answers. What it leads to is safe in any case (common/register).
 *
 * Its process may live while its loop does not turn: a thread of its own says so (node/durable/vital.h), on a line of its
 * own. That is busy, and not silent, for as long as an operator bears it.
 *
 *   1. at most one dial is under way; a lost line is dialled at once, then at growing steps up to a heartbeat
 *   2. a sign of life counts from the moment it was heard, whatever it answers
 *   3. "another process answers" needs an answer to a question that was put after the process in doubt was known
 *   4. in calm, when others would tell of a silence, it is asked at a pace of its own; then silence begins where it does not
 *      answer a question. What others have not heard counts here as well, but for a last heartbeat, which I listen
 *      myself, and not for what I slept through
 *   5. what its thread says excuses silence only, and only of the process that was heard last; it is no sign of life by
 *      itself, and the silence that it excuses says nothing of the network
 *
 * Owner: embed; evidence_init. Pure: time comes with each call. Every call O(1).
 */
#ifndef HF_SENTINEL_CORE_DURABLE_EVIDENCE_H
#define HF_SENTINEL_CORE_DURABLE_EVIDENCE_H

#include "common/register/report.h"
#include "sentinel/core/durable/pulse.h"
#include "sentinel/core/event.h"

/* What is told to others; on the wire unknown alive soft hard. */
enum opinion { OPINION_UNKNOWN, OPINION_ALIVE, OPINION_SOFT, OPINION_HARD, OPINION_COUNT };
const char *opinion_word(enum opinion o);

/* And why. */
enum why {
    WHY_NONE, /* it has never been heard of */
    WHY_ALIVE,
    WHY_BUSY,        /* it answers, and its main loop does not turn */
    WHY_SILENT,      /* over its limit */
    WHY_UNREACHABLE, /* no connection, or one that is closed before it says a word */
    WHY_HALTED,      /* busy for longer than an operator bears */
    WHY_DISK,        /* leads, and its disk keeps nothing: no write is ever acknowledged */
    WHY_IDLE,        /* it was told to lead again and again, and does not */
    WHY_REFUSED,     /* its line closed, and nobody listens there any more */
    WHY_REBORN,      /* another process answers in its place */
    WHY_COUNT
};
const char *why_word(enum why w); /* "silent", "refused", …; for notices */
enum opinion why_opinion(enum why w);
/* Is it hearsay of the network? Then one who still hears from it may contradict; its own word nobody does. */
bool why_may_be_vetoed(enum why w);

enum { VITAL_BEATS = 3 }; /* heartbeats for which a word of its thread's counts */

/* What an operator sets; 0 where that means none. */
struct patience {
    uint64_t heartbeat_ms;
    uint64_t down_after_ms;    /* a longest limit of the operator's own; 0: none */
    uint64_t busy_failover_ms; /* 0: a busy leader is never replaced */
};

enum contact { CONTACT_NONE, CONTACT_DIALLING, CONTACT_OPEN };

struct evidence {
    uint64_t node;
    enum contact contact;
    uint64_t dial_at_ms; /* CONTACT_NONE: not before */
    bool spoke;          /* CONTACT_OPEN: it has answered on this line */
    uint64_t lost_ms;    /* when its line was lost; 0: it has been heard since */
    bool shut_out;     /* since it was heard last, a dial failed, or a line closed without a word */
    bool missed_probe; /* and it did not answer a probe */
    struct pulse pulse;
    struct report report; /* the last; run "": none yet */
    uint64_t heard_ms;
    uint64_t seq;      /* of the last order that was sent to it; they only grow */
    uint64_t told_seq; /* of the last one that is answered */
    uint64_t asked_ms; /* when the last order was sent */
    uint64_t
        owed_ms; /* the first of those that are not answered was sent, or one before it answered */
    uint64_t void_ms; /* nothing before that is held against it */
    bool calm;
    uint64_t
        vital_ms; /* when its thread last said that it lives; 0: since it was heard it has not */
    uint64_t vital_asked_ms;
    enum why gone; /* WHY_NONE, or how the process of the last report died */
};

void evidence_init(struct evidence *e, uint64_t node, uint64_t now_ms);
/* ACT_DIAL was sent. */
void evidence_dialled(struct evidence *e);
void evidence_line_up(struct evidence *e, uint64_t now_ms);
void evidence_line_down(struct evidence *e, enum down_why why, const struct patience *p,
                        uint64_t now_ms);
/* The number of an order that is being sent. */
uint64_t evidence_ask(struct evidence *e, uint64_t now_ms);
void evidence_hear(struct evidence *e, const struct receipt *r, const struct patience *p,
                   uint64_t now_ms);
/* Its thread says that process run lives, and that its loop has been in one turn for busy_ms. expected: whom the charter
 * names, or "": his loop may have told me nothing yet. */
void evidence_hear_vital(struct evidence *e, const char *run, const char *expected,
                         uint64_t busy_ms, uint64_t now_ms);
/* When to ask its thread, if nothing is heard: before silence is over its limit, and with every heartbeat then. */
uint64_t evidence_ask_vital_ms(const struct evidence *e, const struct patience *p);
/* I slept: what I did not hear meanwhile says nothing. */
void evidence_void(struct evidence *e, uint64_t now_ms);
/* From now on it is asked with every heartbeat, or only now and then. */
void evidence_pace(struct evidence *e, bool calm, uint64_t now_ms);
/* Somebody else has not heard from it for silent_ms. */
void evidence_hearsay(struct evidence *e, uint64_t silent_ms, const struct patience *p,
                      uint32_t health, uint64_t now_ms);
/* For how long it has been silent when it should not have been. */
uint64_t evidence_silence_ms(const struct evidence *e, uint64_t now_ms);
/* A probe was put by order seq, in vain. Does that count? Not while it was heard within two heartbeats. */
void evidence_missed(struct evidence *e, uint64_t seq, const struct patience *p, uint32_t health,
                     uint64_t now_ms);

/* Of process run; since_seq: the last order before it was known that this process is the one in question. */
enum why evidence_of(const struct evidence *e, const char *run, uint64_t since_seq,
                     const struct patience *p, uint32_t health, uint64_t now_ms);
/* Of whatever process is there. */
enum why evidence_now(const struct evidence *e, const struct patience *p, uint32_t health,
                      uint64_t now_ms);
/* When silence will be over its limit, if nothing is heard. */
uint64_t evidence_silent_ms(const struct evidence *e, const struct patience *p, uint32_t health);

#endif
