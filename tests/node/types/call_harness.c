#include "tests/node/types/call_harness.h"

#include <string.h>

#include "common/clock.h"
#include "common/settings.h"
#include "node/types/types.h"

enum { WORDS_MAX = 64 };

static struct harness *current; /* the keyspace's clock has no argument */

static uint64_t wall(void)
{
    return current->now_ms;
}

static void heard_event(void *arg, enum notify_class class, const char *name, int db,
                        struct bytes key)
{
    struct harness *h = arg;

    if (class != NOTIFY_NEW && class != NOTIFY_KEYMISS)
        buf_printf(&h->events, "%s:%.*s ", name, (int)key.len, key.at);
}

static void heard_parts(void *arg, int db, struct bytes key, const struct bytes *names, int count)
{
    struct harness *h = arg;

    buf_printf(&h->events, "HDEL(%.*s", (int)key.len, key.at);
    for (int i = 0; i < count; i++)
        buf_printf(&h->events, " %.*s", (int)names[i].len, names[i].at);
    buf_puts(&h->events, ") ");
}

void harness_init(struct harness *h)
{
    struct keyspace_options options = {
        .databases = 4,
        .wall_ms = wall,
        .hooks = { .arg = h, .event = heard_event, .parts_expired = heard_parts }
    };

    *h = (struct harness){ .now_ms = 1000000 };
    current = h;
    clock_turn();
    h->ks = keyspace_new(&options);
    types_register(h->ks);
    h->world.keyspace = h->ks;
    h->commands = command_table_new();
    command_table_add(h->commands, string_commands);
    command_table_add(h->commands, generic_commands);
    command_table_add(h->commands, hash_commands);
    command_table_add(h->commands, list_commands);
    command_table_add(h->commands, set_commands);
    command_table_add(h->commands, zset_commands);
    command_table_add(h->commands, stream_commands);
    command_table_add(h->commands, bitmap_commands);
    command_table_add(h->commands, hll_commands);
    command_table_add(h->commands, geo_commands);
    command_table_add(h->commands, sort_commands);
}

void harness_fini(struct harness *h)
{
    keyspace_check(h->ks);
    keyspace_free(h->ks);
    command_table_free(h->commands);
    buf_fini(&h->events);
    buf_fini(&h->text);
}

static void print_value(struct buf *out, const struct resp_value *v)
{
    switch (v->kind) {
    case RESP_SIMPLE:
        buf_putc(out, '+');
        break;
    case RESP_ERROR:
        buf_putc(out, '-');
        break;
    case RESP_INTEGER:
        buf_printf(out, ":%lld", (long long)v->integer);
        return;
    case RESP_NULL:
        buf_puts(out, "$-");
        return;
    case RESP_ARRAY:
    case RESP_MAP:
        buf_printf(out, "*%zu[", v->count);
        for (size_t i = 0; i < v->count * (v->kind == RESP_MAP ? 2 : 1); i++) {
            if (i)
                buf_putc(out, ' ');
            print_value(out, &v->items[i]);
        }
        buf_putc(out, ']');
        return;
    default:
        buf_putc(out, '$');
        break;
    }
    buf_add(out, v->text);
}

static void print_reply(struct buf *out, const struct out *reply)
{
    struct buf bytes = { 0 };
    struct resp_replies reader;
    const struct resp_value *v;
    size_t used;

    out_copy(reply, &bytes);
    resp_replies_init(&reader);
    ASSERT(resp_read_reply(&reader, buf_bytes(&bytes), &v, &used) == RESP_ITEM);
    ASSERT(used == bytes.len); /* one reply and no more */
    print_value(out, v);
    resp_replies_fini(&reader);
    buf_fini(&bytes);
}

static void print_effects(struct buf *out, const struct call *c)
{
    struct resp_reader reader;
    struct resp_request request;
    struct bytes rest = buf_bytes(c->effects);

    if (!(c->cmd->flags & CMD_WRITE))
        return;
    if (!(c->intents & INTENT_EFFECT)) {
        buf_puts(out, c->intents & INTENT_NO_EFFECT ? " / -" : "");
        return;
    }
    resp_reader_init(&reader, (struct resp_limits){ 1000, 1 << 20, 1 << 16 });
    for (bool first = true; rest.len; first = false) {
        ASSERT(resp_read_request(&reader, rest, &request) == RESP_ITEM);
        buf_puts(out, first ? " / " : "; ");
        for (int i = 0; i < request.argc; i++) {
            buf_puts(out, i ? " " : "");
            buf_add(out, request.argv[i]);
        }
        rest.at += request.bytes;
        rest.len -= request.bytes;
    }
    resp_reader_fini(&reader);
}

const char *harness_ask_argv(struct harness *h, int argc, const struct bytes *argv)
{
    struct errmsg error;
    struct out out = { 0 };
    struct buf effects = { 0 };
    struct reply reply = { .out = &out, .proto = 2 };
    const struct command *cmd = command_resolve(h->commands, argc, argv, &error);
    struct call c = { .cmd = cmd,
                      .argv = argv,
                      .argc = argc,
                      .reply = &reply,
                      .db = h->db,
                      .world = &h->world,
                      .from_leader = h->from_leader,
                      .effects = &effects };

    h->text.len = 0;
    h->events.len = 0;
    if (cmd) {
        cmd->run(&c);
        print_reply(&h->text, &out);
        print_effects(&h->text, &c);
    } else {
        buf_printf(&h->text, "-%s", error.text);
    }
    out_fini(&out);
    buf_fini(&effects);
    return buf_text(&h->text);
}

const char *harness_ask(struct harness *h, const char *line)
{
    struct bytes words[WORDS_MAX];
    struct buf storage = { 0 };
    const char *answer;
    int count;

    ASSERT(settings_split(bytes_of(line), &storage, words, WORDS_MAX, &count) == OK);
    answer = harness_ask_argv(h, count, words);
    buf_fini(&storage);
    return answer;
}
