/*
 * The drive between a core that is played by this file (sentinel_step notes the events it gets and
 * emits the actions a test has prepared for them) and a node that is played by a link on the same
 * loop: each action is the right bytes, each reply the right event; what stands behind a durable
 * record stays until it is on the disk; a redial asked for by an EV_LINE_DOWN happens at once.
 */
#include "sentinel/drive/drive.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/link.h"
#include "common/listen.h"
#include "common/resp.h"
#include "tests/check_main.h"
#include "tests/common/free_port.h"

enum { NODE = 7, PEER = 9 };

/* ---- the core, played ------------------------------------------------------------------------ */

struct noted {
    enum event_kind kind;
    uint64_t id, tag;
    int number; /* pong, ok, down, protocol, why, exit code */
    uint64_t epoch;
    char text[80];
};

static struct noted notes[256];
static int note_count;
static struct group group;
static struct node node;
static struct peer peer;
static struct script script;
static struct sentinel core;
static uint64_t wake_ms;
static void (*on_event)(const struct noted *n, struct actions *out); /* may add actions */

static void copy(char out[80], const char *at, size_t len)
{
    snprintf(out, 80, "%.*s", (int)len, at ? at : "");
}

static void note_detail(struct noted *n, const struct event *ev)
{
    switch (ev->kind) {
    case EV_LINE_UP:
        copy(n->text, ev->line.peer_ip, 79);
        n->number = (int)ev->line.kind;
        break;
    case EV_LINE_DOWN:
        n->number = (int)ev->line.why;
        break;
    case EV_PONG:
        n->number = (int)ev->pong;
        break;
    case EV_INFO:
        n->number = (int)ev->info.info->facts.role;
        n->epoch = ev->info.text.len;
        break;
    case EV_HELLO:
        copy(n->text, ev->hello->group, 79);
        break;
    case EV_ROLE_DONE:
    case EV_FAILOVER_DONE:
        n->number = ev->done.ok;
        copy(n->text, ev->done.error.at, ev->done.error.len);
        break;
    case EV_ASK_REPLY:
        n->number = ev->ask_reply.down;
        n->epoch = ev->ask_reply.epoch;
        copy(n->text, ev->ask_reply.id, 79);
        break;
    case EV_PROBE_REPLY:
        n->number = (int)ev->protocol;
        break;
    case EV_STATE_REPLY:
        n->number = (int)ev->state.view->verdict;
        n->epoch = ev->state.view->config_epoch;
        copy(n->text, ev->state.view->group, 79);
        break;
    case EV_SCRIPT_STARTED:
        n->epoch = (uint64_t)ev->script.pid;
        break;
    case EV_SCRIPT_DONE:
        n->number = ev->script.exit_code;
        n->epoch = (uint64_t)ev->script.signal;
        break;
    default:
        break;
    }
}

void sentinel_step(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct noted *n = &notes[note_count++];

    ck_assert_int_lt(note_count, (int)ARRAY_LEN(notes));
    *n = (struct noted){ .kind = ev->kind, .id = ev->id, .tag = ev->tag };
    note_detail(n, ev);
    if (on_event)
        on_event(n, out);
}

uint64_t sentinel_wake_ms(const struct sentinel *s)
{
    return wake_ms;
}

struct node *sentinel_find_node(const struct sentinel *s, uint64_t id)
{
    return id == NODE ? &node : NULL;
}

struct peer *sentinel_find_peer(const struct sentinel *s, uint64_t id)
{
    return id == PEER ? &peer : NULL;
}

struct script *sentinel_find_script(const struct sentinel *s, uint64_t job)
{
    return job == script.job ? &script : NULL;
}

/* ---- the node, played ------------------------------------------------------------------------ */

static struct ev_loop *loop;
static struct listen doors;
static struct drive drive;
static struct resp_reader reader;
static struct link *server_links[16];
static int server_count;
static struct buf heard;        /* commands as "A b c\n" */
static const char *answers[16]; /* one raw reply per command, in order; NULL at the end: +OK */
static int answer_next;

static void server_input(struct link *l)
{
    struct resp_request q;

    while (l->state == LINK_OPEN && resp_read_request(&reader, link_input(l), &q) == RESP_ITEM) {
        const char *answer = "+OK\r\n";

        for (int i = 0; i < q.argc; i++)
            buf_printf(&heard, "%s%.*s", i ? " " : "", (int)q.argv[i].len, q.argv[i].at);
        buf_putc(&heard, '\n');
        if (!bytes_is_word(q.argv[0], "client") && !bytes_is_word(q.argv[0], "auth") &&
            answers[answer_next])
            answer = answers[answer_next++];
        out_append(&l->out, answer, strlen(answer));
        link_wrote(l);
        link_consume(l, q.bytes);
    }
}

static void server_closed(struct link *l) {}

static const struct link_ops server_ops = { .on_input = server_input, .on_closed = server_closed };

static void on_accept(void *arg, int fd, enum listen_kind kind, const struct proxy_header *told)
{
    server_links[server_count++] = link_new(loop, fd, NULL, true, &server_ops, NULL);
}

static char loopback[] = "127.0.0.1";

static void serve(bool on)
{
    char *bind[] = { loopback };
    struct listen_options o = {
        .bind = bind, .bind_count = on, .port = node.addr.port, .backlog = 16
    };
    struct errmsg why = { 0 };

    ck_assert_msg(listen_open(&doors, &o, &why) == OK, "%s", why.text);
}

/* ---- the other rooms, played ----------------------------------------------------------------- */

static uint64_t position;
static bool sync_at_once;
static char told[512]; /* what was published and replied, in order */

static uint64_t persist(void *world, const struct record *rec)
{
    position++;
    if (sync_at_once)
        drive_persisted(&drive, position);
    return position;
}

static void publish(void *world, const char *channel, const char *text)
{
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s:%s ", channel, text);
}

static void reply(void *world, uint64_t token, const struct action *a)
{
    snprintf(told + strlen(told), sizeof told - strlen(told), "reply%d ", (int)token);
}

static void informed(void *world, uint64_t id)
{
    (void)world;
    (void)id;
}

static const struct drive_ops ops = { persist, publish, informed, reply };

static void begin(void)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    link_system_init(loop);
    listen_init(&doors, loop, on_accept, NULL);
    resp_reader_init(&reader, (struct resp_limits){ 64, 1 << 20, 1 << 16 });
    group_settings_defaults(&group.set);
    node.id = NODE;
    node.group = &group;
    strcpy(node.addr.host, loopback);
    node.addr.port = free_port();
    peer.id = PEER;
    peer.addr = node.addr;
    strcpy(core.globals.my_id, "0123456789abcdef0123456789abcdef01234567");
    wake_ms = UINT64_MAX;
    serve(true);
    drive_init(&drive, loop, &core, &ops, NULL);
}

static void finish(void)
{
    drive_fini(&drive);
    listen_fini(&doors);
    resp_reader_fini(&reader);
    buf_fini(&heard);
    group_settings_fini(&group.set);
    link_system_fini(loop);
    ev_loop_destroy(loop);
}

static void ticked(struct ev_loop *l, ev_timer *w, int events) {}

/* Turns the loop until the core has noted an event of this kind; returns the last note. */
static const struct noted *await(enum event_kind kind)
{
    uint64_t end = clock_read_us() + 5000000;
    int from = note_count;
    ev_timer tick;

    ev_timer_init(&tick, ticked, 0.05, 0.05);
    ev_timer_start(loop, &tick);
    for (;;) {
        for (; from < note_count; from++)
            if (notes[from].kind == kind) {
                ev_timer_stop(loop, &tick);
                return &notes[from];
            }
        ck_assert_msg(clock_read_us() < end, "no event %d", (int)kind);
        ev_run(loop, EVRUN_ONCE);
    }
}

/* Lets the core emit what fill() prepares, as if an event had asked for it. */
static void emit(void (*fill)(struct actions *out))
{
    struct event ev = { .kind = EV_MONITOR };

    fill(&drive.queue);
    drive_raise(&drive, &ev);
}

static void fill_dial(struct actions *out)
{
    struct action *a = act(out, ACT_DIAL, NODE);

    a->line = LINE_CMD;
    a->timeout_ms = 2000;
}

static void fill_dial_pubsub(struct actions *out)
{
    fill_dial(out);
    out->at[out->count - 1].line = LINE_PUBSUB;
}

static void fill_dial_peer(struct actions *out)
{
    fill_dial(out);
    out->at[out->count - 1].id = PEER;
}

static void dial_node(void)
{
    emit(fill_dial);
    ck_assert_str_eq(await(EV_LINE_UP)->text, "127.0.0.1");
    heard.len = 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

START_TEST(greeting)
{
    begin();
    group.set.auth_user = xstrdup("sally");
    group.set.auth_pass = xstrdup("s3cret");
    emit(fill_dial);
    ck_assert_int_eq(await(EV_LINE_UP)->number, LINE_CMD);
    ck_assert_str_eq(buf_text(&heard), "AUTH sally s3cret\nCLIENT SETNAME sentinel-01234567-cmd\n");
    heard.len = 0;
    emit(fill_dial_pubsub);
    answers[0] = "*3\r\n$7\r\nmessage\r\n$18\r\n__sentinel__:hello\r\n$3\r\nbad\r\n"
                 "*3\r\n$7\r\nmessage\r\n$18\r\n__sentinel__:hello\r\n$84\r\n"
                 "127.0.0.1,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,1,mymaster,127.0.0.1,"
                 "6379,1\r\n";
    ck_assert_int_eq(await(EV_LINE_UP)->number, LINE_PUBSUB);
    ck_assert_str_eq(await(EV_HELLO)->text, "mymaster"); /* and the odd one was no event */
    ck_assert_ptr_nonnull(strstr(buf_text(&heard), "CLIENT SETNAME sentinel-01234567-pubsub\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(&heard), "SUBSCRIBE __sentinel__:hello\n"));
    finish();
}
END_TEST

static const char one_hello[] =
    "*3\r\n$7\r\nmessage\r\n$18\r\n__sentinel__:hello\r\n$84\r\n"
    "127.0.0.1,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,1,mymaster,"
    "127.0.0.1,6379,1\r\n";
static int hellos;

static void count_hello(const struct noted *n, struct actions *out)
{
    if (n->kind != EV_HELLO)
        return;
    hellos++;
    note_count--; /* there are many */
}

START_TEST(a_flood_is_left_in_the_socket)
{
    uint64_t start;

    begin();
    emit(fill_dial_pubsub);
    await(EV_LINE_UP);
    on_event = count_hello;
    for (int i = 0; i < 1000; i++)
        out_append(&server_links[0]->out, one_hello, sizeof one_hello - 1);
    link_wrote(server_links[0]);
    start = clock_read_us();
    while (hellos < 400 && clock_read_us() < start + 5000000)
        ev_run(loop, EVRUN_ONCE);
    ck_assert_int_ge(hellos, 400);
    /* Four windows of a hundred need three pauses. */
    ck_assert_uint_ge(clock_read_us() - start, 290000);
    ck_assert_int_lt(hellos, 600);
    finish();
}
END_TEST

START_TEST(peers_are_greeted_with_what_sentinels_share)
{
    begin();
    drive.dialling.requirepass = BYTES("shared");
    emit(fill_dial_peer);
    await(EV_LINE_UP);
    ck_assert_ptr_nonnull(strstr(buf_text(&heard), "AUTH shared\n"));
    finish();
}
END_TEST

static void fill_ping_info(struct actions *out)
{
    act(out, ACT_PING, NODE);
    act(out, ACT_INFO, NODE);
}

START_TEST(ping_and_info)
{
    static const struct {
        const char *reply;
        enum pong_kind kind;
    } pongs[] = {
        { "+PONG\r\n", PONG_OK },
        { "-LOADING Redis is loading\r\n", PONG_LOADING },
        { "-MASTERDOWN Link with MASTER is down\r\n", PONG_MASTERDOWN },
        { "-BUSY Redis is busy\r\n", PONG_BUSY },
        { "-NOAUTH Authentication required.\r\n", PONG_ERROR },
        { "$4\r\nPONG\r\n", PONG_ERROR },
    };

    begin();
    dial_node();
    for (size_t i = 0; i < ARRAY_LEN(pongs); i++) {
        const struct noted *n;

        answer_next = 0;
        answers[0] = pongs[i].reply;
        answers[1] = "$13\r\nrole:master\r\n\r\n";
        emit(fill_ping_info);
        n = await(EV_PONG);
        ck_assert_uint_eq(n->id, NODE);
        ck_assert_int_eq(n->number, (int)pongs[i].kind);
    }
    if (notes[note_count - 1].kind != EV_INFO)
        await(EV_INFO);
    ck_assert_int_eq(notes[note_count - 1].number, ROLE_LEADER);
    ck_assert_uint_eq(notes[note_count - 1].epoch, 13);
    ck_assert_str_eq(buf_text(&heard),
                     "PING\nINFO\nPING\nINFO\nPING\nINFO\nPING\nINFO\nPING\nINFO\n"
                     "PING\nINFO\n");
    finish();
}
END_TEST

static void fill_role(struct actions *out)
{
    struct action *a = act(out, ACT_ROLE, NODE);

    a->tag = 5;
    a->abort_failover = true;
    strcpy(a->addr.host, "10.0.0.1");
    a->addr.port = 6380;
}

static void fill_promote(struct actions *out)
{
    act(out, ACT_ROLE, NODE)->tag = 6;
}

START_TEST(role_changes)
{
    const struct noted *n;

    begin();
    dial_node();
    ck_assert_int_eq(group_settings_rename(&group.set, BYTES("CONFIG"), BYTES("guarded")), OK);
    answers[0] = "-ERR No failover in progress.\r\n"; /* nothing to abort: no refusal */
    answers[1] = "+OK\r\n";
    answers[2] = answers[3] = "+QUEUED\r\n";
    answers[4] = "*4\r\n+OK\r\n-ERR The server is running without a config file\r\n:1\r\n:0\r\n";
    emit(fill_role);
    n = await(EV_ROLE_DONE);
    ck_assert_str_eq(buf_text(&heard),
                     "FAILOVER ABORT\nMULTI\nSLAVEOF 10.0.0.1 6380\nguarded REWRITE\n"
                     "CLIENT KILL TYPE normal\nCLIENT KILL TYPE pubsub\nEXEC\n");
    ck_assert_uint_eq(n->tag, 5);
    ck_assert_msg(n->number == 1, "%s", n->text);

    heard.len = 0;
    answer_next = 0;
    answers[0] = "+OK\r\n";
    answers[1] = "-NOPERM this user has no permissions to run the 'slaveof' command\r\n";
    answers[2] = "+QUEUED\r\n";
    answers[3] = "-EXECABORT Transaction discarded because of previous errors.\r\n";
    emit(fill_promote);
    n = await(EV_ROLE_DONE);
    ck_assert_ptr_nonnull(strstr(buf_text(&heard), "MULTI\nSLAVEOF NO ONE\n"));
    ck_assert_int_eq(n->number, 0);
    ck_assert_ptr_nonnull(strstr(n->text, "NOPERM")); /* the first refusal says why */
    finish();
}
END_TEST

static void fill_failover(struct actions *out)
{
    struct action *a = act(out, ACT_FAILOVER, NODE);

    strcpy(a->addr.host, "10.0.0.2");
    a->addr.port = 6381;
    a->timeout_ms = 1500;
    act(out, ACT_TIDY, NODE)->kill = true;
    act(out, ACT_SCRIPT_KILL, NODE);
    act(out, ACT_HELLO, NODE)->text = xstrdup("a,b");
}

START_TEST(failover_tidy_hello)
{
    const struct noted *n;

    begin();
    dial_node();
    answers[0] = "-NOPERM no\r\n";
    emit(fill_failover);
    n = await(EV_FAILOVER_DONE);
    ck_assert_int_eq(n->number, 0);
    ck_assert_str_eq(n->text, "NOPERM no");
    ck_assert_str_eq(buf_text(&heard),
                     "FAILOVER TO 10.0.0.2 6381 TIMEOUT 1500\nCONFIG REWRITE\n"
                     "CLIENT KILL TYPE normal\nCLIENT KILL TYPE pubsub\nSCRIPT KILL\n"
                     "PUBLISH __sentinel__:hello a,b\n");
    finish();
}
END_TEST

static void fill_nudge(struct actions *out)
{
    act(out, ACT_NUDGE, NODE);
}

static void await_heard(const char *text)
{
    uint64_t end = clock_read_us() + 5000000;
    ev_timer tick;

    ev_timer_init(&tick, ticked, 0.05, 0.05);
    ev_timer_start(loop, &tick);
    while (!strstr(buf_text(&heard), text)) {
        ck_assert_msg(clock_read_us() < end, "not heard: %s", text);
        ev_run(loop, EVRUN_ONCE);
    }
    ev_timer_stop(loop, &tick);
}

/* Redis replies nothing to GETACK: it must not shift the replies of the command line. */
START_TEST(nudges_have_a_connection_of_their_own)
{
    begin();
    dial_node();
    answers[0] = "";
    answers[1] = "";
    answers[2] = "+PONG\r\n";
    emit(fill_nudge);
    emit(fill_nudge);
    await_heard("REPLCONF GETACK *\n");
    ck_assert_str_eq(buf_text(&heard),
                     "CLIENT SETNAME sentinel-01234567-nudge\nREPLCONF GETACK *\n");
    heard.len = 0;
    emit(fill_nudge);
    await_heard("REPLCONF GETACK *\n");
    ck_assert_int_eq(server_count, 2);
    ck_assert_uint_eq(drive_pending(&drive, NODE), 0);
    emit(fill_ping_info);
    ck_assert_int_eq(await(EV_PONG)->number, PONG_OK);
    finish();
}
END_TEST

static void fill_asks(struct actions *out)
{
    struct action *a = act(out, ACT_ASK, PEER);

    strcpy(a->addr.host, "10.0.0.3");
    a->addr.port = 6382;
    a->epoch = 42;
    a = act(out, ACT_PROBE, PEER);
    a = act(out, ACT_STATE, PEER);
    a->view = xcalloc(1, sizeof *a->view);
    strcpy(a->view->group, "mymaster");
    strcpy(a->view->leader.host, "10.0.0.3");
    a->view->leader.port = 6382;
    a->view->config_epoch = 3;
    a->view->verdict = VERDICT_HARD;
    a = act(out, ACT_ASK, PEER);
    a->addr = (struct addr){ "10.0.0.3", 6382 };
    strcpy(a->ask_id, core.globals.my_id);
}

START_TEST(peers)
{
    const struct noted *n;

    begin();
    emit(fill_dial_peer);
    await(EV_LINE_UP);
    heard.len = 0;
    answers[0] = "*3\r\n:1\r\n$40\r\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n:43\r\n";
    answers[1] = ":1\r\n";
    answers[2] = "*7\r\n$8\r\nmymaster\r\n$8\r\n10.0.0.3\r\n$4\r\n6382\r\n$1\r\n4\r\n$4\r\nsoft\r\n"
                 "$1\r\n0\r\n$1\r\n0\r\n";
    answers[3] = "*3\r\n:0\r\n$1\r\n*\r\n:0\r\n";
    emit(fill_asks);
    n = await(EV_ASK_REPLY);
    ck_assert_int_eq(n->number, 1);
    ck_assert_uint_eq(n->epoch, 43);
    ck_assert_str_eq(n->text, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    ck_assert_int_eq(n[1].kind, EV_PROBE_REPLY);
    ck_assert_int_eq(n[1].number, 1);
    ck_assert_int_eq(n[2].kind, EV_STATE_REPLY);
    ck_assert_int_eq(n[2].number, VERDICT_SOFT);
    ck_assert_uint_eq(n[2].epoch, 4);
    ck_assert_int_eq(n[3].kind, EV_ASK_REPLY);
    ck_assert_str_eq(n[3].text, "");
    ck_assert_str_eq(buf_text(&heard),
                     "SENTINEL is-master-down-by-addr 10.0.0.3 6382 42 *\n"
                     "SENTINEL HF HELLO 1 0123456789abcdef0123456789abcdef01234567\n"
                     "SENTINEL HF STATE 0123456789abcdef0123456789abcdef01234567 mymaster 10.0.0.3 "
                     "6382 3 hard 0 0\n"
                     "SENTINEL is-master-down-by-addr 10.0.0.3 6382 0 "
                     "0123456789abcdef0123456789abcdef01234567\n");
    finish();
}
END_TEST

static void redial(const struct noted *n, struct actions *out)
{
    if (n->kind == EV_LINE_DOWN && n->number == DOWN_CLOSED)
        fill_dial(out);
}

START_TEST(closed_then_refused_at_once)
{
    uint64_t start;

    begin();
    dial_node();
    serve(false);
    link_kill(server_links[0], LINK_WHY_ASKED);
    on_event = redial;
    start = clock_read_us();
    ck_assert_int_eq(await(EV_LINE_DOWN)->number, DOWN_CLOSED);
    if (notes[note_count - 1].number == DOWN_CLOSED)
        await(EV_LINE_DOWN);
    ck_assert_int_eq(notes[note_count - 1].number, DOWN_REFUSED);
    ck_assert_uint_lt(clock_read_us() - start, 200000);
    finish();
}
END_TEST

static struct record durable = { .kind = REC_EPOCH, .durable = true };
static struct record casual = { .kind = REC_NODE_ADD };

static void put_record(struct actions *out, const struct record *rec)
{
    struct record *r = xmalloc(sizeof *r);

    *r = *rec;
    act(out, ACT_PERSIST, 0)->record = r;
}

static void put_word(struct actions *out, const char *word)
{
    struct action *a = act(out, ACT_PUBLISH, 0);

    a->channel = xstrdup(word);
    a->text = xstrdup("");
}

/* The first event brings two durable records, the second one, and a casual one. */
static void records(const struct noted *n, struct actions *out)
{
    static int calls;

    if (calls++ == 0) {
        put_word(out, "a");
        put_record(out, &durable);
        put_word(out, "b");
        put_record(out, &casual);
        put_word(out, "c");
        put_record(out, &durable);
        act(out, ACT_REPLY, 0)->token = 1;
    } else {
        put_word(out, "d");
        put_record(out, &durable);
        act(out, ACT_REPLY, 0)->token = 2;
    }
}

START_TEST(nothing_overtakes_a_durable_record)
{
    struct event ev = { .kind = EV_TIME };

    begin();
    on_event = records;
    drive_raise(&drive, &ev);
    ck_assert_str_eq(told, "a: ");
    ck_assert_uint_eq(position, 3); /* all were handed over at once */
    drive_raise(&drive, &ev);
    ck_assert_str_eq(told, "a: ");
    drive_persisted(&drive, 1);
    ck_assert_str_eq(told, "a: b: c: ");
    drive_persisted(&drive, 1);
    drive_persisted(&drive, 4); /* one fdatasync for both steps */
    ck_assert_str_eq(told, "a: b: c: reply1 d: reply2 ");
    ck_assert_uint_eq(drive.queue.count, 0);
    sync_at_once = true;
    drive_raise(&drive, &ev);
    ck_assert_str_eq(told, "a: b: c: reply1 d: reply2 d: reply2 ");
    finish();
}
END_TEST

static void record_and_ping(const struct noted *n, struct actions *out)
{
    if (n->kind != EV_TIME)
        return;
    put_record(out, &durable);
    act(out, ACT_HELLO, NODE)->text = xstrdup("a,b");
    act(out, ACT_PING, NODE);
    act(out, ACT_HANG_UP, PEER)->line = LINE_CMD;
}

/* A disk that hangs, or is full, must not make every node seem silent. */
START_TEST(pings_wait_for_no_record)
{
    struct event ev = { .kind = EV_TIME };

    begin();
    dial_node();
    on_event = record_and_ping;
    answers[0] = "+PONG\r\n";
    drive_raise(&drive, &ev);
    ck_assert_int_eq(await(EV_PONG)->number, PONG_OK);
    ck_assert_str_eq(buf_text(&heard), "PING\n");
    heard.len = 0;
    answer_next = 0;
    drive_raise(&drive, &ev);
    await(EV_PONG);
    ck_assert_str_eq(buf_text(&heard), "PING\n");
    ck_assert_uint_eq(drive.queue.count, 4); /* the pings have left it */
    heard.len = 0;
    drive_persisted(&drive, 2);
    await_heard("PUBLISH __sentinel__:hello a,b\nPUBLISH __sentinel__:hello a,b\n");
    ck_assert_ptr_null(strstr(buf_text(&heard), "PING"));
    ck_assert_uint_eq(drive.queue.count, 0);
    finish();
}
END_TEST

static void stop_wake(const struct noted *n, struct actions *out)
{
    if (n->kind == EV_TIME)
        wake_ms = UINT64_MAX;
}

START_TEST(wakes_on_time)
{
    struct event ev = { .kind = EV_MONITOR };
    uint64_t due;

    begin();
    on_event = stop_wake;
    ev_now_update(loop); /* timers count from the loop's own time */
    due = wake_ms = clock_now_ms() + 50;
    drive_raise(&drive, &ev);
    await(EV_TIME);
    ck_assert_uint_ge(clock_read_us() / 1000 + 1, due); /* a timer may be early by its rounding */
    ck_assert_uint_le(clock_read_us() / 1000, due + 40);
    finish();
}
END_TEST

static void fill_run(struct actions *out)
{
    act(out, ACT_RUN, script.job);
}

static void fill_stop(struct actions *out)
{
    act(out, ACT_STOP, script.job);
}

START_TEST(scripts)
{
    char path[] = "/tmp/hf-script-XXXXXX", signalled[] = "kill", exits[] = "3", sleeps[] = "sleep";
    char *argv[] = { path, exits, NULL };
    static const char body[] = "#!/bin/sh\ncase $1 in kill) kill -9 $$;; sleep) sleep 60 & wait;;\n"
                               "*) exit $1;; esac\n";
    const struct noted *n;
    int fd = mkstemp(path);

    ck_assert_int_eq(write(fd, body, sizeof body - 1), sizeof body - 1);
    close(fd);
    chmod(path, 0700);
    begin();
    script.job = 3;
    script.argv = argv;
    emit(fill_run);
    ck_assert_int_eq(notes[note_count - 1].kind, EV_SCRIPT_STARTED);
    ck_assert_uint_gt(notes[note_count - 1].epoch, 1);
    n = await(EV_SCRIPT_DONE);
    ck_assert_int_eq(n->number, 3);
    ck_assert_uint_eq(n->epoch, 0);
    argv[1] = signalled;
    emit(fill_run);
    ck_assert_uint_eq(await(EV_SCRIPT_DONE)->epoch, SIGKILL);
    argv[1] = sleeps;
    emit(fill_run);
    emit(fill_stop);
    ck_assert_uint_eq(await(EV_SCRIPT_DONE)->epoch, SIGKILL);
    ck_assert(list_empty(&drive.scripts.running));
    chmod(path, 0600);
    emit(fill_run);
    n = &notes[note_count - 1];
    ck_assert_int_eq(n->kind, EV_SCRIPT_DONE);
    ck_assert_int_eq(n->number, 2);
    finish();
    unlink(path);
}
END_TEST

CHECK_MAIN("drive", greeting, a_flood_is_left_in_the_socket,
           peers_are_greeted_with_what_sentinels_share, ping_and_info, role_changes,
           failover_tidy_hello, nudges_have_a_connection_of_their_own, peers,
           closed_then_refused_at_once, nothing_overtakes_a_durable_record,
           pings_wait_for_no_record, wakes_on_time, scripts)
