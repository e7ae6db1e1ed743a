#include "common/alloc.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#ifdef HF_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

static atomic_size_t used;
static atomic_size_t peak;

static void count_in(void *block)
{
    size_t now = atomic_fetch_add_explicit(&used, malloc_usable_size(block), memory_order_relaxed) +
                 malloc_usable_size(block);

    /* Two threads may race here and one high-water mark be lost by a block: good enough for INFO. */
    if (now > atomic_load_explicit(&peak, memory_order_relaxed))
        atomic_store_explicit(&peak, now, memory_order_relaxed);
}

static void count_out(void *block)
{
    atomic_fetch_sub_explicit(&used, malloc_usable_size(block), memory_order_relaxed);
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
    atomic_fetch_sub_explicit(&used, before, memory_order_relaxed);
    count_in(moved);
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
    return atomic_load_explicit(&used, memory_order_relaxed);
}

size_t alloc_peak_bytes(void)
{
    return atomic_load_explicit(&peak, memory_order_relaxed);
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
