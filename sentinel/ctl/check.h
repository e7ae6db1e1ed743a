/*
 * check - rules about a deployment, each looking at a survey and adding what it finds.
 *
 * A finding says what is so and what to do about it, in one sentence each. An error breaks something now
 * or makes a failover impossible; a warning will hurt once something else happens; a note is worth
 * knowing.
 */
#ifndef HF_SENTINEL_CTL_CHECK_H
#define HF_SENTINEL_CTL_CHECK_H

#include "sentinel/ctl/survey.h"

enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE };

struct checking {
    const struct options *options;
    const char *group;
    const cJSON *sentinels, *nodes; /* of the survey */
    cJSON *findings;                /* {rule, severity, what, do} */
    const char *rule;               /* the one that runs */
};

struct check_rule {
    const char *name;
    void (*look)(struct checking *c);
};
extern const struct check_rule check_rules[];
extern const size_t check_rule_count;

#endif
