/*
 * choose - which of two memories counts at the start: sentinel.conf or the journal.
 *
 *   conf as last seen     the journal counts; it has what sentinel.conf did not get any more
 *   conf edited           its groups, settings and addresses count, because somebody meant them, or a
 *                         Redis sentinel wrote them; but an epoch is never lower than the journal knows,
 *                         a vote never forgotten, and a group whose config-epoch is higher in the
 *                         journal keeps the leader and the followers of that epoch
 *
 * Pure. Identity: sentinel.conf's id counts where it has one and was edited, else the journal's.
 */
#ifndef HF_SENTINEL_STATE_CHOOSE_H
#define HF_SENTINEL_STATE_CHOOSE_H

#include "sentinel/core/config.h"

/* What sentinel.conf said: its config, whether it is not as we last saw it, and what it spoke of that Redis
 * does not know, as "directive group" (of the rest the journal may know more). */
struct conf_seen {
    const struct config *config;
    bool edited;
    char *const *ours_in_file;
    size_t ours_in_file_count;
};

/* out is zeroed, and becomes the caller's. */
void choose_config(const struct conf_seen *conf, const struct config *journal, struct config *out);

/* A deep copy; out is zeroed. */
void config_copy(struct config *out, const struct config *from);

#endif
