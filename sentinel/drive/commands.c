#include "sentinel/drive/commands.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "sentinel/drive/lines.h"

/* One command that is out, and who wants its reply. */
struct question {
    struct drive *drive;
    uint64_t id, tag;
    /* A transaction's: how many replies are still to come, and the first that was an error. */
    uint32_t left;
    bool ignore_first; /* FAILOVER ABORT, which may have nothing to abort */
    char *refusal;
};

static struct question *question_new(struct drive *d, const struct action *a)
{
    struct question *q = xcalloc(1, sizeof *q);

    q->drive = d;
    q->id = a->id;
    q->tag = a->tag;
    return q;
}

static void question_free(struct question *q)
{
    xfree(q->refusal);
    xfree(q);
}

static struct event event_of(const struct question *q, enum event_kind kind)
{
    return (struct event){ .kind = kind, .id = q->id, .tag = q->tag };
}

/* The event outlives the question, which may be freed first. */
static void raise_and_free(struct question *q, struct event *ev)
{
    drive_raise(q->drive, ev);
    question_free(q);
}

/* The word a node wants instead of this one. */
static struct bytes word_for(const struct drive *d, uint64_t id, const char *command)
{
    const struct node *n = sentinel_find_node(d->core, id);

    return bytes_of(n ? group_settings_command(&n->group->set, command) : command);
}

/* Sends argv and keeps q until the reply; where the line does not take it, q is gone at once. */
static void ask(struct drive *d, uint64_t id, int argc, const struct bytes *argv, dial_reply_fn *fn,
                struct question *q)
{
    struct dial *dial = lines_command(d, id);

    if (!dial || dial_call(dial, argc, argv, fn, q) != OK)
        question_free(q);
}

/* What is asked all day needs no question: the end outlives its dials, and knows who it is. */
static void ask_often(struct drive *d, uint64_t id, int argc, const struct bytes *argv,
                      dial_reply_fn *fn)
{
    struct end *e = lines_end(d, id);
    struct dial *dial = e ? e->dials[LINE_CMD] : NULL;

    if (dial && dial_state(dial) == DIAL_UP)
        (void)dial_call(dial, argc, argv, fn, e);
}

/* Sends argv to a node; nobody waits for the reply. */
static void tell(struct drive *d, uint64_t id, int argc, const struct bytes *argv)
{
    struct dial *dial = lines_command(d, id);

    if (dial)
        (void)dial_call(dial, argc, argv, NULL, NULL);
}

static bool is_error(const struct resp_value *v, const char *code)
{
    size_t len = strlen(code);

    return v->kind == RESP_ERROR && v->text.len >= len && memcmp(v->text.at, code, len) == 0;
}

/* ---- PING, INFO, PUBLISH --------------------------------------------------------------------- */

static enum pong_kind pong_kind(const struct resp_value *v)
{
    static const struct {
        const char *code;
        enum pong_kind kind;
    } errors[] = { { "LOADING", PONG_LOADING },
                   { "MASTERDOWN", PONG_MASTERDOWN },
                   { "BUSY", PONG_BUSY } };

    if (v->kind == RESP_SIMPLE && bytes_is(v->text, "PONG"))
        return PONG_OK;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (is_error(v, errors[i].code))
            return errors[i].kind;
    return PONG_ERROR;
}

static void on_pong(void *arg, const struct resp_value *reply)
{
    struct end *e = arg;
    struct event ev = { .kind = EV_PONG, .id = e->id };

    if (!reply)
        return;
    ev.pong = pong_kind(reply);
    drive_raise(e->drive, &ev);
}

void command_ping(struct drive *d, const struct action *a)
{
    struct bytes argv[] = { word_for(d, a->id, "PING") };

    ask_often(d, a->id, 1, argv, on_pong);
}

static void on_info(void *arg, const struct resp_value *reply)
{
    struct end *e = arg;
    struct drive *d = e->drive;
    struct event ev = { .kind = EV_INFO, .id = e->id };
    struct info info;

    if (!reply || (reply->kind != RESP_BULK && reply->kind != RESP_VERBATIM))
        return;
    info_parse(&info, reply->text);
    ev.info.info = &info;
    ev.info.text = reply->text;
    drive_raise(e->drive, &ev);
    d->ops->informed(d->world, ev.id);
}

void command_info(struct drive *d, const struct action *a)
{
    struct bytes argv[] = { word_for(d, a->id, "INFO") };

    ask_often(d, a->id, 1, argv, on_info);
}

void command_hello(struct drive *d, const struct action *a)
{
    struct bytes argv[] = { word_for(d, a->id, "PUBLISH"), BYTES(HELLO_CHANNEL),
                            bytes_of(a->text) };

    tell(d, a->id, 3, argv);
}

/* ---- changes of role ------------------------------------------------------------------------- */

static void remember_refusal(struct question *q, const struct resp_value *error)
{
    if (!q->refusal)
        q->refusal = xmemdup0(error->text.at, error->text.len);
}

/* EXEC's answer holds one per command; only the first, SLAVEOF's, decides. A CONFIG REWRITE without a
 * file, or a CLIENT KILL that may not, does not undo the change of role. */
static void judge_exec(struct question *q, const struct resp_value *exec)
{
    static const struct resp_value none = { .kind = RESP_ERROR,
                                            .text = { "EXEC was not executed", 21 } };
    const struct resp_value *first = resp_item(exec, 0);

    if (exec->kind == RESP_ERROR)
        remember_refusal(q, exec);
    else if (exec->kind != RESP_ARRAY || !first)
        remember_refusal(q, &none);
    else if (first->kind == RESP_ERROR)
        remember_refusal(q, first);
    else
        q->refusal = (xfree(q->refusal), NULL); /* it happened, whatever was said before */
}

static void on_role(void *arg, const struct resp_value *reply)
{
    struct question *q = arg;
    struct event ev = event_of(q, EV_ROLE_DONE);

    q->left--;
    if (!reply) {
        if (!q->left)
            question_free(q);
        return;
    }
    if (q->left) {
        if (reply->kind == RESP_ERROR && !q->ignore_first)
            remember_refusal(q, reply);
        q->ignore_first = false;
        return;
    }
    judge_exec(q, reply);
    ev.done.ok = !q->refusal;
    ev.done.error = bytes_of(q->refusal);
    raise_and_free(q, &ev);
}

enum { ROLE_COMMANDS_MAX = 7, ROLE_WORDS_MAX = 4 };

struct role_script {
    int count;
    int argc[ROLE_COMMANDS_MAX];
    struct bytes argv[ROLE_COMMANDS_MAX][ROLE_WORDS_MAX];
};

static void add_command(struct role_script *s, struct bytes a, const char *b, const char *c,
                        const char *d)
{
    struct bytes words[ROLE_WORDS_MAX] = { a, bytes_of(b), bytes_of(c), bytes_of(d) };

    ASSERT(s->count < ROLE_COMMANDS_MAX);
    memcpy(s->argv[s->count], words, sizeof words);
    s->argc[s->count++] = 1 + (b != NULL) + (c != NULL) + (d != NULL);
}

static void add_kills(struct role_script *s, struct bytes client)
{
    add_command(s, client, "KILL", "TYPE", "normal");
    add_command(s, client, "KILL", "TYPE", "pubsub");
}

void command_role(struct drive *d, const struct action *a)
{
    struct dial *dial = lines_command(d, a->id);
    struct role_script s = { 0 };
    struct question *q;
    char port[16];

    if (!dial)
        return;
    snprintf(port, sizeof port, "%d", a->addr.port);
    if (a->abort_failover)
        add_command(&s, word_for(d, a->id, "FAILOVER"), "ABORT", NULL, NULL);
    add_command(&s, word_for(d, a->id, "MULTI"), NULL, NULL, NULL);
    if (a->addr.port)
        add_command(&s, word_for(d, a->id, "SLAVEOF"), a->addr.host, port, NULL);
    else
        add_command(&s, word_for(d, a->id, "SLAVEOF"), "NO", "ONE", NULL);
    add_command(&s, word_for(d, a->id, "CONFIG"), "REWRITE", NULL, NULL);
    add_kills(&s, word_for(d, a->id, "CLIENT"));
    add_command(&s, word_for(d, a->id, "EXEC"), NULL, NULL, NULL);
    if (dial_outstanding(dial) + (uint32_t)s.count > DRIVE_CALLS_MAX)
        return; /* all of it or nothing: half a transaction would swallow what comes next */
    q = question_new(d, a);
    q->ignore_first = a->abort_failover;
    q->left = (uint32_t)s.count;
    for (int i = 0; i < s.count; i++) {
        enum err e = dial_call(dial, s.argc[i], s.argv[i], on_role, q);

        if (e != OK && i == 0) { /* the connection is on its way out */
            question_free(q);
            return;
        }
        ASSERT(e == OK);
    }
}

static void on_failover(void *arg, const struct resp_value *reply)
{
    struct question *q = arg;
    struct event ev = event_of(q, EV_FAILOVER_DONE);

    if (!reply) {
        question_free(q);
        return;
    }
    ev.done.ok = reply->kind != RESP_ERROR;
    if (!ev.done.ok)
        ev.done.error = reply->text;
    raise_and_free(q, &ev);
}

void command_failover(struct drive *d, const struct action *a)
{
    char port[16], timeout[24];
    struct bytes argv[] = { word_for(d, a->id, "FAILOVER"),
                            BYTES("TO"),
                            bytes_of(a->addr.host),
                            { port, (size_t)snprintf(port, sizeof port, "%d", a->addr.port) },
                            BYTES("TIMEOUT"),
                            { timeout, fmt_u64(timeout, a->timeout_ms) } };

    ask(d, a->id, (int)ARRAY_LEN(argv), argv, on_failover, question_new(d, a));
}

void command_tidy(struct drive *d, const struct action *a)
{
    struct role_script s = { 0 };

    add_command(&s, word_for(d, a->id, "CONFIG"), "REWRITE", NULL, NULL);
    if (a->kill)
        add_kills(&s, word_for(d, a->id, "CLIENT"));
    for (int i = 0; i < s.count; i++)
        tell(d, a->id, s.argc[i], s.argv[i]);
}

void command_script_kill(struct drive *d, const struct action *a)
{
    struct bytes argv[] = { word_for(d, a->id, "SCRIPT"), BYTES("KILL") };

    tell(d, a->id, 2, argv);
}

/* ---- peers ----------------------------------------------------------------------------------- */

/* [0|1, id or "*", epoch]; false: something else. */
static bool read_ask_reply(const struct resp_value *v, char id[ID_LEN + 1], struct event *ev)
{
    const struct resp_value *down = resp_item(v, 0), *who = resp_item(v, 1),
                            *epoch = resp_item(v, 2);

    if (v->kind != RESP_ARRAY || !epoch || down->kind != RESP_INTEGER ||
        epoch->kind != RESP_INTEGER || epoch->integer < 0 || (uint64_t)epoch->integer > EPOCH_MAX)
        return false;
    ev->ask_reply.down = down->integer == 1;
    ev->ask_reply.epoch = (uint64_t)epoch->integer;
    if (who->text.len == ID_LEN) {
        memcpy(id, who->text.at, ID_LEN);
        id[ID_LEN] = '\0';
        ev->ask_reply.id = id;
    }
    return true;
}

static void on_ask(void *arg, const struct resp_value *reply)
{
    struct question *q = arg;
    struct event ev = event_of(q, EV_ASK_REPLY);
    char id[ID_LEN + 1];

    if (reply && read_ask_reply(reply, id, &ev))
        raise_and_free(q, &ev);
    else
        question_free(q);
}

void command_ask(struct drive *d, const struct action *a)
{
    char port[16], epoch[24];
    struct bytes argv[] = { BYTES("SENTINEL"),
                            BYTES("is-master-down-by-addr"),
                            bytes_of(a->addr.host),
                            { port, (size_t)snprintf(port, sizeof port, "%d", a->addr.port) },
                            { epoch, fmt_u64(epoch, a->epoch) },
                            a->ask_id[0] ? bytes_of(a->ask_id) : BYTES("*") };

    ask(d, a->id, (int)ARRAY_LEN(argv), argv, on_ask, question_new(d, a));
}

static void on_probe(void *arg, const struct resp_value *reply)
{
    struct question *q = arg;
    struct event ev = event_of(q, EV_PROBE_REPLY);

    if (!reply) {
        question_free(q);
        return;
    }
    if (reply->kind == RESP_INTEGER && reply->integer > 0 && reply->integer <= UINT32_MAX)
        ev.protocol = (uint32_t)reply->integer;
    raise_and_free(q, &ev);
}

void command_probe(struct drive *d, const struct action *a)
{
    char protocol[24];
    struct bytes argv[] = { BYTES("SENTINEL"),
                            BYTES("HF"),
                            BYTES("HELLO"),
                            { protocol, fmt_u64(protocol, VIEW_PROTOCOL) },
                            bytes_of(d->core->globals.my_id) };

    ask(d, a->id, (int)ARRAY_LEN(argv), argv, on_probe, question_new(d, a));
}

static bool read_view(const struct resp_value *v, struct view *out)
{
    struct bytes words[VIEW_WORDS];

    if (v->kind != RESP_ARRAY || v->count != VIEW_WORDS)
        return false;
    for (size_t i = 0; i < VIEW_WORDS; i++)
        words[i] = v->items[i].text;
    return view_parse(out, VIEW_WORDS, words) == OK;
}

static void on_view(void *arg, const struct resp_value *reply)
{
    struct question *q = arg;
    struct event ev = event_of(q, EV_STATE_REPLY);
    struct view view;

    if (!reply || !read_view(reply, &view)) {
        question_free(q);
        return;
    }
    ev.state.view = &view;
    raise_and_free(q, &ev);
}

void command_state(struct drive *d, const struct action *a)
{
    struct bytes argv[4 + VIEW_WORDS] = { BYTES("SENTINEL"), BYTES("HF"), BYTES("STATE"),
                                          bytes_of(d->core->globals.my_id) };
    struct buf storage = { 0 };

    view_words(a->view, &storage, argv + 4);
    ask(d, a->id, (int)ARRAY_LEN(argv), argv, on_view, question_new(d, a));
    buf_fini(&storage);
}

/* Nobody waits for the reply: with the connection what was said is said again. */
void command_pause(struct drive *d, const struct action *a)
{
    char stamp[24], left[24];
    struct bytes argv[] = { BYTES("SENTINEL"),
                            BYTES("HF"),
                            BYTES("PAUSED"),
                            bytes_of(a->text),
                            { stamp, fmt_u64(stamp, a->epoch) },
                            { left, fmt_u64(left, a->timeout_ms) } };

    tell(d, a->id, (int)ARRAY_LEN(argv), argv);
}
