/*
 * The helms between a captain that is played by this file (captain_step notes the events it gets, and wants what a test
 * has prepared for them) and a node that is played by a link on the same loop: orders are the right words, receipts the
 * right events; a line that is lost is told at once and dialled in the same turn; what is raised while an action is
 * obeyed is obeyed behind it; a request becomes a wish, or is answered, once.
 */
#include "sentinel/helm/helm.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/link.h"
#include "common/listen.h"
#include "sentinel/core/group.h"
#include "tests/check_main.h"
#include "tests/common/free_port.h"
#include "tests/common/register/charters.h"

enum { NODE = 11, OTHER = 12, TURN_MS = 20, PATIENCE_MS = 5000 };

static const char group_name[] = "m1";

/* ---- what happened, in words ------------------------------------------------------------------- */

static struct buf told;  /* events of the captain, what the rooms were asked, as "word word\n" */
static struct buf heard; /* commands that the node got */

static void tell(const char *format, ...) PRINTF_LIKE(1, 2);

static void tell(const char *format, ...)
{
    char line[256];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buf_printf(&told, "%s\n", line);
}

/* ---- the captain, played ------------------------------------------------------------------------- */

static uint64_t wake_ms, expected_ms;
static struct charter
    next_charter; /* what a captain knows after its next step; ver 0: what it knew */
static struct captain_actions wants; /* after the next event of the kind `wanting` */
static enum captain_event_kind wanting;

static struct captain_action *want(enum captain_event_kind on, enum captain_action_kind kind)
{
    struct captain_action *a;

    wanting = on;
    wants.at = xgrow(wants.at, wants.count, &wants.cap, sizeof *wants.at);
    a = &wants.at[wants.count++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    return a;
}

/* The core's own words would bring the core. */
static const char *const wishes[WISH_COUNT] = {
    [WISH_SWITCHOVER] = "switchover",       [WISH_CREATE] = "create", [WISH_TERMS] = "terms",
    [WISH_MEMBER_REMOVE] = "member-remove", [WISH_VOTERS] = "voters", [WISH_FORCE] = "force",
};

static void note(struct captain *c, const struct captain_event *ev)
{
    switch (ev->kind) {
    case CAPTAIN_EV_LINE_UP:
        tell("up %d", (int)ev->node);
        break;
    case CAPTAIN_EV_LINE_DOWN:
        tell("down %d %s", (int)ev->node,
             ev->why == DOWN_REFUSED  ? "refused"
             : ev->why == DOWN_CLOSED ? "closed"
                                      : "otherwise");
        break;
    case CAPTAIN_EV_RECEIPT:
        c->nodes[0].e.report = ev->receipt->report;
        tell("receipt %d %s %d", (int)ev->node, receipt_word(ev->receipt->kind),
             (int)ev->receipt->seq);
        break;
    case CAPTAIN_EV_VITAL:
        tell("vital %d %.4s busy %d", (int)ev->node, ev->run, (int)ev->busy_ms);
        break;
    case CAPTAIN_EV_WISH:
        tell("wish %s node=%d level=%s voters=%u closed=%d", wishes[ev->wish->kind],
             (int)ev->wish->node, keep_word(ev->wish->level), ev->wish->voter_count,
             ev->wish->closed);
        break;
    case CAPTAIN_EV_BALLOT:
        tell("ballot");
        break;
    case CAPTAIN_EV_LOOKOUT:
        tell("lookout %d", (int)ev->lookout->node);
        break;
    case CAPTAIN_EV_CHARTER:
    case CAPTAIN_EV_RUMOUR:
        tell("%s %d", ev->kind == CAPTAIN_EV_CHARTER ? "charter" : "rumour", (int)ev->ver);
        break;
    default:
        break;
    }
}

void captain_init(struct captain *c, uint64_t voter, uint64_t proposer, const struct charter *known,
                  const struct captain_settings *set, uint64_t seed, uint64_t now_ms)
{
    memset(c, 0, sizeof *c);
    c->set = *set;
    c->charter = *known;
    c->node_count = 1;
    c->nodes[0].e.node = NODE;
}

void captain_fini(struct captain *c) {}

void captain_actions_fini(struct captain_actions *a)
{
    xfree(a->at);
    *a = (struct captain_actions){ 0 };
}

void captain_step(struct captain *c, const struct captain_event *ev, struct captain_actions *out)
{
    note(c, ev);
    if (next_charter.ver)
        c->charter = next_charter;
    if (ev->kind == CAPTAIN_EV_TIME)
        wake_ms = UINT64_MAX / 2;
    if (ev->kind != wanting)
        return;
    for (size_t i = 0; i < wants.count; i++) {
        out->at = xgrow(out->at, out->count, &out->cap, sizeof *out->at);
        out->at[out->count++] = wants.at[i];
    }
    wants.count = 0;
}

uint64_t captain_wake_ms(const struct captain *c)
{
    return wake_ms;
}

void captain_expect(struct captain *c, uint64_t at_ms)
{
    expected_ms = at_ms;
}

void captain_saw(struct captain *c, const struct place *at, uint64_t voter, uint32_t format,
                 uint64_t now_ms)
{
}

bool captain_refuses(void *arg, const struct charter *mine, const struct charter *proposed)
{
    return false;
}

bool captain_reads(const struct captain *c, uint32_t format)
{
    return true;
}

/* ---- the other rooms, played ----------------------------------------------------------------------- */

static struct ev_loop *loop;
static struct sentinel core;
static struct drive drive = { .core = &core };
static struct acceptor voter;
static struct helms *hs;

void drive_raise(struct drive *d, struct event *ev)
{
    if (ev->kind == EV_CHARTERED && ev->chartered.level)
        sentinel_find_group(&core, BYTES("m1"))->set.durability = *ev->chartered.level;
    if (ev->kind == EV_CHARTERED)
        tell("%s %s%s%s", ev->chartered.is ? "chartered" : "not-chartered", ev->chartered.name,
             ev->chartered.level ? " " : "",
             ev->chartered.level ? keep_word(*ev->chartered.level) : "");
    else if (ev->kind == EV_SERVES)
        tell("serves %s %d epoch %d %s", ev->serves.leader.host, ev->serves.leader.port,
             (int)ev->serves.epoch, ev->serves.mine ? "mine" : "somebody's");
    else if (ev->kind == EV_NEWS)
        tell("news %s %s%s", ev->news.channel, ev->news.text, ev->news.alarms ? " alarm" : "");
}

bool drive_tls_of(const struct drive_dialling *how, const struct group_settings *set,
                  struct tls_context **out)
{
    *out = NULL;
    return true;
}

/* Our own voter answers at once. */
static void hear(void *world, uint64_t token, const struct reg_message *m)
{
    struct reg_message answer = { .kind = REG_PROMISE, .voter = m->voter, .ballot = m->ballot };

    tell("hear %s", reg_word(m->kind));
    helms_told(hs, token, &answer, NULL);
}

static void enrol(void *world, uint64_t token, struct bytes group)
{
    struct reg_message answer = { .kind = REG_VALUE, .voter = voter.voter };

    helms_told(hs, token, &answer, NULL);
}

static const struct acceptor *voter_of_group(void *world, struct bytes group)
{
    return &voter;
}

static void answer(void *world, uint64_t token, const char *refusal)
{
    tell("answer %d %s", (int)token, refusal ? refusal : "done");
}

static const struct helms_ops ops = { hear, enrol, voter_of_group, answer };

/* ---- the node, played -------------------------------------------------------------------------------- */

static struct listen doors;
static struct resp_reader reader;
static struct link *server_links[16];
static int server_count, port;
static struct link *waits; /* for the answer to its greeting, where one is held up */
static bool is_far;
static const char *odd; /* the next order's answer, in the place of a receipt; then NULL again */

/* It belongs to the group, and obeys. */
static void put_receipt(struct buf *out, const struct resp_request *q)
{
    struct receipt r = { .kind = RECEIPT_OK,
                         .report = { .node = NODE, .did = 111, .boot = 1, .role = NODE_ACTIVE } };
    struct wire words = { .count = 0 }, back = { .count = 0 };
    struct errmsg why = { "" };
    struct order o;

    wire_of_words(&words, q->argc - 1, q->argv + 1);
    ck_assert_msg(wire_take_order(&words, &o, &why) == OK, "%s", why.text);
    r.seq = o.seq;
    memcpy(r.report.gid, o.gid, sizeof r.report.gid);
    memcpy(r.report.run, RUN_A, sizeof r.report.run);
    wire_put_receipt(&back, &r);
    resp_put_array(out, (size_t)back.count);
    for (int i = 0; i < back.count; i++)
        resp_put_bulk(out, back.words[i]);
    wire_fini(&back);
}

static void put_answer(struct buf *out, const struct resp_request *q)
{
    if (bytes_is_word(q->argv[0], "client") || bytes_is_word(q->argv[0], "auth")) {
        buf_puts(out, "+OK\r\n");
    } else if (odd) {
        buf_puts(out, odd);
        odd = NULL;
    } else if (bytes_is_word(q->argv[1], "vital")) {
        resp_put_array(out, 2);
        resp_put_bulk(out, BYTES(RUN_A));
        buf_puts(out, ":70\r\n");
    } else {
        put_receipt(out, q);
    }
}

static void server_input(struct link *l)
{
    struct resp_request q;

    while (l->state == LINK_OPEN && resp_read_request(&reader, link_input(l), &q) == RESP_ITEM) {
        struct buf out = { 0 };

        for (int i = 0; i < q.argc; i++)
            buf_printf(&heard, "%s%.*s", i ? " " : "", (int)q.argv[i].len, q.argv[i].at);
        buf_putc(&heard, '\n');
        if (is_far && bytes_is_word(q.argv[0], "client"))
            waits = l;
        else
            put_answer(&out, &q);
        out_append(&l->out, out.at, out.len);
        link_wrote(l);
        buf_fini(&out);
        link_consume(l, q.bytes);
    }
}

static void server_closed(struct link *l)
{
    for (int i = 0; i < server_count; i++)
        if (server_links[i] == l)
            tell("hung up %d", i);
}

static const struct link_ops server_ops = { .on_input = server_input, .on_closed = server_closed };

static void on_accept(void *arg, int fd, enum listen_kind kind, const struct proxy_header *header)
{
    server_links[server_count++] = link_new(loop, fd, NULL, true, &server_ops, NULL);
}

static void serve(bool on)
{
    static char loopback[] = "127.0.0.1";
    char *bind[] = { loopback };
    struct listen_options o = { .bind = bind, .bind_count = on, .port = port, .backlog = 16 };
    struct errmsg why = { 0 };

    ck_assert_msg(listen_open(&doors, &o, &why) == OK, "%s", why.text);
}

/* ---- a test's frame ------------------------------------------------------------------------------------ */

/* Member 11 is the node of this file; nobody votes but we. */
static struct charter charter_here(void)
{
    struct charter c = charter_of_three();

    for (uint32_t i = 0; i < c.member_count; i++)
        c.members[i].at = (struct place){ .host = "127.0.0.1", .port = (uint16_t)(i ? 1 : port) };
    c.voter_count = 1;
    return c;
}

static void begin(bool durable)
{
    struct addr leader = { .host = "127.0.0.1" };
    struct group_settings set = { 0 };

    loop = ev_loop_new(EVFLAG_AUTO);
    link_system_init(loop);
    listen_init(&doors, loop, on_accept, NULL);
    resp_reader_init(&reader, (struct resp_limits){ 64, 1 << 20, 1 << 16 });
    leader.port = port = free_port();
    serve(true);
    sentinel_init(&core, 1);
    strcpy(core.globals.my_id, "0123456789abcdef0123456789abcdef01234567");
    core.globals.listen_port = 26379;
    group_settings_defaults(&set);
    strcpy(group_add(&core, group_name, &leader, &set)->leader->lines[LINE_CMD].local_ip,
           "127.0.0.1");
    drive.loop = loop;
    acceptor_init(&voter, 1);
    if (durable) {
        voter.value = charter_here();
        voter.accepted = voter.committed = (struct ballot){ 1, 1 };
    }
    wake_ms = UINT64_MAX / 2;
    wanting = CAPTAIN_EV_COUNT;
    hs = helms_new(&drive, &ops, NULL);
    helms_begin(hs);
}

static void finish(void)
{
    helms_free(hs);
    sentinel_fini(&core);
    listen_fini(&doors);
    resp_reader_fini(&reader);
    captain_actions_fini(&wants);
    buf_fini(&told);
    buf_fini(&heard);
    link_system_fini(loop);
    ev_loop_destroy(loop);
}

static void ticked(struct ev_loop *l, ev_timer *w, int events) {}

/* A loop without a timer blocks for a minute. */
static void turn_for(uint64_t ms)
{
    uint64_t end_us = clock_read_us() + ms * 1000;
    ev_timer tick;

    ev_timer_init(&tick, ticked, TURN_MS / 1e3, TURN_MS / 1e3);
    ev_timer_start(loop, &tick);
    while (clock_read_us() < end_us)
        ev_run(loop, EVRUN_ONCE);
    ev_timer_stop(loop, &tick);
}

/* Turns the loop until this line stands in what was told. */
static void await(const struct buf *in, const char *line)
{
    uint64_t end_us = clock_read_us() + PATIENCE_MS * 1000;
    ev_timer tick;

    ev_timer_init(&tick, ticked, TURN_MS / 1e3, TURN_MS / 1e3);
    ev_timer_start(loop, &tick);
    while (!strstr(buf_text((struct buf *)in), line)) {
        ck_assert_msg(clock_read_us() < end_us, "'%s' did not come; told:\n%s\nheard:\n%s", line,
                      buf_text(&told), buf_text(&heard));
        ev_run(loop, EVRUN_ONCE);
    }
    ev_timer_stop(loop, &tick);
}

/* Something of no meaning happens: what was wanted on it comes about. */
static void step(void)
{
    struct lookout l = { .node = 0 };

    memcpy(l.gid, charter_of_three().gid, sizeof l.gid);
    ck_assert(helms_lookout(hs, &l));
}

static void forget(void)
{
    told.len = heard.len = 0;
}

static void dial(enum captain_event_kind on)
{
    struct captain_action *a = want(on, CAPTAIN_ACT_DIAL);

    a->to = NODE;
    a->at = charter_here().members[0].at;
    a->timeout_ms = 1000;
}

static void order(enum order_kind kind, uint64_t seq)
{
    struct captain_action *a = want(CAPTAIN_EV_LOOKOUT, CAPTAIN_ACT_ORDER);

    a->to = NODE;
    a->order = (struct order){ .kind = kind, .epoch = 1, .ver = 1, .seq = seq };
    memcpy(a->order.gid, charter_of_three().gid, sizeof a->order.gid);
}

static void connect_node(void)
{
    dial(CAPTAIN_EV_LOOKOUT);
    step();
    await(&told, "up 11\n");
    forget();
}

/* ---- tests ------------------------------------------------------------------------------------------------ */

START_TEST(a_group_has_a_captain_while_it_is_watched_and_its_voter_knows_a_register)
{
    struct actions out = { 0 };

    begin(true);
    ck_assert_str_eq(buf_text(&told), "chartered m1 os\n");
    ck_assert_uint_eq(helms_captain(hs, group_name)->charter.ver, 1);
    ck_assert_ptr_null(helms_captain(hs, "m2"));
    forget();
    group_remove(&core, sentinel_find_group(&core, BYTES("m1")), &out);
    helms_look(hs, group_name);
    ck_assert_str_eq(buf_text(&told), "not-chartered m1\n");
    ck_assert_ptr_null(helms_captain(hs, group_name));
    actions_fini(&out);
    finish();
}
END_TEST

/* One reply is on its way, another change has only begun. */
START_TEST(who_waits_is_answered_when_the_group_goes)
{
    struct captain_action *a;
    struct helm *h;

    begin(true);
    h = helms_find(hs, BYTES("m1"));
    h->captain.wish = (struct wish){ .kind = WISH_TERMS, .token = 5 };
    h->queue.at = xgrow(h->queue.at, h->queue.count, &h->queue.cap, sizeof *h->queue.at);
    a = &h->queue.at[h->queue.count++];
    *a = (struct captain_action){ .kind = CAPTAIN_ACT_REPLY, .token = 4, .ok = true };
    forget();
    helm_free(h);
    ck_assert_str_eq(buf_text(&told), "answer 4 the group is not watched here any more\n"
                                      "answer 5 the group is not watched here any more\n"
                                      "not-chartered m1\n");
    finish();
}
END_TEST

START_TEST(of_what_is_not_known_to_be_committed_the_voters_count_alone)
{
    begin(false);
    ck_assert_ptr_null(helms_captain(hs, group_name));
    voter.value = charter_here();
    voter.accepted = (struct ballot){ 1, 1 };
    helms_learned(hs, BYTES("m1"), &voter);
    ck_assert_str_eq(buf_text(&told), "chartered m1\nrumour 1\n");
    ck_assert_uint_eq(helms_captain(hs, group_name)->charter.ver, 0);
    ck_assert_uint_eq(helms_captain(hs, group_name)->charter.member_count, 0);
    ck_assert_uint_eq(helms_captain(hs, group_name)->charter.voter_count, 1);
    voter.committed = voter.accepted;
    helms_learned(hs, BYTES("m1"), &voter);
    ck_assert_ptr_nonnull(strstr(buf_text(&told), "charter 1\n"));
    finish();
}
END_TEST

START_TEST(orders_go_out_and_receipts_come_in)
{
    begin(true);
    sentinel_find_group(&core, BYTES("m1"))->set.auth_pass = xstrdup("s3cret");
    dial(CAPTAIN_EV_LOOKOUT);
    step();
    await(&told, "up 11\n");
    ck_assert_str_eq(buf_text(&heard), "AUTH s3cret\nCLIENT SETNAME sentinel-01234567-hf\n");
    forget();
    order(ORDER_PING, 7);
    step();
    await(&told, "receipt 11 OK 7\n");
    ck_assert_str_eq(buf_text(&heard),
                     "HF PING 2 0123456789abcdef0123456789abcdef01234567 7 1 1\n");
    forget();
    ck_assert_int_eq(group_settings_rename(&sentinel_find_group(&core, BYTES("m1"))->set,
                                           BYTES("HF"), BYTES("guarded")),
                     OK);
    order(ORDER_PING, 8);
    step();
    await(&heard, "guarded PING ");
    finish();
}
END_TEST

START_TEST(what_is_no_receipt_is_silence)
{
    static const char *const answers[] = { "-ERR unknown command 'HF'\r\n", "+OK\r\n", "*0\r\n",
                                           "*2\r\n$2\r\nOK\r\n$1\r\nx\r\n" };

    begin(true);
    connect_node();
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        odd = answers[i];
        order(ORDER_PING, 7);
        step();
        await(&heard, "HF PING ");
        forget();
    }
    order(ORDER_PING, 8);
    step();
    await(&told, "receipt 11 OK 8\n");
    ck_assert_ptr_null(strstr(buf_text(&told), "OK 7"));
    finish();
}
END_TEST

START_TEST(a_line_that_closes_is_dialled_in_the_same_turn)
{
    uint64_t start_us;

    begin(true);
    connect_node();
    serve(false);
    dial(CAPTAIN_EV_LINE_DOWN);
    start_us = clock_read_us();
    link_kill(server_links[0], LINK_WHY_ASKED);
    await(&told, "down 11 refused\n");
    ck_assert_ptr_nonnull(strstr(buf_text(&told), "down 11 closed\n"));
    ck_assert_uint_lt(clock_read_us() - start_us, 200000);
    finish();
}
END_TEST

/* A dial is given two heartbeats. TLS and a password take several round trips more, to whoever is there. */
START_TEST(a_node_that_is_far_away_is_greeted_in_its_time)
{
    uint64_t until_us;

    begin(true);
    is_far = true;
    dial(CAPTAIN_EV_LOOKOUT);
    wants.at[0].timeout_ms = 60;
    step();
    await(&heard, "CLIENT SETNAME");
    until_us = clock_read_us() + 150000;
    while (clock_read_us() < until_us)
        ev_run(loop, EVRUN_NOWAIT);
    ck_assert_ptr_null(strstr(buf_text(&told), "down"));
    out_append(&waits->out, "+OK\r\n", 5);
    link_wrote(waits);
    await(&told, "up 11\n");
    is_far = false;
    finish();
}
END_TEST

START_TEST(who_is_no_member_any_more_is_hung_up_on)
{
    begin(true);
    connect_node();
    next_charter = charter_here();
    next_charter.ver = 2;
    next_charter.members[0].node = 99;
    step();
    await(&told, "hung up 0\n");
    ck_assert_ptr_null(strstr(buf_text(&told), "down 11"));
    finish();
}
END_TEST

/* The voter's answer to the first action is an event, whose actions stand behind the second. */
START_TEST(what_is_raised_meanwhile_is_obeyed_behind)
{
    struct captain_action *a;

    begin(true);
    forget();
    a = want(CAPTAIN_EV_LOOKOUT, CAPTAIN_ACT_SEND);
    a->to = voter.voter;
    a->message.kind = REG_PREPARE;
    a = want(CAPTAIN_EV_LOOKOUT, CAPTAIN_ACT_SERVES);
    a->at = charter_here().members[0].at;
    a->epoch = 1;
    a = want(CAPTAIN_EV_LOOKOUT, CAPTAIN_ACT_NOTICE);
    a->channel = "+hf-active";
    strcpy(a->text, "epoch=1");
    step();
    buf_printf(&heard, "lookout 0\nhear prepare\nballot\nserves 127.0.0.1 %d epoch 1 somebody's\n",
               port);
    buf_puts(&heard, "news +hf-active epoch=1 alarm\n");
    ck_assert_str_eq(buf_text(&told), buf_text(&heard));
    finish();
}
END_TEST

START_TEST(the_captain_is_woken_when_it_wants_to_be)
{
    uint64_t due_ms;

    begin(true);
    ev_now_update(loop); /* timers count from the loop's own time */
    due_ms = wake_ms = clock_read_us() / 1000 + 35;
    step();
    while (wake_ms == due_ms)
        ev_run(loop, EVRUN_ONCE);
    ck_assert_uint_ge(clock_read_us() / 1000 + 1, due_ms);
    finish();
}
END_TEST

/* What is put off for the sake of others is no lateness of the captain's. */
START_TEST(the_captain_knows_when_it_will_be_woken)
{
    begin(true);
    wake_ms = (clock_now_ms() / 50 + 13) * 50 + 1;
    step();
    ck_assert_uint_eq(expected_ms, wake_ms + 49);
    wake_ms = clock_now_ms() + 5;
    step();
    ck_assert_uint_eq(expected_ms, wake_ms);
    finish();
}
END_TEST

/* Made while the node is well, on a connection of its own, and asked when the captain wants it. */
START_TEST(the_thread_of_a_node_has_a_line_of_its_own)
{
    begin(true);
    connect_node();
    order(ORDER_PING, 1);
    step();
    await(&told, "receipt 11 OK 1\n");
    ck_assert_int_eq(server_count, 1);
    helms_find(hs, BYTES("m1"))->warm_ms = 0; /* a second has passed */
    step();
    await(&told, "vital 11 aaaa busy 70\n");
    ck_assert_int_eq(server_count, 2);
    ck_assert_ptr_nonnull(
        strstr(buf_text(&heard), "HF VITAL 2 0123456789abcdef0123456789abcdef01234567\n"));
    forget();
    want(CAPTAIN_EV_LOOKOUT, CAPTAIN_ACT_VITAL)->to = NODE;
    step();
    await(&told, "vital 11 aaaa busy 70\n");
    forget();
    odd = "-ERR unknown subcommand\r\n"; /* then there is no such thread, and nobody asks on */
    want(CAPTAIN_EV_LOOKOUT, CAPTAIN_ACT_VITAL)->to = NODE;
    step();
    await(&told, "hung up 1\n");
    ck_assert_ptr_null(strstr(buf_text(&told), "vital"));
    finish();
}
END_TEST

START_TEST(requests_become_wishes)
{
    static const struct {
        struct durable_request request;
        const char *told;
    } rows[] = {
        { { .kind = REQUEST_LEVEL, .level = KEEP_MEM },
          "wish terms node=0 level=mem voters=0 closed=0\n" },
        { { .kind = REQUEST_ADMIT, .closed = true },
          "wish terms node=0 level=os voters=0 closed=1\n" },
        { { .kind = REQUEST_SWITCHOVER },
          "wish switchover node=0 level=async voters=0 closed=0\n" },
        { { .kind = REQUEST_SWITCHOVER, .at = { "127.0.0.1", 1 } },
          "wish switchover node=12 level=async voters=0 closed=0\n" },
        { { .kind = REQUEST_SWITCHOVER, .at = { "127.0.0.1", 2 } },
          "answer 5 no member of the group is at that address\n" },
        { { .kind = REQUEST_MEMBER_REMOVE, .at = { "127.0.0.1", 1 } },
          "wish member-remove node=12 level=async voters=0 closed=0\n" },
        { { .kind = REQUEST_MEMBER_REMOVE },
          "answer 5 no member of the group is at that address\n" },
        { { .kind = REQUEST_FORCE, .at = { "127.0.0.1", 1 } },
          "wish force node=12 level=async voters=0 closed=0\n" },
        { { .kind = REQUEST_RESEED },
          "answer 5 this sentinel holds the group's register: while a majority of its voters "
          "answers nothing is "
          "lost, and else its memory is to be taken away first\n" },
    };

    begin(true);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct durable_request r = rows[i].request;

        forget();
        r.token = 5;
        helms_request(hs, group_name, &r);
        ck_assert_str_eq(buf_text(&told), rows[i].told);
    }
    finish();
}
END_TEST

/* Those who would vote then are asked first whether they are there. */
START_TEST(a_voter_goes_when_the_others_were_asked)
{
    struct durable_request r = { .kind = REQUEST_VOTER_REMOVE, .token = 5 };

    begin(true);
    forget();
    r.at = (struct place){ "10.0.1.1", 26379 };
    helms_request(hs, group_name, &r);
    r.token = 6;
    helms_request(hs, group_name, &r);
    ck_assert_str_eq(buf_text(&told), "answer 6 another change of the group has only begun\n");
    await(&told, "wish voters node=0 level=async voters=0 closed=0\n");
    r.at = (struct place){ "10.0.1.9", 26379 };
    helms_request(hs, group_name, &r);
    await(&told, "answer 6 no voter of the group is at that address\n");
    finish();
}
END_TEST

/* Nobody waits for it, and it may be refused: something else is being changed, say. */
START_TEST(another_level_is_asked_for_until_the_group_has_it)
{
    static const char *const wish = "wish terms node=0 level=fsync voters=0 closed=0\n";

    begin(true);
    forget();
    sentinel_find_group(&core, BYTES("m1"))->set.durability = KEEP_FSYNC;
    helms_look(hs, group_name);
    ck_assert_str_eq(buf_text(&told), wish);
    forget();
    await(&told, wish);
    next_charter = charter_here();
    next_charter.ver = 2;
    next_charter.level = KEEP_FSYNC;
    step();
    forget();
    turn_for(WANT_LEVEL_MS + 2 * WANT_LOOK_MS);
    ck_assert_ptr_null(strstr(buf_text(&told), "wish"));
    finish();
}
END_TEST

static void set_level(enum keep level)
{
    sentinel_find_group(&core, BYTES("m1"))->set.durability = level;
    helms_look(hs, group_name);
}

START_TEST(a_level_that_was_changed_elsewhere_is_the_setting_and_can_be_changed_back)
{
    begin(true);
    set_level(KEEP_FSYNC);
    next_charter = charter_here();
    next_charter.ver = 2;
    next_charter.level = KEEP_FSYNC;
    step();
    forget();
    next_charter.ver = 3;
    step();
    ck_assert_ptr_null(strstr(buf_text(&told), "chartered"));
    next_charter.ver = 4;
    next_charter.level = KEEP_ASYNC;
    step();
    ck_assert_ptr_nonnull(strstr(buf_text(&told), "chartered m1 async\n"));
    ck_assert_int_eq(sentinel_find_group(&core, BYTES("m1"))->set.durability, KEEP_ASYNC);
    helms_look(hs, group_name);
    ck_assert_ptr_null(strstr(buf_text(&told), "wish"));
    set_level(KEEP_FSYNC);
    ck_assert_ptr_nonnull(
        strstr(buf_text(&told), "wish terms node=0 level=fsync voters=0 closed=0\n"));
    finish();
}
END_TEST

START_TEST(what_a_plain_group_is_asked)
{
    struct durable_request r = { .kind = REQUEST_SWITCHOVER, .token = 5 };

    begin(false);
    helms_request(hs, group_name, &r);
    ck_assert_str_eq(buf_text(&told), "answer 5 the group is not durable\n");
    forget();
    r.kind = REQUEST_LEVEL;
    helms_request(hs, group_name, &r);
    ck_assert_str_eq(buf_text(&told), "answer 5 done\n");
    forget();
    /* Everybody is asked first who he is; meanwhile nothing else is begun. */
    odd = "-ERR unknown command 'HF'\r\n";
    r.level = KEEP_OS;
    helms_request(hs, group_name, &r);
    ck_assert_str_eq(buf_text(&told), "");
    r.token = 6;
    helms_request(hs, group_name, &r);
    ck_assert_str_eq(buf_text(&told), "answer 6 another change of the group has only begun\n");
    await(&told, "answer 5 the group cannot be durable: ");
    ck_assert_ptr_nonnull(strstr(buf_text(&heard), "HF HELLO 2  "));
    forget();
    helms_request(hs, group_name, &r);
    await(&told, "chartered m1\nwish create ");
    finish();
}
END_TEST

CHECK_MAIN("helms", a_group_has_a_captain_while_it_is_watched_and_its_voter_knows_a_register,
           who_waits_is_answered_when_the_group_goes,
           of_what_is_not_known_to_be_committed_the_voters_count_alone,
           orders_go_out_and_receipts_come_in, what_is_no_receipt_is_silence,
           a_line_that_closes_is_dialled_in_the_same_turn,
           a_node_that_is_far_away_is_greeted_in_its_time, who_is_no_member_any_more_is_hung_up_on,
           what_is_raised_meanwhile_is_obeyed_behind, the_captain_is_woken_when_it_wants_to_be,
           the_captain_knows_when_it_will_be_woken, the_thread_of_a_node_has_a_line_of_its_own,
           requests_become_wishes, a_voter_goes_when_the_others_were_asked,
           another_level_is_asked_for_until_the_group_has_it,
           a_level_that_was_changed_elsewhere_is_the_setting_and_can_be_changed_back,
           what_a_plain_group_is_asked)
