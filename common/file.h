/*
 * file - whole files, read within a limit and replaced so that a crash leaves the old or the new one.
 */
#ifndef HF_COMMON_FILE_H
#define HF_COMMON_FILE_H

#include "common/bytes.h"

enum { FILE_TEMP_AGE_S = 60 };

/* Reads all of it into out, behind what is there. ERR_NOTFOUND, ERR_LIMIT (longer than bytes_max),
 * ERR_IO; then out is as it was. */
enum err file_read(const char *path, uint64_t bytes_max, struct buf *out,
                   struct errmsg *out_why) MUST_CHECK;
/* Temp file beside it, fsync, rename, fsync of the directory. An existing file keeps its owner and its
 * mode; mode is for a new one, as for open(2). The name of the temp file is not predictable and it is
 * removed where something fails. */
enum err file_replace(const char *path, struct bytes content, unsigned mode,
                      struct errmsg *out_why) MUST_CHECK;
/* Removes what killed file_replaces of this path have left beside it, once it is FILE_TEMP_AGE_S old: nobody
 * writes it any more. How many; 0 also where the directory cannot be read. For the start of a daemon. */
int file_sweep(const char *path);
/* fsync of the directory a path stands in: makes its creation, rename or removal last. */
enum err file_sync_dir(const char *path, struct errmsg *out_why) MUST_CHECK;
/* Absolute form of path against the current directory; "" stays "". The caller frees. */
char *file_absolute(const char *path);

#endif
