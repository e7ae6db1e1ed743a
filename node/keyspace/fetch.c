/*
 * fetch - memory that the next requests of a pipeline will read, asked for while others are on their way.
 *
 * A key that is not in the processor's caches costs four misses or so, one after another: bucket, entry, value,
 * element. Each step here asks for one of them, for all keys of the batch, and reads what the step before it asked for.
 * What is found is a guess by a tag of eight bits, and nothing is done with it but to ask for more.
 */
#include "node/keyspace/inner.h"

struct target {
    void (*fetch)(const void *apart, struct value_hint *hint, int step);
    const void *apart;
    struct value_hint hint;
};

/* A pipeline is most often about keys of one kind: where the first ones hold their values themselves, the others
 * are not looked at. */
enum { LOOKED_AT = 2 };

static int fetch_values(const struct keyspace *ks, const struct table *t,
                        const struct resp_glance *const *glances, struct target *out)
{
    const struct fetched *f = &ks->fetched;
    bool some = false;
    int found = 0;

    for (int i = 0; i < f->count && (some || i < LOOKED_AT); i++) {
        const struct entry *e = table_peek(t, f->hashes[i]);

        if (!e || !entry_fetch(e))
            continue;
        some = true;
        if (entry_form(e) == FORM_APART && ops_of(ks, e)->fetch)
            out[found++] = (struct target){ .fetch = ops_of(ks, e)->fetch,
                                            .apart = entry_apart(e),
                                            .hint = { glances[i]->next, glances[i]->after, 0 } };
    }
    return found;
}

static void fetch_elements(struct target *targets, int count)
{
    for (int step = 0; step < VALUE_FETCH_STEPS; step++)
        for (int i = 0; i < count; i++)
            targets[i].fetch(targets[i].apart, &targets[i].hint, step);
}

void keyspace_fetch(struct keyspace *ks, int db, const struct resp_glance *glances, int count)
{
    const struct table *t = &ks->spaces[db]->table;
    const struct resp_glance *kept[KEYSPACE_AHEAD];
    struct target targets[KEYSPACE_AHEAD];
    struct fetched *f = &ks->fetched;

    ASSERT(count <= KEYSPACE_AHEAD);
    f->at = f->count = 0;
    for (int i = 0; i < count; i++) {
        if (glances[i].key.len == 0)
            continue;
        kept[f->count] = &glances[i];
        f->keys[f->count] = glances[i].key;
        f->hashes[f->count++] = table_hash(glances[i].key);
    }
    for (int step = 0; step < TABLE_FETCH_STEPS; step++)
        for (int i = 0; i < f->count; i++)
            table_fetch(t, f->hashes[i], step);
    fetch_elements(targets, fetch_values(ks, t, kept, targets));
}
