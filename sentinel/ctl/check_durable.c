/* Rules about durable groups, certificates and HTTP. What a durable group is by its register is as the first sentinel that
 * has read it tells. */
#include "sentinel/ctl/check_inner.h"

#include <string.h>

#include "common/alloc.h"

enum { CERTIFICATE_DAYS = 14, DAY_S = 86400 };

/* The sentinel whose word counts; NULL: the group is not durable. */
static const cJSON *teller(const struct checking *c)
{
    const cJSON *s;

    EACH_ANSWERING(s, c->sentinels)
    if (cJSON_HasObjectItem(s, "durable"))
        return s;
    return NULL;
}

static const cJSON *durable(const struct checking *c)
{
    const cJSON *s = teller(c);

    return s ? cJSON_GetObjectItemCaseSensitive(s, "durable") : NULL;
}

bool check_is_durable(const struct checking *c)
{
    return teller(c) != NULL;
}

static bool is_true(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* ---- files ------------------------------------------------------------------------------------------ */

/* At os and fsync a copy acknowledges what is in its append only file. */
void check_durable_files(struct checking *c)
{
    const cJSON *d = durable(c), *node;
    const char *level = d ? json_text(d, "level") : "";

    if (!is(level, "os") && !is(level, "fsync"))
        return;
    EACH_ANSWERING(node, c->nodes)
    if (has_settings(node) && !is(setting(node, "appendonly"), "yes"))
        check_found(
            c, SEVERITY_ERROR,
            "CONFIG SET appendonly yes there, then CONFIG REWRITE; or SENTINEL HF LEVEL mem, which "
            "promises less.",
            "the level is %s, and the node at %s has no append only file: it acknowledges nothing",
            level, address(node));
}

/* ---- voters ----------------------------------------------------------------------------------------- */

static void look_at_voter(struct checking *c, const cJSON *voter)
{
    const char *health = json_text(voter, "health");

    if (is(health, "silent"))
        check_found(
            c, SEVERITY_ERROR,
            "Start it; if it is gone for good, SENTINEL HF VOTER REPLACE it with another one.",
            "the sentinel at %s votes and does not answer", address(voter));
    if (is(health, "forgot"))
        check_found(c, SEVERITY_ERROR,
                    "SENTINEL HF VOTER REPLACE it by itself: as long as it is missing the others "
                    "bear one loss less.",
                    "the sentinel at %s has lost the memory that it voted with", address(voter));
}

void check_durable_voters(struct checking *c)
{
    const cJSON *d = durable(c), *voters, *voter, *s;
    int count;

    if (!d)
        return;
    voters = cJSON_GetObjectItemCaseSensitive(d, "voters");
    count = cJSON_GetArraySize(voters);
    if (count < 3)
        check_found(
            c, count == 1 ? SEVERITY_ERROR : SEVERITY_WARNING,
            "Run three sentinels on three machines, and add them with SENTINEL HF VOTER ADD.",
            "%d sentinel%s on the durable group: without %s nobody can take over", count,
            count == 1 ? " votes" : "s vote", count == 1 ? "it" : "both");
    else if (count % 2 == 0)
        check_found(c, SEVERITY_NOTE,
                    "Add one with SENTINEL HF VOTER ADD, or remove one: an even number bears no "
                    "more losses.",
                    "%d sentinels vote on the durable group, an even number", count);
    cJSON_ArrayForEach(voter, voters) look_at_voter(c, voter);
    EACH_ANSWERING(s, c->sentinels)
    {
        const cJSON *view = cJSON_GetObjectItemCaseSensitive(s, "durable");

        if (!view)
            check_found(
                c, SEVERITY_WARNING,
                "Let it vote, with SENTINEL HF VOTER ADD at another one; one of Redis cannot.",
                "the sentinel at %s does not know that the group is durable", address(s));
        else if (!is_true(view, "votes"))
            check_found(c, SEVERITY_NOTE, "Let it vote: SENTINEL HF VOTER ADD with its address.",
                        "the sentinel at %s watches the group and has no vote in it", address(s));
    }
}

/* ---- members ---------------------------------------------------------------------------------------- */

/* By address, or by the process that answers there: a place may be named in two ways. */
static bool is_member(const cJSON *members, const cJSON *node)
{
    const cJSON *m;

    cJSON_ArrayForEach(m, members)
    {
        if (is(address(m), address(node)) ||
            (*json_text(m, "run_id") && is(json_text(m, "run_id"), json_text(node, "run_id"))))
            return true;
    }
    return false;
}

static const char *host_of(const cJSON *one, size_t *out_len)
{
    const char *at = address(one), *colon = strrchr(at, ':');

    *out_len = colon ? (size_t)(colon - at) : strlen(at);
    return at;
}

static bool share_a_host(const cJSON *members)
{
    const cJSON *m, *first = cJSON_GetArrayItem(members, 0);

    cJSON_ArrayForEach(m, members)
    {
        size_t a, b;
        const char *one = host_of(first, &a), *other = host_of(m, &b);

        if (a != b || memcmp(one, other, a) != 0)
            return false;
    }
    return true;
}

static void look_at_strangers(struct checking *c, const cJSON *members)
{
    const cJSON *node;

    EACH_ANSWERING(node, c->nodes)
    {
        if (is_member(members, node))
            continue;
        if (*json_text(node, "holdfast_version"))
            check_found(c, SEVERITY_WARNING,
                        "SENTINEL HF MEMBER ADD it, so that it may be in sync and take over.",
                        "the node at %s follows, and is no member of the durable group",
                        address(node));
        else
            check_found(c, SEVERITY_WARNING,
                        "Replace it by a node of Holdfast: one of Redis is no copy that counts.",
                        "the node at %s is none of Holdfast's, and no member of the durable group",
                        address(node));
    }
}

void check_durable_members(struct checking *c)
{
    const cJSON *d = durable(c), *members, *lack;
    size_t len;
    const char *host;

    if (!d)
        return;
    members = cJSON_GetObjectItemCaseSensitive(d, "members");
    look_at_strangers(c, members);
    if (cJSON_GetArraySize(members) > 1 && share_a_host(members) &&
        !is_loopback(address(cJSON_GetArrayItem(members, 0)))) {
        host = host_of(cJSON_GetArrayItem(members, 0), &len);
        check_found(c, SEVERITY_WARNING, "Put one copy at least on another machine.",
                    "all copies are on the machine %.*s, and are lost with it", (int)len, host);
    }
    if (!is_true(d, "serves"))
        check_found(c, SEVERITY_ERROR,
                    "Look at 'holdfastctl status' and at SENTINEL HF STATUS: they say why.",
                    "nobody serves clients of the durable group");
    else if (json_number(d, "in_sync") < json_number(d, "min_sync"))
        check_found(c, SEVERITY_ERROR,
                    "Start the nodes that are missing: until then writes are refused.",
                    "%.0f in sync, and min-sync is %.0f", json_number(d, "in_sync"),
                    json_number(d, "min_sync"));
    cJSON_ArrayForEach(lack, cJSON_GetObjectItemCaseSensitive(d, "lacks")) check_found(
        c, SEVERITY_NOTE, "Mend it before you rely on the group: it would not bear the next loss.",
        "%s", cJSON_GetStringValue(lack));
}

/* ---- what the leader says to the voters -------------------------------------------------------------- */

/* Borrowed; NULL: it has none. */
static char *text_of(const cJSON *node, const char *name)
{
    const char *text = setting(node, name);

    return *text ? (char *)(uintptr_t)text : NULL;
}

static bool say_the_same(const cJSON *a, const cJSON *b)
{
    static const char *const names[] = { "hf-sentinel-user", "hf-sentinel-pass",
                                         "hf-sentinel-pass-fallback" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!is(setting(a, names[i]), setting(b, names[i])))
            return false;
    return true;
}

static bool tried_before(const struct checking *c, const cJSON *node)
{
    const cJSON *other;

    EACH_ANSWERING(other, c->nodes)
    {
        if (other == node)
            break;
        if (has_settings(other) && say_the_same(other, node))
            return true;
    }
    return false;
}

/* Does a sentinel let nobody in with this, or not to SENTINEL HF? */
static bool is_denied(const struct checking *c, const cJSON *s, const struct login *l)
{
    struct options as_node = *c->options;
    struct wire w = { 0 };
    struct target t = { 0 };
    struct errmsg why = { "" };
    const struct resp_value *reply;
    enum err e = target_read(&t, bytes_of(address(s)), 26379);

    as_node.sentinel = *l;
    if (e == OK)
        e = wire_open(&w, &as_node, &t, &why);
    if (e == OK && WIRE_CALL(&w, &reply, &why, "SENTINEL", "HF", "STATUS", c->group) == OK &&
        reply->kind == RESP_ERROR && facts_begins(reply->text, "NOPERM"))
        e = ERR_DENIED;
    wire_close(&w);
    return e == ERR_DENIED;
}

static bool is_denied_all(const struct checking *c, const cJSON *s, const struct login *logins,
                          int count)
{
    for (int i = 0; i < count; i++)
        if (!is_denied(c, s, &logins[i]))
            return false;
    return true;
}

/* Whoever leads changes the register, and says to its voters what hf-sentinel-user and -pass hold, or -pass-fallback.
 * Where that is refused, and no password is wanted, it goes on without. */
static void try_login(struct checking *c, const cJSON *node)
{
    char *user = text_of(node, "hf-sentinel-user"), *pass = text_of(node, "hf-sentinel-pass"),
         *fallback = text_of(node, "hf-sentinel-pass-fallback");
    struct login said[] = { { user, pass }, { NULL, NULL }, { user, fallback } };
    const cJSON *s;

    EACH_ANSWERING(s, c->sentinels)
    {
        if (is_denied_all(c, s, said, pass && fallback ? 3 : 2))
            check_found(
                c, SEVERITY_ERROR,
                "Set hf-sentinel-user and hf-sentinel-pass on every node to what the sentinels "
                "want, of a "
                "user that may run SENTINEL HF.",
                "the sentinel at %s refuses what the node at %s would say to it: leading, it could "
                "change nothing",
                address(s), address(node));
    }
}

void check_durable_logins(struct checking *c)
{
    const cJSON *node;

    if (!durable(c))
        return;
    EACH_ANSWERING(node, c->nodes)
    {
        if (has_settings(node) && !tried_before(c, node))
            try_login(c, node);
    }
}

/* ---- certificates and HTTP --------------------------------------------------------------------------- */

static void look_at_certificate(struct checking *c, const cJSON *one, const char *what)
{
    double left_s = json_number(one, "certificate_left_s");

    if (cJSON_HasObjectItem(one, "certificate_left_s") && left_s < CERTIFICATE_DAYS * DAY_S)
        check_found(c, SEVERITY_WARNING,
                    "Put a new one in its place and let the process read it: SIGHUP, or CONFIG SET "
                    "tls-cert-file.",
                    "the certificate of the %s at %s ends in %.1f days", what, address(one),
                    left_s / DAY_S);
}

void check_certificates(struct checking *c)
{
    const cJSON *one, *first = NULL;

    EACH_ANSWERING(one, c->sentinels) look_at_certificate(c, one, "sentinel");
    EACH_ANSWERING(one, c->nodes)
    {
        look_at_certificate(c, one, "node");
        if (first && has_settings(one) &&
            !is(setting(one, "tls-replication"), setting(first, "tls-replication")))
            check_found(c, SEVERITY_ERROR,
                        "Set it alike on all nodes: who follows by TLS cannot follow one that "
                        "expects none.",
                        "tls-replication is %s at %s and %s at %s",
                        setting(first, "tls-replication"), address(first),
                        setting(one, "tls-replication"), address(one));
        first = first || !has_settings(one) ? first : one;
    }
}

void check_http(struct checking *c)
{
    const cJSON *node;

    EACH_ANSWERING(node, c->nodes)
    {
        const char *port = setting(node, "http-port");
        bool open = *setting(node, "http-token-file") || *setting(node, "http-token");

        if (!*port || is(port, "0") || bind_is_local(setting(node, "http-bind")) ||
            is(setting(node, "http-tls"), "yes") || !open)
            continue;
        check_found(
            c, SEVERITY_WARNING,
            "Set http-tls yes and http-token-without-tls no; or bind it to loopback behind a proxy "
            "that "
            "speaks TLS.",
            "the token of the HTTP port of the node at %s goes over the network in the clear",
            address(node));
    }
}
