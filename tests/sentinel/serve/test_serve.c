/*
 * serve: a real core, a real service and clients on socket pairs; the test is the driver, which obeys
 * answers and publications and throws away the rest. What is compared are whole replies, byte for
 * byte, as redis-sentinel 7.0 sends them; the end-to-end test compares with the process itself.
 *
 * Answers can be held back, as they are while a record is on its way to the disk.
 */
#include <ev.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "tests/rows_check.h"
#include "common/acl/acl.h"
#include "common/alloc.h"
#include "common/clock.h"
#include "common/resolve.h"
#include "common/server_settings.h"
#include "sentinel/core/durable/request.h"
#include "sentinel/serve/history.h"
#include "sentinel/serve/news.h"
#include "sentinel/serve/rows.h"
#include "sentinel/serve/tally.h"

enum { TURNS_MAX = 2000 };

static struct {
    struct sentinel_world world;
    struct sentinel core;
    struct server_settings set;
    struct command_table *commands;
    struct acl *acl;
    struct tally tally;
    struct news news;
    struct history history;
    struct action *held[8]; /* answers kept back */
    size_t held_count;
    bool holding, stopped, flush_fails;
    char requested[200]; /* the last, of a captain */
    const char *refusal;
} t;

static void obey(struct actions *actions)
{
    for (size_t i = 0; i < actions->count; i++) {
        struct action *a = &actions->at[i];

        if (a->kind == ACT_PUBLISH)
            serve_publish(&t.world, a->channel, a->text);
        if (a->kind != ACT_REPLY)
            continue;
        if (t.holding) {
            ck_assert_uint_lt(t.held_count, ARRAY_LEN(t.held));
            t.held[t.held_count] = xmalloc(sizeof *a);
            *t.held[t.held_count++] = *a;
            a->text = NULL; /* the kept one owns it */
            a->view = NULL;
        } else {
            serve_answer(&t.world, a->token, a);
        }
    }
    actions_clear(actions);
}

static void raise_event(struct sentinel_world *w, struct event *ev)
{
    struct actions actions = { 0 };

    (void)w;
    ev->now_ms = clock_now_ms();
    sentinel_step(&t.core, ev, &actions);
    obey(&actions);
    actions_fini(&actions);
}

static void release_answers(void)
{
    t.holding = false;
    for (size_t i = 0; i < t.held_count; i++) {
        serve_answer(&t.world, t.held[i]->token, t.held[i]);
        xfree(t.held[i]->text);
        xfree(t.held[i]->view);
        xfree(t.held[i]);
    }
    t.held_count = 0;
}

static uint32_t pending(struct sentinel_world *w, uint64_t id)
{
    (void)w;
    return id ? 3 : 0;
}

static enum err flush(struct sentinel_world *w, struct errmsg *out_why)
{
    (void)w;
    errmsg_set(out_why, "the test says so");
    return t.flush_fails ? ERR_IO : OK;
}

static void keep_history(struct sentinel_world *w)
{
    (void)w;
}

static void stop(struct sentinel_world *w)
{
    (void)w;
    t.stopped = true;
}

static const struct captain *no_captain(struct sentinel_world *w, const char *group)
{
    (void)w, (void)group;
    return NULL;
}

static void request(struct sentinel_world *w, const char *group, const struct durable_request *r)
{
    snprintf(t.requested, sizeof t.requested, "%s %d %s:%u level %d min %u ver %llu%s %s", group,
             r->kind, r->at.host, r->at.port, r->level, r->min_sync, (unsigned long long)r->ver,
             r->confirm_dead ? " dead" : "", r->reason);
    if (!t.holding)
        serve_requested(w, r->token, t.refusal);
}

static bool suspect(struct sentinel_world *w, bool asks, const struct suspicion *s)
{
    (void)w;
    snprintf(t.requested, sizeof t.requested, "%s %llu %s", asks ? "asks" : "says",
             (unsigned long long)s->epoch, opinion_word(s->opinion));
    return s->epoch == 7;
}

static void load_two_groups(void)
{
    struct config config = { 0 };
    struct event ev = { .kind = EV_LOAD, .load = &config };
    struct config_group *g;

    globals_defaults(&config.globals);
    strcpy(config.globals.my_id, "0123456789012345678901234567890123456789");
    config.globals.listen_port = 26379;
    g = config_add_group(&config, "one");
    addr_set(&g->leader, BYTES("127.0.0.1"), 7001);
    g->set.quorum = 1;
    g->config_epoch = 4;
    config_add_node(g, &(struct addr){ "127.0.0.1", 7002 });
    config_add_peer(g, &(struct addr){ "127.0.0.1", 7003 },
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    g = config_add_group(&config, "two");
    addr_set(&g->leader, BYTES("::1"), 7011);
    g->set.quorum = 9;
    raise_event(&t.world, &ev);
    config_fini(&config);
}

static void setup(void)
{
    memset(&t, 0, sizeof t);
    clock_turn();
    t.world = (struct sentinel_world){ .loop = ev_loop_new(0),
                                       .core = &t.core,
                                       .tally = &t.tally,
                                       .news = &t.news,
                                       .history = &t.history,
                                       .keep_history = keep_history,
                                       .raise = raise_event,
                                       .pending = pending,
                                       .flush = flush,
                                       .captain = no_captain,
                                       .request = request,
                                       .suspect = suspect,
                                       .stop = stop,
                                       .settings = settings_new(&t.set, &t.world) };
    settings_add(t.world.settings, server_setting_rows);
    link_system_init(t.world.loop);
    t.commands = command_table_new();
    sentinel_add_commands(t.commands);
    t.acl = acl_new(t.commands);
    t.world.service =
        service_new(t.world.loop, &sentinel_service_ops, t.commands, t.acl, &t.set, &t.world);
    sentinel_init(&t.core, 1);
    load_two_groups();
}

static void teardown(void)
{
    release_answers();
    service_free(t.world.service);
    link_system_fini(t.world.loop);
    resolve_fini();
    sentinel_fini(&t.core);
    tally_fini(&t.tally);
    history_fini(&t.history);
    command_table_free(t.commands);
    acl_free(t.acl);
    settings_free(t.world.settings);
    ev_loop_destroy(t.world.loop);
}

/* ---- clients ------------------------------------------------------------------------------- */

static int client(void)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_ptr_nonnull(service_accept(t.world.service, fds[0], NULL, true, NULL));
    return fds[1];
}

/* Everything that arrives until the loop has nothing more to do. */
static void receive(int fd, struct buf *out)
{
    for (int quiet = 0, turns = 0; quiet < 5 && turns < TURNS_MAX; turns++) {
        char piece[65536];
        ssize_t n;

        ev_run(t.world.loop, EVRUN_NOWAIT);
        n = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
        quiet = n > 0 ? 0 : quiet + 1;
        if (n > 0)
            buf_append(out, piece, (size_t)n);
    }
}

static void send_line(int fd, const char *line)
{
    ck_assert_int_eq(send(fd, line, strlen(line), 0), (ssize_t)strlen(line));
    ck_assert_int_eq(send(fd, "\r\n", 2, 0), 2);
}

static void answers(int fd, const char *line, const char *expected)
{
    struct buf got = { 0 };

    send_line(fd, line);
    receive(fd, &got);
    ck_assert_msg(strcmp(buf_text(&got), expected) == 0, "%s\n got      %s\n expected %s", line,
                  buf_text(&got), expected);
    buf_fini(&got);
}

/* As redis-cli prints a map, "name=value name=value …": only the names, in order. */
static void field_names(int fd, const char *line, const char *expected)
{
    struct resp_replies replies;
    const struct resp_value *v;
    struct buf got = { 0 }, names = { 0 };
    size_t took;

    resp_replies_init(&replies);
    send_line(fd, line);
    receive(fd, &got);
    ck_assert(resp_read_reply(&replies, buf_bytes(&got), &v, &took) == RESP_ITEM);
    while (v->kind == RESP_ARRAY && v->count && v->items[0].kind == RESP_ARRAY)
        v = &v->items[0];
    for (size_t i = 0; i < v->count; i += 2) {
        buf_printf(&names, "%s%.*s", i ? " " : "", (int)v->items[i].text.len, v->items[i].text.at);
        ck_assert(v->items[i + 1].kind == RESP_BULK);
    }
    ck_assert_str_eq(buf_text(&names), expected);
    buf_fini(&got);
    buf_fini(&names);
    resp_replies_fini(&replies);
}

/* ---- tests --------------------------------------------------------------------------------- */

START_TEST(rows_are_whole)
{
    ck_assert_int_eq(rows_check(sentinel_rows, NULL), 5);
}
END_TEST

START_TEST(questions_have_redis_shapes)
{
    int fd;

    setup();
    fd = client();
    answers(fd, "SENTINEL get-master-addr-by-name one", "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n7001\r\n");
    answers(fd, "sentinel GET-PRIMARY-ADDR-BY-NAME two", "*2\r\n$3\r\n::1\r\n$4\r\n7011\r\n");
    answers(fd, "SENTINEL get-master-addr-by-name none", "*-1\r\n");
    answers(fd, "SENTINEL master none", "-ERR No such master with that name\r\n");
    answers(fd, "SENTINEL replicas none", "-ERR No such master with that name\r\n");
    answers(fd, "SENTINEL myid", "$40\r\n0123456789012345678901234567890123456789\r\n");
    answers(fd, "SENTINEL pending-scripts", "*0\r\n");
    answers(fd, "SENTINEL sentinels two", "*0\r\n");
    answers(fd, "ROLE", "*2\r\n$8\r\nsentinel\r\n*2\r\n$3\r\none\r\n$3\r\ntwo\r\n");
    answers(fd, "SENTINEL info-cache two none two", "*2\r\n$3\r\ntwo\r\n*1\r\n*2\r\n:0\r\n$-1\r\n");
    answers(fd, "SENTINEL ckquorum one",
            "+OK 2 usable Sentinels. Quorum and failover authorization can be reached\r\n");
    answers(fd, "SENTINEL ckquorum two",
            "-NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the specified "
            "quorum for this master\r\n");
    answers(fd, "SENTINEL foo", "-ERR unknown subcommand 'foo'. Try SENTINEL HELP.\r\n");
    answers(fd, "GET a", "-ERR unknown command 'GET', with args beginning with: 'a' \r\n");
    answers(fd, "INFO nosuch", "$0\r\n\r\n");
    close(fd);
    teardown();
}
END_TEST

START_TEST(help_comes_from_the_rows)
{
    struct buf got = { 0 };
    int fd;

    setup();
    fd = client();
    send_line(fd, "SENTINEL HELP");
    receive(fd, &got);
    ck_assert_ptr_nonnull(strstr(buf_text(&got),
                                 "+SENTINEL <subcommand> [<arg> [value] [opt] ...]. "
                                 "Subcommands are:\r\n"));
    ck_assert_ptr_nonnull(strstr(got.at, "+SET master-name option value [option value ...]\r\n"));
    ck_assert_ptr_nonnull(
        strstr(got.at, "+FAILOVER master-name [COORDINATED | FORCE] [TO host port]\r\n"));
    ck_assert_ptr_null(strstr(got.at, "+HF "));
    close(fd);
    buf_fini(&got);
    teardown();
}
END_TEST

START_TEST(maps_are_in_order)
{
#define VITALS "last-ping-sent last-ok-ping-reply last-ping-reply "
#define HEAD   "name ip port runid flags link-pending-commands link-refcount " VITALS
#define NODE   HEAD "down-after-milliseconds info-refresh role-reported role-reported-time "
    static const char *const leader =
        NODE "config-epoch num-slaves num-other-sentinels quorum failover-timeout parallel-syncs";
    int fd;

    setup();
    fd = client();
    field_names(fd, "SENTINEL master one", leader);
    field_names(fd, "SENTINEL masters", leader);
    field_names(fd, "SENTINEL primary two", leader);
    field_names(fd, "SENTINEL slaves one",
                NODE "master-link-down-time master-link-status master-host master-port "
                     "slave-priority slave-repl-offset replica-announced");
    field_names(fd, "SENTINEL sentinels one",
                HEAD "down-after-milliseconds last-hello-message voted-leader voted-leader-epoch");
    answers(fd, "HELLO 3",
            "%6\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n"
            "$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$8\r\nsentinel\r\n"
            "$7\r\nmodules\r\n*0\r\n");
    answers(fd, "SENTINEL get-master-addr-by-name none", "_\r\n");
    close(fd);
    teardown();
}
END_TEST

START_TEST(orders_are_checked_like_redis_does)
{
    static const char *const table[][2] = {
        { "SENTINEL monitor a b c d", "-ERR Invalid quorum\r\n" },
        { "SENTINEL monitor a b c 1", "-ERR Invalid port\r\n" },
        { "SENTINEL monitor a b 1 0", "-ERR Quorum must be 1 or greater.\r\n" },
        { "SENTINEL monitor a b 1 1", "-ERR Invalid IP address or hostname specified\r\n" },
        { "SENTINEL monitor a 1.2.3.4 99999 1", "-ERR Invalid port number.\r\n" },
        { "SENTINEL monitor a b 99999 1", "-ERR Invalid IP address or hostname specified\r\n" },
        { "SENTINEL monitor one 1.2.3.4 99 1", "-ERR Duplicate master name.\r\n" },
        { "SENTINEL monitor \"a b\" 1.2.3.4 1 1", "-ERR Invalid master name\r\n" },
        { "SENTINEL monitor new 1.2.3.4 1 1", "+OK\r\n" },
        { "SENTINEL remove new", "+OK\r\n" },
        { "SENTINEL remove new", "-ERR No such master with that name\r\n" },
        { "SENTINEL reset none", ":0\r\n" },
        { "SENTINEL reset *", ":2\r\n" },
        { "SENTINEL set none quorum 1", "-ERR No such master with that name\r\n" },
        { "SENTINEL set one quorum 0", "-ERR Invalid argument '0' for SENTINEL SET 'quorum'\r\n" },
        { "SENTINEL set one foo bar",
          "-ERR Unknown option or number of arguments for SENTINEL SET 'foo'\r\n" },
        { "SENTINEL set one quorum 1 foo",
          "-ERR Unknown option or number of arguments for SENTINEL SET 'foo'\r\n" },
        { "SENTINEL set one rename-command a",
          "-ERR Unknown option or number of arguments for SENTINEL SET 'rename-command'\r\n" },
        { "SENTINEL set one quorum 2 rename-command info hush parallel-syncs 3", "+OK\r\n" },
        { "SENTINEL failover none", "-ERR No such master with that name\r\n" },
        { "SENTINEL failover two", "-NOGOODSLAVE No suitable replica to promote\r\n" },
        { "SENTINEL failover two COORDINATED", "-NOGOODSLAVE No suitable replica to promote\r\n" },
        { "SENTINEL failover two FORCE TO 1.2.3.4", "-ERR syntax error\r\n" },
        { "SENTINEL failover two sideways", "-ERR syntax error\r\n" },
        { "SENTINEL debug info-period",
          "-ERR Unknown option or number of arguments for SENTINEL DEBUG 'info-period'\r\n" },
        { "SENTINEL debug info-period 0",
          "-ERR Invalid argument '0' for SENTINEL DEBUG 'info-period'\r\n" },
        { "SENTINEL debug INFO-PERIOD 9000", "+OK\r\n" },
        { "SENTINEL simulate-failure foo", "-ERR Unknown failure simulation specified\r\n" },
        { "SENTINEL simulate-failure help",
          "*2\r\n$20\r\ncrash-after-election\r\n$21\r\ncrash-after-promotion\r\n" },
        { "SENTINEL simulate-failure crash-after-promotion", "+OK\r\n" },
        { "SENTINEL flushconfig", "+OK\r\n" },
        { "SHUTDOWN foo", "-ERR syntax error\r\n" },
        { "SHUTDOWN save nosave", "-ERR syntax error\r\n" },
        { "SHUTDOWN abort", "-ERR No shutdown in progress.\r\n" },
    };
    int fd;

    setup();
    fd = client();
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        answers(fd, table[i][0], table[i][1]);
    ck_assert_uint_eq(t.core.simulate, SIMULATE_CRASH_AFTER_PROMOTION);
    ck_assert_uint_eq(t.core.debug_ms[T_INFO_PERIOD], 9000);
    ck_assert_uint_eq(sentinel_find_group(&t.core, BYTES("one"))->set.parallel_syncs, 3);
    t.flush_fails = true;
    answers(fd, "SENTINEL flushconfig", "-ERR Failed to save config file. Check server logs.\r\n");
    ck_assert(!t.stopped);
    answers(fd, "SHUTDOWN", "");
    ck_assert(t.stopped);
    close(fd);
    teardown();
}
END_TEST

START_TEST(config_is_set_as_a_whole)
{
    int fd;

    setup();
    fd = client();
    answers(fd, "SENTINEL config get announce-ip ANNOUNCE-*",
            "*6\r\n$18\r\nannounce-hostnames\r\n$2\r\nno\r\n$11\r\nannounce-ip\r\n$0\r\n\r\n"
            "$13\r\nannounce-port\r\n$1\r\n0\r\n");
    answers(fd, "SENTINEL config set announce-ip 10.0.0.1 announce-port 5 announce-port 6",
            "-ERR Duplicate argument 'announce-port' to SENTINEL CONFIG SET\r\n");
    answers(fd, "SENTINEL config set announce-ip 10.0.0.1 announce-port",
            "-ERR Missing argument 'announce-port' value\r\n");
    answers(fd, "SENTINEL config set announce-ip 10.0.0.1 announce-port x",
            "-ERR Invalid value 'x' to SENTINEL CONFIG SET 'announce-port'\r\n");
    answers(fd, "SENTINEL config set announce-ip \"a\\nb\"",
            "-ERR Invalid value 'a b' to SENTINEL CONFIG SET 'announce-ip'\r\n");
    answers(fd, "SENTINEL config set a b", "-ERR Invalid argument 'a' to SENTINEL CONFIG SET\r\n");
    answers(fd, "SENTINEL config foo bar",
            "-ERR Only SENTINEL CONFIG GET <option> / SET <option> <value> are supported.\r\n");
    ck_assert_ptr_null(t.core.globals.announce_ip);
    answers(fd, "SENTINEL config set announce-ip 10.0.0.1 resolve-hostnames YES", "+OK\r\n");
    ck_assert_str_eq(t.core.globals.announce_ip, "10.0.0.1");
    ck_assert(t.core.globals.resolve_hostnames);
    answers(fd, "SENTINEL config set loglevel loud",
            "-ERR Invalid value 'loud' to SENTINEL CONFIG SET 'loglevel'\r\n");
    answers(fd, "SENTINEL config set loglevel verbose", "+OK\r\n");
    answers(fd, "SENTINEL config get loglevel", "*2\r\n$8\r\nloglevel\r\n$7\r\nverbose\r\n");
    close(fd);
    teardown();
}
END_TEST

/* What waits for the disk must neither be answered early nor overtaken. */
START_TEST(an_answer_that_waits_holds_its_client_only)
{
    struct buf got = { 0 };
    int fd, other;

    setup();
    fd = client();
    other = client();
    t.holding = true;
    answers(fd, "SENTINEL remove two\r\nPING", "");
    answers(other, "PING", "+PONG\r\n");
    release_answers();
    receive(fd, &got);
    ck_assert_str_eq(buf_text(&got), "+OK\r\n+PONG\r\n");

    t.holding = true; /* and one who did not wait for it */
    answers(fd, "SENTINEL remove one", "");
    close(fd);
    answers(other, "PING", "+PONG\r\n");
    release_answers();
    answers(other, "PING", "+PONG\r\n");
    close(other);
    buf_fini(&got);
    teardown();
}
END_TEST

START_TEST(a_name_is_looked_up_off_the_loop)
{
    struct buf got = { 0 };
    int fd;

    setup();
    fd = client();
    t.core.globals.resolve_hostnames = true;
    send_line(fd, "SENTINEL monitor new localhost 7021 1");
    for (int i = 0; i < TURNS_MAX && !got.len; i++) {
        ev_run(t.world.loop, EVRUN_ONCE);
        receive(fd, &got);
    }
    ck_assert_str_eq(buf_text(&got), "+OK\r\n");
    ck_assert_ptr_nonnull(sentinel_find_group(&t.core, BYTES("new")));

    send_line(fd, "SENTINEL monitor gone localhost 7022 1");
    ev_run(t.world.loop, EVRUN_NOWAIT);
    close(fd); /* the question is forgotten with its client */
    fd = client();
    answers(fd, "PING", "+PONG\r\n");
    close(fd);
    buf_fini(&got);
    teardown();
}
END_TEST

START_TEST(events_reach_their_subscribers)
{
    struct buf got = { 0 };
    int fd, other;

    setup();
    fd = client();
    other = client();
    answers(fd, "SUBSCRIBE +monitor", "*3\r\n$9\r\nsubscribe\r\n$8\r\n+monitor\r\n:1\r\n");
    answers(other, "SENTINEL monitor new 1.2.3.4 5 1", "+OK\r\n");
    receive(fd, &got);
    ck_assert_str_eq(buf_text(&got), "*3\r\n$7\r\nmessage\r\n$8\r\n+monitor\r\n"
                                     "$29\r\nmaster new 1.2.3.4 5 quorum 1\r\n");
    answers(other, "PUBLISH news x",
            "-ERR Only HELLO messages are accepted by Sentinel instances.\r\n");
    answers(other, "PUBLISH __sentinel__:hello rubbish", ":1\r\n");
    answers(other,
            "PUBLISH __sentinel__:hello "
            "127.0.0.1,7004,bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,0,one,127.0.0.1,7001,4",
            ":1\r\n");
    ck_assert_uint_eq(sentinel_find_group(&t.core, BYTES("one"))->seat_count, 2);
    close(fd);
    close(other);
    buf_fini(&got);
    teardown();
}
END_TEST

START_TEST(peers_ask_and_tell)
{
    int fd;

    setup();
    fd = client();
    answers(fd, "SENTINEL is-master-down-by-addr 127.0.0.1 7001 0 *",
            "*3\r\n:0\r\n$1\r\n*\r\n:0\r\n");
    answers(fd, "SENTINEL is-master-down-by-addr 127.0.0.1 7099 0 *",
            "*3\r\n:0\r\n$1\r\n*\r\n:0\r\n");
    answers(fd, "SENTINEL is-master-down-by-addr 127.0.0.1 999999 0 *",
            "*3\r\n:0\r\n$1\r\n*\r\n:0\r\n");
    answers(fd, "SENTINEL is-master-down-by-addr 127.0.0.1 x 0 *",
            "-ERR value is not an integer or out of range\r\n");
    answers(fd, "SENTINEL is-master-down-by-addr 127.0.0.1 7001 -1 *",
            "-ERR value is not an integer or out of range\r\n");
    answers(fd, "SENTINEL is-master-down-by-addr 127.0.0.1 7001 5 \"a,b\"",
            "-ERR Invalid runid\r\n");
    answers(fd, "SENTINEL HF STATE a b c", "-ERR syntax error\r\n");
    answers(
        fd,
        "SENTINEL HF STATE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa one 127.0.0.1 7001 4 up 0 0",
        "*7\r\n$3\r\none\r\n$9\r\n127.0.0.1\r\n$4\r\n7001\r\n$1\r\n4\r\n$2\r\nup\r\n$1\r\n0\r\n"
        "$1\r\n0\r\n");
    answers(fd,
            "SENTINEL is-primary-down-by-addr 127.0.0.1 7001 5 "
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "*3\r\n:0\r\n$40\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n:5\r\n");
    answers(fd, "SENTINEL HF HELLO 9 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ":1\r\n");
    answers(fd, "SENTINEL HF HELLO x a", "-ERR syntax error\r\n");
    close(fd);
    teardown();
}
END_TEST

#define GID "0123456789abcdef0123456789abcdef01234567"

/* How a request was handed on; a refusal of it becomes the reply. */
static void asks_for(int fd, const char *line, const char *expected)
{
    t.requested[0] = '\0';
    answers(fd, line, "+OK\r\n");
    ck_assert_str_eq(t.requested, expected);
}

START_TEST(requests_about_durable_groups_are_read)
{
    int fd;

    setup();
    fd = client();
    asks_for(fd, "SENTINEL HF LEVEL one os", "one 0 :0 level 2 min 0 ver 0 ");
    asks_for(fd, "sentinel hf level one FSYNC minsync 2", "one 0 :0 level 3 min 2 ver 0 ");
    asks_for(fd, "SENTINEL HF MEMBER ADD one 10.0.0.1 7 OBSERVER",
             "one 2 10.0.0.1:7 level 0 min 0 ver 0 ");
    asks_for(fd, "SENTINEL HF MEMBER REMOVE one ::1 7", "one 3 ::1:7 level 0 min 0 ver 0 ");
    asks_for(fd, "SENTINEL HF VOTER REPLACE one a 7 WITH b 8", "one 6 a:7 level 0 min 0 ver 0 ");
    asks_for(fd, "SENTINEL HF FORCE one a 7 ACCEPT-LOSS 9 CONFIRM-DEAD \"it burnt\"",
             "one 7 a:7 level 0 min 0 ver 9 dead it burnt");
    t.refusal = "no member of the group is at that address";
    answers(fd, "SENTINEL HF MEMBER REMOVE one ::1 7",
            "-ERR no member of the group is at that address\r\n");
    answers(fd, "SENTINEL HF LEVEL three os", "-ERR No such master with that name\r\n");
    answers(fd, "SENTINEL HF STATUS one",
            "*8\r\n$4\r\nname\r\n$3\r\none\r\n$6\r\npaused\r\n$2\r\nno\r\n"
            "$13\r\npause-left-ms\r\n$1\r\n0\r\n"
            "$5\r\nlevel\r\n$5\r\nasync\r\n");
    answers(fd, "SENTINEL HF SUSPECT 1 " GID " 7 " GID " 3 hard refused 5", "+OK\r\n");
    ck_assert_str_eq(t.requested, "asks 7 hard");
    answers(fd, "SENTINEL HF OPINION 1 " GID " 8 " GID " 3 sleepy refused 5",
            "-ERR no such durable group\r\n");
    ck_assert_str_eq(t.requested, "says 8 unknown");
    close(fd);
    teardown();
}
END_TEST

START_TEST(odd_words_about_durable_groups_are_refused)
{
    static const char *const odd[] = {
        "SENTINEL HF LEVEL one",
        "SENTINEL HF LEVEL one disk",
        "SENTINEL HF LEVEL one os MINSYNC 9",
        "SENTINEL HF LEVEL one os MINSYNC",
        "SENTINEL HF MEMBER ADD one",
        "SENTINEL HF MEMBER ADD one a 0",
        "SENTINEL HF MEMBER REMOVE one a 7 OBSERVER",
        "SENTINEL HF VOTER ADD one a 7 WITH b 8",
        "SENTINEL HF VOTER REPLACE one a 7 WITH b",
        "SENTINEL HF FORCE one a 7 ACCEPT-LOSS x",
        "SENTINEL HF FORCE one a 7 ACCEPT-LOSS 1 CONFIRM-DEAD \"a\\nb\"",
        "SENTINEL HF FORCE one a 7 ACCEPT-LOSS 1 CONFIRM-DEAD b c",
        "SENTINEL HF STATUS one two",
        "SENTINEL HF GUESS one",
    };
    int fd;

    setup();
    fd = client();
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        answers(fd, odd[i], "-ERR syntax error\r\n");
    answers(fd, "SENTINEL HF SUSPECT 1 " GID " 7 x 3 hard refused 5", "-ERR odd word: run\r\n");
    answers(fd, "SENTINEL HF SUSPECT 1 " GID " 7", "-ERR 4 words are not what it has\r\n");
    ck_assert_str_eq(t.requested, "");
    close(fd);
    teardown();
}
END_TEST

CHECK_MAIN("serve", requests_about_durable_groups_are_read,
           odd_words_about_durable_groups_are_refused, rows_are_whole, questions_have_redis_shapes,
           maps_are_in_order, help_comes_from_the_rows, orders_are_checked_like_redis_does,
           config_is_set_as_a_whole, an_answer_that_waits_holds_its_client_only,
           a_name_is_looked_up_off_the_loop, events_reach_their_subscribers, peers_ask_and_tell)
