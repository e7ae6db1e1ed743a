/*
 * rdb_write - RDB as bytes appended to a buffer; whoever owns the buffer sends or writes it away.
 *
 *   1. the checksum covers every byte appended through the writer, in order
 *   2. rdb_write_end is the last call; what is behind it in the buffer is not ours
 *
 * The caller may take the buffer's bytes away between calls if it tells rdb_write_taken, so a
 * snapshot of any size needs a buffer of one slice. Cost: O(bytes), and LZF for strings between
 * RDB_COMPRESS_MIN and RDB_COMPRESS_MAX bytes where compress is set.
 */
#ifndef HF_NODE_PERSIST_RDB_WRITE_H
#define HF_NODE_PERSIST_RDB_WRITE_H

#include "node/persist/rdb.h"

struct rdb_writer {
    struct buf *out;
    size_t summed; /* bytes of out that crc covers already */
    uint64_t crc;
    bool compress, checksum;
};

void rdb_write_init(struct rdb_writer *w, struct buf *out, bool compress, bool checksum);
/* The magic is that of whoever made the version. */
void rdb_write_header(struct rdb_writer *w, int version);
void rdb_write_aux(struct rdb_writer *w, const char *name, struct bytes value);
void rdb_write_aux_int(struct rdb_writer *w, const char *name, int64_t value);
void rdb_write_select(struct rdb_writer *w, uint64_t db, uint64_t keys, uint64_t keys_with_ttl);
/* The same database again, without its sizes. */
void rdb_write_select_again(struct rdb_writer *w, uint64_t db);
/* In front of an entry: how long it has not been used, or how often it is. */
void rdb_write_idle(struct rdb_writer *w, uint64_t seconds);
void rdb_write_frequency(struct rdb_writer *w, int counter);
/* expire_wall_ms < 0: none. */
void rdb_write_string_entry(struct rdb_writer *w, struct bytes key, struct bytes value,
                            int64_t expire_wall_ms);
/* The same for a large value that does not go through the buffer: the entry up to the value's bytes. The
 * caller takes the buffer away (rdb_write_taken), passes the value on, and says so. */
void rdb_write_string_head(struct rdb_writer *w, struct bytes key, size_t value_len,
                           int64_t expire_wall_ms);
void rdb_write_passed_on(struct rdb_writer *w, struct bytes data);
/* The head of a value that is apart; what its type's save appends to out comes next. */
void rdb_write_head(struct rdb_writer *w, int type, struct bytes key, int64_t expire_wall_ms);
void rdb_write_end(struct rdb_writer *w);

/* Everything in out was taken away: sums it first. The caller then empties the buffer. */
void rdb_write_taken(struct rdb_writer *w);

/* ---- parts ---------------------------------------------------------------------------------- */

void rdb_put_len(struct buf *b, uint64_t len);
void rdb_put_string(struct buf *b, struct bytes data, bool compress);

/* A function library, as a file and FUNCTION DUMP have it; and the end of what FUNCTION DUMP answers. */
void rdb_put_function(struct buf *b, struct bytes text, bool compress);
void rdb_end_functions(struct buf *b);

/* As what and by which words a value goes into a file of that version. */
struct rdb_form {
    int type;
    bool (*save)(const void *apart, uint64_t *cursor, bool compress, struct buf *out);
};
struct rdb_form rdb_form_of(const struct value_ops *ops, const void *apart, int version);

/* What DUMP answers for a string: type, value, version (the lowest, as in a file), CRC. */
void rdb_dump_string(struct buf *out, struct bytes value);
/* For a value that is apart. */
void rdb_dump_apart(struct buf *out, const struct value_ops *ops, const void *apart);

#endif
