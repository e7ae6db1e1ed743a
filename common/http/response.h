/*
 * response - what a HTTP response looks like on the wire: head, chunks, the end. No I/O.
 *
 * Every head carries the date, forbids caches and sniffing, and says how its body ends: by length, by chunks, or
 * with the connection (HTTP/1.0, which knows no chunks).
 */
#ifndef HF_COMMON_HTTP_RESPONSE_H
#define HF_COMMON_HTTP_RESPONSE_H

#include "common/bytes.h"
#include "common/out.h"

enum http_body { HTTP_BODY_SIZED, HTTP_BODY_CHUNKED, HTTP_BODY_UNTIL_CLOSE };

struct http_head {
    int status;
    const char *type; /* of the body */
    const char *more; /* whole lines, each ended by CRLF; NULL: none */
    enum http_body body;
    uint64_t body_bytes; /* HTTP_BODY_SIZED */
    bool keep_alive;
};

/* "Not Found"; "Unknown" for a status that we never send. */
const char *http_status_word(int status);

void http_put_head(struct out *out, const struct http_head *head);
/* An empty chunk would be the end: it is left out. */
void http_put_chunk(struct out *out, struct bytes data);
void http_put_last_chunk(struct out *out);

#endif
