/* What can be wrong with a node, and the list of all that is wrong with a group. */
#include "sentinel/serve/problems.h"

#include <stdio.h>

#include "common/clock.h"
#include "common/metrics/metrics.h"

enum {
    LAG_BYTES = 16 * 1024 * 1024, /* a follower that is further behind is told of */
    FULL_PERCENT = 90,            /* of maxmemory */
    QUIET_INFO_MS = 30000,        /* an INFO that is older is no news */
};

static const char *const severity_words[SEVERITIES] = { "critical", "warning", "notice" };

/* ---- of a node ---- */

typedef bool node_check(const struct sentinel *s, const struct node *n, struct buf *out);

static bool follows(const struct node *n)
{
    return n != n->group->leader;
}

static bool is_up(const struct node *n)
{
    return n->verdict == VERDICT_UP;
}

static struct bytes field(const struct node *n, const char *name)
{
    return info_field((struct bytes){ n->info_text, n->info_len }, name);
}

static bool follower_down(const struct sentinel *s, const struct node *n, struct buf *out)
{
    uint64_t now_ms = clock_now_ms();
    uint64_t down_ms =
        n->down_since_ms && now_ms > n->down_since_ms ? now_ms - n->down_since_ms : 0;

    buf_printf(out, "It is down for %llu s.", (unsigned long long)down_ms / 1000);
    return follows(n) && !is_up(n);
}

static bool never_reached(const struct sentinel *s, const struct node *n, struct buf *out)
{
    buf_puts(out, "It is up to nobody's knowledge: this sentinel has never got a state out of it.");
    return is_up(n) && !n->info_ms && n->lines[LINE_CMD].state != LINE_UP &&
           clock_now_ms() > n->lines[LINE_CMD].changed_ms + QUIET_INFO_MS;
}

static bool old_news(const struct sentinel *s, const struct node *n, struct buf *out)
{
    uint64_t age_ms = n->info_ms && clock_now_ms() > n->info_ms ? clock_now_ms() - n->info_ms : 0;

    buf_printf(out, "What is shown of it is %llu s old.", (unsigned long long)age_ms / 1000);
    return is_up(n) && age_ms > QUIET_INFO_MS;
}

static bool link_down(const struct sentinel *s, const struct node *n, struct buf *out)
{
    buf_printf(out, "Its link to the leader is down for %llu s.",
               (unsigned long long)n->facts.link_down_ms / 1000);
    return follows(n) && is_up(n) && n->info_ms && !n->facts.link_up && !n->facts.syncing &&
           n->role_reported == ROLE_FOLLOWER && n->group->leader->verdict == VERDICT_UP;
}

static bool syncing(const struct sentinel *s, const struct node *n, struct buf *out)
{
    buf_puts(out, "It is receiving a whole copy of the data, and can take over when it has it.");
    return follows(n) && is_up(n) && n->facts.syncing;
}

static bool loading(const struct sentinel *s, const struct node *n, struct buf *out)
{
    buf_puts(out, "It is loading its data from disk.");
    return is_up(n) && n->facts.loading;
}

static bool lags(const struct sentinel *s, const struct node *n, struct buf *out)
{
    uint64_t ahead = n->group->leader->facts.offset;
    uint64_t lag = ahead > n->facts.offset ? ahead - n->facts.offset : 0;

    buf_printf(out, "It is %llu MB behind the leader.", (unsigned long long)lag >> 20);
    return follows(n) && is_up(n) && n->info_ms && n->facts.link_up && lag > LAG_BYTES;
}

static bool strays(const struct sentinel *s, const struct node *n, struct buf *out)
{
    bool wrong = follows(n) ? n->role_reported == ROLE_LEADER : n->role_reported == ROLE_FOLLOWER;

    buf_printf(out, "It says that it %s, and it should not.", follows(n) ? "leads" : "follows");
    return is_up(n) && n->info_ms && wrong && n->group->failover.state == FO_NONE;
}

static bool refused_handover(const struct sentinel *s, const struct node *n, struct buf *out)
{
    buf_printf(out, "It refused its FAILOVER command: %s.", n->denied);
    return n->denied[0] && clock_now_ms() < n->denied_ms + 60000;
}

static bool disk_fails(const struct sentinel *s, const struct node *n, struct buf *out)
{
    bool save = bytes_is(field(n, "rdb_last_bgsave_status"), "err");
    bool log = bytes_is(field(n, "aof_last_write_status"), "err");

    buf_printf(out, "Its last %s failed.", log ? "write to the append only file" : "snapshot");
    return is_up(n) && (save || log);
}

static bool almost_full(const struct sentinel *s, const struct node *n, struct buf *out)
{
    double used, max;

    if (!is_up(n) || !api_info_number(n, "used_memory", &used) ||
        !api_info_number(n, "maxmemory", &max) || max <= 0)
        return false;
    buf_printf(out, "It uses %.0f %% of its maxmemory.", 100 * used / max);
    return bytes_is(field(n, "maxmemory_policy"), "noeviction") && 100 * used > FULL_PERCENT * max;
}

static bool other_version(const struct sentinel *s, const struct node *n, struct buf *out)
{
    const struct facts *leads = &n->group->leader->facts, *mine = &n->facts;

    buf_puts(out, "It runs another version than the leader.");
    return follows(n) && n->info_ms && leads->version && mine->version &&
           (mine->version != leads->version || mine->holdfast != leads->holdfast);
}

static bool never_promoted(const struct sentinel *s, const struct node *n, struct buf *out)
{
    buf_puts(out, "Its priority is 0: it is never promoted.");
    return follows(n) && n->info_ms && n->facts.priority == 0;
}

static const struct {
    const char *code;
    enum severity severity;
    node_check *holds;
    const char *what_to_do;
} node_rows[] = {
    { "follower-down", WARNING, follower_down,
      "Look at its log and its machine. One that will not come back: holdfastctl forget <group> "
      "<address>." },
    { "never-reached", WARNING, never_reached,
      "Check its address, its password (auth-pass, auth-user) and TLS settings." },
    { "old-news", WARNING, old_news,
      "It answers PING and no INFO: look at SLOWLOG and at the rights of the sentinel's user." },
    { "disk-fails", CRITICAL, disk_fails,
      "Look at the space and the health of its disk, and at its log." },
    { "almost-full", CRITICAL, almost_full,
      "Raise maxmemory, choose an eviction policy, or find what takes the space: writes are "
      "refused when it is full." },
    { "wrong-role", CRITICAL, strays,
      "The sentinels set it right within seconds. If not, look at its log for refused commands." },
    { "refused-handover", WARNING, refused_handover,
      "ACL SETUSER <auth-user> +failover +client|kill +config|rewrite" },
    { "link-down", WARNING, link_down,
      "Look at its log: the leader's address, masterauth and TLS as the follower sees them." },
    { "loading", NOTICE, loading, "Wait." },
    { "syncing", NOTICE, syncing,
      "Wait. If it happens again and again, raise repl-backlog-size on the leader." },
    { "lag", WARNING, lags,
      "Look at the network between them, and at slow commands on the follower." },
    { "other-version", NOTICE, other_version,
      "Expected while you upgrade; else bring all nodes to one version." },
    { "never-promoted", NOTICE, never_promoted,
      "CONFIG SET replica-priority 100 on it, if it shall be able to lead." },
};

/* ---- the list ---- */

static void add(cJSON *list, enum severity severity, const char *code, cJSON *node,
                struct buf *what, const char *what_to_do)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "severity", severity_words[severity]);
    cJSON_AddStringToObject(o, "code", code);
    if (node)
        cJSON_AddItemToObject(o, "node", node);
    cJSON_AddStringToObject(o, "what", buf_text(what));
    cJSON_AddStringToObject(o, "what_to_do", what_to_do);
    cJSON_AddItemToArray(list, o);
}

static void add_of_group(cJSON *list, const struct group_problem *rows, const struct scene *of,
                         enum severity severity, struct buf *what)
{
    for (; rows->code; rows++) {
        what->len = 0;
        if (rows->severity == severity && rows->holds(of, what))
            add(list, severity, rows->code, NULL, what, rows->what_to_do);
    }
}

static void add_of_nodes(cJSON *list, const struct sentinel *s, const struct group *g,
                         enum severity severity, struct buf *what)
{
    LIST_EACH ((struct list *)&g->nodes, at) {
        const struct node *n = LIST_ENTRY(at, struct node, of_group);

        for (size_t i = 0; i < ARRAY_LEN(node_rows); i++) {
            what->len = 0;
            if (node_rows[i].severity == severity && node_rows[i].holds(s, n, what))
                add(list, severity, node_rows[i].code, api_address(s, n), what,
                    node_rows[i].what_to_do);
        }
    }
}

cJSON *api_problems(struct sentinel_world *w, const struct group *g)
{
    struct scene of = { .s = w->core, .g = g, .captain = w->captain(w, g->name) };
    cJSON *list = cJSON_CreateArray();
    struct buf what = { 0 };

    for (int severity = 0; severity < SEVERITIES; severity++) {
        add_of_group(list, group_problems, &of, (enum severity)severity, &what);
        if (of.captain)
            add_of_group(list, durable_problems, &of, (enum severity)severity, &what);
        add_of_nodes(list, w->core, g, (enum severity)severity, &what);
    }
    buf_fini(&what);
    return list;
}
