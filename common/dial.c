#include "common/dial_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/tls.h"

enum { CALLS_MAX = 100000, WORDS_MAX = 64 };

const char *dial_why_word(enum dial_why why)
{
    static const char *const words[DIAL_WHY_COUNT] = {
        [DIAL_WHY_NONE] = "none",         [DIAL_WHY_RESOLVE] = "resolve",
        [DIAL_WHY_REFUSED] = "refused",   [DIAL_WHY_UNREACHABLE] = "unreachable",
        [DIAL_WHY_TIMEOUT] = "timeout",   [DIAL_WHY_CLOSED] = "closed",
        [DIAL_WHY_TLS] = "tls",           [DIAL_WHY_AUTH] = "auth",
        [DIAL_WHY_PROTOCOL] = "protocol", [DIAL_WHY_ASKED] = "asked",
    };

    return (size_t)why < DIAL_WHY_COUNT ? words[why] : "unknown";
}

/* ---- callbacks, which may do anything -------------------------------------------------------- */

void dial_enter(struct dial *d)
{
    d->depth++;
}

static void release(struct dial *d);

bool dial_leave(struct dial *d)
{
    if (--d->depth || !d->freed)
        return true;
    release(d);
    return false;
}

void dial_tell_state(struct dial *d)
{
    if (d->o.on_state && !d->freed)
        d->o.on_state(d->o.arg, d, d->state, d->why);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void push_call(struct dial *d, dial_reply_fn *fn, void *arg)
{
    if (d->calls_count == d->calls_cap) {
        uint32_t cap = d->calls_cap ? d->calls_cap * 2 : 8;
        struct pending_call *ring = xmalloc(cap * sizeof *ring);

        for (uint32_t i = 0; i < d->calls_count; i++)
            ring[i] = d->calls[(d->calls_head + i) % d->calls_cap];
        xfree(d->calls);
        d->calls = ring;
        d->calls_cap = cap;
        d->calls_head = 0;
    }
    d->calls[(d->calls_head + d->calls_count++) % d->calls_cap] = (struct pending_call){ fn, arg };
}

struct pending_call dial_pop_call(struct dial *d)
{
    struct pending_call c = d->calls[d->calls_head];

    d->calls_head = (d->calls_head + 1) % d->calls_cap;
    d->calls_count--;
    return c;
}

/* Callbacks may call again once the dial is up, so only those that stood here at first get a NULL. */
static void fail_calls(struct dial *d)
{
    for (uint32_t n = d->calls_count; n; n--) {
        struct pending_call c = dial_pop_call(d);

        if (c.fn)
            c.fn(c.arg, NULL);
    }
}

void dial_send_request(struct dial *d, dial_reply_fn *fn, void *arg)
{
    out_append(&d->link->out, d->request.at, d->request.len);
    d->request.len = 0;
    if (d->request.cap > 4096)
        buf_fini(&d->request);
    push_call(d, fn, arg);
    link_wrote(d->link);
}

/* ---- down ------------------------------------------------------------------------------------ */

void dial_let_go(struct dial *d)
{
    resolve_cancel(d->question);
    d->question = NULL;
    ev_timer_stop(d->loop, &d->deadline);
    ev_timer_stop(d->loop, &d->retry);
    ev_timer_stop(d->loop, &d->soon);
    d->soon_what = SOON_NOTHING;
    ev_io_stop(d->loop, &d->connecting);
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
    if (d->link) {
        struct link *l = d->link;

        d->link = NULL;
        link_disown(l);
        link_kill(l, LINK_WHY_ASKED);
    }
    d->subscribed = false;
    d->greetings = 0;
}

void dial_arm(struct dial *d, ev_timer *timer, uint64_t ms)
{
    ev_timer_stop(d->loop, timer);
    ev_timer_set(timer, (double)ms / 1e3, 0.);
    ev_timer_start(d->loop, timer);
}

void dial_go_down(struct dial *d, enum dial_why why, int sys_errno)
{
    dial_enter(d);
    dial_let_go(d);
    d->state = DIAL_DOWN;
    d->why = why;
    d->sys_errno = sys_errno;
    fail_calls(d);
    if (d->state == DIAL_DOWN) /* a callback may have dialled again */
        dial_tell_state(d);
    if (d->state == DIAL_DOWN && !d->freed && d->o.retry_ms && !ev_is_active(&d->soon))
        dial_arm(d, &d->retry, d->o.retry_ms);
    (void)dial_leave(d);
}

/* ---- options --------------------------------------------------------------------------------- */

static void copy_text(const char **text)
{
    if (*text)
        *text = xstrdup(*text);
}

static void options_copy(struct dial_options *o)
{
    const char **const texts[] = { &o->host, &o->tls_name, &o->source_address, &o->user,
                                   &o->client_name };

    ASSERT(o->host);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        copy_text(texts[i]);
    o->tls = tls_context_hold(o->tls);
    o->password.at = xmemdup0(o->password.at, o->password.len);
    o->fallback.at = xmemdup0(o->fallback.at, o->fallback.len);
}

static void options_fini(struct dial_options *o)
{
    const char *const texts[] = { o->host,        o->tls_name,    o->source_address, o->user,
                                  o->password.at, o->fallback.at, o->client_name };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        xfree((void *)(uintptr_t)texts[i]);
    tls_context_free(o->tls);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_connection(const struct dial_options *a, const struct dial_options *b)
{
    return a->port == b->port && a->tls == b->tls && same_text(a->host, b->host) &&
           same_text(a->tls_name, b->tls_name) && same_text(a->source_address, b->source_address) &&
           same_text(a->user, b->user) && bytes_eq(a->password, b->password) &&
           bytes_eq(a->fallback, b->fallback) && same_text(a->client_name, b->client_name);
}

/* ---- the owner's side ------------------------------------------------------------------------ */

struct dial *dial_new(struct ev_loop *loop, const struct dial_options *options)
{
    struct dial *d = xcalloc(1, sizeof *d);

    d->loop = loop;
    d->o = *options;
    options_copy(&d->o);
    d->fd = -1;
    dial_watchers_init(d);
    resp_replies_init(&d->replies);
    return d;
}

static void release(struct dial *d)
{
    options_fini(&d->o);
    resp_replies_fini(&d->replies);
    buf_fini(&d->request);
    xfree(d->calls);
    xfree(d);
}

void dial_free(struct dial *d)
{
    if (!d || d->freed)
        return;
    dial_enter(d);
    d->freed = true; /* from now on nothing starts it again */
    dial_stop(d);
    (void)dial_leave(d);
}

void dial_start(struct dial *d)
{
    if (!d->freed && (d->state == DIAL_IDLE || d->state == DIAL_DOWN))
        dial_begin(d);
}

void dial_stop(struct dial *d)
{
    dial_let_go(d);
    d->state = DIAL_IDLE;
    dial_enter(d);
    fail_calls(d);
    (void)dial_leave(d);
}

void dial_drop(struct dial *d)
{
    if (d->state == DIAL_IDLE)
        return;
    dial_enter(d);
    dial_let_go(d);
    d->state = DIAL_DOWN;
    d->why = DIAL_WHY_ASKED;
    d->sys_errno = 0;
    d->soon_what = SOON_RESTART;
    dial_arm(d, &d->soon, 0);
    fail_calls(d);
    (void)dial_leave(d);
}

void dial_set(struct dial *d, const struct dial_options *options)
{
    struct dial_options old = d->o;
    bool same = same_connection(&old, options);

    d->o = *options;
    options_copy(&d->o);
    options_fini(&old);
    if (!same)
        dial_drop(d);
}

static enum err may_call(const struct dial *d)
{
    if (d->state != DIAL_UP || d->link->state != LINK_OPEN)
        return ERR_CLOSED;
    if (d->subscribed)
        return ERR_REFUSED;
    return d->calls_count < (d->o.calls_max ? d->o.calls_max : CALLS_MAX) ? OK : ERR_LIMIT;
}

enum err dial_call(struct dial *d, int argc, const struct bytes *argv, dial_reply_fn *fn, void *arg)
{
    enum err e = may_call(d);

    if (e != OK)
        return e;
    resp_put_command(&d->request, argc, argv);
    dial_send_request(d, fn, arg);
    return OK;
}

enum err dial_call_words(struct dial *d, dial_reply_fn *fn, void *arg, int argc, ...)
{
    struct bytes argv[WORDS_MAX];
    va_list words;

    ASSERT(argc <= WORDS_MAX);
    va_start(words, argc);
    for (int i = 0; i < argc; i++)
        argv[i] = bytes_of(va_arg(words, const char *));
    va_end(words);
    return dial_call(d, argc, argv, fn, arg);
}

enum err dial_subscribe(struct dial *d, const char *channel)
{
    enum err e = may_call(d);

    if (e != OK && e != ERR_REFUSED)
        return e;
    d->subscribed = true;
    resp_put_words(&d->request, 2, "SUBSCRIBE", channel);
    out_append(&d->link->out, d->request.at, d->request.len);
    d->request.len = 0;
    link_wrote(d->link);
    return OK;
}

enum dial_state dial_state(const struct dial *d)
{
    return d->state;
}

enum dial_why dial_why(const struct dial *d)
{
    return d->why;
}

void dial_why_text(const struct dial *d, char *out, size_t cap)
{
    snprintf(out, cap, "%s", d->why == DIAL_WHY_TLS ? d->tls_says : dial_why_word(d->why));
}

int dial_errno(const struct dial *d)
{
    return d->sys_errno;
}

uint32_t dial_outstanding(const struct dial *d)
{
    return d->calls_count;
}

uint64_t dial_last_input_ms(const struct dial *d)
{
    return d->last_input_ms;
}

uint64_t dial_up_since_ms(const struct dial *d)
{
    return d->up_since_ms;
}

const char *dial_peer_ip(const struct dial *d)
{
    return d->peer_ip;
}

const char *dial_local_ip(const struct dial *d)
{
    return d->local_ip;
}

struct link *dial_link(const struct dial *d)
{
    return d->link;
}

struct link *dial_take_link(struct dial *d)
{
    struct link *l = d->link;

    if (d->state != DIAL_UP || !l || l->state != LINK_OPEN)
        return NULL;
    d->link = NULL;
    l->input_bytes_max = 0;
    link_disown(l);
    link_again(l); /* what has arrived already comes with the next turn */
    dial_stop(d);
    return l;
}
