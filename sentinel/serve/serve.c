#include "sentinel/serve/serve.h"

#include "common/clock.h"
#include "common/register/wire.h"
#include "common/serve/pubsub.h"
#include "sentinel/serve/api.h"
#include "sentinel/serve/history.h"
#include "sentinel/serve/news.h"
#include "sentinel/serve/rows.h"
#include "sentinel/serve/tally.h"
#include "sentinel/serve/trend.h"

static void session_gone(struct session *s)
{
    struct sentinel_session *session = (struct sentinel_session *)s;

    session->asking = false;
    sentinel_monitor_cancel(session);
}

/* CLIENT PAUSE; of what a sentinel serves, PUBLISH alone is held with the writes, as in Redis. */
static enum admit admit(struct session *s, struct call *c)
{
    enum pause_what what = service_paused(s->service);

    if (LIKELY(what == PAUSE_NOTHING) || (what == PAUSE_WRITES && c->cmd->run != sentinel_publish))
        return ADMIT_RUN;
    service_hold_paused(s->service, s);
    return ADMIT_HOLD;
}

static void turn_ended(struct service *v)
{
    sentinel_info_sample(v->world);
}

static void users_changed(struct service *v)
{
    struct sentinel_world *w = v->world;

    if (!v->set->aclfile[0])
        w->keep_users(w);
}

static bool knows(const struct service *v, const char *ip)
{
    struct sentinel_world *w = v->world;

    return w->acquainted(w, ip);
}

const struct service_ops sentinel_service_ops = {
    .session_bytes = sizeof(struct sentinel_session),
    .gone = session_gone,
    .admit = admit,
    .turn_ended = turn_ended,
    .users_changed = users_changed,
    .knows = knows,
    .spares = knows,
    .mode = "sentinel",
};

void sentinel_add_commands(struct command_table *t)
{
    command_table_narrow(t, CMD_NODE, CMD_COURTESY);
    command_table_add(t, serve_connection_rows);
    command_table_add(t, serve_client_rows);
    command_table_add(t, serve_pubsub_rows);
    command_table_add(t, serve_acl_rows);
    command_table_add(t, serve_command_rows);
    command_table_add(t, sentinel_rows);
}

/* Whoever waits for the answer to its question; NULL: nobody any more. */
static struct sentinel_session *end_question(struct sentinel_world *w, uint64_t token)
{
    struct sentinel_session *s = (struct sentinel_session *)service_find(w->service, token);

    if (!s || !s->asking)
        return NULL;
    s->asking = false;
    return s;
}

void serve_answer(void *world, uint64_t token, const struct action *a)
{
    struct sentinel_session *s;
    struct reply late;

    if (token & API_TOKEN) {
        api_answered(world, token, a);
        return;
    }
    s = end_question(world, token);
    if (!s)
        return;
    if (s->now) {
        serve_write_answer(s->now, a);
        return;
    }
    late = session_late_reply(&s->session);
    serve_write_answer(&late, a);
    session_drop_held(&s->session);
}

static void write_told(struct reply *r, const struct reg_message *answer, const char *refusal)
{
    struct wire w = { .count = 0 };

    if (!answer && !refusal) {
        reply_ok(r);
    } else if (!answer) {
        reply_error(r, refusal);
    } else {
        wire_put_message(&w, answer);
        wire_reply(&w, r);
    }
    wire_fini(&w);
}

void serve_told(void *world, uint64_t token, const struct reg_message *answer, const char *refusal)
{
    struct sentinel_session *s = end_question(world, token);
    struct reply late;

    if (!s)
        return;
    if (s->now) {
        write_told(s->now, answer, refusal);
        return;
    }
    late = session_late_reply(&s->session);
    write_told(&late, answer, refusal);
    session_drop_held(&s->session);
}

/* Microseconds since a sign of life of the leader of the group that an event is about. */
static uint64_t silence_us(const struct sentinel_world *w, const char *text)
{
    char name[NAME_LEN_MAX + 1];
    const struct group *g = NULL;
    uint64_t now_ms = clock_now_ms();
    bool leader;

    if (tally_group_of(text, &leader, name))
        g = sentinel_find_group(w->core, bytes_of(name));
    if (!g || !g->leader->vitals.alive_ms || now_ms < g->leader->vitals.alive_ms)
        return 0;
    return (now_ms - g->leader->vitals.alive_ms) * 1000;
}

static void write_requested(struct reply *r, const char *refusal)
{
    if (refusal)
        reply_errorf(r, "ERR %s", refusal);
    else
        reply_ok(r);
}

void serve_requested(void *world, uint64_t token, const char *refusal)
{
    struct sentinel_session *s;
    struct reply late;

    if (token & API_TOKEN) {
        api_requested(world, token, refusal);
        return;
    }
    s = end_question(world, token);
    if (!s)
        return;
    if (s->now) {
        write_requested(s->now, refusal);
        return;
    }
    late = session_late_reply(&s->session);
    write_requested(&late, refusal);
    session_drop_held(&s->session);
}

void serve_publish(void *world, const char *channel, const char *text)
{
    struct sentinel_world *w = world;
    struct history_event e = { .name = channel,
                               .text = text,
                               .now_us = clock_read_us(),
                               .wall_ms = clock_wall_ms(),
                               .silent_us = silence_us(w, text) };

    tally_note(w->tally, channel, text, e.now_us);
    if (history_note(w->history, &e))
        w->keep_history(w);
    news_add(w->news, channel, text, clock_wall_ms());
    api_wake(w->news);
    pubsub_publish(w->service->pubsub, PUBSUB_CHANNEL, bytes_of(channel), bytes_of(text));
}

void serve_informed(void *world, uint64_t node)
{
    struct sentinel_world *w = world;
    const struct node *n = sentinel_find_node(w->core, node);

    if (n && w->service->set->http_port)
        trends_note(w->trends, n, clock_now_ms(), clock_wall_ms());
}
