/*
 * stream_id - what orders the entries of a stream: a time in milliseconds, and a number within it.
 *
 * Source: ids as redis-server 7.0 reads them; a number may stand there in any form that strtoull takes.
 */
#ifndef HF_NODE_TYPES_STREAM_ID_H
#define HF_NODE_TYPES_STREAM_ID_H

#include "common/bytes.h"

struct stream_id {
    uint64_t ms, seq;
};

enum {
    STREAM_ID_BYTES = 16, /* as files hold one: both numbers, big-endian */
    STREAM_ID_TEXT = 48,  /* room that fmt_stream_id needs */
};
#define STREAM_ID_MIN ((struct stream_id){ 0, 0 })
#define STREAM_ID_MAX ((struct stream_id){ UINT64_MAX, UINT64_MAX })

static inline int stream_id_cmp(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

/* The neighbour; false at the end of all ids, and nothing changes. */
bool stream_id_increase(struct stream_id *id);
bool stream_id_decrease(struct stream_id *id);

/* "ms-seq", "ms" (with missing_seq), "-" and "+". False: none of them. */
bool stream_id_parse(struct bytes text, uint64_t missing_seq, struct stream_id *out);
/* The same without "-" and "+". */
bool stream_id_parse_strict(struct bytes text, uint64_t missing_seq, struct stream_id *out);
/* Also "ms-*", which leaves *out_open set and seq 0. */
bool stream_id_parse_open(struct bytes text, struct stream_id *out, bool *out_open);
/* "ms-seq" into out; the length. */
size_t fmt_stream_id(char *out, struct stream_id id);

void stream_id_pack(unsigned char out[STREAM_ID_BYTES], struct stream_id id);
struct stream_id stream_id_unpack(const void *packed);

#endif
