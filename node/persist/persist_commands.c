/*
 * persist_commands - SAVE, BGSAVE, LASTSAVE, DEBUG RELOAD, and what INFO persistence says of them.
 */
#include "common/clock.h"
#include "node/insight/info.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/aof.h"
#include "node/persist/persist_room.h"
#include "node/persist/rdb_read.h"
#include "node/settings.h"
#include "node/world.h"

static struct persist *room(const struct call *c)
{
    const struct node_world *w = c->world;

    return w->persist;
}

static void cmd_save(struct call *c)
{
    struct persist *p = room(c);
    bool walked = snapshot_running(&p->snapshot) && !aof_rewriting(p->w->aof);
    struct errmsg why;

    if (persist_saving(p) || walked) {
        reply_error(c->reply, "ERR Background save already in progress");
        return;
    }
    if (persist_save_now(p, &why) == OK)
        reply_ok(c->reply);
    else
        reply_errorf(c->reply, "ERR %s", why.text);
}

static void bgsave_cancel(struct call *c)
{
    struct persist *p = room(c);

    if (!aof_rewriting(p->w->aof) && persist_cancel(p, "BGSAVE CANCEL")) {
        p->scheduled = false;
        reply_simple(c->reply, "Background saving cancelled");
    } else if (p->scheduled) {
        p->scheduled = false;
        reply_simple(c->reply, "Scheduled background saving cancelled");
    } else {
        reply_error(c->reply, "ERR Background saving is currently not in progress or scheduled");
    }
}

static void bgsave_schedule(struct call *c)
{
    room(c)->scheduled = true;
    reply_simple(c->reply, "Background saving scheduled");
}

static void cmd_bgsave(struct call *c)
{
    struct persist *p = room(c);
    bool schedule = c->argc == 2 && bytes_is_word(c->argv[1], "schedule");
    struct errmsg why;
    enum err e;

    if (c->argc == 2 && bytes_is_word(c->argv[1], "cancel")) {
        bgsave_cancel(c);
        return;
    }
    if (c->argc > 1 && !schedule) {
        reply_error(c->reply, "ERR syntax error");
        return;
    }
    if (c->in_exec && !persist_saving(p)) { /* an image never begins inside a unit */
        bgsave_schedule(c);
        return;
    }
    e = persist_save_background(p, &why);
    if (e == OK)
        reply_simple(c->reply, "Background saving started");
    else if (e == ERR_AGAIN && schedule)
        bgsave_schedule(c);
    else
        reply_errorf(c->reply, "ERR %s", why.text);
}

static void cmd_lastsave(struct call *c)
{
    reply_int(c->reply, room(c)->last_save_wall_s);
}

/* DEBUG RELOAD [MERGE | NOFLUSH | NOSAVE …]: the data set goes through the file and back. What Redis does with
 * MERGE alone, which flushes, is what it does without. */
static void cmd_debug_reload(struct call *c)
{
    struct errmsg why;
    bool save = true, flush = true, merge = false;
    enum loader_end end;

    for (int i = 2; i < c->argc; i++) {
        if (bytes_is_word(c->argv[i], "nosave")) {
            save = false;
        } else if (bytes_is_word(c->argv[i], "noflush")) {
            flush = false;
        } else if (bytes_is_word(c->argv[i], "merge")) {
            merge = true;
        } else {
            reply_error(c->reply, "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE "
                                  "options.");
            return;
        }
    }
    end = flush ? LOAD_TAKES_OVER : merge ? LOAD_MERGES : LOAD_ADDS;
    if (save && persist_save_now(room(c), &why) != OK) {
        reply_errorf(c->reply, "ERR %s", why.text);
        return;
    }
    call_no_effect(c);
    if (persist_reload(room(c), end, &why) == OK)
        reply_ok(c->reply);
    else
        reply_errorf(c->reply, "ERR Error trying to load the RDB dump: %s", why.text);
}

static void cmd_debug_skip_checksums(struct call *c)
{
    call_no_effect(c);
    rdb_skip_checksums(!bytes_is(c->argv[2], "0"));
    reply_ok(c->reply);
}

const struct command persist_rows[] = {
    { .name = "save",
      .run = cmd_save,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI,
      .group = "server",
      .since = "1.0.0",
      .cost = "O(N) where N is the total number of keys in all databases",
      .help = "Writes the data set to its file and answers when it is safe; everybody waits." },
    { .name = "bgsave",
      .run = cmd_bgsave,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING,
      .group = "server",
      .since = "1.0.0",
      .cost = "O(1)",
      .args = "[SCHEDULE@3.2.2]",
      .help = "Begins to write the data set to its file, in slices that hold nobody up; CANCEL, as "
              "in Valkey 8.1, ends a save or a full sync that runs.",
      .history = "3.2.2:Added the `SCHEDULE` option." },
    { .name = "lastsave",
      .run = cmd_lastsave,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
      .acl = ACL_ADMIN | ACL_DANGEROUS,
      .group = "server",
      .since = "1.0.0",
      .cost = "O(1)",
      .help = "Tells when the data set was last written to its file, in Unix seconds.",
      .tips = "nondeterministic_output" },
    { 0 },
};

const struct command persist_debug_subs[] = {
    { .name = "reload",
      .run = cmd_debug_reload,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT,
      .group = "server",
      .since = "1.0.0",
      .cost = "O(N)",
      .args = "[option+]",
      .help =
          "Saves the data set and loads it again: NOSAVE loads only, NOFLUSH keeps what is there, "
          "and with MERGE what is in both becomes the file's." },
    { .name = "set-skip-checksum-validation",
      .run = cmd_debug_skip_checksums,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_ADMIN | CMD_NOSCRIPT,
      .group = "server",
      .args = "on:integer",
      .help = "1: files, payloads of RESTORE and full syncs are read without a look at their "
              "checksums." },
    { 0 },
};

static void write_loading(const struct persist *p, struct buf *out)
{
    struct persist_progress now;

    if (!persist_load_progress(p, &now))
        return;
    info_line(out, "loading_start_time", "%lld", (long long)now.started_wall_s);
    info_line(out, "loading_total_bytes", "%llu", (unsigned long long)now.total_bytes);
    info_line(out, "loading_loaded_bytes", "%llu", (unsigned long long)now.loaded_bytes);
    info_line(out, "loading_loaded_perc", "%.2f",
              now.total_bytes ? 100.0 * (double)now.loaded_bytes / (double)now.total_bytes : 0.0);
    info_line(out, "loading_eta_seconds", "%lld", (long long)now.eta_s);
}

/* How far the walk is, whoever it is for. */
static void write_walk(const struct node_world *w, struct buf *out)
{
    uint64_t total = 0, done = 0;

    for (int db = 0; keyspace_walking(w->keyspace) && db < keyspace_databases(w->keyspace); db++)
        total += keyspace_walk_keys(w->keyspace, db, NULL);
    if (total)
        done = total - keyspace_walk_left(w->keyspace);
    info_line(out, "current_fork_perc", "%.2f", total ? 100. * (double)done / (double)total : 0.);
    info_line(out, "current_save_keys_processed", "%llu", (unsigned long long)done);
    info_line(out, "current_save_keys_total", "%llu", (unsigned long long)total);
}

/* A full sync counts, as with Redis, where both are the work of one child: BGSAVE is refused meanwhile. */
static bool makes_rdb(const struct node_world *w)
{
    return persist_saving(w->persist) || replica_sends_data_set(w->replica);
}

static long long rdb_seconds(const struct node_world *w)
{
    const struct persist *p = w->persist;
    uint64_t began_ms = persist_saving(p) ? p->save_started_ms : p->snapshot.started_ms;

    return makes_rdb(w) ? (long long)((clock_now_ms() - began_ms) / 1000) : -1;
}

static void write_info(struct node_world *w, struct buf *out)
{
    const struct persist *p = w->persist;
    long long seconds = p->last_save_ms == UINT64_MAX ? -1 : (long long)(p->last_save_ms / 1000);

    info_line(out, "loading", "%d", persist_loading(p));
    info_line(out, "async_loading", "%d", replica_loading(w->replica));
    info_line(out, "current_cow_peak", "0");
    info_line(out, "current_cow_size", "0");
    info_line(out, "current_cow_size_age", "0");
    write_walk(w, out);
    info_line(out, "rdb_changes_since_last_save", "%llu", (unsigned long long)p->changes);
    info_line(out, "rdb_bgsave_in_progress", "%d", makes_rdb(w));
    info_line(out, "rdb_last_save_time", "%lld", (long long)p->last_save_wall_s);
    info_line(out, "rdb_last_bgsave_status", "%s", p->last_save_ok ? "ok" : "err");
    info_line(out, "rdb_last_bgsave_time_sec", "%lld", seconds);
    info_line(out, "rdb_current_bgsave_time_sec", "%lld", rdb_seconds(w));
    info_line(out, "rdb_saves", "%llu", (unsigned long long)p->saves);
    info_line(out, "rdb_last_cow_size", "0");
    info_line(out, "rdb_last_load_keys_expired", "%llu", (unsigned long long)p->expired_keys);
    info_line(out, "rdb_last_load_keys_loaded", "%llu", (unsigned long long)p->loaded_keys);
}

static void write_rest(struct node_world *w, struct buf *out)
{
    const struct persist *p = w->persist;

    write_loading(p, out);
    info_line(out, "snapshot_inline_bytes", "%llu", (unsigned long long)p->snapshot.inline_bytes);
}

const struct info_part persist_info_parts[] = {
    { INFO_PERSISTENCE, 100, write_info },
    { INFO_PERSISTENCE, 300, write_rest },
    { 0 },
};
