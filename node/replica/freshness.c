#include "node/replica/freshness.h"

#include <string.h>

static const char answer[] = "+hf-echo ";

void freshness_forget(struct freshness *f)
{
    bool wanted = f->wanted;
    uint64_t number = f->number;

    *f = (struct freshness){ .wanted = wanted, .number = number };
}

void freshness_relink(struct freshness *f)
{
    f->wanted |= f->asked; /* perhaps for somebody */
    f->asked = f->echoes = false;
}

uint64_t freshness_due_ms(const struct freshness *f, uint64_t bound_ms)
{
    if (!f->echoes || f->asked)
        return UINT64_MAX;
    if (f->wanted)
        return 0;
    return bound_ms ? f->asked_ms + (bound_ms + 2) / 3 : UINT64_MAX;
}

uint64_t freshness_ask(struct freshness *f, uint64_t now_ms)
{
    f->asked = true;
    f->wanted = false;
    f->asked_ms = now_ms;
    return ++f->number;
}

void freshness_line(struct freshness *f, struct bytes line)
{
    const size_t len = sizeof answer - 1;
    uint64_t number;

    if (!f->asked || line.len <= len || memcmp(line.at, answer, len) != 0 ||
        !bytes_to_u64((struct bytes){ line.at + len, line.len - len }, &number) ||
        number != f->number)
        return;
    f->asked = false;
    f->proved = number;
    f->as_of_ms = f->asked_ms;
    f->by_input = false;
}

void freshness_drained(struct freshness *f, uint64_t now_ms)
{
    if (f->echoes)
        return;
    f->as_of_ms = now_ms;
    f->by_input = true;
}

uint64_t freshness_age_ms(const struct freshness *f, uint64_t now_ms)
{
    if (!f->as_of_ms)
        return UINT64_MAX;
    return now_ms > f->as_of_ms ? now_ms - f->as_of_ms : 0;
}

const char *freshness_word(const struct freshness *f)
{
    return !f->as_of_ms ? "none" : f->by_input ? "input" : "echo";
}
