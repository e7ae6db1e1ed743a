/*
 * problems - what can be wrong with a group, as rows: a row holds or it does not, and what holds is told with the facts
 * and with what to do. Private to this folder.
 */
#ifndef HF_SENTINEL_SERVE_PROBLEMS_H
#define HF_SENTINEL_SERVE_PROBLEMS_H

#include "sentinel/serve/api_parts.h"

enum severity { CRITICAL, WARNING, NOTICE, SEVERITIES };

/* What a row about the group is given. */
struct scene {
    const struct sentinel *s;
    const struct group *g;
    const struct captain *captain; /* NULL: the group is not durable */
};

/* True where it holds; out gets the facts. */
typedef bool group_check(const struct scene *of, struct buf *out);

/* Tables end with a row without a code. */
struct group_problem {
    const char *code;
    enum severity severity;
    group_check *holds;
    const char *what_to_do;
};
extern const struct group_problem group_problems[];   /* problems_group.c */
extern const struct group_problem durable_problems[]; /* problems_durable.c: there is a captain */

#endif
