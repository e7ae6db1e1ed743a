#include "common/serve/rights.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/serve/pubsub.h"

/* ---- what is denied ---------------------------------------------------------------------------- */

static void note(const struct call *c, struct denial what)
{
    struct service *v = c->service;
    struct buf client = { 0 };

    v->stats.denied[what.reason]++;
    session_describe(c->session, &client);
    client.len--; /* its newline */
    what.client = (char *)buf_text(&client);
    denials_add(&v->denials, &what, clock_wall_ms(), (size_t)v->set->acllog_max_len);
    buf_fini(&client);
}

static struct bytes full_name(const struct call *c)
{
    const struct catalog *commands = acl_catalog(c->service->acl);

    return commands->entries[catalog_id(commands, c->cmd)].name;
}

enum acl_denial rights_judge(const struct call *c, enum acl_context context)
{
    int arg = 0;
    enum acl_denial reason = acl_judge(c->user, c->cmd, c->argc, c->argv, &arg);
    struct bytes object;

    if (reason == ACL_ALLOWED)
        return reason;
    object = reason == ACL_DENIED_COMMAND ? full_name(c) : c->argv[arg];
    note(c, (struct denial){ .reason = reason,
                             .context = context,
                             .object = (char *)object.at,
                             .object_len = object.len,
                             .user = (char *)user_name(c->user) });
    return reason;
}

void rights_login_failed(const struct call *c, struct bytes name)
{
    bool queued = c->session->flags & SESSION_MULTI;
    struct buf user = { 0 };

    buf_append(&user, name.at, name.len < DENIAL_OBJECT_MAX ? name.len : DENIAL_OBJECT_MAX);
    note(c, (struct denial){ .reason = ACL_DENIED_AUTH,
                             .context = queued ? ACL_IN_MULTI : ACL_TOPLEVEL,
                             .object = (char *)c->argv[0].at,
                             .object_len = c->argv[0].len,
                             .user = (char *)buf_text(&user) });
    buf_fini(&user);
}

void rights_say(const struct call *c, enum acl_denial denial, struct errmsg *out_error)
{
    if (denial == ACL_DENIED_COMMAND)
        errmsg_set(out_error, "NOPERM this user has no permissions to run the '%s' command",
                   full_name(c).at);
    else
        errmsg_set(out_error,
                   "NOPERM this user has no permissions to access one of the %s used as arguments",
                   denial == ACL_DENIED_KEY ? "keys" : "channels");
}

/* ---- sessions follow --------------------------------------------------------------------------- */

/* Does it listen to what next may not hear? */
static bool listens_beyond(const struct session *s, const struct user *next)
{
    for (int kind = 0; s->pubsub && kind < PUBSUB_KINDS; kind++) {
        struct map_walk walk = map_walk(&s->pubsub->subscriptions[kind]);
        struct map_node *n;

        while ((n = map_walk_next(&walk)))
            if (!user_hears(next, n->name, kind == PUBSUB_PATTERN))
                return true;
    }
    return false;
}

static void user_changes(void *arg, const struct user *now, const struct user *next)
{
    struct service *v = arg;
    bool open = user_is_open(next);

    LIST_EACH (&v->sessions, n) {
        struct session *s = LIST_ENTRY(n, struct session, node);

        if (s->user != now)
            continue;
        if (!(s->flags & SESSION_AUTHENTICATED)) /* it speaks as default: now is that one */
            session_limit_stranger(s, !open);
        if (listens_beyond(s, next))
            session_kill(s, LINK_WHY_ASKED);
    }
}

/* Its sessions end; the one whose command this is reads its answer first. */
static void user_removed(void *arg, const struct user *u)
{
    struct service *v = arg;

    LIST_EACH (&v->sessions, n) {
        struct session *s = LIST_ENTRY(n, struct session, node);

        if (s->user != u)
            continue;
        s->user = acl_default_user(v->acl);
        s->flags &= ~SESSION_AUTHENTICATED;
        if (s != v->changing_users)
            session_kill(s, LINK_WHY_ASKED);
    }
}

const struct acl_watcher rights_watcher = { .changes = user_changes, .removed = user_removed };
