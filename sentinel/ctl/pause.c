/*
 * pause, resume - no failover by themselves, for maintenance.
 *
 * A group is paused by a quorum that nobody reaches: its own and PAUSE_QUORUM. That is kept by every
 * sentinel, Redis's too, through restarts, shown by everything that shows the quorum, and told by
 * CKQUORUM; a failover by hand needs no quorum and works. It has to be said to every sentinel, those that
 * the first one knows included: one that is missed could still find the others' verdicts and votes.
 */
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "sentinel/ctl/pause.h"
#include "sentinel/ctl/survey.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

static enum err set_quorum(struct wire *w, const char *group, bool pause, struct errmsg *why)
{
    const struct resp_value *reply;
    char text[24];
    int64_t quorum = 0;
    enum err e = WIRE_CALL(w, &reply, why, "SENTINEL", "MASTER", group);

    if (e != OK)
        return e;
    if (reply->kind == RESP_ERROR || !bytes_to_i64(facts_field(reply, "quorum"), &quorum)) {
        errmsg_set(why, "%s: %.*s", w->target->address, (int)reply->text.len, reply->text.at);
        return ERR_NOTFOUND;
    }
    if (pause == (quorum > PAUSE_QUORUM))
        return OK;
    snprintf(text, sizeof text, "%lld",
             (long long)(pause ? quorum + PAUSE_QUORUM : quorum - PAUSE_QUORUM));
    if ((e = WIRE_CALL(w, &reply, why, "SENTINEL", "SET", group, "quorum", text)) != OK)
        return e;
    if (reply->kind != RESP_ERROR)
        return OK;
    errmsg_set(why, "%s: %.*s", w->target->address, (int)reply->text.len, reply->text.at);
    return ERR_REFUSED;
}

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

static enum ctl_exit change(const struct options *o, bool pause)
{
    struct errmsg why = { 0 };
    struct target *all = xcalloc(TARGETS_MAX, sizeof *all);
    int count = survey_sentinels(o, o->group, all, &why), failed = 0;
    cJSON *value = cJSON_CreateObject(), *rows;

    cJSON_AddStringToObject(value, "group", o->group);
    cJSON_AddStringToObject(value, "state", pause ? "paused" : "resumed");
    rows = cJSON_AddArrayToObject(value, "sentinels");
    for (int i = 0; i < count; i++) {
        struct wire w = { 0 };
        cJSON *row = cJSON_CreateObject();
        enum err e = wire_open(&w, o, &all[i], &why);

        if (e == OK)
            e = set_quorum(&w, o->group, pause, &why);
        wire_close(&w);
        json_put(row, "address", bytes_of(all[i].address));
        if (e != OK)
            json_put(row, "error", bytes_of(why.text));
        cJSON_AddItemToArray(rows, row);
        failed += e != OK;
    }
    xfree(all);
    if (count == 0) {
        cJSON_Delete(value);
        return verb_complain(ERR_CLOSED, &why);
    }
    verb_print(o, value, show);
    if (failed)
        fprintf(
            stderr,
            "holdfastctl: %d of %d sentinels could not be told; say it again once they answer%s\n",
            failed, count, pause ? ", a failover is possible until then" : "");
    return failed ? CTL_FAILED : CTL_DONE;
}

enum ctl_exit verb_pause(const struct options *o)
{
    return change(o, true);
}

enum ctl_exit verb_resume(const struct options *o)
{
    return change(o, false);
}
