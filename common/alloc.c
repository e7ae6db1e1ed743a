#include "common/alloc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#ifdef HF_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

/*
 * Each thread counts for itself, so that counting is a plain add on a line nobody else writes; a
 * block freed by another thread makes that one's count negative, and only the sum has a meaning. A
 * thread that ends leaves its tally as it stands to whichever begins next.
 */
enum { THREADS_MAX = 64 };

struct tally {
    _Atomic int64_t bytes;
    atomic_bool taken;
} __attribute__((aligned(64)));

static struct tally tallies[THREADS_MAX];
static atomic_int tallies_used; /* those behind were never taken */
static _Thread_local struct tally *mine;
static pthread_once_t at_end_once = PTHREAD_ONCE_INIT;
static pthread_key_t at_end; /* its destructor runs in each thread that has a tally */
static atomic_size_t peak;

static void tally_leave(void *tally)
{
    mine = NULL;
    atomic_store(&((struct tally *)tally)->taken, false);
}

static void make_key(void)
{
    int failed = pthread_key_create(&at_end, tally_leave);

    ASSERT(!failed);
}

static struct tally *tally_take(void)
{
    int slot = 0, failed;

    while (slot < THREADS_MAX && atomic_exchange(&tallies[slot].taken, true))
        slot++;
    ASSERT(slot < THREADS_MAX);
    for (int used = atomic_load(&tallies_used);
         used <= slot && !atomic_compare_exchange_weak(&tallies_used, &used, slot + 1);)
        ;
    pthread_once(&at_end_once, make_key);
    failed = pthread_setspecific(at_end, &tallies[slot]);
    ASSERT(!failed);
    return &tallies[slot];
}

static void count(int64_t bytes)
{
    if (UNLIKELY(!mine))
        mine = tally_take();
    atomic_store_explicit(&mine->bytes,
                          atomic_load_explicit(&mine->bytes, memory_order_relaxed) + bytes,
                          memory_order_relaxed);
}

static void count_in(void *block)
{
    count((int64_t)malloc_usable_size(block));
}

static void count_out(void *block)
{
    count(-(int64_t)malloc_usable_size(block));
}

static _Noreturn void out_of_memory(size_t bytes)
{
    fprintf(stderr, "out of memory: %zu bytes are not to be had\n", bytes);
    abort();
}

void *try_malloc(size_t bytes)
{
    void *block = malloc(bytes ? bytes : 1);

    if (block)
        count_in(block);
    return block;
}

void *try_realloc(void *block, size_t bytes)
{
    size_t before = block ? malloc_usable_size(block) : 0;
    void *moved = realloc(block, bytes ? bytes : 1);

    if (!moved)
        return NULL;
    count((int64_t)malloc_usable_size(moved) - (int64_t)before);
    return moved;
}

void *xmalloc(size_t bytes)
{
    void *block = try_malloc(bytes);

    if (!block)
        out_of_memory(bytes);
    return block;
}

void *xcalloc(size_t count, size_t bytes)
{
    void *block = calloc(count ? count : 1, bytes ? bytes : 1);

    if (!block)
        out_of_memory(bytes);
    count_in(block);
    return block;
}

void *xrealloc(void *block, size_t bytes)
{
    void *moved = try_realloc(block, bytes);

    if (!moved)
        out_of_memory(bytes);
    return moved;
}

char *xmemdup0(const void *data, size_t len)
{
    char *copy = xmalloc(len + 1);

    if (len)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

void *xgrow(void *array, size_t count, size_t *cap, size_t bytes)
{
    if (count < *cap)
        return array;
    *cap = *cap ? *cap * 2 : 8;
    return xrealloc(array, *cap * bytes);
}

char *xstrdup(const char *text)
{
    return xmemdup0(text, strlen(text));
}

void xfree(void *block)
{
    if (!block)
        return;
    count_out(block);
    free(block);
}

size_t alloc_size(const void *block)
{
    return block ? malloc_usable_size((void *)block) : 0;
}

size_t alloc_used_bytes(void)
{
    int64_t sum = 0;
    int used = atomic_load_explicit(&tallies_used, memory_order_acquire);

    for (int i = 0; i < used; i++)
        sum += atomic_load_explicit(&tallies[i].bytes, memory_order_relaxed);
    if (sum < 0)
        sum = 0; /* a block on its way between threads */
    if ((size_t)sum > atomic_load_explicit(&peak, memory_order_relaxed))
        atomic_store_explicit(&peak, (size_t)sum, memory_order_relaxed);
    return (size_t)sum;
}

size_t alloc_peak_bytes(void)
{
    alloc_used_bytes();
    return atomic_load_explicit(&peak, memory_order_relaxed);
}

const _Atomic int64_t *alloc_own_bytes(void)
{
    if (!mine)
        mine = tally_take();
    return &mine->bytes;
}

bool alloc_background(bool on)
{
#ifdef HF_JEMALLOC
    return mallctl("background_thread", NULL, NULL, &on, sizeof on) == 0;
#else
    return !on;
#endif
}

const char *alloc_name(void)
{
#ifdef HF_JEMALLOC
    static char name[64];

    if (!name[0])
        snprintf(name, sizeof name, "jemalloc-%d.%d.%d", JEMALLOC_VERSION_MAJOR,
                 JEMALLOC_VERSION_MINOR, JEMALLOC_VERSION_BUGFIX);
    return name;
#else
    return "libc";
#endif
}

void alloc_cleanup(void *pointer_to_block)
{
    xfree(*(void **)pointer_to_block);
}
