#include "common/http/guard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "common/log.h"
#include "common/net.h"
#include "common/server_settings.h"

static void digest(struct bytes token, unsigned char *out)
{
    unsigned len = HTTP_TOKEN_DIGEST;

    ASSERT(EVP_Digest(token.at, token.len, out, &len, EVP_sha256(), NULL) == 1);
}

static enum err add_token(struct http_guard *g, struct bytes token, enum http_access access,
                          struct errmsg *why)
{
    for (size_t i = 0; i < token.len; i++) {
        if (token.at[i] > ' ' && token.at[i] < 0x7f)
            continue;
        errmsg_set(why, "a HTTP token may hold printable characters alone, and no blank");
        return ERR_SYNTAX;
    }
    if (g->count == HTTP_TOKENS_MAX) {
        errmsg_set(why, "there are more than %d HTTP tokens", HTTP_TOKENS_MAX);
        return ERR_LIMIT;
    }
    digest(token, g->tokens[g->count].digest);
    g->tokens[g->count++].access = access;
    return OK;
}

/* A token, or the word view and one that may look and not touch. */
static enum err add_line(struct http_guard *g, struct bytes line, struct errmsg *why)
{
    struct bytes view = BYTES("view ");

    if (line.len <= view.len || memcmp(line.at, view.at, view.len) != 0)
        return add_token(g, line, HTTP_OPERATOR, why);
    return add_token(g, (struct bytes){ line.at + view.len, line.len - view.len }, HTTP_VIEWER,
                     why);
}

/* A token on each line; empty lines, and those that begin with a number sign, say nothing. */
static enum err read_file(struct http_guard *g, const char *path, struct errmsg *why)
{
    char text[HTTP_TOKEN_FILE_BYTES + 1];
    FILE *f = fopen(path, "re");
    size_t len = f ? fread(text, 1, sizeof text, f) : 0;
    enum err e = OK;
    char *rest = text;

    if (!f || ferror(f)) {
        errmsg_set(why, "http-token-file %s cannot be read: %s", path, strerror(errno));
        e = ERR_IO;
    } else if (len == sizeof text) {
        errmsg_set(why, "http-token-file %s is too long", path);
        e = ERR_LIMIT;
    }
    if (f)
        fclose(f);
    text[e == OK ? len : 0] = '\0';
    for (char *line; e == OK && (line = strsep(&rest, "\r\n"));)
        if (*line && *line != '#')
            e = add_line(g, bytes_of(line), why);
    if (e == OK && !g->count) {
        errmsg_set(why, "http-token-file %s holds no token", path);
        e = ERR_SYNTAX;
    }
    OPENSSL_cleanse(text, sizeof text);
    return e;
}

static bool is_near(const char *address)
{
    struct sockaddr_storage sa;
    socklen_t len;

    address += *address == '-';
    if (strcmp(address, "localhost") == 0)
        return true;
    return net_parse_ip(address, 0, &sa, &len) && net_is_loopback((struct sockaddr *)&sa);
}

/* What is wrong with one address of http-bind; OK: nothing. */
static enum err hold_to(const struct http_guard *g, const struct server_settings *set,
                        const char *address, struct errmsg *why)
{
    if (is_near(address))
        return OK;
    if (!g->count) {
        errmsg_set(why,
                   "http-bind %s can be reached from other machines, and everybody there could "
                   "ask: name a token in http-token-file (or http-token), or bind to 127.0.0.1",
                   address);
        return ERR_DENIED;
    }
    if (set->http_tls)
        return OK;
    if (!set->http_token_without_tls) {
        errmsg_set(why,
                   "http-bind %s can be reached from other machines, and whoever sees the network "
                   "on the way would see the token: set http-tls yes, or http-token-without-tls "
                   "yes where something else encrypts",
                   address);
        return ERR_DENIED;
    }
    log_warning("http-token-in-the-clear http-bind=%s: whoever sees the network sees the token; "
                "http-tls yes hides it",
                address);
    return OK;
}

enum err http_guard_read(struct http_guard *g, const struct server_settings *set,
                         struct errmsg *out_why)
{
    enum err e = OK;

    *g = (struct http_guard){ .count = 0 };
    if (!set->http_port)
        return OK;
    if (*set->http_token_file)
        e = read_file(g, set->http_token_file, out_why);
    if (e == OK && *set->http_token)
        e = add_token(g, bytes_of(set->http_token), HTTP_OPERATOR, out_why);
    for (int i = 0; e == OK && i < set->http_bind_count; i++)
        e = hold_to(g, set, set->http_bind[i], out_why);
    return e;
}

enum http_access http_guard_judge(const struct http_guard *g, const struct http_request *r,
                                  bool *out_guessed)
{
    struct bytes said = http_request_field(r, "authorization");
    unsigned char shown[HTTP_TOKEN_DIGEST];
    int access = HTTP_NOBODY;

    *out_guessed = false;
    if (!g->count)
        return HTTP_ANYBODY;
    if (said.len < 7 || !bytes_is_word((struct bytes){ said.at, 7 }, "bearer "))
        return HTTP_NOBODY;
    said = (struct bytes){ said.at + 7, said.len - 7 };
    while (said.len && said.at[0] == ' ')
        said = (struct bytes){ said.at + 1, said.len - 1 };
    digest(said, shown);
    for (int i = 0; i < g->count; i++) {
        int same = CRYPTO_memcmp(g->tokens[i].digest, shown, sizeof shown) == 0;
        int good_for = same * (int)g->tokens[i].access;

        access = good_for > access ? good_for : access;
    }
    *out_guessed = access == HTTP_NOBODY;
    return (enum http_access)access;
}

/* Without the port, and an address of IPv6 without its brackets. */
static struct bytes host_of(struct bytes named)
{
    const char *end;

    if (named.len && named.at[0] == '[') {
        end = memchr(named.at, ']', named.len);
        return end ? (struct bytes){ named.at + 1, (size_t)(end - named.at) - 1 } : named;
    }
    end = memchr(named.at, ':', named.len);
    return end ? (struct bytes){ named.at, (size_t)(end - named.at) } : named;
}

bool http_guard_knows_name(const struct http_guard *g, const struct http_request *r)
{
    struct bytes named = http_request_field(r, "host"), host;
    struct sockaddr_storage sa;
    socklen_t len;
    char text[64];

    if (g->count || !named.at) /* HTTP/1.0 need not name one; every browser does */
        return true;
    host = host_of(named);
    if (bytes_is_word(host, "localhost"))
        return true;
    if (host.len >= sizeof text || memchr(host.at, '\0', host.len))
        return false;
    memcpy(text, host.at, host.len);
    text[host.len] = '\0';
    return net_parse_ip(text, 0, &sa, &len);
}
