/*
 * fuzz_upstream - a leader that may say anything: each line of the input is one event for the follower's side of
 * the replication handshake. What comes out is bounded, and what is to be adopted is sound.
 *
 * The first letter of a line says what happens: u connected, d the connection ended, i bytes came, l and r the
 * payload was loaded or refused, a an acknowledgement is asked for, f FAILOVER is to be said, t a second passed, y HF
 * SYNC is to be said, n it was answered without a stream; any other is the beginning of a line that the leader said.
 */
#include <string.h>

#include "node/oplog/oplog.h"
#include "node/replica/upstream.h"
#include "tests/fuzz/fuzz.h"

static const char own_id[] = "0123456789012345678901234567890123456789";

/* A history's name stands in INFO and goes out to followers: it is one word of a fixed length. */
static void check_id(const char *id)
{
    ASSERT(strlen(id) == UPSTREAM_ID_LEN);
    for (; *id; id++)
        ASSERT(*id > ' ' && *id < 0x7f);
}

static void check_action(const struct upstream *u, const struct upstream_action *a)
{
    switch (a->kind) {
    case UPSTREAM_SEND:
        ASSERT(a->argc > 0 && a->argc <= UPSTREAM_WORDS_MAX);
        for (int i = 0; i < a->argc; i++)
            ASSERT(a->words[i].at);
        break;
    case UPSTREAM_LOAD:
        ASSERT((a->id[0] == '\0') == u->legacy && (a->mark[0] == '\0') == (a->bytes != 0));
        if (a->id[0])
            check_id(a->id);
        ASSERT(a->offset <= OPLOG_OFFSET_MAX);
        break;
    case UPSTREAM_CONTINUE:
        check_id(a->id);
        break;
    default:
        break;
    }
}

static struct upstream_event event_of(struct upstream *u, struct bytes line)
{
    static const struct {
        char letter;
        enum upstream_event_kind kind;
        enum err e;
    } kinds[] = {
        { 'u', UPSTREAM_EV_UP, OK },
        { 'd', UPSTREAM_EV_DOWN, OK },
        { 'i', UPSTREAM_EV_INPUT, OK },
        { 'l', UPSTREAM_EV_LOADED, OK },
        { 'r', UPSTREAM_EV_LOADED, ERR_REFUSED },
        { 'c', UPSTREAM_EV_LOADED, ERR_CORRUPT },
        { 'a', UPSTREAM_EV_ACK, OK },
        { 'q', UPSTREAM_EV_ASK, OK },
        { 'e', UPSTREAM_EV_DRAINED, OK },
        { 't', UPSTREAM_EV_TIMER, OK },
        { 's', UPSTREAM_EV_STOP, OK },
        { 'w', UPSTREAM_EV_FOLLOW, OK },
        { 'y', UPSTREAM_EV_SYNC, OK },
        { 'n', UPSTREAM_EV_NO_SYNC, OK },
    };
    struct upstream_event ev = { .kind = UPSTREAM_EV_LINE, .line = line };

    for (size_t i = 0; line.len && i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].letter != line.at[0])
            continue;
        ev.kind = kinds[i].kind;
        ev.e = kinds[i].e;
    }
    u->failover |= line.len && line.at[0] == 'f';
    return ev;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct upstream_config configs[] = {
        { .user = "", .announce_ip = "", .port = 6379, .timeout_ms = 60000 },
        { .user = "bob",
          .password = BYTES("secret"),
          .announce_ip = "10.0.0.1",
          .port = 1,
          .timeout_ms = 5000,
          .max_staleness_ms = 100 },
    };
    struct bytes left;
    struct upstream_actions actions;
    struct upstream_event ev = { .kind = UPSTREAM_EV_FOLLOW };
    struct upstream u;
    uint64_t now_ms = 1;
    bool history;

    if (!size)
        return 0;
    history = data[0] & 2;
    left = (struct bytes){ (const char *)data + 1, size - 1 };
    upstream_init(&u, &configs[data[0] & 1]);
    u.group = data[0] & 4;
    upstream_step(&u, &ev, &actions);
    while (left.len) {
        const char *end = memchr(left.at, '\n', left.len);
        struct bytes line = { left.at, end ? (size_t)(end - left.at) : left.len };

        ev = event_of(&u, line);
        now_ms += ev.kind == UPSTREAM_EV_TIMER ? 1000 : 1;
        ev.now_ms = now_ms;
        ev.view = (struct upstream_view){
            .id = own_id, .offset = now_ms, .history = history, .has_file = history
        };
        upstream_step(&u, &ev, &actions);
        ASSERT(actions.count <= UPSTREAM_ACTIONS_MAX && u.state < UPSTREAM_STATES);
        for (int i = 0; i < actions.count; i++)
            check_action(&u, &actions.items[i]);
        ASSERT((upstream_wake_ms(&u) == UINT64_MAX) ==
               (u.state == UPSTREAM_OFF || (u.group && u.state == UPSTREAM_WAIT)));
        (void)freshness_age_ms(&u.freshness, now_ms);
        left.at += line.len + (end != NULL);
        left.len -= line.len + (end != NULL);
    }
    return 0;
}
