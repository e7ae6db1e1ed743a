#include "node/script/ldb.h"

#include <poll.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/serve/session.h"
#include "node/script/api.h"
#include "node/script/script_room.h"
#include "node/serve/serve.h"
#include "node/settings.h"

static const struct resp_limits limits = { LDB_WORDS, LDB_WORDS, LDB_WORDS, false };

/* ---- who debugs -------------------------------------------------------------------------------- */

static struct ldb *ldb_of(struct script *s)
{
    if (!s->ldb) {
        s->ldb = xcalloc(1, sizeof *s->ldb);
        s->ldb->script = s;
    }
    return s->ldb;
}

static void begin_anew(struct ldb *d, uint64_t session_id)
{
    d->session_id = session_id;
    d->step = true;
    d->stop = d->hinted = false;
    d->breakpoint_count = 0;
    d->shown_max = LDB_SHOWN;
    d->said.len = d->said_count = 0;
}

/* NULL: SYNC is offered. */
static const char *refusal(const struct call *c)
{
    const struct serve *v = script_of(c)->world->serve;

    if (!c->session)
        return "ERR SCRIPT DEBUG is for clients";
    if (link_unsent(c->session->link))
        return "ERR SCRIPT DEBUG must be called outside a pipeline";
    if (v->gate.demanded[GATE_FOLLOWERS])
        return "ERR SCRIPT DEBUG is not offered by the leader of a durable group: it would be "
               "taken for lost while somebody thinks";
    return NULL;
}

void cmd_script_debug(struct call *c)
{
    struct script *s = script_of(c);
    const char *refused = refusal(c);

    if (bytes_is_word(c->argv[2], "no")) {
        if (s->ldb && c->session && s->ldb->session_id == c->session->id)
            s->ldb->session_id = 0;
        reply_ok(c->reply);
    } else if (bytes_is_word(c->argv[2], "yes")) {
        reply_error(c->reply, "ERR SCRIPT DEBUG YES debugs in a fork, and this node never forks: "
                              "use SCRIPT DEBUG SYNC, which keeps what the script writes");
    } else if (!bytes_is_word(c->argv[2], "sync")) {
        reply_error(c->reply, "ERR Use SCRIPT DEBUG YES/SYNC/NO");
    } else if (refused) {
        reply_error(c->reply, refused);
    } else {
        begin_anew(ldb_of(s), c->session->id);
        reply_ok(c->reply);
    }
}

void ldb_free(struct script *s)
{
    struct ldb *d = s->ldb;

    if (!d)
        return;
    buf_fini(&d->said);
    buf_fini(&d->entry);
    buf_fini(&d->heard);
    xfree(d);
    s->ldb = NULL;
}

/* ---- what is said -------------------------------------------------------------------------------- */

void ldb_say(struct ldb *d)
{
    buf_putc(&d->said, '+');
    for (size_t i = 0; i < d->entry.len; i++) {
        char c = d->entry.at[i];

        buf_putc(&d->said, c == '\r' || c == '\n' ? ' ' : c);
    }
    buf_puts(&d->said, "\r\n");
    d->said_count++;
    d->entry.len = 0;
}

void ldb_say_text(struct ldb *d, const char *text)
{
    buf_puts(&d->entry, text);
    ldb_say(d);
}

void ldb_say_value(struct ldb *d)
{
    bool cut = d->shown_max && d->entry.len > d->shown_max;

    if (cut) {
        d->entry.len = d->shown_max;
        buf_puts(&d->entry, " ...");
    }
    ldb_say(d);
    if (!cut || d->hinted)
        return;
    d->hinted = true;
    ldb_say_text(d, "<hint> The above reply was trimmed. Use 'maxlen 0' to disable trimming.");
}

bool ldb_has_breakpoint(const struct ldb *d, int line)
{
    for (int i = 0; i < d->breakpoint_count; i++)
        if (d->breakpoints[i] == line)
            return true;
    return false;
}

static struct bytes source_line(const struct ldb *d, int line)
{
    struct bytes rest = d->source;

    for (int i = 1; line > 0 && i <= d->line_count; i++) {
        const char *end = memchr(rest.at, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.at) : rest.len;

        if (i == line)
            return (struct bytes){ rest.at, len };
        rest.at += len + 1;
        rest.len -= len + (end != NULL);
    }
    return BYTES("<out of range source code line>");
}

void ldb_say_line(struct ldb *d, int line)
{
    static const char *const signs[2][2] = { { "   ", "  #" }, { "-> ", "->#" } };

    buf_printf(&d->entry, "%s%-3d ", signs[line == d->line][ldb_has_breakpoint(d, line)], line);
    buf_add(&d->entry, source_line(d, line));
    ldb_say(d);
}

/* Over what waits to leave; nothing where the client has gone. */
static void send_said(struct ldb *d)
{
    char head[32];
    int len = snprintf(head, sizeof head, "*%zu\r\n", d->said_count);

    if (d->link->state == LINK_OPEN) {
        out_append(&d->link->out, head, (size_t)len);
        out_append(&d->link->out, d->said.at, d->said.len);
        link_wrote(d->link);
    }
    d->said.len = d->said_count = 0;
}

/* ---- what is heard ------------------------------------------------------------------------------- */

static bool listen(struct ldb *d)
{
    return d->link->state == LINK_OPEN && link_aside_take(d->link, &d->heard);
}

static void wait_a_little(struct ldb *d)
{
    bool stuck = link_unsent(d->link) > 0;
    struct pollfd fd = { .fd = d->link->fd, .events = (short)(POLLIN | (stuck ? POLLOUT : 0)) };

    (void)poll(&fd, 1, LDB_LOOK_MS);
    if (stuck && (fd.revents & POLLOUT))
        link_aside_push(d->link);
}

static void end_talk(struct ldb *d, lua_State *L, const char *why)
{
    d->heard.len = d->taken = 0;
    resp_reader_fini(&d->reader);
    resp_reader_init(&d->reader, limits);
    (void)api_raise(L, why);
}

/* False: the client has gone. Raises an error where it speaks rubbish, or the script was killed. */
static bool hear(struct ldb *d, lua_State *L, struct resp_request *out)
{
    buf_drop(&d->heard, d->taken); /* what was obeyed may have ended in an error */
    d->taken = 0;
    for (;;) {
        enum resp_status got = resp_read_request(&d->reader, buf_bytes(&d->heard), out);

        if (got == RESP_BAD)
            end_talk(d, L, "protocol error");
        if (got == RESP_ITEM) {
            d->taken = out->bytes;
            if (out->argc > 0)
                return true;
            buf_drop(&d->heard, d->taken);
            d->taken = 0;
            continue;
        }
        if (d->heard.len > LDB_HEARD_MAX)
            end_talk(d, L, "max client buffer reached");
        if (!listen(d))
            return false;
        if (run_let_in(d->script->running))
            run_check_killed(L);
        wait_a_little(d);
    }
}

/* Until the script is to go on. */
static void talk(struct ldb *d, lua_State *L)
{
    struct resp_request said;

    do {
        send_said(d);
        if (!hear(d, L, &said)) {
            d->step = false;
            d->breakpoint_count = 0;
            return;
        }
    } while (!ldb_obey(d, L, said.argc, said.argv));
}

/* ---- where it stops -------------------------------------------------------------------------------- */

static bool runs_for_long(const struct run *r)
{
    uint64_t limit_ms = (uint64_t)r->script->world->set->busy_reply_threshold_ms;

    return clock_read_us() - r->start_us >= 1000 * (limit_ms ? limit_ms : LDB_PATIENCE_MS);
}

static const char *reason_to_stop(const struct ldb *d, bool at_breakpoint, bool late)
{
    if (at_breakpoint)
        return d->stop ? "redis.breakpoint() called" : "break point";
    return late ? "timeout reached, infinite loop?" : "step over";
}

static void stop_here(struct ldb *d, lua_State *L, const char *reason)
{
    struct run *r = d->script->running;

    d->step = d->stop = false;
    buf_printf(&d->entry, "* Stopped at %d, stop reason = %s", d->line, reason);
    ldb_say(d);
    ldb_say_line(d, d->line);
    talk(d, L);
    r->start_us = clock_read_us(); /* what somebody thought about is not the script's time */
}

static void on_line(lua_State *L, lua_Debug *ar)
{
    struct run *r = run_of(L);
    struct ldb *d = vm_of(L)->owner->ldb;
    bool counted = ar->event == LUA_HOOKCOUNT, at_breakpoint, late;

    if (!r || d->talking) {
        if (r && counted)
            run_hook(L, ar);
        return;
    }
    run_check_killed(L);
    lua_getinfo(L, "Sl", ar);
    if (!strstr(ar->short_src, "user_script"))
        return;
    d->line = ar->currentline;
    at_breakpoint = d->stop || ldb_has_breakpoint(d, d->line);
    late = counted && !d->step && !at_breakpoint && d->link->state == LINK_OPEN && runs_for_long(r);
    if (counted && !late)
        run_hook(L, ar);
    else if (late || d->step || at_breakpoint)
        stop_here(d, L, reason_to_stop(d, at_breakpoint, late));
}

/* ---- a session --------------------------------------------------------------------------------------- */

bool ldb_begin(struct script *s, struct call *c, struct bytes source)
{
    struct ldb *d = s->ldb;

    if (LIKELY(!d) || !d->session_id || !c->session || c->session->id != d->session_id ||
        c->in_exec)
        return false;
    while (source.len && (source.at[source.len - 1] == '\n' || source.at[source.len - 1] == '\r'))
        source.len--;
    d->source = source;
    d->line_count = 1;
    for (size_t i = 0; i < source.len; i++)
        d->line_count += source.at[i] == '\n';
    d->link = c->session->link;
    d->talking = false;
    d->heard.len = d->taken = 0;
    resp_reader_init(&d->reader, limits);
    lua_sethook(s->eval.lua, on_line, LUA_MASKLINE | LUA_MASKCOUNT, VM_HOOK_STEPS);
    log_warning("script-debugged client=%llu" REDIS_SAYS(
                    "Redis synchronous debugging eval session started"),
                (unsigned long long)c->session->id);
    return true;
}

void ldb_end(struct script *s, struct call *c, struct out *reply)
{
    struct ldb *d = s->ldb;

    lua_sethook(s->eval.lua, run_hook, LUA_MASKCOUNT, VM_HOOK_STEPS);
    d->entry.len = 0; /* of what an error broke off */
    ldb_say_text(d, "<endsession>");
    send_said(d);
    d->link = NULL;
    d->session_id = 0;
    d->source = (struct bytes){ 0 };
    resp_reader_fini(&d->reader);
    out_move(c->reply->out, reply);
    session_close(c->session, LINK_WHY_ASKED);
    log_warning("script-debugged-no-more client=%llu" REDIS_SAYS(
                    "Redis synchronous debugging eval session ended"),
                (unsigned long long)c->session->id);
}

/* ---- of the script ------------------------------------------------------------------------------------- */

bool ldb_debugs(const struct script *s)
{
    return UNLIKELY(s->ldb != NULL) && s->ldb->link;
}

bool ldb_steps(const struct script *s)
{
    return ldb_debugs(s) && s->ldb->step;
}

void ldb_tell_call(struct script *s, int argc, const struct bytes *argv)
{
    enum { TOLD = 10 };
    struct buf *entry = &s->ldb->entry;

    buf_puts(entry, "<redis>");
    for (int i = 0; i < argc && i < TOLD; i++) {
        buf_putc(entry, ' ');
        buf_add(entry, argv[i]);
    }
    if (argc > TOLD)
        buf_printf(entry, " ... (%d more)", argc - TOLD - 1);
    ldb_say(s->ldb);
}

void ldb_tell_reply(struct script *s, struct bytes reply)
{
    const char *end = memchr(reply.at, '\r', reply.len);

    if (reply.at[0] == '-' && end) {
        buf_puts(&s->ldb->entry, "<error> ");
        buf_append(&s->ldb->entry, reply.at, (size_t)(end - reply.at));
        ldb_say(s->ldb);
    }
    buf_puts(&s->ldb->entry, "<reply> ");
    ldb_show_reply(&s->ldb->entry, reply, s->running->proto);
    ldb_say_value(s->ldb);
}

void ldb_tell_error(struct script *s, const char *sign, const char *text)
{
    buf_printf(&s->ldb->entry, "<error> %s%s", sign, text);
    ldb_say(s->ldb);
}

int ldb_breakpoint(lua_State *L)
{
    struct script *s = vm_of(L)->owner;
    bool on = ldb_debugs(s);

    if (on)
        s->ldb->stop = true;
    lua_pushboolean(L, on);
    return 1;
}

int ldb_debug(lua_State *L)
{
    struct script *s = vm_of(L)->owner;
    int count = lua_gettop(L);

    if (!ldb_debugs(s))
        return 0;
    s->ldb->entry.len = 0;
    buf_printf(&s->ldb->entry, "<debug> line %d: ", s->ldb->line);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            buf_puts(&s->ldb->entry, ", ");
        ldb_show_value(&s->ldb->entry, L, i);
    }
    ldb_say(s->ldb);
    return 0;
}
