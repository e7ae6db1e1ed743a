/*
 * state: what was told as stored survives, whatever happened around it. A keeper is killed (dropped
 * without closing) after random records, its system fails, its file is edited, read-only, shared,
 * damaged; then the whole, with its thread and a loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "tests/sentinel/state/random_config.h"
#include "common/log.h"
#include "sentinel/state/keeper.h"
#include "sentinel/state/state.h"

static char dir[] = "/tmp/test_state.XXXXXX";
static char conf_path[128], state_path_[160];
static struct sentinel_settings set;
static struct settings *table;
static struct config conf;
static struct errmsg why;
static struct buf a_text;

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static const char *content(const char *path)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    size_t len = f ? fread(text, 1, sizeof text - 1, f) : 0;

    if (f)
        fclose(f);
    text[len] = '\0';
    return text;
}

/* As main does at a start. */
static void load_conf(void)
{
    char *argv[] = { conf_path };

    settings_free(table);
    sentinel_settings_fini(&set);
    config_fini(&conf);
    table = settings_new(&set, NULL);
    sentinel_settings_add(table, &set);
    ck_assert_msg(settings_load(table, 1, argv, &why) == OK, "%s", why.text);
    ck_assert_msg(sentinel_settings_config(&set, &conf, &why) == OK, "%s", why.text);
}

static void fresh(const char *text)
{
    if (strstr(dir, "XXXXXX"))
        ck_assert_ptr_nonnull(mkdtemp(dir));
    log_set_level(LOG_LEVEL_NOTHING);
    snprintf(conf_path, sizeof conf_path, "%s/s.conf", dir);
    snprintf(state_path_, sizeof state_path_, "%s.state", conf_path);
    unlink(state_path_);
    write_file(conf_path, text);
}

static enum err open_with(struct keeper *k, const struct journal_io *io)
{
    struct keeper_options o = { &set, conf_path, &conf, io };

    load_conf();
    why.text[0] = '\0';
    return keeper_open(k, &o, &why);
}

static void open_ok(struct keeper *k)
{
    ck_assert_msg(open_with(k, &journal_io_real) == OK, "%s", why.text);
}

static void add(struct keeper *k, const struct record *rec)
{
    struct buf payload = { 0 };

    record_encode(rec, &payload);
    keeper_add(k, buf_bytes(&payload), 1000);
    buf_fini(&payload);
}

static void add_vote(struct keeper *k, const char *group, uint64_t epoch, const char *id)
{
    struct record rec = { .kind = REC_VOTE, .epoch = epoch };

    snprintf(rec.group, sizeof rec.group, "%s", group);
    snprintf(rec.id, sizeof rec.id, "%s", id);
    add(k, &rec);
}

#define CONF \
    "# mine\nsentinel monitor m1 127.0.0.1 7001 2\nsentinel down-after-milliseconds m1 5000\n"
#define ID "cccccccccccccccccccccccccccccccccccccccc"

START_TEST(an_id_is_made_once)
{
    struct keeper k;
    char id[ID_LEN + 1];

    fresh(CONF);
    open_ok(&k);
    memcpy(id, k.config.globals.my_id, sizeof id);
    ck_assert_uint_eq(strlen(id), ID_LEN);
    keeper_close(&k); /* sentinel.conf was never written */
    ck_assert_str_eq(content(conf_path), CONF);
    open_ok(&k);
    ck_assert_str_eq(k.config.globals.my_id, id);
    ck_assert_uint_eq(k.config.groups[0].set.down_after_ms, 5000);
    keeper_close(&k);
}
END_TEST

START_TEST(what_was_stored_survives_a_kill)
{
    struct rng r;
    struct random_record rr = { 0 };
    struct keeper k;

    rng_seed(&r, test_seed());
    for (int round = 0; round < 40; round++) {
        AUTO_FREE char *expected = NULL;

        fresh(CONF "sentinel myid " ID "\n");
        open_ok(&k);
        for (int i = (int)rng_below(&r, 40); i >= 0; i--) {
            random_record(&r, &k.config, &rr);
            if (rr.rec.kind == REC_GLOBALS) /* the port to listen on is never remembered */
                rr.globals.listen_port = conf.globals.listen_port;
            add(&k, &rr.rec);
            if (rng_below(&r, 8) == 0)
                ck_assert(keeper_write_conf(&k, 1000, &why) == OK);
        }
        ck_assert(keeper_store(&k, &why) == OK);
        expected = xstrdup(show_config(&k.config, &a_text));
        keeper_close(&k);
        open_ok(&k);
        ck_assert_str_eq(show_config(&k.config, &a_text), expected);
        keeper_close(&k);
    }
    random_record_fini(&rr);
}
END_TEST

START_TEST(sentinel_conf_follows)
{
    struct keeper k;

    fresh(CONF "sentinel myid " ID "\n");
    open_ok(&k);
    ck_assert(keeper_write_conf(&k, 0, &why) == OK);
    ck_assert_uint_eq(keeper_conf_due_ms(&k), UINT64_MAX);
    add_vote(&k, "m1", 7, ID);
    ck_assert_uint_eq(keeper_conf_due_ms(&k), 1000 + REWRITE_MS);
    ck_assert(keeper_store(&k, &why) == OK);
    ck_assert(keeper_write_conf(&k, 2000, &why) == OK);
    ck_assert_ptr_nonnull(strstr(content(conf_path), "\nsentinel leader-epoch m1 7\n"));
    ck_assert_int_eq(strncmp(content(conf_path), CONF, strlen(CONF)), 0);
    keeper_close(&k);
    /* Without the journal sentinel.conf is enough. */
    unlink(state_path_);
    open_ok(&k);
    ck_assert_uint_eq(k.config.groups[0].vote_epoch, 7);
    ck_assert_str_eq(k.config.globals.my_id, ID);
    keeper_close(&k);
}
END_TEST

/* sentinel.conf is not there yet, and the vote is on the disk already. */
static void log_a_vote(void *arg)
{
    struct record rec = { .kind = REC_VOTE, .group = "m1", .id = ID, .epoch = 8 };
    struct buf records = { 0 };
    uint32_t len;

    buf_append(&records, &(uint32_t){ 0 }, sizeof len);
    record_encode(&rec, &records);
    len = (uint32_t)(records.len - sizeof len);
    memcpy(records.at, &len, sizeof len);
    ck_assert(keeper_log(arg, &records));
    ck_assert_ptr_null(strstr(content(conf_path), "leader-epoch m1 7"));
    buf_fini(&records);
}

START_TEST(a_vote_does_not_wait_for_sentinel_conf)
{
    struct keeper k;

    fresh(CONF "sentinel myid " ID "\n");
    open_ok(&k);
    ck_assert(keeper_write_conf(&k, 0, &why) == OK);
    k.meanwhile = log_a_vote;
    k.arg = &k;
    add_vote(&k, "m1", 7, ID);
    ck_assert(keeper_store(&k, &why) == OK);
    ck_assert(keeper_write_conf(&k, 2000, &why) == OK);
    ck_assert_ptr_nonnull(strstr(content(conf_path), "\nsentinel leader-epoch m1 7\n"));
    keeper_close(&k); /* killed before it learned */
    open_ok(&k);
    ck_assert_uint_eq(k.config.groups[0].vote_epoch, 8);
    ck_assert_str_eq(k.config.groups[0].vote_id, ID);
    keeper_close(&k);
}
END_TEST

START_TEST(an_operators_edit_counts_but_forgets_no_vote)
{
    struct keeper k;

    fresh(CONF "sentinel myid " ID "\n");
    open_ok(&k);
    add_vote(&k, "m1", 7, ID);
    add(&k, &(struct record){ .kind = REC_EPOCH, .epoch = 7 });
    ck_assert(keeper_store(&k, &why) == OK);
    keeper_close(&k);
    write_file(conf_path, "sentinel monitor m1 127.0.0.1 7001 1\n");
    open_ok(&k);
    ck_assert_uint_eq(k.config.groups[0].set.quorum, 1);
    ck_assert_uint_eq(k.config.groups[0].set.down_after_ms, 30000);
    ck_assert_uint_eq(k.config.groups[0].vote_epoch, 7);
    ck_assert_str_eq(k.config.groups[0].vote_id, ID);
    ck_assert_uint_eq(k.config.current_epoch, 7);
    ck_assert_str_eq(k.config.globals.my_id, ID);
    keeper_close(&k);
}
END_TEST

/* SENTINEL SET on a mount where sentinel.conf cannot follow, and the next start. */
START_TEST(a_file_that_stays_as_it_was_overrules_nothing)
{
    struct group_settings changed = { 0 };
    struct record rec = { .kind = REC_GROUP_SET, .group = "m1", .set = &changed };
    struct keeper k;

    group_settings_defaults(&changed);
    changed.quorum = 9;
    fresh(CONF);
    for (int start = 0; start < 3; start++) {
        open_ok(&k);
        if (start == 0)
            add(&k, &rec);
        ck_assert(keeper_store(&k, &why) == OK);
        ck_assert_uint_eq(k.config.groups[0].set.quorum, 9);
        keeper_close(&k);
    }
}
END_TEST

START_TEST(two_on_one_state_are_refused)
{
    struct keeper k, second;

    fresh(CONF);
    open_ok(&k);
    ck_assert(open_with(&second, &journal_io_real) == ERR_EXISTS);
    ck_assert_ptr_nonnull(strstr(why.text, "is in use by another process"));
    ck_assert_ptr_nonnull(strstr(why.text, "Two sentinels must not share one state."));
    keeper_close(&k);
}
END_TEST

START_TEST(damage_is_refused_with_what_to_do)
{
    struct keeper k;
    int fd;

    fresh(CONF);
    open_ok(&k);
    add_vote(&k, "m1", 7, ID);
    ck_assert(keeper_store(&k, &why) == OK);
    keeper_close(&k);
    fd = open(state_path_, O_WRONLY);
    ck_assert_int_eq((int)pwrite(fd, "?", 1, JOURNAL_HEADER_BYTES + JOURNAL_RECORD_HEADER + 3), 1);
    close(fd);
    ck_assert(open_with(&k, &journal_io_real) == ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(why.text, state_path_));
    ck_assert_ptr_nonnull(strstr(why.text, "is damaged, and it had been written safely"));
    ck_assert_ptr_nonnull(strstr(why.text, "move it away"));
}
END_TEST

/* ---- a system that fails -------------------------------------------------------------------------- */

static int failing; /* of writes and syncs, while not 0 */

static ssize_t bad_write(int fd, const void *data, size_t len)
{
    if (failing) {
        errno = ENOSPC;
        return -1;
    }
    return write(fd, data, len);
}

static int bad_sync(int fd)
{
    if (failing) {
        errno = EIO;
        return -1;
    }
    return fdatasync(fd);
}

static int real_rename(const char *from, const char *to)
{
    return rename(from, to);
}

static const struct journal_io bad_io = { bad_write, bad_sync, real_rename };

START_TEST(a_full_disk_promises_nothing_and_heals)
{
    struct keeper k;

    fresh(CONF);
    failing = 0;
    ck_assert(open_with(&k, &bad_io) == OK);
    add_vote(&k, "m1", 1, ID);
    ck_assert(keeper_store(&k, &why) == OK);
    failing = 1;
    add_vote(&k, "m1", 2, ID);
    ck_assert(keeper_store(&k, &why) == ERR_IO);
    add_vote(&k, "m1", 3, ID);
    ck_assert(keeper_store(&k, &why) == ERR_IO);
    failing = 0;
    ck_assert_msg(keeper_store(&k, &why) == OK, "%s", why.text);
    keeper_close(&k);
    open_ok(&k);
    ck_assert_uint_eq(k.config.groups[0].vote_epoch, 3);
    keeper_close(&k);
}
END_TEST

START_TEST(sentinel_conf_alone_carries_the_state)
{
    struct keeper k;

    fresh(CONF "sentinel state-file /nowhere/at/all\n");
    open_ok(&k);
    ck_assert_ptr_null(k.journal);
    add_vote(&k, "m1", 7, ID);
    ck_assert(keeper_store(&k, &why) == OK);
    ck_assert_ptr_nonnull(strstr(content(conf_path), "\nsentinel leader-epoch m1 7\n"));
    keeper_close(&k);
    open_ok(&k);
    ck_assert_uint_eq(k.config.groups[0].vote_epoch, 7);
    keeper_close(&k);
}
END_TEST

/* Who ran it as root once, and then as the user it should be, would start without the votes cast meanwhile. */
START_TEST(a_journal_that_cannot_be_read_is_a_refusal)
{
    char lock[200];
    struct keeper k;

    fresh(CONF);
    snprintf(lock, sizeof lock, "%s.lock", state_path_);
    open_ok(&k);
    add_vote(&k, "m1", 7, ID);
    ck_assert(keeper_store(&k, &why) == OK);
    keeper_close(&k);
    unlink(lock);
    ck_assert_int_eq(mkdir(lock, 0700), 0); /* which nobody opens for writing, not even root */
    ck_assert(open_with(&k, &journal_io_real) == ERR_IO);
    ck_assert_ptr_nonnull(strstr(why.text, lock));
    ck_assert_ptr_nonnull(strstr(why.text, "move it away"));
    rmdir(lock);
    open_ok(&k);
    ck_assert_uint_eq(k.config.groups[0].vote_epoch, 7);
    keeper_close(&k);
}
END_TEST

START_TEST(nowhere_to_write_is_a_refusal)
{
    struct keeper k;
    struct keeper_options o = { &set, "/proc/self/status", &conf, &journal_io_real };

    fresh("sentinel state-file /nowhere/at/all\n");
    load_conf();
    ck_assert(keeper_open(&k, &o, &why) == ERR_IO);
    ck_assert_ptr_nonnull(strstr(why.text, "the sentinel's state can't be kept"));
    ck_assert_ptr_nonnull(strstr(why.text, "sentinel state-file <path>"));
}
END_TEST

START_TEST(the_journal_stays_short)
{
    struct keeper k;
    struct stat st;

    fresh(CONF);
    open_ok(&k);
    for (int i = 0; i < 40000; i++) {
        add_vote(&k, "m1", (uint64_t)i, ID);
        if (i % 500 == 0)
            ck_assert(keeper_store(&k, &why) == OK);
    }
    ck_assert_int_eq(stat(state_path_, &st), 0);
    ck_assert_int_lt(st.st_size, 2 * KEEPER_SLACK_BYTES);
    ck_assert_uint_gt(k.config.groups[0].vote_epoch, 39000);
    keeper_close(&k);
}
END_TEST

/* ---- with its thread ------------------------------------------------------------------------------ */

static uint64_t told;

static void on_done(void *arg, uint64_t position)
{
    told = position;
    ev_break(arg, EVBREAK_ALL);
}

static struct state *open_state(struct ev_loop *loop, struct config *out)
{
    struct state_options o = { .loop = loop,
                               .set = &set,
                               .conf_path = conf_path,
                               .conf = &conf,
                               .done = on_done,
                               .arg = loop };
    struct state *st;

    load_conf();
    st = state_open(&o, out, &why);
    ck_assert_msg(st != NULL, "%s", why.text);
    return st;
}

START_TEST(positions_come_back_through_the_loop)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct config loaded = { 0 };
    struct record rec = { .kind = REC_VOTE, .group = "m1", .id = ID, .durable = true };
    struct state *st;
    uint64_t last = 0;

    fresh(CONF);
    st = open_state(loop, &loaded);
    told = 0;
    ev_ref(loop);
    for (rec.epoch = 1; rec.epoch <= 500; rec.epoch++) {
        ck_assert_uint_eq(state_persist(st, &rec), ++last);
        if (rec.epoch % 50 == 0)
            while (told < last)
                ev_run(loop, 0);
    }
    ev_unref(loop);
    ck_assert_uint_eq(told, 500);
    state_set_loglevel(st, "debug");
    ck_assert_msg(state_flush(st, &why) == OK, "%s", why.text);
    ck_assert_ptr_nonnull(strstr(content(conf_path), "\nsentinel leader-epoch m1 500\n"));
    ck_assert_ptr_nonnull(strstr(content(conf_path), "\nloglevel debug\n"));
    rec.epoch = 600;
    state_persist(st, &rec);
    state_close(st); /* writes what is waiting */
    ck_assert_ptr_nonnull(strstr(content(conf_path), "\nsentinel leader-epoch m1 600\n"));
    config_fini(&loaded);
    st = open_state(loop, &loaded);
    ck_assert_uint_eq(loaded.groups[0].vote_epoch, 600);
    ck_assert_str_eq(loaded.groups[0].vote_id, ID);
    state_close(st);
    config_fini(&loaded);
    ev_loop_destroy(loop);
}
END_TEST

START_TEST(sentinel_conf_is_written_within_a_second)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct config loaded = { 0 };
    struct record rec = { .kind = REC_VOTE, .group = "m1", .id = ID, .epoch = 77 };
    struct state *st;

    fresh(CONF);
    st = open_state(loop, &loaded);
    state_persist(st, &rec);
    for (int i = 0; i < 100 && !strstr(content(conf_path), "\nsentinel leader-epoch m1 77\n"); i++)
        usleep(10000);
    ck_assert_ptr_nonnull(strstr(content(conf_path), "\nsentinel leader-epoch m1 77\n"));
    state_close(st);
    config_fini(&loaded);
    ev_loop_destroy(loop);
}
END_TEST

CHECK_MAIN("state", an_id_is_made_once, what_was_stored_survives_a_kill, sentinel_conf_follows,
           a_vote_does_not_wait_for_sentinel_conf, an_operators_edit_counts_but_forgets_no_vote,
           a_file_that_stays_as_it_was_overrules_nothing, two_on_one_state_are_refused,
           damage_is_refused_with_what_to_do, a_full_disk_promises_nothing_and_heals,
           sentinel_conf_alone_carries_the_state, a_journal_that_cannot_be_read_is_a_refusal,
           nowhere_to_write_is_a_refusal, the_journal_stays_short,
           positions_come_back_through_the_loop, sentinel_conf_is_written_within_a_second)
