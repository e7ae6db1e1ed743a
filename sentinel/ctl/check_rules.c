#include <stdarg.h>
#include <stdio.h>

#include "sentinel/ctl/check_inner.h"

void check_found(struct checking *c, enum severity severity, const char *what_to_do,
                 const char *what, ...)
{
    static const char *const words[] = { "error", "warning", "note" };
    cJSON *f = cJSON_CreateObject();
    char text[1024];
    va_list args;

    va_start(args, what);
    vsnprintf(text, sizeof text, what, args);
    va_end(args);
    cJSON_AddStringToObject(f, "rule", c->rule);
    cJSON_AddStringToObject(f, "severity", words[severity]);
    cJSON_AddStringToObject(f, "what", text);
    cJSON_AddStringToObject(f, "do", what_to_do);
    cJSON_AddItemToArray(c->findings, f);
}

/* The order in which they are told, within one severity. */
const struct check_rule check_rules[] = {
    { "unreached", check_unreached },
    { "sentinel-to-node", check_unseen_nodes },
    { "sentinel-to-sentinel", check_unseen_peers },
    { "same-id", check_same_ids },
    { "sentinels", check_numbers },
    { "quorum", check_quorum },
    { "settings-differ", check_settings_differ },
    { "down-after", check_down_after },
    { "leaders-differ", check_leaders_differ },
    { "roles", check_roles },
    { "candidates", check_candidates },
    { "addresses", check_addresses },
    { "doors", check_doors },
    { "passwords", check_passwords },
    { "min-replicas", check_min_replicas },
    { "persistence", check_persistence },
    { "memory", check_memory },
    { "backlog", check_backlog },
    { "versions", check_versions },
    { "clocks", check_clocks },
    { "paused", check_paused },
    { "durable-files", check_durable_files },
    { "durable-voters", check_durable_voters },
    { "durable-members", check_durable_members },
    { "durable-logins", check_durable_logins },
    { "certificates", check_certificates },
    { "http", check_http },
};
const size_t check_rule_count = ARRAY_LEN(check_rules);
