/*
 * notice - what the sentinel says: events for subscribers, log and notification script, and records.
 *
 * Payloads begin with <inst>, which is `type name ip port`, for all but leaders followed by
 * ` @ group leader-ip leader-port`.
 */
#ifndef HF_SENTINEL_CORE_NOTICE_H
#define HF_SENTINEL_CORE_NOTICE_H

#include "sentinel/core/sentinel.h"

struct inst {
    char text[4 * HOST_LEN_MAX];
};
struct inst inst_node(const struct sentinel *s, const struct node *n);
struct inst inst_group(const struct sentinel *s, const struct group *g); /* its leader */
struct inst inst_seat(const struct sentinel *s, const struct seat *seat);

/* about: whose notification script runs at LEVEL_WARNING; NULL: none. */
void notice(struct sentinel *s, struct actions *out, enum level level, const struct group *about,
            const char *channel, const char *format, ...) PRINTF_LIKE(6, 7);
/* For the log only. */
void note(struct actions *out, enum level level, const char *name, const char *format, ...)
    PRINTF_LIKE(4, 5);

void persist_epoch(const struct sentinel *s, struct actions *out);
void persist_globals(const struct sentinel *s, struct actions *out);
void persist_group(const struct group *g, enum record_kind kind, struct actions *out);
void persist_config(const struct group *g, struct actions *out);
void persist_vote(const struct group *g, struct actions *out);
void persist_pause(const struct group *g, struct actions *out);
void persist_node(const struct group *g, const struct addr *a, bool there, struct actions *out);
void persist_seat(const struct seat *seat, bool there, struct actions *out);

void answer_ok(struct actions *out, uint64_t token);
void answer_integer(struct actions *out, uint64_t token, int64_t value);
void answer_error(struct actions *out, uint64_t token, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
