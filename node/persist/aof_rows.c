/*
 * aof_rows - BGREWRITEAOF, DEBUG LOADAOF, and what INFO persistence says of the append only file.
 */
#include "common/clock.h"
#include "node/persist/aof_room.h"
#include "node/persist/persist.h"
#include "node/world.h"

typedef unsigned long long ull;

enum { FLUSH_SLEEP_US_MAX = 60 * 1000 * 1000 };

static struct aof *room(const struct call *c)
{
    const struct node_world *w = c->world;

    return w->aof;
}

/* Somebody wants it now: what failed before does not count. */
static void cmd_bgrewriteaof(struct call *c)
{
    struct aof *a = room(c);
    struct errmsg why = { "" };

    if (!aof_rewriting(a))
        a->rewrite.failures_in_a_row = 0;
    switch (aof_rewrite(a, c->in_exec, &why)) {
    case OK:
        reply_simple(c->reply, "Background append only file rewriting started");
        return;
    case ERR_EXISTS:
        reply_error(c->reply, "ERR Background append only file rewriting already in progress");
        return;
    case ERR_AGAIN:
        reply_simple(c->reply, "Background append only file rewriting scheduled");
        return;
    default:
        reply_error(c->reply, "ERR Can't execute an AOF background rewriting. Please check the "
                              "server logs for more information.");
        return;
    }
}

static void cmd_debug_loadaof(struct call *c)
{
    struct errmsg why = { "" };

    call_no_effect(c);
    if (aof_reload(room(c), &why) == OK)
        reply_ok(c->reply);
    else
        reply_errorf(c->reply, "ERR Error trying to load the AOF files: %s", why.text);
}

static void cmd_debug_flush_sleep(struct call *c)
{
    int64_t sleep_us;

    call_no_effect(c);
    if (!bytes_to_i64(c->argv[2], &sleep_us) || sleep_us < 0 || sleep_us > FLUSH_SLEEP_US_MAX) {
        reply_error(c->reply, "ERR value is not an integer or out of range");
        return;
    }
    room(c)->writer.flush_sleep_us = (uint64_t)sleep_us;
    reply_ok(c->reply);
}

const struct command aof_rows[] = {
    { .name = "bgrewriteaof",
      .run = cmd_bgrewriteaof,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING,
      .group = "server",
      .since = "1.0.0",
      .cost = "O(1)",
      .help = "Begins to write the append only file anew, as short as the data set allows." },
    { 0 },
};

const struct command aof_debug_subs[] = {
    { .name = "loadaof",
      .run = cmd_debug_loadaof,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_NOSCRIPT,
      .group = "server",
      .since = "1.0.0",
      .cost = "O(N)",
      .help = "Writes out the append only file and loads it again." },
    { .name = "aof-flush-sleep",
      .run = cmd_debug_flush_sleep,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_ADMIN | CMD_NOSCRIPT,
      .group = "server",
      .args = "microseconds:integer",
      .help = "The thread that writes the append only file sleeps ahead of each write." },
    { 0 },
};

static void write_file(const struct aof *a, struct buf *out)
{
    const struct aof_writer *w = &a->writer;
    uint64_t waiting = aof_writer_on(w) ? w->log->next - w->written : 0;

    info_line(out, "aof_current_size", "%llu", (ull)aof_bytes(a));
    info_line(out, "aof_base_size", "%llu", (ull)a->rewrite_bytes);
    info_line(out, "aof_pending_rewrite", "0");
    info_line(out, "aof_buffer_length", "%llu", (ull)waiting);
    info_line(out, "aof_pending_bio_fsync", "%d", w->syncing);
    info_line(out, "aof_delayed_fsync", "%llu", (ull)w->delayed_fsyncs);
}

static void write_info(struct node_world *world, struct buf *out)
{
    const struct aof *a = world->aof;
    const struct aof_rewriting *r = &a->rewrite;
    long long last = r->last_ms == UINT64_MAX ? -1 : (long long)(r->last_ms / 1000);
    long long running = r->running ? (long long)((clock_now_ms() - r->started_ms) / 1000) : -1;

    info_line(out, "aof_enabled", "%d", aof_enabled(a));
    /* Who copies the files waits for its end: till then some that the manifest names are going. */
    info_line(out, "aof_rewrite_in_progress", "%d", r->running || a->sweeping);
    info_line(out, "aof_rewrite_scheduled", "%d", r->scheduled);
    info_line(out, "aof_last_rewrite_time_sec", "%lld", last);
    info_line(out, "aof_current_rewrite_time_sec", "%lld", running);
    info_line(out, "aof_last_bgrewrite_status", "%s", r->last_ok ? "ok" : "err");
    info_line(out, "aof_rewrites", "%llu", (ull)r->count);
    info_line(out, "aof_rewrites_consecutive_failures", "%llu", (ull)r->failures_in_a_row);
    info_line(out, "aof_last_write_status", "%s", aof_refuses_writes(a) ? "err" : "ok");
    info_line(out, "aof_last_cow_size", "0");
    info_line(out, "module_fork_in_progress", "0");
    info_line(out, "module_fork_last_cow_size", "0");
    if (aof_enabled(a))
        write_file(a, out);
}

const struct info_part aof_info_parts[] = {
    { INFO_PERSISTENCE, 200, write_info },
    { 0 },
};
