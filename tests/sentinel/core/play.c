#include "play.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void play_fail(const struct play *p, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: ", p->file, p->line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(2);
}

void play_peer_id(int i, char out[ID_LEN + 1])
{
    memset(out, '0' + i, ID_LEN);
    out[ID_LEN] = '\0';
}

struct addr play_node_addr(int i)
{
    struct addr a = { .port = NODE_PORT };

    snprintf(a.host, sizeof a.host, "10.0.0.%d", i);
    return a;
}

struct addr play_peer_addr(int i)
{
    struct addr a = { .port = PEER_PORT };

    snprintf(a.host, sizeof a.host, "10.0.1.%d", i);
    return a;
}

/* "n3" -> 3; fails on anything else. */
int play_number(const struct play *p, const char *word, char letter)
{
    if (!word || word[0] != letter || word[1] < '0' || word[1] > '9' || word[2])
        play_fail(p, "expected %c and a digit, not %s", letter, word ? word : "nothing");
    return word[1] - '0';
}

/* By number; the last group's wins, scenarios with several groups use different nodes. */
struct node *play_find_node(const struct play *p, int i)
{
    struct addr a = play_node_addr(i);

    LIST_EACH (&p->core.groups, link) {
        struct group *g = LIST_ENTRY(link, struct group, of_sentinel);

        LIST_EACH (&g->nodes, of)
            if (addr_eq(&LIST_ENTRY(of, struct node, of_group)->addr, &a))
                return LIST_ENTRY(of, struct node, of_group);
    }
    return NULL;
}

struct peer *play_find_peer(const struct play *p, int i)
{
    char id[ID_LEN + 1];

    play_peer_id(i, id);
    return index_find(&p->core.by_run_id, bytes_of(id));
}

/* n3, s2, or the number itself where the instance is gone. */
void play_put_instance(struct play *p, uint64_t id)
{
    const struct node *n = sentinel_find_node(&p->core, id);
    const struct peer *peer = sentinel_find_peer(&p->core, id);

    if (n)
        buf_printf(&p->text, "n%s", strrchr(n->addr.host, '.') + 1);
    else if (peer)
        buf_printf(&p->text, "s%c", peer->run_id[0]);
    else
        buf_puts(&p->text, "gone");
}

static void put_addr(struct play *p, const struct addr *a)
{
    if (a->port == 0)
        buf_puts(&p->text, "no-one");
    else
        buf_printf(&p->text, "%s:%d", a->host, a->port);
}

/* Ids of forty equal digits become s2, so that lines stay readable. */
static void put_text(struct play *p, const char *text)
{
    for (const char *c = text; *c; c++) {
        size_t run = 1;

        while (c[run] == *c)
            run++;
        if (*c >= '1' && *c <= '9' && run == ID_LEN) {
            buf_printf(&p->text, "s%c", *c);
            c += run - 1;
        } else {
            buf_putc(&p->text, *c);
        }
    }
}

static const char *line_word(enum line_kind kind)
{
    return kind == LINE_CMD ? "cmd" : "pubsub";
}

static void put_view(struct play *p, const struct view *v)
{
    buf_printf(&p->text, "%s leader=%s:%d config=%llu %s captain=%llu vote=%llu", v->group,
               v->leader.host, v->leader.port, (unsigned long long)v->config_epoch,
               verdict_word(v->verdict), (unsigned long long)v->captain_epoch,
               (unsigned long long)v->vote_epoch);
}

static void put_reply(struct play *p, const struct action *a)
{
    switch (a->reply.kind) {
    case REPLY_OK:
        buf_puts(&p->text, "OK");
        break;
    case REPLY_INTEGER:
        buf_printf(&p->text, "%lld", (long long)a->reply.integer);
        break;
    case REPLY_ERROR:
        put_text(p, a->text);
        break;
    case REPLY_DOWN:
        buf_printf(&p->text, "down=%lld leader=", (long long)a->reply.integer);
        put_text(p, a->reply.id[0] ? a->reply.id : "*");
        buf_printf(&p->text, " epoch=%llu", (unsigned long long)a->reply.epoch);
        break;
    case REPLY_VIEW:
        put_view(p, a->view);
        break;
    }
}

static void put_record(struct play *p, const struct record *r)
{
    buf_printf(&p->text, "%s%s", record_word(r->kind), r->durable ? "!" : "");
    if (r->group[0])
        buf_printf(&p->text, " %s", r->group);
    if (r->kind == REC_EPOCH || r->kind == REC_CONFIG || r->kind == REC_VOTE)
        buf_printf(&p->text, " %llu", (unsigned long long)r->epoch);
    if (r->kind == REC_PAUSE)
        buf_printf(&p->text, " until=%llu", (unsigned long long)r->until_ms);
    if (r->addr.port) {
        buf_putc(&p->text, ' ');
        put_addr(p, &r->addr);
    }
    if (r->id[0]) {
        buf_putc(&p->text, ' ');
        put_text(p, r->id);
    }
}

static void put_details(struct play *p, const struct action *a)
{
    switch (a->kind) {
    case ACT_DIAL:
        buf_printf(&p->text, " %s within %llu", line_word(a->line),
                   (unsigned long long)a->timeout_ms);
        break;
    case ACT_HANG_UP:
        buf_printf(&p->text, " %s", line_word(a->line));
        break;
    case ACT_HELLO:
        buf_putc(&p->text, ' ');
        put_text(p, a->text);
        break;
    case ACT_ROLE:
    case ACT_FAILOVER:
        buf_putc(&p->text, ' ');
        put_addr(p, &a->addr);
        if (a->abort_failover)
            buf_puts(&p->text, " abort-first");
        if (a->timeout_ms)
            buf_printf(&p->text, " timeout %llu", (unsigned long long)a->timeout_ms);
        break;
    case ACT_TIDY:
        buf_puts(&p->text, a->kill ? " and close clients" : "");
        break;
    case ACT_ASK:
        buf_putc(&p->text, ' ');
        put_addr(p, &a->addr);
        buf_printf(&p->text, " %llu ", (unsigned long long)a->epoch);
        put_text(p, a->ask_id[0] ? a->ask_id : "*");
        break;
    case ACT_STATE:
        buf_putc(&p->text, ' ');
        put_view(p, a->view);
        break;
    case ACT_PAUSE:
        buf_printf(&p->text, " %s %s left=%llu", a->text, a->epoch ? "stamp" : "none",
                   (unsigned long long)a->timeout_ms);
        break;
    case ACT_PUBLISH:
    case ACT_LOG:
        buf_printf(&p->text, " %s ", a->channel);
        put_text(p, a->text);
        break;
    case ACT_PERSIST:
        buf_putc(&p->text, ' ');
        put_record(p, a->record);
        break;
    case ACT_RUN:
        for (char **w = sentinel_find_script(&p->core, a->id)->argv; *w; w++) {
            buf_putc(&p->text, ' ');
            put_text(p, *w);
        }
        break;
    case ACT_REPLY:
        buf_putc(&p->text, ' ');
        put_reply(p, a);
        break;
    case ACT_EXIT:
        buf_printf(&p->text, " %d", a->code);
        break;
    default:
        break;
    }
}

static bool has_instance(enum action_kind kind)
{
    return kind < ACT_PERSIST;
}

static void put_action(struct play *p, const struct action *a)
{
    bool noise = a->kind == ACT_PING || a->kind == ACT_INFO || a->kind == ACT_HELLO;

    if (noise && !p->loud)
        return;
    buf_printf(&p->text, "    %llu %s", (unsigned long long)(p->now_ms - START_MS),
               action_word(a->kind));
    if (has_instance(a->kind)) {
        buf_putc(&p->text, ' ');
        play_put_instance(p, a->id);
    }
    put_details(p, a);
    buf_putc(&p->text, '\n');
}

/* Whoever is alive answers PING at once. */
static void answer_pings(struct play *p, const struct action *list, size_t count, bool shown)
{
    for (size_t i = 0; i < count; i++) {
        const struct node *n = sentinel_find_node(&p->core, list[i].id);
        const struct peer *peer = sentinel_find_peer(&p->core, list[i].id);
        struct event ev = { .kind = EV_PONG, .id = list[i].id };
        int k;

        if (list[i].kind != ACT_PING || (!n && !peer))
            continue;
        k = n ? atoi(strrchr(n->addr.host, '.') + 1) : peer->run_id[0] - '0';
        if (n ? p->node_alive[k] : p->peer_alive[k])
            play_step(p, &ev, shown);
    }
}

static void remember_tags(struct play *p, const struct action *a)
{
    const struct node *n = sentinel_find_node(&p->core, a->id);
    const struct peer *peer = sentinel_find_peer(&p->core, a->id);

    if (a->kind == ACT_ASK && peer)
        p->ask_tag[peer->run_id[0] - '0'] = a->tag;
    if (a->kind == ACT_STATE && peer)
        p->state_tag[peer->run_id[0] - '0'] = a->tag;
    if ((a->kind == ACT_ROLE || a->kind == ACT_FAILOVER) && n)
        p->role_tag[atoi(strrchr(n->addr.host, '.') + 1)] = a->tag;
}

void play_step(struct play *p, struct event *ev, bool shown)
{
    struct actions out = { 0 };

    if (!p->loaded && ev->kind != EV_LOAD)
        play_fail(p, "start comes first");
    ev->now_ms = p->now_ms;
    sentinel_step(&p->core, ev, &out);
    sentinel_check(&p->core);
    for (size_t i = 0; i < out.count; i++) {
        remember_tags(p, &out.at[i]);
        if (shown)
            put_action(p, &out.at[i]);
    }
    answer_pings(p, out.at, out.count, shown);
    actions_fini(&out);
}

void play_wait(struct play *p, uint64_t ms, bool shown)
{
    uint64_t until = p->now_ms + ms;

    while (sentinel_wake_ms(&p->core) <= until) {
        struct event ev = { .kind = EV_TIME };

        if (sentinel_wake_ms(&p->core) > p->now_ms)
            p->now_ms = sentinel_wake_ms(&p->core);
        play_step(p, &ev, shown);
    }
    p->now_ms = until;
}
