/*
 * rights - where a call's user is asked, and what follows from the answer: counts, ACL LOG, NOPERM; and how
 * sessions follow when users change.
 *
 * A user without limits costs one test. The others' calls are judged when they come, when EXEC runs them,
 * when a script makes them, and again when a client that waited gets its turn.
 */
#ifndef HF_COMMON_SERVE_RIGHTS_H
#define HF_COMMON_SERVE_RIGHTS_H

#include "common/acl/denials.h"
#include "common/serve/service.h"

/* Judges, and notes what is denied. A call of nobody (the replication stream) may do everything. */
enum acl_denial rights_judge(const struct call *c, enum acl_context context);
static inline enum acl_denial rights_check(const struct call *c, enum acl_context context)
{
    return LIKELY(!c->user || c->user->unlimited) ? ACL_ALLOWED : rights_judge(c, context);
}

/* A wrong name or password. */
void rights_login_failed(const struct call *c, struct bytes name);
/* The answer to a denied request. */
void rights_say(const struct call *c, enum acl_denial denial, struct errmsg *out_error);

/* Nobody has logged in here, and the default user is not everybody's. */
static inline bool rights_needs_login(const struct session *s)
{
    return UNLIKELY(!(s->flags & SESSION_AUTHENTICATED)) &&
           !user_is_open(acl_default_user(s->service->acl));
}

/* Of the acl whose users the service's sessions are: arg is the service. */
extern const struct acl_watcher rights_watcher;

#endif
