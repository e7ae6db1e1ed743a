/*
 * script_room - what the chapters of this room know of each other; for nobody else.
 */
#ifndef HF_NODE_SCRIPT_SCRIPT_ROOM_H
#define HF_NODE_SCRIPT_SCRIPT_ROOM_H

#include "common/list.h"
#include "common/map.h"
#include "node/script/run.h"
#include "node/script/script.h"
#include "node/world.h"

enum {
    SHA_HEX = 40,
    CACHE_EVAL_MAX = 500, /* scripts that came by EVAL alone; those of SCRIPT LOAD stay */
};

/* One script in the cache. */
struct cached {
    struct map_node node; /* of script->cache, by name */
    struct list used;     /* of script->by_eval, the latest first; unlinked: came by SCRIPT LOAD */
    char sha[SHA_HEX + 1];
    uint32_t flags;
    int function; /* reference in the registry of the state */
    size_t len;
    char text[];
};

struct script {
    struct node_world *world;
    struct vm eval, functions;
    struct run *running; /* NULL: nothing runs */
    bool allows_all;     /* DEBUG SET-DISABLE-DENY-SCRIPTS: commands that are not for scripts too */
    struct map cache;
    struct list by_eval;
    int by_eval_count;
    uint64_t cache_bytes, evicted;
    struct libraries *libraries;
    struct libraries *aside; /* of a file or a full sync that is being loaded; NULL: none */
    uint64_t chance;         /* the state of math.random */
    struct ldb *ldb;         /* NULL: nobody ever debugged */
    /* Of redis.call: grown once, used again. */
    struct bytes *argv;
    int argv_cap;
    struct buf numbers;
    struct out replies; /* what redis.call got */
    struct out result;  /* the reply of the run that ends */
    struct buf flat;    /* a reply of more than one piece */
    struct buf text;    /* what cjson and its like put together */
};

static inline struct script *script_of(const struct call *c)
{
    return ((const struct node_world *)c->world)->script;
}

/* ---- eval.c ---- */

uint32_t eval_flags(const struct call *c);
uint32_t evalsha_flags(const struct call *c);
void cmd_eval(struct call *c);
void cmd_eval_ro(struct call *c);
void cmd_evalsha(struct call *c);
void cmd_evalsha_ro(struct call *c);
void cmd_script_load(struct call *c);
void cmd_script_exists(struct call *c);
void cmd_script_show(struct call *c);
void cmd_script_flush(struct call *c);
void cmd_script_kill(struct call *c);
void eval_start(struct script *s);
void eval_stop(struct script *s);

/* chance.c: as before the first number */
void chance_reset(struct script *s);

void sha1_hex(struct bytes data, char out[SHA_HEX + 1]);

#endif
