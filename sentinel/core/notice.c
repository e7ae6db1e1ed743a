#include "sentinel/core/notice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "sentinel/core/script.h"

static char *format_text(const char *format, va_list args)
{
    struct buf b = { 0 };
    va_list again;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    ASSERT(len >= 0);
    buf_reserve(&b, (size_t)len + 1);
    vsnprintf(b.at, (size_t)len + 1, format, again);
    va_end(again);
    return b.at;
}

struct inst inst_node(const struct sentinel *s, const struct node *n)
{
    const struct group *g = n->group;
    char name[HOST_LEN_MAX + 16];
    struct inst inst;

    if (n == g->leader) {
        snprintf(inst.text, sizeof inst.text, "master %s %s %d", g->name, node_host(s, n),
                 n->addr.port);
        return inst;
    }
    node_name(n, name, sizeof name);
    snprintf(inst.text, sizeof inst.text, "slave %s %s %d @ %s %s %d", name, node_host(s, n),
             n->addr.port, g->name, node_host(s, g->leader), g->leader->addr.port);
    return inst;
}

struct inst inst_group(const struct sentinel *s, const struct group *g)
{
    return inst_node(s, g->leader);
}

struct inst inst_seat(const struct sentinel *s, const struct seat *seat)
{
    const struct group *g = seat->group;
    const struct peer *p = seat->peer;
    struct inst inst;

    snprintf(inst.text, sizeof inst.text, "sentinel %s %s %d @ %s %s %d", p->run_id,
             peer_host(s, p), p->addr.port, g->name, node_host(s, g->leader), g->leader->addr.port);
    return inst;
}

void notice(struct sentinel *s, struct actions *out, enum level level, const struct group *about,
            const char *channel, const char *format, ...)
{
    struct action *a = act(out, ACT_PUBLISH, 0);
    va_list args;

    a->level = level;
    a->channel = xstrdup(channel);
    va_start(args, format);
    a->text = format_text(format, args);
    va_end(args);
    if (level == LEVEL_WARNING && about && about->set.notification_script) {
        AUTO_FREE char *text = xstrdup(a->text);

        script_notify(s, about, channel, text, out);
    }
}

void note(struct actions *out, enum level level, const char *name, const char *format, ...)
{
    struct action *a = act(out, ACT_LOG, 0);
    va_list args;

    a->level = level;
    a->channel = xstrdup(name);
    va_start(args, format);
    a->text = format_text(format, args);
    va_end(args);
}

static struct record *record(struct actions *out, enum record_kind kind, const struct group *g,
                             bool durable)
{
    struct record *rec = xcalloc(1, sizeof *rec);

    rec->kind = kind;
    rec->durable = durable;
    if (g)
        memcpy(rec->group, g->name, sizeof rec->group);
    act(out, ACT_PERSIST, 0)->record = rec;
    return rec;
}

void persist_epoch(const struct sentinel *s, struct actions *out)
{
    record(out, REC_EPOCH, NULL, true)->epoch = s->current_epoch;
}

void persist_globals(const struct sentinel *s, struct actions *out)
{
    record(out, REC_GLOBALS, NULL, false)->globals = &s->globals;
}

void persist_group(const struct group *g, enum record_kind kind, struct actions *out)
{
    bool durable = kind != REC_GROUP_RESET;
    struct record *rec = record(out, kind, g, durable);

    rec->addr = g->leader->addr;
    rec->set = &g->set;
}

void persist_config(const struct group *g, struct actions *out)
{
    struct record *rec = record(out, REC_CONFIG, g, true);

    rec->epoch = g->config_epoch;
    rec->addr = g->leader->addr;
}

void persist_vote(const struct group *g, struct actions *out)
{
    struct record *rec = record(out, REC_VOTE, g, true);

    rec->epoch = g->vote_epoch;
    memcpy(rec->id, g->vote_id, sizeof rec->id);
}

void persist_pause(const struct group *g, struct actions *out)
{
    struct record *rec = record(out, REC_PAUSE, g, true);

    rec->epoch = g->pause.stamp;
    rec->until_ms = g->pause.until_wall_ms;
}

void persist_node(const struct group *g, const struct addr *a, bool there, struct actions *out)
{
    record(out, there ? REC_NODE_ADD : REC_NODE_REMOVE, g, false)->addr = *a;
}

void persist_seat(const struct seat *seat, bool there, struct actions *out)
{
    struct record *rec;

    rec = record(out, there ? REC_PEER_ADD : REC_PEER_REMOVE, seat->group, false);
    rec->addr = seat->peer->addr;
    memcpy(rec->id, seat->peer->run_id, sizeof rec->id);
}

static struct action *reply(struct actions *out, uint64_t token, enum reply_kind kind)
{
    struct action *a = act(out, ACT_REPLY, 0);

    a->token = token;
    a->reply.kind = kind;
    return a;
}

void answer_ok(struct actions *out, uint64_t token)
{
    reply(out, token, REPLY_OK);
}

void answer_integer(struct actions *out, uint64_t token, int64_t value)
{
    reply(out, token, REPLY_INTEGER)->reply.integer = value;
}

void answer_error(struct actions *out, uint64_t token, const char *format, ...)
{
    struct action *a = reply(out, token, REPLY_ERROR);
    va_list args;

    va_start(args, format);
    a->text = format_text(format, args);
    va_end(args);
}
