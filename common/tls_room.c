#include "common/tls_room.h"

#include <openssl/crypto.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What a record may need: smaller blocks are the general allocator's. */
enum { RECORD_BYTES = 16 * 1024 };

static alignas(64) char rooms[TLS_ROOMS][TLS_ROOM_BYTES];
static _Atomic uint32_t taken; /* a bit for each */

_Static_assert(TLS_ROOMS < 32, "a bit for each, and one that is never taken");

static int room_of(const void *block)
{
    uintptr_t from = (uintptr_t)rooms, at = (uintptr_t)block;

    return at - from < sizeof rooms ? (int)((at - from) / TLS_ROOM_BYTES) : -1;
}

static void *take_room(void)
{
    uint32_t seen = atomic_load(&taken);
    int i;

    do {
        i = __builtin_ctz(~seen);
        if (i >= TLS_ROOMS)
            return NULL;
    } while (!atomic_compare_exchange_weak(&taken, &seen, seen | 1u << i));
    return rooms[i];
}

static void *give(size_t bytes, const char *file, int line)
{
    void *block = NULL;

    if (bytes > RECORD_BYTES && bytes <= TLS_ROOM_BYTES)
        block = take_room();
    return block || bytes == 0 ? block : malloc(bytes);
}

static void take_back(void *block, const char *file, int line)
{
    int i = room_of(block);

    if (i < 0)
        free(block);
    else
        atomic_fetch_and(&taken, ~(1u << i));
}

static void *give_more(void *block, size_t bytes, const char *file, int line)
{
    void *other;

    if (bytes == 0) {
        take_back(block, file, line);
        return NULL;
    }
    if (room_of(block) < 0)
        return realloc(block, bytes);
    if (bytes <= TLS_ROOM_BYTES)
        return block;
    other = malloc(bytes);
    if (other) {
        memcpy(other, block, TLS_ROOM_BYTES);
        take_back(block, file, line);
    }
    return other;
}

void tls_room_begin(void)
{
    (void)CRYPTO_set_mem_functions(give, give_more, take_back);
}
