/*
 * fuzz_wish: what an operator asks over HTTP: a switchover's body, and behind the first zero byte an If-Match. What is
 * accepted is within its limits and says the same when it is said again; a tag matches itself and no other version.
 */
#include <string.h>

#include "sentinel/serve/wish.h"
#include "tests/fuzz/fuzz.h"

static void check_accepted(const struct wish *wish)
{
    struct buf again = { 0 };
    struct wish same;

    ASSERT(wish->to.port >= 0 && wish->to.port <= 65535);
    ASSERT((wish->to.port == 0) == (wish->to.host[0] == '\0'));
    if (strpbrk(wish->to.host, "\"\\") || strlen(wish->to.host) > 200)
        return;
    for (const char *c = wish->to.host; *c; c++)
        if (*c < ' ')
            return;
    buf_printf(&again, "{\"dry_run\":%s,\"force\":%s", wish->dry_run ? "true" : "false",
               wish->force ? "true" : "false");
    if (wish->to.port)
        buf_printf(&again, ",\"to\":{\"host\":\"%s\",\"port\":%d}", wish->to.host, wish->to.port);
    buf_putc(&again, '}');
    ASSERT(wish_read(buf_bytes(&again), &same, NULL) == OK);
    ASSERT(same.dry_run == wish->dry_run && same.force == wish->force);
    ASSERT(same.to.port == wish->to.port && strcmp(same.to.host, wish->to.host) == 0);
    buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *zero = size ? memchr(text, '\0', size) : NULL;
    struct bytes body = { text, zero ? (size_t)(zero - text) : size };
    struct bytes tag = { zero ? zero + 1 : text, zero ? size - body.len - 1 : 0 };
    struct errmsg why = { "" };
    struct wish wish;
    bool first, second;

    if (wish_read(body, &wish, &why) == OK)
        check_accepted(&wish);
    else
        ASSERT(why.text[0] && !strpbrk(why.text, "\"\\"));
    first = wish_matches(tag, "0123456789abcdef");
    second = wish_matches(tag, "fedcba9876543210");
    ASSERT(!(first && second) || memchr(tag.at, '*', tag.len) || memchr(tag.at, ',', tag.len));
    ASSERT(tag.len || !first);
    return 0;
}
