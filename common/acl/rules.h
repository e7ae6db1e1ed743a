/*
 * rules - the words of a user's line, with what stands in parentheses made one word.
 *
 *     on >secret (+get ~a*) +ping   ->   "on" ">secret" "(+get ~a*)" "+ping"
 *
 * Owner: the caller; zeroed it is empty. Words live in the rules, whatever becomes of what they came from.
 */
#ifndef HF_COMMON_ACL_RULES_H
#define HF_COMMON_ACL_RULES_H

#include "common/acl/selector.h"

struct rules {
    struct bytes *words;
    size_t count;
    char *storage;
};

/* False: an open parenthesis is never closed; *out_open is the index of its word. */
bool rules_gather(struct rules *r, int argc, const struct bytes *argv, int *out_open);
/* Of one text, in which words may be quoted. False: unbalanced quotes. */
bool rules_split(struct rules *r, struct bytes text);
void rules_fini(struct rules *r);

/* What Redis says of a rule that is not accepted. */
const char *acl_fault_text(enum acl_fault fault);

#endif
