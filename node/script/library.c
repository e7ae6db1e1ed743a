#include "node/script/library.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/serve/service.h"
#include "node/script/api.h"
#include "node/script/shebang.h"

#define BAD_NAME                                                                                   \
    "Library names can only contain letters, numbers, or underscores(_) and must be at least one " \
    "character long"

/* What runs now; a state runs one library at a time. */
static struct {
    struct library *library;
    uint64_t deadline_us; /* 0: none */
} loading;

static char load_globals; /* its address is the registry's key */

/* ---- functions and libraries ------------------------------------------------------------------------ */

static void fold_into(char *out, struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        out[i] = (char)tolower((unsigned char)name.at[i]);
}

static char *fold(struct bytes name)
{
    char *folded = xmemdup0(name.at, name.len);

    fold_into(folded, name);
    return folded;
}

static void function_free(struct vm *vm, struct function *f)
{
    luaL_unref(vm->lua, LUA_REGISTRYINDEX, f->reference);
    xfree(f->name);
    xfree(f->folded);
    xfree(f->about);
    xfree(f);
}

static void library_free(struct vm *vm, struct library *x)
{
    if (!x)
        return;
    while (x->functions) {
        struct function *next = x->functions->next;

        function_free(vm, x->functions);
        x->functions = next;
    }
    xfree(x->name);
    xfree(x);
}

static struct library *library_new(struct bytes name, struct bytes text)
{
    struct library *x = xmalloc(sizeof *x + text.len);

    *x = (struct library){ .name = xmemdup0(name.at, name.len), .len = text.len };
    memcpy(x->text, text.at, text.len);
    return x;
}

static bool good_name(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    return name.len > 0;
}

/* ---- sets --------------------------------------------------------------------------------------- */

static uint64_t weight(const struct library *x)
{
    uint64_t bytes = alloc_size(x) + alloc_size(x->name);

    for (const struct function *f = x->functions; f; f = f->next)
        bytes += alloc_size(f) + alloc_size(f->name) + (f->about ? alloc_size(f->about) : 0);
    return bytes;
}

static void link_library(struct libraries *l, struct library *x)
{
    map_add(&l->by_name, &x->node, bytes_of(x->name));
    for (struct function *f = x->functions; f; f = f->next)
        map_add(&l->functions, &f->node, bytes_of(f->folded));
    l->bytes += weight(x);
}

static void unlink_library(struct libraries *l, struct library *x)
{
    map_remove(&l->by_name, &x->node);
    for (struct function *f = x->functions; f; f = f->next)
        map_remove(&l->functions, &f->node);
    l->bytes -= weight(x);
}

struct libraries *libraries_new(struct vm *vm)
{
    struct libraries *l = xcalloc(1, sizeof *l);

    l->vm = vm;
    return l;
}

struct library *libraries_any(const struct libraries *l)
{
    struct map_walk walk = map_walk(&l->by_name);
    struct map_node *n = map_walk_next(&walk);

    return n ? CONTAINER_OF(n, struct library, node) : NULL;
}

void libraries_free(struct libraries *l)
{
    if (!l)
        return;
    for (struct library *x; (x = libraries_any(l));)
        libraries_delete(l, x);
    map_fini(&l->by_name);
    map_fini(&l->functions);
    xfree(l);
}

struct library *libraries_find(const struct libraries *l, struct bytes name)
{
    struct map_node *n = map_find(&l->by_name, name);

    return n ? CONTAINER_OF(n, struct library, node) : NULL;
}

struct function *libraries_function(const struct libraries *l, struct bytes name)
{
    char small[64]; /* a call looks here: most names need no allocation */
    AUTO_FREE char *large = name.len > sizeof small ? xmalloc(name.len) : NULL;
    char *folded = large ? large : small;
    struct map_node *n;

    fold_into(folded, name);
    n = map_find(&l->functions, (struct bytes){ folded, name.len });
    return n ? CONTAINER_OF(n, struct function, node) : NULL;
}

void libraries_delete(struct libraries *l, struct library *x)
{
    unlink_library(l, x);
    library_free(l->vm, x);
}

/* A function of x that another library has already, but for the one that x is to replace. */
static const struct function *clash(const struct libraries *l, const struct library *x)
{
    for (const struct function *f = x->functions; f; f = f->next) {
        const struct function *other = libraries_function(l, bytes_of(f->name));

        if (other && strcmp(other->library->name, x->name) != 0)
            return f;
    }
    return NULL;
}

/* A replaced library goes with its functions, so a name may move from one replaced library to another. */
static const struct function *clash_of_join(const struct libraries *l, const struct library *x,
                                            const struct libraries *from)
{
    for (const struct function *f = x->functions; f; f = f->next) {
        const struct function *other = libraries_function(l, bytes_of(f->name));

        if (other && !libraries_find(from, bytes_of(other->library->name)))
            return f;
    }
    return NULL;
}

static enum err may_join(const struct libraries *l, const struct libraries *from, bool replace,
                         struct errmsg *out_why)
{
    struct map_walk walk = map_walk(&from->by_name);

    for (struct map_node *n; (n = map_walk_next(&walk));) {
        const struct library *x = CONTAINER_OF(n, struct library, node);
        const struct function *f;

        if (!replace && libraries_find(l, bytes_of(x->name))) {
            errmsg_set(out_why, "Library %s already exists", x->name);
            return ERR_REFUSED;
        }
        f = clash_of_join(l, x, from);
        if (f) {
            errmsg_set(out_why, "Function %s already exists", f->name);
            return ERR_REFUSED;
        }
    }
    return OK;
}

enum err libraries_join(struct libraries *l, struct libraries *from, bool replace,
                        struct errmsg *out_why)
{
    struct map_walk walk = map_walk(&from->by_name);

    if (may_join(l, from, replace, out_why) != OK)
        return ERR_REFUSED;
    for (struct map_node *n; (n = map_walk_next(&walk));) {
        struct library *old = libraries_find(l, n->name);

        if (old)
            libraries_delete(l, old);
    }
    for (struct library *x; (x = libraries_any(from));) {
        unlink_library(from, x);
        link_library(l, x);
    }
    return OK;
}

/* ---- redis.register_function ---------------------------------------------------------------------- */

static bool same_word(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

/* The flags in the table on the top. */
static bool read_flags(lua_State *L, uint32_t *out)
{
    *out = 0;
    for (int i = 1;; i++) {
        uint32_t flag;

        lua_rawgeti(L, -1, i);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            return true;
        }
        flag = lua_isstring(L, -1) ? run_flag_of(bytes_of(lua_tostring(L, -1))) : 0;
        lua_pop(L, 1);
        if (!flag)
            return false;
        *out |= flag;
    }
}

/* What was said of a function; texts and callback stand at stack indices, 0: not said. */
struct registration {
    int name, about, callback;
    uint32_t flags;
};

/* One named argument; the value is on the top and stays there if it is kept. */
static const char *take_named(lua_State *L, const char *key, struct registration *r)
{
    int at = lua_gettop(L);

    if (same_word(key, "function_name")) {
        if (!lua_isstring(L, at))
            return "function_name argument given to redis.register_function must be a string";
        r->name = 3;
        lua_replace(L, 3);
    } else if (same_word(key, "description")) {
        if (!lua_isstring(L, at))
            return "description argument given to redis.register_function must be a string";
        r->about = 4;
        lua_replace(L, 4);
    } else if (same_word(key, "callback")) {
        if (!lua_isfunction(L, at))
            return "callback argument given to redis.register_function must be a function";
        r->callback = 5;
        lua_replace(L, 5);
    } else if (same_word(key, "flags")) {
        if (!lua_istable(L, at))
            return "flags argument to redis.register_function must be a table representing "
                   "function "
                   "flags";
        if (!read_flags(L, &r->flags))
            return "unknown flag given";
        lua_pop(L, 1);
    } else {
        return "unknown argument given to redis.register_function";
    }
    return NULL;
}

static const char *read_named(lua_State *L, struct registration *r)
{
    if (!lua_istable(L, 1))
        return "calling redis.register_function with a single argument is only applicable to Lua "
               "table (representing named arguments).";
    lua_settop(L, 5); /* the table, and four places */
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        const char *why;

        if (!lua_isstring(L, -2))
            return "named argument key given to redis.register_function is not a string";
        lua_pushvalue(L, -2); /* reading a number as text changes it, and the walk needs the key */
        lua_insert(L, -2);
        why = take_named(L, lua_tostring(L, -2), r);
        if (why)
            return why;
        lua_pop(L, 1);
    }
    if (!r->name)
        return "redis.register_function must get a function name argument";
    if (!r->callback)
        return "redis.register_function must get a callback argument";
    return NULL;
}

static const char *read_positional(lua_State *L, struct registration *r)
{
    if (!lua_isstring(L, 1))
        return "first argument to redis.register_function must be a string";
    if (!lua_isfunction(L, 2))
        return "second argument to redis.register_function must be a function";
    r->name = 1;
    r->callback = 2;
    return NULL;
}

static const char *read_registration(lua_State *L, struct registration *r)
{
    switch (lua_gettop(L)) {
    case 1:
        return read_named(L, r);
    case 2:
        return read_positional(L, r);
    default:
        return "wrong number of arguments to redis.register_function";
    }
}

static bool registered(const struct library *x, struct bytes name)
{
    for (const struct function *f = x->functions; f; f = f->next)
        if (bytes_is_word(name, f->folded))
            return true;
    return false;
}

static int register_function(lua_State *L)
{
    struct registration r = { 0 };
    struct library *x = loading.library;
    struct bytes name;
    struct function *f;
    const char *why;
    int reference;

    if (!x || !vm_of(L)->loading)
        return api_raise(L, "redis.register_function can only be called on FUNCTION LOAD command");
    why = read_registration(L, &r);
    if (why)
        return api_raise(L, why);
    name.at = lua_tolstring(L, r.name, &name.len);
    if (!good_name(name))
        return api_raise(L, BAD_NAME);
    if (registered(x, name))
        return api_raise(L, "Function already exists in the library");
    if (r.about)
        lua_tostring(L, r.about);
    lua_pushvalue(L, r.callback);
    reference = luaL_ref(L, LUA_REGISTRYINDEX); /* the last that can fail */
    f = xcalloc(1, sizeof *f);
    *f = (struct function){ .name = xmemdup0(name.at, name.len),
                            .folded = fold(name),
                            .about = r.about ? xstrdup(lua_tostring(L, r.about)) : NULL,
                            .flags = r.flags,
                            .reference = reference,
                            .library = x,
                            .next = x->functions };
    x->functions = f;
    x->count++;
    return 0;
}

/* ---- loading ---------------------------------------------------------------------------------------- */

static int missing(lua_State *L)
{
    return luaL_error(L, "Script attempted to access nonexistent global variable '%s'",
                      lua_isstring(L, 2) ? lua_tostring(L, 2) : luaL_typename(L, 2));
}

static void refuse_missing(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, missing);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

static void build_globals(lua_State *L, void *arg)
{
    (void)arg;
    lua_newtable(L);
    lua_newtable(L);
    api_add_function(L, "register_function", register_function);
    api_add_basics(L);
    refuse_missing(L);
    vm_protect_table(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "redis");
    lua_setfield(L, -2, "server");
    refuse_missing(L);
    lua_pushlightuserdata(L, &load_globals);
    lua_insert(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
}

void library_prepare(struct vm *vm)
{
    struct errmsg why;

    if (!vm_protect(vm, build_globals, NULL, &why))
        assert_failed(why.text, __FILE__, __LINE__);
}

void library_check_time(lua_State *L)
{
    if (!loading.deadline_us || clock_read_us() < loading.deadline_us)
        return;
    lua_sethook(L, run_hook, LUA_MASKCOUNT, 1);
    lua_sethook(vm_of(L)->lua, run_hook, LUA_MASKCOUNT, 1);
    api_raise(L, "FUNCTION LOAD timeout");
}

struct load_job {
    struct bytes text;
    struct errmsg *why;
    bool good;
};

static void registering_failed(lua_State *L, struct errmsg *why)
{
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "err");
        errmsg_set(why, "Error registering functions: %s",
                   lua_isstring(L, -1) ? lua_tostring(L, -1) : "unknown error");
    } else {
        errmsg_set(why, "Error registering functions: ERR %s",
                   lua_isstring(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1));
    }
}

static void run_library(lua_State *L, void *arg)
{
    struct load_job *j = arg;

    lua_pushlightuserdata(L, &load_globals);
    lua_rawget(L, LUA_REGISTRYINDEX);
    vm_show_globals(L);
    if (vm_load(L, j->text, "@user_function") != 0)
        errmsg_set(j->why, "Error compiling function: %s", lua_tostring(L, -1));
    else if (lua_pcall(L, 0, 0, 0) != 0)
        registering_failed(L, j->why);
    else
        j->good = true;
}

static void show_all_globals(lua_State *L, void *arg)
{
    (void)arg;
    vm_push_globals(L);
    vm_show_globals(L);
}

static bool run_text(struct vm *vm, struct library *x, struct bytes text, bool limited,
                     struct errmsg *why)
{
    struct load_job j = { .text = text, .why = why };
    struct errmsg never;

    loading.library = x;
    loading.deadline_us = limited ? clock_read_us() + (uint64_t)LIBRARY_LOAD_MS * 1000 : 0;
    vm->loading = true;
    j.good = vm_run(vm, run_library, &j, why) && j.good;
    vm->loading = false;
    loading.library = NULL;
    lua_sethook(vm->lua, run_hook, LUA_MASKCOUNT, VM_HOOK_STEPS);
    ASSERT(vm_protect(vm, show_all_globals, NULL, &never));
    if (j.good && !x->functions) {
        errmsg_set(why, "No functions registered");
        return false;
    }
    return j.good;
}

static enum err bad_metadata(struct errmsg *why, const char *text)
{
    errmsg_set(why, "%s", text);
    return ERR_REFUSED;
}

static enum err read_name(const struct shebang *b, struct bytes *out_name, struct errmsg *why)
{
    *out_name = (struct bytes){ 0 };
    for (int i = 1; i < b->count; i++) {
        struct bytes w = b->words[i];

        if (w.len < 5 || strncasecmp(w.at, "name=", 5) != 0) {
            errmsg_set(why, "Invalid metadata value given: %.*s", SERVE_SHOWN(w));
            return ERR_REFUSED;
        }
        if (out_name->at)
            return bad_metadata(why,
                                "Invalid metadata value, name argument was given multiple times");
        *out_name = (struct bytes){ w.at + 5, w.len - 5 };
    }
    return out_name->at ? OK : bad_metadata(why, "Library name was not given");
}

static enum err read_metadata(const struct shebang *b, struct bytes *out_name, struct errmsg *why)
{
    struct bytes engine = { b->words[0].at + 2, b->words[0].len - 2 };

    if (read_name(b, out_name, why) != OK)
        return ERR_REFUSED;
    if (!good_name(*out_name))
        return bad_metadata(why, BAD_NAME);
    if (bytes_is_word(engine, "lua"))
        return OK;
    errmsg_set(why, "Engine '%.*s' not found", SERVE_SHOWN(engine));
    return ERR_REFUSED;
}

static enum err load(struct libraries *l, const struct shebang *b, struct bytes text, bool replace,
                     bool limited, const char **out_name, struct errmsg *why)
{
    struct bytes name;
    struct library *old, *x;
    const struct function *twice;

    if (read_metadata(b, &name, why) != OK)
        return ERR_REFUSED;
    old = libraries_find(l, name);
    if (old && !replace) {
        errmsg_set(why, "Library '%s' already exists", old->name);
        return ERR_REFUSED;
    }
    x = library_new(name, text);
    if (!run_text(l->vm, x, b->rest, limited, why))
        goto refused;
    twice = clash(l, x);
    if (twice) {
        errmsg_set(why, "Function %s already exists", twice->name);
        goto refused;
    }
    if (old)
        libraries_delete(l, old);
    link_library(l, x);
    *out_name = x->name;
    return OK;

refused:
    library_free(l->vm, x);
    return ERR_REFUSED;
}

enum err libraries_load(struct libraries *l, struct bytes text, bool replace, bool limited,
                        const char **out_name, struct errmsg *out_why)
{
    struct shebang b;
    enum err e;

    if (text.len < 2 || memcmp(text.at, "#!", 2) != 0)
        return bad_metadata(out_why, "Missing library metadata");
    if (!shebang_read(text, &b))
        return bad_metadata(out_why, "Invalid library metadata");
    e = load(l, &b, text, replace, limited, out_name, out_why);
    shebang_fini(&b);
    return e;
}
