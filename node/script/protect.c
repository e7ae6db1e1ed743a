/*
 * protect - tables that scripts read and cannot change.
 *
 *     protected table (empty)  --metatable-->  { __index = contents, __newindex = refuse,
 *                                                __metatable = false or a protected table, [mark] = contents }
 *
 * Whoever reaches the contents themselves could change them, so nothing ever hands them out: next and
 * rawget look them up inside, and what writes past metatables refuses a table that carries the mark.
 */
#include "common/err.h"
#include "node/script/run.h"
#include "node/script/vm.h"

static char mark;       /* its address is the key of the contents in the metatable */
static char globals_at; /* and of the globals in the registry */

/* The standard functions behind ours: C functions without upvalues, the same in every state. */
static struct {
    lua_CFunction rawset, setmetatable, insert, remove, sort, setn, next, rawget;
    lua_CFunction create, wrap, resume;
} originals;

/* Pushes the contents of a protected table; nothing and false where it is none. */
static bool push_contents(lua_State *L, int index)
{
    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return false;
    lua_pushlightuserdata(L, &mark);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    if (lua_istable(L, -1))
        return true;
    lua_pop(L, 1);
    return false;
}

bool vm_is_protected(lua_State *L, int index)
{
    if (!push_contents(L, index))
        return false;
    lua_pop(L, 1);
    return true;
}

static void refuse_protected(lua_State *L)
{
    if (!push_contents(L, 1))
        return;
    lua_pushliteral(L, VM_READONLY);
    lua_error(L);
}

static int refuse_write(lua_State *L)
{
    return luaL_error(L, VM_READONLY);
}

static int guarded_rawset(lua_State *L)
{
    refuse_protected(L);
    return originals.rawset(L);
}

static int guarded_setmetatable(lua_State *L)
{
    refuse_protected(L);
    return originals.setmetatable(L);
}

static int guarded_insert(lua_State *L)
{
    refuse_protected(L);
    return originals.insert(L);
}

/* There is nothing at 1..n in a protected table: nothing to remove or to sort. */
static int guarded_remove(lua_State *L)
{
    if (vm_is_protected(L, 1))
        return 0;
    return originals.remove(L);
}

static int guarded_sort(lua_State *L)
{
    if (vm_is_protected(L, 1))
        return 0;
    return originals.sort(L);
}

static int guarded_setn(lua_State *L)
{
    refuse_protected(L);
    return originals.setn(L);
}

static int guarded_next(lua_State *L)
{
    if (push_contents(L, 1))
        lua_replace(L, 1);
    return originals.next(L);
}

static int guarded_rawget(lua_State *L)
{
    if (push_contents(L, 1))
        lua_replace(L, 1);
    return originals.rawget(L);
}

/* upvalue 1: next. The table that a loop gets is the protected one, not its contents. */
static int guarded_pairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* A script that was killed starts no coroutine and goes back into none: only what runs already is left, and
 * the hook ends that. */
static int guarded_create(lua_State *L)
{
    run_check_killed(L);
    return originals.create(L);
}

static int guarded_wrap(lua_State *L)
{
    run_check_killed(L);
    return originals.wrap(L);
}

static int guarded_resume(lua_State *L)
{
    run_check_killed(L);
    return originals.resume(L);
}

/* As the standard one, whose arithmetic on the ends overflows. */
static int guarded_unpack(lua_State *L)
{
    lua_Integer from, to;

    luaL_checktype(L, 1, LUA_TTABLE);
    from = luaL_optint(L, 2, 1);
    to = luaL_opt(L, luaL_checkint, 3, (int)lua_objlen(L, 1));
    if (from > to)
        return 0;
    if (to - from >= LUAI_MAXCSTACK || !lua_checkstack(L, (int)(to - from + 1)))
        return luaL_error(L, "too many results to unpack");
    for (lua_Integer i = from; i <= to; i++)
        lua_rawgeti(L, 1, (int)i);
    return (int)(to - from + 1);
}

/* An error table comes out of a caught call as its text: scripts written before Redis 7 expect it. */
static int guarded_pcall(lua_State *L)
{
    if (lua_gettop(L) == 0)
        lua_pushboolean(L, 1); /* what Redis finds there to call */
    if (lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0) == 0) {
        lua_pushboolean(L, 1);
        lua_insert(L, 1);
        return lua_gettop(L);
    }
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "err");
        if (lua_isstring(L, -1))
            lua_replace(L, -2);
        else
            lua_pop(L, 1);
    }
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

static lua_CFunction field(lua_State *L, const char *name)
{
    lua_CFunction f;

    lua_getfield(L, -1, name);
    f = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    ASSERT(f);
    return f;
}

static void replace(lua_State *L, const char *name, lua_CFunction with)
{
    lua_pushcfunction(L, with);
    lua_setfield(L, -2, name);
}

static void guard_base(lua_State *L)
{
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    originals.rawset = field(L, "rawset");
    originals.setmetatable = field(L, "setmetatable");
    originals.next = field(L, "next");
    originals.rawget = field(L, "rawget");
    replace(L, "rawset", guarded_rawset);
    replace(L, "setmetatable", guarded_setmetatable);
    replace(L, "next", guarded_next);
    replace(L, "rawget", guarded_rawget);
    replace(L, "unpack", guarded_unpack);
    replace(L, "pcall", guarded_pcall);
    lua_getfield(L, -1, "next");
    lua_pushcclosure(L, guarded_pairs, 1);
    lua_setfield(L, -2, "pairs");
    lua_pop(L, 1);
}

static void guard_tables(lua_State *L)
{
    lua_getglobal(L, "table");
    originals.insert = field(L, "insert");
    originals.remove = field(L, "remove");
    originals.sort = field(L, "sort");
    originals.setn = field(L, "setn");
    replace(L, "insert", guarded_insert);
    replace(L, "remove", guarded_remove);
    replace(L, "sort", guarded_sort);
    replace(L, "setn", guarded_setn);
    lua_pop(L, 1);
}

static void guard_coroutines(lua_State *L)
{
    lua_getglobal(L, "coroutine");
    originals.create = field(L, "create");
    originals.wrap = field(L, "wrap");
    originals.resume = field(L, "resume");
    replace(L, "create", guarded_create);
    replace(L, "wrap", guarded_wrap);
    replace(L, "resume", guarded_resume);
    lua_pop(L, 1);
}

void vm_guard_libraries(lua_State *L)
{
    guard_base(L);
    guard_tables(L);
    guard_coroutines(L);
}

/* ---- protecting ----------------------------------------------------------------------------------- */

/* Contents on the top become a protected table. facade: stack index of what getmetatable tells; 0: false. */
static void wrap(lua_State *L, int facade)
{
    lua_newtable(L); /* contents, table */
    lua_newtable(L); /* contents, table, metatable */
    lua_pushlightuserdata(L, &mark);
    lua_pushvalue(L, -4);
    lua_rawset(L, -3);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    if (facade)
        lua_pushvalue(L, facade);
    else
        lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

void vm_protect_table(lua_State *L)
{
    wrap(L, 0);
}

static int missing_global(lua_State *L)
{
    if (lua_gettop(L) != 2)
        return luaL_error(L, "Wrong number of arguments to luaProtectedTableError");
    if (!lua_isstring(L, 2))
        return luaL_error(L,
                          "Second argument to luaProtectedTableError must be a string or number");
    return luaL_error(L, "Script attempted to access nonexistent global variable '%s'",
                      lua_tostring(L, 2));
}

/* The libraries that are in the contents at this index become protected tables. */
static void protect_members(lua_State *L, int contents)
{
    lua_pushnil(L);
    while (lua_next(L, contents)) {
        if (!lua_istable(L, -1) || lua_rawequal(L, -1, contents) || vm_is_protected(L, -1)) {
            lua_pop(L, 1);
            continue;
        }
        vm_protect_table(L);
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, contents); /* a field that was there: the walk may go on */
    }
}

/* Texts have a metatable of their own, which all of them share. */
static void protect_text_methods(lua_State *L)
{
    lua_pushliteral(L, "");
    if (!lua_getmetatable(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    lua_newtable(L);
    lua_getglobal(L, "string");
    lua_setfield(L, -2, "__index");
    vm_protect_table(L);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

void vm_push_globals(lua_State *L)
{
    lua_pushlightuserdata(L, &globals_at);
    lua_rawget(L, LUA_REGISTRYINDEX);
}

/* Functions keep the table they were compiled with; what is read through it may change. */
void vm_show_globals(lua_State *L)
{
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    lua_getmetatable(L, -1);
    lua_pushlightuserdata(L, &mark);
    lua_pushvalue(L, -4);
    lua_rawset(L, -3);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 3);
}

/* The state's globals table itself goes out of reach: what scripts get as globals is another. */
void vm_protect_globals(lua_State *L)
{
    int contents, facade;

    lua_pushlightuserdata(L, &globals_at);
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    lua_rawset(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    contents = lua_gettop(L);
    protect_members(L, contents);
    protect_text_methods(L);
    lua_newtable(L);
    lua_pushcfunction(L, missing_global);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, -1);
    lua_setmetatable(L, contents); /* a miss in the contents */
    vm_protect_table(L);
    facade = lua_gettop(L);
    lua_pushvalue(L, contents);
    wrap(L, facade);
    lua_pushliteral(L, "_G");
    lua_pushvalue(L, -2);
    lua_rawset(L, contents);
    lua_replace(L, LUA_GLOBALSINDEX);
    lua_settop(L, contents - 1);
}
