/*
 * alloc: the count follows every block, also one that another thread frees, and the peak stays.
 */
#include <pthread.h>
#include <string.h>

#include "tests/check_main.h"
#include "common/alloc.h"

START_TEST(count_follows_blocks)
{
    size_t before = alloc_used_bytes();
    void *a = xmalloc(1000), *b = xcalloc(10, 100);

    ck_assert_uint_eq(alloc_used_bytes(), before + alloc_size(a) + alloc_size(b));
    a = xrealloc(a, 50000);
    ck_assert_uint_eq(alloc_used_bytes(), before + alloc_size(a) + alloc_size(b));
    xfree(a);
    xfree(b);
    xfree(NULL);
    ck_assert_uint_eq(alloc_used_bytes(), before);
    ck_assert_uint_ge(alloc_peak_bytes(), before + 50000);
}
END_TEST

static void *free_it(void *block)
{
    xfree(block);
    return NULL;
}

START_TEST(another_thread_may_free)
{
    size_t before = alloc_used_bytes();
    void *block = xmalloc(123456);
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, free_it, block), 0);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(alloc_used_bytes(), before);
}
END_TEST

static void *take_one(void *unused)
{
    return xmalloc(100);
}

/* A save, a look-up: threads of a daemon come and go for years. */
START_TEST(threads_without_number_may_come_and_go)
{
    enum { MANY = 500 };
    size_t before = alloc_used_bytes();

    for (int i = 0; i < MANY; i++) {
        pthread_t thread;
        void *block;

        ck_assert_int_eq(pthread_create(&thread, NULL, take_one, NULL), 0);
        pthread_join(thread, &block);
        ck_assert_uint_eq(alloc_used_bytes(), before + alloc_size(block));
        xfree(block);
    }
    ck_assert_uint_eq(alloc_used_bytes(), before);
}
END_TEST

START_TEST(impossible_sizes_are_refused)
{
    volatile size_t absurd = SIZE_MAX / 2;
    void *block = try_malloc(absurd);

    ck_assert_ptr_null(block);
}
END_TEST

START_TEST(auto_free_frees)
{
    size_t before = alloc_used_bytes();

    {
        AUTO_FREE char *text = xstrdup("gone at the brace");

        ck_assert_uint_gt(alloc_used_bytes(), before);
        ck_assert_uint_eq(strlen(text), 17);
    }
    ck_assert_uint_eq(alloc_used_bytes(), before);
}
END_TEST

CHECK_MAIN("alloc", count_follows_blocks, another_thread_may_free,
           threads_without_number_may_come_and_go, impossible_sizes_are_refused, auto_free_frees)
