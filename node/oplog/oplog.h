/*
 * oplog - the effect of every write, once, in order, addressed by offset.
 *
 *        first                          cursor                    next
 *          v                              v                         v
 *      ....[ chunk ][ chunk ][ chunk ][ chunk ][ chunk, filling ]....
 *          |------- backlog, and what a slow cursor still needs ----|
 *
 * Followers, the backlog and the AOF file are cursors on it; nobody keeps a copy. Offsets count
 * bytes exactly as Redis counts them: next is master_repl_offset, the number of bytes ever written,
 * and a follower that asks for PSYNC <id> <n> wants the byte at offset n - 1 first.
 *
 *   1. chunks are contiguous: each begins at the offset where the one before it ends
 *   2. only the last chunk grows; the others never change again
 *   3. under one id an offset never names two different bytes
 *   4. bytes in front of first may be gone; a chunk under a cursor, and all behind it, stay
 *   5. without a backlog and without cursors nothing is kept and the offset stands still, as in Redis
 *   6. an aside is for followers alone (PING, GETACK, PUBLISH): kept in mind only while a file wants to
 *      step over them, until it has
 *
 * Bounds: the backlog keeps backlog_bytes behind the tip (rounded up to a whole chunk). What a slow
 * cursor holds beyond that is its owner's to bound (client-output-buffer-limit replica).
 *
 * Ids: id names this history; id2 names the history that was continued, valid for bytes before
 * id2_offset. Promotion shifts id to id2, so that followers of the old leader continue partially.
 *
 * Owner: embed a struct oplog or keep one by pointer; loop thread only.
 * Cost: append O(bytes), a compare when inactive; read O(1); open O(chunks); trim O(chunks trimmed), which
 * are freed a few at a time, by later calls or oplog_sweep.
 * Source: PSYNC2 as redis-server 7.0 speaks it.
 */
#ifndef HF_NODE_OPLOG_OPLOG_H
#define HF_NODE_OPLOG_OPLOG_H

#include "common/bytes.h"
#include "common/list.h"

enum {
    OPLOG_CHUNK_MIN = 16 * 1024,
    OPLOG_ID_LEN = 40,
    OPLOG_NO_DB = -1,
};

/* An offset that a peer or a file tells: behind it is room for more bytes than will ever be written. */
#define OPLOG_OFFSET_MAX ((uint64_t)INT64_MAX / 2)

struct oplog_chunk;

/* Bytes of the stream that are no effects: [first, end). */
struct oplog_aside {
    uint64_t first, end;
};

struct oplog {
    struct oplog_chunk *head, *tail;
    struct oplog_chunk
        *gone;              /* trimmed, and not freed yet: a slow cursor may have held thousands */
    uint64_t first, next;   /* offsets of the oldest kept byte and of the byte to come */
    uint64_t backlog_bytes; /* wanted length of the backlog */
    uint64_t held_bytes;    /* memory in chunks */
    uint64_t gone_bytes;    /* memory in those gone */
    uint32_t cursors;
    bool backlog; /* on: bytes are kept for followers that come back */
    bool known;   /* a follower may have heard the id */
    int db;       /* that the stream has selected; OPLOG_NO_DB: the next command selects */
    char id[OPLOG_ID_LEN + 1];
    char id2[OPLOG_ID_LEN + 1]; /* forty zeros: none */
    int64_t id2_offset;         /* as INFO prints it: last valid offset + 1; -1: none */
    bool keeps_asides;
    struct oplog_aside *asides; /* oldest first: aside_count from aside_at on */
    size_t aside_at, aside_count, aside_cap;
};

struct oplog_cursor {
    struct oplog *log;         /* NULL: closed */
    struct oplog_chunk *chunk; /* NULL: at the tip of an empty log */
    uint64_t at;
};

void oplog_init(struct oplog *o, uint64_t backlog_bytes); /* a fresh id, offset 0, backlog off */
void oplog_fini(struct oplog *o);
void oplog_check(const struct oplog *o); /* asserts the invariants; O(chunks) */

/* ---- writing -------------------------------------------------------------------------------- */

/* Does anybody keep what is appended? Callers may skip encoding where not. */
static inline bool oplog_active(const struct oplog *o)
{
    return o->backlog || o->cursors;
}

/* One command that runs in db; SELECT goes ahead of it where the stream stands in another. A db of
 * OPLOG_NO_DB (MULTI, EXEC, PING, REPLCONF GETACK) selects nothing. Inactive: nothing happens. */
void oplog_append(struct oplog *o, int db, int argc, const struct bytes *argv);
void oplog_append_words(struct oplog *o, int db, int argc, ...); /* C strings */
/* The same with RESP commands encoded already (struct call's effects). */
void oplog_append_encoded(struct oplog *o, int db, struct bytes resp);
/* Bytes of somebody else's stream, unchanged: a chained follower. */
void oplog_append_raw(struct oplog *o, const void *data, size_t len);
/* An aside; SELECT goes ahead of it as with any other, and is none. */
void oplog_append_aside(struct oplog *o, int db, struct bytes resp);
/* What was appended since the stream stood at from is an aside. */
void oplog_set_aside(struct oplog *o, uint64_t from);
/* Somebody steps over asides from now on; off: those in mind are forgotten. */
void oplog_keep_asides(struct oplog *o, bool on);
/* The oldest in mind that ends behind offset. NULL: none. */
const struct oplog_aside *oplog_next_aside(const struct oplog *o, uint64_t offset);
/* Nobody will ask for those that end at or before offset again. */
void oplog_forget_asides(struct oplog *o, uint64_t offset);
/* The next command with a database selects it again. */
void oplog_forget_db(struct oplog *o);

/* ---- backlog -------------------------------------------------------------------------------- */

/* Before bytes are kept that were not. A follower of the silent time before is never told to continue: an id
 * that none can have heard is replaced; under any other the offset moves on by one byte that nobody can ask
 * for. Does nothing while active. */
void oplog_wake(struct oplog *o);
/* From now on bytes are kept for those who come back; wakes. */
void oplog_backlog_start(struct oplog *o);
/* The same for a follower, whose offset is its leader's and must not move. */
void oplog_keep(struct oplog *o);
/* Forgets them; cursors keep what they need. */
void oplog_backlog_stop(struct oplog *o);
void oplog_backlog_resize(struct oplog *o, uint64_t backlog_bytes);
uint64_t oplog_backlog_len(const struct oplog *o); /* repl_backlog_histlen; 0 when off */

/* Frees some of what was trimmed. True: there is more. */
bool oplog_sweep(struct oplog *o);

/* ---- reading -------------------------------------------------------------------------------- */

/* Puts a closed cursor before the byte at offset. ERR_GONE: trimmed. ERR_RANGE: not written yet (one
 * past the end is fine). */
enum err oplog_open(struct oplog *o, uint64_t offset, struct oplog_cursor *c) MUST_CHECK;
void oplog_open_tip(struct oplog *o, struct oplog_cursor *c);
void oplog_close(struct oplog_cursor *c); /* closed already: nothing happens */
/* Borrows the bytes from the cursor to the end of its chunk: empty at the tip. Valid until the next
 * append, advance or close. */
struct bytes oplog_read(const struct oplog_cursor *c);
void oplog_advance(struct oplog_cursor *c, size_t len); /* len as oplog_read showed, or less */
uint64_t oplog_lag(const struct oplog_cursor *c);       /* bytes between the cursor and the tip */

/* ---- ids ------------------------------------------------------------------------------------ */

/* Does the follower that has id and wants offset (as PSYNC says it, counted from 1) share our history?
 * OK: *out_offset is where its cursor opens. ERR_NOTFOUND: another history. ERR_GONE: ours, and out
 * of the backlog. */
enum err oplog_can_continue(const struct oplog *o, struct bytes id, int64_t psync_offset,
                            uint64_t *out_offset) MUST_CHECK;

/* May a peer or a file call a history so? A word of OPLOG_ID_LEN letters, which can stand in INFO, in a reply and in
 * what we say to a leader. */
bool oplog_is_id(struct bytes text);
/* A new history begins: fresh id, no second. The backlog is gone with it. */
void oplog_new_history(struct oplog *o);
/* Another id for the same bytes, and no second: whoever comes back is a stranger. */
void oplog_change_id(struct oplog *o);
/* We lead from here: id becomes id2, valid up to the tip, and a fresh id begins. */
void oplog_promote(struct oplog *o);
/* A full sync or a restored file: their id, at their offset; everything kept is dropped, and what comes
 * is kept. No cursor may be open. id holds OPLOG_ID_LEN bytes. */
void oplog_adopt(struct oplog *o, const char *id, uint64_t offset);
/* The leader continued us under another id: ours becomes id2, valid up to the tip. */
void oplog_adopt_id(struct oplog *o, const char *id);
/* The stream ends at offset: what stands behind was never to be, and an adopted id follows before any other byte
 * (invariant 3). No cursor may be open. */
void oplog_cut(struct oplog *o, uint64_t offset);

#endif
