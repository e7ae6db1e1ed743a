/*
 * test_forms - what the core reads and writes without deciding: INFO, hello, view, records, timers.
 *
 * Hello and view: whatever is formatted is read back the same, and random damage never makes anything
 * odd pass. The timer heap beside an array that is searched. Records beside the rule that replaying
 * them in order gives what was told.
 */
#include <string.h>

#include "common/alloc.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/index.h"
#include "sentinel/core/info.h"
#include "sentinel/core/timer.h"
#include "sentinel/core/view.h"
#include "tests/check_main.h"

enum { ROUNDS = 20000, TIMERS = 64 };

static const char leader_info[] =
    "# Server\r\nredis_version:7.0.15\r\nrun_id:0123456789abcdef0123456789abcdef01234567\r\n"
    "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n"
    "slave0:ip=10.0.0.2,port=6380,state=online,offset=14,lag=0\r\n"
    "slave1:10.0.0.3,6381,online\r\nslave2:ip=,port=1\r\nslave3:ip=10.0.0.4,port=99999\r\n"
    "slave_repl_offset_x:1\r\nmaster_failover_state:waiting-for-sync\r\n"
    "master_replid:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nmaster_repl_offset:77\r\n"
    "repl_backlog_first_byte_offset:5\r\n# "
    "Keyspace\r\ndb0:keys=3,expires=0\r\ndb9:keys=4,expires=0\r\n";

static const char follower_info[] =
    "server_name:holdfast\nloading:1\nrole:slave\nmaster_host:fe80::1\nmaster_port:6379\n"
    "master_link_status:down\nmaster_sync_in_progress:1\nmaster_link_down_since_seconds:12\n"
    "slave_repl_offset:9\nslave_priority:0\nreplica_announced:0\nmaster_repl_offset:10";

START_TEST(info_of_a_leader)
{
    struct info i;

    info_parse(&i, BYTES(leader_info));
    ck_assert_int_eq(i.facts.role, ROLE_LEADER);
    ck_assert_str_eq(i.facts.run_id, "0123456789abcdef0123456789abcdef01234567");
    ck_assert_uint_eq(i.facts.version, 7u << 16 | 15);
    ck_assert(i.facts.has_failover && i.facts.failover_running && !i.facts.holdfast);
    ck_assert_uint_eq(i.facts.offset, 77);
    ck_assert_uint_eq(i.facts.backlog_first, 5);
    ck_assert(i.facts.keys_known);
    ck_assert_uint_eq(i.facts.keys, 7);
    ck_assert_uint_eq(i.follower_count, 2);
    ck_assert(bytes_is(i.followers[0].host, "10.0.0.2"));
    ck_assert_int_eq(i.followers[0].port, 6380);
    ck_assert_uint_eq(i.followers[0].offset, 14);
    ck_assert(bytes_is(i.followers[1].host, "10.0.0.3"));
    ck_assert_int_eq(i.followers[1].port, 6381);
    ck_assert_int_eq(i.facts.leader.port, 0);
}
END_TEST

START_TEST(info_of_a_follower)
{
    struct info i;

    info_parse(&i, BYTES(follower_info));
    ck_assert_int_eq(i.facts.role, ROLE_FOLLOWER);
    ck_assert(i.facts.holdfast && i.facts.loading && i.facts.syncing);
    ck_assert(!i.facts.link_up && !i.facts.announced && !i.facts.keys_known);
    ck_assert_str_eq(i.facts.leader.host, "fe80::1");
    ck_assert_int_eq(i.facts.leader.port, 6379);
    ck_assert_uint_eq(i.facts.link_down_ms, 12000);
    ck_assert_uint_eq(i.facts.priority, 0);
    ck_assert_uint_eq(i.facts.offset, 9);
}
END_TEST

START_TEST(info_that_is_rubbish)
{
    struct rng r;
    struct info i;
    char text[600];

    rng_seed(&r, test_seed());
    for (int round = 0; round < ROUNDS / 10; round++) {
        size_t len = rng_below(&r, sizeof text);

        for (size_t k = 0; k < len; k++)
            text[k] = rng_below(&r, 3) ? leader_info[(k + round) % (sizeof leader_info - 1)]
                                       : (char)rng_next(&r);
        info_parse(&i, (struct bytes){ text, len });
        ck_assert_uint_le(i.follower_count, INFO_FOLLOWERS_MAX);
        ck_assert(strlen(i.facts.run_id) == 0 || strlen(i.facts.run_id) == ID_LEN);
    }
}
END_TEST

static void random_hello(struct rng *r, struct hello *h)
{
    *h = (struct hello){ .current_epoch = rng_next(r) & EPOCH_MAX,
                         .config_epoch = rng_below(r, 100) };
    snprintf(h->from.host, sizeof h->from.host, "10.0.0.%d", (int)rng_below(r, 256));
    h->from.port = 1 + (int)rng_below(r, 65535);
    snprintf(h->leader.host, sizeof h->leader.host, "host-%d.example", (int)rng_below(r, 100));
    h->leader.port = 1 + (int)rng_below(r, 65535);
    for (int i = 0; i < ID_LEN; i++)
        h->id[i] = "0123456789abcdef"[rng_below(r, 16)];
    snprintf(h->group, sizeof h->group, "my.group-%d", (int)rng_below(r, 100));
}

START_TEST(a_hello_comes_back)
{
    struct rng r;

    rng_seed(&r, test_seed());
    for (int round = 0; round < ROUNDS; round++) {
        struct hello h, back;
        struct buf text = { 0 };

        random_hello(&r, &h);
        hello_format(&h, &text);
        ck_assert_int_eq(hello_parse(&back, buf_bytes(&text)), OK);
        ck_assert(memcmp(&h, &back, sizeof h) == 0);
        /* One byte more or less somewhere: refused, or a hello that formats as it was read. */
        text.at[rng_below(&r, text.len)] = (char)rng_next(&r);
        if (hello_parse(&back, buf_bytes(&text)) == OK) {
            struct buf again = { 0 };

            hello_format(&back, &again);
            ck_assert(bytes_eq(buf_bytes(&again), buf_bytes(&text)));
            buf_fini(&again);
        }
        buf_fini(&text);
    }
}
END_TEST

START_TEST(a_hello_has_eight_tokens)
{
    static const char *const bad[] = {
        "",
        ",,,,,,,",
        "1.1.1.1,1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,g,2.2.2.2,2",
        "1.1.1.1,1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,g,2.2.2.2,2,0,0",
        "1.1.1.1,0,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,g,2.2.2.2,2,0",
        "1.1.1.1,65536,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,g,2.2.2.2,2,0",
        "1.1.1.1,1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,g,2.2.2.2,2,0",
        "1.1.1.1,1,Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,g,2.2.2.2,2,0",
        "1.1.1.1,1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,-1,g,2.2.2.2,2,0",
        "1.1.1.1,1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,18446744073709551615,g,2.2.2.2,2,0",
        "1.1.1.1,1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,a b,2.2.2.2,2,0",
        "1.1.1.1,1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,g,,2,0",
    };
    struct hello h;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(hello_parse(&h, bytes_of(bad[i])) != OK, "%s", bad[i]);
}
END_TEST

START_TEST(a_view_comes_back)
{
    struct buf storage = { 0 };
    struct bytes words[VIEW_WORDS];
    struct rng r;

    rng_seed(&r, test_seed());
    for (int round = 0; round < ROUNDS; round++) {
        struct view v = { .config_epoch = rng_below(&r, 9),
                          .verdict = (enum verdict)rng_below(&r, 3),
                          .captain_epoch = rng_next(&r) & EPOCH_MAX,
                          .vote_epoch = rng_below(&r, 9) };
        struct view back;
        int damaged = (int)rng_below(&r, VIEW_WORDS);

        snprintf(v.group, sizeof v.group, "g%d", round);
        snprintf(v.leader.host, sizeof v.leader.host, "10.0.0.%d", round % 256);
        v.leader.port = 1 + (int)rng_below(&r, 65535);
        view_words(&v, &storage, words);
        ck_assert_int_eq(view_parse(&back, VIEW_WORDS, words), OK);
        ck_assert(memcmp(&v, &back, sizeof v) == 0);
        ck_assert_int_ne(view_parse(&back, VIEW_WORDS - 1, words), OK);
        words[damaged] = BYTES("");
        ck_assert_int_ne(view_parse(&back, VIEW_WORDS, words), OK);
    }
    buf_fini(&storage);
}
END_TEST

START_TEST(timers_beside_an_array)
{
    struct timer timers[TIMERS] = { 0 };
    struct timer_heap heap = { 0 };
    struct rng r;

    rng_seed(&r, test_seed());
    for (int round = 0; round < ROUNDS; round++) {
        struct timer *t = &timers[rng_below(&r, TIMERS)], *due;
        uint64_t least = TIMER_NEVER, now = rng_below(&r, 1000);

        timer_set(&heap, t, rng_below(&r, 4) ? rng_below(&r, 1000) : TIMER_NEVER);
        timer_heap_check(&heap);
        for (int i = 0; i < TIMERS; i++)
            if (timers[i].slot > 0 && timers[i].at_ms < least)
                least = timers[i].at_ms;
        ck_assert_uint_eq(timer_next_ms(&heap), least);
        due = rng_below(&r, 3) ? NULL : timer_take_due(&heap, now);
        if (due) {
            ck_assert_uint_eq(due->at_ms, least);
            ck_assert_uint_le(due->at_ms, now);
            ck_assert_uint_eq(due->slot, 0);
        }
    }
    timer_heap_fini(&heap);
}
END_TEST

/* A wake-up that comes late keeps the rhythm, and no period becomes nothing. */
START_TEST(timers_share_moments)
{
    uint64_t sent_ms = 1007;

    for (uint64_t i = 1; i <= 100; i++) {
        sent_ms = timer_shared_ms(sent_ms + 1000, 1000, 20) + i % 7;
        ck_assert_uint_eq(sent_ms, 1000 + 1000 * i + i % 7);
    }
    for (uint64_t period_ms = 1; period_ms < 600; period_ms++) {
        uint64_t at_ms = timer_shared_ms(1049 + period_ms, period_ms, 100);

        ck_assert_uint_gt(at_ms, 1049);
        if (period_ms < 500)
            ck_assert_uint_eq(at_ms, 1049 + period_ms);
    }
}
END_TEST

START_TEST(index_beside_an_array)
{
    bool there[TIMERS] = { 0 };
    int values[TIMERS];
    struct index x = { 0 };
    struct rng r;
    size_t count = 0;

    rng_seed(&r, test_seed());
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t key = rng_below(&r, TIMERS);

        if (rng_below(&r, 2)) {
            index_put(&x, index_number(&key), &values[key]);
            count += !there[key];
            there[key] = true;
        } else {
            index_remove(&x, index_number(&key));
            count -= there[key];
            there[key] = false;
        }
        ck_assert_uint_eq(x.count, count);
        key = rng_below(&r, TIMERS);
        ck_assert_ptr_eq(index_find(&x, index_number(&key)), there[key] ? &values[key] : NULL);
    }
    index_fini(&x);
}
END_TEST

static struct record record_of(enum record_kind kind, const char *group, int host)
{
    struct record rec = { .kind = kind };

    snprintf(rec.group, sizeof rec.group, "%s", group);
    snprintf(rec.addr.host, sizeof rec.addr.host, "10.0.0.%d", host);
    rec.addr.port = 6379;
    return rec;
}

START_TEST(records_give_the_newest_configuration)
{
    struct group_settings set = { 0 };
    struct config c = { 0 };
    struct config_group *g;
    struct record rec = record_of(REC_GROUP_ADD, "g", 1);

    group_settings_defaults(&set);
    set.quorum = 3;
    rec.set = &set;
    config_apply(&c, &rec);
    rec = record_of(REC_NODE_ADD, "g", 2);
    config_apply(&c, &rec);
    config_apply(&c, &rec);
    rec = record_of(REC_NODE_ADD, "g", 1); /* the leader is no follower of itself */
    config_apply(&c, &rec);
    rec = record_of(REC_NODE_ADD, "unknown", 2);
    config_apply(&c, &rec);
    rec = record_of(REC_CONFIG, "g", 2);
    rec.epoch = 7;
    config_apply(&c, &rec);
    rec = record_of(REC_VOTE, "g", 2);
    rec.epoch = 9;
    memset(rec.id, 'a', ID_LEN);
    config_apply(&c, &rec);
    rec.kind = REC_PEER_ADD;
    config_apply(&c, &rec);
    rec.addr.port = 7000;
    config_apply(&c, &rec);
    g = config_find_group(&c, "g");
    ck_assert_ptr_nonnull(g);
    ck_assert_uint_eq(c.group_count, 1);
    ck_assert_uint_eq(g->set.quorum, 3);
    ck_assert_str_eq(g->leader.host, "10.0.0.2");
    ck_assert_uint_eq(g->node_count, 1);
    ck_assert_str_eq(g->nodes[0].host, "10.0.0.1");
    ck_assert_uint_eq(g->config_epoch, 7);
    ck_assert_uint_eq(g->vote_epoch, 9);
    ck_assert_uint_eq(g->peer_count, 1);
    ck_assert_int_eq(g->peers[0].addr.port, 7000);
    rec = record_of(REC_GROUP_RESET, "g", 2);
    config_apply(&c, &rec);
    ck_assert_uint_eq(g->node_count, 0);
    ck_assert_uint_eq(g->peer_count, 1); /* peers leave one by one */
    ck_assert_uint_eq(g->config_epoch, 7);
    rec.kind = REC_GROUP_REMOVE;
    config_apply(&c, &rec);
    ck_assert_uint_eq(c.group_count, 0);
    group_settings_fini(&set);
    config_fini(&c);
}
END_TEST

CHECK_MAIN("forms", info_of_a_leader, info_of_a_follower, info_that_is_rubbish, a_hello_comes_back,
           a_hello_has_eight_tokens, a_view_comes_back, timers_beside_an_array,
           timers_share_moments, index_beside_an_array, records_give_the_newest_configuration)
