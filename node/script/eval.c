/*
 * eval - scripts by their SHA-1: compiled once, kept, and run.
 *
 *     text --SHA-1--> cache --> reference to a Lua function --> run_function
 *
 * A script that came by EVAL alone may be dropped again: no more than CACHE_EVAL_MAX of them are kept, those
 * used last. One that came by SCRIPT LOAD stays until SCRIPT FLUSH, because its client counts on it.
 */
#include <openssl/evp.h>
#include <string.h>

#include "common/alloc.h"
#include "common/serve/service.h"
#include "node/script/ldb.h"
#include "node/script/script_room.h"
#include "node/script/shebang.h"
#include "node/serve/monitor.h"
#include "node/serve/serve.h"

#define NOSCRIPT "NOSCRIPT No matching script. Please use EVAL."

void sha1_hex(struct bytes data, char out[SHA_HEX + 1])
{
    static EVP_MD *sha1; /* looked up once: that costs more than to hash a script */
    static EVP_MD_CTX *ctx;
    unsigned char digest[SHA_HEX / 2];
    unsigned int len = 0;

    if (!sha1) {
        sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
        ctx = EVP_MD_CTX_new();
        ASSERT(sha1 && ctx);
    }
    ASSERT(EVP_DigestInit_ex2(ctx, sha1, NULL) == 1);
    ASSERT(EVP_DigestUpdate(ctx, data.at, data.len) == 1);
    ASSERT(EVP_DigestFinal_ex(ctx, digest, &len) == 1 && len == sizeof digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[SHA_HEX] = '\0';
}

/* ---- the cache ------------------------------------------------------------------------------------ */

static struct cached *find(const struct script *s, struct bytes sha)
{
    struct map_node *n = map_find(&s->cache, sha);

    return n ? CONTAINER_OF(n, struct cached, node) : NULL;
}

/* As clients write it, in either case. */
static struct cached *find_typed(const struct script *s, struct bytes typed)
{
    char sha[SHA_HEX];

    if (typed.len != SHA_HEX)
        return NULL;
    for (int i = 0; i < SHA_HEX; i++)
        sha[i] = typed.at[i] >= 'A' && typed.at[i] <= 'Z' ? (char)(typed.at[i] + 32) : typed.at[i];
    return find(s, (struct bytes){ sha, SHA_HEX });
}

static void forget(struct script *s, struct cached *x)
{
    if (list_linked(&x->used)) {
        list_remove(&x->used);
        s->by_eval_count--;
    }
    map_remove(&s->cache, &x->node);
    s->cache_bytes -= alloc_size(x);
    xfree(x);
}

/* No Lua error comes of freeing a reference. */
static void evict(struct script *s)
{
    struct cached *x = LIST_ENTRY(s->by_eval.prev, struct cached, used);

    luaL_unref(s->eval.lua, LUA_REGISTRYINDEX, x->function);
    forget(s, x);
    s->evicted++;
}

static void used(struct script *s, struct cached *x)
{
    if (!list_linked(&x->used) || s->by_eval.next == &x->used)
        return;
    list_remove(&x->used);
    list_push_front(&s->by_eval, &x->used);
}

static void may_go(struct script *s, struct cached *x)
{
    if (s->by_eval_count == CACHE_EVAL_MAX)
        evict(s);
    list_push_front(&s->by_eval, &x->used);
    s->by_eval_count++;
}

static void stays(struct script *s, struct cached *x)
{
    if (!list_linked(&x->used))
        return;
    list_remove(&x->used);
    s->by_eval_count--;
}

static struct cached *keep(struct script *s, const char *sha, struct bytes text, uint32_t flags,
                           int function)
{
    struct cached *x = xmalloc(sizeof *x + text.len);

    *x = (struct cached){ .flags = flags, .function = function, .len = text.len };
    memcpy(x->sha, sha, sizeof x->sha);
    memcpy(x->text, text.at, text.len);
    map_add(&s->cache, &x->node, (struct bytes){ x->sha, SHA_HEX });
    s->cache_bytes += alloc_size(x);
    return x;
}

/* ---- compiling ------------------------------------------------------------------------------------ */

static bool read_flags(struct bytes list, uint32_t *flags, struct errmsg *why)
{
    while (list.len) {
        const char *comma = memchr(list.at, ',', list.len);
        struct bytes word = { list.at, comma ? (size_t)(comma - list.at) : list.len };
        uint32_t flag = run_flag_of(word);

        if (!flag) {
            errmsg_set(why, "Unexpected flag in script shebang: %.*s", SERVE_SHOWN(word));
            return false;
        }
        *flags |= flag;
        list.at += word.len + (comma != NULL);
        list.len -= word.len + (comma != NULL);
    }
    return true;
}

static bool read_words(const struct shebang *b, uint32_t *flags, struct errmsg *why)
{
    static const struct bytes flags_word = { "flags=", 6 };

    if (!bytes_is(b->words[0], "#!lua")) {
        errmsg_set(why, "Unexpected engine in script shebang: %.*s", SERVE_SHOWN(b->words[0]));
        return false;
    }
    for (int i = 1; i < b->count; i++) {
        struct bytes w = b->words[i];

        if (w.len < flags_word.len || memcmp(w.at, flags_word.at, flags_word.len) != 0) {
            errmsg_set(why, "Unknown lua shebang option: %.*s", SERVE_SHOWN(w));
            return false;
        }
        w.at += flags_word.len;
        w.len -= flags_word.len;
        if (!read_flags(w, flags, why))
            return false;
    }
    return true;
}

/* *text is what Lua shall see: without the first line, but for its end. */
static bool read_shebang(struct bytes *text, uint32_t *out_flags, struct errmsg *why)
{
    struct shebang b;
    bool good;

    *out_flags = RUN_PLAIN;
    if (text->len < 2 || memcmp(text->at, "#!", 2) != 0)
        return true;
    if (!memchr(text->at, '\n', text->len)) {
        errmsg_set(why, "Invalid script shebang");
        return false;
    }
    if (!shebang_read(*text, &b)) {
        errmsg_set(why, "Invalid engine in script shebang");
        return false;
    }
    *out_flags = 0;
    good = read_words(&b, out_flags, why);
    *text = b.rest;
    shebang_fini(&b);
    return good;
}

struct compiling {
    struct bytes text;
    int function;
    struct errmsg *why;
    bool good;
};

static void compile(lua_State *L, void *arg)
{
    struct compiling *c = arg;

    if (vm_load(L, c->text, "@user_script") != 0) {
        errmsg_set(c->why, "Error compiling script (new function): %s", lua_tostring(L, -1));
        return;
    }
    c->function = luaL_ref(L, LUA_REGISTRYINDEX);
    c->good = true;
}

/* NULL: the call was answered with the reason. */
static struct cached *cached_of(struct script *s, struct call *c, struct bytes text, bool by_eval)
{
    struct errmsg why;
    struct compiling job = { .text = text, .why = &why };
    struct cached *x;
    char sha[SHA_HEX + 1];
    uint32_t flags;

    sha1_hex(text, sha);
    x = find(s, (struct bytes){ sha, SHA_HEX });
    if (x)
        return x;
    if (read_shebang(&job.text, &flags, &why) && vm_run(&s->eval, compile, &job, &why) &&
        job.good) {
        x = keep(s, sha, text, flags, job.function);
        if (by_eval)
            may_go(s, x);
        return x;
    }
    reply_errorf(c->reply, "ERR %s", why.text);
    return NULL;
}

/* ---- commands -------------------------------------------------------------------------------------- */

static void run(struct script *s, struct call *c, struct cached *x, bool read_only)
{
    struct run_what what = {
        .vm = &s->eval, .name = x->sha, .flags = x->flags, .function = x->function, .globals = true
    };

    used(s, x);
    run_function(s, c, &what, read_only);
}

/* A debugged one's reply is written behind the end of its session. */
static void begin(struct call *c, struct bytes source, void (*body)(struct call *c, bool read_only),
                  bool read_only)
{
    struct script *s = script_of(c);
    struct out *to = c->reply->out, reply = { 0 };

    monitor_tell(s->world->serve, c); /* before what the script runs */
    if (LIKELY(!ldb_begin(s, c, source))) {
        body(c, read_only);
        return;
    }
    c->reply->out = &reply;
    body(c, read_only);
    c->reply->out = to;
    ldb_end(s, c, &reply);
    out_fini(&reply);
}

static void eval(struct call *c, bool read_only)
{
    struct script *s = script_of(c);
    struct cached *x;
    int keys;

    if (!run_want_keys(c, "ERR value is not an integer or out of range", &keys))
        return;
    x = cached_of(s, c, c->argv[1], true);
    if (!x)
        return;
    run(s, c, x, read_only);
}

uint32_t eval_flags(const struct call *c)
{
    struct bytes text = c->argv[1];
    struct errmsg why;
    uint32_t flags;

    return read_shebang(&text, &flags, &why) ? run_command_flags(c->cmd, flags) : c->cmd->flags;
}

uint32_t evalsha_flags(const struct call *c)
{
    const struct cached *x = find_typed(script_of(c), c->argv[1]);

    return x ? run_command_flags(c->cmd, x->flags) : c->cmd->flags;
}

void cmd_eval(struct call *c)
{
    begin(c, c->argv[1], eval, false);
}

void cmd_eval_ro(struct call *c)
{
    begin(c, c->argv[1], eval, true);
}

static void evalsha(struct call *c, bool read_only)
{
    struct script *s = script_of(c);
    struct cached *x;
    int keys;

    x = find_typed(s, c->argv[1]);
    if (c->argv[1].len == SHA_HEX &&
        !run_want_keys(c, "ERR value is not an integer or out of range", &keys))
        return;
    if (!x) {
        reply_error(c->reply, NOSCRIPT);
        return;
    }
    run(s, c, x, read_only);
}

static void begin_sha(struct call *c, bool read_only)
{
    const struct cached *x = find_typed(script_of(c), c->argv[1]);

    begin(c, x ? (struct bytes){ x->text, x->len } : c->argv[1], evalsha, read_only);
}

void cmd_evalsha(struct call *c)
{
    begin_sha(c, false);
}

void cmd_evalsha_ro(struct call *c)
{
    begin_sha(c, true);
}

void cmd_script_load(struct call *c)
{
    struct script *s = script_of(c);
    struct cached *x = cached_of(s, c, c->argv[2], false);

    if (!x)
        return;
    stays(s, x);
    reply_text(c->reply, x->sha);
}

void cmd_script_exists(struct call *c)
{
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++)
        reply_int(c->reply, find_typed(script_of(c), c->argv[i]) != NULL);
}

void cmd_script_show(struct call *c)
{
    const struct cached *x = find_typed(script_of(c), c->argv[2]);

    if (x)
        reply_bulk(c->reply, (struct bytes){ x->text, x->len });
    else
        reply_error(c->reply, NOSCRIPT);
}

void eval_start(struct script *s)
{
    list_init(&s->by_eval);
    vm_init(&s->eval, s, false, run_hook);
}

static void forget_scripts(struct script *s)
{
    struct map_walk walk = map_walk(&s->cache);
    struct map_node *n = map_walk_next(&walk);

    while (n) {
        struct map_node *next = map_walk_next(&walk);

        s->cache_bytes -= alloc_size(CONTAINER_OF(n, struct cached, node));
        xfree(CONTAINER_OF(n, struct cached, node));
        n = next;
    }
    map_fini(&s->cache);
    s->cache = (struct map){ 0 };
    s->by_eval_count = 0;
}

void eval_stop(struct script *s)
{
    forget_scripts(s);
    vm_fini(&s->eval);
}

/* A fresh state: whatever scripts left in the old one goes with it. SYNC and ASYNC are one: what takes long is
 * done elsewhere. */
void cmd_script_flush(struct call *c)
{
    struct script *s = script_of(c);
    bool good =
        c->argc == 2 ||
        (c->argc == 3 && (bytes_is_word(c->argv[2], "sync") || bytes_is_word(c->argv[2], "async")));

    if (!good) {
        reply_error(c->reply, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
        return;
    }
    forget_scripts(s);
    vm_fini_later(&s->eval);
    eval_start(s);
    reply_ok(c->reply);
}

void cmd_script_kill(struct call *c)
{
    run_kill(script_of(c), c, false);
}
