/*
 * page - the live page, as a browser sees it at /: files of web/, which the build puts into the program.
 *
 * It holds nothing of this sentinel: what it shows it asks from /api/v1, with the token that its user gives it. So it is
 * served to everybody, under a policy that lets it load nothing from elsewhere and run nothing that is not one of its files.
 */
#ifndef HF_SENTINEL_PAGE_PAGE_H
#define HF_SENTINEL_PAGE_PAGE_H

#include "common/http/http.h"

enum { PAGE_BYTES_MAX = 200 * 1024 }; /* all files together; the build fails beyond */

/* One of them; made by embed.py. */
struct page_file {
    const char *path, *type;
    const char *at;
    size_t len;
};
extern const struct page_file page_files[];
extern const size_t page_file_count;

extern const struct http_route page_routes[];

#endif
