#include "node/serve/monitor.h"

#include <string.h>
#include <sys/time.h>

#include "common/settings.h"
#include "node/world.h"

static bool secret_of_auth(const struct call *c, int i)
{
    return i > 0;
}

static bool secret_of_hello(const struct call *c, int i)
{
    return (i > 1 && bytes_is_word(c->argv[i - 1], "auth")) ||
           (i > 2 && bytes_is_word(c->argv[i - 2], "auth"));
}

/* Behind host, port, key, database and time; a key may be called like an option. */
static bool secret_of_migrate(const struct call *c, int i)
{
    for (int k = 6; k < i && !bytes_is_word(c->argv[k], "keys"); k++)
        if ((bytes_is_word(c->argv[k], "auth") && i == k + 1) ||
            (bytes_is_word(c->argv[k], "auth2") && i <= k + 2))
            return true;
    return false;
}

static bool secret_of_config_set(const struct call *c, int i)
{
    const struct node_world *w = c->world;

    return i > 2 && i % 2 && settings_is_secret(w->settings, c->argv[i - 1]);
}

static bool secret_of_setuser(const struct call *c, int i)
{
    return i > 1;
}

static const struct {
    const char *name, *full_name;
    bool (*secret)(const struct call *c, int i);
} with_secrets[] = {
    { "auth", "auth", secret_of_auth },
    { "set", "config|set", secret_of_config_set },
    { "hello", "hello", secret_of_hello },
    { "migrate", "migrate", secret_of_migrate },
    { "setuser", "acl|setuser", secret_of_setuser },
};

/* What is left after the row's own name is SET and its like, whose full name is at hand, and a rare subcommand. */
static bool is_called(const struct call *c, const char *full_name)
{
    const struct node_world *w = c->world;
    char name[64];

    command_full_name(w->service->commands, c->cmd, name, sizeof name);
    return strcmp(name, full_name) == 0;
}

static bool secret(const struct call *c, int i)
{
    for (size_t k = 0; k < ARRAY_LEN(with_secrets); k++)
        if (strcmp(c->cmd->name, with_secrets[k].name) == 0 &&
            is_called(c, with_secrets[k].full_name))
            return with_secrets[k].secret(c, i);
    return false;
}

struct bytes monitor_shown(const struct call *c, int i)
{
    return UNLIKELY(secret(c, i)) ? BYTES("(redacted)") : c->argv[i];
}

static void describe(const struct call *c, struct buf *line)
{
    struct timeval now;

    gettimeofday(&now, NULL);
    buf_printf(line, "%lld.%06ld [%d ", (long long)now.tv_sec, (long)now.tv_usec,
               c->session ? c->session->db : c->db);
    if (c->in_script)
        buf_puts(line, "lua]");
    else if (!c->session)
        buf_puts(line, "?:0]");
    else if (c->session->flags & SESSION_UNIX)
        buf_printf(line, "unix:%s]", c->session->link->peer);
    else
        buf_printf(line, "%s]", c->session->link->peer);
    for (int i = 0; i < c->argc; i++) {
        buf_putc(line, ' ');
        buf_put_quoted(line, monitor_shown(c, i));
    }
}

static void feed(struct serve *v, const struct call *c)
{
    struct buf line = { 0 };

    describe(c, &line);
    LIST_EACH (&v->monitors, n) {
        struct session *s = &LIST_ENTRY(n, struct node_session, monitor)->base;
        struct reply r = session_reply(s);

        reply_simple(&r, buf_text(&line));
        session_wrote(s);
    }
    buf_fini(&line);
}

void monitor_tell(struct serve *v, const struct call *c)
{
    if (UNLIKELY(!list_empty(&v->monitors)))
        feed(v, c);
}

void monitor_feed(struct serve *v, const struct call *c)
{
    if (LIKELY(list_empty(&v->monitors)) || (c->cmd->flags & (CMD_SKIP_MONITOR | CMD_ADMIN)))
        return;
    feed(v, c);
}

void monitor_join(struct call *c)
{
    const struct node_world *w = c->world;
    struct node_session *s = node_session_of(c->session);

    if (c->denies_blocking) {
        reply_error(c->reply, "ERR MONITOR isn't allowed for DENY BLOCKING client");
        return;
    }
    if (!list_linked(&s->monitor)) {
        s->base.flags |= SESSION_MONITOR;
        list_push_back(&w->serve->monitors, &s->monitor);
    }
    reply_ok(c->reply);
}

void monitor_leave(struct node_session *s)
{
    list_remove(&s->monitor);
}
