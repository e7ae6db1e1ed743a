#include "node/types/rewrite.h"

#include "common/resp.h"

static void put(struct rewrite *r)
{
    if (!r->count)
        return;
    resp_put_array(r->out, 2 + r->count * (size_t)r->words_each);
    resp_put_bulk(r->out, bytes_of(r->command));
    resp_put_bulk(r->out, r->key);
    buf_add(r->out, buf_bytes(&r->words));
    r->words.len = 0;
    r->count = 0;
}

void rewrite_add(struct rewrite *r, struct bytes first, struct bytes second)
{
    resp_put_bulk(&r->words, first);
    if (r->words_each == 2)
        resp_put_bulk(&r->words, second);
    if (++r->count == REWRITE_ITEMS)
        put(r);
}

void rewrite_end(struct rewrite *r)
{
    put(r);
    buf_fini(&r->words);
    *r = (struct rewrite){ 0 };
}
