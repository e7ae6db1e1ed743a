/*
 * action - what a step wants done. The driver obeys in order, and this is the whole of its duty:
 *
 *   1. actions are obeyed in the order given, and those of one step before those of the next
 *   2. what follows a durable ACT_PERSIST, in this step or a later one, is not obeyed before that
 *      record is on the disk. Records of several steps may share one fdatasync. Events go on meanwhile,
 *      and what only looks (action_looks) goes ahead: a disk that hangs must not make nodes seem silent
 *   3. commands to one line leave in order on one connection, and replies come back in that order
 *   4. a command for a line that is not up is thrown away without a reply event
 *   5. each ACT_DIAL ends in exactly one EV_LINE_DOWN, unless ACT_HANG_UP or ACT_FORGET took it back;
 *      there is no redial but by another ACT_DIAL
 *
 * | action          | sent to        | what                                                         |
 * |-----------------|----------------|--------------------------------------------------------------|
 * | ACT_DIAL        | id, line       | connect within timeout_ms, then greet within                 |
 * |                 |                | max(timeout_ms, DIAL_TIMEOUT_MS_MAX): AUTH; CLIENT SETNAME   |
 * |                 |                | sentinel-<8 of my id>-cmd or -pubsub; on LINE_PUBSUB then    |
 * |                 |                | SUBSCRIBE __sentinel__:hello; then EV_LINE_UP                |
 * | ACT_HANG_UP     | id, line       | close it, or give up dialling                                |
 * | ACT_FORGET      | id             | the instance is gone: close and free everything about it     |
 * | ACT_PING        | id             | PING on LINE_CMD                                             |
 * | ACT_INFO        | id             | INFO on LINE_CMD                                             |
 * | ACT_HELLO       | id             | PUBLISH __sentinel__:hello text, on LINE_CMD                 |
 * | ACT_ROLE        | id             | [FAILOVER ABORT] MULTI SLAVEOF addr|NO ONE, CONFIG REWRITE,  |
 * |                 |                | CLIENT KILL TYPE normal, … pubsub, EXEC, pipelined           |
 * | ACT_FAILOVER    | id             | FAILOVER TO host port TIMEOUT timeout_ms                     |
 * | ACT_TIDY        | id             | CONFIG REWRITE, and with kill CLIENT KILL TYPE normal,       |
 * |                 |                | CLIENT KILL TYPE pubsub; replies ignored                     |
 * | ACT_NUDGE       | id             | REPLCONF GETACK * on a connection of its own: a follower then    |
 * |                 |                | acknowledges to its leader at once, and replies nothing          |
 * | ACT_SCRIPT_KILL | id             | SCRIPT KILL                                                  |
 * | ACT_ASK         | peer id        | SENTINEL IS-MASTER-DOWN-BY-ADDR host port epoch id-or-*      |
 * | ACT_PROBE       | peer id        | SENTINEL HF HELLO, see view.h                                |
 * | ACT_STATE       | peer id        | SENTINEL HF STATE, see view.h                                |
 * | ACT_PAUSE       | peer id        | SENTINEL HF PAUSED text epoch timeout_ms, see pause.h        |
 * | ACT_PERSIST     | sentinel/state | record                                                       |
 * | ACT_PUBLISH     | subscribers    | channel, text; and the log at level                          |
 * | ACT_LOG         | the log        | channel is the stable name, text the facts                   |
 * | ACT_RUN         | the system     | start script job: argv in struct script, found by id         |
 * | ACT_STOP        | the system     | SIGKILL the job's process                                    |
 * | ACT_REPLY       | token          | reply                                                        |
 * | ACT_EXIT        | the process    | exit(code) at once (SIMULATE-FAILURE)                        |
 *
 * Commands to nodes go through group_settings_command for rename-command. Owner: the caller embeds a
 * zeroed struct actions, hands it to steps, obeys and clears it; texts belong to it. An action's id
 * may already be forgotten by the core when the action is obeyed only if an ACT_FORGET precedes or
 * follows it in the same list.
 */
#ifndef HF_SENTINEL_CORE_ACTION_H
#define HF_SENTINEL_CORE_ACTION_H

#include "sentinel/core/event.h"

enum action_kind {
    ACT_DIAL,
    ACT_HANG_UP,
    ACT_FORGET,
    ACT_PING,
    ACT_INFO,
    ACT_HELLO,
    ACT_ROLE,
    ACT_FAILOVER,
    ACT_TIDY,
    ACT_NUDGE,
    ACT_SCRIPT_KILL,
    ACT_ASK,
    ACT_PROBE,
    ACT_STATE,
    ACT_PAUSE,
    ACT_PERSIST,
    ACT_PUBLISH,
    ACT_LOG,
    ACT_RUN,
    ACT_STOP,
    ACT_REPLY,
    ACT_EXIT,
    ACT_COUNT
};

enum level { LEVEL_DEBUG, LEVEL_VERBOSE, LEVEL_NOTICE, LEVEL_WARNING };

enum reply_kind {
    REPLY_OK,      /* +OK */
    REPLY_INTEGER, /* :integer */
    REPLY_ERROR,   /* -text, with its code word */
    REPLY_DOWN,    /* array: integer down, id or "*", integer epoch */
    REPLY_VIEW,    /* array of view_words */
};

struct answer {
    enum reply_kind kind;
    int64_t integer;     /* REPLY_DOWN: 0 or 1 */
    char id[ID_LEN + 1]; /* REPLY_DOWN: "" is `*` */
    uint64_t epoch;
};

struct action {
    enum action_kind kind;
    uint64_t id;
    uint64_t tag;
    uint64_t token;
    enum line_kind line;
    enum level level;
    bool kill;           /* ACT_TIDY: close the clients too */
    bool abort_failover; /* ACT_ROLE: FAILOVER ABORT first */
    uint64_t timeout_ms; /* ACT_PAUSE: what is left of it */
    uint64_t epoch;
    int code;
    struct addr addr;        /* ACT_ROLE: port 0 is NO ONE */
    char ask_id[ID_LEN + 1]; /* ACT_ASK: "" is `*` */
    struct answer reply;
    /* Owned, or NULL. */
    char *channel;         /* ACT_PUBLISH, ACT_LOG */
    char *text;            /* ACT_HELLO, ACT_PUBLISH, ACT_LOG; REPLY_ERROR; ACT_PAUSE: the group */
    struct record *record; /* ACT_PERSIST */
    struct view *view;     /* ACT_STATE, REPLY_VIEW */
};

struct actions {
    struct action *at;
    size_t count, cap;
};

void actions_clear(struct actions *a); /* frees the texts, keeps the room */
void actions_fini(struct actions *a);

/* Appends a zeroed action; borrowed until the next one. */
struct action *act(struct actions *out, enum action_kind kind, uint64_t id);

/* Dials, PINGs and INFOs: they tell nobody anything, and wait for no record. */
bool action_looks(enum action_kind kind);
const char *action_word(enum action_kind kind); /* "dial", "hang-up", …; for logs and traces */

#endif
