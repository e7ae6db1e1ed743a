#include "common/serve/client_kill.h"

#include "common/clock.h"
#include "common/serve/service.h"

struct filters {
    struct bytes addr, laddr; /* at NULL: any */
    bool has_kind;
    enum session_kind kind;
    const struct user *user;
    uint64_t id; /* 0: any */
    uint64_t age_s;
    bool skip_me;
};

static bool matches(const struct session *s, const struct filters *f, const struct session *me)
{
    return s->link->state == LINK_OPEN && !(s->flags & SESSION_CLOSING) &&
           !(f->addr.at && !bytes_is(f->addr, s->link->peer)) &&
           !(f->laddr.at && !bytes_is(f->laddr, s->link->local)) &&
           !(f->has_kind && s->kind != f->kind) && !(f->user && s->user != f->user) &&
           !(f->id && s->id != f->id) &&
           !(f->age_s && clock_now_ms() - s->created_ms < f->age_s * 1000) &&
           !(f->skip_me && s == me);
}

/* It is nobody's, and has no id and no age. */
static bool may_be_leader_link(const struct filters *f)
{
    return !(f->has_kind && f->kind != SESSION_MASTER) && !f->user && !f->id && !f->age_s;
}

static uint64_t kill_matching(struct call *c, const struct filters *f)
{
    const struct service_ops *ops = c->service->ops;
    uint64_t killed = 0;

    if (ops->kill_leader_link && may_be_leader_link(f))
        killed += ops->kill_leader_link(c->service, f->addr, f->laddr);
    LIST_EACH (&c->service->sessions, n) {
        struct session *s = LIST_ENTRY(n, struct session, node);

        if (!matches(s, f, c->session))
            continue;
        killed++;
        if (s == c->session)
            c->intents |= INTENT_CLOSE; /* it reads its answer first */
        else
            session_kill(s, LINK_WHY_ASKED);
    }
    return killed;
}

static bool read_number(struct call *c, struct bytes arg, const char *error, uint64_t *out)
{
    int64_t v;

    if (!bytes_to_i64(arg, &v) || v < 1) {
        reply_error(c->reply, error);
        return false;
    }
    *out = (uint64_t)v;
    return true;
}

static bool read_filter(struct call *c, struct bytes name, struct bytes value, struct filters *f)
{
    if (bytes_is_word(name, "id"))
        return read_number(c, value, "ERR client-id should be greater than 0", &f->id);
    if (bytes_is_word(name, "maxage"))
        return read_number(c, value, "ERR maxage is not an integer or out of range", &f->age_s);
    if (bytes_is_word(name, "addr")) {
        f->addr = value;
    } else if (bytes_is_word(name, "laddr")) {
        f->laddr = value;
    } else if (bytes_is_word(name, "type")) {
        f->has_kind = session_kind_of(value, &f->kind);
        if (!f->has_kind)
            reply_errorf(c->reply, "ERR Unknown client type '%.*s'", SERVE_SHOWN(value));
        return f->has_kind;
    } else if (bytes_is_word(name, "user")) {
        f->user = acl_find(c->service->acl, value);
        if (!f->user)
            reply_errorf(c->reply, "ERR No such user '%.*s'", SERVE_SHOWN(value));
        return f->user != NULL;
    } else if (bytes_is_word(name, "skipme") && bytes_is_word(value, "yes")) {
        f->skip_me = true;
    } else if (bytes_is_word(name, "skipme") && bytes_is_word(value, "no")) {
        f->skip_me = false;
    } else {
        reply_error(c->reply, "ERR syntax error");
        return false;
    }
    return true;
}

void client_kill(struct call *c)
{
    struct filters f = { .skip_me = true };

    if (c->argc == 3) {
        f = (struct filters){ .addr = c->argv[2] };
        if (kill_matching(c, &f))
            reply_ok(c->reply);
        else
            reply_error(c->reply, "ERR No such client");
        return;
    }
    if (c->argc % 2) {
        reply_error(c->reply, "ERR syntax error");
        return;
    }
    for (int i = 2; i < c->argc; i += 2)
        if (!read_filter(c, c->argv[i], c->argv[i + 1], &f))
            return;
    reply_int(c->reply, (int64_t)kill_matching(c, &f));
}
