/*
 * wish - what an operator asks of a switchover, as the body of a request says it. No I/O.
 *
 *     {"to": {"host": "10.0.0.2", "port": 6379}, "dry_run": true, "force": false}
 *
 * Everything may be left out, the body too; what is not known is refused, so that a slip of the pen does not become
 * another wish.
 */
#ifndef HF_SENTINEL_SERVE_WISH_H
#define HF_SENTINEL_SERVE_WISH_H

#include "sentinel/core/config.h"

enum { WISH_BYTES_MAX = 1024 };

struct wish {
    struct addr to; /* port 0: whoever is best */
    bool dry_run, force;
};

/* ERR_SYNTAX, ERR_RANGE, ERR_LIMIT: out_why says what is wrong, in words of ours. */
enum err wish_read(struct bytes body, struct wish *out, struct errmsg *out_why) MUST_CHECK;

/* Does the value of an If-Match field name this version, or any? */
bool wish_matches(struct bytes if_match, const char *version);

#endif
