#include "node/serve/config.h"

#include <string.h>

#include "common/log.h"
#include "common/serve/service.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/aof.h"
#include "node/persist/persist.h"
#include "node/replica/replica.h"
#include "node/serve/serve.h"
#include "node/settings.h"
#include "node/world.h"

static struct node_world *world_of(const struct call *c)
{
    return c->world;
}

/* Pairs are counted while they are collected, because the header of a map goes in front. */
struct answer {
    struct buf pairs;
    size_t count;
};

static void collect(void *arg, struct bytes name, struct bytes value)
{
    struct answer *a = arg;

    resp_put_bulk(&a->pairs, name);
    resp_put_bulk(&a->pairs, value);
    a->count++;
}

static void config_get(struct call *c)
{
    struct answer a = { 0 };

    settings_get(world_of(c)->settings, c->argc - 2, c->argv + 2, collect, &a);
    reply_map(c->reply, a.count);
    reply_raw(c->reply, a.pairs.at, a.pairs.len);
    buf_fini(&a.pairs);
}

/* What a load reads, and where it goes, stays until it is done. */
static bool waits_for_load(const struct call *c)
{
    static const char *const names[] = { "appendonly", "dir", "repl-diskless-load" };

    if (!persist_loading(world_of(c)->persist))
        return false;
    for (int i = 2; i < c->argc; i += 2)
        for (size_t k = 0; k < ARRAY_LEN(names); k++)
            if (bytes_is_word(c->argv[i], names[k]))
                return true;
    return false;
}

static void config_set(struct call *c)
{
    struct node_world *w = world_of(c);
    int rule = w->set->server.enable_protected_configs;
    struct errmsg why = { "" };

    if (waits_for_load(c)) {
        reply_error(c->reply, "LOADING Redis is loading the dataset in memory");
        return;
    }
    settings_allow_protected(
        w->settings,
        rule == ACCESS_YES || (rule == ACCESS_LOCAL && c->session && c->session->link->from_here));
    if (settings_set(w->settings, c->argc - 2, c->argv + 2, &why) != OK)
        reply_errorf(c->reply, "ERR %s", why.text);
    else
        reply_ok(c->reply);
}

static void reply_rewritten(struct call *c, enum err e, const struct errmsg *why)
{
    if (e == ERR_UNSUPPORTED) {
        reply_errorf(c->reply, "ERR %s", why->text);
    } else if (e != OK) {
        log_warning("CONFIG REWRITE failed: %s", why->text);
        reply_errorf(c->reply, "ERR Rewriting config file: %s", why->text);
    } else {
        log_notice("CONFIG REWRITE executed with success.");
        reply_ok(c->reply);
    }
}

static void config_rewrite(struct call *c)
{
    struct errmsg why = { "" };
    enum err e = settings_rewrite(world_of(c)->settings, &why);

    reply_rewritten(c, e, &why);
}

/* With every setting that has a line at all: for tests that such a file says the same again. */
static void debug_rewrite_all(struct call *c)
{
    struct errmsg why = { "" };
    enum err e = settings_rewrite_all(world_of(c)->settings, &why);

    reply_rewritten(c, e, &why);
}

static void config_resetstat(struct call *c)
{
    stats_reset(&c->service->stats);
    keyspace_reset_stats(world_of(c)->keyspace);
    rates_reset(&world_of(c)->serve->rates, c->service->loop);
    evict_reset_stats(world_of(c)->serve);
    replica_reset_stats(world_of(c)->replica);
    persist_reset_stats(world_of(c)->persist);
    aof_reset_stats(world_of(c)->aof);
    c->service->client_memory.evicted = 0;
    reply_ok(c->reply);
}

static const struct command config_subs[] = {
    { .name = "get",
      .run = config_get,
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.0.0",
      .cost = "O(N) when N is the number of configuration parameters provided",
      .args = "{parameter}+",
      .help = "Settings whose names match, with their values.",
      .history = "7.0.0:Takes several patterns." },
    { .name = "set",
      .run = config_set,
      .argc_min = 4,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.0.0",
      .cost = "O(N) when N is the number of configuration parameters provided",
      .args = "{parameter value}+",
      .help = "Changes settings of the running server, all of them or none.",
      .tips = "request_policy:all_nodes response_policy:all_succeeded",
      .history = "7.0.0:Sets several at once, or none." },
    { .name = "rewrite",
      .run = config_rewrite,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.8.0",
      .cost = "O(1)",
      .help = "Writes the settings as they are into the configuration file." },
    { .name = "resetstat",
      .run = config_resetstat,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.0.0",
      .cost = "O(1)",
      .help = "Sets the counters that INFO shows back to zero." },
    { .name = "help",
      .run = serve_help,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "5.0.0",
      .cost = "O(1)",
      .help = "Explains the subcommands." },
    { 0 },
};

const struct command node_config_rows[] = {
    { .name = "config",
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .group = "server",
      .since = "2.0.0",
      .cost = "Depends on subcommand.",
      .help = "Reads and changes the settings.",
      .subs = config_subs },
    { 0 },
};

const struct command config_debug_subs[] = {
    { .name = "config-rewrite-force-all",
      .run = debug_rewrite_all,
      .argc_min = 2,
      .argc_max = 2,
      .help = "CONFIG REWRITE that writes defaults, too." },
    { 0 },
};
