/*
 * command: lookups against a walk over the rows, in any case; errors against the sentences redis-server
 * 7.0 sends (recorded over a socket); the argument and key languages by examples of every construct,
 * and by every way of getting them wrong.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/check_main.h"
#include "common/alloc.h"
#include "common/command_docs.h"

static const struct command config_subs[] = {
    { .name = "get", .argc_min = 3, .argc_max = ARGC_ANY },
    { .name = "set", .argc_min = 4, .argc_max = ARGC_ANY },
    { .name = "secret", .argc_min = 2, .argc_max = 2, .flags = CMD_HIDDEN },
    { 0 },
};
static const struct command rows[] = {
    { .name = "get",
      .argc_min = 2,
      .argc_max = 2,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access",
      .flags = CMD_READONLY | CMD_FAST,
      .acl = ACL_STRING },
    { .name = "config", .argc_min = 2, .argc_max = ARGC_ANY, .subs = config_subs },
    { .name = "command", .argc_min = 1, .argc_max = ARGC_ANY, .subs = config_subs },
    { .name = "hf.beat", .argc_min = 1, .argc_max = 1, .flags = CMD_HIDDEN },
    { 0 },
};
static const struct command more_rows[] = {
    { .name = "append", .argc_min = 3, .argc_max = 3 },
    { 0 },
};

static struct command_table *new_table(void)
{
    struct command_table *t = command_table_new();

    command_table_add(t, rows);
    command_table_add(t, more_rows);
    return t;
}

/* A few hundred rows with random names, looked up by random names that often are near misses. */
START_TEST(finds_what_a_walk_finds)
{
    enum { ROWS = 400 };
    static char names[ROWS][8];
    static struct command many[ROWS + 1];
    struct command_table *t = command_table_new();
    struct rng r;
    size_t n = 0;

    rng_seed(&r, test_seed());
    while (n < ROWS) {
        size_t len = 1 + rng_below(&r, 6);

        for (size_t i = 0; i < len; i++)
            names[n][i] = "abcxyz-|"[rng_below(&r, 8)];
        names[n][len] = '\0';
        many[n] = (struct command){ .name = names[n] };
        for (size_t i = 0; i < n; i++)
            if (strcmp(names[i], names[n]) == 0)
                n--; /* drawn before */
        n++;
    }
    command_table_add(t, many);
    for (int i = 0; i < 20000; i++) {
        char word[8];
        size_t len = rng_below(&r, 7);
        const struct command *found, *expected = NULL;

        for (size_t k = 0; k < len; k++)
            word[k] = "abcxyz-|ABCXYZ"[rng_below(&r, 14)];
        word[len] = '\0';
        found = command_find(t, (struct bytes){ word, len });
        for (size_t k = 0; k < ROWS; k++)
            if (strcasecmp(names[k], word) == 0)
                expected = &many[k];
        ck_assert_ptr_eq(found, expected);
    }
    for (size_t i = 1; i < ROWS; i++)
        ck_assert(strcmp(command_at(t, i - 1)->name, command_at(t, i)->name) < 0);
    ck_assert_ptr_null(command_at(t, ROWS));
    command_table_free(t);
}
END_TEST

START_TEST(subcommands_belong_to_their_container)
{
    struct command_table *t = new_table();
    char name[64];

    ck_assert_ptr_eq(command_find(t, BYTES("GET")), &rows[0]);
    ck_assert_ptr_eq(command_find_sub(t, &rows[1], BYTES("Get")), &config_subs[0]);
    ck_assert_ptr_null(command_find_sub(t, &rows[0], BYTES("get")));
    ck_assert_ptr_eq(command_find_full(t, BYTES("CONFIG|get")), &config_subs[0]);
    ck_assert_ptr_null(command_find_full(t, BYTES("config|get|x")));
    ck_assert_ptr_null(command_find_full(t, BYTES("get|get")));
    ck_assert_ptr_null(command_find_full(t, BYTES("config|")));
    command_full_name(t, &rows[0], name, sizeof name);
    ck_assert_str_eq(name, "get");
    command_full_name(t, &config_subs[1], name, sizeof name);
    ck_assert(strstr(name, "|set") != NULL);
    ck_assert_uint_eq(command_count(t), 4);
    command_table_free(t);
}
END_TEST

/* As a sentinel's: "append" is a node's alone, "set" is obeyed and not told of. */
START_TEST(a_table_may_leave_rows_out_or_be_silent_about_them)
{
    static const struct command subs[] = {
        { .name = "get", .argc_min = 2, .argc_max = 2, .flags = CMD_NODE },
        { .name = "set", .argc_min = 2, .argc_max = 2, .flags = CMD_COURTESY },
        { 0 },
    };
    static const struct command narrowed[] = {
        { .name = "append", .argc_min = 3, .argc_max = 3, .flags = CMD_NODE },
        { .name = "config", .argc_min = 2, .argc_max = ARGC_ANY, .subs = subs },
        { .name = "quit", .argc_min = 1, .argc_max = 1, .flags = CMD_COURTESY },
        { 0 },
    };
    struct command_table *t = command_table_new();

    command_table_narrow(t, CMD_NODE, CMD_COURTESY);
    command_table_add(t, narrowed);
    ck_assert_ptr_null(command_find(t, BYTES("append")));
    ck_assert_ptr_null(command_find_full(t, BYTES("config|get")));
    ck_assert_ptr_eq(command_find(t, BYTES("quit")), &narrowed[2]);
    ck_assert_ptr_eq(command_find_full(t, BYTES("config|set")), &subs[1]);
    ck_assert(!command_shown(t, &narrowed[2]) && !command_shown(t, &subs[0]) &&
              !command_shown(t, &subs[1]));
    ck_assert(command_shown(t, &narrowed[1]));
    ck_assert_uint_eq(command_count(t), 1);
    ck_assert_ptr_eq(command_at(t, 0), &narrowed[1]);
    command_table_free(t);
}
END_TEST

static struct command_memo memo;

static void resolves_to(const struct command_table *t, const char *line,
                        const struct command *expected, const char *error)
{
    struct bytes argv[64];
    struct errmsg why = { 0 };
    int argc = 0;
    const struct command *cmd;

    for (const char *at = line;; at++) {
        size_t len = strcspn(at, " ");

        argv[argc++] = (struct bytes){ at, len };
        at += len;
        if (!*at)
            break;
    }
    cmd = command_resolve(t, argc, argv, &why);
    ck_assert_ptr_eq(cmd, expected);
    ck_assert_str_eq(why.text, error);
    for (int i = 0; i < 2; i++) { /* and whoever remembers the last name says the same */
        why.text[0] = '\0';
        ck_assert_ptr_eq(command_resolve_again(t, &memo, argc, argv, &why), expected);
        ck_assert_str_eq(why.text, error);
    }
}

START_TEST(a_renamed_command_answers_to_its_new_name_alone)
{
    struct command_table *t = new_table();
    struct errmsg why = { 0 };
    size_t count = command_count(t);

    memo = (struct command_memo){ 0 };
    ck_assert(command_table_rename(t, "nosuch", "x", &why) == ERR_NOTFOUND);
    ck_assert_str_eq(why.text, "No such command in rename-command");
    ck_assert(command_table_rename(t, "GET", "config", &why) == ERR_EXISTS);
    ck_assert_str_eq(why.text, "Target command name already exists");
    ck_assert(command_table_rename(t, "CONFIG", "xconfig", &why) == OK);
    resolves_to(t, "XConfig GET a b", &config_subs[0], "");
    resolves_to(t, "config GET a", NULL,
                "ERR unknown command 'config', with args beginning with: 'GET' 'a' ");
    ck_assert_uint_eq(command_count(t), count);
    ck_assert(command_table_rename(t, "get", "", &why) == OK);
    ck_assert_ptr_null(command_find(t, BYTES("get")));
    ck_assert_uint_eq(command_count(t), count - 1);
    for (size_t i = 0; command_at(t, i); i++)
        ck_assert_ptr_ne(command_at(t, i), &rows[0]);
    command_table_free(t);
}
END_TEST

START_TEST(errors_are_those_of_redis)
{
    struct command_table *t = new_table();
    char line[600], error[600];

    memo = (struct command_memo){ 0 };
    resolves_to(t, "get k", &rows[0], "");
    resolves_to(t, "CONFIG GET a b", &config_subs[0], "");
    resolves_to(t, "command", &rows[2], "");
    resolves_to(t, "foo a b", NULL,
                "ERR unknown command 'foo', with args beginning with: 'a' 'b' ");
    resolves_to(t, "foo", NULL, "ERR unknown command 'foo', with args beginning with: ");
    resolves_to(t, "get", NULL, "ERR wrong number of arguments for 'get' command");
    resolves_to(t, "get a b", NULL, "ERR wrong number of arguments for 'get' command");
    resolves_to(t, "Config", NULL, "ERR wrong number of arguments for 'config' command");
    resolves_to(t, "config GET", NULL, "ERR wrong number of arguments for 'config|get' command");
    resolves_to(t, "COnfig NoSuch x", NULL, "ERR unknown subcommand 'NoSuch'. Try CONFIG HELP.");

    /* What is repeated is cut at 128 bytes, the quotes and blanks of earlier arguments included. */
    snprintf(line, sizeof line, "foo %0100d %0100d z", 0, 0);
    snprintf(error, sizeof error,
             "ERR unknown command 'foo', with args beginning with: '%0100d' '%025d' ", 0, 0);
    resolves_to(t, line, NULL, error);
    snprintf(line, sizeof line, "%0300d a", 0);
    snprintf(error, sizeof error, "ERR unknown command '%0128d', with args beginning with: 'a' ",
             0);
    resolves_to(t, line, NULL, error);
    snprintf(line, sizeof line, "config %0300d", 0);
    snprintf(error, sizeof error, "ERR unknown subcommand '%0128d'. Try CONFIG HELP.", 0);
    resolves_to(t, line, NULL, error);
    command_table_free(t);
}
END_TEST

START_TEST(flags_imply_categories)
{
    ck_assert_uint_eq(command_categories(&rows[0]), ACL_READ | ACL_STRING | ACL_FAST);
    ck_assert_uint_eq(command_categories(&(struct command){ .flags = CMD_WRITE | CMD_ADMIN }),
                      ACL_WRITE | ACL_ADMIN | ACL_DANGEROUS | ACL_SLOW);
    ck_assert_uint_eq(
        command_categories(&(struct command){ .flags = CMD_READONLY, .acl = ACL_SCRIPTING }),
        ACL_SCRIPTING | ACL_SLOW);
    for (uint32_t bit = 1; acl_category_word(bit); bit <<= 1)
        ck_assert_uint_eq(acl_category_of(bytes_of(acl_category_word(bit))), bit);
    ck_assert_uint_eq(acl_category_of(BYTES("nosuch")), 0);
    ck_assert_int_eq(command_arity(&rows[0]), 2);
    ck_assert_int_eq(command_arity(&rows[1]), -2);
}
END_TEST

START_TEST(effects_are_one_unit)
{
    struct buf effects = { 0 };
    struct call c = { .effects = &effects };

    call_effect_words(&c, 2, "DEL", "k");
    call_effect(&c, 1, (struct bytes[]){ BYTES("X") });
    ck_assert_str_eq(buf_text(&effects), "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n*1\r\n$1\r\nX\r\n");
    ck_assert_int_eq(c.effect_count, 2);
    ck_assert_uint_eq(c.intents, INTENT_EFFECT);
    buf_fini(&effects);
}
END_TEST

/* The tree as text: "name type [token] [since] [flags] (children)". */
static void describe(const struct doc_args *a, int index, struct buf *out)
{
    for (; index >= 0; index = a->args[index].next) {
        const struct doc_arg *arg = &a->args[index];

        doc_arg_name(a, index, out);
        buf_printf(out, ":%d", (int)arg->type);
        if (arg->key_spec >= 0)
            buf_printf(out, "#%d", arg->key_spec);
        if (arg->has_token)
            buf_printf(out, "=%.*s", (int)arg->token.len, arg->token.at);
        if (arg->since.len)
            buf_printf(out, "@%.*s", (int)arg->since.len, arg->since.at);
        if (arg->deprecated.len)
            buf_printf(out, "~%.*s", (int)arg->deprecated.len, arg->deprecated.at);
        if (arg->flags)
            buf_printf(out, "/%u", arg->flags);
        if (arg->child >= 0) {
            buf_putc(out, '(');
            describe(a, arg->child, out);
            buf_putc(out, ')');
        }
        if (arg->next >= 0)
            buf_putc(out, ' ');
    }
}

START_TEST(argument_language)
{
    static const struct {
        const char *text, *tree;
    } table[] = {
        { "key value", "key:3#0 value:0" },
        { "destination:key1 p:pattern2", "destination:3#1 p:4#2" },
        { "n:integer d:double t:unix-time s:string", "n:1 d:2 t:5 s:0" },
        { "NX change:'CH' 'm' <T>:'' <ip:port>", "nx:6=NX change:6=CH m:6=m T:6= ip:port:0" },
        { "[NX@2.6.12]", "nx:6=NX@2.6.12/1" },
        { "EX=seconds:integer '*'=id", "seconds:1=EX id:0=*" },
        { "[condition:(NX|XX)@2.6.12]", "condition:7@2.6.12/1(nx:6=NX xx:6=XX)" },
        { "(NX | XX)+ {a b:integer}", "nx_xx:7/2(nx:6=NX xx:6=XX) a_b:8(a:0 b:1)" },
        { "[GET=p:pattern++]", "p:4=GET/7" },
        { "[LIMIT={offset:integer count:integer}]", "offset_count:8=LIMIT/1(offset:1 count:1)" },
        { "a~2.8.12+ b@1.0.0", "a:0~2.8.12/2 b:0@1.0.0" },
        { "f:(a|n:([ID=i:integer]|{x y})+)", "f:7(a:0 n:7/2(i:1=ID/1 x_y:8(x:0 y:0)))" },
        { "", "" },
    };
    struct doc_args args;
    struct errmsg why = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf tree = { 0 };

        ck_assert_msg(doc_args_parse(table[i].text, &args, &why) == OK, "%s", why.text);
        if (args.count)
            describe(&args, 0, &tree);
        ck_assert_str_eq(buf_text(&tree), table[i].tree);
        buf_fini(&tree);
    }
    ck_assert(doc_args_parse(NULL, &args, &why) == OK);
    ck_assert_int_eq(args.count, 0);
}
END_TEST

START_TEST(syntax_reads_as_people_write_it)
{
    struct doc_args args;
    struct errmsg why;
    struct buf text = { 0 };

    ck_assert(doc_args_parse("key value+ [condition:(NX|XX)] [EX=seconds:integer] "
                             "[LIMIT={offset count}] [GET=pattern++] '*'=id "
                             "[TYPE=(A|B)] (C|D)+ [SET={p v}+] [E+]",
                             &args, &why) == OK);
    doc_args_syntax(&args, &text);
    ck_assert_str_eq(buf_text(&text),
                     "key value [value ...] [NX | XX] [EX seconds] [LIMIT offset count] "
                     "[GET pattern [GET pattern ...]] * id [TYPE <A | B>] <C | D> [<C | D> ...] "
                     "[SET p v [p v ...]] [E [E ...]]");
    buf_fini(&text);
}
END_TEST

START_TEST(argument_mistakes_are_refused)
{
    static const char *const bad[] = {
        "[a", "a]", "(a",  "()", "{}", "(a b)",  "a:nosuch", "a:",
        "'x", "<x", "a,b", "=",  "[]", "a:key7", "EX=",      "(a|)"
    };
    struct doc_args args;
    struct errmsg why;
    struct buf many = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        why.text[0] = '\0';
        ck_assert_msg(doc_args_parse(bad[i], &args, &why) == ERR_SYNTAX, "accepted '%s'", bad[i]);
        ck_assert(why.text[0]);
    }
    for (int i = 0; i <= COMMAND_ARGS_MAX; i++)
        buf_puts(&many, "a ");
    ck_assert(doc_args_parse(buf_text(&many), &args, &why) == ERR_LIMIT);
    buf_fini(&many);
}
END_TEST

static int find_two(int argc, const struct bytes *argv, int *out_positions, int max)
{
    if (argc < 4 || max < 2)
        return -1;
    out_positions[0] = 3;
    out_positions[1] = 1;
    return 2;
}

static const char *flags_of_get(int argc, const struct bytes *argv)
{
    return argc > 3 ? "RW access update" : "OW update";
}

START_TEST(keys_are_found)
{
    static const struct {
        struct command row;
        const char *words, *keys;
    } table[] = {
        { { .keys = { 1, 1, 1 }, .key_specs = "RO access" }, "get a", "1:11" },
        { { .keys = { 1, -1, 2 }, .key_specs = "OW update" }, "mset a 1 b 2", "1:24 3:24" },
        { { .keys = { 1, -2, 1 }, .key_specs = "RW" }, "bzpopmin a b 0", "1:2 2:2" },
        { { .keys = { 1, 2, 1 } }, "rename a b", "1:0 2:0" },
        { { .key_specs = "RO index=2 keynum=0:1:1" }, "eval s 2 a b c", "3:1 4:1" },
        { { .key_specs = "RO index=2 keynum=0:1:1" }, "eval s 3 a b", "bad" },
        { { .key_specs = "RO index=2 keynum=0:1:1" }, "eval s x a b", "bad" },
        { { .key_specs = "RO index=2 keynum=0:1:1" }, "eval s 0 a", "" },
        { { .key_specs = "RO keyword=STREAMS:1 range=-1:1:2" },
          "xread count 1 streams a b 1 2",
          "4:1 5:1" },
        { { .keys = { 1, 1, 1 }, .key_specs = "RO;OW keyword=STORE:2" },
          "sort a store b",
          "1:1 3:4" },
        { { .keys = { 1, 1, 1 }, .key_specs = "RO;OW unknown unknown" }, "sort a store b", "1:1" },
        { { .key_specs = "RW keyword=KEYS:-2 range=-1:1:0" }, "migrate h p x keys a b", "5:2 6:2" },
        { { .keys = { 1, 1, 1, .find = find_two }, .key_specs = "RM" }, "x a b c", "3:8 1:8" },
        { { .keys = { 1, 1, 1, .find = find_two }, .key_specs = "RM" }, "x a b", "bad" },
        { { .keys = { 1, 1, 1, .flags = flags_of_get }, .key_specs = "RW variable_flags" },
          "set a b",
          "1:24" },
        { { .key_specs = "not_key index=1" }, "publish a b", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct bytes argv[16];
        struct key_use keys[16];
        struct buf got = { 0 };
        const char *at = table[i].words;
        int argc = 0, n;

        while (*at) {
            size_t len = strcspn(at, " ");

            argv[argc++] = (struct bytes){ at, len };
            at += len + (at[len] == ' ');
        }
        n = command_find_keys(&table[i].row, argc, argv, keys, 16);
        if (n < 0)
            buf_puts(&got, "bad");
        for (int k = 0; k < n; k++)
            buf_printf(&got, "%s%d:%x", k ? " " : "", keys[k].position, keys[k].flags);
        ck_assert_str_eq(buf_text(&got), table[i].keys);
        buf_fini(&got);
    }
}
END_TEST

START_TEST(key_mistakes_are_refused)
{
    static const char *const bad[] = { "RX",
                                       "index=",
                                       "index=x",
                                       "range=1:2",
                                       "keyword=STORE",
                                       "unknown unknown unknown",
                                       "RO;RO;RO;RO;RO",
                                       "keynum=1:2:3:4" };
    struct key_spec specs[KEY_SPECS_MAX];
    struct errmsg why;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(key_specs_parse(&(struct command){ .name = "x", .key_specs = bad[i] }, specs,
                                      &why) == -1,
                      "accepted '%s'", bad[i]);
}
END_TEST

CHECK_MAIN("command", finds_what_a_walk_finds, subcommands_belong_to_their_container,
           a_table_may_leave_rows_out_or_be_silent_about_them, errors_are_those_of_redis,
           a_renamed_command_answers_to_its_new_name_alone, flags_imply_categories,
           effects_are_one_unit, argument_language, syntax_reads_as_people_write_it,
           argument_mistakes_are_refused, keys_are_found, key_mistakes_are_refused)
