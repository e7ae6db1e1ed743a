/*
 * guard - who may ask over HTTP: everybody, or who shows one of the tokens (Authorization: Bearer …).
 *
 *   1. addresses beyond this machine and no token at all: the guard is not made, and the door stays shut
 *   2. several tokens count side by side, so that one can be replaced without a gap: the file's lines, and http-token
 *   3. a token is kept as its digest, and compared in a time that tells nothing of it
 *
 * Owner: embed a struct http_guard; zeroed it lets everybody through.
 */
#ifndef HF_COMMON_HTTP_GUARD_H
#define HF_COMMON_HTTP_GUARD_H

#include "common/http/request.h"

enum { HTTP_TOKENS_MAX = 16, HTTP_TOKEN_DIGEST = 32, HTTP_TOKEN_FILE_BYTES = 64 * 1024 };

struct server_settings;

struct http_guard {
    unsigned char digests[HTTP_TOKENS_MAX][HTTP_TOKEN_DIGEST];
    int count;
};

/* Reads http-token and http-token-file, and holds them to http-bind. */
enum err http_guard_read(struct http_guard *g, const struct server_settings *set,
                         struct errmsg *out_why) MUST_CHECK;
bool http_guard_admits(const struct http_guard *g, const struct http_request *r);

#endif
