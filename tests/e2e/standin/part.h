/*
 * part - a stand-in node's part in a durable group: what it says to sentinels of itself. It keeps no data.
 *
 * Bound by the first charter that names it, it leads once PROMOTE names its run, follows whoever else is named, and refuses
 * what is older. A follower looks out for its leader, as every follower in sync does.
 */
#ifndef HF_TESTS_STANDIN_PART_H
#define HF_TESTS_STANDIN_PART_H

#include "common/register/courier.h"
#include "common/register/report.h"

struct part {
    char run[RUN_LEN + 1];
    uint64_t node, did, told_ms;
    enum node_role role; /* before it is bound: as who it was started */
    struct charter seen; /* ver 0: it is bound to no group */
};

void part_begin(struct part *p, const char *run, bool leads);
/* HF and what follows. */
void part_obey(struct part *p, struct reply *r, int argc, const struct bytes *argv);
/* Once in a while: a follower's word to its voters. silent_ms: nothing is heard of its leader for so long. */
void part_look_out(struct part *p, struct courier *c, uint64_t silent_ms);

#endif
