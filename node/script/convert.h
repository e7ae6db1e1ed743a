/*
 * convert - replies into Lua values and back, as Redis pairs them:
 *
 *     simple {ok=}   error {err=}   integer number   bulk string   null false (RESP3: nil)   array table
 *     RESP3: map {map=}   set {set=}   double {double=}   big number {big_number=}   boolean true, false
 *            verbatim {verbatim_string={string=, format=}}
 *
 * The other way numbers lose their fraction, true is 1, false is null, and nil ends an array.
 */
#ifndef HF_NODE_SCRIPT_CONVERT_H
#define HF_NODE_SCRIPT_CONVERT_H

#include <lua.h>

#include "common/resp.h"

/* Pushes one value. resp is one whole reply that our own writer wrote. */
void convert_to_lua(lua_State *L, struct bytes resp);
/* Pops the value on the top. proto: what redis.setresp said; how to write is the reply's own proto. */
void convert_to_reply(lua_State *L, int proto, struct reply *to);
/* The error on the top, as run_on_error made it, becomes the answer; pops it. */
void convert_error(lua_State *L, const char *name, struct reply *to);

#endif
