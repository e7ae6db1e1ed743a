/*
 * library - function libraries: texts whose run registers functions by name.
 *
 *     text --shebang, compile, run--> library { functions } --linked--> libraries by name, functions by name
 *
 *   1. a function's name is unique over all libraries of a set
 *   2. a library that cannot be loaded changes nothing
 *   3. while a library runs, scripts see but redis.register_function, redis.log and the version
 *
 * Sets exist so that RESTORE and a full sync are built aside and take the place of the old one whole. All
 * share the state of FCALL. Owner: libraries_new/libraries_free.
 */
#ifndef HF_NODE_SCRIPT_LIBRARY_H
#define HF_NODE_SCRIPT_LIBRARY_H

#include "common/map.h"
#include "node/script/run.h"

enum { LIBRARY_LOAD_MS = 500 };

struct function {
    struct map_node node;  /* of the set, by folded name, once its library is linked */
    struct function *next; /* of the library */
    char *name, *about;    /* about: its description, or NULL */
    char *folded;          /* the name in small letters: no two differ in their case alone */
    uint32_t flags;        /* enum run_flag */
    int reference;         /* of the callback, in the registry */
    struct library *library;
};

struct library {
    struct map_node node; /* of the set, by name */
    char *name;
    struct function *functions;
    size_t count;
    size_t len;
    char text[];
};

struct libraries {
    struct vm *vm;
    struct map by_name, functions;
    uint64_t bytes;
};

struct libraries *libraries_new(struct vm *vm);
void libraries_free(struct libraries *l); /* NULL does nothing */

/* Runs text and links what it registered. replace: in the place of one with the same name. limited: no
 * longer than LIBRARY_LOAD_MS. The name is the library's. ERR_REFUSED: *out_why is what Redis says. */
enum err libraries_load(struct libraries *l, struct bytes text, bool replace, bool limited,
                        const char **out_name, struct errmsg *out_why) MUST_CHECK;
struct library *libraries_find(const struct libraries *l, struct bytes name);
struct function *libraries_function(const struct libraries *l, struct bytes name);
struct library *libraries_any(const struct libraries *l); /* NULL: there is none */
void libraries_delete(struct libraries *l, struct library *x);
/* Moves everything of `from`, which is empty then. Without replace a library of both refuses; a function of
 * two libraries always does. ERR_REFUSED: nothing has changed. */
enum err libraries_join(struct libraries *l, struct libraries *from, bool replace,
                        struct errmsg *out_why) MUST_CHECK;

/* For the hook, while a library runs. */
void library_check_time(lua_State *L);
/* The globals of a library that runs, made once for a state. */
void library_prepare(struct vm *vm);

#endif
