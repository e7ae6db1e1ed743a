/*
 * forget - a node or a sentinel that is gone for good leaves every sentinel's memory.
 *
 * Sentinels forget by SENTINEL RESET, which forgets everything else too until it is found again: a leader's
 * death in that moment would find nobody to promote. So one sentinel at a time is reset, while the group is
 * well and all others know it, and the next one only once this one knows everybody else again. It works
 * alike with Redis's sentinels. A durable group's register is what its sentinels learn from: there it loses
 * its membership or its vote first.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "sentinel/ctl/survey.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

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

static bool knows(const cJSON *s, const char *address)
{
    return find(nodes_of(s), address) || find(peers_of(s), address);
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
static enum err allows(const cJSON *s, const char *address, struct errmsg *why)
{
    const cJSON *node;

    if (is_at(s, address))
        return OK; /* it is the one to be forgotten, and nobody asks it */
    if (*json_text(s, "error")) {
        errmsg_set(why, "every other sentinel has to be there, or it would remember: %s",
                   json_text(s, "error"));
        return ERR_REFUSED;
    }
    if (strcmp(json_text(s, "leader"), address) == 0) {
        errmsg_set(why, "%s leads: holdfastctl failover first", address);
        return ERR_REFUSED;
    }
    node = find(nodes_of(s), json_text(s, "leader"));
    if (!node || strcmp(json_text(node, "state"), "ok") != 0) {
        errmsg_set(why, "the leader %s is not well (%s) at %s: not now", json_text(s, "leader"),
                   node ? json_text(node, "state") : "unknown", json_text(s, "address"));
        return ERR_REFUSED;
    }
    return OK;
}

static enum err judge(const struct options *o, const cJSON *survey, const struct target *t,
                      struct errmsg *why)
{
    const cJSON *s;
    bool known = false;
    enum err e;

    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(survey, "sentinels"))
    {
        if ((e = allows(s, t->address, why)) != OK)
            return e;
        known |= knows(s, t->address);
    }
    if (!known) {
        errmsg_set(why, "no sentinel knows a node or a sentinel at %s", t->address);
        return ERR_NOTFOUND;
    }
    if (still_answers(o, t)) {
        errmsg_set(why, "%s answers: stop it first, or it would be found again", t->address);
        return ERR_REFUSED;
    }
    return OK;
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

/* Everybody that was well before, but for the one to be forgotten. */
static bool has_all(const cJSON *now, const cJSON *before, const char *address)
{
    const cJSON *one, *same;

    cJSON_ArrayForEach(one, before)
    {
        if (is_at(one, address) || strcmp(json_text(one, "state"), "ok") != 0)
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
                           const char *address, uint64_t deadline_us, struct errmsg *why)
{
    static const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
    bool whole = false, gone = false;
    enum err e = OK;

    while (e == OK && !(whole && gone)) {
        cJSON *nodes = cJSON_CreateArray(), *peers = cJSON_CreateArray();

        e = gather(w, group, nodes, peers, why);
        whole =
            has_all(nodes, nodes_of(before), address) && has_all(peers, peers_of(before), address);
        gone = !find(nodes, address) && !find(peers, address);
        cJSON_Delete(nodes);
        cJSON_Delete(peers);
        if (e == OK && !(whole && gone) && clock_read_us() > deadline_us) {
            errmsg_set(why,
                       gone ? "%s has not found everybody else again yet: look before going on"
                            : "%s has heard of it again: somebody still tells of it",
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

static enum err leave_register(const struct options *o, const cJSON *survey, const char *address,
                               struct errmsg *why)
{
    const cJSON *s;

    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(survey, "sentinels"))
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

static enum err forget_at(const struct options *o, const cJSON *s, const char *address,
                          struct errmsg *why)
{
    struct target t = { 0 };
    struct wire w = { 0 };
    char *pattern = pattern_of(o->group);
    const char *const words[] = { "SENTINEL", "RESET", pattern };
    enum err e = order(&w, &t, o, s, ARRAY_LEN(words), words, why);

    if (e == OK)
        e = wait_whole(&w, o->group, s, address, clock_read_us() + o->wait_ms * 1000, why);
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

static enum err forget_everywhere(const struct options *o, const cJSON *survey, const char *address,
                                  cJSON *rows, struct errmsg *why)
{
    const cJSON *s;
    enum err e = OK;

    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(survey, "sentinels"))
    {
        cJSON *row;

        if (is_at(s, address))
            continue;
        row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "address", json_text(s, "address"));
        if (e == OK && knows(s, address)) {
            e = forget_at(o, s, address, why);
            cJSON_AddStringToObject(row, "state", e == OK ? "has forgotten it" : why->text);
        } else {
            cJSON_AddStringToObject(row, "state", e == OK ? "did not know it" : "not asked");
        }
        cJSON_AddItemToArray(rows, row);
    }
    return e;
}

enum ctl_exit verb_forget(const struct options *o)
{
    struct errmsg why = { 0 };
    struct target t = { 0 };
    cJSON *survey, *value;
    enum err e;

    if (target_read(&t, bytes_of(o->words[1]), 6379) != OK) {
        fprintf(stderr, "holdfastctl: '%s' is no address: want host:port\n", o->words[1]);
        return CTL_USAGE;
    }
    survey = survey_group(o, o->group, &why);
    if (!survey)
        return verb_complain(strstr(why.text, "No such") ? ERR_NOTFOUND : ERR_CLOSED, &why);
    if ((e = judge(o, survey, &t, &why)) != OK ||
        (e = leave_register(o, survey, t.address, &why)) != OK) {
        cJSON_Delete(survey);
        verb_complain(e, &why);
        return CTL_FAILED;
    }
    value = cJSON_CreateObject();
    cJSON_AddStringToObject(value, "group", o->group);
    cJSON_AddStringToObject(value, "forgotten", t.address);
    e = forget_everywhere(o, survey, t.address, cJSON_AddArrayToObject(value, "sentinels"), &why);
    cJSON_Delete(survey);
    verb_print(o, value, show);
    return e == OK ? CTL_DONE : CTL_FAILED;
}
