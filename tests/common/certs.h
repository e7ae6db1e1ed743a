/*
 * certs - a certificate authority for tests: made in memory, left as PEM files in a directory of its
 * own, removed by certs_fini.
 */
#ifndef HF_TESTS_CERTS_H
#define HF_TESTS_CERTS_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/tls.h"

struct certs {
    char dir[64];
    EVP_PKEY *ca_key;
    X509 *ca;
    long serial;
};

/* "<dir>/<name>.<ext>" in a ring of buffers, for use within one expression. */
static inline const char *certs_path(const struct certs *c, const char *name, const char *ext)
{
    static char ring[8][128];
    static unsigned next;
    char *out = ring[next++ % 8];

    snprintf(out, sizeof ring[0], "%s/%s.%s", c->dir, name, ext);
    return out;
}

static inline void certs_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ASSERT(ext);
    X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
}

static inline X509 *certs_blank(struct certs *c, EVP_PKEY *key, const char *cn)
{
    X509 *cert = X509_new();

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++c->serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)cn, -1, -1, 0);
    return cert;
}

static inline void certs_write(const struct certs *c, const char *name, X509 *cert, EVP_PKEY *key,
                               const char *pass)
{
    FILE *f = fopen(certs_path(c, name, "crt"), "w");

    ASSERT(f && PEM_write_X509(f, cert));
    fclose(f);
    f = fopen(certs_path(c, name, "key"), "w");
    ASSERT(f && PEM_write_PrivateKey(f, key, pass ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                                     (void *)(uintptr_t)pass));
    fclose(f);
}

/* A pair signed by the authority. alt: "DNS:leader.example,IP:127.0.0.1" or NULL; pass: of the key. */
static inline void certs_issue(struct certs *c, const char *name, const char *alt, const char *pass)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = certs_blank(c, key, name);

    X509_set_issuer_name(cert, X509_get_subject_name(c->ca));
    if (alt)
        certs_extend(cert, c->ca, NID_subject_alt_name, alt);
    X509_sign(cert, c->ca_key, EVP_sha256());
    certs_write(c, name, cert, key, pass);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static inline void certs_init(struct certs *c)
{
    memset(c, 0, sizeof *c);
    strcpy(c->dir, "/tmp/hf-certs-XXXXXX");
    ASSERT(mkdtemp(c->dir));
    c->ca_key = EVP_EC_gen("P-256");
    c->ca = certs_blank(c, c->ca_key, "test authority");
    X509_set_issuer_name(c->ca, X509_get_subject_name(c->ca));
    certs_extend(c->ca, c->ca, NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(c->ca, c->ca_key, EVP_sha256());
    certs_write(c, "ca", c->ca, c->ca_key, NULL);
}

/* Of a "node" that the authority knows: for who accepts, and for who dials. */
static inline void certs_contexts(struct certs *c, struct tls_context **out_server,
                                  struct tls_context **out_client)
{
    struct tls_settings set;
    struct errmsg why;

    certs_issue(c, "node", NULL, NULL);
    set = (struct tls_settings){ .cert_file = certs_path(c, "node", "crt"),
                                 .key_file = certs_path(c, "node", "key"),
                                 .ca_file = certs_path(c, "ca", "crt") };
    *out_server = tls_context_new(&set, true, &why);
    *out_client = tls_context_new(&set, false, &why);
    ASSERT(*out_server && *out_client);
}

static inline void certs_fini(struct certs *c)
{
    char command[96];

    X509_free(c->ca);
    EVP_PKEY_free(c->ca_key);
    snprintf(command, sizeof command, "rm -rf '%s'", c->dir);
    ASSERT(system(command) == 0);
}

#endif
