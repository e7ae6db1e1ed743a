/*
 * script - Lua in the node: EVAL and its cache of scripts, FUNCTION and its libraries.
 *
 *   1. a script reaches the data through the same rows and struct calls as a client does
 *   2. its effects are one unit
 *   3. EVAL and FCALL have a Lua state each; neither sees anything of the other
 *
 * Owner: main, through script_new/script_free.
 */
#ifndef HF_NODE_SCRIPT_SCRIPT_H
#define HF_NODE_SCRIPT_SCRIPT_H

#include "common/command.h"
#include "node/insight/info.h"

struct node_world;
struct script;

struct script *script_new(struct node_world *w);
void script_free(struct script *s); /* NULL does nothing */

struct script_memory {
    uint64_t eval_vm, function_vm; /* that Lua holds */
    uint64_t scripts, functions;   /* what we keep beside it */
    uint64_t script_count, function_count, library_count;
};
void script_measure(const struct script *s, struct script_memory *out);

extern const struct command script_debug_subs[];
extern const struct command script_rows[]; /* eval … script function fcall … */
extern const struct info_part script_info_parts[];

#endif
