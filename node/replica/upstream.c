#include "node/replica/upstream.h"

#include <stdio.h>
#include <string.h>

#include "node/oplog/oplog.h"

static struct upstream_action *act(struct upstream_actions *out, enum upstream_action_kind kind)
{
    struct upstream_action *a = &out->items[out->count];

    ASSERT(out->count < UPSTREAM_ACTIONS_MAX);
    out->count++;
    memset(a, 0, sizeof *a);
    a->kind = kind;
    return a;
}

static void say(struct upstream_actions *out, int argc, const struct bytes *words)
{
    struct upstream_action *a = act(out, UPSTREAM_SEND);

    ASSERT(argc <= UPSTREAM_WORDS_MAX);
    a->argc = argc;
    for (int i = 0; i < argc; i++)
        a->words[i] = words[i];
}

static void enter(struct upstream *u, enum upstream_state state, uint64_t now_ms)
{
    if (u->state == UPSTREAM_STREAM && state != UPSTREAM_STREAM)
        u->down_since_ms = now_ms;
    u->state = state;
    u->last_input_ms = now_ms;
}

/* Tries again, a little later each time. Where a Redis has words for why, they are these. */
static void retreat(struct upstream *u, const struct upstream_event *ev, const char *why,
                    struct upstream_actions *out)
{
    struct upstream_action *a = act(out, UPSTREAM_DROP);

    a->why = why;
    freshness_relink(&u->freshness);
    enter(u, UPSTREAM_WAIT, ev->now_ms);
    u->redial_ms = u->group ? UINT64_MAX : ev->now_ms + u->retry_ms;
    u->retry_ms = u->retry_ms * 2 > UPSTREAM_RETRY_MS_MAX ? UPSTREAM_RETRY_MS_MAX : u->retry_ms * 2;
}

static void put_number(char *out, size_t cap, uint64_t n)
{
    snprintf(out, cap, "%llu", (unsigned long long)n);
}

static void say_ack(struct upstream *u, const struct upstream_event *ev,
                    struct upstream_actions *out)
{
    struct upstream_action *a;

    u->next_ack_ms = ev->now_ms + UPSTREAM_ACK_MS;
    if (u->legacy)
        return;
    a = act(out, UPSTREAM_SEND);
    put_number(a->text[0], sizeof a->text[0], ev->view.offset);
    a->argc = 3;
    a->words[0] = BYTES("REPLCONF");
    a->words[1] = BYTES("ACK");
    a->words[2] = bytes_of(a->text[0]);
    if (!ev->view.has_file)
        return;
    put_number(a->text[1], sizeof a->text[1], ev->view.synced);
    a->argc = 5;
    a->words[3] = BYTES("FACK");
    a->words[4] = bytes_of(a->text[1]);
}

static void say_question(struct upstream *u, const struct upstream_event *ev,
                         struct upstream_actions *out)
{
    struct upstream_action *a = act(out, UPSTREAM_SEND);

    put_number(a->text[0], sizeof a->text[0], freshness_ask(&u->freshness, ev->now_ms));
    a->argc = 3;
    a->words[0] = BYTES("REPLCONF");
    a->words[1] = BYTES("hf-echo");
    a->words[2] = bytes_of(a->text[0]);
}

static void greet(struct upstream *u, const char *name, bool must)
{
    u->greetings[u->greeting_count].name = name;
    u->greetings[u->greeting_count].must = must;
    u->greeting_count++;
}

/* AUTH and what the leader should know of us, in one flight; the answers come in order. */
static void say_greetings(struct upstream *u, const struct upstream_event *ev,
                          struct upstream_actions *out)
{
    const struct upstream_config *c = u->config;
    struct bytes password = u->falls_back && c->fallback.len ? c->fallback : c->password;
    struct upstream_action *a;

    u->greeting_count = u->greeting_next = 0;
    u->acks = false;
    if (password.len) {
        say(out, *c->user ? 3 : 2,
            *c->user ? (struct bytes[]){ BYTES("AUTH"), bytes_of(c->user), password }
                     : (struct bytes[]){ BYTES("AUTH"), password });
        greet(u, "AUTH", true);
    }
    a = act(out, UPSTREAM_SEND);
    put_number(a->text[0], sizeof a->text[0], (uint64_t)c->port);
    a->argc = 3;
    a->words[0] = BYTES("REPLCONF");
    a->words[1] = BYTES("listening-port");
    a->words[2] = bytes_of(a->text[0]);
    greet(u, "listening-port", false);
    if (*c->announce_ip) {
        say(out, 3,
            (struct bytes[]){ BYTES("REPLCONF"), BYTES("ip-address"), bytes_of(c->announce_ip) });
        greet(u, "ip-address", false);
    }
    say(out, 5,
        (struct bytes[]){ BYTES("REPLCONF"), BYTES("capa"), BYTES("eof"), BYTES("capa"),
                          BYTES("psync2") });
    greet(u, "capa", false);
    say(out, 3, (struct bytes[]){ BYTES("REPLCONF"), BYTES("hf-ack"), BYTES("1") }); /* acks.c */
    greet(u, "hf-ack", false);
    say(out, 3, (struct bytes[]){ BYTES("REPLCONF"), BYTES("hf-echo"), BYTES("0") });
    greet(u, "hf-echo", false);
    enter(u, UPSTREAM_GREETING, ev->now_ms);
}

static void say_psync(struct upstream *u, const struct upstream_event *ev,
                      struct upstream_actions *out)
{
    struct upstream_action *a = act(out, UPSTREAM_SEND);

    enter(u, UPSTREAM_PSYNC, ev->now_ms);
    snprintf(a->id, sizeof a->id, "%s", ev->view.history ? ev->view.id : "?");
    put_number(a->text[0], sizeof a->text[0], ev->view.offset + 1);
    a->argc = u->failover ? 4 : 3;
    a->words[0] = BYTES("PSYNC");
    a->words[1] = bytes_of(a->id);
    a->words[2] = ev->view.history ? bytes_of(a->text[0]) : BYTES("-1");
    a->words[3] = BYTES("FAILOVER");
}

/* ---- one function per state ------------------------------------------------------------------ */

static bool begins(struct bytes line, const char *word)
{
    size_t len = strlen(word);

    return line.len >= len && !memcmp(line.at, word, len);
}

static void off_event(struct upstream *u, const struct upstream_event *ev,
                      struct upstream_actions *out)
{
}

static void wait_event(struct upstream *u, const struct upstream_event *ev,
                       struct upstream_actions *out)
{
    if (ev->now_ms < u->redial_ms)
        return;
    enter(u, UPSTREAM_DIALLING, ev->now_ms);
    act(out, UPSTREAM_DIAL);
}

static void dialling_event(struct upstream *u, const struct upstream_event *ev,
                           struct upstream_actions *out)
{
    if (ev->kind != UPSTREAM_EV_UP)
        return;
    if (u->group) { /* one of ours, which answers all of it in order: one flight instead of three */
        say_greetings(u, ev, out);
        act(out, UPSTREAM_SYNC);
        return;
    }
    say(out, 1, (struct bytes[]){ BYTES("PING") });
    enter(u, UPSTREAM_PING, ev->now_ms);
}

/* A leader that wants AUTH first says so here, and that is fine; one whose disk fails had better be
 * copied. */
static void ping_event(struct upstream *u, const struct upstream_event *ev,
                       struct upstream_actions *out)
{
    if (ev->kind != UPSTREAM_EV_LINE || !ev->line.len)
        return;
    if (begins(ev->line, "+") || begins(ev->line, "-NOAUTH") || begins(ev->line, "-NOPERM") ||
        begins(ev->line, "-ERR operation not permitted") || begins(ev->line, "-MISCONF"))
        say_greetings(u, ev, out);
    else
        retreat(u, ev, "Error reply to PING from master", out);
}

static void greeting_event(struct upstream *u, const struct upstream_event *ev,
                           struct upstream_actions *out)
{
    if (ev->kind != UPSTREAM_EV_LINE || !ev->line.len)
        return;
    if (begins(ev->line, "-") && u->greetings[u->greeting_next].must) {
        u->falls_back = !u->falls_back;
        retreat(u, ev, "Unable to AUTH to MASTER", out);
        return;
    }
    if (!strcmp(u->greetings[u->greeting_next].name, "hf-echo"))
        u->freshness.echoes = begins(ev->line, "+");
    if (!strcmp(u->greetings[u->greeting_next].name, "hf-ack"))
        u->acks = begins(ev->line, "+");
    if (++u->greeting_next < u->greeting_count)
        return;
    if (u->group)
        enter(u, UPSTREAM_PSYNC, ev->now_ms);
    else
        say_psync(u, ev, out);
}

static void greeted_event(struct upstream *u, const struct upstream_event *ev,
                          struct upstream_actions *out)
{
}

static bool parse_fullresync(struct upstream *u, struct bytes rest)
{
    struct bytes id = { rest.at, UPSTREAM_ID_LEN }, number;

    if (rest.len < UPSTREAM_ID_LEN + 2 || rest.at[UPSTREAM_ID_LEN] != ' ' || !oplog_is_id(id))
        return false;
    number = (struct bytes){ id.at + id.len + 1, rest.len - id.len - 1 };
    memcpy(u->id, id.at, id.len);
    u->id[UPSTREAM_ID_LEN] = '\0';
    return bytes_to_u64(number, &u->offset) && u->offset <= OPLOG_OFFSET_MAX;
}

static void streaming(struct upstream *u, const struct upstream_event *ev)
{
    enter(u, UPSTREAM_STREAM, ev->now_ms);
    u->next_ack_ms = ev->now_ms + UPSTREAM_ACK_MS;
    u->retry_ms = UPSTREAM_RETRY_MS_MIN;
    u->refused = false;
}

static void take_failover(struct upstream *u, struct upstream_actions *out)
{
    if (u->failover)
        act(out, UPSTREAM_FAILOVER_DONE);
    u->failover = false;
}

static void continue_stream(struct upstream *u, const struct upstream_event *ev,
                            struct upstream_actions *out)
{
    struct bytes id = { ev->line.at + 9, ev->line.len - 9 }; /* behind "+CONTINUE" */
    struct upstream_action *a;

    if (!ev->view.history || (id.len && !oplog_is_id((struct bytes){ id.at + 1, id.len - 1 }))) {
        retreat(u, ev, "the leader continues what we do not have", out);
        return;
    }
    a = act(out, UPSTREAM_CONTINUE);
    memcpy(a->id, id.len ? id.at + 1 : ev->view.id, UPSTREAM_ID_LEN);
    u->legacy = false;
    take_failover(u, out);
    streaming(u, ev);
}

static void psync_event(struct upstream *u, const struct upstream_event *ev,
                        struct upstream_actions *out)
{
    if (ev->kind == UPSTREAM_EV_NO_SYNC)
        enter(u, UPSTREAM_GREETED, ev->now_ms);
    if (ev->kind != UPSTREAM_EV_LINE || !ev->line.len)
        return;
    if (begins(ev->line, "+FULLRESYNC ")) {
        if (!parse_fullresync(u, (struct bytes){ ev->line.at + 12, ev->line.len - 12 })) {
            retreat(u, ev, "a malformed +FULLRESYNC", out);
            return;
        }
        u->legacy = false;
        take_failover(u, out);
        enter(u, UPSTREAM_HEADER, ev->now_ms);
    } else if (begins(ev->line, "+CONTINUE")) {
        continue_stream(u, ev, out);
    } else if (u->failover) {
        u->failover = false;
        act(out, UPSTREAM_FAILOVER_REFUSED);
    } else if (begins(ev->line, "-NOMASTERLINK") || begins(ev->line, "-LOADING") ||
               begins(ev->line, "-NOAUTH") || begins(ev->line, "-NOPERM")) {
        retreat(u, ev, "MASTER is currently unable to PSYNC but should be in the future", out);
    } else if (begins(ev->line, "-") && u->group) {
        retreat(u, ev, "the leader refuses HF SYNC", out);
    } else if (begins(ev->line, "-")) {
        say(out, 1, (struct bytes[]){ BYTES("SYNC") });
        u->legacy = true;
        u->id[0] = '\0';
        u->offset = 0;
        enter(u, UPSTREAM_HEADER, ev->now_ms);
    } else {
        retreat(u, ev, "Unexpected reply to PSYNC from master", out);
    }
}

/* "$EOF:" and the word that ends the payload, which looks like an id. */
static bool read_mark(struct bytes line, struct bytes *out)
{
    if (!begins(line, "$EOF:"))
        return false;
    *out = (struct bytes){ line.at + 5, line.len - 5 };
    return oplog_is_id(*out);
}

static void header_event(struct upstream *u, const struct upstream_event *ev,
                         struct upstream_actions *out)
{
    struct upstream_action *a;
    struct bytes mark;
    uint64_t bytes = 0;
    bool marked;

    if (ev->kind != UPSTREAM_EV_LINE || !ev->line.len)
        return;
    marked = read_mark(ev->line, &mark);
    if (!marked &&
        (ev->line.at[0] != '$' ||
         !bytes_to_u64((struct bytes){ ev->line.at + 1, ev->line.len - 1 }, &bytes) || !bytes)) {
        retreat(u, ev, "the leader sends no payload", out);
        return;
    }
    a = act(out, UPSTREAM_LOAD);
    memcpy(a->id, u->id, sizeof a->id);
    a->offset = u->offset;
    a->bytes = bytes;
    if (marked)
        memcpy(a->mark, mark.at, UPSTREAM_ID_LEN);
    enter(u, UPSTREAM_PAYLOAD, ev->now_ms);
    u->next_ack_ms = ev->now_ms + UPSTREAM_NEWLINE_MS;
}

static void payload_event(struct upstream *u, const struct upstream_event *ev,
                          struct upstream_actions *out)
{
    if (ev->kind == UPSTREAM_EV_LOADED && ev->e == OK) {
        streaming(u, ev);
        say_ack(u, ev, out); /* an EOF-marked leader holds the stream until it hears this */
        return;
    }
    if (ev->kind == UPSTREAM_EV_LOADED) {
        u->refused = ev->e == ERR_REFUSED;
        if (u->refused)
            u->retry_ms = UPSTREAM_RETRY_MS_MAX;
        retreat(u, ev, u->refused ? "an empty leader with another history" : "a broken payload",
                out);
        return;
    }
    if (ev->now_ms >= u->next_ack_ms) {
        act(out, UPSTREAM_NEWLINE);
        u->next_ack_ms = ev->now_ms + UPSTREAM_NEWLINE_MS;
    }
}

static void stream_event(struct upstream *u, const struct upstream_event *ev,
                         struct upstream_actions *out)
{
    struct freshness *f = &u->freshness;

    if (ev->kind == UPSTREAM_EV_LINE)
        freshness_line(f, ev->line);
    if (ev->kind == UPSTREAM_EV_DRAINED)
        freshness_drained(f, ev->now_ms);
    if (ev->kind == UPSTREAM_EV_ACK || ev->now_ms >= u->next_ack_ms)
        say_ack(u, ev, out);
    if (ev->now_ms >= freshness_due_ms(f, u->config->max_staleness_ms))
        say_question(u, ev, out);
}

typedef void state_fn(struct upstream *u, const struct upstream_event *ev,
                      struct upstream_actions *out);

#define SILENT_GREETING "Timeout connecting to the MASTER..."
#define SILENT_PAYLOAD  "Timeout receiving bulk data from MASTER"
#define SILENT_STREAM   "MASTER timeout: no data nor PING received"

static const struct {
    const char *word; /* as ROLE says it */
    state_fn *event;
    const char *silent;
} states[UPSTREAM_STATES] = {
    [UPSTREAM_OFF] = { "none", off_event, NULL },
    [UPSTREAM_WAIT] = { "connect", wait_event, NULL },
    [UPSTREAM_DIALLING] = { "connecting", dialling_event, SILENT_GREETING },
    [UPSTREAM_PING] = { "handshake", ping_event, SILENT_GREETING },
    [UPSTREAM_GREETING] = { "handshake", greeting_event, SILENT_GREETING },
    [UPSTREAM_GREETED] = { "handshake", greeted_event, SILENT_GREETING },
    [UPSTREAM_PSYNC] = { "handshake", psync_event, SILENT_GREETING },
    [UPSTREAM_HEADER] = { "sync", header_event, SILENT_PAYLOAD },
    [UPSTREAM_PAYLOAD] = { "sync", payload_event, SILENT_PAYLOAD },
    [UPSTREAM_STREAM] = { "connected", stream_event, SILENT_STREAM },
};

const char *upstream_word(enum upstream_state state)
{
    return states[state].word;
}

void upstream_init(struct upstream *u, const struct upstream_config *config)
{
    *u = (struct upstream){ .config = config, .retry_ms = UPSTREAM_RETRY_MS_MIN };
}

/* Of a linked state; the timeout may change meanwhile. */
static uint64_t silence_ends_ms(const struct upstream *u)
{
    return u->last_input_ms + u->config->timeout_ms;
}

static bool is_unheard(const struct upstream *u, uint64_t now_ms)
{
    return u->state == UPSTREAM_GREETING && u->greeting_next == 0 &&
           now_ms < u->last_input_ms + UPSTREAM_UNHEARD_MS;
}

/* Of a link that already has one to answer, or streams, no other is asked: another link is. */
static void sync_asked(struct upstream *u, const struct upstream_event *ev,
                       struct upstream_actions *out)
{
    if (ev->again && is_unheard(u, ev->now_ms))
        return;
    if (u->state == UPSTREAM_GREETED) {
        act(out, UPSTREAM_SYNC);
        enter(u, UPSTREAM_PSYNC, ev->now_ms);
        return;
    }
    if (u->state == UPSTREAM_DIALLING)
        return; /* it is said when the link stands */
    if (u->state > UPSTREAM_WAIT)
        act(out, UPSTREAM_DROP);
    enter(u, UPSTREAM_DIALLING, ev->now_ms);
    act(out, UPSTREAM_DIAL);
}

void upstream_step(struct upstream *u, const struct upstream_event *ev,
                   struct upstream_actions *out)
{
    bool linked = u->state > UPSTREAM_WAIT;

    out->count = 0;
    switch (ev->kind) {
    case UPSTREAM_EV_FOLLOW:
        if (linked)
            act(out, UPSTREAM_DROP);
        u->retry_ms = UPSTREAM_RETRY_MS_MIN;
        u->refused = false;
        u->down_since_ms = ev->now_ms;
        freshness_forget(&u->freshness);
        enter(u, UPSTREAM_DIALLING, ev->now_ms);
        act(out, UPSTREAM_DIAL);
        return;
    case UPSTREAM_EV_STOP:
        if (linked)
            act(out, UPSTREAM_DROP);
        freshness_forget(&u->freshness);
        enter(u, UPSTREAM_OFF, ev->now_ms);
        u->failover = u->refused = false;
        return;
    case UPSTREAM_EV_DOWN:
        if (linked)
            retreat(u, ev, "the connection ended", out);
        return;
    case UPSTREAM_EV_ASK:
        u->freshness.wanted = true;
        break;
    case UPSTREAM_EV_SYNC:
        sync_asked(u, ev, out);
        return;
    default:
        break;
    }
    if (linked && (ev->kind == UPSTREAM_EV_LINE || ev->kind == UPSTREAM_EV_INPUT))
        u->last_input_ms = ev->now_ms;
    if (linked && ev->now_ms >= silence_ends_ms(u)) {
        retreat(u, ev, states[u->state].silent, out);
        return;
    }
    states[u->state].event(u, ev, out);
}

uint64_t upstream_wake_ms(const struct upstream *u)
{
    uint64_t wake_ms = silence_ends_ms(u), due_ms;

    if (u->state == UPSTREAM_OFF)
        return UINT64_MAX;
    if (u->state == UPSTREAM_WAIT)
        return u->redial_ms;
    if (u->state != UPSTREAM_STREAM && u->state != UPSTREAM_PAYLOAD)
        return wake_ms;
    if (u->next_ack_ms < wake_ms)
        wake_ms = u->next_ack_ms;
    due_ms = freshness_due_ms(&u->freshness, u->config->max_staleness_ms);
    return u->state == UPSTREAM_STREAM && due_ms < wake_ms ? due_ms : wake_ms;
}
