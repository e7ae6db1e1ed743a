#include "sentinel/core/index.h"

#include <string.h>

#include "common/alloc.h"

struct index_entry {
    struct index_entry *next;
    void *value;
    size_t key_len;
    char key[];
};

/* FNV-1a: keys are our own ids, and names that only configured parties choose. */
static uint64_t hash(struct bytes key)
{
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < key.len; i++)
        h = (h ^ (unsigned char)key.at[i]) * 1099511628211u;
    return h ^ h >> 32;
}

static struct index_entry **find_place(const struct index *x, struct bytes key)
{
    struct index_entry **at = &x->at[hash(key) & (x->buckets - 1)];

    while (*at && ((*at)->key_len != key.len || memcmp((*at)->key, key.at, key.len) != 0))
        at = &(*at)->next;
    return at;
}

static void grow(struct index *x)
{
    struct index bigger = { .buckets = x->buckets ? x->buckets * 2 : 16, .count = x->count };

    bigger.at = xcalloc(bigger.buckets, sizeof(struct index_entry *));
    for (size_t i = 0; i < x->buckets; i++) {
        for (struct index_entry *e = x->at[i], *next; e; e = next) {
            struct index_entry **at =
                &bigger.at[hash((struct bytes){ e->key, e->key_len }) & (bigger.buckets - 1)];

            next = e->next;
            e->next = *at;
            *at = e;
        }
    }
    xfree(x->at);
    *x = bigger;
}

void index_fini(struct index *x)
{
    for (size_t i = 0; i < x->buckets; i++) {
        for (struct index_entry *e = x->at[i], *next; e; e = next) {
            next = e->next;
            xfree(e);
        }
    }
    xfree(x->at);
    *x = (struct index){ 0 };
}

void *index_find(const struct index *x, struct bytes key)
{
    struct index_entry *e = x->count > 0 ? *find_place(x, key) : NULL;

    return e ? e->value : NULL;
}

void index_put(struct index *x, struct bytes key, void *value)
{
    struct index_entry **at, *e;

    if (x->count >= x->buckets)
        grow(x);
    at = find_place(x, key);
    if (*at) {
        (*at)->value = value;
        return;
    }
    e = xmalloc(sizeof *e + key.len);
    *e = (struct index_entry){ .value = value, .key_len = key.len };
    memcpy(e->key, key.at, key.len);
    *at = e;
    x->count++;
}

void index_remove(struct index *x, struct bytes key)
{
    struct index_entry **at, *e;

    if (x->count == 0)
        return;
    at = find_place(x, key);
    e = *at;
    if (!e)
        return;
    *at = e->next;
    xfree(e);
    x->count--;
}
