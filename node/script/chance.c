/*
 * chance - math.random as Redis has it: the same sequence for the same seed on every machine, so that a
 * script which draws lots draws the same ones everywhere. The generator is that of lrand48: 48 bits,
 * x' = 0x5DEECE66D x + 11, of which the upper 31 are the number.
 */
#include <math.h>

#include "node/script/script_room.h"

#define NUMBER_MAX 2147483647

static uint64_t seeded(int32_t seed)
{
    return ((uint64_t)(uint32_t)seed << 16) | 0x330E;
}

static int32_t draw(struct script *s)
{
    s->chance = (s->chance * 0x5DEECE66DULL + 0xB) & 0xFFFFFFFFFFFFULL;
    return (int32_t)(s->chance >> 17);
}

static int math_random(lua_State *L)
{
    lua_Number r;
    int low = 1, high;

    if (!run_of(L))
        return luaL_error(L, "math.random can only be called inside a script invocation");
    r = (lua_Number)(draw(vm_of(L)->owner) % NUMBER_MAX) / (lua_Number)NUMBER_MAX;
    switch (lua_gettop(L)) {
    case 0:
        lua_pushnumber(L, r);
        return 1;
    case 1:
        high = luaL_checkint(L, 1);
        luaL_argcheck(L, 1 <= high, 1, "interval is empty");
        break;
    case 2:
        low = luaL_checkint(L, 1);
        high = luaL_checkint(L, 2);
        luaL_argcheck(L, low <= high, 2, "interval is empty");
        break;
    default:
        return luaL_error(L, "wrong number of arguments");
    }
    lua_pushnumber(L, floor(r * (lua_Number)((int64_t)high - low + 1)) + low);
    return 1;
}

static int math_randomseed(lua_State *L)
{
    if (!run_of(L))
        return luaL_error(L, "math.randomseed can only be called inside a script invocation");
    vm_of(L)->owner->chance = seeded((int32_t)luaL_checkint(L, 1));
    return 0;
}

void chance_reset(struct script *s)
{
    s->chance = 0x1234ABCD330E; /* where drand48 begins unseeded */
}

void vm_add_random(lua_State *L)
{
    lua_getglobal(L, "math");
    lua_pushcfunction(L, math_random);
    lua_setfield(L, -2, "random");
    lua_pushcfunction(L, math_randomseed);
    lua_setfield(L, -2, "randomseed");
    lua_pop(L, 1);
}
