/* events --follow: what a sentinel publishes, as it happens; moves on to the next one when it goes. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/alloc.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

/* Payloads name the group as one of their words; that is what a group's filter looks for. */
static bool mentions(struct bytes payload, const char *group)
{
    size_t len = strlen(group);

    for (const char *at = payload.at, *end = payload.at + payload.len; at < end;) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        size_t word = (size_t)((blank ? blank : end) - at);

        if (word == len && memcmp(at, group, len) == 0)
            return true;
        at += word + 1;
    }
    return false;
}

static void print_event(const struct options *o, const struct wire *w, struct bytes channel,
                        struct bytes payload)
{
    struct timespec now;
    struct tm local;
    char stamp[32];
    char *event = printable(channel), *facts = printable(payload);

    clock_gettime(CLOCK_REALTIME, &now);
    if (o->json) {
        cJSON *value = cJSON_CreateObject();
        char *text;

        cJSON_AddNumberToObject(value, "at_ms",
                                (double)now.tv_sec * 1000 + (double)(now.tv_nsec / 1000) / 1000);
        cJSON_AddStringToObject(value, "sentinel", w->target->address);
        cJSON_AddStringToObject(value, "event", event);
        cJSON_AddStringToObject(value, "payload", facts);
        text = cJSON_PrintUnformatted(value);
        puts(text);
        cJSON_free(text);
        cJSON_Delete(value);
    } else {
        localtime_r(&now.tv_sec, &local);
        strftime(stamp, sizeof stamp, "%H:%M:%S", &local);
        printf("%s.%03ld  %s  %-16s %s\n", stamp, now.tv_nsec / 1000000, w->target->address, event,
               facts);
    }
    fflush(stdout);
    xfree(event);
    xfree(facts);
}

/* Until the sentinel goes away, or stdout does (SIGPIPE ends the tool then, as it should). */
static enum err follow(const struct options *o, struct wire *w, struct errmsg *why)
{
    const struct resp_value *push;
    enum err e = WIRE_CALL(w, &push, why, "PSUBSCRIBE", "*");

    if (e == OK && push->kind != RESP_ERROR)
        print_line(stderr, "holdfastctl: listening to %s", w->target->address);
    while (e == OK) {
        if (push->kind == RESP_ERROR) {
            errmsg_set(why, "%s: %.*s", w->target->address, (int)push->text.len, push->text.at);
            return ERR_REFUSED;
        }
        if (push->count == 4 && bytes_is(push->items[0].text, "pmessage") &&
            (!o->group || mentions(push->items[3].text, o->group)))
            print_event(o, w, push->items[2].text, push->items[3].text);
        e = wire_read(w, UINT64_MAX, &push, why);
    }
    return e;
}

enum ctl_exit verb_events(const struct options *o)
{
    static const struct timespec pause = { .tv_nsec = 500 * 1000 * 1000 };
    bool reached = false;

    if (!o->follow) {
        fprintf(stderr,
                "holdfastctl: a sentinel keeps no past events; 'events --follow' shows them as "
                "they happen\n");
        return CTL_USAGE;
    }
    for (;;) {
        struct wire w = { 0 };
        struct errmsg why = { 0 };
        int index = 0;
        enum err e = wire_open_any(&w, o, &index, &why);

        if (e == OK) {
            reached = true;
            e = follow(o, &w, &why);
            print_line(stderr, "holdfastctl: %s", why.text);
        } else if (!reached) {
            return verb_complain(e, &why);
        }
        wire_close(&w);
        if (e == ERR_REFUSED || e == ERR_DENIED)
            return CTL_FAILED;
        nanosleep(&pause, NULL);
    }
}
