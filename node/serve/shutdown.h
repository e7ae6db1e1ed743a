/*
 * shutdown - an orderly end: let the followers catch up, save where that is wanted, leave the loop.
 *
 *     asked --writes paused--> waiting for followers --all caught up, or shutdown-timeout--> save --> end
 *                                     \--SHUTDOWN ABORT--> as if nothing had been
 *
 *   1. NOW skips the waiting, FORCE a save that fails, NOSAVE the save
 *   2. a save that fails without FORCE keeps the node up, and whoever asked is told; so does an append only
 *      file that has no base yet: its first one would be missing at the next start
 *   3. who asks while another one waits, waits along
 */
#ifndef HF_NODE_SERVE_SHUTDOWN_H
#define HF_NODE_SERVE_SHUTDOWN_H

#include "common/command.h"

struct serve;
struct session;

void shutdown_init(struct serve *v);
void shutdown_fini(struct serve *v);

/* From a signal. flags: enum shutdown_flag. A second one while the first waits ends at once. */
void shutdown_ask(struct serve *v, uint32_t flags);
/* Before the loop sleeps: have the followers caught up? */
void shutdown_look(struct serve *v);
/* Has SHUTDOWN NOSAVE come while a script holds the loop? Then it is not taken back any more: whoever asks cuts
 * the script off. */
bool shutdown_is_certain(struct serve *v);
uint64_t shutdown_waiters(const struct serve *v);
/* False: there is none. out_left_ms: it waits no longer than that. */
bool shutdown_waits(const struct serve *v, uint64_t *out_left_ms);
/* The handler of SHUTDOWN. */
void shutdown_now(struct call *c);

#endif
