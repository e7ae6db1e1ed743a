#include "node/types/digest.h"

#include <arpa/inet.h>
#include <openssl/sha.h>
#include <string.h>

static void xor_hash(unsigned char digest[DIGEST_LEN], const void *data, size_t len)
{
    unsigned char hash[SHA_DIGEST_LENGTH];

    _Static_assert(SHA_DIGEST_LENGTH == DIGEST_LEN, "SHA-1");
    SHA1(data, len, hash);
    for (int i = 0; i < DIGEST_LEN; i++)
        digest[i] ^= hash[i];
}

void digest_xor(unsigned char digest[DIGEST_LEN], struct bytes data)
{
    xor_hash(digest, data.at, data.len);
}

void digest_mix(unsigned char digest[DIGEST_LEN], struct bytes data)
{
    unsigned char before[DIGEST_LEN];

    xor_hash(digest, data.at, data.len);
    memcpy(before, digest, sizeof before);
    SHA1(before, sizeof before, digest);
}

static void mix_number(unsigned char digest[DIGEST_LEN], uint32_t number)
{
    uint32_t wire = htonl(number);

    digest_mix(digest, (struct bytes){ (const char *)&wire, sizeof wire });
}

void digest_value(const struct keyspace *ks, const struct entry *e,
                  unsigned char digest[DIGEST_LEN])
{
    char scratch[ENTRY_INT_TEXT];

    mix_number(digest, entry_type(e));
    if (entry_type(e) == VALUE_STRING)
        digest_mix(digest, entry_text(e, scratch));
    else
        keyspace_type(ks, entry_type(e))->digest(entry_apart(e), digest);
    if (entry_expiry_ms(e) != NO_EXPIRY)
        digest_xor(digest, BYTES("!!expire!!"));
}

struct sum {
    const struct keyspace *ks;
    unsigned char *digest;
};

static void add_key(void *arg, const struct entry *e)
{
    const struct sum *s = arg;
    unsigned char one[DIGEST_LEN] = { 0 };

    digest_mix(one, entry_key(e));
    digest_value(s->ks, e, one);
    digest_xor(s->digest, (struct bytes){ (const char *)one, sizeof one });
}

void digest_keyspace(const struct keyspace *ks, unsigned char digest[DIGEST_LEN])
{
    struct sum s = { ks, digest };

    memset(digest, 0, DIGEST_LEN);
    for (int db = 0; db < keyspace_databases(ks); db++) {
        if (keyspace_size(ks, db) == 0)
            continue;
        mix_number(digest, (uint32_t)db);
        keyspace_each(ks, db, add_key, &s);
    }
}
