/*
 * apply - runs commands that did not come from a client session: the leader's stream, a file that is
 * loaded. Same rows, same handlers, same keyspace door; no rights, no limits, no reply.
 *
 *   1. what stands between MULTI and EXEC runs at EXEC, as one unit; apply_in_unit says that the
 *      stream is inside of one, and the offset of a follower moves only when it is not
 *   2. SELECT moves apply's own database, which starts at 0 and survives until apply_reset
 *   3. nothing is appended to the oplog: whoever feeds apply owns the bytes and passes them on
 *   4. keys that became ready are served when the unit ended
 *
 * Owner: apply_new/apply_free. Cost: a dispatch; inside MULTI a copy of the arguments.
 */
#ifndef HF_NODE_SERVE_APPLY_H
#define HF_NODE_SERVE_APPLY_H

#include "common/bytes.h"

struct apply;
struct node_world;

struct apply *apply_new(struct node_world *w);
void apply_free(struct apply *a); /* NULL does nothing; an open unit is dropped */
/* What runs is no news: no statistics, nobody who waits is served. A file that is loaded. */
void apply_set_quiet(struct apply *a, bool quiet);
/* Commands that come together follow: one begins when the one before it has ended, and the first at now_us. */
void apply_begin(struct apply *a, uint64_t now_us);
/* A new stream: database 0 (or the one the snapshot named), no open unit. */
void apply_reset(struct apply *a, int db);

/* One command. ERR_NOTFOUND: unknown, or its arity is wrong; ERR_LIMIT: the unit is too large;
 * ERR_REFUSED: the handler answered with an error. The sentence says which; data before it stays.
 * A follower logs such an error and goes on, a loader stops. */
enum err apply_command(struct apply *a, int argc, const struct bytes *argv,
                       struct errmsg *out_why) MUST_CHECK;
bool apply_in_unit(const struct apply *a);
int apply_db(const struct apply *a);

#endif
