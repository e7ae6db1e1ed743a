#include "sentinel/serve/history.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"

const char *const history_mark_words[MARK_COUNT] = {
    [MARK_SUSPECTED] = "suspected", [MARK_AGREED] = "agreed", [MARK_STARTED] = "started",
    [MARK_ELECTED] = "elected",     [MARK_CHOSEN] = "chosen", [MARK_PROMOTED] = "promoted",
    [MARK_ENDED] = "ended",
};

const char *const history_phase_words[MARK_COUNT] = {
    [MARK_SUSPECTED] = "agreement", [MARK_AGREED] = "turn",      [MARK_STARTED] = "election",
    [MARK_ELECTED] = "choice",      [MARK_CHOSEN] = "promotion", [MARK_PROMOTED] = "repointing",
    [MARK_ENDED] = "none",
};

/* ---- words of an event ---- */

/* The next word of *rest, cut off there; "" at the end. */
static struct bytes next_word(const char **rest)
{
    size_t len;
    struct bytes word;

    *rest += strspn(*rest, " ");
    len = strcspn(*rest, " ");
    word = (struct bytes){ *rest, len };
    *rest += len;
    return word;
}

static void skip_words(const char **rest, int count)
{
    while (count-- > 0)
        (void)next_word(rest);
}

static void read_addr(const char **rest, struct addr *out)
{
    struct bytes host = next_word(rest), port = next_word(rest);
    int64_t number;

    if (bytes_to_i64(port, &number))
        (void)addr_set(out, host, number);
}

static void keep_id(char *out, struct bytes id)
{
    if (id.len == ID_LEN)
        memcpy(out, id.at, ID_LEN);
}

/* ---- stories ---- */

static bool has(const struct history_story *s, enum history_mark m)
{
    return s->item.marks & (1u << m);
}

static void mark(struct history_story *s, enum history_mark m, const struct history_event *e)
{
    s->item.marks |= 1u << m;
    s->item.at_us[m] = e->now_us > s->begun_us ? e->now_us - s->begun_us : 0;
}

static void unmark_from(struct history_story *s, enum history_mark m)
{
    s->item.marks &= (1u << m) - 1;
}

static void begin(struct history_story *s, const struct history_event *e)
{
    char group[NAME_LEN_MAX + 1];

    memcpy(group, s->item.group, sizeof group);
    s->item = (struct history_item){ .wall_ms = e->wall_ms, .silent_us = e->silent_us };
    memcpy(s->item.group, group, sizeof group);
    s->begun_us = e->now_us;
    s->open = true;
    s->late = s->told = false;
}

static void store(struct history *h, struct history_story *s, enum tally_outcome outcome)
{
    if (!h->items)
        h->items = xcalloc(HISTORY_MAX, sizeof *h->items);
    s->item.outcome = outcome;
    if (!s->item.number)
        s->item.number = ++h->last;
    if (s->item.number + HISTORY_MAX > h->last)
        h->items[s->item.number % HISTORY_MAX] = s->item;
}

static bool finish(struct history *h, struct history_story *s, const struct history_event *e)
{
    mark(s, MARK_ENDED, e);
    store(h, s, s->late ? ENDED_DONE_FOR_TIMEOUT : ENDED_DONE);
    s->open = false;
    return true;
}

/* ---- one function per event: true if the ring changed ---- */

typedef bool heard_fn(struct history *, struct history_story *, const struct history_event *);

/* "master NAME ip port" */
static void note_from(struct history_story *s, const struct history_event *e)
{
    const char *rest = e->text;

    skip_words(&rest, 2);
    read_addr(&rest, &s->item.from);
}

static bool suspected(struct history *h, struct history_story *s, const struct history_event *e)
{
    bool changed = false;

    if (s->open && has(s, MARK_PROMOTED))
        changed = finish(h, s, e); /* it is about the new leader */
    if (s->open && (has(s, MARK_AGREED) || has(s, MARK_STARTED)))
        return changed;
    begin(s, e);
    note_from(s, e);
    mark(s, MARK_SUSPECTED, e);
    return changed;
}

static bool agreed(struct history *h, struct history_story *s, const struct history_event *e)
{
    bool changed = false;

    if (s->open && has(s, MARK_PROMOTED))
        changed = finish(h, s, e);
    if (s->open && has(s, MARK_AGREED))
        return changed;
    if (!s->open)
        begin(s, e);
    note_from(s, e);
    mark(s, MARK_AGREED, e);
    return changed;
}

/* The leader is back. An attempt that runs goes on, and tells its own end. */
static bool back(struct history *h, struct history_story *s, const struct history_event *e)
{
    if (!has(s, MARK_STARTED))
        s->open = false;
    return false;
}

static bool tried(struct history *h, struct history_story *s, const struct history_event *e)
{
    if (!s->open) {
        begin(s, e);
        s->item.silent_us = 0;
    }
    s->told = false;
    s->item.captain[0] = '\0';
    s->item.planned = !has(s, MARK_AGREED);
    s->item.attempts++;
    note_from(s, e);
    unmark_from(s, MARK_STARTED);
    mark(s, MARK_STARTED, e);
    return false;
}

static bool elected(struct history *h, struct history_story *s, const struct history_event *e)
{
    if (s->open)
        mark(s, MARK_ELECTED, e);
    return false;
}

/* "slave ip:port ip port @ …" */
static bool chosen(struct history *h, struct history_story *s, const struct history_event *e)
{
    const char *rest = e->text;

    if (!s->open)
        return false;
    skip_words(&rest, 2);
    read_addr(&rest, &s->item.to);
    mark(s, MARK_CHOSEN, e);
    return false;
}

static bool promoted(struct history *h, struct history_story *s, const struct history_event *e)
{
    if (s->open)
        mark(s, MARK_PROMOTED, e);
    return false;
}

/* "sentinel ID ip port @ …": what follows is another's work. */
static bool told(struct history *h, struct history_story *s, const struct history_event *e)
{
    const char *rest = e->text;

    if (s->open && has(s, MARK_PROMOTED))
        return false;
    if (!s->open) {
        begin(s, e);
        s->item.silent_us = 0;
    }
    s->told = true;
    s->item.planned = !has(s, MARK_AGREED) && !has(s, MARK_SUSPECTED);
    skip_words(&rest, 1);
    keep_id(s->item.captain, next_word(&rest));
    return false;
}

/* "NAME ip port ip port" */
static bool switched(struct history *h, struct history_story *s, const struct history_event *e)
{
    const char *rest = e->text;

    if (!s->open || (!s->told && !has(s, MARK_PROMOTED)))
        return false;
    skip_words(&rest, 1);
    read_addr(&rest, &s->item.from);
    read_addr(&rest, &s->item.to);
    if (!s->told)
        return false;
    unmark_from(s, MARK_STARTED);
    mark(s, MARK_PROMOTED, e);
    return finish(h, s, e);
}

static bool late(struct history *h, struct history_story *s, const struct history_event *e)
{
    s->late = s->open;
    return false;
}

static bool ended(struct history *h, struct history_story *s, const struct history_event *e)
{
    return s->open && has(s, MARK_PROMOTED) && finish(h, s, e);
}

static const struct {
    const char *event;
    heard_fn *heard;
    bool of_leader; /* said of followers too, and then it is nothing to us */
} rows[] = {
    { "+sdown", suspected, true },
    { "+odown", agreed, true },
    { "-sdown", back, true },
    { "-odown", back, true },
    { "+try-failover", tried, true },
    { "+elected-leader", elected, true },
    { "+selected-slave", chosen },
    { "+promoted-slave", promoted },
    { "+config-update-from", told },
    { "+switch-master", switched },
    { "+failover-end-for-timeout", late, true },
    { "+failover-end", ended, true },
};

/* What an attempt came to. An outage goes on; what an operator asked for is over. */
static bool aborted(struct history *h, struct history_story *s, const struct history_event *e,
                    enum tally_outcome outcome)
{
    if (!s->open)
        return false;
    mark(s, MARK_ENDED, e);
    store(h, s, outcome);
    unmark_from(s, MARK_STARTED);
    s->item.to = (struct addr){ .port = 0 };
    s->open = has(s, MARK_AGREED);
    return true;
}

/* ---- groups ---- */

static struct history_story *find_story(const struct history *h, const char *group)
{
    struct history_story *s = h->stories;

    while (s && strcmp(s->item.group, group) != 0)
        s = s->next;
    return s;
}

static struct history_story *want_story(struct history *h, const char *group)
{
    struct history_story *s = find_story(h, group);

    if (s)
        return s;
    s = xcalloc(1, sizeof *s);
    snprintf(s->item.group, sizeof s->item.group, "%s", group);
    s->next = h->stories;
    h->stories = s;
    return s;
}

static void forget_story(struct history *h, const char *group)
{
    for (struct history_story **at = &h->stories; *at; at = &(*at)->next) {
        struct history_story *s = *at;

        if (strcmp(s->item.group, group) != 0)
            continue;
        *at = s->next;
        xfree(s);
        return;
    }
}

/* +switch-master begins with the name itself. */
static bool group_of(const struct history_event *e, bool *out_leader, char *out)
{
    const char *rest = e->text;
    struct bytes name;

    if (strcmp(e->name, "+switch-master") != 0)
        return tally_group_of(e->text, out_leader, out);
    name = next_word(&rest);
    if (name.len == 0 || name.len > NAME_LEN_MAX)
        return false;
    *out_leader = true;
    memcpy(out, name.at, name.len);
    out[name.len] = '\0';
    return true;
}

bool history_note(struct history *h, const struct history_event *e)
{
    char group[NAME_LEN_MAX + 1];
    enum tally_outcome outcome;
    bool leader;

    if (!group_of(e, &leader, group))
        return false;
    if (strcmp(e->name, "-monitor") == 0)
        forget_story(h, group);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(e->name, rows[i].event) == 0 && (leader || !rows[i].of_leader))
            return rows[i].heard(h, want_story(h, group), e);
    return tally_abort_of(e->name, &outcome) && aborted(h, want_story(h, group), e, outcome);
}

void history_fini(struct history *h)
{
    while (h->stories) {
        struct history_story *s = h->stories;

        h->stories = s->next;
        xfree(s);
    }
    xfree(h->items);
    *h = (struct history){ .last = 0 };
}

/* ---- questions ---- */

const struct history_item *history_before(const struct history *h, const char *group,
                                          uint64_t number)
{
    uint64_t n = number > h->last ? h->last : number - (number > 0);

    for (; n > 0 && n + HISTORY_MAX > h->last; n--) {
        const struct history_item *item = &h->items[n % HISTORY_MAX];

        if (item->number == n && (!*group || strcmp(item->group, group) == 0))
            return item;
    }
    return NULL;
}

const struct history_item *history_open(const struct history *h, const char *group)
{
    const struct history_story *s = find_story(h, group);

    if (!s || !s->open || s->item.number || !(has(s, MARK_AGREED) || has(s, MARK_STARTED)))
        return NULL;
    return &s->item;
}
