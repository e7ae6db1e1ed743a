/*
 * CLIENT: what a connection may ask about itself and do to others.
 */
#include <string.h>

#include "common/clock.h"
#include "common/serve/client_kill.h"
#include "common/serve/service.h"

static void syntax_error(struct call *c)
{
    reply_error(c->reply, "ERR syntax error");
}

static void client_id(struct call *c)
{
    reply_int(c->reply, (int64_t)c->session->id);
}

static void client_getname(struct call *c)
{
    if (c->session->name)
        reply_text(c->reply, c->session->name);
    else
        reply_null(c->reply);
}

static void client_setname(struct call *c)
{
    if (session_set_name(&c->session->name, c->argv[2]))
        reply_ok(c->reply);
    else
        reply_error(c->reply,
                    "ERR Client names cannot contain spaces, newlines or special characters.");
}

static void client_setinfo(struct call *c)
{
    bool version = bytes_is_word(c->argv[2], "lib-ver");

    if (!version && !bytes_is_word(c->argv[2], "lib-name")) {
        reply_errorf(c->reply, "ERR Unrecognized option '%.*s'", SERVE_SHOWN(c->argv[2]));
        return;
    }
    if (session_set_name(version ? &c->session->lib_version : &c->session->lib_name, c->argv[3]))
        reply_ok(c->reply);
    else
        reply_errorf(c->reply, "ERR %s cannot contain spaces, newlines or special characters.",
                     version ? "lib-ver" : "lib-name");
}

static void reply_verbatim_buf(struct call *c, struct buf *text)
{
    reply_verbatim(c->reply, "txt", buf_bytes(text));
    buf_fini(text);
}

static void client_info(struct call *c)
{
    struct buf text = { 0 };

    session_describe(c->session, &text);
    reply_verbatim_buf(c, &text);
}

static bool listed(const struct session *s, const enum session_kind *kind)
{
    return s->link->state == LINK_OPEN && (!kind || s->kind == *kind);
}

static void list_all(struct call *c, const enum session_kind *kind)
{
    struct buf text = { 0 };

    LIST_EACH (&c->service->sessions, n) {
        struct session *s = LIST_ENTRY(n, struct session, node);

        if (listed(s, kind))
            session_describe(s, &text);
    }
    reply_verbatim_buf(c, &text);
}

static void list_ids(struct call *c)
{
    struct buf text = { 0 };

    for (int i = 3; i < c->argc; i++) {
        struct session *s;
        int64_t id;

        if (!bytes_to_i64(c->argv[i], &id)) {
            reply_error(c->reply, "ERR Invalid client ID");
            buf_fini(&text);
            return;
        }
        s = service_find(c->service, (uint64_t)id);
        if (s && listed(s, NULL))
            session_describe(s, &text);
    }
    reply_verbatim_buf(c, &text);
}

static void client_list(struct call *c)
{
    enum session_kind kind;

    if (c->argc == 2) {
        list_all(c, NULL);
    } else if (c->argc == 4 && bytes_is_word(c->argv[2], "type")) {
        if (session_kind_of(c->argv[3], &kind))
            list_all(c, &kind);
        else
            reply_errorf(c->reply, "ERR Unknown client type '%.*s'", SERVE_SHOWN(c->argv[3]));
    } else if (c->argc > 3 && bytes_is_word(c->argv[2], "id")) {
        list_ids(c);
    } else {
        syntax_error(c);
    }
}

static void client_reply(struct call *c)
{
    struct session *s = c->session;

    if (bytes_is_word(c->argv[2], "on")) {
        s->flags &= ~(SESSION_REPLY_OFF | SESSION_REPLY_SKIP | SESSION_REPLY_SKIP_NEXT);
        c->reply->out = &s->link->out; /* this very reply is heard again */
        reply_ok(c->reply);
    } else if (bytes_is_word(c->argv[2], "off")) {
        s->flags |= SESSION_REPLY_OFF;
    } else if (bytes_is_word(c->argv[2], "skip")) {
        if (!(s->flags & SESSION_REPLY_OFF))
            s->flags |= SESSION_REPLY_SKIP_NEXT;
    } else {
        syntax_error(c);
    }
}

static void set_flag(struct call *c, enum session_flag flag)
{
    if (bytes_is_word(c->argv[2], "on")) {
        c->session->flags |= flag;
    } else if (bytes_is_word(c->argv[2], "off")) {
        c->session->flags &= ~(uint32_t)flag;
    } else {
        syntax_error(c);
        return;
    }
    reply_ok(c->reply);
}

static void client_no_evict(struct call *c)
{
    set_flag(c, SESSION_NO_EVICT);
}

static void client_no_touch(struct call *c)
{
    set_flag(c, SESSION_NO_TOUCH);
}

static void client_pause(struct call *c)
{
    enum pause_what what = PAUSE_ALL;
    uint64_t ms;

    if (c->argc > 4) {
        serve_wrong_use(c);
        return;
    }
    if (c->argc == 4) {
        if (bytes_is_word(c->argv[3], "write")) {
            what = PAUSE_WRITES;
        } else if (!bytes_is_word(c->argv[3], "all")) {
            reply_error(c->reply, "ERR CLIENT PAUSE mode must be WRITE or ALL");
            return;
        }
    }
    if (!serve_want_timeout(c, c->argv[2], false, &ms))
        return;
    service_pause(c->service, PAUSE_BY_COMMAND, what, clock_now_ms() + ms);
    reply_ok(c->reply);
}

static void client_unpause(struct call *c)
{
    service_unpause(c->service, PAUSE_BY_COMMAND);
    reply_ok(c->reply);
}

static void client_unblock(struct call *c)
{
    const struct service_ops *ops = c->service->ops;
    bool with_error = false;
    struct session *s;
    int64_t id;

    if (c->argc > 4) {
        serve_wrong_use(c);
        return;
    }
    if (c->argc == 4) {
        with_error = bytes_is_word(c->argv[3], "error");
        if (!with_error && !bytes_is_word(c->argv[3], "timeout")) {
            reply_error(c->reply, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
            return;
        }
    }
    if (!serve_want_i64(c, c->argv[2], &id))
        return;
    s = service_find(c->service, (uint64_t)id);
    reply_int(c->reply,
              s && (s->flags & SESSION_BLOCKED) && ops->unblock && ops->unblock(s, with_error));
}

static const struct command client_subs[] = {
    { .name = "setname",
      .run = client_setname,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "2.6.9",
      .cost = "O(1)",
      .args = "connection-name",
      .help = "Names this connection." },
    { .name = "info",
      .run = client_info,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "6.2.0",
      .cost = "O(1)",
      .tips = "nondeterministic_output",
      .help = "The CLIENT LIST line of this connection." },
    { .name = "help",
      .run = serve_help,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "5.0.0",
      .cost = "O(1)",
      .help = "Explains the subcommands." },
    { .name = "unblock",
      .run = client_unblock,
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "5.0.0",
      .cost = "O(log N) where N is the number of client connections",
      .args = "client-id:integer [(TIMEOUT|ERROR)]",
      .help = "Ends the blocking command of another connection." },
    { .name = "list",
      .run = client_list,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "2.4.0",
      .cost = "O(N) where N is the number of client connections",
      .args = "[TYPE=(NORMAL|MASTER|REPLICA|PUBSUB)@5.0.0] [ID=id:{client-id:integer+}@6.2.0]",
      .tips = "nondeterministic_output",
      .history = "2.8.12:The id field.|5.0.0:The TYPE filter.|6.0.0:The user "
                 "field.|6.2.0:The ID filter, and the argv-mem, tot-mem, laddr and redir "
                 "fields.|7.0.0:The resp, multi-mem, rbs and rbp fields.|7.0.3:The ssub "
                 "field.",
      .help = "One line for each connection." },
    { .name = "reply",
      .run = client_reply,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "3.2.0",
      .cost = "O(1)",
      .args = "(ON|OFF|SKIP)",
      .help = "Switches replies of this connection on and off." },
    { .name = "pause",
      .run = client_pause,
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "2.9.50",
      .cost = "O(1)",
      .args = "timeout:integer [mode:(WRITE|ALL)@6.2.0]",
      .history = "6.2.0:Writes alone may be paused.",
      .help = "Holds the commands of all clients, or only writes, for a while." },
    { .name = "getname",
      .run = client_getname,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "2.6.9",
      .cost = "O(1)",
      .help = "The name of this connection." },
    { .name = "kill",
      .run = client_kill,
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "2.4.0",
      .cost = "O(N) where N is the number of client connections",
      .args = "filter:(<ip:port>~2.8.12|new-format:([ID=client-id:integer@2.8.12]|[TYPE=normal_"
              "master_slave_pubsub:(NORMAL|MASTER@3.2.0|SLAVE|REPLICA@5.0.0|PUBSUB)@2.8.12]|[US"
              "ER=username]|[ADDR=<ip:port>]|[LADDR=<ip:port>@6.2.0]|[SKIPME=yes/no])+)",
      .history = "2.8.12:Filters.|2.8.12:The ID filter.|3.2.0:TYPE master.|5.0.0:TYPE "
                 "replica, beside its older name.|6.2.0:The LADDR filter.",
      .help = "Closes connections by address, id, type, user or age." },
    { .name = "id",
      .run = client_id,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "5.0.0",
      .cost = "O(1)",
      .help = "The id of this connection." },
    { .name = "unpause",
      .run = client_unpause,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "6.2.0",
      .cost = "O(N) Where N is the number of paused clients",
      .help = "Ends CLIENT PAUSE." },
    { .name = "no-evict",
      .run = client_no_evict,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "7.0.0",
      .cost = "O(1)",
      .args = "enabled:(ON|OFF)",
      .help = "Keeps this connection when clients must go for lack of memory." },
    { .name = "tracking",
      .run = client_tracking,
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "6.0.0",
      .cost = "O(1). Some options may introduce additional complexity.",
      .args =
          "status:(ON|OFF) [REDIRECT=client-id:integer] [PREFIX=prefix++] [BCAST] [OPTIN] [OPTOUT] "
          "[NOLOOP]",
      .help = "Tells this connection when keys that it read, or under prefixes, change." },
    { .name = "caching",
      .run = client_caching,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "6.0.0",
      .cost = "O(1)",
      .args = "mode:(YES|NO)",
      .help = "Whether the keys of the next command are tracked." },
    { .name = "trackinginfo",
      .run = client_trackinginfo,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "6.2.0",
      .cost = "O(1)",
      .help = "What tracking is switched to on this connection." },
    { .name = "getredir",
      .run = client_getredir,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "6.0.0",
      .cost = "O(1)",
      .help = "The id of the connection that gets our invalidations, or -1." },
    { .name = "no-touch",
      .run = client_no_touch,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_NODE,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "7.2.0",
      .cost = "O(1)",
      .args = "enabled:(ON|OFF)",
      .help = "Lets commands of this connection leave idle times and frequencies alone." },
    { .name = "setinfo",
      .run = client_setinfo,
      .argc_min = 4,
      .argc_max = 4,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_COURTESY,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "7.2.0",
      .cost = "O(1)",
      .args = "attr:(LIB-NAME=libname|LIB-VER=libver)",
      .help = "Records the client library of this connection." },
    { 0 }
};

const struct command serve_client_rows[] = {
    { .name = "client",
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .group = "connection",
      .since = "2.4.0",
      .cost = "Depends on subcommand.",
      .help = "Asks about connections and changes them.",
      .subs = client_subs },
    { 0 },
};
