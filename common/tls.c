#include "common/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/alloc.h"

struct tls_context {
    SSL_CTX *ssl;
    uint32_t holders;
    bool verify_names;
};

struct tls_session {
    SSL *ssl;
    int fd;
    bool ended;       /* the peer's end was read */
    struct bytes fed; /* received and not decrypted: in kept, or borrowed */
    struct buf kept;
    struct buf owed; /* encrypted and not sent, from owed_head on */
    size_t owed_head;
    struct buf sealing; /* at is NULL: what is written is sent */
    bool shaken, verify_names;
    char error[160];
};

/* ---- contexts -------------------------------------------------------------------------------- */

static bool given(const char *text)
{
    return text && text[0];
}

/* The last thing OpenSSL complained about, and an empty queue. */
static void reason_text(char *out, size_t cap)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    snprintf(out, cap, "%s", reason ? reason : "unknown reason");
    ERR_clear_error();
}

static enum err refuse(struct errmsg *why, const char *what, const char *value)
{
    char reason[128];

    reason_text(reason, sizeof reason);
    errmsg_set(why, "%s '%s': %s", what, value, reason);
    return ERR_REFUSED;
}

static int give_passphrase(char *out, int cap, int for_writing, void *arg)
{
    const char *pass = arg;
    size_t len = pass ? strlen(pass) : 0;

    if (len > (size_t)cap)
        return -1;
    memcpy(out, pass ? pass : "", len);
    return (int)len;
}

static enum err load_pair(SSL_CTX *ssl, const char *cert, const char *key, const char *pass,
                          struct errmsg *why)
{
    enum err result = OK;

    SSL_CTX_set_default_passwd_cb(ssl, give_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, (void *)(uintptr_t)pass);
    if (SSL_CTX_use_certificate_chain_file(ssl, cert) != 1)
        result = refuse(why, "Failed to load certificate", cert);
    else if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1)
        result = refuse(why, "Failed to load private key", key);
    else if (SSL_CTX_check_private_key(ssl) != 1)
        result = refuse(why, "Private key does not belong to the certificate", key);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
    return result;
}

static enum err load_own(SSL_CTX *ssl, const struct tls_settings *set, bool server,
                         struct errmsg *why)
{
    bool apart = !server && given(set->client_cert_file);
    const char *cert = apart ? set->client_cert_file : set->cert_file;
    const char *key = apart ? set->client_key_file : set->key_file;
    const char *pass = apart ? set->client_key_pass : set->key_pass;

    if (!given(cert)) {
        if (!server)
            return OK; /* a client without a certificate: the other end may not ask for one */
        errmsg_set(why, "No tls-cert-file configured!");
        return ERR_REFUSED;
    }
    if (!given(key)) {
        errmsg_set(why, "No tls-key-file configured!");
        return ERR_REFUSED;
    }
    return load_pair(ssl, cert, key, pass, why);
}

static enum err load_authorities(SSL_CTX *ssl, const struct tls_settings *set, bool server,
                                 struct errmsg *why)
{
    bool verify = !server || set->auth_clients != TLS_AUTH_NO;

    if (given(set->ca_file) && SSL_CTX_load_verify_file(ssl, set->ca_file) != 1)
        return refuse(why, "Failed to load tls-ca-cert-file", set->ca_file);
    if (given(set->ca_dir) && SSL_CTX_load_verify_dir(ssl, set->ca_dir) != 1)
        return refuse(why, "Failed to load tls-ca-cert-dir", set->ca_dir);
    if (verify && !given(set->ca_file) && !given(set->ca_dir)) {
        errmsg_set(why, "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when "
                        "tls-cluster, tls-replication or tls-auth-clients are enabled!");
        return ERR_REFUSED;
    }
    if (server && given(set->ca_file))
        SSL_CTX_set_client_CA_list(ssl, SSL_load_client_CA_file(set->ca_file));
    return OK;
}

static enum err set_protocols(SSL_CTX *ssl, const char *protocols, struct errmsg *why)
{
    bool v12 = false, v13 = false;
    AUTO_FREE char *copy = xstrdup(given(protocols) ? protocols : "TLSv1.2 TLSv1.3");
    char *save = NULL;

    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        struct bytes b = bytes_of(word);

        if (bytes_is_word(b, "tlsv1.2"))
            v12 = true;
        else if (bytes_is_word(b, "tlsv1.3"))
            v13 = true;
        else if (!bytes_is_word(b, "tlsv1") && !bytes_is_word(b, "tlsv1.1")) {
            errmsg_set(why,
                       "Invalid tls-protocols specified: '%s'. Use a combination of "
                       "'TLSv1.2' and 'TLSv1.3'",
                       protocols);
            return ERR_SYNTAX;
        }
    }
    if (!v12 && !v13) {
        errmsg_set(why, "tls-protocols '%s' leaves nothing: TLSv1.2 is the oldest offered",
                   protocols);
        return ERR_UNSUPPORTED;
    }
    SSL_CTX_set_min_proto_version(ssl, v12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(ssl, v13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    return OK;
}

static enum err set_ciphers(SSL_CTX *ssl, const struct tls_settings *set, struct errmsg *why)
{
    if (given(set->ciphers) && SSL_CTX_set_cipher_list(ssl, set->ciphers) != 1)
        return refuse(why, "Failed to configure ciphers", set->ciphers);
    if (given(set->ciphersuites) && SSL_CTX_set_ciphersuites(ssl, set->ciphersuites) != 1)
        return refuse(why, "Failed to configure ciphersuites", set->ciphersuites);
    if (set->prefer_server_ciphers)
        SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
    return OK;
}

static enum err set_dh(SSL_CTX *ssl, const char *path, struct errmsg *why)
{
    BIO *bio;
    EVP_PKEY *params = NULL;

    SSL_CTX_set_dh_auto(ssl, 1);
    if (!given(path))
        return OK;
    bio = BIO_new_file(path, "r");
    if (bio)
        params = PEM_read_bio_Parameters(bio, NULL);
    BIO_free(bio);
    if (!params || SSL_CTX_set0_tmp_dh_pkey(ssl, params) != 1) {
        EVP_PKEY_free(params);
        return refuse(why, "Failed to load tls-dh-params-file", path);
    }
    return OK;
}

static void set_verification(SSL_CTX *ssl, const struct tls_settings *set, bool server)
{
    int mode = SSL_VERIFY_PEER;

    if (server && set->auth_clients == TLS_AUTH_NO)
        mode = SSL_VERIFY_NONE;
    else if (server && set->auth_clients == TLS_AUTH_YES)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ssl, mode, NULL);
}

static void set_caching(SSL_CTX *ssl, const struct tls_settings *set, bool server)
{
    static const unsigned char id[] = "holdfast";

    if (!server || !set->session_caching) {
        SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
        if (server)
            SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
        return;
    }
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(ssl, (long)set->session_cache_size);
    SSL_CTX_set_timeout(ssl, (long)set->session_cache_timeout_s);
    SSL_CTX_set_session_id_context(ssl, id, sizeof id - 1);
}

struct tls_context *tls_context_new(const struct tls_settings *set, bool server,
                                    struct errmsg *out_why)
{
    SSL_CTX *ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    struct tls_context *ctx;

    ASSERT(ssl);
    ERR_clear_error();
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ssl,
                        SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_SINGLE_DH_USE);
    SSL_CTX_set_read_ahead(ssl, 1);
    set_verification(ssl, set, server);
    set_caching(ssl, set, server);
    if (set_protocols(ssl, set->protocols, out_why) != OK || set_ciphers(ssl, set, out_why) != OK ||
        set_dh(ssl, set->dh_file, out_why) != OK || load_own(ssl, set, server, out_why) != OK ||
        load_authorities(ssl, set, server, out_why) != OK) {
        SSL_CTX_free(ssl);
        return NULL;
    }
    ctx = xcalloc(1, sizeof *ctx);
    ctx->ssl = ssl;
    ctx->holders = 1;
    ctx->verify_names = !server && set->verify_names;
    return ctx;
}

struct tls_context *tls_context_hold(struct tls_context *ctx)
{
    if (ctx)
        ctx->holders++;
    return ctx;
}

void tls_context_free(struct tls_context *ctx)
{
    if (!ctx)
        return;
    ASSERT(ctx->holders > 0);
    if (--ctx->holders)
        return;
    SSL_CTX_free(ctx->ssl); /* sessions hold the SSL_CTX themselves */
    xfree(ctx);
}

static int64_t end_of(const X509 *cert)
{
    struct tm t;

    if (!cert || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &t) != 1)
        return 0;
    return timegm(&t);
}

int64_t tls_context_expiry(const struct tls_context *ctx)
{
    return end_of(SSL_CTX_get0_certificate(ctx->ssl));
}

/* ---- the bytes of a session ------------------------------------------------------------------ */

static bool is_for_later(int error)
{
    return error == EAGAIN || error == EINTR;
}

static int pull(BIO *bio, char *into, int cap)
{
    struct tls_session *s = BIO_get_data(bio);
    ssize_t n;

    BIO_clear_retry_flags(bio);
    if (s->fed.len) {
        n = s->fed.len < (size_t)cap ? (ssize_t)s->fed.len : cap;
        memcpy(into, s->fed.at, (size_t)n);
        s->fed = (struct bytes){ s->fed.at + n, s->fed.len - (size_t)n };
        if (s->fed.len == 0)
            buf_fini(&s->kept);
        return (int)n;
    }
    n = recv(s->fd, into, (size_t)cap, 0);
    if (n < 0 && is_for_later(errno))
        BIO_set_retry_read(bio);
    s->ended = n == 0;
    return (int)n;
}

/* False: errno says why. */
static bool send_owed(struct tls_session *s)
{
    while (s->owed_head < s->owed.len) {
        ssize_t n =
            send(s->fd, s->owed.at + s->owed_head, s->owed.len - s->owed_head, MSG_NOSIGNAL);

        if (n < 0)
            return false;
        s->owed_head += (size_t)n;
    }
    buf_fini(&s->owed);
    s->owed_head = 0;
    return true;
}

static int seal(BIO *bio, struct tls_session *s, const char *from, int len)
{
    if ((size_t)len > s->sealing.cap - s->sealing.len) {
        BIO_set_retry_write(bio);
        return -1;
    }
    memcpy(s->sealing.at + s->sealing.len, from, (size_t)len);
    s->sealing.len += (size_t)len;
    return len;
}

static int push(BIO *bio, const char *from, int len)
{
    struct tls_session *s = BIO_get_data(bio);
    ssize_t n = -1;

    BIO_clear_retry_flags(bio);
    if (s->sealing.at)
        return seal(bio, s, from, len);
    if (send_owed(s))
        n = send(s->fd, from, (size_t)len, MSG_NOSIGNAL);
    if (n < 0 && is_for_later(errno))
        BIO_set_retry_write(bio);
    return (int)n;
}

static long control(BIO *bio, int what, long number, void *arg)
{
    const struct tls_session *s = BIO_get_data(bio);

    (void)number;
    (void)arg;
    return what == BIO_CTRL_FLUSH || (what == BIO_CTRL_EOF && s->ended);
}

static BIO *new_bio(struct tls_session *s)
{
    static BIO_METHOD *method;
    BIO *bio;

    if (!method) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "link");
        ASSERT(method && BIO_meth_set_read(method, pull) && BIO_meth_set_write(method, push) &&
               BIO_meth_set_ctrl(method, control));
    }
    bio = BIO_new(method);
    ASSERT(bio);
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    return bio;
}

void tls_session_feed(struct tls_session *s, struct bytes received)
{
    ASSERT(s->fed.len == 0);
    s->fed = received;
}

void tls_session_keep(struct tls_session *s)
{
    if (s->fed.len == 0 || s->kept.at) /* the latter is given back with its last byte */
        return;
    buf_add(&s->kept, s->fed);
    s->fed = buf_bytes(&s->kept);
}

void tls_session_seal(struct tls_session *s, char *room, size_t cap)
{
    s->sealing = (struct buf){ .at = room, .cap = cap };
}

size_t tls_session_sealed(struct tls_session *s)
{
    size_t len = s->sealing.len;

    s->sealing = (struct buf){ 0 };
    return len;
}

void tls_session_owe(struct tls_session *s, struct bytes rest)
{
    buf_add(&s->owed, rest);
}

size_t tls_session_owed(const struct tls_session *s)
{
    return s->owed.len - s->owed_head;
}

enum tls_io tls_session_pay(struct tls_session *s)
{
    if (send_owed(s))
        return TLS_DONE;
    return is_for_later(errno) ? TLS_WANT_WRITE : TLS_RESET;
}

/* ---- sessions -------------------------------------------------------------------------------- */

struct tls_session *tls_session_new(struct tls_context *ctx, int fd, bool server)
{
    struct tls_session *s = xcalloc(1, sizeof *s);
    BIO *bio;

    s->ssl = SSL_new(ctx->ssl);
    ASSERT(s->ssl);
    s->fd = fd;
    bio = new_bio(s);
    SSL_set_bio(s->ssl, bio, bio);
    s->verify_names = ctx->verify_names;
    if (server)
        SSL_set_accept_state(s->ssl);
    else
        SSL_set_connect_state(s->ssl);
    return s;
}

void tls_session_free(struct tls_session *s)
{
    if (!s)
        return;
    SSL_free(s->ssl);
    buf_fini(&s->kept);
    buf_fini(&s->owed);
    xfree(s);
}

void tls_session_set_name(struct tls_session *s, const char *name, bool verify)
{
    X509_VERIFY_PARAM *rules = SSL_get0_param(s->ssl);
    bool is_ip = X509_VERIFY_PARAM_set1_ip_asc(rules, name) == 1;

    ERR_clear_error();
    if (!is_ip)
        SSL_set_tlsext_host_name(s->ssl, name);
    if (!verify && !s->verify_names)
        X509_VERIFY_PARAM_set1_ip(rules, NULL, 0);
    else if (!is_ip)
        SSL_set1_host(s->ssl, name);
}

static void remember_error(struct tls_session *s)
{
    long verify = SSL_get_verify_result(s->ssl);

    if (s->error[0])
        return;
    if (verify != X509_V_OK)
        snprintf(s->error, sizeof s->error, "certificate verify failed: %s",
                 X509_verify_cert_error_string(verify));
    else
        reason_text(s->error, sizeof s->error);
}

/* What a call that returned rc means. ERR_clear_error stood before it, so the queue is its own. */
static enum tls_io outcome(struct tls_session *s, int rc)
{
    int sys = errno;

    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_EOF;
    case SSL_ERROR_SYSCALL:
        errno = sys;
        return sys == 0 ? TLS_EOF : TLS_RESET;
    default:
        break;
    }
    if (s->shaken && ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        return TLS_EOF; /* closed without a goodbye, as most clients do */
    }
    remember_error(s);
    return TLS_FAILED;
}

static void before(void)
{
    if (UNLIKELY(
            ERR_peek_error())) /* emptying one that is empty writes a cache line for each of its sixteen places */
        ERR_clear_error();
    errno = 0;
}

enum tls_io tls_session_handshake(struct tls_session *s)
{
    int rc;

    if (s->shaken)
        return TLS_DONE;
    before();
    rc = SSL_do_handshake(s->ssl);
    if (rc == 1) {
        s->shaken = true;
        return TLS_DONE;
    }
    return outcome(s, rc);
}

enum tls_io tls_session_read(struct tls_session *s, void *into, size_t cap, size_t *out_len)
{
    int rc;

    before();
    rc = SSL_read_ex(s->ssl, into, cap, out_len);
    return rc == 1 ? TLS_DONE : outcome(s, rc);
}

enum tls_io tls_session_write(struct tls_session *s, const void *from, size_t len, size_t *out_len)
{
    int rc;

    before();
    rc = SSL_write_ex(s->ssl, from, len, out_len);
    return rc == 1 ? TLS_DONE : outcome(s, rc);
}

bool tls_session_pending(const struct tls_session *s)
{
    return s->fed.len || SSL_has_pending(s->ssl) == 1;
}

void tls_session_goodbye(struct tls_session *s)
{
    if (!s->shaken || s->error[0])
        return;
    before();
    (void)SSL_shutdown(s->ssl);
    ERR_clear_error();
}

const char *tls_session_error(const struct tls_session *s)
{
    return s->error[0] ? s->error : "no error";
}

int64_t tls_session_peer_expiry(const struct tls_session *s)
{
    return end_of(SSL_get0_peer_certificate(s->ssl));
}

bool tls_session_peer_name(const struct tls_session *s, char *out, size_t cap)
{
    X509 *cert = SSL_get0_peer_certificate(s->ssl);
    int n = -1;

    if (cert)
        n = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out, (int)cap);
    return n > 0 && strlen(out) == (size_t)n; /* one with a NUL inside would end early */
}
