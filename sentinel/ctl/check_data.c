/* Rules about addresses, doors and passwords, about what would be lost, and about versions and clocks. */
#include "sentinel/ctl/check_inner.h"

#include <stdlib.h>
#include <string.h>

enum { CLOCK_SKEW_MS = 1000, BACKLOG_BYTES_SMALL = 1024 * 1024 };

/* ---- how others reach them ------------------------------------------------------------------------ */

static bool any_beyond_loopback(const struct checking *c)
{
    const cJSON *one;

    cJSON_ArrayForEach(one, c->sentinels) if (!is_loopback(address(one))) return true;
    cJSON_ArrayForEach(one, c->nodes) if (!is_loopback(address(one))) return true;
    return false;
}

void check_addresses(struct checking *c)
{
    const cJSON *one, *s, *peer;

    if (!any_beyond_loopback(c))
        return;
    cJSON_ArrayForEach(one, c->nodes) if (is_loopback(address(one)) ||
                                          strncmp(address(one), "0.0.0.0", 7) == 0)
        check_found(
            c, SEVERITY_ERROR,
            "Sentinels tell clients this address: name the leader by an address that all "
            "machines reach in 'sentinel "
            "monitor', and set 'replica-announce-ip' on followers.",
            "the node at %s is known by an address that means another machine everywhere else",
            address(one));
    EACH_ANSWERING(s, c->sentinels)
    cJSON_ArrayForEach(peer, cJSON_GetObjectItemCaseSensitive(s, "peers"))
    {
        if (is_loopback(address(peer)) || strncmp(address(peer), "0.0.0.0", 7) == 0)
            check_found(c, SEVERITY_ERROR,
                        "Set 'sentinel announce-ip' there to an address that the others reach.",
                        "the sentinel at %s knows another one as %s, which means itself",
                        address(s), address(peer));
    }
}

bool bind_is_local(const char *bind)
{
    bool any = false;

    while (*bind) {
        size_t len = strcspn(bind, " ");
        const char *word = *bind == '-' ? bind + 1 : bind;

        if (len && strncmp(word, "127.", 4) != 0 && strncmp(word, "::1", 3) != 0 &&
            strncmp(word, "localhost", 9) != 0)
            return false;
        any |= len > 0;
        bind += len + (bind[len] == ' ');
    }
    return any;
}

void check_doors(struct checking *c)
{
    bool several = any_beyond_loopback(c);
    const cJSON *node;

    EACH_ANSWERING(node, c->nodes)
    {
        bool local = bind_is_local(setting(node, "bind")), open = !*setting(node, "requirepass");
        bool protected = is(setting(node, "protected-mode"), "yes");

        if (!has_settings(node))
            continue;
        if (open && protected && !local)
            check_found(
                c, SEVERITY_ERROR,
                "Give all nodes one 'requirepass' and 'masterauth', and sentinels that as "
                "'sentinel auth-pass'; or set "
                "'protected-mode no' behind a firewall.",
                "the node at %s is in protected mode without a password: other machines are "
                "refused",
                address(node));
        if (open && !protected && !local)
            check_found(
                c, SEVERITY_WARNING,
                "Give all nodes one 'requirepass' and 'masterauth', and sentinels that as "
                "'sentinel auth-pass', or "
                "make sure that a firewall lets nobody else in.",
                "the node at %s lets everybody in who reaches it: protected-mode no, and no "
                "password",
                address(node));
        if (local && several)
            check_found(c, SEVERITY_ERROR, "Add the machine's own address to 'bind'.",
                        "the node at %s listens on loopback only (bind %s)", address(node),
                        setting(node, "bind"));
    }
}

/* After a failover anybody may follow anybody. */
void check_passwords(struct checking *c)
{
    const cJSON *node, *other;

    EACH_ANSWERING(node, c->nodes)
    EACH_ANSWERING(other, c->nodes)
    {
        const char *wanted = setting(other, "requirepass"), *has = setting(node, "masterauth");

        if (node == other || !has_settings(node) || !has_settings(other) || !*wanted ||
            is(wanted, has) || (*has && is(wanted, setting(node, "masterauth-fallback"))))
            continue;
        check_found(
            c, SEVERITY_ERROR,
            "Set 'masterauth' to that password on every node (CONFIG SET, then CONFIG REWRITE), "
            "the leader "
            "included: it will follow one day.",
            *has ? "the masterauth of the node at %s is not the password of the one at %s"
                 : "the node at %s has no masterauth, and the one at %s wants a password",
            address(node), address(other));
        break;
    }
}

/* ---- what would be lost --------------------------------------------------------------------------- */

void check_min_replicas(struct checking *c)
{
    int followers = cJSON_GetArraySize(c->nodes) - 1;
    const cJSON *node;

    if (check_is_durable(c))
        return; /* its register settles whose word a write waits for */
    EACH_ANSWERING(node, c->nodes)
    {
        double least = atof(setting(node, "min-replicas-to-write"));

        if (!has_settings(node) || followers < 1)
            continue;
        if (least == 0)
            check_found(
                c, SEVERITY_WARNING,
                "CONFIG SET min-replicas-to-write 1 on every node: then a leader that is cut off "
                "stops taking writes "
                "that would be lost.",
                "min-replicas-to-write is 0 at %s", address(node));
        else if (least > followers)
            check_found(c, SEVERITY_ERROR,
                        "Lower it, or add followers: as it stands writes are refused.",
                        "min-replicas-to-write is %.0f at %s, and there are %d followers", least,
                        address(node), followers);
        else if (least == followers && followers > 1)
            check_found(
                c, SEVERITY_WARNING, "Set it to less than the number of followers.",
                "min-replicas-to-write is %.0f at %s: writes stop as soon as one of %d followers "
                "is away",
                least, address(node), followers);
    }
}

void check_persistence(struct checking *c)
{
    const cJSON *node, *first = NULL;

    EACH_ANSWERING(node, c->nodes)
    {
        bool keeps = *setting(node, "save") || is(setting(node, "appendonly"), "yes");

        if (!has_settings(node))
            continue;
        if (!keeps)
            check_found(
                c, SEVERITY_WARNING,
                "Set 'appendonly yes' or 'save 3600 1 300 100 60 10000', unless all of it may be "
                "lost: a node that "
                "restarts begins empty.",
                "the node at %s writes nothing to its disk", address(node));
        if (first && !is(setting(node, "appendonly"), setting(first, "appendonly")))
            check_found(c, SEVERITY_WARNING, "Set it alike on all nodes: any of them may lead.",
                        "appendonly is %s at %s and %s at %s", setting(first, "appendonly"),
                        address(first), setting(node, "appendonly"), address(node));
        first = first ? first : node;
    }
    EACH_ANSWERING(node, c->nodes)
    {
        if (is(json_text(node, "rdb_last_bgsave_status"), "err") ||
            is(json_text(node, "aof_last_write_status"), "err"))
            check_found(c, SEVERITY_ERROR,
                        "Its log says why: most often the disk is full, or 'dir' is not writable.",
                        "the node at %s could not write to its disk", address(node));
    }
}

void check_memory(struct checking *c)
{
    const cJSON *node, *first = NULL;

    EACH_ANSWERING(node, c->nodes)
    {
        if (!has_settings(node))
            continue;
        if (first && !is(setting(node, "maxmemory"), setting(first, "maxmemory")))
            check_found(c, SEVERITY_WARNING,
                        "Give all nodes the same: a smaller one evicts or refuses once it leads.",
                        "maxmemory is %s at %s and %s at %s", setting(first, "maxmemory"),
                        address(first), setting(node, "maxmemory"), address(node));
        else if (first &&
                 !is(setting(node, "maxmemory-policy"), setting(first, "maxmemory-policy")))
            check_found(c, SEVERITY_WARNING, "Give all nodes the same.",
                        "maxmemory-policy is %s at %s and %s at %s",
                        setting(first, "maxmemory-policy"), address(first),
                        setting(node, "maxmemory-policy"), address(node));
        if (is(setting(node, "maxmemory"), "0"))
            check_found(c, SEVERITY_NOTE,
                        "Set it to about 75 % of the machine's memory, before the kernel decides.",
                        "the node at %s has no maxmemory", address(node));
        first = first ? first : node;
    }
}

void check_backlog(struct checking *c)
{
    const cJSON *node;

    EACH_ANSWERING(node, c->nodes)
    if (has_settings(node) && atof(setting(node, "repl-backlog-size")) <= BACKLOG_BYTES_SMALL)
        check_found(
            c, SEVERITY_NOTE,
            "Set it to what is written in the longest absence that should cost no full copy, "
            "64mb for instance.",
            "repl-backlog-size is %s at %s", setting(node, "repl-backlog-size"), address(node));
}

/* ---- versions and clocks -------------------------------------------------------------------------- */

static const char *version(const cJSON *one, const char **product)
{
    *product = *json_text(one, "holdfast_version") ? "Holdfast" : "Redis";
    return *json_text(one, "holdfast_version") ? json_text(one, "holdfast_version")
                                               : json_text(one, "redis_version");
}

static void versions_of(struct checking *c, const cJSON *all, const char *what)
{
    const cJSON *one, *first = NULL;
    const char *product_a, *product_b;

    EACH_ANSWERING(one, all)
    {
        if (first && (!is(version(one, &product_a), version(first, &product_b)) ||
                      !is(product_a, product_b))) {
            check_found(
                c, SEVERITY_WARNING,
                "Finish the upgrade, followers first: a follower that is older than its leader "
                "may not understand "
                "what it is sent.",
                "the %s at %s is %s %s, the one at %s %s %s", what, address(first), product_b,
                version(first, &product_b), address(one), product_a, version(one, &product_a));
            return;
        }
        first = first ? first : one;
    }
}

void check_versions(struct checking *c)
{
    versions_of(c, c->nodes, "node");
    versions_of(c, c->sentinels, "sentinel");
}

static void widest(const cJSON *all, const cJSON **low, const cJSON **high)
{
    const cJSON *one;

    EACH_ANSWERING(one, all)
    {
        double at = json_number(one, "clock_ms");

        if (!cJSON_HasObjectItem(one, "clock_ms"))
            continue;
        if (!*low || at < json_number(*low, "clock_ms"))
            *low = one;
        if (!*high || at > json_number(*high, "clock_ms"))
            *high = one;
    }
}

void check_clocks(struct checking *c)
{
    const cJSON *low = NULL, *high = NULL;
    double apart, unsure;

    widest(c->sentinels, &low, &high);
    widest(c->nodes, &low, &high);
    if (!low || low == high)
        return;
    apart = json_number(high, "clock_ms") - json_number(low, "clock_ms");
    unsure = json_number(high, "clock_error_ms") + json_number(low, "clock_error_ms");
    if (apart - unsure > CLOCK_SKEW_MS)
        check_found(
            c, SEVERITY_ERROR,
            "Run chrony or systemd-timesyncd on all machines: keys expire by the clock, and "
            "whoever is promoted has "
            "another one.",
            "the clock of %s is %.1f s ahead of that of %s", address(high), apart / 1000,
            address(low));
}
