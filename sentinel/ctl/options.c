#include "sentinel/ctl/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/alloc.h"
#include "common/bytes.h"

static const char default_targets[] = "127.0.0.1:26379";

enum {
    OPT_JSON = 256,
    OPT_FOLLOW,
    OPT_AUTH_FILE,
    OPT_USER,
    OPT_TIMEOUT,
    OPT_WAIT,
    OPT_TLS,
    OPT_CACERT,
    OPT_CERT,
    OPT_KEY
};

static const struct option long_options[] = {
    { "sentinels", required_argument, NULL, 's' },
    { "json", no_argument, NULL, OPT_JSON },
    { "follow", no_argument, NULL, OPT_FOLLOW },
    { "auth-file", required_argument, NULL, OPT_AUTH_FILE },
    { "user", required_argument, NULL, OPT_USER },
    { "timeout", required_argument, NULL, OPT_TIMEOUT },
    { "wait", required_argument, NULL, OPT_WAIT },
    { "tls", no_argument, NULL, OPT_TLS },
    { "cacert", required_argument, NULL, OPT_CACERT },
    { "cert", required_argument, NULL, OPT_CERT },
    { "key", required_argument, NULL, OPT_KEY },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'v' },
    { NULL, 0, NULL, 0 },
};

/* What is gathered before it can be used. */
struct raw {
    const char *targets, *auth_file;
    bool tls;
    struct tls_settings tls_set;
};

/* "host:port", "[ipv6]:port", or a host alone at the usual port. */
static enum err read_target(struct target *t, const char *text, size_t len, struct errmsg *why)
{
    const char *colon = memrchr(text, ':', len);
    struct bytes host = { text, len };
    int64_t port = 26379;

    if (len && text[0] == '[') {
        const char *bracket = memchr(text, ']', len);

        if (!bracket || (bracket + 1 != text + len && bracket[1] != ':'))
            goto bad;
        host = (struct bytes){ text + 1, (size_t)(bracket - text) - 1 };
        colon = bracket + 1 == text + len ? NULL : bracket + 1;
    } else if (colon) {
        host.len = (size_t)(colon - text);
    }
    if (colon &&
        !bytes_to_i64((struct bytes){ colon + 1, (size_t)(text + len - colon) - 1 }, &port))
        goto bad;
    if (!host.len || host.len >= sizeof t->host || port < 1 || port > 65535)
        goto bad;
    memcpy(t->host, host.at, host.len);
    t->host[host.len] = 0;
    t->port = (int)port;
    snprintf(t->address, sizeof t->address, strchr(t->host, ':') ? "[%s]:%d" : "%s:%d", t->host,
             t->port);
    return OK;

bad:
    errmsg_set(why, "'%.*s' is no sentinel's address: want host:port", (int)len, text);
    return ERR_SYNTAX;
}

static enum err read_targets(struct options *o, const char *list, struct errmsg *why)
{
    while (*list) {
        size_t len = strcspn(list, ",");

        if (o->target_count == TARGETS_MAX) {
            errmsg_set(why, "more than %d sentinels", TARGETS_MAX);
            return ERR_SYNTAX;
        }
        if (read_target(&o->targets[o->target_count], list, len, why) != OK)
            return ERR_SYNTAX;
        o->target_count++;
        list += len + (list[len] == ',');
    }
    if (o->target_count)
        return OK;
    errmsg_set(why, "the list of sentinels is empty");
    return ERR_SYNTAX;
}

static enum err read_seconds(uint64_t *out_ms, const char *text, const char *option,
                             struct errmsg *why)
{
    double seconds;

    if (!bytes_to_double(bytes_of(text), &seconds) || seconds < 0.001 || seconds > 86400) {
        errmsg_set(why, "%s wants seconds between 0.001 and 86400, not '%s'", option, text);
        return ERR_SYNTAX;
    }
    *out_ms = (uint64_t)(seconds * 1000);
    return OK;
}

static enum err read_auth_file(struct options *o, const char *path, struct errmsg *why)
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
    o->password = xstrdup(line);
    return OK;
}

static enum err read_one(struct options *o, struct raw *raw, int option, struct errmsg *why)
{
    switch (option) {
    case 's':
        raw->targets = optarg;
        return OK;
    case OPT_JSON:
        o->json = true;
        return OK;
    case OPT_FOLLOW:
        o->follow = true;
        return OK;
    case OPT_AUTH_FILE:
        raw->auth_file = optarg;
        return OK;
    case OPT_USER:
        o->user = optarg;
        return OK;
    case OPT_TIMEOUT:
        return read_seconds(&o->timeout_ms, optarg, "--timeout", why);
    case OPT_WAIT:
        return read_seconds(&o->wait_ms, optarg, "--wait", why);
    case OPT_TLS:
        raw->tls = true;
        return OK;
    case OPT_CACERT:
        raw->tls_set.ca_file = optarg;
        return OK;
    case OPT_CERT:
        raw->tls_set.cert_file = optarg;
        return OK;
    case OPT_KEY:
        raw->tls_set.key_file = optarg;
        return OK;
    case 'h':
        o->help = true;
        return OK;
    case 'v':
        o->version = true;
        return OK;
    default:
        errmsg_set(why, "unknown or incomplete option; holdfastctl --help lists them");
        return ERR_SYNTAX;
    }
}

static enum err read_words(struct options *o, char **words, int count, struct errmsg *why)
{
    if (count > 2) {
        errmsg_set(why, "one word too many: '%s'", words[2]);
        return ERR_SYNTAX;
    }
    o->verb = count > 0 ? words[0] : NULL;
    o->group = count > 1 ? words[1] : NULL;
    return OK;
}

enum err options_read(struct options *o, int argc, char **argv, struct errmsg *out_why)
{
    struct raw raw = { .targets = getenv("HOLDFASTCTL_SENTINELS") };
    const char *secret = getenv("HOLDFASTCTL_AUTH");
    int option;
    enum err e;

    *o = (struct options){ .timeout_ms = 2000, .wait_ms = 60000 };
    opterr = 0;
    while ((option = getopt_long(argc, argv, "s:hv", long_options, NULL)) != -1)
        if ((e = read_one(o, &raw, option, out_why)) != OK)
            return e;
    if (o->help || o->version)
        return OK;
    if ((e = read_words(o, argv + optind, argc - optind, out_why)) != OK)
        return e;
    if (!raw.targets || !*raw.targets)
        raw.targets = default_targets;
    if ((e = read_targets(o, raw.targets, out_why)) != OK)
        return e;
    if (raw.auth_file && (e = read_auth_file(o, raw.auth_file, out_why)) != OK)
        return e;
    if (!raw.auth_file && secret && *secret)
        o->password = xstrdup(secret);
    if (!raw.tls)
        return OK;
    o->tls = tls_context_new(&raw.tls_set, false, out_why);
    return o->tls ? OK : ERR_IO;
}

void options_fini(struct options *o)
{
    if (o->password)
        explicit_bzero(o->password, strlen(o->password));
    xfree(o->password);
    tls_context_free(o->tls);
    *o = (struct options){ 0 };
}
