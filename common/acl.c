#include "common/acl.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "common/alloc.h"

enum { DIGEST_BYTES = 32 };

struct user {
    const char *name;
    bool needs_password;
    unsigned char digest[DIGEST_BYTES];
};

struct acl {
    struct user default_user;
};

static void digest_of(struct bytes password, unsigned char out[DIGEST_BYTES])
{
    unsigned int len = 0;

    ASSERT(EVP_Digest(password.at, password.len, out, &len, EVP_sha256(), NULL) == 1);
    ASSERT(len == DIGEST_BYTES);
}

struct acl *acl_new(void)
{
    struct acl *a = xcalloc(1, sizeof *a);

    a->default_user.name = "default";
    return a;
}

void acl_free(struct acl *a)
{
    if (!a)
        return;
    OPENSSL_cleanse(a->default_user.digest, DIGEST_BYTES);
    xfree(a);
}

void acl_set_password(struct acl *a, const char *password)
{
    a->default_user.needs_password = password && *password;
    if (a->default_user.needs_password)
        digest_of(bytes_of(password), a->default_user.digest);
}

const struct user *acl_default_user(const struct acl *a)
{
    return &a->default_user;
}

const struct user *acl_find(const struct acl *a, struct bytes name)
{
    return bytes_is(name, a->default_user.name) ? &a->default_user : NULL;
}

const struct user *acl_login(const struct acl *a, struct bytes name, struct bytes password)
{
    const struct user *u = acl_find(a, name);
    unsigned char given[DIGEST_BYTES];

    if (!u)
        return NULL;
    if (!u->needs_password)
        return u;
    digest_of(password, given);
    return CRYPTO_memcmp(given, u->digest, DIGEST_BYTES) == 0 ? u : NULL;
}

const char *user_name(const struct user *u)
{
    return u->name;
}

bool user_needs_password(const struct user *u)
{
    return u->needs_password;
}

void user_password_digest(const struct user *u, char out[65])
{
    for (int i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = "0123456789abcdef"[u->digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[u->digest[i] & 15];
    }
    out[64] = '\0';
}

void user_describe(const struct user *u, struct buf *out)
{
    char hex[65];

    if (!u->needs_password) {
        buf_printf(out, "user %s on nopass ~* &* +@all", u->name);
        return;
    }
    user_password_digest(u, hex);
    buf_printf(out, "user %s on #%s ~* &* +@all", u->name, hex);
}

enum err acl_check(const struct user *u, const struct call *c, struct errmsg *out_error)
{
    (void)u;
    (void)c;
    (void)out_error;
    return OK;
}
