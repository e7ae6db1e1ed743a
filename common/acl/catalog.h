/*
 * catalog - every command under a number of its own, so that rights to commands are a bitmap.
 *
 *     0 acl   1 acl|cat   2 acl|deluser …   14 append   15 auth …
 *
 *   1. numbers follow the names; the subcommands of a container stand right behind it
 *   2. names are those of the rows: rules hold whatever rename-command made of them
 *   3. nothing changes once it is made
 *
 * Rules name commands by catalog_find; a check begins with catalog_id, which neither hashes a text nor
 * compares one. What a check asks of a row's texts (its keys, its channels) is read once, here.
 * Owner: catalog_new/catalog_free; the rows must outlive it.
 */
#ifndef HF_COMMON_ACL_CATALOG_H
#define HF_COMMON_ACL_CATALOG_H

#include "common/command_docs.h"

enum { CATALOG_MAX = 1024, CATALOG_NONE = -1 };

enum channel_use { CHANNELS_NONE, CHANNELS_NAMED, CHANNELS_AS_PATTERNS };

struct catalog_entry {
    const struct command *row;
    struct bytes name; /* "config|get", and a NUL */
    uint32_t categories;
    int parent; /* the number of its container; CATALOG_NONE */
    int subs;   /* how many of the entries behind it are its subcommands */
    bool has_keys;
    struct key_spec specs[KEY_SPECS_MAX];
    int spec_count;
    enum channel_use channels;
    int last_channel; /* the first is argument 1; -1: all that follow */
};

struct catalog {
    struct catalog_entry *entries;
    int count;
    int16_t *slots; /* open addressing by row address; CATALOG_NONE: empty */
    size_t slot_count;
};

/* Of every row in t, which may be NULL: no command is known. */
struct catalog *catalog_new(const struct command_table *t);
void catalog_free(struct catalog *c); /* NULL does nothing */

/* By full name, whatever its case; CATALOG_NONE when there is none. O(commands). */
int catalog_find(const struct catalog *c, struct bytes name);
/* The number of a row of the table; O(1). */
int catalog_id(const struct catalog *c, const struct command *row);

#endif
