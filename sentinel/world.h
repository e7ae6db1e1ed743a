/*
 * world - the sentinel's rooms, by pointer and forward-declared: a handler reaches the room whose
 * header it includes, and no room learns of another by accident. main.c fills it; call->world points
 * to it.
 *
 * serve and drive stand beside each other and do not include each other. What one needs of the other,
 * main.c wires: drive gets serve's two functions for answers and publications (serve/serve.h), serve
 * gets the functions below.
 */
#ifndef HF_SENTINEL_WORLD_H
#define HF_SENTINEL_WORLD_H

#include "common/bytes.h"

struct captain;
struct dial_options;
struct drive;
struct durable_request;
struct helms;
struct history;
struct http;
struct inquiries;
struct metrics;
struct news;
struct orders;
struct ev_loop;
struct event;
struct reg_message;
struct sentinel;
struct sentinel_settings;
struct server_net;
struct service;
struct settings;
struct state;
struct suspicion;
struct lookout;
struct tally;
struct trends;
struct voters;

/* What the counters of the service moved in the last full second or so. */
struct serve_rates {
    uint64_t at_ms; /* when the counters below were read */
    uint64_t commands, bytes_in, bytes_out;
    double commands_per_s, bytes_in_per_s, bytes_out_per_s;
};

struct sentinel_world {
    struct ev_loop *loop;
    struct settings *settings;     /* the table */
    struct sentinel_settings *set; /* its values */
    struct sentinel *core;         /* read by all, changed by raise alone */
    struct drive *drive;           /* links to nodes and peers */
    struct state *state;           /* journal and sentinel.conf */
    struct voters *voters;         /* the registers of durable groups */
    struct helms *helms;           /* and their captains */
    struct service *service;       /* client sessions */
    struct server_net *net;        /* doors and certificates */
    struct http *http;             /* metrics */
    struct metrics *metrics;
    struct news *news;           /* the last of what was published */
    struct tally *tally;         /* of what was published */
    struct history *history;     /* the last failovers */
    struct trends *trends;       /* of what nodes said in their INFO */
    struct orders *orders;       /* over HTTP, not answered yet */
    struct inquiries *inquiries; /* likewise */
    char run_id[41];             /* of this process, not the sentinel's id */
    uint64_t started_ms;         /* boot time */
    struct serve_rates rates;    /* kept by serve */

    /* One event for the core, now: fills in its time, steps, obeys. The answer to ev->token comes
     * through serve_answer, before this returns or later. */
    void (*raise)(struct sentinel_world *w, struct event *ev);
    /* Commands sent to this node or peer and not answered yet. */
    uint32_t (*pending)(struct sentinel_world *w, uint64_t id);
    /* A proposer's message for one of our voters; and who is our voter for this group, made where there is none. What
     * they answer comes through serve_told, before this returns or later. */
    void (*hear)(struct sentinel_world *w, uint64_t token, const struct reg_message *m);
    void (*enrol)(struct sentinel_world *w, uint64_t token, struct bytes group);
    /* Protected mode: is there a node or a peer at this address? */
    bool (*acquainted)(struct sentinel_world *w, const char *ip);
    /* How to reach a node; false: it was forgotten meanwhile. */
    bool (*destination)(struct sentinel_world *w, uint64_t id, struct dial_options *o);
    /* The history has changed: its file follows. */
    void (*keep_history)(struct sentinel_world *w);
    /* A durable group's captain: an operator's request, whose answer comes through serve_requested; what another captain
     * says (false: of no group of ours); and the captain itself, NULL where the group is not durable. */
    void (*request)(struct sentinel_world *w, const char *group, const struct durable_request *r);
    bool (*suspect)(struct sentinel_world *w, bool asks, const struct suspicion *s);
    bool (*lookout)(struct sentinel_world *w, const struct lookout *l); /* the same of a node */
    const struct captain *(*captain)(struct sentinel_world *w, const char *group);
    /* sentinel.conf is written now. */
    enum err (*flush)(struct sentinel_world *w, struct errmsg *out_why);
    /* Users changed: sentinel.conf follows. */
    void (*keep_users)(struct sentinel_world *w);
    /* Ends the process in order, after this turn of the loop. */
    void (*stop)(struct sentinel_world *w);
};

#endif
