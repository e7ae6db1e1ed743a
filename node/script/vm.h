/*
 * vm - one Lua state: its memory, counted and bounded, and its walls.
 *
 *   1. a script sees only tables that it made itself, and protected ones, which it can read and never
 *      change, whatever library function it tries: what one script does, no other can see
 *   2. source alone is loaded, never bytecode: Lua does not check what bytecode does
 *   3. a script never makes a VM hold more than script-memory-max: beyond, it gets an error. What we do ourselves,
 *      between scripts, is refused nothing, so a VM that a script has filled can be cleaned up
 *   4. the hook is never taken away, so every coroutine has it, whoever made it and when
 *
 * Stock Lua knows no table that is read-only. A protected table is an empty one whose metatable reads
 * through to the real contents and refuses writes; the functions that go past metatables (rawset, next,
 * table.insert …) are replaced by ones that look for the mark first (protect.c).
 *
 * Owner: embed; vm_init/vm_fini. Functions that take a lua_State may raise Lua errors and are for code that
 * runs under vm_protect.
 */
#ifndef HF_NODE_SCRIPT_VM_H
#define HF_NODE_SCRIPT_VM_H

#include <lauxlib.h>
#include <lua.h>

#include "common/bytes.h"

struct script;

enum {
    VM_HOOK_STEPS = 100000
}; /* instructions between two looks at the clock: about a millisecond */

/* Strings that conversions compare and put, held in the registry so that pushing one allocates nothing. */
enum vm_word {
    VM_ERR,
    VM_OK,
    VM_DOUBLE,
    VM_BIG_NUMBER,
    VM_VERBATIM,
    VM_FORMAT,
    VM_STRING,
    VM_MAP,
    VM_SET,
    VM_SOURCE,
    VM_LINE,
    VM_COUNTED,
    VM_WORDS
};

struct vm {
    struct script *owner;
    lua_State *lua;
    size_t bytes;      /* that Lua holds */
    size_t bytes_max;  /* while a script runs; else SIZE_MAX */
    size_t kept_bytes; /* by the last full collection */
    bool functions;    /* of FCALL, or else of EVAL */
    bool
        loading; /* a function library runs its body: register_function, and little else, is there */
    unsigned runs; /* since the collector was last asked to do a step */
    /* That scripts answered with, and that were counted when the command they called failed. */
    uint64_t known_errors;
};

/* hook is called every VM_HOOK_STEPS instructions, of whatever coroutine. */
void vm_init(struct vm *vm, struct script *owner, bool functions, lua_Hook hook);
void vm_fini(struct vm *vm); /* zeroed: nothing happens */
/* At once what the caller sees, but the helper thread closes the state: that takes a second where it is large. */
void vm_fini_later(struct vm *vm);
struct vm *vm_of(lua_State *L);

/* Runs body where a Lua error, of memory too, ends nothing but body. False: *why says what, cut at its end. */
bool vm_protect(struct vm *vm, void (*body)(lua_State *L, void *arg), void *arg,
                struct errmsg *why);
/* The same for what a client sent: no more than script-memory-max, and afterwards the collector has a turn, of a
 * step from time to time, so that it never has a large one to do, or a whole one where much was left behind. */
bool vm_run(struct vm *vm, void (*body)(lua_State *L, void *arg), void *arg, struct errmsg *why);

void vm_push_word(lua_State *L, enum vm_word word);

/* ---- protect.c: tables that only look like tables ------------------------------------------ */

/* The table on the top becomes the contents of a protected one, which takes its place. */
void vm_protect_table(lua_State *L);
/* The same for globals: reading what is not there is an error too. */
void vm_protect_globals(lua_State *L);
/* Replaces the functions of the standard libraries that would go past the protection. The libraries are
 * in the globals table, still unprotected. */
void vm_guard_libraries(lua_State *L);
/* Is the value a protected table? */
bool vm_is_protected(lua_State *L, int index);
/* The contents of the globals: what is set there, scripts see. */
void vm_push_globals(lua_State *L);
/* From now on scripts see these globals instead: the table on the top, which is popped. */
void vm_show_globals(lua_State *L);
#define VM_READONLY "Attempt to modify a readonly table"

/* ---- the libraries of our own: each leaves its table on the stack ------------------------------ */

int vm_open_json(lua_State *L);    /* cjson */
int vm_open_msgpack(lua_State *L); /* cmsgpack */
int vm_open_struct(lua_State *L);  /* struct */
void vm_guard_text(
    lua_State *L); /* string.*: patterns and repetitions that would eat the stack or the clock */
void vm_add_load(lua_State *L); /* load, loadstring: of source */
/* Pushes the function of a source text, or the error; not 0: the error. */
int vm_load(lua_State *L, struct bytes text, const char *name);
void vm_add_random(lua_State *L); /* math.random, math.randomseed */

#endif
