/*
 * tls - contexts (certificates and rules) and sessions (one encrypted connection), over OpenSSL 3.
 *
 * A context is built from settings and never changes; a reload builds another one, serves new links
 * from it and drops the old one, which lives until the last session made from it is gone. Links that
 * are open keep the certificates they began with.
 *
 * A session works on a non-blocking descriptor that the link owns. Either direction may have to wait
 * for the other kind of readiness (a key update while writing): the answer says which.
 *
 * Owner: whoever called tls_context_new; sessions hold their own reference.
 */
#ifndef HF_COMMON_TLS_H
#define HF_COMMON_TLS_H

#include "common/bytes.h"

struct tls_context;
struct tls_session;

enum tls_auth { TLS_AUTH_NO, TLS_AUTH_YES, TLS_AUTH_OPTIONAL }; /* tls-auth-clients */

/* As the tls-* directives of redis.conf; NULL or empty: not given. Borrowed during the call only. */
struct tls_settings {
    const char *cert_file, *key_file, *key_pass; /* what we serve with */
    const char *client_cert_file, *client_key_file,
        *client_key_pass; /* what we dial with; the former
                                                                         where these are absent */
    const char *ca_file, *ca_dir;
    const char *dh_file;
    const char *protocols;    /* "TLSv1.2 TLSv1.3"; empty: both */
    const char *ciphers;      /* up to TLSv1.2 */
    const char *ciphersuites; /* TLSv1.3 */
    bool prefer_server_ciphers;
    bool session_caching;
    uint64_t session_cache_size;
    uint64_t session_cache_timeout_s;
    enum tls_auth auth_clients;
    bool verify_names; /* of what we dial: the certificate carries the name or address dialled */
};

/* server: for accepted links, otherwise for dialled ones. NULL: *out_why names the file or the
 * directive and OpenSSL's reason. */
struct tls_context *tls_context_new(const struct tls_settings *set, bool server,
                                    struct errmsg *out_why);
struct tls_context *tls_context_hold(struct tls_context *ctx); /* one more owner; NULL stays NULL */
void tls_context_free(struct tls_context *ctx);                /* one owner less */

/* When the certificate that is shown ends, in seconds of wall time; 0: there is none. */
int64_t tls_context_expiry(const struct tls_context *ctx);

enum tls_io {
    TLS_DONE,       /* *out_len bytes moved */
    TLS_WANT_READ,  /* again once the descriptor is readable */
    TLS_WANT_WRITE, /* again once it is writable */
    TLS_EOF,        /* the peer said goodbye, or closed */
    TLS_RESET,      /* the connection broke: errno */
    TLS_FAILED,     /* handshake, certificate or record: tls_session_error */
};

/* fd stays the caller's. The handshake happens inside the first reads and writes. */
struct tls_session *tls_session_new(struct tls_context *ctx, int fd, bool server);
void tls_session_free(struct tls_session *s);
/* Client, before the first byte: SNI, and, where verify or the context says so, the name or address the certificate
 * must carry. */
void tls_session_set_name(struct tls_session *s, const char *name, bool verify);

/* Only the handshake: TLS_DONE once it is over (and at no cost from then on). */
enum tls_io tls_session_handshake(struct tls_session *s);
enum tls_io tls_session_read(struct tls_session *s, void *into, size_t cap, size_t *out_len);
enum tls_io tls_session_write(struct tls_session *s, const void *from, size_t len, size_t *out_len);
/* For whoever moves what is encrypted by other ways than the descriptor's own (link_together).
 * In: what was received is fed, where nothing is pending, and read before anything else; borrowed until tls_session_keep, which
 * copies what is left.
 * Out: between seal and sealed, which returns their length, what is written stands in room, of cap bytes, instead of being
 * sent. It takes at most TLS_SEAL_OVERHEAD more for each write, unless the peer asked for tiny records; a write for which there
 * is no room is TLS_WANT_WRITE. What could not be sent of it is owed, as many bytes as tls_session_owed says: it is kept, and
 * goes before anything that is written later; tls_session_pay tries. */
enum { TLS_SEAL_OVERHEAD = 256 };
void tls_session_feed(struct tls_session *s, struct bytes received);
void tls_session_keep(struct tls_session *s);
void tls_session_seal(struct tls_session *s, char *room, size_t cap);
size_t tls_session_sealed(struct tls_session *s);
void tls_session_owe(struct tls_session *s, struct bytes rest);
size_t tls_session_owed(const struct tls_session *s);
enum tls_io tls_session_pay(struct tls_session *s);
/* Bytes wait inside that no readiness of the descriptor will announce. */
bool tls_session_pending(const struct tls_session *s);
/* Tells the peer that this was the end; best effort. */
void tls_session_goodbye(struct tls_session *s);

/* OpenSSL's reason for TLS_FAILED: "certificate verify failed". Never NULL. */
const char *tls_session_error(const struct tls_session *s);
/* When the certificate that the peer has shown ends, in seconds of wall time; 0: it has shown none. */
int64_t tls_session_peer_expiry(const struct tls_session *s);
/* The subject's common name of the verified peer certificate; false when there is none, or it is no text. */
bool tls_session_peer_name(const struct tls_session *s, char *out, size_t cap);

#endif
