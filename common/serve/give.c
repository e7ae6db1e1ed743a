/*
 * A large argument goes over to whoever will keep it, together with the block it was received in. To copy it into
 * memory that is new would take several times as long as to move it, in one turn, and both would be there at a time.
 *
 *     [ *3 $3 SET $1 k $200000000 | the argument | what ends the request ]  input of the link
 *     [ front | the argument |                                            ]  the handler's
 */
#include <string.h>

#include "common/alloc.h"
#include "common/serve/dispatch.h"
#include "common/serve/service.h"

enum {
    LINE_END_BYTES = 2,
    OTHERS_BYTES_MAX = 64 * 1024, /* of a request: what has to be copied instead */
};

/* Of the request that argv was read from, a multibulk one. */
static size_t request_bytes(const struct session *s, const struct call *c)
{
    struct bytes last = c->argv[c->argc - 1];

    return (size_t)(last.at + last.len - link_input(s->link).at) + LINE_END_BYTES;
}

bool session_give(struct call *c, int arg, size_t front, struct buf *out_block)
{
    struct session *s = c->session;
    struct bytes text = c->argv[arg];
    size_t bytes;

    if (c->argv != s->reader.argv || s->flags & SESSION_TAKEN)
        return false; /* a command that was queued, or a script's; or it gave one already */
    bytes = request_bytes(s, c);
    if (bytes - text.len > OTHERS_BYTES_MAX || (size_t)(text.at - link_input(s->link).at) < front ||
        !link_take_input(s->link, bytes, out_block))
        return false;
    s->flags |= SESSION_TAKEN;
    if (s->service->ops->ahead) /* what was read ahead stood behind it */
        s->service->ops->ahead(s, NULL, 0);
    resp_reader_set_aside(&s->reader, c->argc, arg);
    memmove(out_block->at + front, text.at, text.len);
    out_block->len = out_block->cap = front + text.len;
    out_block->at = xrealloc(out_block->at, out_block->cap); /* what is left over goes back */
    s->reader.argv[arg].at = out_block->at + front;
    return true;
}
