/*
 * run - one script or function while it runs.
 *
 *     run_begin --> Lua … redis.call … Lua --> result, or error, as one reply
 *                        |
 *                     the hook, about every millisecond: over busy-reply-threshold, others get their turn
 *                     (run_busy.c), and SCRIPT KILL ends what has not written yet
 *
 *   1. at most one runs: a script cannot start another
 *   2. nothing is written into the caller's reply before the script has ended and its result was converted
 *   3. killed, not one more instruction of it runs, whatever pcalls stand around it
 *   4. a script that came with the leader's stream is never interrupted: its followers are in the middle of
 *      a unit
 *
 * Owner: on the stack of run_function.
 */
#ifndef HF_NODE_SCRIPT_RUN_H
#define HF_NODE_SCRIPT_RUN_H

#include "common/command.h"
#include "node/script/vm.h"

/* Flags of a function, or of a script with a shebang. */
enum run_flag {
    RUN_NO_WRITES = 1u << 0,
    RUN_ALLOW_OOM = 1u << 1,
    RUN_ALLOW_STALE = 1u << 2,
    RUN_NO_CLUSTER = 1u << 3,
    RUN_CROSS_SLOT = 1u << 4,
    RUN_PLAIN = 1u << 5, /* a script without a shebang: nothing is known of it */
};
/* RUN_… of "no-writes" and its like; 0: no such flag. */
/* The flags of a command that would do what a script with these says; RUN_PLAIN: its row's. */
uint32_t run_command_flags(const struct command *cmd, uint32_t flags);
uint32_t run_flag_of(struct bytes word);
/* The word at this place, and its flag; NULL behind the last. */
const char *run_flag_at(size_t index, uint32_t *out_flag);

/* What redis.set_repl sets. */
enum { REPL_NONE = 0, REPL_AOF = 1, REPL_FOLLOWERS = 2, REPL_ALL = 3 };

struct interlude;

struct run {
    struct script *script;
    struct vm *vm;
    struct call *call; /* EVAL or FCALL */
    const char *name;  /* SHA-1 of a script, name of a function */
    uint32_t flags;    /* enum run_flag */
    bool read_only;    /* EVAL_RO and its like, or no-writes */
    bool was_oom;      /* memory was full as it began */
    bool wrote;
    bool killed;
    bool leaving; /* SHUTDOWN NOSAVE: what it wrote is for nobody */
    int proto;    /* of what redis.call answers: redis.setresp */
    int repl;
    uint64_t start_us, looked_us;
    unsigned calls;              /* of redis.call, to look at the clock now and then */
    struct interlude *interlude; /* NULL: not busy */
};

/* What to run: pushes the function. */
struct run_what {
    struct vm *vm;
    const char *name;
    uint32_t flags;
    int function; /* reference in the registry */
    bool globals; /* KEYS and ARGV are globals (EVAL), or arguments (FCALL) */
};

/* Answers the call: argv[2] says how many keys follow. read_only: of a …_RO command. */
void run_function(struct script *s, struct call *c, const struct run_what *what, bool read_only);
/* The number of keys, or the error was written. not_number: the text for what is no number. */
bool run_want_keys(struct call *c, const char *not_number, int *out_keys);

/* The hook of both states. */
void run_hook(lua_State *L, lua_Debug *ar);
/* The run of this state, or NULL. */
struct run *run_of(lua_State *L);
/* Raises an error where the run was killed. */
void run_check_killed(lua_State *L);
/* For code that spends time without running Lua: asks the clock, as the hook does. */
void run_look(lua_State *L);
/* SCRIPT KILL and FUNCTION KILL. */
void run_kill(struct script *s, struct call *c, bool functions);
/* The message handler: every error becomes a table that knows its place. */
int run_on_error(lua_State *L);

/* ---- run_busy.c ---- */

/* Lets the other clients in, once. True: the run is to end. */
bool run_let_in(struct run *r);
void run_busy_end(struct run *r);

#endif
