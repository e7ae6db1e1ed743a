/*
 * json - the library cjson: Lua values as JSON text and back, as lua-cjson 2.1 does it, limits and error texts
 * included. Debian's package is not used because it counts sizes in int: a text of 400 megabytes makes it spin
 * for ever or write past its buffer.
 */
#ifndef HF_NODE_SCRIPT_JSON_H
#define HF_NODE_SCRIPT_JSON_H

#include <lua.h>

#include "common/bytes.h"

enum json_invalid { JSON_INVALID_OFF, JSON_INVALID_ON, JSON_INVALID_NULL };

#define JSON_BYTES_MAX ((size_t)512 << 20)

struct json_config {
    int sparse_convert, sparse_ratio, sparse_safe;
    int encode_depth_max, decode_depth_max;
    int encode_invalid, decode_invalid;
    int keep_buffer; /* asked for and told; our buffer is the room's */
    int precision;
};

/* Where texts are put together: kept by the room, so that a Lua error loses nothing. */
struct buf *json_scratch(lua_State *L);

int json_encode(lua_State *L); /* upvalue 1: struct json_config */
int json_decode(lua_State *L);

#endif
