#include "node/insight/info.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "node/world.h"

struct info {
    const struct info_part **parts; /* by section, then rank */
    size_t count;
};

static const struct {
    const char *word, *title;
    bool by_default;
} sections[INFO_SECTIONS] = {
    [INFO_SERVER] = { "server", "Server", true },
    [INFO_CLIENTS] = { "clients", "Clients", true },
    [INFO_MEMORY] = { "memory", "Memory", true },
    [INFO_PERSISTENCE] = { "persistence", "Persistence", true },
    [INFO_STATS] = { "stats", "Stats", true },
    [INFO_REPLICATION] = { "replication", "Replication", true },
    [INFO_CPU] = { "cpu", "CPU", true },
    [INFO_MODULES] = { "modules", "Modules", true },
    [INFO_COMMANDSTATS] = { "commandstats", "Commandstats", false },
    [INFO_ERRORSTATS] = { "errorstats", "Errorstats", true },
    [INFO_LATENCYSTATS] = { "latencystats", "Latencystats", false },
    [INFO_CLUSTER] = { "cluster", "Cluster", true },
    [INFO_KEYSPACE] = { "keyspace", "Keyspace", true },
};

struct info *info_new(void)
{
    return xcalloc(1, sizeof(struct info));
}

void info_free(struct info *i)
{
    if (!i)
        return;
    xfree(i->parts);
    xfree(i);
}

static int compare(const void *a, const void *b)
{
    const struct info_part *pa = *(const struct info_part *const *)a;
    const struct info_part *pb = *(const struct info_part *const *)b;

    if (pa->section != pb->section)
        return pa->section < pb->section ? -1 : 1;
    return (pa->rank > pb->rank) - (pa->rank < pb->rank);
}

void info_add(struct info *i, const struct info_part *parts)
{
    size_t more = 0;

    while (parts[more].write)
        more++;
    i->parts = xrealloc(i->parts, (i->count + more) * sizeof(struct info_part *));
    for (size_t k = 0; k < more; k++)
        i->parts[i->count++] = &parts[k];
    qsort(i->parts, i->count, sizeof(struct info_part *), compare);
}

static uint32_t sections_of(struct bytes word)
{
    uint32_t defaults = 0;

    for (int s = 0; s < INFO_SECTIONS; s++) {
        if (bytes_is_word(word, sections[s].word))
            return 1u << s;
        if (sections[s].by_default)
            defaults |= 1u << s;
    }
    if (bytes_is_word(word, "default"))
        return defaults;
    if (bytes_is_word(word, "all") || bytes_is_word(word, "everything"))
        return (1u << INFO_SECTIONS) - 1;
    return 0;
}

void info_write(const struct info *i, struct node_world *w, int count, const struct bytes *words,
                struct buf *out)
{
    uint32_t wanted = count ? 0 : sections_of(BYTES("default"));
    size_t at = 0;

    for (int k = 0; k < count; k++)
        wanted |= sections_of(words[k]);
    for (int s = 0; s < INFO_SECTIONS; s++) {
        bool show = wanted & (1u << s);

        if (show)
            buf_printf(out, "%s# %s\r\n", out->len ? "\r\n" : "", sections[s].title);
        for (; at < i->count && (int)i->parts[at]->section == s; at++)
            if (show)
                i->parts[at]->write(w, out);
    }
}

void info_line(struct buf *out, const char *name, const char *format, ...)
{
    char value[512];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    buf_printf(out, "%s:%s\r\n", name, value);
}

void info_human(char *out, uint64_t bytes)
{
    static const char units[] = "BKMGTPE";
    double v = (double)bytes;
    size_t unit = 0;

    while (v >= 1024 && units[unit + 1]) {
        v /= 1024;
        unit++;
    }
    if (unit == 0)
        snprintf(out, 32, "%lluB", (unsigned long long)bytes);
    else
        snprintf(out, 32, "%.2f%c", v, units[unit]);
}

void info_bytes(struct buf *out, const char *name, uint64_t bytes)
{
    char human[32];

    info_human(human, bytes);
    buf_printf(out, "%s:%llu\r\n%s_human:%s\r\n", name, (unsigned long long)bytes, name, human);
}

static void info(struct call *c)
{
    struct node_world *w = c->world;
    struct buf text = { 0 };

    /* The room for the answer is there before anything is measured: who reads what is used and sets maxmemory by it
     * is to find as much in use a moment later. */
    (void)out_reserve(c->reply->out, 1);
    info_write(w->info, w, c->argc - 1, c->argv + 1, &text);
    reply_verbatim(c->reply, "txt", buf_bytes(&text));
    buf_fini(&text);
}

const struct command info_rows[] = {
    { .name = "info",
      .run = info,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      .flags = CMD_LOADING | CMD_STALE,
      .acl = ACL_DANGEROUS,
      .group = "server",
      .since = "1.0.0",
      .cost = "O(1)",
      .args = "[section+]",
      .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
      .history = "7.0.0:Several sections may be named.",
      .help = "Facts and figures about the server." },
    { 0 },
};
