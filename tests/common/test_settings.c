/*
 * settings: every kind reads, bounds and prints as Redis does, with its sentences; CONFIG SET is all or
 * nothing (against a model that copies the struct); the start-up refusal names line, file and reason;
 * quoting survives any bytes; a rewrite keeps comments and order and loads back to the same values.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "common/alloc.h"
#include "common/log.h"
#include "common/settings.h"

struct values {
    bool flag;
    int64_t number, mode, share;
    uint64_t bytes;
    char *text, *unset;
    struct bytes secret;
    int word, bits;
    int64_t points[8];
    int point_count;
};

static struct values v;
static struct settings *s;
static struct errmsg why;
static int applied;
static bool apply_refuses;

static enum err apply_shared(void *world, struct errmsg *out_why)
{
    applied++;
    if (apply_refuses) {
        errmsg_set(out_why, "not today");
        return ERR_REFUSED;
    }
    return OK;
}

static void points_clear(void *values)
{
    ((struct values *)values)->point_count = 0;
}

static enum err points_line(void *values, int argc, const struct bytes *argv,
                            struct errmsg *out_why)
{
    struct values *to = values;

    if (argc == 1 && argv[0].len == 0)
        return OK;
    for (int i = 0; i < argc; i++) {
        if (to->point_count == 8 || !bytes_to_i64(argv[i], &to->points[to->point_count])) {
            errmsg_set(out_why, "Invalid points");
            return ERR_SYNTAX;
        }
        to->point_count++;
    }
    return OK;
}

static void points_get(void *values, struct buf *out)
{
    const struct values *from = values;

    for (int i = 0; i < from->point_count; i++)
        buf_printf(out, "%s%lld", i ? " " : "", (long long)from->points[i]);
}

static void points_lines(void *values, struct buf *out)
{
    const struct values *from = values;

    if (!from->point_count)
        buf_puts(out, "points \"\"\n");
    for (int i = 0; i < from->point_count; i++)
        buf_printf(out, "points %lld\n", (long long)from->points[i]);
}

static enum err no_slash(struct bytes value, struct errmsg *out_why)
{
    if (memchr(value.at, '/', value.len)) {
        errmsg_set(out_why, "it can't be a path");
        return ERR_SYNTAX;
    }
    return OK;
}

static const struct setting_word words[] = { { "low", 1 }, { "high", 2 }, { NULL, 0 } };
static const struct setting_word bits[] = { { "none", 0 }, { "a", 1 }, { "b", 2 }, { NULL, 0 } };

#define AT(field) .at = offsetof(struct values, field)
static const struct setting rows[] = {
    { .name = "flag", .kind = SET_BOOL, .def = "no", AT(flag), .when = SET_LIVE },
    { .name = "number",
      .alias = "old-number",
      .kind = SET_INT,
      .def = "7",
      .min = "-5",
      .max = "100",
      .clamp_max = "50",
      AT(number),
      .when = SET_LIVE,
      .apply = apply_shared },
    { .name = "mode", .kind = SET_OCTAL, .def = "0", .max = "777", AT(mode), .when = SET_LIVE },
    { .name = "share", .kind = SET_BYTES_OR_PERCENT, .def = "0", AT(share), .when = SET_LIVE },
    { .name = "bytes",
      .kind = SET_BYTES,
      .def = "1mb",
      .min = "1kb",
      AT(bytes),
      .when = SET_LIVE,
      .apply = apply_shared },
    { .name = "text",
      .kind = SET_TEXT,
      .def = "hello",
      AT(text),
      .when = SET_LIVE,
      .check = no_slash },
    { .name = "unset", .kind = SET_TEXT, AT(unset), .when = SET_LIVE, .flags = SETTING_PROTECTED },
    { .name = "secret", .kind = SET_PASSWORD, AT(secret), .when = SET_LIVE },
    { .name = "word", .kind = SET_ENUM, .def = "low", .words = words, AT(word), .when = SET_LIVE },
    { .name = "bits",
      .kind = SET_ENUM,
      .def = "none",
      .words = bits,
      AT(bits),
      .when = SET_LIVE,
      .flags = SETTING_BITS },
    { .name = "fixed",
      .kind = SET_INT,
      .def = "0",
      .at = offsetof(struct values, points[7]),
      .when = SET_AT_START },
    { .name = "buried",
      .kind = SET_INT,
      .def = "3",
      .at = offsetof(struct values, points[6]),
      .when = SET_LIVE,
      .flags = SETTING_HIDDEN },
    { .name = "points",
      .kind = SET_LINES,
      .def = "1 2",
      .when = SET_LIVE,
      .clear = points_clear,
      .line = points_line,
      .get = points_get,
      .lines = points_lines,
      .flags = SETTING_MULTI },
    { .name = "dropped", .kind = SET_LINES, .flags = SETTING_RETIRED },
    { .name = NULL },
};

static void fresh(void)
{
    settings_free(s);
    memset(&v, 0, sizeof v);
    s = settings_new(&v, NULL);
    settings_add(s, rows);
    applied = 0;
    apply_refuses = false;
    log_set_level(LOG_LEVEL_NOTHING);
    why.text[0] = '\0';
}

static void keep(void *arg, struct bytes name, struct bytes value)
{
    buf_printf(arg, "%.*s=%.*s;", (int)name.len, name.at, (int)value.len, value.at);
}

static const char *got(const char *pattern)
{
    static struct buf out;
    struct bytes p = bytes_of(pattern);

    out.len = 0;
    settings_get(s, 1, &p, keep, &out);
    return buf_text(&out);
}

static enum err set2(const char *name, const char *value, const char *name2, const char *value2)
{
    struct bytes argv[] = { bytes_of(name), bytes_of(value), bytes_of(name2), bytes_of(value2) };

    return settings_set(s, name2 ? 4 : 2, argv, &why);
}

static void refuses(const char *name, const char *value, const char *reason)
{
    char expected[512];

    snprintf(expected, sizeof expected,
             "CONFIG SET failed (possibly related to argument '%s') - %s", name, reason);
    ck_assert(set2(name, value, NULL, NULL) != OK);
    ck_assert_str_eq(why.text, expected);
}

START_TEST(defaults_and_get)
{
    fresh();
    ck_assert_str_eq(got("*"),
                     "flag=no;number=7;old-number=7;mode=0;share=0;bytes=1048576;text=hello;"
                     "unset=;secret=;word=low;bits=none;fixed=0;points=1 2;");
    ck_assert_str_eq(got("buried"), "buried=3;");
    ck_assert_str_eq(got("burie?"), "");
    ck_assert_str_eq(got("OLD-Number"), "OLD-Number=7;");
    ck_assert_str_eq(got("dropped"), "");
}
END_TEST

START_TEST(sentences_of_redis)
{
    fresh();
    refuses("flag", "maybe", "argument must be 'yes' or 'no'");
    refuses("number", "x", "argument couldn't be parsed into an integer");
    refuses("number", "101", "argument must be between -5 and 100 inclusive");
    refuses("mode", "9", "argument couldn't be parsed as an octal number");
    refuses("mode", "1000", "argument must be between 0 and 777 inclusive");
    refuses("share", "101%", "percentage argument must be less or equal to 100");
    refuses("share", "-1", "argument must be a memory or percent value");
    refuses("bytes", "1x", "argument must be a memory value");
    refuses("bytes", "99999999999gb", "argument must be a memory value");
    refuses("bytes", "5", "argument must be between 1024 and 18446744073709551615 inclusive");
    refuses("text", "a/b", "it can't be a path");
    refuses("unset", "a", "can't set protected config");
    refuses("word", "middle", "argument(s) must be one of the following: low, high");
    refuses("bits", "a c", "argument(s) must be one of the following: none, a, b");
    refuses("fixed", "1", "can't set immutable config");
    refuses("points", "1 x", "Invalid points");
    ck_assert(set2("number", "1", "number", "2") == ERR_EXISTS);
    ck_assert_str_eq(
        why.text,
        "CONFIG SET failed (possibly related to argument 'number') - duplicate parameter");
    ck_assert(set2("number", "1", "no-such", "2") == ERR_NOTFOUND);
    ck_assert_str_eq(why.text, "Unknown option or number of arguments for CONFIG SET - 'no-such'");
    ck_assert_str_eq(got("number"), "number=7;");
    ck_assert(settings_line(s, (struct bytes){ "number\0 1", 9 }, &why) != OK);
    ck_assert(settings_line(s, (struct bytes){ "number\0\0\0", 9 }, &why) != OK);
    ck_assert(set2("number", "1", "old-number", "2") == OK); /* two spellings are no duplicate */
    ck_assert_str_eq(got("number"), "number=2;");
    settings_allow_protected(s, true);
    ck_assert(set2("unset", "a", NULL, NULL) == OK);
}
END_TEST

START_TEST(values_are_understood)
{
    fresh();
    ck_assert(set2("number", "99", "bytes", "2k") == OK);
    ck_assert(v.number == 50 && v.bytes == 2000);
    ck_assert(set2("bytes", "3MB", "share", "5%") == OK);
    ck_assert(v.bytes == 3 << 20 && v.share == -5);
    ck_assert_str_eq(got("share"), "share=5%;");
    ck_assert(set2("mode", "755", "bits", "b a") == OK);
    ck_assert(v.mode == 0755 && v.bits == 3);
    ck_assert_str_eq(got("bits"), "bits=a b;");
    ck_assert(set2("points", "", "FLAG", "YES") == OK);
    ck_assert(v.point_count == 0 && v.flag);
}
END_TEST

START_TEST(apply_once_and_roll_back)
{
    fresh();
    ck_assert(set2("number", "1", "bytes", "2kb") == OK);
    ck_assert_int_eq(applied, 1);
    ck_assert(set2("number", "1", "bytes", "2kb") == OK);
    ck_assert_int_eq(applied, 1); /* nothing changed */
    apply_refuses = true;
    refuses("number", "3", "not today");
    ck_assert(v.number == 1);
    ck_assert(set2("points", "5 6", "number", "9") == ERR_REFUSED);
    ck_assert_str_eq(got("points"), "points=1 2;");
}
END_TEST

/* All or nothing, against the printed form of the whole table before. */
START_TEST(random_sets_are_atomic)
{
    static const char *const names[] = { "flag", "number", "mode",   "share", "bytes",   "text",
                                         "word", "bits",   "points", "fixed", "nonsense" };
    static const char *const some[] = { "yes", "no",   "1", "12",  "101", "-3", "5%",    "10kb",
                                        "low", "high", "a", "a b", "x/y", "",   "1 2 3", "7 x" };
    struct rng r;
    int refused = 0, taken = 0;

    fresh();
    rng_seed(&r, test_seed());
    for (int i = 0; i < 20000; i++) {
        const char *a = names[rng_below(&r, ARRAY_LEN(names))],
                   *x = some[rng_below(&r, ARRAY_LEN(some))];
        const char *b = names[rng_below(&r, ARRAY_LEN(names))],
                   *y = some[rng_below(&r, ARRAY_LEN(some))];
        AUTO_FREE char *before = xstrdup(got("*"));

        apply_refuses = rng_below(&r, 4) == 0;
        if (set2(a, x, b, y) == OK) {
            taken++;
            continue;
        }
        refused++;
        ck_assert_str_eq(got("*"), before);
    }
    ck_assert_int_gt(refused, 1000);
    ck_assert_int_gt(taken, 200);
}
END_TEST

START_TEST(quoting_survives_any_bytes)
{
    struct rng r;
    struct buf line = { 0 }, storage = { 0 };
    struct bytes out[16];
    int count;

    rng_seed(&r, test_seed());
    for (int i = 0; i < 20000; i++) {
        char raw[8][12];
        struct bytes in[8];
        int n = (int)rng_below(&r, 8);

        line.len = 0;
        for (int k = 0; k < n; k++) {
            in[k] = (struct bytes){ raw[k], rng_below(&r, sizeof raw[k]) };
            for (size_t c = 0; c < in[k].len; c++)
                raw[k][c] = (char)rng_below(&r, 256);
            buf_putc(&line, ' ');
            buf_put_quoted(&line, in[k]);
        }
        ck_assert(settings_split(buf_bytes(&line), &storage, out, 16, &count) == OK);
        ck_assert_int_eq(count, n);
        for (int k = 0; k < n; k++)
            ck_assert(bytes_eq(in[k], out[k]));
    }
    buf_fini(&line);
    buf_fini(&storage);
}
END_TEST

START_TEST(split_refuses_what_redis_refuses)
{
    static const char *const bad[] = { "a \"b", "'a", "\"a\"b", "'a'b", "\"a\\\"" };
    struct buf storage = { 0 };
    struct bytes out[4];
    int count = 77;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(settings_split(bytes_of(bad[i]), &storage, out, 4, &count) == ERR_SYNTAX,
                      "%s", bad[i]);
    ck_assert(settings_split(BYTES("a b c d e"), &storage, out, 4, &count) == ERR_LIMIT);
    ck_assert_int_eq(count, 77);
    ck_assert(settings_split(BYTES("a 'it\\'s' \"\\x41\\n\" \"\""), &storage, out, 4, &count) ==
              OK);
    ck_assert_int_eq(count, 4);
    ck_assert(bytes_is(out[1], "it's"));
    ck_assert(bytes_is(out[2], "A\n"));
    ck_assert(out[3].len == 0);
    buf_fini(&storage);
}
END_TEST

static char dir[] = "/tmp/test_settings.XXXXXX";

static char *file(const char *name, const char *content)
{
    static char path[4][300];
    static int turn;
    char *p = path[turn++ % 4];
    FILE *f;

    if (strstr(dir, "XXXXXX"))
        ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    f = fopen(p, "w");
    ck_assert_ptr_nonnull(f);
    fputs(content, f);
    fclose(f);
    return p;
}

static enum err load(const char *a, const char *b, const char *c)
{
    char *argv[] = { (char *)a, (char *)b, (char *)c };

    return settings_load(s, a ? b ? c ? 3 : 2 : 1 : 0, argv, &why);
}

static void block(const char *place, const char *line, const char *reason)
{
    char expected[1024];

    snprintf(expected, sizeof expected,
             "\n*** FATAL CONFIG FILE ERROR (Holdfast " HF_VERSION ") ***\n%s\n>>> '%s'\n%s\n",
             place, line, reason);
    ck_assert_str_eq(why.text, expected);
}

START_TEST(files_includes_arguments)
{
    char including[700], place[400];
    char *inner, *path;

    fresh();
    inner = file("inner.cnf", "number 11\n");
    snprintf(including, sizeof including,
             "# c\n  number 10\ninclude %s/in*.cnf\ninclude %s/none*\n"
             "text \"a b\"\npoints 5\npoints 6\ndropped 1 2 3\n",
             dir, dir);
    path = file("a.conf", including);
    ck_assert_msg(load(path, "--bytes", "5kb") == OK, "%s", why.text);
    ck_assert(v.number == 11 && v.bytes == 5120);
    ck_assert_str_eq(v.text, "a b");
    ck_assert_str_eq(got("points"), "points=5 6;");
    ck_assert_str_eq(settings_path(s), path);

    fresh();
    file("inner.cnf", "\n\nflog yes\n");
    ck_assert(load(path, NULL, NULL) == ERR_NOTFOUND);
    snprintf(place, sizeof place, "Reading the configuration file, at line 3 of %s", inner);
    block(place, "flog yes", "Bad directive or wrong number of arguments, did you mean 'flag'?");

    fresh();
    ck_assert(load("--flag", "x", NULL) == ERR_SYNTAX);
    block("Reading the command line", "flag \"x\"", "argument must be 'yes' or 'no'");
    fresh();
    ck_assert(load("--number 3", "--flag", "yes") == OK);
    ck_assert(v.number == 3 && v.flag);
    ck_assert_ptr_null(settings_path(s));
    ck_assert(settings_rewrite(s, &why) == ERR_UNSUPPORTED);
    ck_assert_str_eq(why.text, "The server is running without a config file");

    fresh();
    ck_assert(load("/nowhere/x.conf", NULL, NULL) == ERR_NOTFOUND);
    ck_assert_str_eq(why.text,
                     "Fatal error, can't open config file '/nowhere/x.conf': No such file or "
                     "directory");
    ck_assert(settings_line(s, BYTES("number"), &why) == ERR_SYNTAX);
    block("Reading the command line", "number", "wrong number of arguments");
    ck_assert(settings_line(s, BYTES("secret \"a b"), &why) == ERR_SYNTAX);
    block("Reading the command line", "secret ******", "Unbalanced quotes in configuration line");
}
END_TEST

START_TEST(an_include_of_itself_ends)
{
    char text[400];
    char *path = file("loop.conf", "");

    fresh();
    snprintf(text, sizeof text, "include %s\n", path);
    file("loop.conf", text);
    ck_assert(load(path, NULL, NULL) == ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(why.text, "more than 16 files deep"));
}
END_TEST

START_TEST(a_file_of_zeros_is_refused)
{
    char *path = file("zeros.conf", "number 11\nflag y");
    char place[400];
    FILE *f = fopen(path, "a");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite("\0\0\0\0", 1, 4, f), 4);
    fclose(f);
    fresh();
    ck_assert(load(path, NULL, NULL) == ERR_CORRUPT);
    snprintf(place, sizeof place, "Reading the configuration file, at line 2 of %s", path);
    block(place, "flag y", "The file holds a zero byte: it is damaged");
    ck_assert_int_eq(v.number, 7);
}
END_TEST

static const char *merged(const char *old)
{
    static struct buf out;

    out.len = 0;
    settings_merge(s, bytes_of(old), &out);
    return buf_text(&out);
}

/* Nothing is too long for a line: a user of a file has a word for each rule. */
START_TEST(a_line_of_many_words)
{
    enum { WORDS = 5000 };
    struct buf line = { 0 };

    fresh();
    buf_puts(&line, "points");
    for (int i = 0; i < WORDS; i++)
        buf_puts(&line, " 1");
    ck_assert(settings_line(s, buf_bytes(&line), &why) != OK);
    ck_assert_ptr_nonnull(strstr(why.text, "Invalid points"));
    line.len = 0;
    buf_puts(&line, "text ");
    for (int i = 0; i < 200000; i++)
        buf_putc(&line, 'x');
    ck_assert(settings_line(s, buf_bytes(&line), &why) == OK);
    ck_assert_uint_eq(strlen(v.text), 200000);
    buf_fini(&line);
}
END_TEST

START_TEST(passwords_hold_any_bytes)
{
    struct bytes argv[] = { BYTES("secret"), { "a\0\n\"b", 5 } };
    struct buf file = { 0 };

    fresh();
    ck_assert(settings_set(s, 2, argv, &why) == OK);
    ck_assert(bytes_eq(v.secret, argv[1]));
    settings_merge(s, BYTES(""), &file);
    ck_assert_ptr_nonnull(strstr(buf_text(&file), "secret \"a\\x00\\n\\\"b\"\n"));
    fresh();
    ck_assert(v.secret.len == 0);
    ck_assert(settings_line(s, BYTES("secret \"a\\x00\\n\\\"b\""), &why) == OK);
    ck_assert(bytes_eq(v.secret, argv[1]));
    buf_fini(&file);
}
END_TEST

START_TEST(rewrite_keeps_comments_and_order)
{
    fresh();
    ck_assert(set2("number", "9", "text", "a\"b c") == OK);
    ck_assert(set2("points", "4 5 6", "bytes", "3mb") == OK);
    ck_assert_str_eq(
        merged("# head\nFLAG no\nold-number 3\n\n\n# mid\npoints 1\nbogus x\nnumber 8\n\n"
               "include x*\ndropped 1\n  # tail"),
        "# head\nflag no\nnumber 9\n\n# mid\npoints 4\n# ??? bogus x\n\ninclude x*\n"
        "# ??? dropped 1\n# tail\n\n# Generated by CONFIG REWRITE\nbytes 3mb\n"
        "text \"a\\\"b c\"\npoints 5\npoints 6\n");
    fresh();
    ck_assert_str_eq(merged("secret x\npoints 7\npoints 8\npoints 9\nword high"),
                     "\npoints 1\npoints 2\n\nword low\n");
}
END_TEST

START_TEST(rewrite_of_a_rewrite_changes_nothing)
{
    AUTO_FREE char *first = NULL;

    fresh();
    ck_assert(set2("number", "9", "points", "") == OK);
    first = xstrdup(merged("# a\n\nword high\n\n\n"));
    ck_assert_str_eq(merged(first), first);
}
END_TEST

START_TEST(rewritten_files_load_back)
{
    static const char *const olds[] = { "", "# c\nnumber 3\n\npoints 1\n",
                                        "old-number 1\nnumber 2\n",
                                        "points 3 4\npoints 5\nword high\nsecret x\n" };
    static const char *const some[] = { "yes", "no",   "1",     "12",       "-3",
                                        "5%",  "10kb", "low",   "high",     "b",
                                        "a b", "",     "1 2 3", "\"\n\x01", "# x" };
    static const char *const names[] = { "flag", "number", "mode",   "share",  "bytes", "text",
                                         "word", "bits",   "points", "secret", "unset" };
    struct rng r;

    fresh();
    rng_seed(&r, test_seed());
    for (int i = 0; i < 150; i++) {
        char *path = file("r.conf", olds[rng_below(&r, ARRAY_LEN(olds))]);
        AUTO_FREE char *before = NULL;

        fresh();
        settings_allow_protected(s, true);
        ck_assert_msg(load(path, NULL, NULL) == OK, "%s", why.text);
        for (int k = 0; k < 12; k++)
            (void)!set2(names[rng_below(&r, ARRAY_LEN(names))],
                        some[rng_below(&r, ARRAY_LEN(some))], NULL, NULL);
        before = xstrdup(got("*"));
        ck_assert_msg(settings_rewrite(s, &why) == OK, "%s", why.text);
        fresh();
        ck_assert_msg(load(path, NULL, NULL) == OK, "%s", why.text);
        ck_assert_str_eq(got("*"), before);
    }
}
END_TEST

START_TEST(rewrite_keeps_mode_and_leaves_no_litter)
{
    char *path = file("m.conf", "number 1\n");
    struct stat st;
    char command[400];

    fresh();
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert(load(path, NULL, NULL) == OK);
    ck_assert(settings_rewrite(s, &why) == OK);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0640);
    snprintf(command, sizeof command, "test -z \"$(ls %s | grep tmp)\"", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

CHECK_MAIN("settings", defaults_and_get, sentences_of_redis, values_are_understood,
           apply_once_and_roll_back, a_line_of_many_words, passwords_hold_any_bytes,
           random_sets_are_atomic, quoting_survives_any_bytes, split_refuses_what_redis_refuses,
           files_includes_arguments, an_include_of_itself_ends, a_file_of_zeros_is_refused,
           rewrite_keeps_comments_and_order, rewrite_of_a_rewrite_changes_nothing,
           rewritten_files_load_back, rewrite_keeps_mode_and_leaves_no_litter)
