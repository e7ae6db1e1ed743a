#include "common/dial_private.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/net.h"

static void go_up(struct dial *d)
{
    ev_timer_stop(d->loop, &d->deadline);
    d->state = DIAL_UP;
    d->why = DIAL_WHY_NONE;
    d->sys_errno = 0;
    d->up_since_ms = clock_now_ms();
    dial_tell_state(d);
}

static void greeting_done(struct dial *d)
{
    ASSERT(d->greetings > 0);
    if (--d->greetings == 0)
        go_up(d);
}

static bool starts_with(struct bytes text, const char *word)
{
    size_t len = strlen(word);

    return text.len >= len && memcmp(text.at, word, len) == 0;
}

/* Servers without a password answer an AUTH with an error too; that is no refusal. */
static bool refuses_auth(const struct resp_value *reply)
{
    static const char *const refusals[] = { "WRONGPASS", "NOPERM", "NOAUTH",
                                            "ERR invalid password" };

    if (reply->kind != RESP_ERROR)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (starts_with(reply->text, refusals[i]))
            return true;
    return false;
}

static void on_named(void *arg, const struct resp_value *reply)
{
    struct dial *d = arg;

    if (!reply)
        return;
    if (reply->kind == RESP_ERROR && starts_with(reply->text, "NOAUTH"))
        dial_go_down(d, DIAL_WHY_AUTH, 0);
    else
        greeting_done(d);
}

static void say_name(struct dial *d)
{
    if (!d->o.client_name)
        return;
    resp_put_words(&d->request, 3, "CLIENT", "SETNAME", d->o.client_name);
    d->greetings++;
    dial_send_request(d, on_named, d);
}

static void say_password(struct dial *d, struct bytes password);

/* Who is refused is still the default user, who may be all that is wanted: the answer to the name tells. */
static void on_auth(void *arg, const struct resp_value *reply)
{
    struct dial *d = arg;
    bool refused = reply && refuses_auth(reply);

    if (!reply)
        return;
    if (refused && d->o.fallback.len && !d->fell_back) {
        d->fell_back = true;
        say_password(d, d->o.fallback);
    } else if (refused && !d->o.client_name) {
        dial_go_down(d, DIAL_WHY_AUTH, 0);
        return;
    } else if (d->o.fallback.len) {
        say_name(d);
    }
    greeting_done(d);
}

static void say_password(struct dial *d, struct bytes password)
{
    resp_put_array(&d->request, d->o.user ? 3 : 2);
    resp_put_bulk(&d->request, BYTES("AUTH"));
    if (d->o.user)
        resp_put_bulk(&d->request, bytes_of(d->o.user));
    resp_put_bulk(&d->request, password);
    d->greetings++;
    dial_send_request(d, on_auth, d);
}

/* In one flight; where a password may be refused and another one tried, the name comes behind that. */
static void greet(struct dial *d)
{
    d->greetings = d->o.tls ? 1 : 0;
    d->fell_back = false;
    if (d->o.password.len)
        say_password(d, d->o.password);
    if (!d->o.password.len || !d->o.fallback.len)
        say_name(d);
    d->state = DIAL_GREETING;
    if (d->greetings)
        dial_tell_state(d);
    else
        go_up(d);
}

static enum dial_why why_of_link(const struct link *l)
{
    switch (l->why) {
    case LINK_WHY_TLS:
        return DIAL_WHY_TLS;
    case LINK_WHY_TIMEOUT:
        return DIAL_WHY_TIMEOUT;
    case LINK_WHY_LIMIT:
    case LINK_WHY_PROTOCOL:
        return DIAL_WHY_PROTOCOL;
    default:
        return DIAL_WHY_CLOSED;
    }
}

static void take_reply(struct dial *d, const struct resp_value *value)
{
    bool pushed = value->kind == RESP_PUSH || (d->calls_count == 0 && d->subscribed);
    struct pending_call c;

    if (pushed) {
        if (d->o.on_push)
            d->o.on_push(d->o.arg, d, value);
        return;
    }
    if (d->calls_count == 0) {
        link_kill(d->link, LINK_WHY_PROTOCOL); /* an answer to nothing */
        return;
    }
    c = dial_pop_call(d);
    if (c.fn)
        c.fn(c.arg, value);
}

static void on_input(struct link *l)
{
    struct dial *d = l->owner;

    d->last_input_ms = clock_now_ms();
    dial_enter(d);
    /* A callback may have ended, taken or paused it. */
    while (d->link == l && l->state == LINK_OPEN && !l->reading_paused) {
        const struct resp_value *value;
        size_t taken;
        enum resp_status s = resp_read_reply(&d->replies, link_input(l), &value, &taken);

        if (s == RESP_MORE)
            break;
        if (s == RESP_BAD) {
            link_kill(l, LINK_WHY_PROTOCOL);
            break;
        }
        link_consume(l, taken); /* the bytes stand still until on_input returns */
        take_reply(d, value);
    }
    (void)dial_leave(d);
}

static void on_open(struct link *l)
{
    struct dial *d = l->owner;

    dial_enter(d);
    greeting_done(d);
    (void)dial_leave(d);
}

static void on_closed(struct link *l)
{
    struct dial *d = l->owner;

    d->link = NULL;
    if (l->why == LINK_WHY_TLS)
        link_why_text(l, d->tls_says, sizeof d->tls_says);
    dial_go_down(d, why_of_link(l), l->sys_errno);
}

static const struct link_ops ops = { .on_input = on_input,
                                     .on_open = on_open,
                                     .on_closed = on_closed };

/* "1.2.3.4:5" and "[::1]:5" without what is not the address; nothing of a path. */
static void copy_ip(const char *address, char *out, size_t cap)
{
    const char *end = strrchr(address, ':');
    bool bracketed = address[0] == '[';

    if (!end || address[0] == '/')
        end = address;
    else if (bracketed)
        address++, end--;
    snprintf(out, cap, "%.*s", (int)(end - address), address);
}

void dial_connected(struct dial *d)
{
    const struct sockaddr *peer = (void *)&d->addresses.addresses[d->address_next - 1];
    const char *name = d->o.tls_name ? d->o.tls_name : d->o.host;
    int fd = d->fd;

    d->fd = -1;
    net_tune(fd, peer->sa_family, d->o.keepalive_s);
    if (d->o.unarrived_ms)
        net_limit_unarrived(fd, d->o.unarrived_ms);
    resp_replies_fini(&d->replies);
    resp_replies_init(&d->replies);
    if (d->o.reply_bytes_max && d->o.reply_bytes_max < d->replies.bulk_bytes_max)
        d->replies.bulk_bytes_max = d->o.reply_bytes_max;
    if (d->o.greeting_timeout_ms)
        dial_arm(d, &d->deadline, d->o.greeting_timeout_ms);
    d->link = link_new(d->loop, fd, d->o.tls, false, &ops, d);
    d->link->input_bytes_max = d->o.reply_bytes_max;
    copy_ip(d->link->peer, d->peer_ip, sizeof d->peer_ip);
    copy_ip(d->link->local, d->local_ip, sizeof d->local_ip);
    link_set_tls_name(d->link, name, d->o.tls_name != NULL);
    greet(d);
}
