/*
 * pause, resume - no failover by themselves, for maintenance.
 *
 * Holdfast's sentinels know what a pause is (SENTINEL HF PAUSE): they keep it through restarts, tell each other, and end
 * it by themselves where it was given a time. All are told, so that the one who asks sees that each has heard it.
 *
 * A sentinel of Redis beside them is paused by a quorum that nobody reaches, its own and PAUSE_QUORUM, which it keeps
 * and which has no end of its own; a failover by hand needs no quorum and works.
 */
#include "sentinel/ctl/pause.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "sentinel/ctl/survey.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

enum { PAUSE_SECONDS_MOST = 366 * 86400 };

struct change {
    const char *group;
    bool pause;
    uint64_t seconds; /* 0: until it is resumed */
};

static enum err refused(const struct wire *w, const struct resp_value *reply, struct errmsg *why)
{
    errmsg_set(why, "%s: %.*s", w->target->address, (int)reply->text.len, reply->text.at);
    return ERR_REFUSED;
}

/* ---- a sentinel of Redis ------------------------------------------------------------------------- */

static enum err set_quorum(struct wire *w, const struct change *c, struct errmsg *why)
{
    const struct resp_value *reply;
    char text[24];
    int64_t quorum = 0;
    enum err e = WIRE_CALL(w, &reply, why, "SENTINEL", "MASTER", c->group);

    if (e != OK)
        return e;
    if (reply->kind == RESP_ERROR || !bytes_to_i64(facts_field(reply, "quorum"), &quorum))
        return refused(w, reply, why);
    if (c->pause == (quorum > PAUSE_QUORUM))
        return OK;
    snprintf(text, sizeof text, "%lld",
             (long long)(c->pause ? quorum + PAUSE_QUORUM : quorum - PAUSE_QUORUM));
    if ((e = WIRE_CALL(w, &reply, why, "SENTINEL", "SET", c->group, "quorum", text)) != OK)
        return e;
    return reply->kind == RESP_ERROR ? refused(w, reply, why) : OK;
}

/* ---- one sentinel -------------------------------------------------------------------------------- */

static enum err order(struct wire *w, const struct change *c, const struct resp_value **reply,
                      struct errmsg *why)
{
    char seconds[24];

    if (!c->pause)
        return WIRE_CALL(w, reply, why, "SENTINEL", "HF", "RESUME", c->group);
    if (!c->seconds)
        return WIRE_CALL(w, reply, why, "SENTINEL", "HF", "PAUSE", c->group);
    snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)c->seconds);
    return WIRE_CALL(w, reply, why, "SENTINEL", "HF", "PAUSE", c->group, seconds);
}

/* Whoever does not know the word is one of Redis. A quorum beyond reach is given back to whoever has one. */
static enum err tell(struct wire *w, const struct change *c, struct errmsg *why)
{
    const struct resp_value *reply;
    enum err e = order(w, c, &reply, why);

    if (e != OK)
        return e;
    if (reply->kind != RESP_ERROR)
        return c->pause ? OK : set_quorum(w, c, why);
    if (!facts_begins(reply->text, "ERR unknown subcommand") &&
        !facts_begins(reply->text, "ERR syntax error"))
        return refused(w, reply, why);
    if (c->seconds) {
        errmsg_set(why, "%s: a sentinel of Redis, which knows no pause that ends by itself",
                   w->target->address);
        return ERR_REFUSED;
    }
    return set_quorum(w, c, why);
}

/* ---- all of them --------------------------------------------------------------------------------- */

static void show(const cJSON *value)
{
    static const char *const heads[] = { "SENTINEL", "STATE", NULL };
    const char *done = json_text(value, "state");
    const cJSON *s;
    struct table t;

    table_init(&t, heads);
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(value, "sentinels"))
    {
        table_add(&t, json_text(s, "address"));
        table_add(&t, *json_text(s, "error") ? json_text(s, "error") : done);
    }
    table_print(&t, stdout);
    table_fini(&t);
}

static enum ctl_exit change(const struct options *o, const struct change *c)
{
    struct errmsg why = { 0 };
    struct target *all = xcalloc(TARGETS_MAX, sizeof *all);
    int count = 0, failed = 0;
    enum err found = survey_sentinels(o, c->group, all, &count, &why);
    cJSON *value, *rows;

    if (found != OK) {
        xfree(all);
        return verb_complain(found, &why);
    }
    value = cJSON_CreateObject();
    cJSON_AddStringToObject(value, "group", c->group);
    cJSON_AddStringToObject(value, "state", c->pause ? "paused" : "resumed");
    if (c->seconds)
        cJSON_AddNumberToObject(value, "for_s", (double)c->seconds);
    rows = cJSON_AddArrayToObject(value, "sentinels");
    for (int i = 0; i < count; i++) {
        struct wire w = { 0 };
        cJSON *row = cJSON_CreateObject();
        enum err e = wire_open(&w, o, &all[i], &why);

        if (e == OK)
            e = tell(&w, c, &why);
        wire_close(&w);
        json_put(row, "address", bytes_of(all[i].address));
        if (e != OK)
            json_put(row, "error", bytes_of(why.text));
        cJSON_AddItemToArray(rows, row);
        failed += e != OK;
    }
    xfree(all);
    verb_print(o, value, show);
    if (failed)
        fprintf(
            stderr,
            "holdfastctl: %d of %d sentinels could not be told; say it again once they answer%s\n",
            failed, count, c->pause ? ", a failover is possible until then" : "");
    return failed ? CTL_FAILED : CTL_DONE;
}

/* "90", "90s", "30m", "2h", "1d". */
static bool read_seconds(const char *text, uint64_t *out)
{
    static const struct {
        const char *unit;
        uint64_t seconds;
    } units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
    char *end;
    uint64_t number = strtoull(text, &end, 10);

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (end == text || *text == '-' || strcmp(end, units[i].unit) != 0)
            continue;
        *out = number * units[i].seconds;
        return number >= 1 && number <= PAUSE_SECONDS_MOST / units[i].seconds;
    }
    return false;
}

enum ctl_exit verb_pause(const struct options *o)
{
    struct change c = { .group = o->group, .pause = true };

    if (o->word_count < 2 || read_seconds(o->words[1], &c.seconds))
        return change(o, &c);
    fprintf(stderr,
            "holdfastctl: '%s' is no time between a second and a year, such as 90s, 30m or 2h\n",
            o->words[1]);
    return CTL_USAGE;
}

enum ctl_exit verb_resume(const struct options *o)
{
    struct change c = { .group = o->group };

    return change(o, &c);
}
