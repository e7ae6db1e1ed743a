#include "common/acl/user.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "common/acl/acl.h"
#include "common/acl/rules.h"
#include "common/alloc.h"

/* ---- passwords --------------------------------------------------------------------------------- */

static void digest_of(struct bytes password, unsigned char out[PASSWORD_DIGEST])
{
    unsigned int len = 0;

    ASSERT(EVP_Digest(password.at, password.len, out, &len, EVP_sha256(), NULL) == 1);
    ASSERT(len == PASSWORD_DIGEST);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_digest(struct bytes hex, unsigned char out[PASSWORD_DIGEST])
{
    if (hex.len != (size_t)2 * PASSWORD_DIGEST)
        return false;
    for (size_t i = 0; i < PASSWORD_DIGEST; i++) {
        int high = hex_digit(hex.at[2 * i]), low = hex_digit(hex.at[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

/* Its index; password_count when it is none of them. Takes as long for each. */
static size_t find_password(const struct user *u, const unsigned char digest[PASSWORD_DIGEST])
{
    size_t found = u->password_count;

    for (size_t i = u->password_count; i-- > 0;)
        if (CRYPTO_memcmp(u->passwords[i], digest, PASSWORD_DIGEST) == 0)
            found = i;
    return found;
}

static void forget_passwords(struct user *u)
{
    if (u->passwords)
        OPENSSL_cleanse(u->passwords, u->password_count * PASSWORD_DIGEST);
    xfree(u->passwords);
    u->passwords = NULL;
    u->password_count = 0;
}

static void add_password(struct user *u, const unsigned char digest[PASSWORD_DIGEST])
{
    u->no_password = false;
    if (find_password(u, digest) < u->password_count)
        return;
    u->passwords = xrealloc(u->passwords, (u->password_count + 1) * PASSWORD_DIGEST);
    memcpy(u->passwords[u->password_count++], digest, PASSWORD_DIGEST);
}

static enum acl_fault remove_password(struct user *u, const unsigned char digest[PASSWORD_DIGEST])
{
    size_t i = find_password(u, digest);

    if (i == u->password_count)
        return ACL_NO_SUCH_PASSWORD;
    u->password_count--;
    memmove(u->passwords[i], u->passwords[i + 1], (u->password_count - i) * PASSWORD_DIGEST);
    return ACL_FINE;
}

/* >password #hash <password !hash */
static enum acl_fault apply_password(struct user *u, struct bytes rule)
{
    struct bytes text = { rule.at + 1, rule.len - 1 };
    bool plain = rule.at[0] == '>' || rule.at[0] == '<';
    unsigned char digest[PASSWORD_DIGEST];

    if (plain)
        digest_of(text, digest);
    else if (!read_digest(text, digest))
        return ACL_BAD_HASH;
    if (rule.at[0] == '<' || rule.at[0] == '!')
        return remove_password(u, digest);
    add_password(u, digest);
    return ACL_FINE;
}

bool user_accepts(const struct user *u, struct bytes password)
{
    unsigned char given[PASSWORD_DIGEST];

    if (!u->enabled)
        return false;
    if (u->no_password)
        return true;
    digest_of(password, given);
    return find_password(u, given) < u->password_count;
}

/* ---- selectors --------------------------------------------------------------------------------- */

static struct selector *add_selector(struct user *u)
{
    struct selector *s;

    u->selectors = xrealloc(u->selectors, (u->selector_count + 1) * sizeof *u->selectors);
    s = &u->selectors[u->selector_count++];
    *s = (struct selector){ .all_channels = acl_new_users_hear_all(u->acl) };
    return s;
}

static void keep_selectors(struct user *u, size_t count)
{
    while (u->selector_count > count)
        selector_fini(&u->selectors[--u->selector_count]);
}

/* What is read again as it was written, between parentheses: there a word ends the selector by its last
 * letter, and quotes quote. Redis takes more, and writes files that it cannot read. */
static bool fits_parentheses(struct bytes word)
{
    return word.len && word.at[word.len - 1] != ')' && !memchr(word.at, '"', word.len) &&
           !memchr(word.at, '\'', word.len);
}

/* "(+get ~a*)": all of it or nothing. */
static enum acl_fault apply_parentheses(struct user *u, struct bytes rule)
{
    struct rules inside = { 0 };
    struct selector *s = add_selector(u);
    enum acl_fault fault =
        rules_split(&inside, (struct bytes){ rule.at + 1, rule.len - 2 }) ? ACL_FINE : ACL_BAD_RULE;

    for (size_t i = 0; i < inside.count && fault == ACL_FINE; i++)
        fault = fits_parentheses(inside.words[i])
                    ? selector_apply(s, acl_catalog(u->acl), inside.words[i])
                    : ACL_BAD_RULE;
    if (fault != ACL_FINE)
        keep_selectors(u, u->selector_count - 1);
    rules_fini(&inside);
    return fault;
}

/* ---- a user ------------------------------------------------------------------------------------ */

struct user *user_new(const struct acl *acl, struct bytes name)
{
    struct user *u = xcalloc(1, sizeof *u);

    u->acl = acl;
    u->by_name.name = (struct bytes){ xmemdup0(name.at, name.len), name.len };
    add_selector(u);
    return u;
}

void user_free(struct user *u)
{
    if (!u)
        return;
    forget_passwords(u);
    keep_selectors(u, 0);
    xfree(u->selectors);
    xfree((char *)u->by_name.name.at);
    xfree(u);
}

void user_copy(struct user *to, const struct user *from)
{
    forget_passwords(to);
    keep_selectors(to, 0);
    to->unlimited = from->unlimited;
    to->enabled = from->enabled;
    to->no_password = from->no_password;
    to->sanitize = from->sanitize;
    for (size_t i = 0; i < from->password_count; i++)
        add_password(to, from->passwords[i]);
    to->no_password = from->no_password;
    to->selectors = xrealloc(to->selectors, from->selector_count * sizeof *to->selectors);
    for (size_t i = 0; i < from->selector_count; i++)
        selector_copy(&to->selectors[i], &from->selectors[i]);
    to->selector_count = from->selector_count;
}

static void enable(struct user *u)
{
    u->enabled = true;
}

static void disable(struct user *u)
{
    u->enabled = false;
}

static void sanitize(struct user *u)
{
    u->sanitize = SANITIZE_ALWAYS;
}

static void skip_sanitize(struct user *u)
{
    u->sanitize = SANITIZE_NEVER;
}

static void need_no_password(struct user *u)
{
    forget_passwords(u);
    u->no_password = true;
}

static void reset_passwords(struct user *u)
{
    forget_passwords(u);
    u->no_password = false;
}

static void clear_selectors(struct user *u)
{
    keep_selectors(u, 1);
}

static void reset(struct user *u)
{
    reset_passwords(u);
    keep_selectors(u, 0);
    add_selector(u);
    disable(u);
    sanitize(u);
}

static const struct {
    const char *word;
    void (*apply)(struct user *u);
} words[] = {
    { "on", enable },
    { "off", disable },
    { "sanitize-payload", sanitize },
    { "skip-sanitize-payload", skip_sanitize },
    { "nopass", need_no_password },
    { "resetpass", reset_passwords },
    { "clearselectors", clear_selectors },
    { "reset", reset },
};

static enum acl_fault apply(struct user *u, struct bytes rule)
{
    if (rule.len == 0)
        return ACL_FINE;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (bytes_is_word(rule, words[i].word)) {
            words[i].apply(u);
            return ACL_FINE;
        }
    if (strchr("><#!", rule.at[0]) && rule.at[0])
        return apply_password(u, rule);
    if (rule.len > 1 && rule.at[0] == '(' && rule.at[rule.len - 1] == ')')
        return apply_parentheses(u, rule);
    return selector_apply(&u->selectors[0], acl_catalog(u->acl), rule);
}

static void find_limits(struct user *u)
{
    u->unlimited = false;
    for (size_t i = 0; i < u->selector_count; i++)
        u->unlimited |= selector_unlimited(&u->selectors[i], acl_catalog(u->acl));
}

enum acl_fault user_apply(struct user *u, struct bytes rule)
{
    enum acl_fault fault = apply(u, rule);

    find_limits(u);
    return fault;
}

void user_apply_text(struct user *u, const char *rule)
{
    enum acl_fault fault = user_apply(u, bytes_of(rule));

    ASSERT(fault == ACL_FINE);
}

bool user_every_key(const struct user *u, const struct command *cmd, int argc,
                    const struct bytes *argv, uint32_t key_flags)
{
    const struct catalog *c = acl_catalog(u->acl);
    struct acl_keys keys = { 0 };
    bool every = u->unlimited;
    int ignored;

    for (size_t i = 0; i < u->selector_count && !every; i++)
        every = selector_every_key(&u->selectors[i], key_flags) &&
                selector_check(&u->selectors[i], c, catalog_id(c, cmd), argc, argv, &keys,
                               &ignored) == ACL_ALLOWED;
    acl_keys_fini(&keys);
    return every;
}

bool user_hears(const struct user *u, struct bytes channel, bool as_pattern)
{
    for (size_t i = 0; i < u->selector_count; i++)
        if (selector_hears(&u->selectors[i], channel, as_pattern))
            return true;
    return false;
}

/* ---- its description --------------------------------------------------------------------------- */

const char *user_flag_at(const struct user *u, size_t index)
{
    const char *flags[4] = { u->enabled ? "on" : "off" };
    size_t count = 1;

    if (u->no_password)
        flags[count++] = "nopass";
    if (u->sanitize == SANITIZE_NEVER)
        flags[count++] = "skip-sanitize-payload";
    if (u->sanitize == SANITIZE_ALWAYS)
        flags[count++] = "sanitize-payload";
    return index < count ? flags[index] : NULL;
}

void user_put_password(const struct user *u, size_t index, struct buf *out)
{
    for (size_t i = 0; i < PASSWORD_DIGEST; i++)
        buf_printf(out, "%02x", u->passwords[index][i]);
}

void user_describe(const struct user *u, bool again, struct buf *out)
{
    const char *flag;

    buf_printf(out, "user %s", user_name(u));
    for (size_t i = 0; (flag = user_flag_at(u, i)); i++)
        buf_printf(out, " %s", flag);
    for (size_t i = 0; i < u->password_count; i++) {
        buf_puts(out, " #");
        user_put_password(u, i, out);
    }
    for (size_t i = 0; i < u->selector_count; i++) {
        buf_puts(out, i ? " (" : " ");
        selector_describe(&u->selectors[i], acl_catalog(u->acl), again, out);
        buf_puts(out, i ? ")" : "");
    }
}
