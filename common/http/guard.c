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

static enum err add_token(struct http_guard *g, struct bytes token, struct errmsg *why)
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
    digest(token, g->digests[g->count++]);
    return OK;
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
            e = add_token(g, bytes_of(line), why);
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
        e = add_token(g, bytes_of(set->http_token), out_why);
    for (int i = 0; e == OK && i < set->http_bind_count; i++) {
        if (is_near(set->http_bind[i]))
            continue;
        if (g->count && !set->http_tls)
            log_warning(
                "http-token-in-the-clear http-bind=%s: whoever sees the network sees the token; "
                "http-tls yes hides it",
                set->http_bind[i]);
        if (g->count)
            continue;
        errmsg_set(out_why,
                   "http-bind %s can be reached from other machines, and everybody there could "
                   "ask: name a token in http-token-file (or http-token), or bind to 127.0.0.1",
                   set->http_bind[i]);
        e = ERR_DENIED;
    }
    return e;
}

bool http_guard_admits(const struct http_guard *g, const struct http_request *r)
{
    struct bytes said = http_request_field(r, "authorization");
    unsigned char shown[HTTP_TOKEN_DIGEST];
    int matches = 0;

    if (!g->count)
        return true;
    if (said.len < 7 || !bytes_is_word((struct bytes){ said.at, 7 }, "bearer "))
        return false;
    said = (struct bytes){ said.at + 7, said.len - 7 };
    while (said.len && said.at[0] == ' ')
        said = (struct bytes){ said.at + 1, said.len - 1 };
    digest(said, shown);
    for (int i = 0; i < g->count; i++)
        matches += CRYPTO_memcmp(g->digests[i], shown, sizeof shown) == 0;
    return matches > 0;
}
