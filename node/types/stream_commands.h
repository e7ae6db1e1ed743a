/*
 * stream_commands - the handlers of the stream commands, for their rows, and what their files share.
 */
#ifndef HF_NODE_TYPES_STREAM_COMMANDS_H
#define HF_NODE_TYPES_STREAM_COMMANDS_H

#include "common/command.h"
#include "node/types/stream_group.h"

/* A text inside an error, for "%.*s". */
#define SHOWN(text) (int)(text).len, (text).at

struct stream *stream_of(const struct entry *e);
int64_t call_now_ms(const struct call *c); /* wall time */
/* How long ago a moment was that came from outside; 0 where it is still to come. */
int64_t call_idle_ms(const struct call *c, int64_t since_ms);
void stream_event(struct call *c, const char *name, int key);
/* The value was changed, which is told as this event; NULL: without one. */
void stream_changed(struct call *c, struct entry *e, const char *event, int key);
/* What is not its entries was: groups, the last id. */
void stream_noted(struct call *c, struct entry *e, const char *event, int key);

/* ---- arguments: stream_range.c ---- */

/* An id that names one entry; refuses anything else. */
bool want_stream_id(struct call *c, int arg, uint64_t missing_seq, struct stream_id *out);
/* The ids from an argument on, to be freed. NULL: refused. */
struct stream_id *want_stream_ids(struct call *c, int first, int count);
/* The ends of a range: "-", "+", "(1-1" for one that is not part of it. */
bool want_stream_start(struct call *c, int arg, struct stream_id *out);
bool want_stream_end(struct call *c, int arg, struct stream_id *out);
/* A group of the stream at argument `key`, open for change where *out_e is asked for; where there is none the
 * error says so. */
struct stream_group *want_stream_group(struct call *c, int key, int group, struct entry **out_e);
void refuse_no_group(struct call *c, int key, int group);

/* ---- replies: stream_range.c ---- */

void reply_stream_id(struct call *c, struct stream_id id);
/* Where a walk stands. */
void reply_stream_entry(struct call *c, const struct stream_walk *w);
/* One entry by its id; false: there is none, and no reply. */
bool reply_stream_entry_at(struct call *c, const struct stream *s, struct stream_id id);
/* All entries between two ids, up to count of them; 0: all. */
void reply_stream_range(struct call *c, const struct stream *s, struct stream_id from,
                        struct stream_id to, uint64_t count, bool down);

/* A reply whose length is known when it is written: what is replied in between comes behind its head. */
struct late_reply {
    struct out *real, body;
};
void late_begin(struct call *c, struct late_reply *l);
/* Now the head may be replied; late_end puts the rest behind it. */
void late_head(struct call *c, struct late_reply *l);
void late_end(struct call *c, struct late_reply *l);
void late_end_array(struct call *c, struct late_reply *l, uint64_t count);

/* ---- what followers hear: stream_claim.c ---- */

void effect_claim(struct call *c, int key, int group, const struct stream_group *g,
                  const struct stream_pending *p);
void effect_group_position(struct call *c, int key, int group, const struct stream_group *g);
/* Where no effect_claim makes the new consumer. */
void effect_consumer(struct call *c, int key, int group, int consumer);
/* The consumer of that name, seen now; made where there is none, of which followers do not hear. */
struct stream_consumer *stream_consumer_for(struct call *c, struct stream *s,
                                            struct stream_group *g, int key, struct bytes name,
                                            bool *out_is_new);

/* stream_add.c */
void cmd_xadd(struct call *c);
void cmd_xdel(struct call *c);
void cmd_xlen(struct call *c);
void cmd_xsetid(struct call *c);
void cmd_xtrim(struct call *c);

/* stream_range.c */
void cmd_xrange(struct call *c);
void cmd_xrevrange(struct call *c);

/* stream_read.c */
void cmd_xread(struct call *c);
void cmd_xreadgroup(struct call *c);

/* stream_claim.c */
void cmd_xack(struct call *c);
void cmd_xautoclaim(struct call *c);
void cmd_xclaim(struct call *c);
void cmd_xpending(struct call *c);

/* stream_groups.c */
void cmd_xgroup_create(struct call *c);
void cmd_xgroup_createconsumer(struct call *c);
void cmd_xgroup_delconsumer(struct call *c);
void cmd_xgroup_destroy(struct call *c);
void cmd_xgroup_setid(struct call *c);

/* stream_info.c */
void cmd_xinfo_consumers(struct call *c);
void cmd_xinfo_groups(struct call *c);
void cmd_xinfo_stream(struct call *c);

#endif
