#include "sentinel/core/script.h"

#include <stdio.h>

#include "common/alloc.h"
#include "sentinel/core/notice.h"

#define SCRIPT_OF(n) LIST_ENTRY(n, struct script, of_sentinel)

static void script_free(struct sentinel *s, struct script *j)
{
    if (j->state != SCRIPT_WAITING)
        s->scripts_running--;
    s->script_count--;
    list_remove(&j->of_sentinel);
    for (size_t i = 0; j->argv[i]; i++)
        xfree(j->argv[i]);
    xfree(j->argv);
    xfree(j);
}

void script_fini_all(struct sentinel *s)
{
    LIST_EACH (&s->scripts, node)
        script_free(s, SCRIPT_OF(node));
}

struct script *sentinel_find_script(const struct sentinel *s, uint64_t job)
{
    LIST_EACH (&s->scripts, node)
        if (SCRIPT_OF(node)->job == job)
            return SCRIPT_OF(node);
    return NULL;
}

static void drop_oldest_waiting(struct sentinel *s)
{
    LIST_EACH (&s->scripts, node) {
        if (SCRIPT_OF(node)->state == SCRIPT_WAITING) {
            script_free(s, SCRIPT_OF(node));
            return;
        }
    }
}

static void arm(struct sentinel *s)
{
    uint64_t at = TIMER_NEVER;

    LIST_EACH (&s->scripts, node) {
        const struct script *j = SCRIPT_OF(node);
        uint64_t due = TIMER_NEVER;

        if (j->state == SCRIPT_WAITING && s->scripts_running < SCRIPTS_RUNNING_MAX)
            due = j->start_ms;
        if (j->state == SCRIPT_RUNNING && !j->killed)
            due = j->start_ms + s->debug_ms[T_SCRIPT_MAX_RUNTIME];
        at = due < at ? due : at;
    }
    timer_set(&s->timers, &s->scripts_timer, at);
}

static void stop_overdue(struct sentinel *s, struct script *j, struct actions *out)
{
    if (j->killed || s->now_ms < j->start_ms + s->debug_ms[T_SCRIPT_MAX_RUNTIME])
        return;
    j->killed = true;
    act(out, ACT_STOP, j->job);
    notice(s, out, LEVEL_WARNING, NULL, "-script-timeout", "%s %lld", j->argv[0],
           (long long)j->pid);
}

void script_tick(struct sentinel *s, struct actions *out)
{
    LIST_EACH (&s->scripts, node) {
        struct script *j = SCRIPT_OF(node);

        if (j->state == SCRIPT_RUNNING)
            stop_overdue(s, j, out);
        if (j->state != SCRIPT_WAITING || s->scripts_running >= SCRIPTS_RUNNING_MAX)
            continue;
        if (j->start_ms > s->now_ms)
            continue;
        j->state = SCRIPT_STARTING;
        j->killed = false;
        s->scripts_running++;
        act(out, ACT_RUN, j->job);
    }
    arm(s);
}

static void script_add(struct sentinel *s, const char *const *argv, size_t argc,
                       struct actions *out)
{
    struct script *j = xcalloc(1, sizeof *j);

    if (s->script_count >= SCRIPTS_MAX)
        drop_oldest_waiting(s);
    j->job = ++s->next_id;
    j->argv = xcalloc(argc + 1, sizeof(char *));
    for (size_t i = 0; i < argc; i++)
        j->argv[i] = xstrdup(argv[i]);
    list_push_back(&s->scripts, &j->of_sentinel);
    s->script_count++;
    script_tick(s, out);
}

void script_notify(struct sentinel *s, const struct group *g, const char *channel, const char *text,
                   struct actions *out)
{
    const char *argv[] = { g->set.notification_script, channel, text };

    script_add(s, argv, ARRAY_LEN(argv), out);
}

void script_reconfig(struct sentinel *s, const struct group *g, const char *role,
                     const struct node *from, const struct node *to, struct actions *out)
{
    char from_port[16], to_port[16];
    const char *argv[] = { g->set.client_reconfig_script,
                           g->name,
                           role,
                           "start",
                           node_host(s, from),
                           from_port,
                           node_host(s, to),
                           to_port };

    if (!g->set.client_reconfig_script)
        return;
    snprintf(from_port, sizeof from_port, "%d", from->addr.port);
    snprintf(to_port, sizeof to_port, "%d", to->addr.port);
    script_add(s, argv, ARRAY_LEN(argv), out);
}

void script_started(struct sentinel *s, uint64_t job, int64_t pid, struct actions *out)
{
    struct script *j = sentinel_find_script(s, job);

    if (!j || j->state != SCRIPT_STARTING)
        return;
    j->state = SCRIPT_RUNNING;
    j->pid = pid;
    j->start_ms = s->now_ms;
    note(out, LEVEL_DEBUG, "+script-child", "%lld", (long long)pid);
    arm(s);
}

static void try_again(struct sentinel *s, struct script *j)
{
    uint64_t delay = s->debug_ms[T_SCRIPT_RETRY_DELAY];

    j->state = SCRIPT_WAITING;
    j->start_ms = s->now_ms + (delay << j->tries);
    j->tries++;
    j->pid = 0;
    s->scripts_running--;
}

void script_done(struct sentinel *s, uint64_t job, int exit_code, int signal, struct actions *out)
{
    struct script *j = sentinel_find_script(s, job);

    if (!j || j->state == SCRIPT_WAITING)
        return;
    if (j->state == SCRIPT_RUNNING)
        note(out, LEVEL_DEBUG, "-script-child", "%lld %d %d", (long long)j->pid, exit_code, signal);
    if ((signal != 0 || exit_code == 1) && j->tries + 1 < SCRIPT_TRIES_MAX) {
        try_again(s, j);
    } else {
        if (signal != 0 || exit_code != 0)
            notice(s, out, LEVEL_WARNING, NULL, "-script-error", "%s %d %d", j->argv[0], signal,
                   exit_code);
        script_free(s, j);
    }
    script_tick(s, out);
}
