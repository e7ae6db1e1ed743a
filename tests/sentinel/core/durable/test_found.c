/*
 * found: a group that is in order gets its first version, and whatever is in the way is said, all of it at once.
 */
#include "sentinel/core/durable/found.h"

#include "tests/check_main.h"
#include "tests/common/register/charters.h"

static struct founding f;
static struct charter first;
static struct reasons why;

static void in_order(void)
{
    struct charter three = charter_of_three();

    memset(&f, 0, sizeof f);
    memset(&first, 0, sizeof first);
    memcpy(f.gid, three.gid, sizeof f.gid);
    f.level = KEEP_OS;
    f.min_sync = 1;
    for (uint64_t i = 1; i <= 3; i++) {
        struct founding_node *n = &f.nodes[f.node_count++];
        struct founding_voter *v = &f.voters[f.voter_count++];

        *n = (struct founding_node){ .at = place_of("10.0.0", i, 6379),
                                     .answers = true,
                                     .speaks = true };
        n->leads = i == 1;
        n->report.node = 20 - i; /* members come in the order of their ids */
        n->report.did = 110 + i;
        n->report.boot = i;
        memcpy(n->report.run, RUN_A, sizeof n->report.run);
        *v = (struct founding_voter){
            .at = place_of("10.0.1", i, 26379), .answers = true, .speaks = true, .voter = i
        };
    }
}

/* The one thing in the way. */
static void is_in_the_way(const char *reason)
{
    ck_assert(!found_charter(&f, &first, &why));
    ck_assert_uint_eq(why.count, 1);
    ck_assert_str_eq(why.text[0], reason);
    ck_assert_uint_eq(first.ver, 0);
    in_order();
}

static void inherits(void)
{
    in_order();
    memset(f.heir, 'e', GID_LEN);
    for (uint32_t i = 0; i < 3; i++) {
        struct report *r = &f.nodes[i].report;

        memcpy(r->gid, f.heir, sizeof r->gid);
        r->role = i == 0 ? NODE_ACTIVE : NODE_FOLLOWER;
        r->promised = 7;
        r->format = f.voters[i].format = 2;
    }
}

START_TEST(a_lost_register_has_an_heir_where_its_leader_leads)
{
    inherits();
    ck_assert(found_charter(&f, &first, &why));
    ck_assert(first.epoch == 8 && first.ver == 1 && strcmp(first.heir, f.heir) == 0);
    inherits();
    f.nodes[0].report.role = NODE_WAITING;
    is_in_the_way("the node 10.0.0.1:6379 does not lead the group whose register was lost");
    inherits();
    f.nodes[0].report.gid[0] = '\0';
    is_in_the_way("the node 10.0.0.1:6379 does not lead the group whose register was lost");
    inherits();
    f.nodes[2].report.promised = 8;
    is_in_the_way("the node 10.0.0.3:6379 knows of a later epoch than the leader's");
    inherits();
    f.nodes[1].report.format = 1;
    is_in_the_way("the node 10.0.0.2:6379 is of an older version, which could not read it");
    inherits();
    f.voters[1].format = 1;
    is_in_the_way("the sentinel 10.0.1.2:26379 is of an older version, which could not read it");
    inherits();
    f.nodes[2].report.gid[0] = '\0';
    f.nodes[2].report.promised = 0;
    ck_assert(found_charter(&f, &first, &why)); /* a follower may be new */
}
END_TEST

START_TEST(a_group_in_order_begins_with_its_leader_in_sync)
{
    in_order();
    ck_assert(found_charter(&f, &first, &why));
    ck_assert(charter_is_sound(&first, NULL));
    ck_assert(first.ver == 1 && first.epoch == 1 && first.leader == 19 && first.level == KEEP_OS);
    ck_assert(first.member_count == 3 && first.voter_count == 3);
    ck_assert_uint_eq(charter_member(&first, 19)->did, 111);
    ck_assert_uint_eq(charter_member(&first, 18)->did, 0);
    ck_assert_uint_eq(charter_member(&first, 17)->boot, 3);
}
END_TEST

START_TEST(each_thing_in_the_way_is_said)
{
    in_order();
    f.nodes[1].answers = false;
    is_in_the_way("the node 10.0.0.2:6379 does not answer");
    f.nodes[2].speaks = false;
    is_in_the_way("the node 10.0.0.3:6379 is no Holdfast node: it could lead, and would lose what "
                  "was acknowledged");
    memset(f.nodes[1].report.gid, 'f', GID_LEN);
    is_in_the_way("the node 10.0.0.2:6379 belongs to another durable group");
    f.nodes[1].report.did = 0;
    is_in_the_way("the node 10.0.0.2:6379 does not say who it is, or which data it has");
    f.nodes[1].report.node = f.nodes[0].report.node;
    is_in_the_way(
        "the node 10.0.0.2:6379 has the identity of another node: its directory was copied");
    f.nodes[0].observer = true;
    is_in_the_way("the node 10.0.0.1:6379 leads, and is to be an observer");
    f.nodes[0].report.flags = NODE_LOADING;
    is_in_the_way("the node 10.0.0.1:6379 leads, and its data are not in memory yet");
    f.nodes[0].report.flags = NODE_DISK_FAILED;
    is_in_the_way("the node 10.0.0.1:6379 leads, and its disk fails");
    f.nodes[0].leads = false;
    is_in_the_way("no node leads");
    f.nodes[1].leads = true;
    is_in_the_way("more than one node leads");
    f.voters[0].answers = false;
    is_in_the_way("the sentinel 10.0.1.1:26379 does not answer");
    f.voters[1].speaks = false;
    is_in_the_way(
        "the sentinel 10.0.1.2:26379 is no Holdfast sentinel: it cannot keep the register");
    f.voters[2].voter = 0;
    is_in_the_way("the sentinel 10.0.1.3:26379 has no memory to vote with");
    f.voters[2].voter = 1;
    is_in_the_way("the sentinel 10.0.1.3:26379 has the identity of another sentinel: its directory "
                  "was copied");
    f.voter_count = 0;
    is_in_the_way("no sentinel votes");
    f.level = KEEP_ASYNC;
    is_in_the_way("the level is to be mem, os or fsync");
    f.min_sync = 4;
    is_in_the_way("min-sync is to be between 1 and the number of nodes, 3");
}
END_TEST

START_TEST(all_of_it_is_said_at_once)
{
    in_order();
    f.nodes[1].speaks = f.nodes[2].answers = f.voters[0].speaks = false;
    f.level = KEEP_ASYNC;
    ck_assert(!found_charter(&f, &first, &why));
    ck_assert_uint_eq(why.count, 4);
}
END_TEST

/* With one copy in sync it would fit, and the others could never be. */
START_TEST(all_have_to_fit_when_they_are_in_sync)
{
    in_order();
    for (uint32_t i = 3; i < CHARTER_MEMBERS_MAX; i++) {
        f.nodes[i] = f.nodes[2];
        f.node_count++;
    }
    for (uint32_t i = 0; i < f.node_count; i++) {
        f.nodes[i].report.node = UINT64_MAX - i;
        f.nodes[i].at = place_of("192.168.100", 200 + i, 6379);
    }
    f.nodes[0].report.did = UINT64_MAX;
    for (uint32_t i = 0; i < f.voter_count; i++) {
        f.voters[i].at = place_of("192.168.100", 100 + i, 26379);
        f.voters[i].voter = UINT64_MAX - i;
    }
    is_in_the_way("it has too many nodes and sentinels for names of hosts as long as theirs: use "
                  "addresses, or fewer nodes");
}
END_TEST

START_TEST(what_does_not_fit_is_said)
{
    in_order();
    for (uint32_t i = 3; i < CHARTER_MEMBERS_MAX; i++) {
        f.nodes[i] = f.nodes[2];
        f.nodes[i].report.node = UINT64_MAX - i;
        f.node_count++;
    }
    for (uint32_t i = 0; i < f.node_count; i++)
        memset(f.nodes[i].at.host, 'h', CHARTER_HOST_MAX);
    for (uint32_t i = 0; i < f.voter_count; i++)
        memset(f.voters[i].at.host, 'h', CHARTER_HOST_MAX);
    is_in_the_way("it has too many nodes and sentinels for names of hosts as long as theirs: use "
                  "addresses, or fewer nodes");
}
END_TEST

CHECK_MAIN("found", a_lost_register_has_an_heir_where_its_leader_leads,
           a_group_in_order_begins_with_its_leader_in_sync, each_thing_in_the_way_is_said,
           all_of_it_is_said_at_once, all_have_to_fit_when_they_are_in_sync,
           what_does_not_fit_is_said)
