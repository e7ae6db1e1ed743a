/*
 * request - one HTTP/1.1 request, read from bytes that somebody else received. No I/O.
 *
 *     GET /metrics?x=1 HTTP/1.1 CRLF        a line is judged as soon as it has ended, so that who
 *     Accept: text/plain        CRLF        speaks another language learns of it at once, and a
 *     CRLF                                  limit holds before its bytes are all here
 *     body, of the length that was announced
 *
 *   1. everything in a request is a slice of the input: nothing is copied, nothing allocated
 *   2. the same bytes give the same request however they were cut
 *   3. what two readers could take for two different things is refused, never guessed: a bare LF or CR, a
 *      folded or nameless field, a blank before the colon, two lengths, a length and a coding
 *
 * Spoken: GET, HEAD and POST, bodies with Content-Length, keep-alive. Refused: every transfer coding (411, 501) and
 * HTTP/2 (505). Cost: O(bytes of the request) for each call.
 * Source: RFC 9110 and 9112.
 */
#ifndef HF_COMMON_HTTP_REQUEST_H
#define HF_COMMON_HTTP_REQUEST_H

#include "common/bytes.h"

enum { HTTP_FIELDS_MAX = 64 };

struct http_limits {
    uint64_t target_bytes, head_bytes, body_bytes; /* the head: request line, fields, empty line */
};

enum http_method { HTTP_GET = 1u << 0, HTTP_HEAD = 1u << 1, HTTP_POST = 1u << 2 };

struct http_field {
    struct bytes name, value;
};

struct http_request {
    enum http_method method;
    struct bytes path, query; /* as they were sent; query without its question mark */
    int minor;                /* of HTTP/1 */
    struct http_field fields[HTTP_FIELDS_MAX];
    int field_count;
    struct bytes body;
    bool keep_alive;
    bool expects_continue; /* the client waits for a word before it sends the body */
    size_t bytes;          /* the whole of it; known from HTTP_MORE_BODY on */
};

enum http_read {
    HTTP_MORE,      /* the head is not whole */
    HTTP_MORE_BODY, /* the head is; out->body is not valid yet */
    HTTP_WHOLE,
    HTTP_REFUSED, /* the connection ends with out_refusal */
};

/* A status, and a sentence for whoever reads it. */
struct http_refusal {
    int status;
    const char *why;
};

enum http_read http_request_read(struct bytes in, const struct http_limits *limits,
                                 struct http_request *out, struct http_refusal *out_refusal);

/* The value of the first field of that name; at NULL: there is none. */
struct bytes http_request_field(const struct http_request *r, const char *name);
/* Is token, folded, one of the comma separated words of value, without their parameters? */
bool http_list_has(struct bytes value, const char *token);

/* The next name=value of a query; false: there is none. Both as they were sent. */
bool http_query_next(struct bytes *query, struct bytes *out_name, struct bytes *out_value);
/* %41 and the like taken back. False: malformed, a NUL, or longer than cap - 1. out is terminated. */
bool http_unescape(struct bytes text, char *out, size_t cap);

#endif
