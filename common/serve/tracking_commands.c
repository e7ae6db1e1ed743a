/*
 * CLIENT TRACKING and what belongs to it.
 */
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/serve/tracking.h"
#include "common/serve/tracking_inner.h"

/* What one CLIENT TRACKING asks for. Prefixes are those of its arguments. */
struct wish {
    uint32_t modes;
    uint64_t redirect_id;
    struct bytes *prefixes; /* room for as many as there are arguments */
    size_t prefix_count;
};

static const struct {
    const char *word;
    uint32_t mode;
} mode_words[] = {
    { "bcast", SESSION_TRACK_BCAST },
    { "optin", SESSION_TRACK_OPTIN },
    { "optout", SESSION_TRACK_OPTOUT },
    { "noloop", SESSION_TRACK_NOLOOP },
};

static uint32_t mode_of(struct bytes word)
{
    for (size_t i = 0; i < ARRAY_LEN(mode_words); i++)
        if (bytes_is_word(word, mode_words[i].word))
            return mode_words[i].mode;
    return 0;
}

static bool refuse(struct call *c, const char *error)
{
    reply_error(c->reply, error);
    return false;
}

static bool read_redirect(struct call *c, struct bytes arg, struct wish *w)
{
    int64_t id;

    if (w->redirect_id)
        return refuse(c, "ERR A client can only redirect to a single other client");
    if (!serve_want_i64(c, arg, &id))
        return false;
    if (!service_find(c->service, (uint64_t)id))
        return refuse(c, "ERR The client ID you want redirect to does not exist");
    w->redirect_id = (uint64_t)id;
    return true;
}

static bool read_wish(struct call *c, struct wish *w)
{
    for (int i = 3; i < c->argc; i++) {
        bool more = i + 1 < c->argc;

        if (bytes_is_word(c->argv[i], "redirect") && more) {
            if (!read_redirect(c, c->argv[++i], w))
                return false;
        } else if (bytes_is_word(c->argv[i], "prefix") && more) {
            w->prefixes[w->prefix_count++] = c->argv[++i];
        } else if (mode_of(c->argv[i])) {
            w->modes |= mode_of(c->argv[i]);
        } else {
            return refuse(c, "ERR syntax error");
        }
    }
    return true;
}

static bool overlap(struct bytes a, struct bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;

    return len == 0 || memcmp(a.at, b.at, len) == 0;
}

static bool refuse_overlap(struct call *c, struct bytes prefix, struct bytes other,
                           const char *what)
{
    reply_errorf(c->reply,
                 "ERR Prefix '%.*s' overlaps with %s prefix '%.*s'. Prefixes for a single client "
                 "must not overlap.",
                 SERVE_SHOWN(prefix), what, SERVE_SHOWN(other));
    return false;
}

static bool prefixes_apart(struct call *c, const struct wish *w)
{
    const struct tracking_client *now = &c->session->tracking;

    for (size_t i = 0; i < w->prefix_count; i++) {
        for (size_t k = 0; k < now->prefix_count; k++) {
            struct bytes old = { now->prefixes[k]->name, now->prefixes[k]->len };

            if (overlap(w->prefixes[i], old))
                return refuse_overlap(c, w->prefixes[i], old, "an existing");
        }
        for (size_t k = i + 1; k < w->prefix_count; k++)
            if (overlap(w->prefixes[i], w->prefixes[k]))
                return refuse_overlap(c, w->prefixes[i], w->prefixes[k], "another provided");
    }
    return true;
}

/* The wish alone, and beside what the session does already. */
static bool sensible(struct call *c, const struct wish *w)
{
    uint32_t now = c->session->flags, wanted = w->modes;
    const uint32_t in = SESSION_TRACK_OPTIN, out = SESSION_TRACK_OPTOUT;

    if (!(wanted & SESSION_TRACK_BCAST) && w->prefix_count)
        return refuse(c, "ERR PREFIX option requires BCAST mode to be enabled");
    if ((now & SESSION_TRACKING) && ((now ^ wanted) & SESSION_TRACK_BCAST))
        return refuse(c, "ERR You can't switch BCAST mode on/off before disabling tracking for "
                         "this client, and then re-enabling it with a different mode.");
    if ((wanted & SESSION_TRACK_BCAST) && (wanted & (in | out)))
        return refuse(c, "ERR OPTIN and OPTOUT are not compatible with BCAST");
    if ((wanted & in) && (wanted & out))
        return refuse(c, "ERR You can't specify both OPTIN mode and OPTOUT mode");
    if (((wanted & in) && (now & out)) || ((wanted & out) && (now & in)))
        return refuse(c, "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for "
                         "this client, and then re-enabling it with a different mode.");
    return !(wanted & SESSION_TRACK_BCAST) || prefixes_apart(c, w);
}

static void begin(struct session *s, const struct wish *w)
{
    struct tracking *t = tracking_of(s->service);

    t->clients += !(s->flags & SESSION_TRACKING);
    s->flags &= ~(uint32_t)TRACKING_MODES;
    s->flags |= SESSION_TRACKING | w->modes;
    s->tracking.redirect_id = w->redirect_id;
    if (!(w->modes & SESSION_TRACK_BCAST))
        return;
    if (!w->prefix_count)
        tracking_listen(s, BYTES(""));
    for (size_t i = 0; i < w->prefix_count; i++)
        tracking_listen(s, w->prefixes[i]);
}

static void settle_wish(struct call *c, struct wish *w)
{
    if (!read_wish(c, w))
        return;
    if (bytes_is_word(c->argv[2], "on")) {
        if (!sensible(c, w))
            return;
        begin(c->session, w);
    } else if (bytes_is_word(c->argv[2], "off")) {
        tracking_leave(c->session);
    } else {
        reply_error(c->reply, "ERR syntax error");
        return;
    }
    reply_ok(c->reply);
}

void client_tracking(struct call *c)
{
    struct wish w = { .prefixes = xcalloc((size_t)c->argc, sizeof(struct bytes)) };

    settle_wish(c, &w);
    xfree(w.prefixes);
}

void client_caching(struct call *c)
{
    struct session *s = c->session;
    bool yes = bytes_is_word(c->argv[2], "yes");

    if (!(s->flags & SESSION_TRACKING)) {
        reply_error(c->reply,
                    "ERR CLIENT CACHING can be called only when the client is in tracking mode "
                    "with OPTIN or OPTOUT mode enabled");
    } else if (!yes && !bytes_is_word(c->argv[2], "no")) {
        reply_error(c->reply, "ERR syntax error");
    } else if (!(s->flags & (yes ? SESSION_TRACK_OPTIN : SESSION_TRACK_OPTOUT))) {
        reply_errorf(c->reply,
                     "ERR CLIENT CACHING %s is only valid when tracking is enabled in %s mode.",
                     yes ? "YES" : "NO", yes ? "OPTIN" : "OPTOUT");
    } else {
        s->flags |= SESSION_TRACK_CACHING;
        reply_ok(c->reply);
    }
}

/* Each holds where all of its flags are set. */
static const struct {
    uint32_t flags;
    const char *word;
} shown_modes[] = {
    { SESSION_TRACKING, "on" },
    { SESSION_TRACK_BCAST, "bcast" },
    { SESSION_TRACK_OPTIN, "optin" },
    { SESSION_TRACK_OPTIN | SESSION_TRACK_CACHING, "caching-yes" },
    { SESSION_TRACK_OPTOUT, "optout" },
    { SESSION_TRACK_OPTOUT | SESSION_TRACK_CACHING, "caching-no" },
    { SESSION_TRACK_NOLOOP, "noloop" },
    { SESSION_TRACK_BROKEN, "broken_redirect" },
};

static void put_modes(struct call *c)
{
    uint32_t flags = c->session->flags;
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(shown_modes); i++)
        count += (flags & shown_modes[i].flags) == shown_modes[i].flags;
    reply_set(c->reply, count ? count : 1);
    if (!count)
        reply_text(c->reply, "off");
    for (size_t i = 0; i < ARRAY_LEN(shown_modes); i++)
        if ((flags & shown_modes[i].flags) == shown_modes[i].flags)
            reply_text(c->reply, shown_modes[i].word);
}

static int64_t redirection(const struct session *s)
{
    return s->flags & SESSION_TRACKING ? (int64_t)s->tracking.redirect_id : -1;
}

static int by_name(const void *a, const void *b)
{
    const struct tracking_prefix *x = *(struct tracking_prefix *const *)a;
    const struct tracking_prefix *y = *(struct tracking_prefix *const *)b;

    return bytes_cmp((struct bytes){ x->name, x->len }, (struct bytes){ y->name, y->len });
}

void client_trackinginfo(struct call *c)
{
    struct tracking_client *t = &c->session->tracking;

    if (t->prefix_count)
        qsort(t->prefixes, t->prefix_count, sizeof(struct tracking_prefix *), by_name);
    reply_map(c->reply, 3);
    reply_text(c->reply, "flags");
    put_modes(c);
    reply_text(c->reply, "redirect");
    reply_int(c->reply, redirection(c->session));
    reply_text(c->reply, "prefixes");
    reply_array(c->reply, t->prefix_count);
    for (size_t i = 0; i < t->prefix_count; i++)
        reply_bulk(c->reply, (struct bytes){ t->prefixes[i]->name, t->prefixes[i]->len });
}

void client_getredir(struct call *c)
{
    reply_int(c->reply, redirection(c->session));
}
