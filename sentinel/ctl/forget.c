/*
 * forget - nodes and sentinels that are gone for good leave every sentinel's memory.
 *
 * Sentinels forget by SENTINEL RESET, which forgets everything else too until it is found again: a leader's
 * death in that moment would find nobody to promote. So one sentinel at a time is reset, while the group is
 * well and all others know it, and the next one only once this one knows everybody else again. It works
 * alike with Redis's sentinels. All that are gone are named at once: of a sentinel that is not named, and is
 * away, nobody knows whether it will come back and remember. A durable group's register is what its sentinels
 * learn from: there they lose their membership or their vote first, one after the other.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "sentinel/ctl/survey.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

/* Those to be forgotten. */
struct gone {
    struct target at[WORDS_MAX];
    int count;
};

static bool is_at(const cJSON *one, const char *address)
{
    return strcmp(json_text(one, "address"), address) == 0;
}

static const cJSON *find(const cJSON *all, const char *address)
{
    const cJSON *one;

    cJSON_ArrayForEach(one, all) if (is_at(one, address)) return one;
    return NULL;
}

static const cJSON *nodes_of(const cJSON *s)
{
    return cJSON_GetObjectItemCaseSensitive(s, "nodes");
}

static const cJSON *peers_of(const cJSON *s)
{
    return cJSON_GetObjectItemCaseSensitive(s, "peers");
}

static const cJSON *known_as(const cJSON *s, const char *address)
{
    const cJSON *node = find(nodes_of(s), address);

    return node ? node : find(peers_of(s), address);
}

static bool is_among(const struct gone *g, const char *address)
{
    for (int i = 0; i < g->count; i++)
        if (strcmp(g->at[i].address, address) == 0)
            return true;
    return false;
}

static bool is_gone(const struct gone *g, const cJSON *one)
{
    return is_among(g, json_text(one, "address"));
}

static bool has_any(const cJSON *all, const struct gone *g)
{
    const cJSON *one;

    cJSON_ArrayForEach(one, all) if (is_gone(g, one)) return true;
    return false;
}

static bool knows(const cJSON *s, const struct gone *g)
{
    return has_any(nodes_of(s), g) || has_any(peers_of(s), g);
}

/* ---- is it safe? ---------------------------------------------------------------------------------- */

static bool still_answers(const struct options *o, const struct target *t)
{
    struct wire w = { 0 };
    struct errmsg why;
    enum err e = wire_open(&w, o, t, &why);

    wire_close(&w);
    return e == OK || e == ERR_DENIED;
}

/* What one sentinel has against it. */
static enum err allows(const cJSON *s, const struct gone *g, struct errmsg *why)
{
    const char *leader = json_text(s, "leader");
    const cJSON *node;

    if (is_gone(g, s))
        return OK; /* it is one to be forgotten, and nobody asks it */
    if (*json_text(s, "error")) {
        errmsg_set(why,
                   "every other sentinel has to be there, or it would remember; those that are "
                   "gone for good, too, are named in the same command: %s",
                   json_text(s, "error"));
        return ERR_REFUSED;
    }
    if (is_among(g, leader)) {
        errmsg_set(why, "%s leads: holdfastctl failover first", leader);
        return ERR_REFUSED;
    }
    node = find(nodes_of(s), leader);
    if (!node || strcmp(json_text(node, "state"), "ok") != 0) {
        errmsg_set(why, "the leader %s is not well (%s) at %s: not now", leader,
                   node ? json_text(node, "state") : "unknown", json_text(s, "address"));
        return ERR_REFUSED;
    }
    return OK;
}

/* What may be cut off from us alone, and answers a sentinel: it is not gone. */
static bool is_heard(const cJSON *one)
{
    const char *state = json_text(one, "state");

    return strcmp(state, "ok") == 0 || strcmp(state, "leader gone") == 0;
}

static enum err judge_one(const struct options *o, const cJSON *sentinels, const struct gone *g,
                          const struct target *t, struct errmsg *why)
{
    const cJSON *s, *hears = NULL;
    bool known = false;

    cJSON_ArrayForEach(s, sentinels)
    {
        const cJSON *one = known_as(s, t->address);

        known |= one != NULL;
        if (one && !is_gone(g, s) && is_heard(one))
            hears = s;
    }
    if (!known) {
        errmsg_set(why, "no sentinel knows a node or a sentinel at %s", t->address);
        return ERR_NOTFOUND;
    }
    if (still_answers(o, t)) {
        errmsg_set(why, "%s answers: stop it first, or it would be found again", t->address);
        return ERR_REFUSED;
    }
    if (hears) {
        errmsg_set(why,
                   "%s does not answer here, but the sentinel %s has not missed it: stop it first, "
                   "or wait until it is missed there",
                   t->address, json_text(hears, "address"));
        return ERR_REFUSED;
    }
    return OK;
}

static enum err judge(const struct options *o, const cJSON *survey, const struct gone *g,
                      struct errmsg *why)
{
    const cJSON *sentinels = cJSON_GetObjectItemCaseSensitive(survey, "sentinels"), *s;
    enum err e = OK;

    cJSON_ArrayForEach(s, sentinels) if ((e = allows(s, g, why)) != OK) return e;
    for (int i = 0; i < g->count && e == OK; i++)
        e = judge_one(o, sentinels, g, &g->at[i], why);
    return e;
}

/* ---- one sentinel after the other ----------------------------------------------------------------- */

/* A group's name as a pattern that means nothing else. */
static char *pattern_of(const char *group)
{
    struct buf out = { 0 };
    char *copy;

    for (const char *c = group; *c; c++) {
        if (strchr("*?[]\\", *c))
            buf_putc(&out, '\\');
        buf_putc(&out, *c);
    }
    copy = xstrdup(buf_text(&out));
    buf_fini(&out);
    return copy;
}

/* Everybody that was well before, but for those to be forgotten. */
static bool has_all(const cJSON *now, const cJSON *before, const struct gone *g)
{
    const cJSON *one, *same;

    cJSON_ArrayForEach(one, before)
    {
        if (is_gone(g, one) || strcmp(json_text(one, "state"), "ok") != 0)
            continue;
        same = find(now, json_text(one, "address"));
        if (!same || strcmp(json_text(same, "state"), "ok") != 0)
            return false;
    }
    return true;
}

static enum err gather(struct wire *w, const char *group, cJSON *nodes, cJSON *peers,
                       struct errmsg *why)
{
    const struct resp_value *reply;
    enum err e = facts_nodes(w, group, nodes, why);

    if (e == OK)
        e = WIRE_CALL(w, &reply, why, "SENTINEL", "SENTINELS", group);
    for (size_t i = 0; e == OK && i < reply->count; i++) {
        cJSON *peer = cJSON_CreateObject();

        facts_address(peer, "address", &reply->items[i], "ip", "port");
        cJSON_AddStringToObject(peer, "state", facts_state(facts_field(&reply->items[i], "flags")));
        cJSON_AddItemToArray(peers, peer);
    }
    return e;
}

static enum err wait_whole(struct wire *w, const char *group, const cJSON *before,
                           const struct gone *g, uint64_t deadline_us, struct errmsg *why)
{
    static const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
    bool whole = false, left = true;
    enum err e = OK;

    while (e == OK && (!whole || left)) {
        cJSON *nodes = cJSON_CreateArray(), *peers = cJSON_CreateArray();

        e = gather(w, group, nodes, peers, why);
        whole = has_all(nodes, nodes_of(before), g) && has_all(peers, peers_of(before), g);
        left = has_any(nodes, g) || has_any(peers, g);
        cJSON_Delete(nodes);
        cJSON_Delete(peers);
        if (e == OK && (!whole || left) && clock_read_us() > deadline_us) {
            errmsg_set(why,
                       left ? "%s has heard of it again: somebody still tells of it"
                            : "%s has not found everybody else again yet: look before going on",
                       w->target->address);
            return ERR_TIMEOUT;
        }
        nanosleep(&pause, NULL);
    }
    return e;
}

/* Gives an order to a sentinel of the survey; the wire stays open, and t with it. */
static enum err order(struct wire *w, struct target *t, const struct options *o, const cJSON *s,
                      int argc, const char *const *argv, struct errmsg *why)
{
    const struct resp_value *reply;
    enum err e = target_read(t, bytes_of(json_text(s, "address")), 26379);

    if (e == OK)
        e = wire_open(w, o, t, why);
    if (e == OK)
        e = wire_call(w, &reply, why, argc, argv);
    if (e == OK && reply->kind == RESP_ERROR) {
        errmsg_set(why, "%s: %.*s", t->address, (int)reply->text.len, reply->text.at);
        e = ERR_REFUSED;
    }
    return e;
}

/* As what a durable group's register counts it; NULL: as nothing. */
static const char *counts_as(const cJSON *durable, const char *address)
{
    if (find(cJSON_GetObjectItemCaseSensitive(durable, "members"), address))
        return "MEMBER";
    return find(cJSON_GetObjectItemCaseSensitive(durable, "voters"), address) ? "VOTER" : NULL;
}

static enum err leave_register(const struct options *o, const cJSON *sentinels, const char *address,
                               struct errmsg *why)
{
    const cJSON *s;

    cJSON_ArrayForEach(s, sentinels)
    {
        const char *what = counts_as(cJSON_GetObjectItemCaseSensitive(s, "durable"), address);
        const char *const words[] = { "SENTINEL", "HF", what, "REMOVE", o->group, address };
        struct target t = { 0 };
        struct wire w = { 0 };
        enum err e;

        if (!what)
            continue;
        e = order(&w, &t, o, s, ARRAY_LEN(words), words, why);
        wire_close(&w);
        return e;
    }
    return OK;
}

/* Each is a change of its own: the register allows those that leave it whole. */
static enum err leave_all(const struct options *o, const cJSON *survey, const struct gone *g,
                          struct errmsg *why)
{
    const cJSON *sentinels = cJSON_GetObjectItemCaseSensitive(survey, "sentinels");
    enum err e = OK;

    for (int i = 0; i < g->count && e == OK; i++)
        e = leave_register(o, sentinels, g->at[i].address, why);
    return e;
}

static enum err forget_at(const struct options *o, const cJSON *s, const struct gone *g,
                          struct errmsg *why)
{
    struct target t = { 0 };
    struct wire w = { 0 };
    char *pattern = pattern_of(o->group);
    const char *const words[] = { "SENTINEL", "RESET", pattern };
    enum err e = order(&w, &t, o, s, ARRAY_LEN(words), words, why);

    if (e == OK)
        e = wait_whole(&w, o->group, s, g, clock_read_us() + o->wait_ms * 1000, why);
    wire_close(&w);
    xfree(pattern);
    return e;
}

static void show(const cJSON *value)
{
    static const char *const heads[] = { "SENTINEL", "STATE", NULL };
    const cJSON *s;
    struct table t;

    table_init(&t, heads);
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(value, "sentinels"))
    {
        table_add(&t, json_text(s, "address"));
        table_add(&t, json_text(s, "state"));
    }
    table_print(&t, stdout);
    table_fini(&t);
}

static enum err forget_everywhere(const struct options *o, const cJSON *survey,
                                  const struct gone *g, cJSON *rows, struct errmsg *why)
{
    const cJSON *s;
    enum err e = OK;

    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(survey, "sentinels"))
    {
        cJSON *row;

        if (is_gone(g, s))
            continue;
        row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "address", json_text(s, "address"));
        if (e == OK && knows(s, g)) {
            e = forget_at(o, s, g, why);
            cJSON_AddStringToObject(row, "state", e == OK ? "has forgotten it" : why->text);
        } else {
            cJSON_AddStringToObject(row, "state", e == OK ? "did not know it" : "not asked");
        }
        cJSON_AddItemToArray(rows, row);
    }
    return e;
}

static bool read_gone(struct gone *g, const struct options *o)
{
    for (int i = 1; i < o->word_count; i++)
        if (!verb_read_address(&g->at[g->count++], o->words[i]))
            return false;
    return true;
}

enum ctl_exit verb_forget(const struct options *o)
{
    struct errmsg why = { 0 };
    struct gone g = { 0 };
    cJSON *survey, *value, *names;
    enum err e;

    if (!read_gone(&g, o))
        return CTL_USAGE;
    if ((e = survey_group(o, o->group, &survey, &why)) != OK)
        return verb_complain(e, &why);
    if ((e = judge(o, survey, &g, &why)) != OK || (e = leave_all(o, survey, &g, &why)) != OK) {
        cJSON_Delete(survey);
        verb_complain(e, &why);
        return CTL_FAILED;
    }
    value = cJSON_CreateObject();
    cJSON_AddStringToObject(value, "group", o->group);
    names = cJSON_AddArrayToObject(value, "forgotten");
    for (int i = 0; i < g.count; i++)
        cJSON_AddItemToArray(names, cJSON_CreateString(g.at[i].address));
    e = forget_everywhere(o, survey, &g, cJSON_AddArrayToObject(value, "sentinels"), &why);
    cJSON_Delete(survey);
    verb_print(o, value, show);
    return e == OK ? CTL_DONE : CTL_FAILED;
}
