/*
 * charter, change: one text per charter, nothing else is read, every limit holds, and each change makes what its row
 * says or is refused with its sentence.
 */
#include "common/register/charter.h"

#include "charters.h"
#include "tests/check_main.h"

static struct errmsg why;

static void encode(const struct charter *c, struct buf *out)
{
    out->len = 0;
    ck_assert_int_eq(charter_encode(c, out), OK);
}

START_TEST(what_is_written_is_read)
{
    struct charter c = charter_of_three(), back;
    struct buf text = { 0 };

    strcpy(c.reason, "both racks were lost");
    encode(&c, &text);
    ck_assert_uint_le(text.len, CHARTER_BYTES_MAX);
    ck_assert_msg(charter_decode(buf_bytes(&text), &back, &why) == OK, "%s", why.text);
    ck_assert(charter_eq(&c, &back));
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "m 12 10.0.0.2 6379 0 1 112\r\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "v 3 10.0.1.3 26379 1\r\n"));
    buf_fini(&text);
}
END_TEST

START_TEST(nothing_else_is_read)
{
    struct charter c = charter_of_three(), back = { 0 };
    struct buf text = { 0 };

    encode(&c, &text);
    for (size_t len = 0; len < text.len; len++)
        ck_assert_int_ne(charter_decode((struct bytes){ text.at, len }, &back, &why), OK);
    for (size_t at = 0; at < text.len; at++) {
        text.at[at] = (char)(text.at[at] ^ 1);
        ck_assert_int_ne(charter_decode(buf_bytes(&text), &back, &why), OK);
        text.at[at] = (char)(text.at[at] ^ 1);
    }
    ck_assert_uint_eq(back.ver, 0);
    buf_fini(&text);
}
END_TEST

static struct charter group_of(uint32_t members, uint32_t voters, const char *host)
{
    struct charter c = charter_of_three();

    c.member_count = c.voter_count = 0;
    for (uint32_t i = 0; i < members; i++) {
        struct member m = { .node = UINT64_MAX - i, .at = { .port = 65535 } };

        strcpy(m.at.host, host);
        charter_add_member(&c, &m);
    }
    for (uint32_t i = 0; i < voters; i++) {
        struct voter v = { .id = UINT64_MAX - i, .at = { .port = 65535 }, .sets = VOTERS_NOW };

        strcpy(v.at.host, host);
        charter_add_voter(&c, &v);
    }
    c.leader = UINT64_MAX;
    charter_member(&c, c.leader)->did = 1;
    return c;
}

/* As charter.h says. What has room fits when everybody is in sync, and when a voter is replaced. */
START_TEST(room_is_for_all_in_sync)
{
    static const char ip[] = "192.168.100.100";
    char name[CHARTER_HOST_MAX + 1] = "";
    const struct {
        uint32_t members, voters;
        const char *host;
        bool has_room;
    } rows[] = { { 7, 3, ip, true },   { 8, 3, ip, false },        { 5, 5, ip, true },
                 { 7, 5, ip, false },  { 8, 3, "10.0.0.1", true }, { 3, 3, name, true },
                 { 4, 3, name, false } };
    struct buf text = { 0 };

    memset(name, 'h', CHARTER_HOST_MAX);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct charter c = group_of(rows[i].members, rows[i].voters, rows[i].host);
        struct voter more = { .id = 1, .at = c.voters[0].at, .sets = VOTERS_NEXT };

        ck_assert_int_eq(charter_has_room(&c, 1), rows[i].has_room);
        encode(&c, &text); /* as it is it fits, and that says nothing */
        for (uint32_t k = 0; k < c.member_count; k++)
            c.members[k].did = UINT64_MAX;
        charter_add_voter(&c, &more);
        c.ver = c.epoch = c.op_number = 999999;
        c.op_proposer = UINT64_MAX;
        if (rows[i].has_room)
            encode(&c, &text);
    }
    buf_fini(&text);
}
END_TEST

START_TEST(nobody_comes_in_who_could_not_grow)
{
    struct charter c = group_of(7, 3, "192.168.100.100"), next;
    struct change ch = { .kind = CHANGE_MEMBER_ADD,
                         .member = { .node = 1, .at = c.members[0].at } };

    change_expect(&ch, &c);
    ck_assert_int_eq(change_apply(&ch, &c, 1, 1, &next, &why), ERR_LIMIT);
    ck_assert_str_eq(why.text, "the group would be too large");
    ch.instead = true; /* for a while */
    ck_assert_int_eq(change_apply(&ch, &c, 1, 1, &next, &why), OK);
}
END_TEST

/* An override while everything is lost is no moment to be refused over a word. */
START_TEST(a_reason_takes_nobodys_room)
{
    struct charter c = group_of(7, 3, "192.168.100.100"), next;
    struct change ch = { .kind = CHANGE_FORCE, .run = RUN_B, .did = 7, .if_ver = 1 };

    memset(ch.reason, 'r', CHARTER_REASON_MAX);
    change_expect(&ch, &c);
    ch.node = c.members[0].node;
    ck_assert_int_eq(change_apply(&ch, &c, 1, 1, &next, &why), OK);
    ck_assert(charter_has_room(&next, 1));
    ck_assert_uint_gt(strlen(next.reason), 0);
    ck_assert_uint_lt(strlen(next.reason), CHARTER_REASON_MAX);
    c = group_of(3, 3, "192.168.100.100");
    ch.node = c.members[0].node;
    ck_assert_int_eq(change_apply(&ch, &c, 1, 1, &next, &why), OK);
    ck_assert_uint_eq(strlen(next.reason), CHARTER_REASON_MAX);
}
END_TEST

START_TEST(a_majority_is_one_of_each_set)
{
    struct charter c = charter_of_three();
    const uint64_t one_two[] = { 1, 2 }, two_four[] = { 2, 4 }, three_four[] = { 2, 3, 4 };
    struct voter v = voter_of(4);

    ck_assert(charter_has_majority(&c, one_two, 2));
    ck_assert(!charter_has_majority(&c, two_four, 2));
    ck_assert(charter_may_have_majority(&c, two_four, 2));
    ck_assert(!charter_may_have_majority(&c, one_two, 2));
    /* Joint with 2, 3, 4. */
    v.sets = VOTERS_NEXT;
    charter_add_voter(&c, &v);
    c.voters[1].sets = c.voters[2].sets = VOTERS_NOW | VOTERS_NEXT;
    ck_assert(charter_is_joint(&c));
    ck_assert(!charter_has_majority(&c, one_two, 2));
    ck_assert(!charter_has_majority(&c, two_four, 2));
    ck_assert(charter_has_majority(&c, three_four, 3));
}
END_TEST

/* ---- changes ----------------------------------------------------------------------------------- */

static struct charter base;

static const char *applied(struct change *ch, struct charter *out)
{
    why.text[0] = '\0';
    (void)!change_apply(ch, &base, 7, 1, out, &why);
    return why.text;
}

static struct change ordered(enum change_kind kind, uint64_t node, uint64_t did)
{
    struct change ch = { .kind = kind, .node = node, .did = did, .run = RUN_B };

    base = charter_of_three();
    change_expect(&ch, &base);
    return ch;
}

START_TEST(every_change_names_epoch_and_process)
{
    for (int kind = CHANGE_SHRINK; kind < CHANGE_COUNT; kind++) {
        struct change ch = ordered((enum change_kind)kind, 12, 112);
        struct charter next;

        ch.if_epoch = 2;
        ck_assert_str_eq(applied(&ch, &next), "another leads");
        ch.if_epoch = 1;
        strcpy(ch.if_run, RUN_B);
        ck_assert_str_eq(applied(&ch, &next), "another leads");
        strcpy(ch.if_run, RUN_A);
        ch.if_ver = 9;
        ck_assert_str_eq(applied(&ch, &next), "the version is another");
        ck_assert_int_eq(change_apply(&ch, NULL, 7, 1, &next, &why), ERR_REFUSED);
    }
}
END_TEST

START_TEST(sync_shrinks_and_grows)
{
    struct change ch = ordered(CHANGE_SHRINK, 12, 112);
    struct charter next;

    ck_assert_str_eq(applied(&ch, &next), "");
    ck_assert(next.ver == 2 && next.epoch == 1 && charter_member(&next, 12)->did == 0);
    ck_assert(charter_shrinks(&base, &next) && !charter_shrinks(&next, &base));
    ch.did = 113;
    ck_assert_str_eq(applied(&ch, &next), "the node is not in sync with that data set");
    ch = ordered(CHANGE_SHRINK, 11, 111);
    ck_assert_str_eq(applied(&ch, &next), "the leader does not leave its own sync set");
    ch = ordered(CHANGE_GROW, 13, 113);
    ck_assert_str_eq(applied(&ch, &next), "");
    ck_assert_uint_eq(charter_member(&next, 13)->did, 113);
    ch = ordered(CHANGE_GROW, 12, 999);
    ck_assert_str_eq(applied(&ch, &next), "the node is in sync already");
}
END_TEST

START_TEST(only_a_copy_in_sync_leads)
{
    struct change ch = ordered(CHANGE_FAILOVER, 12, 112);
    struct charter next;

    ck_assert_str_eq(applied(&ch, &next), "");
    ck_assert(next.epoch == 2 && next.leader == 12 && strcmp(next.run, RUN_B) == 0);
    ck_assert_uint_eq(charter_member(&next, 11)->did, 111);
    ch.did = 500; /* restarted with another data set */
    ck_assert_str_eq(applied(&ch, &next), "the candidate is not in sync with that data set");
    ch = ordered(CHANGE_FAILOVER, 13, 0);
    ck_assert_str_eq(applied(&ch, &next), "the candidate is not in sync with that data set");
    ch = ordered(CHANGE_FAILOVER, 11, 111);
    ck_assert_str_eq(applied(&ch, &next), "");
    strcpy(ch.run, RUN_A);
    ck_assert_str_eq(applied(&ch, &next), "the candidate's process leads already");
}
END_TEST

START_TEST(an_operator_accepts_a_loss_once_and_by_version)
{
    struct change ch = ordered(CHANGE_FORCE, 13, 113);
    struct charter next, odd;

    strcpy(ch.reason, "both racks were lost");
    ck_assert_str_eq(applied(&ch, &next), "a version has to be named");
    ch.if_ver = 1;
    ck_assert_str_eq(applied(&ch, &next), "");
    ck_assert(next.ver == 2 && next.epoch == 2 && next.leader == 13 && next.lossy == 1);
    ck_assert_str_eq(next.reason, "both racks were lost");
    ck_assert_uint_eq(charter_member(&next, 13)->did, 113);
    ck_assert(charter_member(&next, 11)->did == 0 && charter_member(&next, 12)->did == 0);
    ck_assert(charter_follows(&base, &next));
    odd = next;
    charter_member(&odd, 12)->did = 112; /* somebody else stays in sync */
    ck_assert(!charter_follows(&base, &odd));
    odd = next;
    odd.lossy = 0; /* nobody has accepted it */
    ck_assert(!charter_follows(&base, &odd));
    odd = base;
    odd.ver = 2;
    odd.lossy = 1; /* a loss, and nothing that lost */
    ck_assert(!charter_follows(&base, &odd));
    base = next;
    ck_assert_str_eq(applied(&ch, &next), "the version is another");
    ch = ordered(CHANGE_FORCE, 99, 199);
    ch.if_ver = 1;
    ck_assert_str_eq(applied(&ch, &next), "the node is no member");
    ch = ordered(CHANGE_FORCE, 12, 0);
    ch.if_ver = 1;
    ck_assert_str_eq(applied(&ch, &next), "a data set has an id");
    ch = ordered(CHANGE_FORCE, 11, 111);
    ch.if_ver = 1;
    strcpy(ch.run, RUN_A);
    ck_assert_str_eq(applied(&ch, &next), "the node's process leads already");
    charter_member(&base, 12)->observer = true;
    ch = (struct change){ .kind = CHANGE_FORCE, .if_ver = 1, .node = 12, .did = 112, .run = RUN_B };
    change_expect(&ch, &base);
    ck_assert_str_eq(applied(&ch, &next), "the node is an observer");
}
END_TEST

START_TEST(voters_change_in_two_steps)
{
    struct change ch = ordered(CHANGE_VOTERS_BEGIN, 0, 0);
    struct charter joint, next;

    ck_assert_str_eq(applied(&ch, &next), "somebody has to vote");
    for (uint64_t i = 2; i <= 4; i++)
        ch.voters[ch.voter_count++] = voter_of(i);
    ck_assert_str_eq(applied(&ch, &joint), "");
    ck_assert(charter_is_joint(&joint) && joint.voter_count == 4);
    ck_assert_uint_ne(charter_voters_hash(&base), charter_voters_hash(&joint));
    base = joint;
    ck_assert_str_eq(applied(&ch, &next), "a change of voters is under way");
    ch.kind = CHANGE_VOTERS_FINISH;
    ck_assert_str_eq(applied(&ch, &next), "");
    ck_assert(!charter_is_joint(&next) && next.voter_count == 3 && next.voters[0].id == 2);
    ck_assert(charter_follows(&joint, &next));
    base = next;
    ck_assert_str_eq(applied(&ch, &next), "no change of voters is under way");
}
END_TEST

START_TEST(one_thing_at_a_time_follows)
{
    struct charter a = charter_of_three(), b = a;

    ck_assert(!charter_follows(&a, &b));
    b.ver = 2;
    ck_assert(!charter_follows(&a, &b));
    b.level = KEEP_FSYNC;
    ck_assert(charter_follows(&a, &b));
    charter_member(&b, 12)->did = 0;
    ck_assert(!charter_follows(&a, &b));
    b = a;
    b.ver = 2;
    b.voter_count--; /* a set in one step */
    ck_assert(!charter_follows(&a, &b));
    b = a;
    b.ver = 2;
    strcpy(b.run, RUN_B); /* another process in the same epoch */
    ck_assert(!charter_follows(&a, &b));
    b.epoch = 2;
    ck_assert(charter_follows(&a, &b));
}
END_TEST

START_TEST(a_boot_number_is_seen_and_stays)
{
    struct change ch = ordered(CHANGE_GROW, 13, 113);
    struct charter next;

    ch.boot = 7;
    ck_assert_str_eq(applied(&ch, &next), "");
    ck_assert_uint_eq(charter_member(&next, 13)->boot, 7);
    ck_assert(charter_follows(&base, &next));
    ch = ordered(CHANGE_FAILOVER, 12, 112);
    ch.boot = 4;
    ck_assert_str_eq(applied(&ch, &next), "");
    ck_assert_uint_eq(charter_member(&next, 12)->boot, 4);
    ck_assert(charter_follows(&base, &next));
    charter_member(&next, 12)->boot = 0;
    ck_assert(!charter_follows(&base, &next));
    ch = ordered(CHANGE_FORCE, 13,
                 113); /* or an older copy of the disk that was forced to count would count, too */
    ch.if_ver = 1;
    ch.boot = 9;
    ck_assert_str_eq(applied(&ch, &next), "");
    ck_assert_uint_eq(charter_member(&next, 13)->boot, 9);
    ck_assert(charter_follows(&base, &next));
    charter_member(&next, 13)->boot = 0;
    charter_member(&base, 13)->boot = 1;
    ck_assert(!charter_follows(&base, &next));
}
END_TEST

CHECK_MAIN("charter", what_is_written_is_read, nothing_else_is_read, room_is_for_all_in_sync,
           nobody_comes_in_who_could_not_grow, a_reason_takes_nobodys_room,
           a_majority_is_one_of_each_set, every_change_names_epoch_and_process,
           sync_shrinks_and_grows, only_a_copy_in_sync_leads,
           an_operator_accepts_a_loss_once_and_by_version, voters_change_in_two_steps,
           a_boot_number_is_seen_and_stays, one_thing_at_a_time_follows)
