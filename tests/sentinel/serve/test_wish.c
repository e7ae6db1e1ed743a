/* What a switchover's body may say, what is refused of it, and which If-Match names a version. */
#include "sentinel/serve/wish.h"

#include "tests/check_main.h"

static struct wish read_wish(const char *body)
{
    struct wish wish = { .dry_run = false };
    struct errmsg why = { "" };

    ck_assert_msg(wish_read(bytes_of(body), &wish, &why) == OK, "%s: %s", body, why.text);
    return wish;
}

START_TEST(accepted)
{
    struct wish w = read_wish("");

    ck_assert(!w.dry_run && !w.force && w.to.port == 0);
    w = read_wish("{}");
    ck_assert(!w.dry_run && !w.force && w.to.port == 0);
    w = read_wish(" {\"dry_run\":true,\"force\":true,\"to\":null}\r\n");
    ck_assert(w.dry_run && w.force && w.to.port == 0);
    w = read_wish("{\"to\":{\"port\":6379,\"host\":\"a.b\"},\"dry_run\":false}");
    ck_assert(!w.dry_run && w.to.port == 6379);
    ck_assert_str_eq(w.to.host, "a.b");
}
END_TEST

START_TEST(refused)
{
    static const char *const bodies[] = {
        "[]",
        "1",
        "null",
        "{",
        "{} {}",
        "{}x",
        "{\"dryrun\":true}",
        "{\"dry_run\":1}",
        "{\"dry_run\":\"true\"}",
        "{\"dry_run\":true,\"dry_run\":false}",
        "{\"Dry_run\":true}",
        "{\"to\":\"a:1\"}",
        "{\"to\":{}}",
        "{\"to\":{\"host\":\"a\"}}",
        "{\"to\":{\"host\":\"a\",\"port\":0}}",
        "{\"to\":{\"host\":\"a\",\"port\":65536}}",
        "{\"to\":{\"host\":\"a\",\"port\":1.5}}",
        "{\"to\":{\"host\":\"a\",\"port\":\"1\"}}",
        "{\"to\":{\"host\":\"\",\"port\":1}}",
        "{\"to\":{\"host\":\"a\",\"port\":1,\"x\":1}}",
    };
    struct wish before = { .force = true }, wish = before;
    char lengthy[WISH_BYTES_MAX + 2];

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct errmsg why = { "" };

        ck_assert_msg(wish_read(bytes_of(bodies[i]), &wish, &why) != OK, "%s", bodies[i]);
        ck_assert(why.text[0] && !strpbrk(why.text, "\"\\"));
        ck_assert(memcmp(&wish, &before, sizeof wish) == 0);
    }
    memset(lengthy, '[', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    ck_assert_int_eq(wish_read(bytes_of(lengthy), &wish, NULL), ERR_LIMIT);
    lengthy[WISH_BYTES_MAX] = '\0';
    ck_assert_int_eq(wish_read(bytes_of(lengthy), &wish, NULL), ERR_SYNTAX);
}
END_TEST

START_TEST(versions)
{
    static const char *const same[] = { "\"v1\"", " \"v1\" ", "\"x\", \"v1\"", "*", "\"x\",*" };
    static const char *const other[] = { "",         "v1",      "\"v1", "\"v2\"",
                                         "W/\"v1\"", "\"v1\"x", "\"\"", "," };

    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        ck_assert_msg(wish_matches(bytes_of(same[i]), "v1"), "%s", same[i]);
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        ck_assert_msg(!wish_matches(bytes_of(other[i]), "v1"), "%s", other[i]);
}
END_TEST

CHECK_MAIN("wish", accepted, refused, versions)
