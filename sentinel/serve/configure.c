/*
 * SENTINEL CONFIG: the settings of the whole sentinel, of which there are eight. Seven are the core's
 * (struct globals, changed as a whole by an event), loglevel is the process's. What Redis does not know is told
 * to who asks for it by its name, and no pattern matches it.
 */
#include <ctype.h>
#include <string.h>

#include "common/alloc.h"
#include "common/settings.h"
#include "sentinel/serve/rows.h"

enum param_kind { PARAM_BOOL, PARAM_HOST, PARAM_PORT, PARAM_TEXT, PARAM_LOGLEVEL };

/* In the order in which they are told. */
static const struct param {
    const char *name;
    enum param_kind kind;
    size_t at; /* in struct globals */
    bool is_ours;
} params[] = {
    { "resolve-hostnames", PARAM_BOOL, offsetof(struct globals, resolve_hostnames) },
    { "announce-hostnames", PARAM_BOOL, offsetof(struct globals, announce_hostnames) },
    { "announce-ip", PARAM_HOST, offsetof(struct globals, announce_ip) },
    { "announce-port", PARAM_PORT, offsetof(struct globals, announce_port) },
    { "sentinel-user", PARAM_TEXT, offsetof(struct globals, sentinel_user) },
    { "sentinel-pass", PARAM_TEXT, offsetof(struct globals, sentinel_pass) },
    { "loglevel", PARAM_LOGLEVEL, 0 },
    { "sentinel-pass-fallback", PARAM_TEXT, offsetof(struct globals, sentinel_pass_fallback),
      true },
};

static const struct param *param_find(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        if (bytes_is_word(name, params[i].name))
            return &params[i];
    return NULL;
}

static void reply_loglevel(void *arg, struct bytes name, struct bytes value)
{
    (void)name;
    reply_bulk(arg, value);
}

static void reply_value(struct call *c, const struct param *p)
{
    const struct globals *g = &world_of(c)->core->globals;
    const char *field = (const char *)g + p->at;

    switch (p->kind) {
    case PARAM_BOOL:
        reply_text(c->reply, *(const bool *)field ? "yes" : "no");
        break;
    case PARAM_PORT:
        reply_bulk_int(c->reply, *(const int *)field);
        break;
    case PARAM_HOST:
    case PARAM_TEXT:
        reply_text(c->reply, *(char *const *)field ? *(char *const *)field : "");
        break;
    case PARAM_LOGLEVEL:
        settings_get(world_of(c)->settings, 1, (struct bytes[]){ BYTES("loglevel") },
                     reply_loglevel, c->reply);
        break;
    }
}

static bool asked(const struct call *c, const struct param *p)
{
    for (int i = 3; i < c->argc; i++)
        if (p->is_ours ? bytes_is_word(c->argv[i], p->name)
                       : glob_match(c->argv[i], bytes_of(p->name), true))
            return true;
    return false;
}

static void config_get(struct call *c)
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        n += asked(c, &params[i]);
    reply_map(c->reply, n);
    for (size_t i = 0; i < ARRAY_LEN(params); i++) {
        if (!asked(c, &params[i]))
            continue;
        reply_text(c->reply, params[i].name);
        reply_value(c, &params[i]);
    }
}

/* Texts end up in a file of lines. */
static bool is_plain(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (iscntrl((unsigned char)text.at[i]))
            return false;
    return text.len <= TEXT_LEN_MAX;
}

static bool is_host(struct bytes text)
{
    if (text.len > HOST_LEN_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!isgraph((unsigned char)text.at[i]) || strchr(",\"'\\", text.at[i]))
            return false;
    return true;
}

static void put_text(char **slot, struct bytes value)
{
    xfree(*slot);
    *slot = value.len ? xmemdup0(value.at, value.len) : NULL;
}

/* Into the copy; false: no value for this parameter. */
static bool param_set(struct globals *g, const struct param *p, struct bytes value)
{
    char *field = (char *)g + p->at;
    int64_t port;

    switch (p->kind) {
    case PARAM_BOOL:
        if (!bytes_is_word(value, "yes") && !bytes_is_word(value, "no"))
            return false;
        *(bool *)field = bytes_is_word(value, "yes");
        return true;
    case PARAM_PORT:
        if (!bytes_to_i64(value, &port) || port < 0 || port > 65535)
            return false;
        *(int *)field = (int)port;
        return true;
    case PARAM_HOST:
        if (!is_host(value))
            return false;
        put_text((char **)field, value);
        return true;
    case PARAM_TEXT:
        if (!is_plain(value))
            return false;
        put_text((char **)field, value);
        return true;
    case PARAM_LOGLEVEL:
        return bytes_is_word(value, "debug") || bytes_is_word(value, "verbose") ||
               bytes_is_word(value, "notice") || bytes_is_word(value, "warning") ||
               bytes_is_word(value, "nothing");
    }
    return false;
}

static bool set_before(const struct call *c, int at)
{
    for (int i = 3; i < at; i += 2)
        if (bytes_ieq(c->argv[i], c->argv[at]))
            return true;
    return false;
}

/* One pair. False: the error is written. */
static bool config_pair(struct call *c, int at, struct globals *g, struct bytes *out_loglevel)
{
    struct bytes name = c->argv[at], value;
    const struct param *p = param_find(name);
    int len = (int)name.len;

    if (!p) {
        reply_errorf(c->reply, "ERR Invalid argument '%.*s' to SENTINEL CONFIG SET", len, name.at);
        return false;
    }
    if (set_before(c, at)) {
        reply_errorf(c->reply, "ERR Duplicate argument '%.*s' to SENTINEL CONFIG SET", len,
                     name.at);
        return false;
    }
    if (at + 1 == c->argc) {
        reply_errorf(c->reply, "ERR Missing argument '%.*s' value", len, name.at);
        return false;
    }
    value = c->argv[at + 1];
    if (!param_set(g, p, value)) {
        reply_errorf(c->reply, "ERR Invalid value '%.*s' to SENTINEL CONFIG SET '%.*s'",
                     (int)value.len, value.at, len, name.at);
        return false;
    }
    if (p->kind == PARAM_LOGLEVEL)
        *out_loglevel = value;
    return true;
}

/* Checks everything before anything counts. */
static bool config_parse(struct call *c, struct globals *g, struct bytes *out_loglevel)
{
    for (int at = 3; at < c->argc; at += 2)
        if (!config_pair(c, at, g, out_loglevel))
            return false;
    return true;
}

static void config_set(struct call *c)
{
    struct event ev = { .kind = EV_GLOBALS };
    struct bytes loglevel = { 0 };
    struct globals g = { 0 };
    struct errmsg why;

    globals_copy(&g, &world_of(c)->core->globals);
    if (config_parse(c, &g, &loglevel)) {
        struct bytes words[] = { BYTES("loglevel"), loglevel };

        if (loglevel.at && settings_set(world_of(c)->settings, 2, words, &why) != OK) {
            reply_errorf(c->reply, "ERR %s", why.text);
        } else {
            ev.globals = &g;
            serve_ask(c, &ev);
        }
    }
    globals_fini(&g);
}

void sentinel_config(struct call *c)
{
    if (bytes_is_word(c->argv[2], "get") && c->argc > 3)
        config_get(c);
    else if (bytes_is_word(c->argv[2], "set") && c->argc > 4)
        config_set(c);
    else
        reply_error(c->reply, "ERR Only SENTINEL CONFIG GET <option> / SET <option> <value> are "
                              "supported.");
}
