/*
 * record and choose: records survive encoding, whatever their texts hold; a config written as records
 * and replayed is the same config; odd payloads are refused and change nothing; and of two memories
 * neither epoch nor vote is ever lost, whichever counts.
 */
#include "tests/check_main.h"
#include "tests/sentinel/state/random_config.h"
#include "sentinel/state/choose.h"
#include "sentinel/state/record.h"

static struct buf a_text, b_text;
static struct digests digests;
static struct errmsg why;

static enum err replay_into(void *arg, const struct record *rec, struct errmsg *out_why)
{
    struct buf payload = { 0 };
    enum err e;

    record_encode(rec, &payload);
    e = record_replay(buf_bytes(&payload), arg, &digests, out_why);
    buf_fini(&payload);
    return e;
}

START_TEST(replaying_bytes_is_applying_records)
{
    struct rng r;
    struct random_record rr = { 0 };
    struct config direct = { 0 }, replayed = { 0 }, again = { 0 };

    rng_seed(&r, test_seed());
    for (int i = 0; i < 5000; i++) {
        random_record(&r, &direct, &rr);
        config_apply(&direct, &rr.rec);
        ck_assert_msg(replay_into(&replayed, &rr.rec, &why) == OK, "%s", why.text);
        if (i % 20)
            continue;
        ck_assert_str_eq(show_config(&direct, &a_text), show_config(&replayed, &b_text));
        config_fini(&again);
        ck_assert(record_each(&direct, replay_into, &again, &why) == OK);
        ck_assert_str_eq(show_config(&direct, &a_text), show_config(&again, &b_text));
    }
    random_record_fini(&rr);
    config_fini(&direct);
    config_fini(&replayed);
    config_fini(&again);
}
END_TEST

START_TEST(odd_payloads_change_nothing)
{
    static const char *const bad[] = { "",
                                       "what",
                                       "epoch",
                                       "epoch \"\"",
                                       "vote \"m\" x \"h\" 1 \"\"",
                                       "vote \"m\" 1 \"h\" 70000 \"\"",
                                       "vote \"m\" 1 \"h\" 1 \"\" 5",
                                       "group-add \"m\" 1 \"h\" 1 \"\"",
                                       "globals \"x\"",
                                       "conf \"short\"",
                                       "vote \"m" };
    struct config c = { 0 };
    struct digests d = { .now = "" };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(record_replay(bytes_of(bad[i]), &c, &d, &why) == ERR_SYNTAX, "%s", bad[i]);
        ck_assert_ptr_nonnull(strstr(why.text, "cannot be understood"));
    }
    ck_assert_uint_eq(c.group_count, 0);
    ck_assert_str_eq(d.now, "");
}
END_TEST

static void make(struct config *c, const char *id, uint64_t epoch)
{
    config_fini(c);
    globals_defaults(&c->globals);
    snprintf(c->globals.my_id, sizeof c->globals.my_id, "%s", id);
    c->current_epoch = epoch;
}

static struct config_group *add(struct config *c, const char *name, int leader_port,
                                uint64_t config, uint64_t vote, const char *vote_id)
{
    struct config_group *g = config_add_group(c, name);

    addr_set(&g->leader, BYTES("10.0.0.1"), leader_port);
    g->config_epoch = config;
    g->vote_epoch = vote;
    snprintf(g->vote_id, sizeof g->vote_id, "%s", vote_id);
    return g;
}

static struct config chosen;

static struct config_group *choose(const struct config *conf, const struct config *journal,
                                   bool edited)
{
    struct conf_seen seen = { .config = conf, .edited = edited };

    config_fini(&chosen);
    choose_config(&seen, journal, &chosen);
    return config_find_group(&chosen, "m");
}

START_TEST(which_memory_counts)
{
    struct config conf = { 0 }, journal = { 0 };
    struct config_group *g;

    make(&conf, "", 5);
    add(&conf, "m", 1, 4, 5, "")->set.quorum = 3;
    add(&conf, "new", 9, 0, 0, "");
    make(&journal, "id", 7);
    add(&journal, "m", 2, 6, 7, "somebody")->set.quorum = 2;
    add(&journal, "removed", 9, 0, 0, "");

    g = choose(&conf, &journal, false);
    ck_assert_int_eq(g->leader.port, 2);
    ck_assert_uint_eq(g->set.quorum, 2);
    ck_assert_ptr_nonnull(config_find_group(&chosen, "removed"));

    g = choose(&conf, &journal, true);
    ck_assert_str_eq(chosen.globals.my_id, "id");
    ck_assert_uint_eq(chosen.current_epoch, 7);
    ck_assert_uint_eq(g->set.quorum, 3);
    ck_assert_int_eq(g->leader.port, 2); /* of the higher config-epoch */
    ck_assert_uint_eq(g->config_epoch, 6);
    ck_assert_uint_eq(g->node_count, 1); /* what the file called leader stays known */
    ck_assert_uint_eq(g->vote_epoch, 7);
    ck_assert_str_eq(g->vote_id, "somebody");
    ck_assert_ptr_null(config_find_group(&chosen, "removed"));
    ck_assert_ptr_nonnull(config_find_group(&chosen, "new"));

    /* A Redis sentinel ran in between and saw a failover that we did not. */
    config_find_group(&conf, "m")->config_epoch = 9;
    config_find_group(&conf, "m")->vote_epoch = 9;
    conf.current_epoch = 9;
    g = choose(&conf, &journal, true);
    ck_assert_int_eq(g->leader.port, 1);
    ck_assert_uint_eq(g->config_epoch, 9);
    ck_assert_uint_eq(g->vote_epoch, 9);
    ck_assert_str_eq(g->vote_id, "");
    ck_assert_uint_eq(chosen.current_epoch, 9);
    config_fini(&conf);
    config_fini(&journal);
    config_fini(&chosen);
}
END_TEST

START_TEST(no_choice_forgets_an_epoch_or_a_vote)
{
    struct config conf = { 0 }, journal = { 0 };
    struct rng r;

    rng_seed(&r, test_seed());
    for (int i = 0; i < 5000; i++) {
        uint64_t e[6];
        struct config_group *g;

        for (int k = 0; k < 6; k++)
            e[k] = rng_below(&r, 5);
        make(&conf, "", e[0]);
        add(&conf, "m", 1, e[1], e[2], "");
        make(&journal, "id", e[3]);
        add(&journal, "m", 1 + (int)rng_below(&r, 2), e[4], e[5], "voted");
        g = choose(&conf, &journal, true);
        ck_assert_uint_eq(chosen.current_epoch, e[0] > e[3] ? e[0] : e[3]);
        ck_assert_uint_eq(g->config_epoch, e[1] > e[4] ? e[1] : e[4]);
        ck_assert_uint_eq(g->vote_epoch, e[2] > e[5] ? e[2] : e[5]);
        ck_assert_str_eq(g->vote_id, e[5] >= e[2] ? "voted" : "");
        if (e[4] > e[1])
            ck_assert_int_eq(g->leader.port, journal.groups[0].leader.port);
        else
            ck_assert_int_eq(g->leader.port, 1);
    }
    config_fini(&conf);
    config_fini(&journal);
    config_fini(&chosen);
}
END_TEST

CHECK_MAIN("record", replaying_bytes_is_applying_records, odd_payloads_change_nothing,
           which_memory_counts, no_choice_forgets_an_epoch_or_a_vote)
