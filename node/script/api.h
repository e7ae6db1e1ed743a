/*
 * api - the table `redis` that scripts see (`server` is another name of it), and the way of one
 * redis.call:
 *
 *     Lua arguments -> argv (borrowed) -> checks -> serve_run_inner -> RESP -> Lua value      call.c
 */
#ifndef HF_NODE_SCRIPT_API_H
#define HF_NODE_SCRIPT_API_H

#include <lua.h>

#include "common/bytes.h"

/* Adds `redis` to the globals of a state that is being built. */
void api_add(lua_State *L);
/* redis.log with its levels and the version, into the table on the top: a library has them as it loads. */
void api_add_basics(lua_State *L);
void api_add_function(lua_State *L, const char *name, lua_CFunction f);

/* An error as scripts see it: { err = "CODE text" }, from a text that may begin with "-CODE ". */
void api_push_error(lua_State *L, const char *text);
/* Whole, with its code, as a command would have answered. */
void api_push_answer(lua_State *L, const char *text);
int api_raise(lua_State *L, const char *text);

/* ---- call.c ---- */

int api_call(lua_State *L);
int api_pcall(lua_State *L);
int api_acl_check_cmd(lua_State *L);

#endif
