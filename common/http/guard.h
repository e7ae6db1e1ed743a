/*
 * guard - who may ask over HTTP, and who may order: who shows one of the tokens (Authorization: Bearer …).
 *
 *                             asks (GET)                   orders (POST)
 *     no token is set         anybody: HTTP_ANYBODY        nobody
 *     a token behind "view"   who shows it: HTTP_VIEWER    nobody
 *     any other token         who shows it: HTTP_OPERATOR  who shows it
 *
 *   1. addresses beyond this machine and no token at all, or tokens that would be sent without TLS and
 *      http-token-without-tls does not say that they may: the guard is not made, and the door stays shut
 *   2. several tokens count side by side, so that one can be replaced without a gap: the file's lines, and http-token
 *   3. without a token only localhost and addresses are names of ours, or another site's page could read what is here
 *   4. a token is kept as its digest, and compared in a time that tells nothing of it
 *
 * Owner: embed a struct http_guard; zeroed it lets everybody ask.
 */
#ifndef HF_COMMON_HTTP_GUARD_H
#define HF_COMMON_HTTP_GUARD_H

#include "common/http/request.h"

enum { HTTP_TOKENS_MAX = 16, HTTP_TOKEN_DIGEST = 32, HTTP_TOKEN_FILE_BYTES = 64 * 1024 };

struct server_settings;

/* In this order: who may more may less. */
enum http_access { HTTP_NOBODY, HTTP_ANYBODY, HTTP_VIEWER, HTTP_OPERATOR };

struct http_token {
    unsigned char digest[HTTP_TOKEN_DIGEST];
    enum http_access access;
};

struct http_guard {
    struct http_token tokens[HTTP_TOKENS_MAX];
    int count;
};

/* Reads http-token and http-token-file, and holds them to http-bind. */
enum err http_guard_read(struct http_guard *g, const struct server_settings *set,
                         struct errmsg *out_why) MUST_CHECK;
/* What the request's token is good for. *out_guessed: it shows one, and it is none of ours. */
enum http_access http_guard_judge(const struct http_guard *g, const struct http_request *r,
                                  bool *out_guessed);
/* Is the host that the request names this machine for sure: localhost, or an address? Where a token is needed it may be
 * any: a browser that another site's page makes ask here, by a name of that site which leads here, has none to show. */
bool http_guard_knows_name(const struct http_guard *g, const struct http_request *r);

#endif
