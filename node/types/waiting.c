#include "node/types/waiting.h"

#include "node/types/arguments.h"

bool want_timeout(struct call *c, int arg, uint64_t *out_ms)
{
    long double seconds;

    if (!bytes_to_long_double(c->argv[arg], &seconds)) {
        refuse(c, "ERR timeout is not a float or out of range");
        return false;
    }
    seconds *= 1000;
    if (seconds < 0 || seconds >= (long double)INT64_MAX) { /* Redis says so of what is too long */
        refuse(c, "ERR timeout is negative");
        return false;
    }
    *out_ms = (uint64_t)seconds;
    *out_ms += (long double)*out_ms < seconds;
    return true;
}

bool must_not_wait(const struct call *c)
{
    return c->in_exec || c->denies_blocking || c->from_leader;
}

struct entry *waited_write(struct call *c, int arg, enum value_type type)
{
    struct entry *e;

    if (c->woken && !bytes_eq(c->argv[arg], c->woken_by))
        return NULL;
    e = call_write(c, arg);
    return c->woken && e && entry_type(e) != type ? NULL : e;
}

void wait_for(struct call *c, int first, int last, uint64_t timeout_ms)
{
    c->intents |= INTENT_BLOCK_KEYS;
    c->block_first = first;
    c->block_last = last;
    c->block_step = 1;
    c->block_timeout_ms = timeout_ms;
    call_no_effect(c);
}

void nothing_or_wait(struct call *c, int first, int last, uint64_t timeout_ms)
{
    if (!must_not_wait(c)) {
        wait_for(c, first, last, timeout_ms);
        return;
    }
    reply_null_array(c->reply);
    call_no_effect(c);
}
