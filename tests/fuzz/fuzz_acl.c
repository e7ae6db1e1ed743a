/*
 * fuzz_acl: the rules of users. The first byte chooses between a file of users and the words of ACL SETUSER, one
 * a line. What is accepted must be told as rules, the rules must make the same user again, and both must judge
 * calls alike.
 */
#include <string.h>

#include "common/acl/acl.h"
#include "common/alloc.h"
#include "common/serve/service.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS_MAX = 64 };

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
    }
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
    }
    acl_free(again);
    buf_fini(&told);
    buf_fini(&told_again);
    buf_fini(&errors);
}

static void set_user(struct acl *a, struct bytes text)
{
    struct bytes words[WORDS_MAX];
    struct buf error = { 0 };
    int count = 0;

    while (text.len && count < WORDS_MAX) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;

        words[count++] = (struct bytes){ text.at, len };
        text = (struct bytes){ text.at + (end ? len + 1 : len), text.len - (end ? len + 1 : len) };
    }
    ASSERT(acl_set_user(a, BYTES("bob"), count, words, &error) == (error.len == 0));
    buf_fini(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct command_table *t = commands();
    struct acl *a = acl_new(t);
    struct buf errors = { 0 };
    struct bytes text = { (const char *)data + 1, size ? size - 1 : 0 };

    if (size && (data[0] & 2))
        acl_let_new_users_hear_all(a, true);
    if (size && (data[0] & 1))
        set_user(a, text);
    else if (size)
        ASSERT(acl_load(a, text, "file", &errors) == (errors.len == 0));
    if (size)
        check_users(a, t);
    acl_free(a);
    command_table_free(t);
    buf_fini(&errors);
    return 0;
}
