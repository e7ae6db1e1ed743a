/* check_inner - what the rules of check share, and their names; for check_*.c alone. */
#ifndef HF_SENTINEL_CTL_CHECK_INNER_H
#define HF_SENTINEL_CTL_CHECK_INNER_H

#include <string.h>

#include "sentinel/ctl/check.h"
#include "sentinel/ctl/verbs.h"

/* A finding of the rule that runs. what is a format, what_to_do a sentence. */
void check_found(struct checking *c, enum severity severity, const char *what_to_do,
                 const char *what, ...) PRINTF_LIKE(4, 5);

void check_unreached(struct checking *c);
void check_unseen_nodes(struct checking *c);
void check_unseen_peers(struct checking *c);
void check_same_ids(struct checking *c);
void check_numbers(struct checking *c);
void check_quorum(struct checking *c);
void check_settings_differ(struct checking *c);
void check_down_after(struct checking *c);
void check_leaders_differ(struct checking *c);
void check_roles(struct checking *c);
void check_candidates(struct checking *c);
void check_addresses(struct checking *c);
void check_doors(struct checking *c);
void check_passwords(struct checking *c);
void check_min_replicas(struct checking *c);
void check_persistence(struct checking *c);
void check_memory(struct checking *c);
void check_backlog(struct checking *c);
void check_versions(struct checking *c);
void check_clocks(struct checking *c);
void check_paused(struct checking *c);
void check_durable_files(struct checking *c);
void check_durable_voters(struct checking *c);
void check_durable_members(struct checking *c);
void check_durable_logins(struct checking *c);
void check_certificates(struct checking *c);
void check_http(struct checking *c);

bool check_is_durable(const struct checking *c);
/* "-::1 127.0.0.1": does it listen to this machine alone? */
bool bind_is_local(const char *bind);

static inline bool answers(const cJSON *one)
{
    return !*json_text(one, "error");
}

static inline const char *address(const cJSON *one)
{
    return json_text(one, "address");
}

static inline const char *setting(const cJSON *node, const char *name)
{
    return json_text(cJSON_GetObjectItemCaseSensitive(node, "settings"), name);
}

static inline bool has_settings(const cJSON *node)
{
    return answers(node) && cJSON_HasObjectItem(node, "settings");
}

static inline bool leads(const cJSON *node)
{
    return strcmp(json_text(node, "role"), "master") == 0;
}

static inline bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

static inline bool is_loopback(const char *at)
{
    return strncmp(at, "127.", 4) == 0 || strncmp(at, "[::1]", 5) == 0 ||
           strncmp(at, "localhost:", 10) == 0;
}

static inline int count_answering(const cJSON *all)
{
    const cJSON *one;
    int count = 0;

    cJSON_ArrayForEach(one, all) count += answers(one);
    return count;
}

#define EACH_ANSWERING(one, all)                              \
    cJSON_ArrayForEach(one, all) if (!answers(one)) continue; \
    else

#endif
