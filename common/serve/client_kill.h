/*
 * client_kill - CLIENT KILL with all its filters.
 */
#ifndef HF_COMMON_SERVE_CLIENT_KILL_H
#define HF_COMMON_SERVE_CLIENT_KILL_H

struct call;

void client_kill(struct call *c);

#endif
