/*
 * serve, in a node without its doors: clients are socket pairs, the loop is turned by hand. TAKE and
 * GIVE stand for the blocking commands to come: TAKE key timeout waits for a key and takes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "common/alloc.h"
#include "common/clock.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/persist.h"
#include "node/replica/replica.h"
#include "node/serve/apply.h"
#include "node/serve/block.h"
#include "node/serve/serve.h"
#include "node/types/types.h"
#include "tests/node/node_harness.h"

static void take(struct call *c)
{
    const struct node_world *w = c->world;
    const struct entry *e = keyspace_read(w->keyspace, c->db, c->argv[1], 0);

    if (e) {
        keyspace_delete(w->keyspace, c->db, c->argv[1], 0);
        reply_simple(c->reply, "taken");
        return;
    }
    if (c->denies_blocking) {
        reply_null(c->reply);
        return;
    }
    c->intents |= INTENT_BLOCK_KEYS;
    c->block_first = c->block_last = c->block_step = 1;
    serve_want_timeout(c, c->argv[2], false, &c->block_timeout_ms);
}

static void give(struct call *c)
{
    struct node_world *w = c->world;
    struct value v = value_of_text(c->argv[2]);

    keyspace_put(w->keyspace, c->db, c->argv[1], &v, NO_EXPIRY, 0);
    block_key_ready(w->serve, c->db, c->argv[1]);
    reply_ok(c->reply);
}

static const struct command test_rows[] = {
    { .name = "take", .run = take, .argc_min = 3, .argc_max = 3, .flags = CMD_WRITE },
    { .name = "give", .run = give, .argc_min = 3, .argc_max = 3, .flags = CMD_WRITE },
    { 0 },
};

static const struct command *const rows[] = {
    serve_connection_rows, serve_database_rows, serve_client_rows,
    serve_multi_rows,      serve_node_rows,     string_commands,
    generic_commands,      test_rows,           NULL,
};

static void turn(struct node *n)
{
    for (int i = 0; i < 4; i++)
        ev_run(n->w.loop, EVRUN_NOWAIT);
}

static int dial_node(struct node *n)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_ptr_nonnull(service_accept(n->w.service, fds[0], NULL, true, NULL));
    return fds[1];
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Everything that came, after a few turns. */
static const char *hear(struct node *n, int fd)
{
    static char text[4096];
    ssize_t len;

    turn(n);
    len = read(fd, text, sizeof text - 1);
    if (len < 0) {
        ck_assert_int_eq(errno, EAGAIN);
        len = 0;
    }
    text[len] = '\0';
    return text;
}

/* Turns the loop until nobody is blocked any more, or the deadline. */
static void wait_unblocked(struct node *n, uint64_t within_ms)
{
    uint64_t deadline_us = clock_read_us() + within_ms * 1000;

    while (n->w.serve->blocked_count && clock_read_us() < deadline_us)
        turn(n);
}

#define ask(n, fd, text) (say(fd, text "\r\n"), hear(n, fd))

START_TEST(a_pipeline_waits_behind_a_blocked_command)
{
    struct node n;
    int a, b;

    open_node(&n, rows);
    a = dial_node(&n);
    b = dial_node(&n);
    ck_assert_str_eq(ask(&n, a, "TAKE k 0\r\nPING\r\nECHO x"), "");
    ck_assert_uint_eq(n.w.serve->blocked_count, 1);
    ck_assert_str_eq(ask(&n, b, "GIVE k v"), "+OK\r\n");
    ck_assert_str_eq(hear(&n, a), "+taken\r\n+PONG\r\n$1\r\nx\r\n");
    ck_assert_uint_eq(n.w.serve->blocked_count, 0);
    ck_assert_uint_eq(keyspace_size(n.w.keyspace, 0), 0);
    close(a);
    close(b);
    turn(&n);
    ck_assert_uint_eq(n.w.service->session_count, 0);
    close_node(&n);
}
END_TEST

START_TEST(who_came_first_is_served_first_and_before_the_giver_goes_on)
{
    struct node n;
    int first, second, giver;

    open_node(&n, rows);
    first = dial_node(&n);
    second = dial_node(&n);
    giver = dial_node(&n);
    ck_assert_str_eq(ask(&n, first, "TAKE k 0"), "");
    ck_assert_str_eq(ask(&n, second, "TAKE k 0"), "");
    ck_assert_str_eq(ask(&n, giver, "GIVE k v\r\nEXISTS k"), "+OK\r\n:0\r\n");
    ck_assert_str_eq(hear(&n, first), "+taken\r\n");
    ck_assert_str_eq(hear(&n, second), "");
    ck_assert_str_eq(ask(&n, giver, "MULTI\r\nGIVE k v\r\nEXISTS k\r\nEXEC\r\nEXISTS k"),
                     "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:1\r\n:0\r\n");
    ck_assert_str_eq(hear(&n, second), "+taken\r\n");
    close(first);
    close(second);
    close(giver);
    turn(&n);
    close_node(&n);
}
END_TEST

START_TEST(a_dead_waiter_takes_nothing)
{
    struct node n;
    int dead, alive, giver;

    open_node(&n, rows);
    dead = dial_node(&n);
    alive = dial_node(&n);
    giver = dial_node(&n);
    ck_assert_str_eq(ask(&n, dead, "TAKE k 0"), "");
    ck_assert_str_eq(ask(&n, alive, "TAKE k 0"), "");
    close(dead);
    turn(&n);
    ck_assert_uint_eq(n.w.serve->blocked_count, 1);
    ck_assert_str_eq(ask(&n, giver, "GIVE k v"), "+OK\r\n");
    ck_assert_str_eq(hear(&n, alive), "+taken\r\n");
    close(alive);
    close(giver);
    turn(&n);
    close_node(&n);
}
END_TEST

START_TEST(time_and_others_unblock)
{
    struct node n;
    char text[64];
    int a, b;

    open_node(&n, rows);
    a = dial_node(&n);
    b = dial_node(&n);
    say(a, "TAKE k 20\r\nPING\r\n");
    turn(&n);
    ck_assert_uint_eq(n.w.serve->blocked_count, 1);
    wait_unblocked(&n, 5000);
    ck_assert_str_eq(hear(&n, a), "$-1\r\n+PONG\r\n");
    for (int error = 0; error < 2; error++) {
        ck_assert_str_eq(ask(&n, a, "TAKE k 0\r\nPING"), "");
        snprintf(text, sizeof text, "CLIENT UNBLOCK 1%s\r\n", error ? " ERROR" : "");
        say(b, text);
        ck_assert_str_eq(hear(&n, b), ":1\r\n");
        ck_assert_str_eq(hear(&n, a),
                         error ? "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n+PONG\r\n"
                               : "$-1\r\n+PONG\r\n");
    }
    ck_assert_str_eq(ask(&n, b, "CLIENT UNBLOCK 1"), ":0\r\n");
    ck_assert_str_eq(ask(&n, a, "MULTI\r\nTAKE k 0\r\nEXEC"), "+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n");
    close(a);
    close(b);
    turn(&n);
    close_node(&n);
}
END_TEST

START_TEST(replies_wait_at_a_closed_gate)
{
    static const char transaction[] = "+OK\r\n+QUEUED\r\n*1\r\n:2\r\n";
    struct node n;
    uint64_t first;
    size_t early;
    int a, b;

    open_node(&n, rows);
    a = dial_node(&n);
    b = dial_node(&n);
    gate_demand(&n.w.serve->gate, GATE_FILE, true);
    gate_acked(&n.w.serve->gate, GATE_FILE, n.w.oplog->next);
    ck_assert_str_eq(ask(&n, a, "GET k"), "$-1\r\n");
    ck_assert_str_eq(ask(&n, a, "SET k 1"), "");
    first = n.w.oplog->next;
    ck_assert_str_eq(ask(&n, b, "PING"), "+PONG\r\n");
    early = strlen(ask(&n, b, "MULTI\r\nINCR k\r\nEXEC"));
    ck_assert(early < strlen("+OK\r\n+QUEUED\r\n*")); /* none, where its turn did not end before */
    while (n.w.oplog->next == first)
        turn(&n);
    ck_assert_str_eq(ask(&n, a, "PING"), "");
    gate_acked(&n.w.serve->gate, GATE_FILE, first);
    ck_assert_str_eq(hear(&n, a), "+OK\r\n+PONG\r\n");
    ck_assert_str_eq(hear(&n, b), "");
    gate_acked(&n.w.serve->gate, GATE_FILE, n.w.oplog->next);
    ck_assert_str_eq(hear(&n, b), transaction + early);
    ck_assert_str_eq(ask(&n, a, "SET k 3"), "");
    gate_demand(&n.w.serve->gate, GATE_FILE, false);
    ck_assert_str_eq(hear(&n, a), "+OK\r\n");
    close(a);
    close(b);
    turn(&n);
    close_node(&n);
}
END_TEST

static enum err feed(struct apply *a, const char *line, struct errmsg *why)
{
    struct bytes argv[8];
    int argc = 0;

    for (const char *at = line; *at; argc++) {
        size_t len = strcspn(at, " ");

        argv[argc] = (struct bytes){ at, len };
        at += len + (at[len] == ' ');
    }
    apply_begin(a, clock_read_us());
    return apply_command(a, argc, argv, why);
}

START_TEST(the_stream_is_applied_in_whole_units)
{
    struct errmsg why = { "" };
    struct apply *a;
    uint64_t before;
    struct node n;
    int c;

    open_node(&n, rows);
    c = dial_node(&n);
    a = apply_new(&n.w);
    n.w.serve->unit.muted = true; /* as it is where this node follows */
    before = n.w.oplog->next;
    ck_assert(feed(a, "SELECT 3", &why) == OK && feed(a, "SET a 1", &why) == OK);
    ck_assert(feed(a, "MULTI", &why) == OK && apply_in_unit(a));
    ck_assert(feed(a, "INCR a", &why) == OK && feed(a, "SELECT 0", &why) == OK);
    ck_assert(feed(a, "GIVE k v", &why) == OK);
    ck_assert_str_eq(ask(&n, c, "SELECT 3\r\nGET a\r\nSELECT 0\r\nEXISTS k"),
                     "+OK\r\n$1\r\n1\r\n+OK\r\n:0\r\n");
    ck_assert(feed(a, "EXEC", &why) == OK && !apply_in_unit(a));
    ck_assert_int_eq(apply_db(a), 0);
    ck_assert_str_eq(ask(&n, c, "SELECT 3\r\nGET a\r\nSELECT 0\r\nEXISTS k"),
                     "+OK\r\n$1\r\n2\r\n+OK\r\n:1\r\n");
    ck_assert(feed(a, "NOSUCH x", &why) == ERR_NOTFOUND);
    ck_assert(feed(a, "CLIENT KILL TYPE normal", &why) == ERR_NOTFOUND);
    ck_assert(feed(a, "SHUTDOWN", &why) == ERR_NOTFOUND);
    ck_assert(feed(a, "SELECT 99", &why) == ERR_REFUSED);
    ck_assert(feed(a, "INCR k", &why) == ERR_REFUSED);
    ck_assert(feed(a, "PING", &why) == OK);
    ck_assert_uint_eq(n.w.oplog->next, before);
    feed(a, "MULTI", &why);
    feed(a, "SET lost 1", &why);
    apply_reset(a, 0);
    ck_assert(!apply_in_unit(a));
    ck_assert_str_eq(ask(&n, c, "EXISTS lost"), ":0\r\n");
    apply_free(a);
    close(c);
    turn(&n);
    close_node(&n);
}
END_TEST

/* Who is told of it keeps the loop from its sleep for one more turn, with every reply. */
START_TEST(nobody_is_told_that_a_reply_has_left)
{
    struct node n;
    struct link *l;
    int c;

    open_node(&n, rows);
    c = dial_node(&n);
    l = LIST_ENTRY(n.w.service->sessions.next, struct session, node)->link;
    say(c, "PING\r\n");
    ev_run(n.w.loop, EVRUN_NOWAIT);
    ck_assert_uint_gt(out_pending(&l->out), 0);
    link_flush(l);
    ck_assert_uint_eq(out_pending(&l->out), 0);
    ck_assert(!l->owes_drained);
    close(c);
    turn(&n);
    close_node(&n);
}
END_TEST

START_TEST(a_turn_is_shared)
{
    struct buf many = { 0 };
    struct node n;
    int a, b;

    open_node(&n, rows);
    a = dial_node(&n);
    b = dial_node(&n);
    for (int i = 0; i < 3 * SESSION_TURN_REQUESTS; i++)
        buf_puts(&many, "PING\r\n");
    ck_assert_int_eq(write(a, many.at, many.len), (ssize_t)many.len);
    say(b, "PING\r\n");
    ev_run(n.w.loop, EVRUN_NOWAIT);
    ck_assert_uint_le(n.w.service->stats.commands, SESSION_TURN_REQUESTS + 1);
    for (int i = 0; i < 10; i++)
        turn(&n);
    ck_assert_uint_eq(n.w.service->stats.commands, 3 * SESSION_TURN_REQUESTS + 1);
    buf_fini(&many);
    close(a);
    close(b);
    turn(&n);
    close_node(&n);
}
END_TEST

START_TEST(a_node_may_end_with_clients_in_every_state)
{
    struct node n;
    int fds[5];

    open_node(&n, rows);
    for (int i = 0; i < 5; i++)
        fds[i] = dial_node(&n);
    ask(&n, fds[0], "TAKE k 10000");
    ask(&n, fds[1], "WATCH a\r\nMULTI\r\nSET a 1");
    ask(&n, fds[2], "MONITOR");
    ask(&n, fds[3], "CLIENT PAUSE 10000 ALL");
    ask(&n, fds[4], "PING");
    close_node(&n);
    for (int i = 0; i < 5; i++)
        close(fds[i]);
}
END_TEST

CHECK_MAIN("serve", a_pipeline_waits_behind_a_blocked_command,
           who_came_first_is_served_first_and_before_the_giver_goes_on, a_dead_waiter_takes_nothing,
           time_and_others_unblock, replies_wait_at_a_closed_gate,
           the_stream_is_applied_in_whole_units, nobody_is_told_that_a_reply_has_left,
           a_turn_is_shared, a_node_may_end_with_clients_in_every_state)
