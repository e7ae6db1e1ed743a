#include "sentinel/ctl/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/alloc.h"

enum { SENTINEL_PORT = 26379, OPTIONS_MAX = 32 };

static const char default_targets[] = "127.0.0.1";

/* What is gathered before it can be used. */
struct raw {
    const char *targets, *auth_file, *node_auth_file;
    bool tls;
    struct tls_settings tls_set;
};

struct reading {
    struct options *o;
    struct raw raw;
    struct errmsg *why;
};

typedef enum err option_fn(struct reading *r, const char *value, const char *name);

static enum err read_seconds(struct reading *r, uint64_t *out_ms, const char *text,
                             const char *name)
{
    double seconds;

    if (!bytes_to_double(bytes_of(text), &seconds) || seconds < 0.001 || seconds > 86400) {
        errmsg_set(r->why, "--%s wants seconds between 0.001 and 86400, not '%s'", name, text);
        return ERR_SYNTAX;
    }
    *out_ms = (uint64_t)(seconds * 1000);
    return OK;
}

/* ---- one function per option -------------------------------------------------------------------- */

#define TAKES_TEXT(function, field)                                                  \
    static enum err function(struct reading *r, const char *value, const char *name) \
    {                                                                                \
        (field) = value;                                                             \
        return OK;                                                                   \
    }
#define TAKES_SECONDS(function, field)                                               \
    static enum err function(struct reading *r, const char *value, const char *name) \
    {                                                                                \
        return read_seconds(r, &(field), value, name);                               \
    }
#define TAKES_NOTHING(function, field)                                               \
    static enum err function(struct reading *r, const char *value, const char *name) \
    {                                                                                \
        (field) = true;                                                              \
        return OK;                                                                   \
    }

TAKES_TEXT(take_sentinels, r->raw.targets)
TAKES_TEXT(take_user, r->o->sentinel.user)
TAKES_TEXT(take_auth_file, r->raw.auth_file)
TAKES_TEXT(take_node_user, r->o->node.user)
TAKES_TEXT(take_node_auth_file, r->raw.node_auth_file)
TAKES_TEXT(take_cacert, r->raw.tls_set.ca_file)
TAKES_TEXT(take_cert, r->raw.tls_set.cert_file)
TAKES_TEXT(take_key, r->raw.tls_set.key_file)
TAKES_SECONDS(take_timeout, r->o->timeout_ms)
TAKES_SECONDS(take_wait, r->o->wait_ms)
TAKES_SECONDS(take_every, r->o->every_ms)
TAKES_SECONDS(take_time, r->o->time_ms)
TAKES_NOTHING(take_json, r->o->json)
TAKES_NOTHING(take_follow, r->o->follow)
TAKES_NOTHING(take_once, r->o->once)
TAKES_NOTHING(take_tls, r->raw.tls)
TAKES_NOTHING(take_help, r->o->help)
TAKES_NOTHING(take_version, r->o->version)

static enum err take_count(struct reading *r, const char *value, const char *name)
{
    if (bytes_to_u64(bytes_of(value), &r->o->count) && r->o->count && r->o->count <= 10000000)
        return OK;
    errmsg_set(r->why, "--%s wants a number from 1 to 10000000, not '%s'", name, value);
    return ERR_SYNTAX;
}

static enum err take_error(struct reading *r, const char *value, const char *name)
{
    if (bytes_to_double(bytes_of(value), &r->o->error) && r->o->error >= 0.1 && r->o->error <= 50)
        return OK;
    errmsg_set(r->why, "--%s wants percent between 0.1 and 50, not '%s'", name, value);
    return ERR_SYNTAX;
}

/* clang-format off */
static const struct row {
    const char *name, *arg; /* arg NULL: it takes none */
    char brief;             /* 0: none */
    option_fn *take;
    const char *help;
} rows[] = {
    { "sentinels", "LIST", 's', take_sentinels,
      "host:port,host:port… of sentinels, asked in this order\n(else HOLDFASTCTL_SENTINELS, else 127.0.0.1:26379)" },
    { "json", NULL, 0, take_json, "for programs" },
    { "user", "NAME", 0, take_user, "as which user to authenticate at sentinels" },
    { "auth-file", "FILE", 0, take_auth_file, "that password is its first line (else HOLDFASTCTL_AUTH)" },
    { "node-user", "NAME", 0, take_node_user, "the same at nodes, for verbs that ask them" },
    { "node-auth-file", "FILE", 0, take_node_auth_file, "that password (else HOLDFASTCTL_NODE_AUTH)" },
    { "timeout", "SECONDS", 0, take_timeout, "for one connection or one reply (2)" },
    { "wait", "SECONDS", 0, take_wait, "for the outcome of a failover or forget (60)" },
    { "follow", NULL, 0, take_follow, "events: as they happen" },
    { "every", "SECONDS", 0, take_every, "top: between two looks (1)" },
    { "once", NULL, 0, take_once, "top: one look, then end" },
    { "count", "NUMBER", 0, take_count, "slowlog: calls of each node (20); audit: samples at most" },
    { "time", "SECONDS", 0, take_time, "audit: sampling ends after this (7)" },
    { "error", "PERCENT", 0, take_error, "audit: sampling ends once the bytes are known so well (2)" },
    { "tls", NULL, 0, take_tls, "encrypted, with --cacert, --cert, --key" },
    { "cacert", "FILE", 0, take_cacert, "the authority that signed their certificates" },
    { "cert", "FILE", 0, take_cert, "our own certificate" },
    { "key", "FILE", 0, take_key, "and its key" },
    { "help", NULL, 'h', take_help, "this" },
    { "version", NULL, 'v', take_version, "the version" },
};
/* clang-format on */
_Static_assert(ARRAY_LEN(rows) < OPTIONS_MAX, "the table of getopt_long holds all");

void options_help(FILE *to)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *help = rows[i].help;
        char words[64];
        int len = rows[i].brief ? snprintf(words, sizeof words, "-%c, ", rows[i].brief) : 0;

        snprintf(words + len, sizeof words - (size_t)len, "--%s%s%s", rows[i].name,
                 rows[i].arg ? " " : "", rows[i].arg ? rows[i].arg : "");
        fprintf(to, "  %-22s", words);
        for (;;) {
            size_t line = strcspn(help, "\n");

            fprintf(to, "  %.*s\n", (int)line, help);
            if (!help[line])
                break;
            help += line + 1;
            fprintf(to, "  %-22s", "");
        }
    }
}

const char *options_next(size_t *at)
{
    return *at < ARRAY_LEN(rows) ? rows[(*at)++].name : NULL;
}

/* ---- addresses ---------------------------------------------------------------------------------- */

enum err target_set(struct target *t, struct bytes host, int64_t port)
{
    if (!host.len || host.len >= sizeof t->host || port < 1 || port > 65535)
        return ERR_SYNTAX;
    memcpy(t->host, host.at, host.len);
    t->host[host.len] = 0;
    t->port = (int)port;
    snprintf(t->address, sizeof t->address, strchr(t->host, ':') ? "[%s]:%d" : "%s:%d", t->host,
             t->port);
    return OK;
}

/* "::1" has colons, and none of them is in front of a port. */
static bool is_ipv6(struct bytes text)
{
    char host[INET6_ADDRSTRLEN];
    struct in6_addr at;

    if (text.len >= sizeof host)
        return false;
    memcpy(host, text.at, text.len);
    host[text.len] = 0;
    return inet_pton(AF_INET6, host, &at) == 1;
}

enum err target_read(struct target *t, struct bytes text, int port)
{
    const char *end = text.at + text.len, *colon = NULL;
    struct bytes host = text;
    int64_t number = port;

    if (text.len && text.at[0] == '[') {
        const char *bracket = memchr(text.at, ']', text.len);

        if (!bracket || (bracket + 1 != end && bracket[1] != ':'))
            return ERR_SYNTAX;
        host = (struct bytes){ text.at + 1, (size_t)(bracket - text.at) - 1 };
        colon = bracket + 1 == end ? NULL : bracket + 1;
    } else if (text.len && !is_ipv6(text)) {
        colon = memchr(text.at, ':', text.len);
        host.len = colon ? (size_t)(colon - text.at) : text.len;
    }
    if (colon && !bytes_to_i64((struct bytes){ colon + 1, (size_t)(end - colon) - 1 }, &number))
        return ERR_SYNTAX;
    return target_set(t, host, number);
}

static enum err read_targets(struct options *o, const char *list, struct errmsg *why)
{
    while (*list) {
        size_t len = strcspn(list, ",");

        if (o->target_count == TARGETS_MAX) {
            errmsg_set(why, "more than %d sentinels", TARGETS_MAX);
            return ERR_SYNTAX;
        }
        if (target_read(&o->targets[o->target_count], (struct bytes){ list, len }, SENTINEL_PORT) !=
            OK) {
            errmsg_set(why, "'%.*s' is no sentinel's address: want host:port", (int)len, list);
            return ERR_SYNTAX;
        }
        o->target_count++;
        list += len + (list[len] == ',');
    }
    if (o->target_count)
        return OK;
    errmsg_set(why, "the list of sentinels is empty");
    return ERR_SYNTAX;
}

/* ---- secrets ------------------------------------------------------------------------------------ */

static enum err read_auth_file(char **out_password, const char *path, struct errmsg *why)
{
    char line[SECRET_BYTES_MAX + 2];
    struct stat st;
    FILE *f = fopen(path, "re");
    bool got;

    if (!f || fstat(fileno(f), &st) != 0) {
        errmsg_set(why, "%s: %s", path, strerror(errno));
        if (f)
            fclose(f);
        return ERR_IO;
    }
    got = fgets(line, sizeof line, f) != NULL;
    fclose(f);
    if (S_ISREG(st.st_mode) && (st.st_mode & 077)) {
        errmsg_set(why, "%s can be read by others: chmod 600 it first", path);
        return ERR_RANGE;
    }
    if (got)
        line[strcspn(line, "\r\n")] = 0;
    if (!got || !line[0] || strlen(line) > SECRET_BYTES_MAX) {
        errmsg_set(why, "%s: the first line should be a password of at most %d bytes", path,
                   SECRET_BYTES_MAX);
        return ERR_RANGE;
    }
    *out_password = xstrdup(line);
    explicit_bzero(line, sizeof line);
    return OK;
}

static enum err read_login(struct login *l, const char *file, const char *variable,
                           struct errmsg *why)
{
    const char *secret = getenv(variable);

    if (file)
        return read_auth_file(&l->password, file, why);
    if (secret && *secret)
        l->password = xstrdup(secret);
    return OK;
}

static void login_fini(struct login *l)
{
    if (l->password)
        explicit_bzero(l->password, strlen(l->password));
    xfree(l->password);
}

/* ---- the command line --------------------------------------------------------------------------- */

/* getopt's two tables, made from ours; an option's code is its row. */
static void tables(struct option *longs, char *brief)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        longs[i] = (struct option){ .name = rows[i].name,
                                    .has_arg = rows[i].arg ? required_argument : no_argument,
                                    .val = rows[i].brief ? rows[i].brief : 256 + (int)i };
        if (rows[i].brief)
            *brief++ = rows[i].brief;
        if (rows[i].brief && rows[i].arg)
            *brief++ = ':';
    }
    *brief = 0;
}

static const struct row *row_of(int code)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (code == (rows[i].brief ? rows[i].brief : 256 + (int)i))
            return &rows[i];
    return NULL;
}

static enum err read_options(struct reading *r, int argc, char **argv)
{
    struct option longs[OPTIONS_MAX] = { 0 };
    char brief[2 * OPTIONS_MAX];
    int code;

    tables(longs, brief);
    opterr = 0;
    while ((code = getopt_long(argc, argv, brief, longs, NULL)) != -1) {
        const struct row *row = row_of(code);
        enum err e;

        if (!row) {
            errmsg_set(r->why, "unknown or incomplete option; holdfastctl --help lists them");
            return ERR_SYNTAX;
        }
        if ((e = row->take(r, optarg, row->name)) != OK)
            return e;
    }
    return OK;
}

static enum err read_words(struct options *o, char **words, int count, struct errmsg *why)
{
    if (count > 1 + WORDS_MAX) {
        errmsg_set(why, "one word too many: '%s'", words[1 + WORDS_MAX]);
        return ERR_SYNTAX;
    }
    o->verb = count > 0 ? words[0] : NULL;
    for (int i = 1; i < count; i++)
        o->words[o->word_count++] = words[i];
    o->group = o->words[0];
    return OK;
}

enum err options_read(struct options *o, int argc, char **argv, struct errmsg *out_why)
{
    struct reading r = { .o = o, .raw.targets = getenv("HOLDFASTCTL_SENTINELS"), .why = out_why };
    enum err e;

    *o = (struct options){
        .timeout_ms = 2000, .wait_ms = 60000, .every_ms = 1000, .time_ms = 7000, .error = 2
    };
    if ((e = read_options(&r, argc, argv)) != OK || o->help || o->version)
        return e;
    if ((e = read_words(o, argv + optind, argc - optind, out_why)) != OK)
        return e;
    if (!r.raw.targets || !*r.raw.targets)
        r.raw.targets = default_targets;
    if ((e = read_targets(o, r.raw.targets, out_why)) != OK)
        return e;
    if ((e = read_login(&o->sentinel, r.raw.auth_file, "HOLDFASTCTL_AUTH", out_why)) != OK)
        return e;
    if ((e = read_login(&o->node, r.raw.node_auth_file, "HOLDFASTCTL_NODE_AUTH", out_why)) != OK)
        return e;
    if (!r.raw.tls)
        return OK;
    o->tls = tls_context_new(&r.raw.tls_set, false, out_why);
    return o->tls ? OK : ERR_IO;
}

void options_fini(struct options *o)
{
    login_fini(&o->sentinel);
    login_fini(&o->node);
    tls_context_free(o->tls);
    *o = (struct options){ 0 };
}
