/*
 * fuzz_lua - what clients send into Lua: the script and the arguments of EVAL, and libraries, as a text or as
 * a payload. Whatever it is, the answer is one whole reply, a runaway script ends where it is killed, and
 * what the next script finds is what this one found: the walls are walked before and behind it. Libraries
 * come back out of their own dump, out of a file, and out of the commands of an append only file.
 *
 * Each input meets a Lua that is new and a keyspace that is empty. A script is killed after a number of looks
 * of the hook, not of milliseconds, so that the same input always goes the same way.
 *
 * The first byte chooses: bits 0 and 1, enum input; bit 2, RESP3; bit 3, the _RO command; bit 4, a payload
 * gets its version and checksum (so that the fuzzer gets past them); bits 5 to 7, the words behind it.
 */
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/loader.h"
#include "node/persist/persist.h"
#include "node/persist/rdb_write.h"
#include "node/persist/snapshot.h"
#include "node/script/api.h"
#include "node/script/library.h"
#include "node/script/script_room.h"
#include "node/serve/serve.h"
#include "node/types/types.h"
#include "tests/fuzz/fuzz.h"
#include "tests/node/node_harness.h"

enum input {
    SCRIPT,  /* without keys */
    WORDS,   /* of EVAL, a zero byte between two */
    LIBRARY, /* loaded, and each of its functions called */
    PAYLOAD, /* of FUNCTION RESTORE */
};

enum { RESP3 = 4, READ_ONLY = 8, SEALED = 16, POLICY_SHIFT = 5 };
enum { HOOK_STEPS = 1000, LOOKS_MAX = 100, MEMORY_MAX = 4 << 20, BULK_MAX = 1 << 20 };

/* Everything a script can reach from its globals, by name and identity, but for what is its own. */
#define WALK                                                                           \
    "local out, seen = {}, {} "                                                        \
    "local function walk(path, v) "                                                    \
    "  out[#out + 1] = path .. '=' .. (type(v) == 'number' and '' or tostring(v)) "    \
    "  if type(v) ~= 'table' or seen[v] then return end "                              \
    "  seen[v] = true "                                                                \
    "  for k, x in pairs(v) do "                                                       \
    "    if k ~= 'KEYS' and k ~= 'ARGV' then walk(path .. '.' .. tostring(k), x) end " \
    "  end "                                                                           \
    "  local m = getmetatable(v) "                                                     \
    "  if type(m) == 'table' then walk(path .. '()', m) end "                          \
    "end "                                                                             \
    "walk('', _G) "                                                                    \
    "walk('text', getmetatable('')) "                                                  \
    "table.sort(out) "                                                                 \
    "return redis.sha1hex(table.concat(out, ' ')) .. ' ' .. #out"

#define WALLS_LIBRARY "#!lua name=walls\nredis.register_function('walls', function() " WALK " end)"

static const struct command *const rows[] = {
    script_rows,     serve_lolwut_rows,
    string_commands, generic_commands,
    hash_commands,   list_commands,
    set_commands,    zset_commands,
    stream_commands, bitmap_commands,
    hll_commands,    geo_commands,
    sort_commands,   NULL,
};

static struct node node; /* lives as long as the program */
static int looks;

/* ---- one command ------------------------------------------------------------------------------ */

/* In place of the hook that asks the clock. */
static void count_looks(lua_State *L, lua_Debug *ar)
{
    struct run *r = run_of(L);

    if (++looks < LOOKS_MAX)
        return;
    if (r) {
        r->killed = true;
        run_hook(L, ar);
    } else {
        lua_sethook(L, count_looks, LUA_MASKCOUNT, 1);
        api_raise(L, "the library runs for too long");
    }
}

static void watch(const struct script *s)
{
    looks = 0;
    lua_sethook(s->eval.lua, count_looks, LUA_MASKCOUNT, HOOK_STEPS);
    lua_sethook(s->functions.lua, count_looks, LUA_MASKCOUNT, HOOK_STEPS);
}

static void check_reply(struct bytes text)
{
    struct resp_replies r;
    const struct resp_value *v;
    size_t took;

    resp_replies_init(&r);
    r.depth_max = 1 << 16;
    ASSERT(resp_read_reply(&r, text, &v, &took) == RESP_ITEM && took == text.len);
    resp_replies_fini(&r);
}

/* The answer, into out. */
static void ask(int proto, int argc, const struct bytes *argv, struct buf *out)
{
    struct node_world *w = &node.w;
    struct out replies = { 0 };
    struct reply reply = { .out = &replies, .proto = proto };
    struct call c = { .argc = argc,
                      .argv = argv,
                      .reply = &reply,
                      .world = w,
                      .service = w->service,
                      .denies_blocking = true };
    uint64_t now_us = clock_read_us();
    struct errmsg why;

    c.cmd = command_resolve(w->commands, argc, argv, &why);
    ASSERT(c.cmd);
    watch(w->script);
    unit_begin(&w->serve->unit);
    serve_run_inner(w->serve, &c, &now_us);
    unit_end(&w->serve->unit);
    out->len = 0;
    out_copy(&replies, out);
    out_fini(&replies);
    check_reply(buf_bytes(out));
}

#define ASK(out, ...)                                                             \
    ask(2, (int)(sizeof((struct bytes[]){ __VA_ARGS__ }) / sizeof(struct bytes)), \
        (struct bytes[]){ __VA_ARGS__ }, out)

/* ---- what holds around every input ------------------------------------------------------------ */

/* The library of walls, and no other. */
static void build_walls(struct buf *answer)
{
    ASK(answer, BYTES("FUNCTION"), BYTES("FLUSH"));
    ASK(answer, BYTES("FUNCTION"), BYTES("LOAD"), BYTES(WALLS_LIBRARY));
    ASSERT(answer->at[0] == '$');
}

/* What a script, and a function, find. */
static void walk_walls(struct buf *eval, struct buf *function)
{
    ASK(eval, BYTES("EVAL"), BYTES(WALK), BYTES("0"));
    ASSERT(eval->at[0] == '$');
    ASK(function, BYTES("FCALL"), BYTES("walls"), BYTES("0"));
    ASSERT(function->at[0] == '$');
}

static size_t dump_len(void)
{
    struct buf dump = { 0 };
    size_t len;

    ASK(&dump, BYTES("FUNCTION"), BYTES("DUMP"));
    len = dump.len;
    buf_fini(&dump);
    return len;
}

static void check_dump(void)
{
    struct buf dump = { 0 }, answer = { 0 };
    struct bytes payload;

    ASK(&dump, BYTES("FUNCTION"), BYTES("DUMP"));
    payload = buf_bytes(&dump);
    payload.at = (const char *)memchr(dump.at, '\n', dump.len) + 1;
    payload.len = (size_t)(dump.at + dump.len - 2 - payload.at);
    ASK(&answer, BYTES("FUNCTION"), BYTES("RESTORE"), payload, BYTES("FLUSH"));
    ASSERT(bytes_eq(buf_bytes(&answer), BYTES("+OK\r\n")));
    ASSERT(dump_len() == dump.len);
    buf_fini(&dump);
    buf_fini(&answer);
}

/* What a snapshot holds of the libraries. */
static void put_image(bool commands, struct buf *out)
{
    const struct snapshot *snapshot = persist_snapshot(node.w.persist);
    const struct snapshot_plan plan = { .commands = commands, .compress = true };

    ASSERT(snapshot->libraries(snapshot->libraries_arg, &plan, out) >= 1);
}

static enum err load(struct bytes file, enum loader_end end)
{
    struct loader l;
    struct errmsg why;
    size_t consumed;
    enum err e;

    loader_init(&l, node.w.keyspace, false, true);
    l.end = end;
    watch(node.w.script);
    looks = -LOOKS_MAX; /* libraries together may take longer than each did */
    e = loader_feed(&l, file, 0, &consumed, &why);
    ASSERT(e != OK || (l.ended && consumed == file.len));
    loader_fini(&l);
    return e;
}

/* A file replaces libraries, or joins them, but where one is in both. */
static void check_file(void)
{
    struct buf file = { 0 };
    struct rdb_writer w;
    size_t len = dump_len();

    rdb_write_init(&w, &file, true, true);
    rdb_write_header(&w, rdb_version_for(RDB_NEED_FUNCTIONS, false));
    put_image(false, &file);
    rdb_write_end(&w);
    ASSERT(load(buf_bytes(&file), LOAD_ADDS) == ERR_REFUSED && dump_len() == len);
    ASSERT(load(buf_bytes(&file), LOAD_MERGES) == OK && dump_len() == len);
    ASSERT(load(buf_bytes(&file), LOAD_TAKES_OVER) == OK && dump_len() == len);
    buf_fini(&file);
}

static void check_commands(void)
{
    struct buf commands = { 0 }, answer = { 0 };
    struct bytes left;
    struct resp_reader reader;
    struct resp_request q;
    size_t len = dump_len();

    put_image(true, &commands);
    ASK(&answer, BYTES("FUNCTION"), BYTES("FLUSH"));
    resp_reader_init(&reader, (struct resp_limits){ .argc_max = 3, .bulk_bytes_max = BULK_MAX });
    for (left = buf_bytes(&commands); left.len; left.at += q.bytes, left.len -= q.bytes) {
        ASSERT(resp_read_request(&reader, left, &q) == RESP_ITEM);
        ask(2, q.argc, q.argv, &answer);
        ASSERT(answer.at[0] == '$');
    }
    ASSERT(dump_len() == len);
    resp_reader_fini(&reader);
    buf_fini(&commands);
    buf_fini(&answer);
}

/* ---- inputs ------------------------------------------------------------------------------------- */

static void run_words(unsigned how, struct bytes text)
{
    enum { WORDS_MAX = 64 };
    struct bytes argv[WORDS_MAX] = { how & READ_ONLY ? BYTES("EVAL_RO") : BYTES("EVAL") };
    struct buf answer = { 0 };
    int argc = 1;

    while (argc < WORDS_MAX - 1) {
        const char *zero = (how & 3) == WORDS ? memchr(text.at, '\0', text.len) : NULL;

        argv[argc++] = (struct bytes){ text.at, zero ? (size_t)(zero - text.at) : text.len };
        if (!zero)
            break;
        text.len -= (size_t)(zero + 1 - text.at);
        text.at = zero + 1;
    }
    if (argc == 2)
        argv[argc++] = BYTES("0");
    ask(how & RESP3 ? 3 : 2, argc, argv, &answer);
    buf_fini(&answer);
}

static void call_functions(unsigned how)
{
    struct bytes fcall = how & READ_ONLY ? BYTES("FCALL_RO") : BYTES("FCALL");
    struct map_walk walk = map_walk(&node.w.script->libraries->functions);
    struct buf answer = { 0 };

    for (struct map_node *n; (n = map_walk_next(&walk));) {
        const struct function *f = CONTAINER_OF(n, struct function, node);
        struct bytes argv[] = { fcall, bytes_of(f->name), BYTES("1"), BYTES("key"), BYTES("7") };

        ask(how & RESP3 ? 3 : 2, 5, argv, &answer);
    }
    buf_fini(&answer);
}

static void load_library(unsigned how, struct bytes text)
{
    struct buf answer = { 0 };

    ASK(&answer, BYTES("FUNCTION"), BYTES("LOAD"), text);
    call_functions(how);
    buf_fini(&answer);
}

static void restore(unsigned how, struct bytes text)
{
    static const char *const policies[] = { "append", "REPLACE", "flush", "replace",
                                            "merge",  "",        "append" };
    struct buf payload = { 0 }, answer = { 0 };
    struct bytes argv[5] = { BYTES("FUNCTION"), BYTES("RESTORE") };
    unsigned policy = how >> POLICY_SHIFT;

    buf_add(&payload, text);
    if (how & SEALED)
        rdb_end_functions(&payload);
    argv[2] = buf_bytes(&payload);
    if (policy)
        argv[3] = argv[4] = bytes_of(policies[policy - 1]);
    ask(2, !policy ? 3 : policy < ARRAY_LEN(policies) ? 4 : 5, argv, &answer);
    call_functions(how);
    check_dump();
    if (policy) /* which may have taken the walls along; a FLUSH makes a new Lua */
        build_walls(&answer);
    buf_fini(&payload);
    buf_fini(&answer);
}

static void start(void)
{
    if (node.w.loop)
        return;
    log_set_level(LOG_LEVEL_NOTHING);
    open_node(&node, rows);
    node.set.script_memory_max_bytes = MEMORY_MAX;
    node.set.server.proto_max_bulk_bytes = BULK_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { (const char *)data + 1, size - 1 };
    struct buf walls[4] = { { 0 } };
    bool new_walls;

    if (!size)
        return 0;
    start();
    script_new(&node.w);
    new_walls = (data[0] & 3) == PAYLOAD && data[0] >> POLICY_SHIFT;
    build_walls(&walls[0]);
    walk_walls(&walls[0], &walls[1]);
    switch ((enum input)(data[0] & 3)) {
    case SCRIPT:
    case WORDS:
        run_words(data[0], text);
        break;
    case LIBRARY:
        load_library(data[0], text);
        break;
    case PAYLOAD:
        restore(data[0], text);
        break;
    }
    walk_walls(&walls[2], &walls[3]);
    ASSERT(bytes_eq(buf_bytes(&walls[0]), buf_bytes(&walls[2])));
    ASSERT(new_walls || bytes_eq(buf_bytes(&walls[1]), buf_bytes(&walls[3])));
    if ((data[0] & 3) >= LIBRARY) { /* else there are the walls alone */
        check_dump();
        check_file();
        check_commands();
    }
    for (int i = 0; i < 4; i++)
        buf_fini(&walls[i]);
    script_free(node.w.script);
    keyspace_flush(node.w.keyspace, -1);
    settle_node(&node);
    return 0;
}
