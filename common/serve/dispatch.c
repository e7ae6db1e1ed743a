#include "common/serve/dispatch.h"

#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/serve/pubsub.h"
#include "common/serve/rights.h"
#include "common/serve/service.h"

static void count_error(struct service *v, const struct reply *r, uint32_t errors_before)
{
    if (r->errors != errors_before)
        stats_count_error(&v->stats, r->error_code);
}

/* Whose arguments were too few or too many has a row all the same. */
static const struct command *meant(const struct command_table *t, const struct call *c)
{
    const struct command *cmd = c->cmd ? c->cmd : command_find(t, c->argv[0]);

    if (cmd && cmd->subs)
        return c->argc > 1 ? command_find_sub(t, cmd, c->argv[1]) : NULL;
    return cmd;
}

void service_refuse(struct session *s, struct call *c, const char *error)
{
    struct service *v = s->service;
    const struct command *cmd = meant(v->commands, c);
    uint32_t before = c->reply->errors;

    if (cmd)
        stats_of(&v->stats, cmd)->rejected++;
    if (!v->ops->refused || !v->ops->refused(s, c, error))
        reply_error(c->reply, error);
    count_error(v, c->reply, before);
}

void service_count(struct service *v, struct call *c, struct command_stats *stats, uint64_t usec,
                   uint32_t errors_before)
{
    v->stats.commands++;
    v->stats.command_usec += usec;
    stats_count(stats, usec);
    if (c->reply->errors != errors_before) {
        stats->failed++;
        stats_count_error(&v->stats, c->reply->error_code);
    }
}

/* Somebody's browser was made to talk to us: its first lines must not be followed by a command. */
static bool cross_protocol(struct session *s, struct bytes name)
{
    if (!bytes_is_word(name, "post") && !bytes_is_word(name, "host:"))
        return false;
    log_warning("Possible SECURITY ATTACK detected: POST or Host: sent as a command, as a cross "
                "protocol script would; connection closed. client-refused addr=%s",
                s->link->peer);
    session_kill(s, LINK_WHY_PROTOCOL);
    return true;
}

static bool subscribed(const struct session *s)
{
    return s->kind == SESSION_PUBSUB && s->reply.proto == 2;
}

/* A subscriber that speaks RESP2 cannot tell a reply from a message, but for these. */
static bool allowed_subscribed(const struct command *cmd)
{
    static const char *const names[] = { "ping",         "subscribe",    "unsubscribe",
                                         "psubscribe",   "punsubscribe", "ssubscribe",
                                         "sunsubscribe", "quit",         "reset" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(cmd->name, names[i]) == 0)
            return true;
    return false;
}

static bool access_allowed(const struct session *s, int rule)
{
    return rule == ACCESS_YES || (rule == ACCESS_LOCAL && s->link->from_here);
}

/* What only the configuration file opens. */
static const char *protected_refusal(const struct session *s, const struct call *c)
{
    bool debug = bytes_is_word(c->argv[0], "debug");
    const struct server_settings *set = s->service->set;

    if (access_allowed(s, debug ? set->enable_debug_command : set->enable_module_command))
        return NULL;
    return debug ? "ERR DEBUG command not allowed. If the enable-debug-command option is set to "
                   "\"local\", you can run it from a local connection, otherwise you need to set "
                   "this option in the configuration file, and then restart the server."
                 : "ERR MODULE command not allowed. If the enable-module-command option is set to "
                   "\"local\", you can run it from a local connection, otherwise you need to set "
                   "this option in the configuration file, and then restart the server.";
}

/* What is refused whoever asks: his rights come behind. */
static const char *refusal_for_all(const struct session *s, const struct call *c)
{
    uint32_t flags = c->cmd->flags;
    const char *why = UNLIKELY(flags & CMD_PROTECTED) ? protected_refusal(s, c) : NULL;

    if (why)
        return why;
    if (rights_needs_login(s) && !(flags & CMD_NO_AUTH))
        return "NOAUTH Authentication required.";
    if (UNLIKELY(s->flags & SESSION_MULTI) && (flags & CMD_NO_MULTI))
        return "ERR Command not allowed inside a transaction";
    return NULL;
}

/* Everything that both daemons refuse. True: refused and answered. */
static bool refused(struct session *s, struct call *c)
{
    const char *text = refusal_for_all(s, c);
    enum acl_denial denial;
    struct errmsg why;
    char name[64];

    if (UNLIKELY(text != NULL)) {
        service_refuse(s, c, text);
        return true;
    }
    denial = rights_check(c, s->flags & SESSION_MULTI ? ACL_IN_MULTI : ACL_TOPLEVEL);
    if (UNLIKELY(denial != ACL_ALLOWED)) {
        rights_say(c, denial, &why);
        service_refuse(s, c, why.text);
        return true;
    }
    if (UNLIKELY(subscribed(s)) && !allowed_subscribed(c->cmd)) {
        command_full_name(s->service->commands, c->cmd, name, sizeof name);
        errmsg_set(&why,
                   "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
                   "RESET are allowed in this context",
                   name);
        service_refuse(s, c, why.text);
        return true;
    }
    return false;
}

static void run(struct session *s, struct call *c, uint64_t *now_us)
{
    struct service *v = s->service;
    uint32_t errors_before = s->reply.errors;
    uint64_t start_us = *now_us;

    c->cmd->run(c);
    *now_us = clock_read_us();
    if (v->ops->ran)
        v->ops->ran(s, c, *now_us - start_us);
    if (s->flags & SESSION_HELD)
        return;
    service_count(v, c, s->last_stats, *now_us - start_us, errors_before);
    if (UNLIKELY(c->intents & INTENT_CLOSE))
        session_close(s, LINK_WHY_ASKED);
}

static void admit_and_run(struct session *s, struct call *c, uint64_t *now_us)
{
    const struct service_ops *ops = s->service->ops;

    switch (ops->admit ? ops->admit(s, c) : ADMIT_RUN) {
    case ADMIT_RUN:
        run(s, c, now_us);
        return;
    case ADMIT_DONE:
    case ADMIT_HOLD:
        return;
    }
}

/* A follower reads a stream, in which no reply may stand: who asks for one is no follower, or is lost. */
static void cut_off(struct session *s, const struct call *c, bool failed)
{
    char name[64] = "<unknown>";

    if (c->cmd)
        command_full_name(s->service->commands, c->cmd, name, sizeof name);
    if (failed)
        log_warning("follower-refused id=%llu" REDIS_SAYS(
                        "== CRITICAL == This master is sending an error to its replica: "
                        "after processing the command '%s'"),
                    (unsigned long long)s->id, name);
    log_warning("follower-cut-off id=%llu" REDIS_SAYS(
                    "Replica generated a reply to command '%s', disconnecting it: %s"),
                (unsigned long long)s->id, name, s->link->peer);
    session_kill(s, LINK_WHY_PROTOCOL);
}

bool dispatch(struct session *s, const struct resp_request *req, bool denies_blocking,
              uint64_t *now_us)
{
    struct service *v = s->service;
    bool follower = s->kind == SESSION_REPLICA;
    bool muted = (s->flags & (SESSION_REPLY_OFF | SESSION_REPLY_SKIP)) || follower;
    uint32_t errors = s->reply.errors;
    struct errmsg why;
    struct call c = { .argv = req->argv,
                      .argc = req->argc,
                      .reply = &s->reply,
                      .db = s->db,
                      .world = v->world,
                      .service = v,
                      .session = s,
                      .give = session_give,
                      .user = s->user,
                      .denies_blocking = denies_blocking,
                      .no_touch = s->flags & SESSION_NO_TOUCH };

    s->reply.out = UNLIKELY(muted) ? &v->sink : &s->link->out;
    c.cmd = command_resolve_again(v->commands, &s->memo, c.argc, c.argv, &why);
    if (LIKELY(c.cmd != NULL)) {
        if (UNLIKELY(s->last_command != c.cmd)) {
            s->last_command = c.cmd;
            s->last_stats = stats_of(&v->stats, c.cmd);
        }
        if (!refused(s, &c))
            admit_and_run(s, &c, now_us);
    } else if (!cross_protocol(s, c.argv[0])) {
        service_refuse(s, &c, why.text);
    }
    if (UNLIKELY(s->flags & SESSION_TRACK_CACHING) && !(s->flags & SESSION_HELD))
        tracking_forget_caching(s, &c);
    if (UNLIKELY(muted)) {
        if (follower && out_pending(&v->sink) && !(s->flags & SESSION_CLOSING))
            cut_off(s, &c, s->reply.errors != errors);
        out_fini(&v->sink);
        s->reply.out = &s->link->out;
    }
    link_wrote(s->link);
    return !(s->flags & SESSION_HELD);
}
