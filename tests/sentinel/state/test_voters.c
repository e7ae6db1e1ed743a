/*
 * voters: an answer leaves when the disk has what it says, and not before; writes that wait are one; a voter is found
 * by its id, and comes back under it or not at all. The disk is held, released and broken by the test.
 */
#include "sentinel/state/voters.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "common/alloc.h"
#include "common/log.h"
#include "tests/common/register/charters.h"

static struct {
    char folder[64], prefix[96];
    struct ev_loop *loop;
    struct voters *voters;
    struct reg_message answer; /* the last one */
    uint64_t token;
    int answers, refusals;
    char refusal[128];
} t;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held, fails;
    int syncs;
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static int sync_when_let(int fd)
{
    bool fails;

    (void)fd;
    pthread_mutex_lock(&disk.lock);
    while (disk.held)
        pthread_cond_wait(&disk.changed, &disk.lock);
    disk.syncs++;
    fails = disk.fails;
    pthread_mutex_unlock(&disk.lock);
    errno = EIO;
    return fails ? -1 : 0;
}

static void hold(bool held, bool fails)
{
    pthread_mutex_lock(&disk.lock);
    disk.held = held;
    disk.fails = fails;
    pthread_cond_broadcast(&disk.changed);
    pthread_mutex_unlock(&disk.lock);
}

static void told(void *arg, uint64_t token, const struct reg_message *answer, const char *refusal)
{
    (void)arg;
    t.token = token;
    t.answers++;
    if (answer)
        t.answer = *answer;
    if (refusal) {
        t.refusals++;
        snprintf(t.refusal, sizeof t.refusal, "%s", refusal);
    }
}

static void open_them(void)
{
    static struct slots_io io;
    struct voters_options o = { .loop = t.loop, .prefix = t.prefix, .io = &io, .told = told };

    io = slots_io_real;
    io.sync = sync_when_let;
    t.voters = voters_open(&o);
}

static void setup(void)
{
    memset(&t, 0, sizeof t);
    strcpy(t.folder, "/tmp/test_voters.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t.folder));
    snprintf(t.prefix, sizeof t.prefix, "%s/s.conf.state.voter-", t.folder);
    t.loop = ev_loop_new(0);
    hold(false, false);
    open_them();
}

static void teardown(void)
{
    char command[128];

    hold(false, false);
    voters_close(t.voters);
    ev_loop_destroy(t.loop);
    snprintf(command, sizeof command, "rm -r %s", t.folder);
    ck_assert_int_eq(system(command), 0);
}

/* Helpers do not keep a loop running: the test does. */
static void wait_for(int answers)
{
    for (int i = 0; t.answers < answers && i < 20000; i++) {
        ev_run(t.loop, EVRUN_NOWAIT);
        usleep(100);
    }
    ck_assert_int_eq(t.answers, answers);
}

static uint64_t enrol(const char *group)
{
    int before = t.answers;

    voters_enrol(t.voters, 1, bytes_of(group));
    wait_for(before + 1);
    ck_assert_int_eq(t.answer.kind, REG_VALUE);
    return t.answer.voter;
}

static struct reg_message request(enum reg_kind kind, uint64_t voter, uint64_t round)
{
    struct reg_message m = { .kind = kind, .voter = voter, .ballot = { round, 5 } };

    m.value = charter_of_three();
    memcpy(m.gid, m.value.gid, sizeof m.gid);
    return m;
}

static void ask(enum reg_kind kind, uint64_t voter, uint64_t round)
{
    struct reg_message m = request(kind, voter, round);

    voters_hear(t.voters, 100 + round, &m);
}

START_TEST(a_group_gets_one_voter)
{
    uint64_t id;

    setup();
    id = enrol("mymaster");
    ck_assert_uint_ne(id, 0);
    ck_assert_str_eq(t.answer.gid, "");
    ck_assert_uint_eq(enrol("mymaster"), id);
    ck_assert_uint_ne(enrol("another"), id);
    ck_assert_ptr_nonnull(voters_find(t.voters, BYTES("mymaster")));
    ck_assert_ptr_null(voters_find(t.voters, BYTES("nobody's")));
    teardown();
}
END_TEST

START_TEST(an_answer_waits_for_the_disk)
{
    uint64_t id;
    int before, syncs;

    setup();
    id = enrol("g");
    before = t.answers;
    syncs = disk.syncs;
    hold(true, false);
    ask(REG_PREPARE, id, 3);
    ask(REG_PREPARE, id, 3); /* came twice: nothing new is written, and it waits all the same */
    ask(REG_GET, id, 4);
    ask(REG_PREPARE, id, 5);
    ask(REG_ACCEPT, id, 5);
    for (int i = 0; i < 50; i++) {
        ev_run(t.loop, EVRUN_NOWAIT);
        usleep(200);
    }
    ck_assert_int_eq(t.answers, before);
    hold(false, false);
    wait_for(before + 5);
    ck_assert_int_eq(t.answer.kind, REG_ACCEPTED);
    ck_assert_uint_eq(t.token, 105);
    ck_assert_int_eq(disk.syncs, syncs + 2); /* the first, and the others together */
    ask(REG_LEARN, id, 5);
    ck_assert_int_eq(t.answers, before + 6); /* at once, and no message */
    ck_assert_int_eq(t.refusals, 0);
    teardown();
}
END_TEST

START_TEST(they_come_back_as_they_were)
{
    uint64_t one, odd;
    int before;

    setup();
    one = enrol("one");
    odd = enrol("a/b.lock");
    before = t.answers;
    ask(REG_ACCEPT, odd, 7);
    wait_for(before + 1);
    voters_close(t.voters);
    open_them();
    ck_assert_uint_eq(enrol("one"), one);
    ck_assert_uint_eq(enrol("a/b.lock"), odd);
    ck_assert_uint_eq(t.answer.accepted.round, 7);
    ck_assert_str_eq(t.answer.gid, charter_of_three().gid);
    teardown();
}
END_TEST

START_TEST(one_that_is_lost_is_not_found)
{
    uint64_t id;
    char path[160];

    setup();
    id = enrol("g");
    voters_close(t.voters);
    snprintf(path, sizeof path, "%sg", t.prefix);
    ck_assert_int_eq(unlink(path), 0);
    open_them();
    ask(REG_PREPARE, id, 1);
    ck_assert_str_eq(t.refusal, "NOVOTER this sentinel has no voter with that id");
    ck_assert_uint_ne(enrol("g"), id);
    teardown();
}
END_TEST

START_TEST(a_broken_disk_silences_it)
{
    uint64_t id;
    int before;

    setup();
    id = enrol("g");
    before = t.answers;
    hold(true, true);
    ask(REG_PREPARE, id, 3);
    ask(REG_PREPARE, id, 4);
    hold(false, true);
    wait_for(before + 2);
    ck_assert(t.answer.kind == REG_NACK && t.answer.why == NACK_LOST);
    hold(false, false);
    ask(REG_GET, id, 5);
    wait_for(before + 3);
    ck_assert(t.answer.kind == REG_NACK && t.answer.why == NACK_LOST);
    teardown();
}
END_TEST

START_TEST(names_have_a_limit_and_files_a_reason)
{
    char name[256];

    setup();
    memset(name, 'n', sizeof name);
    name[VOTERS_NAME_MAX + 1] = '\0';
    voters_enrol(t.voters, 1, bytes_of(name));
    ck_assert_str_eq(t.refusal, "ERR the name is too long for that of a file");
    name[VOTERS_NAME_MAX] = '\0';
    ck_assert_uint_ne(enrol(name), 0);
    rename(t.folder, "/tmp/test_voters.away");
    voters_enrol(t.voters, 1, BYTES("late"));
    wait_for(3);
    ck_assert_msg(strstr(t.refusal, "No such file or directory"), "%s", t.refusal);
    ck_assert_ptr_null(voters_find(t.voters, BYTES("late")));
    rename("/tmp/test_voters.away", t.folder);
    ck_assert_uint_ne(enrol("late"), 0);
    teardown();
}
END_TEST

CHECK_MAIN("voters", a_group_gets_one_voter, an_answer_waits_for_the_disk,
           they_come_back_as_they_were, one_that_is_lost_is_not_found, a_broken_disk_silences_it,
           names_have_a_limit_and_files_a_reason)
