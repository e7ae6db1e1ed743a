/*
 * failover - asks for a planned failover and waits until its outcome was seen.
 *
 * A sentinel answers OK at once and works on. So this listens to its events before it asks, and the
 * outcome is what was observed: another leader, or an abort with its reason. When the sentinel goes
 * away meanwhile, the others of the list are asked who leads until the wait is over; if nobody can
 * tell, the outcome is unknown, and that is an exit status of its own.
 *
 * failover with an address is only asked for where the node there leads: what a machine says that is about to
 * stop. The address may be any by which the node is reached, loopback too: its run id tells. switchover with
 * an address hands over to the node there, as the sentinels know it, and has nothing to do where that one leads.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "sentinel/ctl/facts.h"
#include "sentinel/ctl/newest.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

struct failover {
    const struct options *o;
    struct target to; /* switchover; no host: whoever is chosen */
    struct wire calls, events;
    char before[300], after[300];
    uint64_t began_us, deadline_us;
    bool needless; /* nothing was asked: the lead is where it should be */
    char reason[512];
};

static bool is_prefix(struct bytes text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.at, prefix, len) == 0;
}

/* Whether word number n of a payload is this one, words being divided by single blanks. */
static bool word_is(struct bytes payload, int n, const char *word)
{
    while (payload.len) {
        const char *blank = memchr(payload.at, ' ', payload.len);
        size_t len = blank ? (size_t)(blank - payload.at) : payload.len;

        if (n-- == 0)
            return bytes_is((struct bytes){ payload.at, len }, word);
        payload.at += len + (blank != NULL);
        payload.len -= len + (blank != NULL);
    }
    return false;
}

/* "name old…" of +switch-master, "master name …", or "slave … @ name …". */
static bool is_about(struct bytes channel, struct bytes payload, const char *group)
{
    if (bytes_is(channel, "+switch-master"))
        return word_is(payload, 0, group);
    return (word_is(payload, 0, "master") && word_is(payload, 1, group)) ||
           (word_is(payload, 4, "@") && word_is(payload, 5, group));
}

static double elapsed_ms(const struct failover *f)
{
    return (double)(clock_read_us() - f->began_us) / 1000;
}

static void tell(const struct failover *f, struct bytes channel, struct bytes payload)
{
    char *event, *facts;

    if (f->o->json)
        return;
    event = printable(channel);
    facts = printable(payload);
    printf("%8.1f ms  %s  %s\n", elapsed_ms(f), event, facts);
    fflush(stdout);
    xfree(event);
    xfree(facts);
}

/* Another leader than before, according to whoever of the list knows the newest. */
static bool leader_moved(struct failover *f)
{
    struct claim claim;
    struct errmsg why;

    if (newest_claim(f->o, &claim, &why) != OK)
        return false;
    snprintf(f->after, sizeof f->after, "%s", claim.address);
    return strcmp(f->after, f->before) != 0;
}

/* The sentinel that was asked has gone: only the others can tell. */
static enum ctl_exit ask_around(struct failover *f)
{
    static const struct timespec pause = { .tv_nsec = 200 * 1000 * 1000 };

    do {
        if (leader_moved(f))
            return CTL_DONE;
        nanosleep(&pause, NULL);
    } while (clock_read_us() < f->deadline_us);
    snprintf(f->reason, sizeof f->reason, "no sentinel can tell what came of it");
    return CTL_UNKNOWN;
}

/* Follows events until one of them decides. */
static enum ctl_exit watch(struct failover *f)
{
    for (;;) {
        const struct resp_value *push;
        struct errmsg why;
        enum err e = wire_read(&f->events, f->deadline_us, &push, &why);
        struct bytes channel, payload;

        if (e == ERR_TIMEOUT) {
            if (leader_moved(f))
                return CTL_DONE;
            snprintf(f->reason, sizeof f->reason,
                     "nothing decisive happened within %.0f s; %s still leads",
                     (double)f->o->wait_ms / 1000, f->before);
            return CTL_UNKNOWN;
        }
        if (e != OK)
            return ask_around(f);
        if (push->count != 4 || !bytes_is(push->items[0].text, "pmessage"))
            continue;
        channel = push->items[2].text;
        payload = push->items[3].text;
        if (!is_about(channel, payload, f->o->group))
            continue;
        tell(f, channel, payload);
        if (bytes_is(channel, "+switch-master"))
            return leader_moved(f) ? CTL_DONE : ask_around(f);
        if (is_prefix(channel, "-failover-abort")) {
            snprintf(f->reason, sizeof f->reason, "given up: %.*s", (int)channel.len, channel.at);
            return CTL_FAILED;
        }
    }
}

/* A field of INFO, cut to cap. */
static enum err info_of(struct wire *w, const char *section, const char *field, char *out,
                        size_t cap, struct errmsg *why)
{
    const struct resp_value *reply;
    enum err e = WIRE_CALL(w, &reply, why, "INFO", section);
    struct bytes value = { "", 0 };

    if (e == OK)
        value = facts_info(reply->text, field);
    snprintf(out, cap, "%.*s", (int)value.len, value.at);
    return e;
}

/* ERR_NOTFOUND: it says itself that it leads nothing. What the sentinel knows may be a moment old, so where it knows
 * another leader than a node that leads, nobody can tell yet what there is to do. */
static enum err leads(struct failover *f, const char *address, struct errmsg *why)
{
    const struct resp_value *reply;
    struct target t = { .is_node = true };
    struct wire w = { 0 };
    char run_id[64] = "", role[16] = "";
    enum err e = target_read(&t, bytes_of(address), 6379);

    if (e != OK)
        errmsg_set(why, "'%s' is no address: want host:port", address);
    if (e == OK)
        e = wire_open(&w, f->o, &t, why);
    if (e == OK)
        e = info_of(&w, "replication", "role", role, sizeof role, why);
    if (e == OK)
        e = info_of(&w, "server", "run_id", run_id, sizeof run_id, why);
    wire_close(&w);
    e = trouble_of_node(e);
    if (e == OK && strcmp(role, "master") != 0)
        return ERR_NOTFOUND;
    if (e == OK)
        e = WIRE_CALL(&f->calls, &reply, why, "SENTINEL", "MASTER", f->o->group);
    if (e == OK && !(*run_id && bytes_is(facts_field(reply, "runid"), run_id))) {
        errmsg_set(why, "%s leads, and the sentinel does not know it as the leader: ask again",
                   address);
        e = ERR_REFUSED;
    }
    return e;
}

/* ERR_NOTFOUND: it leads already. */
static enum err read_destination(struct failover *f, struct errmsg *why)
{
    if (target_read(&f->to, bytes_of(f->o->words[1]), 6379) != OK) {
        errmsg_set(why, "'%s' is no address: want host:port", f->o->words[1]);
        return ERR_SYNTAX;
    }
    return strcmp(f->to.address, f->before) == 0 ? ERR_NOTFOUND : OK;
}

/* ERR_NOTFOUND: there is nothing to do. */
static enum err read_address(struct failover *f, struct errmsg *why)
{
    if (f->o->word_count < 2)
        return OK;
    return strcmp(f->o->verb, "switchover") == 0 ? read_destination(f, why)
                                                 : leads(f, f->o->words[1], why);
}

static enum err order(struct failover *f, const struct resp_value **reply, struct errmsg *why)
{
    char port[8];

    if (!f->to.host[0])
        return WIRE_CALL(&f->calls, reply, why, "SENTINEL", "FAILOVER", f->o->group);
    snprintf(port, sizeof port, "%d", f->to.port);
    return WIRE_CALL(&f->calls, reply, why, "SENTINEL", "FAILOVER", f->o->group, "TO", f->to.host,
                     port);
}

/* OK once the request was accepted and events flow. */
static enum err ask(struct failover *f, struct errmsg *why)
{
    const struct resp_value *reply;
    int index;
    enum err e;

    if ((e = newest_open(&f->calls, f->o, &index, why)) != OK)
        return e;
    if ((e = ask_leader(&f->calls, f->o->group, f->before, sizeof f->before, why)) != OK)
        return e;
    if ((e = read_address(f, why)) != OK) {
        f->needless = e == ERR_NOTFOUND;
        return e;
    }
    if ((e = wire_open(&f->events, f->o, &f->o->targets[index], why)) != OK)
        return e;
    if ((e = WIRE_CALL(&f->events, &reply, why, "PSUBSCRIBE", "*")) != OK)
        return e;
    f->began_us = clock_read_us();
    f->deadline_us = f->began_us + f->o->wait_ms * 1000;
    if ((e = order(f, &reply, why)) != OK)
        return e;
    if (reply->kind != RESP_ERROR)
        return OK;
    errmsg_set(why, "refused: %.*s", (int)reply->text.len, reply->text.at);
    return ERR_REFUSED;
}

static void show_outcome(const cJSON *value)
{
    if (strcmp(json_text(value, "outcome"), "not needed") == 0)
        print_line(stdout, "not needed: %s leads", json_text(value, "leader"));
    else if (strcmp(json_text(value, "outcome"), "done") == 0)
        print_line(stdout, "done in %.0f ms: %s leads, %s did before",
                   cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(value, "took_ms")),
                   json_text(value, "leader"), json_text(value, "before"));
    else
        print_line(stdout, "%s: %s", json_text(value, "outcome"), json_text(value, "reason"));
}

static void report(struct failover *f, enum ctl_exit status)
{
    static const char *const words[] = {
        [CTL_DONE] = "done", [CTL_FAILED] = "failed", [CTL_UNKNOWN] = "unknown"
    };
    cJSON *value = cJSON_CreateObject();

    cJSON_AddStringToObject(value, "outcome", f->needless ? "not needed" : words[status]);
    cJSON_AddStringToObject(value, "group", f->o->group);
    json_put(value, "before", bytes_of(f->before));
    if (f->needless)
        json_put(value, "leader", bytes_of(f->before));
    else if (status == CTL_DONE)
        json_put(value, "leader", bytes_of(f->after));
    else
        json_put(value, "reason", bytes_of(f->reason));
    if (!f->needless)
        cJSON_AddNumberToObject(value, "took_ms", elapsed_ms(f));
    verb_print(f->o, value, show_outcome);
}

enum ctl_exit verb_failover(const struct options *o)
{
    struct failover f = { .o = o };
    struct errmsg why = { 0 };
    struct target named;
    enum ctl_exit status;
    enum err e;

    if (o->word_count > 1 && !verb_read_address(&named, o->words[1]))
        return CTL_USAGE;
    e = ask(&f, &why);
    /* A request that may have arrived, and whose answer did not: the outcome still shows. */
    if (f.needless) {
        status = CTL_DONE;
        report(&f, status);
    } else if (e != OK && e != ERR_REFUSED && f.began_us) {
        status = ask_around(&f);
        report(&f, status);
    } else if (e != OK) {
        status = verb_complain(e, &why);
    } else {
        status = watch(&f);
        report(&f, status);
    }
    wire_close(&f.calls);
    wire_close(&f.events);
    return status;
}
