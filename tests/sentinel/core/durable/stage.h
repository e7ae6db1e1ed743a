/*
 * stage - one captain, the nodes, voters and operators that a scenario makes up around it, and the trace.
 *
 * Everything is answered at once: what takes time is said by the scenario. Nodes are models that do what is written in
 * node_obeys and no more; the voters' memories are real acceptors, and the captain's proposer is its own.
 */
#ifndef HF_TESTS_SENTINEL_DURABLE_STAGE_H
#define HF_TESTS_SENTINEL_DURABLE_STAGE_H

#include "sentinel/core/acceptor.h"
#include "sentinel/core/durable/captain.h"

enum { START_MS = 100000, STAGE_NODES = 5, STAGE_VOTERS = 5, EVENTS_MAX = 256 };

struct stage_node {
    bool alive;    /* its process runs, */
    bool frozen;   /* and does not answer, */
    bool hangs;    /* or only its thread does, */
    bool cut;      /* or not to me */
    bool passive;  /* promoted, it does not become active */
    bool deaf;     /* promoted, it does not hear of it, until it obeys */
    bool stubborn; /* promoted, it answers and does not lead */
    bool lags;     /* it will not hand over, */
    bool slow;     /* or not before it is told to */
    bool hangs_up; /* it takes a connection, and closes it */
    bool unready;  /* promoted, it says that it cannot lead yet */
    bool up;       /* my line to it */
    struct report report;
    uint64_t beat_ms; /* the last beat of its leader; 0: they come all the time */
};

/* What s2 and the others say when they are asked. */
enum says { SAYS_NOTHING, SAYS_WHAT_IS, SAYS_ALIVE, SAYS_SOFT, SAYS_HARD, SAYS_UNKNOWN };

struct stage_event {
    struct captain_event ev;
    struct receipt receipt;
    struct suspicion suspicion;
    struct lookout lookout;
    struct reg_message message;
    struct charter charter;
    struct wish wish;
    struct place place;
};

struct stage {
    struct captain captain;
    struct charter first;
    struct captain_settings set;
    struct stage_node nodes[STAGE_NODES + 1]; /* n1 .. */
    struct acceptor voters[STAGE_VOTERS + 1]; /* s1 is mine */
    struct acceptor began[STAGE_VOTERS + 1];  /* as they were at the start */
    bool away[STAGE_VOTERS + 1];
    enum says says[STAGE_VOTERS + 1];
    struct stage_event *queue;
    size_t queue_head, queue_count;
    struct captain_actions out;
    struct stage_event held; /* the answer to a HANDOFF */
    uint64_t now_ms, ballot_shown;
    uint64_t put_off_ms;  /* the driver comes so much later than it is wanted, and says so */
    uint64_t mute_accept; /* ACCEPTs are lost */
    bool started, loud;
    struct buf text;
    const char *file;
    int line;
};

_Noreturn void stage_fail(const struct stage *s, const char *format, ...) PRINTF_LIKE(2, 3);
void stage_told(struct stage *s, const char *format, ...) PRINTF_LIKE(2, 3);
void stage_begin(struct stage *s);
/* Queues an event; borrowed until the next. */
struct stage_event *stage_put(struct stage *s, enum captain_event_kind kind);
void stage_play(struct stage *s); /* what is queued, and what follows from it */
void stage_wait(struct stage *s,
                uint64_t ms); /* time passes, with EV_TIME whenever the captain wants it */
void stage_lose_line(struct stage *s, int n, enum down_why why);
/* commands.c: one line of a scenario. */
void stage_line(struct stage *s, const char *line);

#endif
