/*
 * meta_file - what a node of a durable group must not forget (meta.h), in the file hf.meta: two slots, as slots.h has it.
 *
 *     "meta" format gid node did boot unproved kernel weakest solo resyncing clean clean-epoch clean-offset commit eras
 *     epoch start epoch start …                          the history, oldest first
 *     the newest charter seen, as its text               nothing where none was
 *
 * meta_file_open --no file: the node belongs to no group ------> ERR_NOTFOUND
 *                --damaged: which of its data counts? ----------> ERR_CORRUPT: nobody can tell, so the start is refused
 *                --of a newer version --------------------------> ERR_UNSUPPORTED: likewise
 *
 *   1. after meta_file_store returned OK, what it stored survives any crash; after a failure nothing is known of the
 *      file any more, and each further store fails
 *   2. no older meta ever comes back as the newest (slots.h says which damage cannot be told from a torn write)
 *   3. one meta has one text; what was read is within its limits, and the charter is sound and the group's
 *
 * Owner: embed a zeroed one, open or create, close. Not thread-safe: may live on a helper thread.
 */
#ifndef HF_NODE_DURABLE_META_FILE_H
#define HF_NODE_DURABLE_META_FILE_H

#include "common/slots.h"
#include "node/durable/meta.h"

#define META_FILE_NAME "hf.meta"
enum { META_FORMAT = 1, META_BYTES_MAX = SLOT_PAYLOAD_MAX };

struct meta_file {
    struct slots *slots;
};

/* Appends; fits META_BYTES_MAX. */
void meta_encode(const struct meta *m, struct buf *out);
/* ERR_SYNTAX, ERR_CORRUPT (the charter's checksum), ERR_UNSUPPORTED: *out is untouched. */
enum err meta_decode(struct bytes text, struct meta *out, struct errmsg *out_why) MUST_CHECK;

/* Besides those above ERR_EXISTS (another process holds it), ERR_IO; then nothing is held, *out is untouched, and
 * out_why is a sentence with what to do. */
enum err meta_file_open(struct meta_file *f, const char *path, const struct slots_io *io,
                        struct meta *out, struct errmsg *out_why) MUST_CHECK;
/* In place of whatever is there. ERR_EXISTS, ERR_IO. */
enum err meta_file_create(struct meta_file *f, const char *path, const struct slots_io *io,
                          const struct meta *m, struct errmsg *out_why) MUST_CHECK;
enum err meta_file_store(struct meta_file *f, const struct meta *m,
                         struct errmsg *out_why) MUST_CHECK;
void meta_file_close(struct meta_file *f);

/* The kernel's boot id; "" where it tells none, which no other is equal to. */
void meta_read_kernel(char out[KERNEL_BOOT_LEN + 1]);

#endif
