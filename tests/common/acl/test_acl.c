/*
 * acl: rules make users, users are told as rules again, and calls are judged by them. The commands are a few rows
 * of our own, so that nothing depends on what a daemon serves. Random rules are held against a model that is a set
 * of names: what is described must make the same rights again. TEST_SEED replays a run.
 */
#include <stdlib.h>
#include <string.h>

#include "common/acl/acl.h"
#include "common/acl/denials.h"
#include "common/alloc.h"
#include "common/out.h"
#include "tests/check_main.h"

static const struct command config_subs[] = {
    { .name = "get", .since = "1.0.0", .argc_min = 3, .argc_max = 3, .flags = CMD_ADMIN },
    { .name = "set", .since = "1.0.0", .argc_min = 4, .argc_max = 4, .flags = CMD_ADMIN },
    { 0 },
};

static const struct command rows[] = {
    { .name = "config",
      .since = "1.0.0",
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .subs = config_subs },
    { .name = "get",
      .since = "1.0.0",
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_READONLY | CMD_FAST,
      .acl = ACL_STRING,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access" },
    { .name = "set",
      .since = "1.0.0",
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .flags = CMD_WRITE,
      .acl = ACL_STRING,
      .keys = { 1, 1, 1 },
      .key_specs = "OW update" },
    { .name = "copy",
      .since = "1.0.0",
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_WRITE,
      .acl = ACL_KEYSPACE,
      .keys = { 1, 2, 1 },
      .key_specs = "RO access index=1 range=0:1:0; OW update index=2 range=0:1:0" },
    { .name = "exists",
      .since = "1.0.0",
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_READONLY | CMD_FAST,
      .acl = ACL_KEYSPACE,
      .keys = { 1, 1, 1 },
      .key_specs = "RO" },
    { .name = "publish", .since = "1.0.0", .argc_min = 3, .argc_max = 3, .flags = CMD_PUBSUB },
    { .name = "psubscribe",
      .since = "1.0.0",
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_PUBSUB },
    { .name = "select", .since = "1.0.0", .argc_min = 2, .argc_max = 2, .acl = ACL_CONNECTION },
    { .name = "auth",
      .since = "1.0.0",
      .argc_min = 2,
      .argc_max = 3,
      .flags = CMD_NO_AUTH,
      .acl = ACL_CONNECTION },
    { 0 },
};

static struct command_table *table;
static struct acl *acl;
static struct buf text;

static void setup(void)
{
    table = command_table_new();
    command_table_add(table, rows);
    acl = acl_new(table);
}

static void teardown(void)
{
    acl_free(acl);
    command_table_free(table);
    buf_fini(&text);
}

enum { WORDS_MAX = 32 };

static int cut(const char *line, struct bytes words[WORDS_MAX])
{
    int count = 0;

    while (*line) {
        size_t len = strcspn(line, " ");

        words[count++] = (struct bytes){ line, len };
        line += line[len] ? len + 1 : len;
    }
    return count;
}

/* "": accepted. */
static const char *set(const char *name, const char *line)
{
    struct bytes words[WORDS_MAX];
    int count = cut(line, words);

    text.len = 0;
    acl_set_user(acl, bytes_of(name), count, words, &text);
    return buf_text(&text);
}

static const struct user *user(const char *name)
{
    const struct user *u = acl_find(acl, bytes_of(name));

    ck_assert_ptr_nonnull(u);
    return u;
}

static const char *told(const char *name)
{
    text.len = 0;
    user_describe(user(name), false, &text);
    return buf_text(&text);
}

static enum acl_denial judge(const char *name, const char *line, int *out_arg)
{
    struct bytes words[WORDS_MAX];
    int count = cut(line, words);
    const struct command *cmd = command_find(table, words[0]);

    if (cmd->subs)
        cmd = command_find_sub(table, cmd, words[1]);
    return acl_check(user(name), cmd, count, words, out_arg);
}

static enum acl_denial may(const char *name, const char *line)
{
    int arg = 0;

    return judge(name, line, &arg);
}

START_TEST(users_begin_without_rights)
{
    setup();
    ck_assert_str_eq(set("bob", ""), "");
    ck_assert_str_eq(told("bob"), "user bob off resetchannels -@all");
    ck_assert(may("bob", "get a") == ACL_DENIED_COMMAND);
    ck_assert(may("bob", "auth x") == ACL_ALLOWED);
    acl_let_new_users_hear_all(acl, true);
    ck_assert_str_eq(set("eve", "(+get)"), "");
    ck_assert_str_eq(told("eve"), "user eve off &* -@all (&* -@all +get)");
    ck_assert_str_eq(told("default"), "user default on nopass ~* &* +@all");
    ck_assert(user("default")->unlimited && !user("eve")->unlimited);
    teardown();
}
END_TEST

START_TEST(keys_are_read_and_written)
{
    int arg = 0;

    setup();
    ck_assert_str_eq(set("bob", "+@all %R~r* %W~w* ~b* &*"), "");
    ck_assert(may("bob", "get r1") == ACL_ALLOWED && may("bob", "get w1") == ACL_DENIED_KEY);
    ck_assert(may("bob", "set w1 x") == ACL_ALLOWED && may("bob", "set r1 x") == ACL_DENIED_KEY);
    ck_assert(may("bob", "copy r1 w1") == ACL_ALLOWED && may("bob", "copy b1 b2") == ACL_ALLOWED);
    ck_assert(judge("bob", "copy r1 r2", &arg) == ACL_DENIED_KEY && arg == 2);
    ck_assert(may("bob", "exists w1") == ACL_ALLOWED && may("bob", "exists x") == ACL_DENIED_KEY);
    ck_assert_str_eq(set("bob", "%W~r* %r~r*"), "");
    ck_assert_str_eq(told("bob"), "user bob off ~r* %W~w* ~b* &* +@all");
    ck_assert_str_eq(set("bob", "resetkeys allkeys"), "");
    ck_assert(user("bob")->unlimited);
    ck_assert_ptr_nonnull(strstr(set("bob", "~a"), "Try 'resetkeys'"));
    ck_assert_ptr_nonnull(strstr(set("bob", "resetkeys %~a"), "'%~a': Syntax error"));
    ck_assert_ptr_nonnull(strstr(set("bob", "resetkeys %RR~a"), "Syntax error"));
    ck_assert(user("bob")->unlimited); /* of what was refused nothing counts */
    teardown();
}
END_TEST

START_TEST(channels_match_or_stand_as_they_are)
{
    setup();
    ck_assert_str_eq(set("bob", "+@pubsub &news.* &a"), "");
    ck_assert(may("bob", "publish news.1 x") == ACL_ALLOWED);
    ck_assert(may("bob", "publish other x") == ACL_DENIED_CHANNEL);
    ck_assert(may("bob", "psubscribe news.*") == ACL_ALLOWED);
    ck_assert(may("bob", "psubscribe news.* news.1") == ACL_DENIED_CHANNEL);
    ck_assert(user_hears(user("bob"), BYTES("a"), false));
    ck_assert(!user_hears(user("bob"), BYTES("b"), false));
    ck_assert_str_eq(set("bob", "&*"), "");
    ck_assert_ptr_nonnull(strstr(set("bob", "&a"), "Try 'resetchannels'"));
    teardown();
}
END_TEST

START_TEST(subcommands_and_first_arguments)
{
    setup();
    ck_assert_str_eq(set("bob", "+config|get +select|0 +select|1"), "");
    ck_assert(may("bob", "config get x") == ACL_ALLOWED);
    ck_assert(may("bob", "config set x y") == ACL_DENIED_COMMAND);
    ck_assert(may("bob", "select 0") == ACL_ALLOWED);
    ck_assert(may("bob", "select 2") == ACL_DENIED_COMMAND);
    ck_assert_str_eq(told("bob"),
                     "user bob off resetchannels -@all +config|get +select|0 +select|1");
    ck_assert_str_eq(set("bob", "+config -config|get -select"), "");
    ck_assert_str_eq(told("bob"), "user bob off resetchannels -@all +config -config|get");
    ck_assert_ptr_nonnull(strstr(set("bob", "+config|nosuch"), "Unknown command"));
    ck_assert_ptr_nonnull(strstr(set("bob", "-select|0"), "Unknown command"));
    ck_assert_ptr_nonnull(strstr(set("bob", "+select|"), "Syntax error"));
    ck_assert_ptr_nonnull(strstr(set("bob", "+config|get|x"), "first-arg of a subcommand"));
    teardown();
}
END_TEST

START_TEST(one_selector_must_allow_all_of_a_call)
{
    int arg = 0;

    setup();
    ck_assert_str_eq(set("bob", "+get ~a* ( +set ~b* ) (+copy ~a* ~b*)"), "");
    ck_assert_str_eq(told("bob"), "user bob off ~a* resetchannels -@all +get (~b* resetchannels "
                                  "-@all +set) (~a* ~b* resetchannels -@all +copy)");
    ck_assert(may("bob", "get a") == ACL_ALLOWED && may("bob", "set b x") == ACL_ALLOWED);
    ck_assert(may("bob", "get b") == ACL_DENIED_KEY && may("bob", "set a x") == ACL_DENIED_KEY);
    ck_assert(may("bob", "publish a x") == ACL_DENIED_COMMAND);
    ck_assert(judge("bob", "copy a c", &arg) == ACL_DENIED_KEY && arg == 2);
    ck_assert_ptr_nonnull(strstr(set("bob", "(+get"), "starting at '(+get'."));
    ck_assert_ptr_nonnull(strstr(set("bob", "(+get on)"), "'(+get on)': Syntax error"));
    ck_assert_uint_eq(user("bob")->selector_count, 3);
    ck_assert_str_eq(set("bob", "clearselectors"), "");
    ck_assert_uint_eq(user("bob")->selector_count, 1);
    teardown();
}
END_TEST

/* The words come whole, as ACL SETUSER gets them. */
START_TEST(what_no_file_can_hold_is_no_rule)
{
    static const char *const rules[] = { "+select|a b",       "+select|a\tb",    "(+get ~a) ~b)",
                                         "(+select|0) +get)", "(+get \"~a'b\")", "(+get '~a\"b')",
                                         "(+select|\"a b\")" };

    setup();
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct bytes rule = bytes_of(rules[i]);
        struct buf error = { 0 };

        ck_assert_msg(!acl_set_user(acl, BYTES("bob"), 1, &rule, &error), "%s", rules[i]);
        ck_assert_ptr_nonnull(strstr(buf_text(&error), "Syntax error"));
        buf_fini(&error);
    }
    ck_assert_ptr_null(acl_find(acl, BYTES("bob")));
    teardown();
}
END_TEST

START_TEST(passwords_are_many_and_hashed)
{
    static const char hash[] = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    setup();
    ck_assert_str_eq(set("bob", "on >secret >other >secret"), "");
    ck_assert_uint_eq(user("bob")->password_count, 2);
    ck_assert_ptr_nonnull(strstr(told("bob"), hash));
    ck_assert(acl_login(acl, BYTES("bob"), BYTES("secret")) == user("bob"));
    ck_assert(acl_login(acl, BYTES("bob"), BYTES("other")) == user("bob"));
    ck_assert_ptr_null(acl_login(acl, BYTES("bob"), BYTES("")));
    ck_assert_str_eq(set("bob", "<secret"), "");
    ck_assert_ptr_null(acl_login(acl, BYTES("bob"), BYTES("secret")));
    ck_assert_ptr_nonnull(strstr(set("bob", "<secret"), "does not exist"));
    ck_assert_ptr_nonnull(strstr(set("bob", "#2BB80D"), "exactly 64 characters"));
    ck_assert_str_eq(set("bob", "nopass"), "");
    ck_assert(acl_login(acl, BYTES("bob"), BYTES("whatever")) == user("bob"));
    ck_assert_str_eq(set("bob", "off"), "");
    ck_assert_ptr_null(acl_login(acl, BYTES("bob"), BYTES("whatever")));
    acl_set_password(acl, BYTES("root"));
    ck_assert(user_needs_password(acl_default_user(acl)));
    acl_set_password(acl, (struct bytes){ 0 });
    ck_assert(user_is_open(acl_default_user(acl)));
    teardown();
}
END_TEST

START_TEST(categories_are_told_before_commands)
{
    setup();
    ck_assert_str_eq(set("bob", "+@all -@string +set"), "");
    ck_assert_str_eq(told("bob"), "user bob off resetchannels +@all -get");
    ck_assert_str_eq(set("bob", "nocommands +@pubsub"), "");
    ck_assert_str_eq(told("bob"), "user bob off resetchannels -@all +@pubsub");
    ck_assert_str_eq(set("bob", "+get +set +copy"), "");
    ck_assert_str_eq(told("bob"), "user bob off resetchannels -@all +@write +@pubsub +get");
    teardown();
}
END_TEST

static int gone;

static void count_removed(void *arg, const struct user *u)
{
    (void)arg;
    gone += u->by_name.name.len > 0;
}

static void ignore_change(void *arg, const struct user *now, const struct user *next)
{
    (void)arg;
    (void)now;
    (void)next;
}

START_TEST(a_file_replaces_users_or_nothing)
{
    static const struct acl_watcher watcher = { ignore_change, count_removed };
    const struct user *before;
    struct buf errors = { 0 };

    setup();
    before = acl_default_user(acl);
    acl_watch(acl, &watcher, NULL);
    set("bob", "on");
    ck_assert(!acl_load(acl, BYTES("user a +nosuch +nosuch2\nuser a\nuse b\n\nuser c ~* ~x %z\n"),
                        "f", &errors));
    ck_assert_str_eq(
        buf_text(&errors),
        "f:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. "
        "f:1: Error in applying operation '+nosuch2': Unknown command or category name in ACL. "
        "WARNING: Duplicate user 'a' found on line 2. "
        "f:3 should start with user keyword followed by the username. "
        "f:5: Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does "
        "not "
        "have any effect. Try 'resetkeys' to start with an empty list of patterns. "
        "WARNING: ACL errors detected, no change to the previously active ACL rules was performed");
    ck_assert(user("bob")->enabled && gone == 0);
    errors.len = 0;
    ck_assert(acl_load(acl, BYTES("user a on (+get ~a) \r\nuser default on nopass +get\n"), "f",
                       &errors));
    ck_assert_ptr_null(acl_find(acl, BYTES("bob")));
    ck_assert(gone == 1 && acl_default_user(acl) == before && !before->unlimited);
    acl_put_file(acl, &errors);
    ck_assert_str_eq(buf_text(&errors),
                     "user a on resetchannels -@all (~a resetchannels -@all +get)\n"
                     "user default on nopass resetchannels -@all +get\n");
    buf_fini(&errors);
    teardown();
}
END_TEST

/* What rules say, one name after the other. */
struct model {
    bool may[16];
};

static const char *const names[] = { "config|get", "config|set", "get",     "set",
                                     "copy",       "exists",     "publish", "select" };
static const uint32_t categories[] = { ACL_STRING, ACL_KEYSPACE, ACL_READ, ACL_WRITE,
                                       ACL_PUBSUB, ACL_ADMIN,    ACL_SLOW };

static void model_apply(struct model *m, const char *rule)
{
    const struct catalog *c = acl_catalog(acl);

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct catalog_entry *e = &c->entries[catalog_find(c, bytes_of(names[i]))];
        const struct catalog_entry *parent = e->parent == CATALOG_NONE ? e : &c->entries[e->parent];
        struct bytes word = bytes_of(rule + 2);

        if (rule[1] == '@' ? bytes_is(word, "all") ||
                                 ((e->categories | parent->categories) & acl_category_of(word))
                           : strcmp(rule + 1, names[i]) == 0 ||
                                 (parent != e && bytes_is(parent->name, rule + 1)))
            m->may[i] = rule[0] == '+';
    }
}

START_TEST(random_rules_come_back)
{
    struct model m = { { false } };

    setup();
    srand((unsigned int)test_seed());
    set("bob", "allkeys allchannels");
    for (int step = 0; step < 5000; step++) {
        AUTO_FREE char *line = NULL;
        char rule[64];
        int what = rand() % 12;

        if (what == 0)
            snprintf(rule, sizeof rule, "%c@all", rand() % 2 ? '+' : '-');
        else if (what == 1)
            snprintf(rule, sizeof rule, "%cconfig", rand() % 2 ? '+' : '-');
        else if (what < 6)
            snprintf(rule, sizeof rule, "%c@%s", rand() % 2 ? '+' : '-',
                     acl_category_word(categories[rand() % (int)ARRAY_LEN(categories)]));
        else
            snprintf(rule, sizeof rule, "%c%s", rand() % 2 ? '+' : '-',
                     names[rand() % (int)ARRAY_LEN(names)]);
        ck_assert_msg(!*set("bob", rule), "%s", rule);
        model_apply(&m, rule);
        ck_assert_str_eq(set("copy", "reset"), "");
        line = xstrdup(told("bob"));
        ck_assert_str_eq(set("copy", line + strlen("user bob ")), "");
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            const struct catalog *c = acl_catalog(acl);
            int id = catalog_find(c, bytes_of(names[i]));

            ck_assert_msg(selector_has(&user("bob")->selectors[0], id) == m.may[i] &&
                              selector_has(&user("copy")->selectors[0], id) == m.may[i],
                          "step %d: %s after %s", step, names[i], rule);
        }
    }
    teardown();
}
END_TEST

START_TEST(denials_are_merged_and_bounded)
{
    struct denials d;
    struct denial one = { .reason = ACL_DENIED_KEY, .user = (char *)"bob", .client = (char *)"x" };
    char key[] = "a";

    setup();
    denials_init(&d);
    one.object = key;
    one.object_len = 1;
    for (int i = 0; i < 30; i++) {
        key[0] = (char)('a' + i % 3);
        denials_add(&d, &one, 1000, 128);
    }
    ck_assert_uint_eq(d.count, 3);
    ck_assert_uint_eq(LIST_ENTRY(d.entries.next, struct denial, node)->count, 10);
    denials_add(&d, &one, 1000 + 60001, 128);
    ck_assert_uint_eq(d.count, 3 + 1);
    one.object = xcalloc(1, 5000);
    one.object_len = 5000;
    denials_add(&d, &one, 70000, 2);
    ck_assert_uint_eq(d.count, 2);
    ck_assert_uint_eq(LIST_ENTRY(d.entries.next, struct denial, node)->object_len,
                      DENIAL_OBJECT_MAX);
    xfree(one.object);
    denials_add(&d,
                &(struct denial){ .object = (char *)"", .user = (char *)"", .client = (char *)"" },
                70000, 0);
    ck_assert_uint_eq(d.count, 0);
    denials_fini(&d);
    teardown();
}
END_TEST

CHECK_MAIN("acl", users_begin_without_rights, keys_are_read_and_written,
           channels_match_or_stand_as_they_are, subcommands_and_first_arguments,
           one_selector_must_allow_all_of_a_call, what_no_file_can_hold_is_no_rule,
           passwords_are_many_and_hashed, categories_are_told_before_commands,
           a_file_replaces_users_or_nothing, random_rules_come_back, denials_are_merged_and_bounded)
