#include "common/serve/stats.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"

enum { SLOTS_MIN = 256 };

/* Row addresses are unique and not chosen by anybody outside: a multiplication spreads them. */
static size_t slot_of(const struct command *cmd, size_t slot_count)
{
    return (size_t)(((uint64_t)(uintptr_t)cmd * 0x9e3779b97f4a7c15u) >> 32) & (slot_count - 1);
}

static struct command_stats **probe(struct command_stats **slots, size_t slot_count,
                                    const struct command *cmd)
{
    size_t i = slot_of(cmd, slot_count);

    while (slots[i] && slots[i]->cmd != cmd)
        i = (i + 1) & (slot_count - 1);
    return &slots[i];
}

static void grow(struct service_stats *s)
{
    size_t wider = s->slot_count ? s->slot_count * 2 : SLOTS_MIN;
    struct command_stats **slots = xcalloc(wider, sizeof(struct command_stats *));

    for (size_t i = 0; i < s->slot_count; i++)
        if (s->slots[i])
            *probe(slots, wider, s->slots[i]->cmd) = s->slots[i];
    xfree(s->slots);
    s->slots = slots;
    s->slot_count = wider;
}

static size_t bucket_of(uint64_t usec)
{
    size_t power, step;

    if (usec < STATS_STEPS)
        return (size_t)usec;
    power = 63 - (size_t)__builtin_clzll(usec); /* at least 3: the first eight are exact */
    step = (size_t)(usec >> (power - 3)) & (STATS_STEPS - 1);
    power -= 2;
    return power < STATS_POWERS ? power * STATS_STEPS + step : STATS_BUCKETS - 1;
}

uint64_t stats_bucket_top(size_t bucket)
{
    size_t power = bucket / STATS_STEPS, step = bucket % STATS_STEPS;

    if (power == 0)
        return step;
    return ((uint64_t)(STATS_STEPS + step + 1) << (power - 1)) - 1;
}

void stats_fini(struct service_stats *s)
{
    for (size_t i = 0; i < s->slot_count; i++)
        xfree(s->slots[i]);
    xfree(s->slots);
    *s = (struct service_stats){ 0 };
}

struct command_stats *stats_of(struct service_stats *s, const struct command *cmd)
{
    struct command_stats **slot;

    if (s->used * 2 >= s->slot_count)
        grow(s);
    slot = probe(s->slots, s->slot_count, cmd);
    if (!*slot) {
        *slot = xcalloc(1, sizeof **slot);
        (*slot)->cmd = cmd;
        s->used++;
    }
    return *slot;
}

const struct command_stats *stats_find(const struct service_stats *s, const struct command *cmd)
{
    return s->slot_count ? *probe(s->slots, s->slot_count, cmd) : NULL;
}

void stats_count(struct command_stats *c, uint64_t usec)
{
    c->calls++;
    c->usec += usec;
    c->buckets[bucket_of(usec)]++;
}

void stats_count_error(struct service_stats *s, const char *word)
{
    struct error_stats *e;

    s->error_replies++;
    for (size_t i = 0; i < s->error_count; i++)
        if (strcmp(s->errors[i].word, word) == 0) {
            s->errors[i].count++;
            return;
        }
    if (s->error_count == STATS_ERRORS_MAX) {
        s->errors[STATS_ERRORS_MAX - 1].count++;
        return;
    }
    e = &s->errors[s->error_count++];
    snprintf(e->word, sizeof e->word, "%s", word);
    e->count = 1;
}

void stats_reset(struct service_stats *s)
{
    struct command_stats **slots = s->slots;
    size_t slot_count = s->slot_count, used = s->used;

    for (size_t i = 0; i < slot_count; i++)
        if (slots[i])
            *slots[i] = (struct command_stats){ .cmd = slots[i]->cmd };
    *s = (struct service_stats){ .slots = slots, .slot_count = slot_count, .used = used };
}

double stats_percentile(const struct command_stats *c, double share)
{
    uint64_t wanted = (uint64_t)((double)c->calls * share + 0.5), seen = 0;

    if (wanted == 0)
        wanted = 1;
    for (size_t i = 0; i < STATS_BUCKETS; i++) {
        seen += c->buckets[i];
        if (seen >= wanted)
            return (double)stats_bucket_top(i);
    }
    return 0;
}
