/*
 * play - one core, the names a scenario gives to what it sees, and the trace of its actions.
 */
#ifndef HF_TESTS_SENTINEL_PLAY_H
#define HF_TESTS_SENTINEL_PLAY_H

#include "sentinel/core/sentinel.h"

enum { START_MS = 100000, WORDS_MAX = 32, NAMES = 10, PEER_PORT = 26379, NODE_PORT = 6379 };

struct play {
    struct sentinel core;
    struct config config;
    struct actions out;
    struct buf text; /* the file as it should be */
    uint64_t now_ms;
    bool loud, loaded;
    bool node_alive[NAMES], peer_alive[NAMES];
    uint64_t ask_tag[NAMES]; /* of the last ACT_ASK to that peer */
    uint64_t role_tag[NAMES], state_tag[NAMES];
    const char *file;
    int line;
};

_Noreturn void play_fail(const struct play *p, const char *format, ...) PRINTF_LIKE(2, 3);
void play_peer_id(int i, char out[ID_LEN + 1]);
struct addr play_node_addr(int i);
struct addr play_peer_addr(int i);
/* "n3" -> 3; fails on anything else. */
int play_number(const struct play *p, const char *word, char letter);
struct node *play_find_node(const struct play *p, int i);
struct peer *play_find_peer(const struct play *p, int i);
/* n3, s2, or "gone". */
void play_put_instance(struct play *p, uint64_t id);
/* One event, now; its actions join the trace unless shown is false. */
void play_step(struct play *p, struct event *ev, bool shown);
/* Time passes, with EV_TIME whenever the core wants it. */
void play_wait(struct play *p, uint64_t ms, bool shown);

/* commands.c: runs one line of a scenario. */
void play_line(struct play *p, const char *line);

#endif
