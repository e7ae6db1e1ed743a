/*
 * changer - a proposer of a durable group's register, against real sentinels, for tests that break those.
 *
 *     changer create GROUP host:port ...   makes the register, with a voter at each place
 *     changer run    GROUP host:port ...   changes it again and again, until SIGTERM
 *     changer read   GROUP host:port ...   says what it holds
 *     changer grow   GROUP host:port ...   takes a member into sync: CHANGER_NODE, with the data CHANGER_DID
 *
 * The group has two members, 1 and 2, which lead in turn; between failovers the level goes to and fro. Each line of
 * output is one event:
 *
 *     voter HOST:PORT ID                     who votes there
 *     done VER EPOCH PROPOSER OP             committed: a version, and who made it by which of its operations
 *     read VER EPOCH PROPOSER OP             committed, as a read tells
 *     refused|passed|not-sent|unknown        what became of a change otherwise
 *     amnesia ID                             a voter that had shown more before
 *
 * Over all changers of a group no version may ever be told with two makers, and no read may tell less than was done
 * before it began: that is what the test looks for.
 */
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/link.h"
#include "common/log.h"
#include "common/register/courier.h"
#include "common/register/proposer.h"

enum { PLACES_MAX = 10, DEADLINE_MS = 3000, ENROL_MS = 100, FAILOVER_EVERY = 4 };

enum errand { CREATE, RUN, READ, GROW };

static struct {
    struct ev_loop *loop;
    struct courier *courier;
    enum errand errand;
    const char *group;
    struct place places[PLACES_MAX];
    uint64_t voters[PLACES_MAX];
    int place_count;
    struct charter known; /* the highest told; of use for its voters */
    struct proposer proposer;
    bool begun, reading, stopping;
    uint64_t made, amnesia;
    ev_timer wake, enrol;
    ev_signal end;
} t;

#define U(number) ((unsigned long long)(number))

static void say(const char *word, const struct charter *c)
{
    printf("%s %llu %llu %llu %llu\n", word, U(c->ver), U(c->epoch), U(c->op_proposer),
           U(c->op_number));
}

/* ---- changes ----------------------------------------------------------------------------------- */

static struct charter first_charter(void)
{
    struct charter c = { .ver = 1, .epoch = 1, .leader = 1, .level = KEEP_MEM, .min_sync = 1 };

    random_hex(c.gid, GID_LEN);
    random_hex(c.run, RUN_LEN);
    for (uint64_t i = 1; i <= 2; i++) {
        struct member m = { .node = i, .at = { "127.0.0.1", (uint16_t)i }, .did = 10 + i };

        charter_add_member(&c, &m);
    }
    for (int i = 0; i < t.place_count; i++) {
        struct voter v = { .id = t.voters[i], .at = t.places[i], .sets = VOTERS_NOW };

        charter_add_voter(&c, &v);
    }
    return c;
}

static void choose(struct change *ch)
{
    const struct charter *now = &t.proposer.known;

    change_expect(ch, now);
    if (t.errand == GROW) {
        ch->kind = CHANGE_GROW;
        ch->node = strtoull(getenv("CHANGER_NODE"), NULL, 10);
        ch->did = strtoull(getenv("CHANGER_DID"), NULL, 10);
        return;
    }
    if (++t.made % FAILOVER_EVERY == 0) {
        ch->kind = CHANGE_FAILOVER;
        ch->node = now->leader == 1 ? 2 : 1;
        ch->did = 10 + ch->node;
        random_hex(ch->run, RUN_LEN);
        return;
    }
    ch->kind = CHANGE_TERMS;
    ch->level = now->level == KEEP_MEM ? KEEP_OS : KEEP_MEM;
    ch->min_sync = now->min_sync;
}

static void obey(struct reg_actions *out);

static void submit(const struct change *ch)
{
    struct reg_actions out = { 0 };
    uint64_t now = clock_now_ms();

    t.reading = ch->kind == CHANGE_READ;
    proposer_submit(&t.proposer, ch, now + DEADLINE_MS, now, &out);
    obey(&out);
}

/* What is known may be old, or nothing: then it is read first. */
static void go_on(bool sure)
{
    struct change ch = { .kind = CHANGE_READ };

    if (t.stopping)
        exit(0);
    if ((t.errand == RUN || t.errand == GROW) && sure && t.proposer.known.ver != 0)
        choose(&ch);
    submit(&ch);
}

static void result(const struct reg_action *a)
{
    bool done = a->outcome == OUTCOME_DONE;

    if (!done)
        printf("%s\n", outcome_word(a->outcome));
    else
        say(t.reading ? "read" : "done", &a->message.value);
    if (t.errand != RUN && done && (t.errand != GROW || !t.reading))
        exit(0);
    if (t.errand == CREATE || (t.errand == GROW && !t.reading))
        exit(1);
    go_on(done || (a->has_value && a->outcome == OUTCOME_PASSED));
}

static void set_wake(void)
{
    uint64_t at = proposer_wake_ms(&t.proposer), now = clock_now_ms();

    ev_timer_stop(t.loop, &t.wake);
    if (at == UINT64_MAX)
        return;
    ev_timer_set(&t.wake, at > now ? (double)(at - now) / 1e3 : 0., 0.);
    ev_timer_start(t.loop, &t.wake);
}

static void obey(struct reg_actions *out)
{
    if (t.proposer.amnesia != t.amnesia) {
        t.amnesia = t.proposer.amnesia;
        printf("amnesia %llu\n", U(t.amnesia));
    }
    set_wake();
    for (size_t i = 0; i < out->count; i++) {
        struct reg_action *a = &out->at[i];

        if (a->kind == REG_RESULT)
            result(a); /* the last of a step, but for what prepares ahead */
        else
            courier_send(t.courier, a->to, &a->at, &a->message);
    }
    reg_actions_fini(out);
}

static void on_wake(struct ev_loop *loop, ev_timer *w, int events)
{
    struct reg_actions out = { 0 };

    (void)loop, (void)w, (void)events;
    proposer_time(&t.proposer, clock_now_ms(), &out);
    obey(&out);
}

/* ---- the beginning: who votes ------------------------------------------------------------------ */

static void begin(void)
{
    struct change ch = { .kind = CHANGE_CREATE };
    uint64_t id = 0, seed;

    while (id == 0)
        random_bytes(&id, sizeof id);
    random_bytes(&seed, sizeof seed);
    ev_timer_stop(t.loop, &t.enrol);
    t.begun = true;
    if (t.errand == CREATE)
        ch.first = t.known = first_charter();
    t.known.ver = 0;
    proposer_init(&t.proposer, id, &t.known, seed);
    if (t.errand == CREATE)
        submit(&ch);
    else
        go_on(false);
}

static bool may_begin(void)
{
    for (int i = 0; t.errand == CREATE && i < t.place_count; i++)
        if (t.voters[i] == 0)
            return false;
    return t.errand == CREATE || t.known.ver != 0;
}

static void hear(void *arg, const struct place *from, const char *group,
                 const struct reg_message *m)
{
    struct reg_actions out = { 0 };

    (void)arg;
    if (t.begun) {
        proposer_hear(&t.proposer, m, clock_now_ms(), &out);
        obey(&out);
        return;
    }
    for (int i = 0; i < t.place_count; i++) {
        if (t.places[i].port != from->port || strcmp(t.places[i].host, from->host) != 0)
            continue;
        if (t.voters[i] != m->voter)
            printf("voter %s:%u %llu\n", from->host, from->port, U(m->voter));
        t.voters[i] = m->voter;
    }
    if (m->value.ver > t.known.ver)
        t.known = m->value;
    if (may_begin())
        begin();
}

static void on_enrol(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop, (void)w, (void)events;
    for (int i = 0; i < t.place_count; i++)
        courier_enrol(t.courier, &t.places[i], t.group);
}

static void on_end(struct ev_loop *loop, ev_signal *w, int events)
{
    (void)loop, (void)w, (void)events;
    t.stopping = true; /* once the change under way has its result */
    if (!t.begun)
        exit(0);
}

static bool read_place(const char *word, struct place *out)
{
    const char *colon = strrchr(word, ':');
    size_t len = colon ? (size_t)(colon - word) : 0;

    if (len == 0 || len > CHARTER_HOST_MAX)
        return false;
    *out = (struct place){ .port = (uint16_t)atoi(colon + 1) };
    memcpy(out->host, word, len);
    return true;
}

int main(int argc, char **argv)
{
    static const char *const errands[] = { "create", "run", "read", "grow" };
    struct courier_options o = { .client_name = "changer", .hear = hear };
    const char *password;
    int errand = 0;

    while (argc > 3 && errand < (int)ARRAY_LEN(errands) && strcmp(argv[1], errands[errand]) != 0)
        errand++;
    if (argc < 4 || errand == (int)ARRAY_LEN(errands) || argc - 3 > PLACES_MAX)
        return 2;
    t.errand = (enum errand)errand;
    t.group = argv[2];
    for (int i = 3; i < argc; i++)
        if (!read_place(argv[i], &t.places[t.place_count++]))
            return 2;
    password = getenv("CHANGER_PASSWORD");
    o.password = password ? bytes_of(password) : (struct bytes){ 0 };
    o.user = getenv("CHANGER_USER");
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    t.loop = ev_default_loop(0);
    clock_turn();
    link_system_init(t.loop);
    t.courier = courier_new(t.loop, &o);
    ev_timer_init(&t.wake, on_wake, 0., 0.);
    ev_timer_init(&t.enrol, on_enrol, 0., ENROL_MS / 1e3);
    ev_timer_start(t.loop, &t.enrol);
    ev_signal_init(&t.end, on_end, SIGTERM);
    ev_signal_start(t.loop, &t.end);
    ev_run(t.loop, 0);
    return 1;
}
