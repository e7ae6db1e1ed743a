/*
 * sort - the handlers of SORT and SORT_RO, for their rows.
 */
#ifndef HF_NODE_TYPES_SORT_H
#define HF_NODE_TYPES_SORT_H

#include "common/command.h"

void cmd_sort(struct call *c);
void cmd_sort_ro(struct call *c);

#endif
