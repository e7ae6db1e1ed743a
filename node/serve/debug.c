#include "node/serve/debug.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>

#include "common/alloc.h"
#include "common/log.h"
#include "common/serve/service.h"
#include "node/serve/serve.h"
#include "node/world.h"

static const struct command *const *rooms(const struct call *c)
{
    return ((const struct node_world *)c->world)->debug_rows;
}

static const struct command *find(const struct call *c, struct bytes name)
{
    for (const struct command *const *room = rooms(c); *room; room++)
        for (const struct command *row = *room; row->name; row++)
            if (bytes_is_word(name, row->name))
                return row;
    return NULL;
}

void debug_run(struct call *c)
{
    const struct command *row = find(c, c->argv[1]);

    if (!row || c->argc < row->argc_min || c->argc > row->argc_max) {
        serve_wrong_use(c);
        return;
    }
    row->run(c);
}

static void upper(char *out, size_t cap, const char *word)
{
    size_t i = 0;

    for (; word[i] && i + 1 < cap; i++)
        out[i] = (char)toupper((unsigned char)word[i]);
    out[i] = '\0';
}

static void help_for(struct call *c, const struct command *row)
{
    struct buf line = { 0 };
    char name[64];

    upper(name, sizeof name, row->name);
    buf_printf(&line, "%s%s%s", name, row->args ? " " : "", row->args ? row->args : "");
    reply_simple(c->reply, buf_text(&line));
    line.len = 0;
    buf_printf(&line, "    %s", row->help);
    reply_simple(c->reply, buf_text(&line));
    buf_fini(&line);
}

static void debug_help(struct call *c)
{
    size_t rows = 0;

    for (const struct command *const *room = rooms(c); *room; room++)
        for (const struct command *row = *room; row->name; row++)
            rows++;
    reply_array(c->reply, 1 + 2 * rows);
    reply_simple(c->reply, "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for (const struct command *const *room = rooms(c); *room; room++)
        for (const struct command *row = *room; row->name; row++)
            help_for(c, row);
}

/* A crash that tests can ask for: no orderly end of any kind. */
static void debug_segfault(struct call *c)
{
    (void)c;
    raise(SIGSEGV);
}

static void debug_panic(struct call *c)
{
    ASSERT(!c->cmd); /* it has a row, so this never holds */
}

/* A size that no machine has: what happens where memory ends. */
static void debug_oom(struct call *c)
{
    xfree(xmalloc(SIZE_MAX / 4));
    reply_ok(c->reply);
}

/* Followers do what this node does not: for tests of what tells them apart. */
static void debug_replicate(struct call *c)
{
    call_effect(c, c->argc - 2, c->argv + 2);
    reply_ok(c->reply);
}

static void debug_error(struct call *c)
{
    reply_error_as_is(c->reply, c->argv[2]);
}

static void debug_log(struct call *c)
{
    log_warning("debug-log text=\"%.*s\"", SERVE_SHOWN(c->argv[2]));
    reply_ok(c->reply);
}

/* What every kind of reply looks like in this session's protocol. */
static void debug_protocol(struct call *c)
{
    struct reply *r = c->reply;
    struct bytes kind = c->argv[2];

    if (bytes_is_word(kind, "string")) {
        reply_text(r, "Hello World");
    } else if (bytes_is_word(kind, "integer")) {
        reply_int(r, 12345);
    } else if (bytes_is_word(kind, "double")) {
        reply_double(r, 3.141);
    } else if (bytes_is_word(kind, "null")) {
        reply_null(r);
    } else if (bytes_is_word(kind, "array")) {
        reply_array(r, 3);
        for (int i = 0; i < 3; i++)
            reply_int(r, i);
    } else if (bytes_is_word(kind, "set")) {
        reply_set(r, 3);
        for (int i = 0; i < 3; i++)
            reply_int(r, i);
    } else if (bytes_is_word(kind, "map")) {
        reply_map(r, 3);
        for (int i = 0; i < 3; i++) {
            reply_int(r, i);
            reply_bool(r, i == 1);
        }
    } else if (bytes_is_word(kind, "push") && r->proto < 3) {
        reply_error(r, "ERR RESP2 is not supported by this command");
    } else if (bytes_is_word(kind, "push")) {
        reply_push(r, 2);
        reply_text(r, "server-cpu-usage");
        reply_int(r, 42);
        reply_text(r, "Some real reply following the push reply");
    } else if (bytes_is_word(kind, "attrib")) {
        if (r->proto > 2) {
            reply_attributes(r, 1);
            reply_text(r, "key-popularity");
            reply_array(r, 2);
            reply_text(r, "key:123");
            reply_int(r, 90);
        }
        reply_text(r, "Some real reply following the attribute");
    } else if (bytes_is_word(kind, "bignum")) {
        reply_bignum(r, BYTES("1234567999999999999999999999999999999"));
    } else if (bytes_is_word(kind, "true")) {
        reply_bool(r, true);
    } else if (bytes_is_word(kind, "false")) {
        reply_bool(r, false);
    } else if (bytes_is_word(kind, "verbatim")) {
        reply_verbatim(r, "txt", BYTES("This is a verbatim\nstring"));
    } else {
        reply_error(r, "ERR Wrong protocol type name. Please use one of the following: string|"
                       "integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
    }
}

/* What a Redis does in its cron, a node does when it happens. */
static void debug_pause_cron(struct call *c)
{
    reply_ok(c->reply);
}

/* A session takes room for replies when there are some: there is no peak of any time to forget, and nothing to
 * resize. */
static void debug_reply_buffer(struct call *c)
{
    bool resizing = bytes_is_word(c->argv[2], "resizing");
    bool known =
        resizing || bytes_is_word(c->argv[3], "never") || bytes_is_word(c->argv[3], "reset");
    int64_t ms;

    if (!resizing && !bytes_is_word(c->argv[2], "peak-reset-time"))
        serve_wrong_use(c);
    else if (known || serve_want_i64(c, c->argv[3], &ms))
        reply_ok(c->reply);
}

const struct command debug_subs[] = {
    { .name = "help",
      .run = debug_help,
      .argc_min = 2,
      .argc_max = 2,
      .help = "Explains the subcommands." },
    { .name = "segfault",
      .run = debug_segfault,
      .argc_min = 2,
      .argc_max = 2,
      .help = "Crashes the server." },
    { .name = "panic",
      .run = debug_panic,
      .argc_min = 2,
      .argc_max = 2,
      .help = "Fails an assertion." },
    { .name = "assert",
      .run = debug_panic,
      .argc_min = 2,
      .argc_max = 2,
      .help = "Fails an assertion." },
    { .name = "oom",
      .run = debug_oom,
      .argc_min = 2,
      .argc_max = 2,
      .help = "Asks for more memory than there is." },
    { .name = "replicate",
      .run = debug_replicate,
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .args = "command+",
      .help = "Tells followers of a command that is not run here." },
    { .name = "error",
      .run = debug_error,
      .argc_min = 3,
      .argc_max = 3,
      .args = "message",
      .help = "Answers with this error." },
    { .name = "log",
      .run = debug_log,
      .argc_min = 3,
      .argc_max = 3,
      .args = "message",
      .help = "Writes a line into the log." },
    { .name = "pause-cron",
      .run = debug_pause_cron,
      .argc_min = 3,
      .argc_max = 3,
      .args = "on:integer",
      .help = "Accepted, and changes nothing: there is no cron." },
    { .name = "replybuffer",
      .run = debug_reply_buffer,
      .argc_min = 4,
      .argc_max = 4,
      .args = "what:(PEAK-RESET-TIME|RESIZING) value",
      .help = "Accepted, and changes nothing: no buffer outlives its replies." },
    { .name = "protocol",
      .run = debug_protocol,
      .argc_min = 3,
      .argc_max = 3,
      .args = "type",
      .help = "Answers with a value of this type." },
    { 0 },
};
