/* The ring of events: numbers that stay, the oldest that is kept, and texts that are cut and made plain. */
#include "sentinel/serve/news.h"

#include "tests/check_main.h"

static struct news n;

START_TEST(numbers)
{
    char text[32];

    ck_assert_uint_eq(news_behind(&n, 0), 0);
    for (int i = 1; i <= NEWS_MAX + 10; i++) {
        snprintf(text, sizeof text, "%d", i);
        news_add(&n, "+e", text, (uint64_t)i);
        ck_assert_uint_eq(news_behind(&n, (uint64_t)i), 0);
        ck_assert_uint_eq(news_behind(&n, (uint64_t)i - 1), (uint64_t)i);
        ck_assert_str_eq(news_at(&n, (uint64_t)i)->text, text);
    }
    ck_assert_uint_eq(news_behind(&n, 0), 11);
    ck_assert_uint_eq(news_behind(&n, 10), 11);
    ck_assert_uint_eq(news_behind(&n, 11), 12);
    ck_assert_uint_eq(news_at(&n, 11)->wall_ms, 11);
}
END_TEST

START_TEST(texts)
{
    char lengthy[1000];

    memset(lengthy, 'x', sizeof lengthy);
    lengthy[sizeof lengthy - 1] = '\0';
    n = (struct news){ .last = 0 };
    news_add(&n, lengthy, lengthy, 1);
    ck_assert_uint_eq(strlen(news_at(&n, 1)->name), NEWS_NAME_BYTES - 1);
    ck_assert_uint_eq(strlen(news_at(&n, 1)->text), NEWS_TEXT_BYTES - 1);
    news_add(&n, "+a", "b\xff\n\"c\x7f", 2);
    ck_assert_str_eq(news_at(&n, 2)->text, "b??\"c?");
}
END_TEST

CHECK_MAIN("news", numbers, texts)
