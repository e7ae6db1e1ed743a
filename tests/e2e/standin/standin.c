/*
 * standin - one process that plays the nodes of thousands of groups, for measuring sentinels at scale.
 *
 *     standin <control-port> <first-port> <groups>
 *
 * Group i is a leader on first-port + 2i and a follower on first-port + 2i + 1, on 127.0.0.1. A node
 * answers what a sentinel sends: PING, INFO, AUTH, CLIENT, SUBSCRIBE, PUBLISH, ROLE, CONFIG, and the
 * role-change transaction. It holds no data; roles, run ids and hello messages are real. To sentinels that make a group
 * durable it is a member in sync, which looks out for its leader (part.h).
 *
 * On the control port it speaks RESP too:
 *     KILL <first> <count>    the leaders of these groups die: listeners and connections close
 *     PROMOTED <first> <count>  how many of these groups have a living leader again, and the longest
 *                             time from the last KILL to a promotion, in microseconds
 *     COUNTS                  messages answered since the last COUNTS, and connections open now
 *     STOP
 *
 * It listens with its own few lines rather than with common/listen, because a dead node must be able
 * to close its port and nothing else.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/link.h"
#include "common/random.h"
#include "common/resp.h"
#include "part.h"

enum { GROUPS_MAX = 8000, ARGC_MAX = 64, BULK_MAX = 64 * 1024, LOOK_MS = 50 };

struct client;

struct node {
    int port, listener;
    ev_io acceptable;
    bool leads;
    int leader_port; /* whom it follows */
    char run_id[41];
    uint64_t promoted_us;
    struct part part;
    struct list clients, subscribers;
};

struct client {
    struct list of_node, of_subscribers;
    struct node *node; /* NULL: a client of the control port */
    struct link *link;
    struct resp_reader reader;
    bool in_multi;
    int queued;
};

static struct ev_loop *loop;
static struct node *nodes;
static int node_count;
static uint64_t killed_us, messages, connections;
static struct courier *courier;

static int group_leads(int group, struct node **out_leader)
{
    for (int k = 0; k < 2; k++) {
        struct node *n = &nodes[2 * group + k];

        if (n->leads && n->listener >= 0) {
            *out_leader = n;
            return 1;
        }
    }
    return 0;
}

static void reply_info(struct reply *r, const struct node *n)
{
    const struct node *other = &nodes[(n - nodes) ^ 1];
    struct buf text = { 0 };

    buf_printf(
        &text,
        "# Server\r\nredis_version:7.2.4\r\nserver_name:holdfast\r\nredis_mode:standalone\r\n"
        "run_id:%s\r\ntcp_port:%d\r\n\r\n# Replication\r\n",
        n->run_id, n->port);
    if (n->leads) {
        bool followed = !other->leads && other->listener >= 0 && other->leader_port == n->port;

        buf_printf(&text, "role:master\r\nconnected_slaves:%d\r\n", followed);
        if (followed)
            buf_printf(&text, "slave0:ip=127.0.0.1,port=%d,state=online,offset=1000,lag=0\r\n",
                       other->port);
    } else {
        buf_printf(&text,
                   "role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:%d\r\n"
                   "master_link_status:%s\r\nmaster_last_io_seconds_ago:0\r\n"
                   "master_sync_in_progress:0\r\nslave_read_repl_offset:1000\r\n"
                   "slave_repl_offset:1000\r\n%sslave_priority:100\r\nslave_read_only:1\r\n"
                   "replica_announced:1\r\nconnected_slaves:0\r\n",
                   n->leader_port, other->leads && other->listener >= 0 ? "up" : "down",
                   other->listener >= 0 ? "" : "master_link_down_since_seconds:0\r\n");
    }
    buf_puts(&text, "master_failover_state:no-failover\r\n"
                    "master_replid:0123456789012345678901234567890123456789\r\n"
                    "master_replid2:0000000000000000000000000000000000000000\r\n"
                    "master_repl_offset:1000\r\nsecond_repl_offset:-1\r\n"
                    "repl_backlog_active:1\r\nrepl_backlog_size:1048576\r\n"
                    "repl_backlog_first_byte_offset:1\r\nrepl_backlog_histlen:1000\r\n"
                    "\r\n# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n");
    reply_bulk(r, buf_bytes(&text));
    buf_fini(&text);
}

static void follow(struct node *n, struct bytes host, struct bytes port)
{
    int64_t number;

    if (bytes_is_word(host, "no")) {
        if (!n->leads)
            n->promoted_us = clock_read_us();
        n->leads = true;
    } else if (bytes_to_i64(port, &number)) {
        n->leads = false;
        n->leader_port = (int)number;
    }
}

static void publish(struct node *n, struct reply *r, struct bytes channel, struct bytes text)
{
    int64_t heard = 0;

    LIST_EACH (&n->subscribers, at) {
        struct client *to = LIST_ENTRY(at, struct client, of_subscribers);
        struct reply push = { .out = &to->link->out, .proto = 2 };

        reply_push(&push, 3);
        reply_text(&push, "message");
        reply_bulk(&push, channel);
        reply_bulk(&push, text);
        link_wrote(to->link);
        heard++;
    }
    reply_int(r, heard);
}

static void node_request(struct client *c, struct reply *r, int argc, const struct bytes *argv)
{
    struct node *n = c->node;

    if (c->in_multi && bytes_is_word(argv[0], "exec")) {
        c->in_multi = false;
        reply_array(r, (size_t)c->queued);
        for (int i = 0; i < c->queued; i++)
            reply_ok(r);
    } else if (bytes_is_word(argv[0], "multi")) {
        c->in_multi = true;
        c->queued = 0;
        reply_ok(r);
    } else if (argc == 3 &&
               (bytes_is_word(argv[0], "slaveof") || bytes_is_word(argv[0], "replicaof"))) {
        follow(n, argv[1], argv[2]);
        c->queued++;
        reply_simple(r, c->in_multi ? "QUEUED" : "OK");
    } else if (c->in_multi) {
        c->queued++;
        reply_simple(r, "QUEUED");
    } else if (bytes_is_word(argv[0], "ping")) {
        reply_simple(r, "PONG");
    } else if (bytes_is_word(argv[0], "info")) {
        reply_info(r, n);
    } else if (bytes_is_word(argv[0], "publish") && argc == 3) {
        publish(n, r, argv[1], argv[2]);
    } else if (bytes_is_word(argv[0], "subscribe") && argc == 2) {
        if (!list_linked(&c->of_subscribers))
            list_push_back(&n->subscribers, &c->of_subscribers);
        reply_push(r, 3);
        reply_text(r, "subscribe");
        reply_bulk(r, argv[1]);
        reply_int(r, 1);
    } else if (bytes_is_word(argv[0], "role")) {
        reply_array(r, 3);
        reply_text(r, n->leads ? "master" : "slave");
        reply_int(r, 1000);
        reply_array(r, 0);
    } else if (bytes_is_word(argv[0], "hf")) {
        part_obey(&n->part, r, argc, argv);
        if (n->part.role == NODE_ACTIVE && !n->leads)
            n->promoted_us = clock_read_us();
        if (n->part.seen.ver)
            n->leads = n->part.role == NODE_ACTIVE;
    } else if (bytes_is_word(argv[0], "client") || bytes_is_word(argv[0], "auth") ||
               bytes_is_word(argv[0], "config")) {
        reply_ok(r);
    } else {
        reply_errorf(r, "ERR unknown command '%.*s'", (int)argv[0].len, argv[0].at);
    }
}

static void node_die(struct node *n)
{
    if (n->listener < 0)
        return;
    ev_io_stop(loop, &n->acceptable);
    close(n->listener);
    n->listener = -1;
    LIST_EACH (&n->clients, at)
        link_kill(LIST_ENTRY(at, struct client, of_node)->link, LINK_WHY_ASKED);
}

static void control_request(struct reply *r, int argc, const struct bytes *argv)
{
    int64_t first = 0, count = 0;
    bool range = argc == 3 && bytes_to_i64(argv[1], &first) && bytes_to_i64(argv[2], &count) &&
                 first >= 0 && count >= 0 && first + count <= node_count / 2;

    if (range && bytes_is_word(argv[0], "kill")) {
        for (int64_t g = first; g < first + count; g++) {
            struct node *leader;

            if (group_leads((int)g, &leader))
                node_die(leader);
        }
        killed_us = clock_read_us();
        reply_ok(r);
    } else if (range && bytes_is_word(argv[0], "promoted")) {
        int64_t promoted = 0;
        uint64_t longest = 0;

        for (int64_t g = first; g < first + count; g++) {
            struct node *leader;

            if (!group_leads((int)g, &leader))
                continue;
            promoted++;
            if (leader->promoted_us > killed_us && leader->promoted_us - killed_us > longest)
                longest = leader->promoted_us - killed_us;
        }
        reply_array(r, 2);
        reply_int(r, promoted);
        reply_int(r, (int64_t)longest);
    } else if (bytes_is_word(argv[0], "counts")) {
        reply_array(r, 2);
        reply_int(r, (int64_t)messages);
        reply_int(r, (int64_t)connections);
        messages = 0;
    } else if (bytes_is_word(argv[0], "stop")) {
        reply_ok(r);
        ev_break(loop, EVBREAK_ALL);
    } else {
        reply_error(r, "ERR KILL first count, PROMOTED first count, COUNTS or STOP");
    }
}

static void on_input(struct link *l)
{
    struct client *c = l->owner;
    struct reply r = { .out = &l->out, .proto = 2 };
    struct resp_request request;

    while (l->state == LINK_OPEN) {
        enum resp_status status = resp_read_request(&c->reader, link_input(l), &request);

        if (status == RESP_MORE)
            break;
        if (status == RESP_BAD) {
            link_close(l, LINK_WHY_PROTOCOL);
            break;
        }
        if (request.argc > 0 && c->node) {
            messages++;
            node_request(c, &r, request.argc, request.argv);
        } else if (request.argc > 0) {
            control_request(&r, request.argc, request.argv);
        }
        link_consume(l, request.bytes);
    }
    link_wrote(l);
}

static void on_closed(struct link *l)
{
    struct client *c = l->owner;

    list_remove(&c->of_node);
    list_remove(&c->of_subscribers);
    resp_reader_fini(&c->reader);
    xfree(c);
    connections--;
}

static const struct link_ops ops = { .on_input = on_input, .on_closed = on_closed };

static void on_acceptable(struct ev_loop *l, ev_io *w, int events)
{
    struct node *n = w->data; /* NULL: the control port */
    int fd;

    (void)l;
    (void)events;
    while ((fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *c = xcalloc(1, sizeof *c);

        c->node = n;
        resp_reader_init(&c->reader, (struct resp_limits){ .argc_max = ARGC_MAX,
                                                           .bulk_bytes_max = BULK_MAX,
                                                           .inline_bytes_max = BULK_MAX });
        c->link = link_new(loop, fd, NULL, true, &ops, c);
        c->link->input_bytes_max = 1024 * 1024;
        c->link->out.bytes_max = 1024 * 1024;
        if (n)
            list_push_back(&n->clients, &c->of_node);
        connections++;
    }
}

static void on_look(struct ev_loop *l, ev_timer *w, int events)
{
    (void)l;
    (void)w;
    (void)events;
    for (int i = 0; i < node_count; i++)
        if (nodes[i].listener >= 0 && nodes[i ^ 1].listener >= 0)
            part_look_out(&nodes[i].part, courier, 0);
}

static void ignore(void *arg, const struct place *from, const char *group,
                   const struct reg_message *reply)
{
    (void)arg;
    (void)from;
    (void)reply;
}

/* The descriptor, or -1 with a word on stderr. */
static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 64)) {
        fprintf(stderr, "standin: port %d: %s\n", port, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static bool node_start(struct node *n, int port, bool leads, int leader_port)
{
    n->port = port;
    n->leads = leads;
    n->leader_port = leader_port;
    random_hex(n->run_id, 40);
    part_begin(&n->part, n->run_id, leads);
    list_init(&n->clients);
    list_init(&n->subscribers);
    n->listener = listen_on(port);
    if (n->listener < 0)
        return false;
    ev_io_init(&n->acceptable, on_acceptable, n->listener, EV_READ);
    n->acceptable.data = n;
    ev_io_start(loop, &n->acceptable);
    return true;
}

static bool read_number(const char *text, int64_t max, int *out)
{
    int64_t v;

    if (!bytes_to_i64(bytes_of(text), &v) || v < 1 || v > max)
        return false;
    *out = (int)v;
    return true;
}

int main(int argc, char **argv)
{
    struct courier_options options = { .hear = ignore };
    struct rlimit files;
    ev_timer look;
    ev_io control;
    int control_port, first_port, groups;

    if (argc != 4 || !read_number(argv[1], 65535, &control_port) ||
        !read_number(argv[2], 65535, &first_port) || !read_number(argv[3], GROUPS_MAX, &groups) ||
        first_port + 2 * groups > 65536) {
        fprintf(stderr, "usage: standin <control-port> <first-port> <groups>\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    loop = ev_default_loop(0);
    link_system_init(loop);
    node_count = 2 * groups;
    nodes = xcalloc((size_t)node_count, sizeof *nodes);
    for (int i = 0; i < node_count; i++)
        if (!node_start(&nodes[i], first_port + i, i % 2 == 0, first_port + (i & ~1)))
            return 1;
    control.fd = listen_on(control_port);
    if (control.fd < 0)
        return 1;
    ev_io_init(&control, on_acceptable, control.fd, EV_READ);
    control.data = NULL;
    ev_io_start(loop, &control);
    courier = courier_new(loop, &options);
    ev_timer_init(&look, on_look, LOOK_MS / 1e3, LOOK_MS / 1e3);
    ev_timer_start(loop, &look);
    printf("ready\n");
    fflush(stdout);
    ev_run(loop, 0);
    for (int i = 0; i < node_count; i++)
        node_die(&nodes[i]);
    courier_free(courier);
    link_system_fini(loop);
    xfree(nodes);
    return 0;
}
