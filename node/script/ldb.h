/*
 * ldb - the debugger of scripts: SCRIPT DEBUG SYNC, as `redis-cli --ldb-sync-mode` speaks to it.
 *
 *     EVAL -> * Stopped at 1 ... -> [ command -> lines ]* -> step, continue -> * Stopped at ... -> <endsession>, the reply
 *
 *   1. the client whose EVAL is debugged is spoken to while that runs; its connection ends with the session
 *   2. the script holds the loop as any other does: others are let in meanwhile, and hear that a script runs
 *      (run_busy.c); SCRIPT KILL ends it
 *   3. whoever goes away lets the script run to its end
 *   4. a leader whose replies wait for its followers has no debugger: it could not answer while somebody thinks, and would
 *      be taken for lost
 *   5. what is said of a value is cut at maxlen bytes, what a client says bounded by LDB_HEARD_MAX
 *
 * One client at a time, who said SCRIPT DEBUG last. Nothing of it costs a script anything before that.
 * Lines and texts: redis-server 7.0's, but for the fork of SCRIPT DEBUG YES, which is refused.
 *
 *   ldb.c            the session, and where a script stops
 *   ldb_commands.c   what may be said to it
 *   ldb_show.c       values of Lua, and replies, as a person reads them
 */
#ifndef HF_NODE_SCRIPT_LDB_H
#define HF_NODE_SCRIPT_LDB_H

#include "common/command.h"
#include "common/resp.h"
#include "node/script/run.h"

enum {
    LDB_BREAKPOINTS = 64,
    LDB_SHOWN = 256, /* bytes of a value, unless maxlen says otherwise */
    LDB_SHOWN_LEAST = 60,
    LDB_WORDS = 1024, /* of a command, and bytes of a word */
    LDB_HEARD_MAX = 1 << 20,
    LDB_LOOK_MS = 10,       /* between two turns of the other clients */
    LDB_PATIENCE_MS = 5000, /* of a script that runs on, where busy-reply-threshold says nothing */
};

struct ldb {
    struct script *script;
    uint64_t session_id; /* who said SCRIPT DEBUG; 0: nobody */
    struct link *link;   /* while a script is debugged; else NULL */
    struct bytes source; /* borrowed from the request */
    int line_count;
    int line; /* where it is */
    bool step;
    bool stop;    /* redis.breakpoint() was called */
    bool talking; /* the script stands: what runs now, the client said */
    int breakpoints[LDB_BREAKPOINTS], breakpoint_count;
    size_t shown_max; /* 0: all of it */
    bool hinted;
    struct buf said; /* lines, as RESP has them */
    size_t said_count;
    struct buf entry; /* the line that is being put together */
    struct buf heard;
    size_t taken; /* of it, by the command that is obeyed */
    struct resp_reader reader;
};

/* SCRIPT DEBUG YES, SYNC or NO. */
void cmd_script_debug(struct call *c);
/* The script of this call is to be debugged; source is what its lines are counted in. Ended by ldb_end. */
bool ldb_begin(struct script *s, struct call *c, struct bytes source);
/* Says that the session ends, and then the reply, which is moved; and hangs up. */
void ldb_end(struct script *s, struct call *c, struct out *reply);
void ldb_free(struct script *s);

/* Somebody debugs what runs. */
bool ldb_debugs(const struct script *s);
/* Of the script that stands or steps: what it calls is told. */
bool ldb_steps(const struct script *s);
void ldb_tell_call(struct script *s, int argc, const struct bytes *argv);
void ldb_tell_reply(struct script *s, struct bytes reply);
void ldb_tell_error(struct script *s, const char *sign, const char *text);
/* redis.breakpoint and redis.debug. */
int ldb_breakpoint(lua_State *L);
int ldb_debug(lua_State *L);

/* ---- between the chapters ---- */

/* An entry is put together in d->entry, and said by ldb_say; a value's is cut. */
void ldb_say(struct ldb *d);
void ldb_say_value(struct ldb *d);
void ldb_say_text(struct ldb *d, const char *text);
void ldb_say_line(struct ldb *d, int line);
bool ldb_has_breakpoint(const struct ldb *d, int line);
/* True: the script goes on. May raise an error in the script. */
bool ldb_obey(struct ldb *d, lua_State *L, int argc, const struct bytes *argv);
/* Appends to out; the value stands at index of the stack, which is left as it was. */
void ldb_show_value(struct buf *out, lua_State *L, int index);
void ldb_show_reply(struct buf *out, struct bytes reply, int proto);

#endif
