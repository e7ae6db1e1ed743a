/*
 * Arguments that many commands share, read with Redis's own error sentences, and HELP.
 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "common/command_docs.h"
#include "common/serve/service.h"

static void upper_word(char *out, size_t cap, const char *word)
{
    size_t i = 0;

    for (; word[i] && i + 1 < cap; i++)
        out[i] = (char)toupper((unsigned char)word[i]);
    out[i] = '\0';
}

void serve_wrong_use(struct call *c)
{
    char name[64];

    upper_word(name, sizeof name, command_find(c->service->commands, c->argv[0])->name);
    reply_errorf(c->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try %s HELP.",
                 SERVE_SHOWN(c->argv[1]), name);
}

bool serve_want_i64(struct call *c, struct bytes arg, int64_t *out)
{
    if (bytes_to_i64(arg, out))
        return true;
    reply_error(c->reply, "ERR value is not an integer or out of range");
    return false;
}

static bool read_timeout(struct bytes arg, bool seconds, int64_t *out_ms, const char **out_error)
{
    double s;

    if (!seconds) {
        *out_error = "ERR timeout is not an integer or out of range";
        return bytes_to_i64(arg, out_ms);
    }
    *out_error = "ERR timeout is not a float or out of range";
    if (!bytes_to_double(arg, &s))
        return false;
    if (s * 1000 > (double)INT64_MAX / 2 || isinf(s)) {
        *out_error = "ERR timeout is out of range";
        return false;
    }
    *out_ms = (int64_t)ceil(s * 1000);
    return true;
}

bool serve_want_timeout(struct call *c, struct bytes arg, bool seconds, uint64_t *out_ms)
{
    const char *error;
    int64_t ms;

    if (!read_timeout(arg, seconds, &ms, &error)) {
        reply_error(c->reply, error);
        return false;
    }
    if (ms < 0) {
        reply_error(c->reply, "ERR timeout is negative");
        return false;
    }
    if ((uint64_t)ms > INT64_MAX - clock_wall_ms()) {
        reply_error(c->reply, "ERR timeout is out of range");
        return false;
    }
    *out_ms = (uint64_t)ms;
    return true;
}

static void put_syntax(struct buf *line, const struct command *row)
{
    struct doc_args args;
    enum err e = doc_args_parse(row->args, &args, NULL);

    ASSERT(e == OK);
    if (args.count)
        buf_putc(line, ' ');
    doc_args_syntax(&args, line);
}

void serve_help(struct call *c)
{
    const struct command_table *t = c->service->commands;
    const struct command *parent = command_find(t, c->argv[0]);
    struct buf line = { 0 };
    size_t shown = 0;
    char name[64];

    for (const struct command *sub = parent->subs; sub->name; sub++)
        shown += command_shown(t, sub);
    reply_array(c->reply, 1 + 2 * shown);
    upper_word(name, sizeof name, parent->name);
    buf_printf(&line, "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", name);
    reply_simple(c->reply, buf_text(&line));
    for (const struct command *sub = parent->subs; sub->name; sub++) {
        if (!command_shown(t, sub))
            continue;
        line.len = 0;
        upper_word(name, sizeof name, sub->name);
        buf_puts(&line, name);
        put_syntax(&line, sub);
        reply_simple(c->reply, buf_text(&line));
        line.len = 0;
        buf_printf(&line, "    %s", sub->help);
        reply_simple(c->reply, buf_text(&line));
    }
    buf_fini(&line);
}
