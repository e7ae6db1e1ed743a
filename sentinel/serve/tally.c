#include "sentinel/serve/tally.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"

const char *const tally_phase_words[PHASE_COUNT] = {
    [PHASE_NONE] = "none",     [PHASE_AGREEMENT] = "agreement", [PHASE_ELECTION] = "election",
    [PHASE_CHOICE] = "choice", [PHASE_PROMOTION] = "promotion", [PHASE_REPOINTING] = "repointing",
};

const char *const tally_outcome_words[ENDED_COUNT] = {
    [ENDED_DONE] = "done",
    [ENDED_DONE_FOR_TIMEOUT] = "done_for_timeout",
    [ENDED_NOT_ELECTED] = "not_elected",
    [ENDED_NO_GOOD_SLAVE] = "no_good_slave",
    [ENDED_SLAVE_TIMEOUT] = "slave_timeout",
    [ENDED_MASTER_TIMEOUT] = "master_timeout",
    [ENDED_REFUSED] = "refused",
};

const double tally_bounds[TALLY_BUCKETS] = { 0.001, 0.004, 0.016, 0.064, 0.256, 1, 4, 16, 64 };

/* What an event says about phases: one ends, if it ran, and the next one begins. */
static const struct {
    const char *event;
    enum tally_phase ends, begins;
} steps[] = {
    { "+sdown", PHASE_NONE, PHASE_AGREEMENT },
    { "-sdown", PHASE_NONE, PHASE_NONE },
    { "+odown", PHASE_AGREEMENT, PHASE_NONE },
    { "+try-failover", PHASE_NONE, PHASE_ELECTION },
    { "+elected-leader", PHASE_ELECTION, PHASE_CHOICE },
    { "+selected-slave", PHASE_CHOICE, PHASE_PROMOTION },
    { "+promoted-slave", PHASE_PROMOTION, PHASE_REPOINTING },
    { "+failover-end", PHASE_REPOINTING, PHASE_NONE },
};

static const struct {
    const char *event;
    enum tally_outcome outcome;
} aborts[] = {
    { "-failover-abort-not-elected", ENDED_NOT_ELECTED },
    { "-failover-abort-no-good-slave", ENDED_NO_GOOD_SLAVE },
    { "-failover-abort-slave-timeout", ENDED_SLAVE_TIMEOUT },
    { "-failover-abort-master-timeout", ENDED_MASTER_TIMEOUT },
    { "-failover-abort-refused", ENDED_REFUSED },
};

void tally_fini(struct tally *t)
{
    while (t->groups) {
        struct tally_group *g = t->groups;

        t->groups = g->next;
        xfree(g);
    }
    *t = (struct tally){ .event_count = 0 };
}

static void count_event(struct tally *t, const char *event)
{
    size_t i = 0;

    while (i < t->event_count && strcmp(t->events[i].name, event) != 0)
        i++;
    if (i == TALLY_EVENTS_MAX || strlen(event) >= TALLY_EVENT_BYTES)
        return;
    if (i == t->event_count)
        snprintf(t->events[t->event_count++].name, TALLY_EVENT_BYTES, "%s", event);
    t->events[i].count++;
}

bool tally_group_of(const char *text, bool *out_leader, char *out)
{
    const char *at = strstr(text, " @ "), *name = at ? at + 3 : text + strlen("master ");
    size_t len;

    *out_leader = strncmp(text, "master ", strlen("master ")) == 0;
    if (!at && !*out_leader)
        return false;
    len = strcspn(name, " ");
    if (len == 0 || len > NAME_LEN_MAX)
        return false;
    memcpy(out, name, len);
    out[len] = '\0';
    return true;
}

const struct tally_group *tally_find(const struct tally *t, const char *name)
{
    const struct tally_group *g = t->groups;

    while (g && strcmp(g->name, name) != 0)
        g = g->next;
    return g;
}

static struct tally_group *want_group(struct tally *t, const char *name)
{
    struct tally_group *g = (struct tally_group *)tally_find(t, name);

    if (g)
        return g;
    g = xcalloc(1, sizeof *g);
    snprintf(g->name, sizeof g->name, "%s", name);
    g->next = t->groups;
    t->groups = g;
    return g;
}

static void forget_group(struct tally *t, const char *name)
{
    for (struct tally_group **at = &t->groups; *at; at = &(*at)->next) {
        struct tally_group *g = *at;

        if (strcmp(g->name, name) != 0)
            continue;
        *at = g->next;
        xfree(g);
        return;
    }
}

static void count_duration(struct tally_duration *d, uint64_t usec)
{
    d->count++;
    d->usec += usec;
    for (int i = 0; i < TALLY_BUCKETS; i++)
        d->buckets[i] += (double)usec <= tally_bounds[i] * 1e6;
}

static void enter(struct tally_group *g, enum tally_phase ends, enum tally_phase begins,
                  uint64_t now_us)
{
    if (ends != PHASE_NONE && g->phase == ends)
        count_duration(&g->phases[ends], now_us > g->entered_us ? now_us - g->entered_us : 0);
    g->phase = begins;
    g->entered_us = now_us;
}

/* Of a failover's own phases nothing that is said of the old leader's health takes us out. */
static bool is_about_phases(const struct tally_group *g, const char *event)
{
    return g->phase <= PHASE_AGREEMENT ||
           (strcmp(event, "+sdown") != 0 && strcmp(event, "-sdown") != 0 &&
            strcmp(event, "+odown") != 0);
}

bool tally_abort_of(const char *event, enum tally_outcome *out)
{
    for (size_t i = 0; i < ARRAY_LEN(aborts); i++)
        if (strcmp(event, aborts[i].event) == 0) {
            *out = aborts[i].outcome;
            return true;
        }
    return false;
}

static void note_outcome(struct tally_group *g, const char *event)
{
    enum tally_outcome outcome;

    if (tally_abort_of(event, &outcome)) {
        g->outcomes[outcome]++;
        g->phase = PHASE_NONE;
    }
    if (strcmp(event, "+failover-end-for-timeout") == 0) {
        g->late = true;
    } else if (strcmp(event, "+failover-end") == 0) {
        g->outcomes[g->late ? ENDED_DONE_FOR_TIMEOUT : ENDED_DONE]++;
        g->late = false;
    }
}

void tally_note(struct tally *t, const char *event, const char *text, uint64_t now_us)
{
    char name[NAME_LEN_MAX + 1];
    struct tally_group *g;
    bool leader;

    count_event(t, event);
    if (!tally_group_of(text, &leader, name))
        return;
    if (strcmp(event, "-monitor") == 0) {
        forget_group(t, name);
        return;
    }
    if (!leader && (strcmp(event, "+sdown") == 0 || strcmp(event, "-sdown") == 0))
        return;
    g = want_group(t, name);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (strcmp(event, steps[i].event) == 0 && is_about_phases(g, event))
            enter(g, steps[i].ends, steps[i].begins, now_us);
    note_outcome(g, event);
}
