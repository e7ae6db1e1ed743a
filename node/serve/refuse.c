#include "node/serve/refuse.h"

#include <stdio.h>

#include "node/persist/aof.h"
#include "node/persist/persist.h"
#include "node/replica/replica.h"
#include "node/settings.h"
#include "node/world.h"

static bool memory_is_full(const struct node_world *w)
{
    return serve_memory_full(w->serve);
}

static bool cannot_save(const struct node_world *w)
{
    return persist_refuses_writes(w->persist);
}

static bool cannot_append(const struct node_world *w)
{
    return aof_refuses_writes(w->aof);
}

static bool disk_stalls(const struct node_world *w)
{
    return aof_stalls(w->aof);
}

static const char *why_not_appended(const struct node_world *w)
{
    static char text[640];

    snprintf(text, sizeof text, "MISCONF Errors writing to the AOF file: %s",
             aof_refuses_writes(w->aof));
    return text;
}

/* Or none of those that are asked acknowledges anything (confirm.h). */
static bool too_few_followers(const struct node_world *w)
{
    return w->serve->confirm.refuses || !replica_enough_followers(w->replica);
}

static bool only_read(const struct node_world *w)
{
    return w->set->follower_read_only && replica_is_follower(w->replica);
}

static bool group_refuses_writes(const struct node_world *w)
{
    return w->serve->group.writes.error != NULL;
}

static const char *why_no_writes(const struct node_world *w)
{
    return w->serve->group.writes.error;
}

static bool group_refuses(const struct node_world *w)
{
    return w->serve->group.reads.error != NULL;
}

static const char *why_nothing(const struct node_world *w)
{
    return w->serve->group.reads.error;
}

static bool stale(const struct node_world *w)
{
    return !w->set->follower_serve_stale_data && replica_is_follower(w->replica) &&
           !replica_link_up(w->replica);
}

static bool too_old(const struct node_world *w)
{
    return replica_too_old(w->replica) && !persist_loading(w->persist);
}

static bool loading(const struct node_world *w)
{
    return persist_loading(w->persist);
}

/* In the order in which Redis asks. has: one of these flags; or lacks: this one is missing. What it is told is a
 * text, or what a function says of the moment. */
#define REASONS(R, SAYS)                                                                         \
    R(CMD_DENYOOM, 0, memory_is_full, "OOM command not allowed when used memory > 'maxmemory'.") \
    R(CMD_WRITE | CMD_HEALTH, 0, cannot_save,                                                    \
      "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist " \
      "to disk. Commands that may modify the data set are disabled, because this instance is "   \
      "configured to report errors during writes if RDB snapshotting fails "                     \
      "(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the " \
      "RDB error.")                                                                              \
    SAYS(CMD_WRITE | CMD_HEALTH, 0, cannot_append, why_not_appended)                             \
    R(CMD_HEALTH, 0, disk_stalls, "MISCONF The disk of the AOF file does not answer")            \
    R(CMD_WRITE, 0, too_few_followers, "NOREPLICAS Not enough good replicas to write.")          \
    SAYS(CMD_WRITE, 0, group_refuses_writes, why_no_writes)                                      \
    SAYS(CMD_READONLY | CMD_WRITE, 0, group_refuses, why_nothing)                                \
    R(CMD_WRITE, 0, only_read, "READONLY You can't write against a read only replica.")          \
    R(0, CMD_STALE, stale,                                                                       \
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")        \
    R(CMD_READONLY | CMD_WRITE, 0, too_old,                                                      \
      "STALE The data may be older than replica-max-staleness-ms allows")                        \
    R(0, CMD_LOADING, loading, "LOADING Redis is loading the dataset in memory")

static const struct {
    uint32_t has, lacks;
    bool (*holds)(const struct node_world *w);
    const char *text; /* NULL: says has it */
    const char *(*says)(const struct node_world *w);
} reasons[] = {
#define ROW(has, lacks, holds, text)    { has, lacks, holds, text, NULL },
#define SAYING(has, lacks, holds, says) { has, lacks, holds, NULL, says },
    REASONS(ROW, SAYING)
#undef ROW
#undef SAYING
};

/* Nearly always none holds: asking each by name lets the compiler see all of them at once, where the table
 * costs a call for every one of a command's. */
static bool none_holds(const struct node_world *w)
{
#define NOT(has, lacks, holds, text) !holds(w) &&
    return REASONS(NOT, NOT) true;
#undef NOT
}

static const char *first_that_holds(const struct node_world *w, uint32_t has, uint32_t lacks)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (((has & reasons[i].has) || (lacks & reasons[i].lacks)) && reasons[i].holds(w))
            return reasons[i].text ? reasons[i].text : reasons[i].says(w);
    return NULL;
}

const char *refuse_reason(const struct serve *v, uint32_t has, uint32_t lacks)
{
    const char *why = LIKELY(none_holds(v->world)) ? NULL : first_that_holds(v->world, has, lacks);

    if (UNLIKELY(v->busy_text) && !why && (lacks & CMD_ALLOW_BUSY))
        return v->busy_text;
    return why;
}
