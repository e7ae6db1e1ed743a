/*
 * fuzz_acl: the rules of users. The first byte chooses between a file of users and the words of ACL SETUSER or of a
 * line of a file, one a line. What is accepted must be told as rules, the rules must make the same user again, and both
 * must judge calls and passwords alike. Users that are told to go stay readable, and go.
 */
#include <string.h>

#include "common/acl/acl.h"
#include "common/alloc.h"
#include "common/serve/service.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS_MAX = 64 };
enum how { SET_USER = 1, NEW_USERS_HEAR_ALL = 2, OF_A_FILE = 4, DEFAULT_USER = 8, PASSWORD = 16 };

static void run_nothing(struct call *c)
{
    (void)c;
}

/* What the doors themselves have no row for: keys. */
static const struct command key_rows[] = {
    { .name = "look",
      .run = run_nothing,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY,
      .acl = ACL_STRING,
      .group = "string",
      .since = "1.0.0",
      .keys = { 1, -1, 1 } },
    { .name = "put",
      .run = run_nothing,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_WRITE,
      .acl = ACL_STRING,
      .group = "string",
      .since = "1.0.0",
      .keys = { 1, 1, 1 },
      .key_specs = "OW update" },
    { .name = "change",
      .run = run_nothing,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_WRITE,
      .acl = ACL_STRING,
      .group = "string",
      .since = "1.0.0",
      .keys = { 1, 2, 1 },
      .key_specs = "RW access update" },
    { 0 },
};

/* Who is told of users that go. */
static void note_removed(void *arg, const struct user *u)
{
    ASSERT(strlen(user_name(u)) == u->by_name.name.len);
    ++*(size_t *)arg;
}

static void note_change(void *arg, const struct user *now, const struct user *next)
{
    ASSERT(now != next);
}

static struct command_table *commands(void)
{
    struct command_table *t = command_table_new();

    command_table_add(t, serve_connection_rows);
    command_table_add(t, serve_database_rows);
    command_table_add(t, serve_client_rows);
    command_table_add(t, serve_pubsub_rows);
    command_table_add(t, serve_channel_rows);
    command_table_add(t, serve_acl_rows);
    command_table_add(t, serve_command_rows);
    command_table_add(t, key_rows);
    return t;
}

static void judge_alike(const struct user *a, const struct user *b, const struct command *cmd)
{
    static const char *const words[] = { "a", "ab", "b", "*", "" };
    struct bytes argv[3] = { bytes_of(cmd->name) };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        int arg_a = 0, arg_b = 0;

        argv[1] = bytes_of(words[i]);
        argv[2] = bytes_of(words[(i + 1) % ARRAY_LEN(words)]);
        ASSERT(acl_check(a, cmd, 3, argv, &arg_a) == acl_check(b, cmd, 3, argv, &arg_b));
        ASSERT(arg_a == arg_b);
        ASSERT(user_every_key(a, cmd, 3, argv, KEY_ACCESS) ==
               user_every_key(b, cmd, 3, argv, KEY_ACCESS));
        ASSERT(user_hears(a, argv[1], i & 1) == user_hears(b, argv[1], i & 1));
    }
}

static void log_in_alike(const struct acl *a, const struct acl *b, struct bytes name)
{
    static const char *const passwords[] = { "", "secret", "x" };

    for (size_t i = 0; i < ARRAY_LEN(passwords); i++)
        ASSERT(!acl_login(a, name, bytes_of(passwords[i])) ==
               !acl_login(b, name, bytes_of(passwords[i])));
}

/* All go but default. */
static void remove_users(struct acl *a)
{
    AUTO_FREE const struct user **all = acl_sorted(a);
    struct acl_watcher watcher = { note_change, note_removed };
    size_t count = acl_count(a), gone = 0;

    acl_watch(a, &watcher, &gone);
    acl_set_password(a, BYTES("another"));
    ASSERT(acl_login(a, BYTES("default"), BYTES("another")) || !acl_default_user(a)->enabled);
    for (size_t i = 0; i < count; i++) {
        if (all[i] == acl_default_user(a))
            continue;
        ASSERT(acl_remove(a, all[i]->by_name.name) && !acl_find(a, all[i]->by_name.name));
        ASSERT(strlen(user_name(all[i])) == all[i]->by_name.name.len);
    }
    acl_sweep(a);
    ASSERT(gone == count - 1 && acl_count(a) == 1 && !acl_remove(a, BYTES("nobody")));
    acl_set_password(a, (struct bytes){ 0 });
    acl_watch(a, NULL, NULL);
}

/* Both files say the same, and mean the same. */
static void check_users(const struct acl *a, const struct command_table *t)
{
    struct acl *again = acl_new(t);
    struct buf told = { 0 }, told_again = { 0 }, errors = { 0 };
    AUTO_FREE const struct user **all = acl_sorted(a);
    const struct command *cmd;

    acl_put_file(a, &told);
    ASSERT(acl_load(again, buf_bytes(&told), "told", &errors));
    acl_put_file(again, &told_again);
    ASSERT(bytes_eq(buf_bytes(&told), buf_bytes(&told_again)));
    for (size_t i = 0; i < acl_count(a); i++) {
        const struct user *other = acl_find(again, all[i]->by_name.name);

        ASSERT(other && other->unlimited == all[i]->unlimited);
        for (size_t k = 0; (cmd = command_at(t, k)); k++)
            judge_alike(all[i], other, cmd);
        log_in_alike(a, again, all[i]->by_name.name);
    }
    acl_free(again);
    buf_fini(&told);
    buf_fini(&told_again);
    buf_fini(&errors);
}

static void set_user(struct acl *a, unsigned how, struct bytes text)
{
    struct bytes name = how & DEFAULT_USER ? BYTES("default") : BYTES("bob");
    struct bytes words[WORDS_MAX];
    struct buf error = { 0 };
    int count = 0;

    while (text.len && count < WORDS_MAX) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;

        words[count++] = (struct bytes){ text.at, len };
        text = (struct bytes){ text.at + (end ? len + 1 : len), text.len - (end ? len + 1 : len) };
    }
    ASSERT((how & OF_A_FILE ? acl_add_user : acl_set_user)(a, name, count, words, &error) ==
           (error.len == 0));
    buf_fini(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct command_table *t = commands();
    struct acl *a = acl_new(t);
    struct buf errors = { 0 };
    struct bytes text = { (const char *)data + 1, size ? size - 1 : 0 };

    if (size && data[0] & NEW_USERS_HEAR_ALL)
        acl_let_new_users_hear_all(a, true);
    if (size && data[0] & PASSWORD)
        acl_set_password(a, BYTES("secret"));
    if (size && data[0] & SET_USER)
        set_user(a, data[0], text);
    else if (size)
        ASSERT(acl_load(a, text, "file", &errors) == (errors.len == 0));
    if (size) {
        check_users(a, t);
        remove_users(a);
    }
    acl_free(a);
    command_table_free(t);
    buf_fini(&errors);
    return 0;
}
