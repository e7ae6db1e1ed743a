/*
 * upstream - what a follower says to its leader and when, as a pure step function: no socket, no clock.
 *
 *     OFF --follow--> WAIT --retry_at--> DIALLING --up--> PING --+PONG--> GREETING --all answered-->
 *
 *     PSYNC --+CONTINUE-----------------------------------------------------> STREAM
 *       |\----+FULLRESYNC--> HEADER --$…--> PAYLOAD --loaded----------------> STREAM
 *       \-----any other error: SYNC--^
 *
 *     any state but OFF: link down, a refusal, or silence for timeout_ms --> WAIT
 *     (on_follow, on_wait … : the function behind each state is <state>_event in upstream.c)
 *
 * Of a durable group's node (group_link.h) HF SYNC takes the place of PSYNC, said when somebody asks for it, and so
 * does a dial: nothing is tried again by itself. It follows the greetings in one flight, without a PING: clients may be
 * waiting. What the leader answers comes first; only where it promises a stream does a line follow, as after PSYNC.
 * Else the link stays, GREETED, for the next one. While not a word is answered the leader has not turned since: what was
 * said stands there still, and to say it again on another link would be in vain.
 *
 *     DIALLING --up--> GREETING --all answered--> PSYNC --answered, and no stream--> GREETED --asked again--> PSYNC
 *
 *   1. actions are to be obeyed in order
 *   2. in STREAM an acknowledgement goes out every UPSTREAM_ACK_MS, and at once when it is asked for
 *   3. a question of freshness.h goes out when it is due
 *   4. a dropped link is redialled after UPSTREAM_RETRY_MS_MIN, doubling to UPSTREAM_RETRY_MS_MAX
 *
 * The driver (follower.c) owns socket, loader and stream; it fills the view (what we hold) on every
 * event. Source: PSYNC2 as redis-server 7.0 speaks it.
 */
#ifndef HF_NODE_REPLICA_UPSTREAM_H
#define HF_NODE_REPLICA_UPSTREAM_H

#include "common/bytes.h"
#include "node/replica/freshness.h"

enum {
    UPSTREAM_ACK_MS = 1000,
    UPSTREAM_NEWLINE_MS = 1000, /* while a payload loads, so that the leader does not time out */
    UPSTREAM_RETRY_MS_MIN = 50,
    UPSTREAM_RETRY_MS_MAX = 1000,
    UPSTREAM_UNHEARD_MS =
        5000, /* a group's leader whose host takes the connection, and who says nothing */
    UPSTREAM_ID_LEN = 40,
    UPSTREAM_WORDS_MAX = 8,
    UPSTREAM_ACTIONS_MAX = 8,
    UPSTREAM_GREETINGS_MAX = 6,
};

enum upstream_state {
    UPSTREAM_OFF,
    UPSTREAM_WAIT,
    UPSTREAM_DIALLING,
    UPSTREAM_PING,
    UPSTREAM_GREETING,
    UPSTREAM_GREETED,
    UPSTREAM_PSYNC,
    UPSTREAM_HEADER,
    UPSTREAM_PAYLOAD,
    UPSTREAM_STREAM,
    UPSTREAM_STATES
};

enum upstream_event_kind {
    UPSTREAM_EV_FOLLOW,  /* a leader was chosen; dial it */
    UPSTREAM_EV_STOP,    /* follow nobody */
    UPSTREAM_EV_UP,      /* the connection stands */
    UPSTREAM_EV_DOWN,    /* it is gone, or could not be made */
    UPSTREAM_EV_LINE,    /* one line, without its end; empty: a keep-alive */
    UPSTREAM_EV_INPUT,   /* bytes of payload or stream came */
    UPSTREAM_EV_LOADED,  /* the payload ended: e says how */
    UPSTREAM_EV_ACK,     /* the stream asks for an acknowledgement */
    UPSTREAM_EV_ASK,     /* somebody who follows us wants to know how old we are */
    UPSTREAM_EV_DRAINED, /* the stream was read to its end */
    UPSTREAM_EV_SYNC,    /* of a group: HF SYNC is to be said */
    UPSTREAM_EV_NO_SYNC, /* it was answered, and no stream comes */
    UPSTREAM_EV_TIMER,
};

/* What we hold: a history to continue, or not. */
struct upstream_view {
    const char *id;
    uint64_t offset;
    bool history;
    bool has_file;   /* an append only file, */
    uint64_t synced; /* which is on the disk up to here */
};

struct upstream_event {
    enum upstream_event_kind kind;
    uint64_t now_ms;
    struct upstream_view view;
    struct bytes line;
    enum err e; /* EV_LOADED: OK, ERR_REFUSED (the guard), or broken */
    bool again; /* EV_SYNC: the same that was said last */
};

enum upstream_action_kind {
    UPSTREAM_DIAL,
    UPSTREAM_DROP, /* the connection, and what of a payload was loaded */
    UPSTREAM_SEND, /* words */
    UPSTREAM_NEWLINE,
    UPSTREAM_SYNC,          /* HF SYNC, whose words are not ours */
    UPSTREAM_LOAD,          /* a payload follows: mark or bytes; id and offset to adopt */
    UPSTREAM_CONTINUE,      /* the stream goes on from our offset; id: under this one */
    UPSTREAM_FAILOVER_DONE, /* our PSYNC … FAILOVER was taken */
    UPSTREAM_FAILOVER_REFUSED,
};

struct upstream_action {
    enum upstream_action_kind kind;
    int argc;
    struct bytes words[UPSTREAM_WORDS_MAX]; /* constants, configuration, or text below */
    char text[2][32];
    char id[UPSTREAM_ID_LEN + 1]; /* LOAD: empty where the leader told none (SYNC) */
    uint64_t offset;
    char mark[UPSTREAM_ID_LEN + 1]; /* LOAD: the end mark, or empty: bytes long */
    uint64_t bytes;
    const char *why; /* DROP; NULL: it was asked for */
};

struct upstream_actions {
    int count;
    struct upstream_action items[UPSTREAM_ACTIONS_MAX];
};

/* Borrowed; may change between steps. Empty texts: not set. */
struct upstream_config {
    const char *user, *announce_ip;
    struct bytes password;
    int64_t port;
    uint64_t timeout_ms;
    uint64_t max_staleness_ms; /* 0: any */
    struct bytes fallback;     /* tried where the password is refused */
};

struct upstream {
    const struct upstream_config *config;
    enum upstream_state state;
    bool group;         /* of a durable group: HF SYNC */
    bool failover;      /* PSYNC … FAILOVER is to be said, or waits for its answer */
    bool legacy;        /* the leader knows only SYNC: no offsets, no acknowledgements */
    bool refused;       /* the guard refused the last payload */
    bool falls_back;    /* the password was refused: the fallback's turn, and the other way round */
    bool acks;          /* the leader of this link reads HFACK */
    uint64_t redial_ms; /* WAIT */
    uint64_t retry_ms;
    uint64_t next_ack_ms;
    uint64_t last_input_ms;
    uint64_t down_since_ms; /* not in STREAM since */
    struct {
        const char *name; /* of the commands that GREETING waits for, in order */
        bool must;        /* a refusal is final: AUTH */
    } greetings[UPSTREAM_GREETINGS_MAX];
    int greeting_count, greeting_next;
    struct freshness freshness;
    char id[UPSTREAM_ID_LEN + 1]; /* of FULLRESYNC */
    uint64_t offset;
};

void upstream_init(struct upstream *u, const struct upstream_config *config);
void upstream_step(struct upstream *u, const struct upstream_event *ev,
                   struct upstream_actions *out);
/* When to call with EV_TIMER if nothing else happens; UINT64_MAX: never. */
uint64_t upstream_wake_ms(const struct upstream *u);
/* As ROLE says it: connect, connecting, handshake, sync, connected; none for OFF. */
const char *upstream_word(enum upstream_state state);

#endif
