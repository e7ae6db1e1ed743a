/*
 * process_private - what process.c asks of process_notify.c. Nobody else includes it.
 */
#ifndef HF_COMMON_PROCESS_PRIVATE_H
#define HF_COMMON_PROCESS_PRIVATE_H

#include "common/file.h"
#include "common/process.h"

void notify_ready(struct ev_loop *loop, const char *status);
void notify_end(struct ev_loop *loop);

#endif
