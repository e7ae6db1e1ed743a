#include "node/script/vm.h"

#include <lualib.h>
#include <string.h>

#include "common/alloc.h"
#include "node/keyspace/keyspace.h"
#include "node/keyspace/trash.h"
#include "node/script/api.h"
#include "node/script/script_room.h"
#include "node/settings.h"

enum {
    COLLECT_EVERY = 50,
    COLLECT_STEP = 50,
    COLLECT_PAUSE = 200, /* Lua's own defaults */
    COLLECT_STEPMUL = 200,
    LEFT_BYTES_MAX = 32 * 1024 * 1024, /* a script that leaves more behind cleans up after itself */
};

int luaopen_bit(lua_State *L);

static char words_at; /* its address is the registry's key */

struct vm *vm_of(lua_State *L)
{
    void *vm;

    lua_getallocf(L, &vm);
    return vm;
}

static void *allocate(void *arg, void *block, size_t had, size_t wanted)
{
    struct vm *vm = arg;
    void *moved;

    if (wanted == 0) {
        vm->bytes -= block ? had : 0;
        xfree(block);
        return NULL;
    }
    if (!block)
        had = 0;
    if (wanted > had && (wanted > vm->bytes_max || vm->bytes - had > vm->bytes_max - wanted))
        return NULL;
    moved = try_realloc(block, wanted);
    if (!moved)
        return wanted <= had ? block : NULL; /* Lua relies on it that shrinking works */
    vm->bytes += wanted - had;
    return moved;
}

/* Everything runs under vm_protect: nobody comes here. */
static int panic(lua_State *L)
{
    ASSERT(!"a Lua error outside of vm_protect");
    return 0;
}

/* ---- one state ---------------------------------------------------------------------------------- */

static void put_words(lua_State *L)
{
    static const char *const words[VM_WORDS] = {
        [VM_ERR] = "err",
        [VM_OK] = "ok",
        [VM_DOUBLE] = "double",
        [VM_BIG_NUMBER] = "big_number",
        [VM_VERBATIM] = "verbatim_string",
        [VM_FORMAT] = "format",
        [VM_STRING] = "string",
        [VM_MAP] = "map",
        [VM_SET] = "set",
        [VM_SOURCE] = "source",
        [VM_LINE] = "line",
        [VM_COUNTED] = "ignore_error_stats_update",
    };

    lua_pushlightuserdata(L, &words_at);
    lua_createtable(L, VM_WORDS, 0);
    for (int i = 0; i < VM_WORDS; i++) {
        lua_pushstring(L, words[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_rawset(L, LUA_REGISTRYINDEX);
}

void vm_push_word(lua_State *L, enum vm_word word)
{
    lua_pushlightuserdata(L, &words_at);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_rawgeti(L, -1, (int)word + 1);
    lua_remove(L, -2);
}

static void open_library(lua_State *L, const char *name, lua_CFunction open)
{
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 0);
}

static void put_global(lua_State *L, const char *name, lua_CFunction open)
{
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
    lua_setglobal(L, name);
}

static void forget_globals(lua_State *L)
{
    static const char *const names[] = { "dofile",  "loadfile", "print",
                                         "getfenv", "setfenv",  "newproxy" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        lua_pushnil(L);
        lua_setglobal(L, names[i]);
    }
}

static void build(lua_State *L, void *arg)
{
    (void)arg;
    put_words(L);
    open_library(L, "", luaopen_base);
    open_library(L, LUA_TABLIBNAME, luaopen_table);
    open_library(L, LUA_STRLIBNAME, luaopen_string);
    open_library(L, LUA_MATHLIBNAME, luaopen_math);
    open_library(L, "bit", luaopen_bit);
    put_global(L, "cjson", vm_open_json);
    put_global(L, "cmsgpack", vm_open_msgpack);
    put_global(L, "struct", vm_open_struct);
    forget_globals(L);
    vm_guard_text(L);
    vm_add_load(L);
    vm_add_random(L);
    vm_guard_libraries(L);
    api_add(L);
    vm_protect_globals(L);
}

void vm_init(struct vm *vm, struct script *owner, bool functions, lua_Hook hook)
{
    struct errmsg why;

    *vm = (struct vm){ .owner = owner, .functions = functions, .bytes_max = SIZE_MAX };
    vm->lua = lua_newstate(allocate, vm);
    ASSERT(vm->lua);
    lua_atpanic(vm->lua, panic);
    if (!vm_protect(vm, build, NULL, &why))
        assert_failed(why.text, __FILE__, __LINE__);
    lua_sethook(vm->lua, hook, LUA_MASKCOUNT, VM_HOOK_STEPS);
}

void vm_fini(struct vm *vm)
{
    if (!vm->lua)
        return;
    lua_close(vm->lua);
    ASSERT(vm->bytes == 0);
    vm->lua = NULL;
}

static void close_apart(void *thing, const void *arg)
{
    struct vm *vm = thing;

    (void)arg;
    vm_fini(vm);
    xfree(vm);
}

void vm_fini_later(struct vm *vm)
{
    struct vm *apart = xmalloc(sizeof *apart);

    *apart = *vm;
    vm->lua = NULL;
    lua_setallocf(apart->lua, allocate, apart);
    keyspace_free_later(
        apart->owner->world->keyspace,
        &(struct trash_item){ .free_fn = close_apart, .thing = apart, .bytes = apart->bytes });
}

struct guarded {
    void (*body)(lua_State *L, void *arg);
    void *arg;
};

static int run_guarded(lua_State *L)
{
    struct guarded *g = lua_touserdata(L, 1);

    lua_settop(L, 0);
    g->body(L, g->arg);
    return 0;
}

bool vm_protect(struct vm *vm, void (*body)(lua_State *L, void *arg), void *arg, struct errmsg *why)
{
    struct guarded g = { .body = body, .arg = arg };

    if (lua_cpcall(vm->lua, run_guarded, &g) == 0)
        return true;
    errmsg_set(why, "%s",
               lua_type(vm->lua, -1) == LUA_TSTRING ? lua_tostring(vm->lua, -1)
                                                    : "execution failure");
    lua_pop(vm->lua, 1);
    return false;
}

static void collect_all(lua_State *L, void *arg)
{
    (void)arg;
    lua_gc(L, LUA_GCCOLLECT, 0);
}

/* What a script did to the collector ends with it. */
static void reset_collector(struct vm *vm)
{
    lua_gc(vm->lua, LUA_GCSETPAUSE, COLLECT_PAUSE);
    lua_gc(vm->lua, LUA_GCSETSTEPMUL, COLLECT_STEPMUL);
    lua_gc(vm->lua, LUA_GCRESTART, 0);
}

/* More than the next script should find taken: measured from what the last full collection had to keep, so
 * that large libraries alone cause none. */
static bool much_is_left(const struct vm *vm, size_t bytes_max)
{
    size_t spare = bytes_max > vm->kept_bytes ? (bytes_max - vm->kept_bytes) / 2 : 0;

    return vm->bytes > vm->kept_bytes + (spare < LEFT_BYTES_MAX ? spare : LEFT_BYTES_MAX);
}

static void collect(struct vm *vm, size_t bytes_max)
{
    struct errmsg never;

    reset_collector(vm);
    if (much_is_left(vm, bytes_max)) {
        ASSERT(vm_protect(vm, collect_all, NULL, &never));
        vm->kept_bytes = vm->bytes;
        vm->runs = 0;
    } else if (++vm->runs >= COLLECT_EVERY) {
        lua_gc(vm->lua, LUA_GCSTEP, COLLECT_STEP);
        vm->runs = 0;
    }
}

bool vm_run(struct vm *vm, void (*body)(lua_State *L, void *arg), void *arg, struct errmsg *why)
{
    size_t bytes_max = vm->owner->world->set->script_memory_max_bytes;
    bool good;

    vm->bytes_max = bytes_max;
    good = vm_protect(vm, body, arg, why);
    vm->bytes_max = SIZE_MAX;
    collect(vm, bytes_max);
    return good;
}
