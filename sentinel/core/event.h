/*
 * event - everything that can happen to a sentinel, with the time it was noticed.
 *
 * The driver fills a struct event on its stack; whatever it points to is borrowed for the one call of
 * sentinel_step. Ids are those the core gave in actions; an event for an id that is gone is ignored,
 * so replies that arrive late need no care. `tag` is echoed from the action that caused the reply.
 * `token` is the asker's own: the answer comes as ACT_REPLY with the same token, usually in the same
 * step and always exactly once.
 *
 * | event             | when the driver raises it                                                   |
 * |-------------------|-----------------------------------------------------------------------------|
 * | EV_LOAD           | once, first: the files were read                                            |
 * | EV_TIME           | sentinel_wake_ms was reached (early or late does no harm)                   |
 * | EV_LINE_UP        | a connection asked for by ACT_DIAL greets: AUTH and SETNAME are answered    |
 * | EV_LINE_DOWN      | it failed or ended; exactly once per ACT_DIAL, never after ACT_HANG_UP      |
 * | EV_PONG           | the reply to ACT_PING                                                       |
 * | EV_INFO           | the reply to ACT_INFO; any other reply: raise nothing               |
 * | EV_HELLO          | a message on a pub/sub line, or PUBLISH by a peer on our own port           |
 * | EV_ROLE_DONE      | the EXEC (or first failing) reply of ACT_ROLE                               |
 * | EV_FAILOVER_DONE  | the reply of ACT_FAILOVER                                                   |
 * | EV_ASK_REPLY      | the reply of ACT_ASK                                                        |
 * | EV_PROBE_REPLY    | the reply of ACT_PROBE: the protocol, 0 for an error                        |
 * | EV_STATE_REPLY    | the reply of ACT_STATE (an error reply: raise nothing)                      |
 * | EV_ASK            | SENTINEL IS-MASTER-DOWN-BY-ADDR arrived                                     |
 * | EV_STATE          | SENTINEL HF STATE arrived                                                   |
 * | EV_MONITOR …      | an operator's command arrived, its words checked by serve                   |
 * | EV_PAUSE          | SENTINEL HF PAUSE, RESUME or PAUSED arrived (pause.h)                       |
 * | EV_CHARTERED      | a group has become durable, is at another level, or is none any more        |
 * | EV_SERVES         | its captain: that node leads by the register, and is active                 |
 * | EV_NEWS           | its captain has something to tell                                           |
 * | EV_SCRIPT_*       | a child was started, could not be started, or ended                         |
 */
#ifndef HF_SENTINEL_CORE_EVENT_H
#define HF_SENTINEL_CORE_EVENT_H

#include "sentinel/core/hello.h"
#include "sentinel/core/info.h"
#include "sentinel/core/view.h"

enum event_kind {
    EV_LOAD,
    EV_TIME,
    EV_LINE_UP,
    EV_LINE_DOWN,
    EV_PONG,
    EV_INFO,
    EV_HELLO,
    EV_ROLE_DONE,
    EV_FAILOVER_DONE,
    EV_ASK_REPLY,
    EV_PROBE_REPLY,
    EV_STATE_REPLY,
    EV_ASK,
    EV_STATE,
    EV_MONITOR,
    EV_REMOVE,
    EV_SET,
    EV_RESET,
    EV_FAILOVER,
    EV_SIMULATE,
    EV_DEBUG,
    EV_GLOBALS,
    EV_PAUSE,
    EV_CHARTERED,
    EV_SERVES,
    EV_NEWS,
    EV_SCRIPT_STARTED,
    EV_SCRIPT_DONE,
    EV_COUNT
};

/* A node has one of each; a peer has LINE_CMD only. */
enum line_kind { LINE_CMD, LINE_PUBSUB, LINE_COUNT };

enum down_why {
    DOWN_CLOSED,      /* was up; FIN or RST, or we could not write */
    DOWN_REFUSED,     /* connect refused: the host lives and nobody listens */
    DOWN_UNREACHABLE, /* any other connect error */
    DOWN_TIMEOUT,     /* not up within timeout_ms */
    DOWN_AUTH,        /* AUTH was refused */
    DOWN_PROTOCOL,    /* rubbish, or a TLS failure */
    DOWN_RESOLVE,     /* the name is not known */
};

enum pong_kind {
    PONG_OK,         /* +PONG */
    PONG_LOADING,    /* -LOADING: alive */
    PONG_MASTERDOWN, /* -MASTERDOWN: alive */
    PONG_BUSY,       /* -BUSY: a script hangs */
    PONG_ERROR,      /* any other reply: not alive, but somebody answers */
};

enum failover_kind {
    FAILOVER_COORDINATED, /* SENTINEL FAILOVER name [COORDINATED] */
    FAILOVER_FORCE,       /* … FORCE: the old way when the leader refuses its FAILOVER command */
};

enum simulate_flag {
    SIMULATE_CRASH_AFTER_ELECTION = 1u << 0,
    SIMULATE_CRASH_AFTER_PROMOTION = 1u << 1
};

/* One option of SENTINEL SET, already parsed; each appears as `+set`. */
struct set_option {
    const char *name;       /* as it is shown in +set: the word the user typed */
    struct bytes values[2]; /* as typed; the second only for rename-command */
    bool incomplete;        /* the last one, and its values are missing */
};

struct event {
    enum event_kind kind;
    uint64_t now_ms; /* boot clock; never less than in the event before */
    uint64_t id;     /* instance: node or peer. 0: none */
    uint64_t tag;    /* echoed from the action; not of a PING or INFO, which need none */
    uint64_t token;  /* whom to answer; 0: nobody */
    union {
        const struct config *load;
        struct {
            enum line_kind kind;
            enum down_why why; /* EV_LINE_DOWN */
            const char
                *local_ip; /* EV_LINE_UP: our end; announced unless announce-ip says otherwise */
            const char *peer_ip; /* EV_LINE_UP: what the host resolved to */
        } line;
        enum pong_kind pong;
        struct {
            const struct info *info;
            struct bytes text; /* for INFO-CACHE; copied */
        } info;
        const struct hello *hello; /* id: the node it was heard on, 0 for PUBLISH */
        struct {
            bool ok;
            struct bytes error; /* the error line when not ok */
        } done;                 /* EV_ROLE_DONE, EV_FAILOVER_DONE */
        struct {
            bool down;
            const char *id; /* leader run id; NULL for `*` */
            uint64_t epoch;
        } ask_reply;
        uint32_t protocol; /* EV_PROBE_REPLY */
        struct {
            const char *from; /* EV_STATE: sender's id. EV_STATE_REPLY: NULL, see id */
            const struct view *view;
        } state;
        struct {
            struct addr leader;
            uint64_t epoch;
            const char *id; /* who asks for a vote; NULL for `*` */
        } ask;
        struct {
            const char *name;
            struct addr addr;
            const char *ip; /* what addr.host resolved to; NULL: it is an address */
            uint32_t quorum;
        } monitor;
        struct {
            const char *name;
        } remove;
        struct {
            const char *name;
            const struct set_option *options; /* checked against their table by the core */
            size_t count;
        } set;
        struct {
            struct bytes pattern;
        } reset;
        struct {
            const char *name;
            enum failover_kind kind;
            struct addr target; /* port 0: the best one */
        } failover;
        uint32_t simulate; /* enum simulate_flag */
        struct {
            enum debug_timer timer;
            uint64_t value_ms;
        } debug;
        struct {
            const char *name;
            uint64_t stamp;   /* of a peer's word; 0: an operator orders it now */
            uint64_t left_ms; /* 0: it ends; PAUSE_FOREVER: until it is resumed */
            uint64_t wall_ms; /* now, by the wall clock */
        } pause;
        const struct globals *globals; /* SENTINEL CONFIG SET, the whole new set */
        struct {
            const char *name;
            bool is;
            const enum keep *level; /* by the register; NULL: that is not known */
        } chartered;
        struct {
            const char *name;
            struct addr leader;
            uint64_t epoch;
            bool mine; /* this sentinel made it lead */
        } serves;
        struct {
            const char *name, *channel, *text;
            bool alarms; /* notification scripts run */
        } news;
        struct {
            uint64_t job;
            int64_t pid;           /* EV_SCRIPT_STARTED */
            int exit_code, signal; /* EV_SCRIPT_DONE; exit_code 99, signal 0: could not start */
        } script;
    };
};

#endif
