/* Rules about who reaches whom, how many they are, and who leads. */
#include "sentinel/ctl/check_inner.h"

#include <string.h>

#include "sentinel/ctl/pause.h"

enum { DOWN_AFTER_MS_LEAST = 1000, DOWN_AFTER_MS_MOST = 60000 };

/* ---- who answers ---------------------------------------------------------------------------------- */

static const char *advice_for_refusal(const char *error, bool is_node)
{
    if (strstr(error, "DENIED"))
        return "It is in protected mode, which refuses other machines as long as there is no "
               "password: give it "
               "'requirepass', or 'protected-mode no' behind a firewall.";
    if (is_node && (strstr(error, "WRONGPASS") || strstr(error, "wants a password") ||
                    strstr(error, "without any password")))
        return "Set HOLDFASTCTL_NODE_AUTH to the nodes' password; all nodes of a group need the "
               "same 'requirepass' "
               "and 'masterauth', and sentinels need it as 'sentinel auth-pass'.";
    if (strstr(error, "WRONGPASS") || strstr(error, "wants a password") ||
        strstr(error, "without any password"))
        return "All sentinels need one password: set the same 'requirepass' (and 'sentinel "
               "sentinel-pass', where that "
               "is used) in each sentinel.conf, and HOLDFASTCTL_AUTH here.";
    if (strstr(error, "No such master"))
        return "This sentinel does not watch the group: add its 'sentinel monitor' line, or "
               "SENTINEL MONITOR it.";
    if (strstr(error, "expired"))
        return "Its certificate is past its end: put a new one in its place, and let the process "
               "read it (SIGHUP, or "
               "CONFIG SET tls-cert-file).";
    if (strstr(error, "hostname mismatch") || strstr(error, "address mismatch"))
        return "Its certificate is for another name than the one it is reached by: make one whose "
               "subjectAltName has "
               "that name or address.";
    if (strstr(error, "certificate"))
        return "Its certificate was not signed by what --cacert names, or the chain is not whole: "
               "name the right "
               "authority, and let tls-cert-file hold the intermediate ones, too.";
    if (strstr(error, "NOPERM"))
        return "The user lacks rights: the verb needs PING, INFO and CONFIG GET at nodes, and "
               "SENTINEL at sentinels.";
    if (strstr(error, "refused"))
        return "Nobody listens there: start it, and look at 'bind' and 'port' in its "
               "configuration; if it is gone for "
               "good, 'holdfastctl forget' it, all that are gone in one command.";
    return "Open this port between all machines of the group, in both directions; if it is gone "
           "for good, "
           "'holdfastctl forget' it, all that are gone in one command.";
}

void check_unreached(struct checking *c)
{
    const cJSON *one;

    cJSON_ArrayForEach(one, c->sentinels) if (!answers(one)) check_found(
        c, SEVERITY_ERROR, advice_for_refusal(json_text(one, "error"), false),
        "no use of the sentinel at %s from here: %s", address(one), json_text(one, "error"));
    cJSON_ArrayForEach(one, c->nodes) if (!answers(one)) check_found(
        c, SEVERITY_ERROR, advice_for_refusal(json_text(one, "error"), true),
        "no use of the node at %s from here: %s", address(one), json_text(one, "error"));
}

/* What a sentinel sees of a node that does answer us: a wall, or a password, between those two. */
void check_unseen_nodes(struct checking *c)
{
    const cJSON *s, *seen, *node;

    EACH_ANSWERING(s, c->sentinels)
    cJSON_ArrayForEach(seen, cJSON_GetObjectItemCaseSensitive(s, "nodes"))
    {
        const char *state = json_text(seen, "state");

        if (is(state, "ok") || is(state, "failing over") || is(state, "leader gone"))
            continue;
        EACH_ANSWERING(node, c->nodes)
        {
            if (!is(address(node), address(seen)))
                continue;
            if (*setting(node, "requirepass"))
                check_found(
                    c, SEVERITY_ERROR,
                    "Give this sentinel the nodes' password: 'sentinel auth-pass' (SENTINEL SET "
                    "… auth-pass), and "
                    "open the node's port to it.",
                    "the sentinel at %s does not get on with the node at %s (%s), which answers "
                    "here",
                    address(s), address(seen), state);
            else
                check_found(
                    c, SEVERITY_ERROR,
                    "Open the node's port to this sentinel's machine; see also protected-mode "
                    "and bind of the node.",
                    "the sentinel at %s does not reach the node at %s (%s), which answers here",
                    address(s), address(seen), state);
        }
    }
}

void check_unseen_peers(struct checking *c)
{
    const cJSON *s, *other, *peer;

    EACH_ANSWERING(s, c->sentinels)
    EACH_ANSWERING(other, c->sentinels)
    {
        const char *state = "unknown";

        if (s == other || is(json_text(s, "id"), json_text(other, "id")))
            continue;
        cJSON_ArrayForEach(
            peer, cJSON_GetObjectItemCaseSensitive(s, "peers")) if (is(json_text(peer, "id"),
                                                                       json_text(other, "id")))
            state = json_text(peer, "state");
        if (is(state, "unknown"))
            check_found(
                c, SEVERITY_ERROR,
                "They meet over the group's leader: both must reach it and watch it under the "
                "same address; then "
                "open each sentinel's port to the others.",
                "the sentinel at %s does not know the one at %s", address(s), address(other));
        else if (!is(state, "ok"))
            check_found(
                c, SEVERITY_ERROR,
                "Open the second one's port to the first one's machine; if it has a password, "
                "the first needs the "
                "same; where addresses are translated, set 'sentinel announce-ip' and "
                "'announce-port'.",
                "the sentinel at %s knows the one at %s and does not reach it (%s)", address(s),
                address(other), state);
    }
}

void check_same_ids(struct checking *c)
{
    const cJSON *s, *other;

    EACH_ANSWERING(s, c->sentinels)
    for (other = s->next; other; other = other->next)
        if (*json_text(s, "id") && is(json_text(s, "id"), json_text(other, "id")))
            check_found(
                c, SEVERITY_ERROR,
                "One was made from a copy of the other's files: stop one, remove its 'sentinel "
                "myid' line and its "
                "journal (sentinel.conf.state*), start it again.",
                "the sentinels at %s and %s have the same id, and count as one", address(s),
                address(other));
}

/* ---- arithmetic ----------------------------------------------------------------------------------- */

void check_numbers(struct checking *c)
{
    int count = cJSON_GetArraySize(c->sentinels), alive = count_answering(c->sentinels);

    if (count < 3)
        check_found(
            c, SEVERITY_WARNING,
            "Run three sentinels, each on a machine of its own: fewer cannot lose one and still "
            "have a majority.",
            "%d sentinel%s watch%s the group", count, count == 1 ? "" : "s",
            count == 1 ? "es" : "");
    else if (count % 2 == 0)
        check_found(
            c, SEVERITY_NOTE,
            "Add one or forget one: an even number needs one vote more and stands no more losses.",
            "%d sentinels watch the group, an even number", count);
    if (alive < count / 2 + 1)
        check_found(
            c, SEVERITY_ERROR,
            "Start more of them, or 'holdfastctl forget' those that are gone for good, all in one "
            "command: no failover is possible.",
            "%d of %d sentinels answer, which is no majority", alive, count);
}

void check_quorum(struct checking *c)
{
    int count = cJSON_GetArraySize(c->sentinels);
    const cJSON *s;

    EACH_ANSWERING(s, c->sentinels)
    {
        double q = json_number(s, "quorum");

        if (q > PAUSE_QUORUM)
            check_found(c, SEVERITY_WARNING, "When the maintenance is over: holdfastctl resume.",
                        "failovers are paused at the sentinel at %s", address(s));
        else if (q > count)
            check_found(
                c, SEVERITY_ERROR,
                "Set the quorum to a majority of the sentinels at each of them: SENTINEL SET … "
                "quorum.",
                "the quorum of %.0f at %s is more than the %d sentinels there are: a leader "
                "would never count as down",
                q, address(s), count);
        else if (q == 1 && count > 1)
            check_found(
                c, SEVERITY_WARNING,
                "Set the quorum to a majority of the sentinels at each of them: SENTINEL SET … "
                "quorum.",
                "with the quorum of 1 at %s one sentinel that is cut off starts a failover",
                address(s));
    }
}

/* At Holdfast's sentinels; those of Redis are paused by their quorum. */
void check_paused(struct checking *c)
{
    const cJSON *s, *first = NULL;
    int paused = 0, count = 0;

    EACH_ANSWERING(s, c->sentinels)
    {
        bool is_paused = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(s, "paused"));

        count++;
        paused += is_paused;
        first = is_paused && !first ? s : first;
    }
    if (paused)
        check_found(c, SEVERITY_WARNING,
                    "When the maintenance is over: holdfastctl resume. Until then nobody takes "
                    "over from a leader "
                    "that is lost.",
                    "failovers are paused, by %d of %d sentinels, %s one of them", paused, count,
                    address(first));
}

static const struct compared {
    const char *field, *directive;
} compared[] = {
    { "quorum", "quorum" },
    { "down_after_ms", "down-after-milliseconds" },
    { "failover_timeout_ms", "failover-timeout" },
    { "parallel_syncs", "parallel-syncs" },
};

void check_settings_differ(struct checking *c)
{
    for (size_t i = 0; i < ARRAY_LEN(compared); i++) {
        const cJSON *s, *first = NULL;

        EACH_ANSWERING(s, c->sentinels)
        {
            if (first &&
                json_number(s, compared[i].field) != json_number(first, compared[i].field)) {
                check_found(c, SEVERITY_ERROR,
                            "Give all sentinels the same value, with SENTINEL SET at each.",
                            "%s is %.0f at %s and %.0f at %s", compared[i].directive,
                            json_number(first, compared[i].field), address(first),
                            json_number(s, compared[i].field), address(s));
                break;
            }
            first = first ? first : s;
        }
    }
}

void check_down_after(struct checking *c)
{
    const cJSON *s;

    EACH_ANSWERING(s, c->sentinels)
    {
        double ms = json_number(s, "down_after_ms");

        if (ms < DOWN_AFTER_MS_LEAST)
            check_found(
                c, SEVERITY_WARNING,
                "Give it a second or more, unless network and machines are known to be that "
                "quick: every hiccup would "
                "be a failover.",
                "down-after-milliseconds is %.0f at %s", ms, address(s));
        else if (ms > DOWN_AFTER_MS_MOST)
            check_found(c, SEVERITY_NOTE, "Five to thirty seconds are usual.",
                        "down-after-milliseconds is %.0f at %s: for so long a frozen leader stays",
                        ms, address(s));
    }
}

/* ---- who leads ------------------------------------------------------------------------------------ */

void check_leaders_differ(struct checking *c)
{
    const cJSON *s, *first = NULL;

    EACH_ANSWERING(s, c->sentinels)
    {
        if (first && !is(json_text(s, "leader"), json_text(first, "leader")))
            check_found(
                c, SEVERITY_ERROR,
                "Clients are sent to two nodes: look whether these sentinels reach each other, "
                "and whether both "
                "'sentinel monitor' lines mean the same group.",
                "the sentinel at %s says that %s leads, the one at %s that %s does", address(first),
                json_text(first, "leader"), address(s), json_text(s, "leader"));
        first = first ? first : s;
    }
}

void check_roles(struct checking *c)
{
    const cJSON *s, *node;

    EACH_ANSWERING(node, c->nodes)
    {
        EACH_ANSWERING(s, c->sentinels)
        {
            if (is(json_text(s, "leader"), address(node)) && !leads(node))
                check_found(
                    c, SEVERITY_ERROR,
                    "Wait for a failover that is under way; else somebody gave it a REPLICAOF: "
                    "undo that with REPLICAOF "
                    "NO ONE there.",
                    "%s should lead and follows %s:%s", address(node),
                    json_text(node, "master_host"), json_text(node, "master_port"));
            if (!is(json_text(s, "leader"), address(node)) && leads(node))
                check_found(
                    c, SEVERITY_ERROR,
                    "Its writes will be lost: stop its clients, and let it follow the leader "
                    "(REPLICAOF) if the "
                    "sentinels do not within a minute.",
                    "%s leads, too, though %s is the group's leader", address(node),
                    json_text(s, "leader"));
            break;
        }
        if (!leads(node) && is(json_text(node, "master_link_status"), "down"))
            check_found(
                c, SEVERITY_ERROR,
                "Its log says why: most often 'masterauth' is missing or wrong, or the leader's "
                "port is closed to it.",
                "the follower at %s has no link to its leader %s:%s", address(node),
                json_text(node, "master_host"), json_text(node, "master_port"));
    }
}

void check_candidates(struct checking *c)
{
    const cJSON *node;
    int followers = 0, eligible = 0;

    EACH_ANSWERING(node, c->nodes)
    {
        if (leads(node))
            continue;
        followers++;
        eligible += !is(setting(node, "replica-priority"), "0");
        if (is(setting(node, "replica-read-only"), "no"))
            check_found(c, SEVERITY_WARNING,
                        "CONFIG SET replica-read-only yes, then CONFIG REWRITE.",
                        "clients may write to the follower at %s, and lose that with the next copy",
                        address(node));
    }
    if (cJSON_GetArraySize(c->nodes) < 2)
        check_found(
            c, SEVERITY_ERROR,
            "Start a second node that follows the leader: without one there is nobody to promote.",
            "the group has no follower");
    else if (followers && !eligible)
        check_found(c, SEVERITY_ERROR,
                    "Give one of them another 'replica-priority' than 0, which means never.",
                    "none of the %d followers may be promoted", followers);
}
