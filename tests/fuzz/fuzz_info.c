/*
 * fuzz_info: INFO of a node that may say anything. Whatever it says, what is kept is bounded, in range,
 * borrowed from the text and nowhere else, and the same when it is read again.
 */
#include <string.h>

#include "common/alloc.h"
#include "sentinel/core/info.h"
#include "tests/fuzz/fuzz.h"

static void check_facts(const struct facts *f)
{
    ASSERT(memchr(f->run_id, '\0', sizeof f->run_id));
    ASSERT(memchr(f->leader.host, '\0', sizeof f->leader.host));
    ASSERT(memchr(f->replid, '\0', sizeof f->replid));
    ASSERT(memchr(f->replid2, '\0', sizeof f->replid2));
    ASSERT(f->leader.port >= 0 && f->leader.port <= 65535);
    ASSERT(f->role == ROLE_UNKNOWN || f->role == ROLE_LEADER || f->role == ROLE_FOLLOWER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { (const char *)data, size };
    struct info *once = xcalloc(1, sizeof *once), *twice = xcalloc(1, sizeof *twice);

    info_parse(once, text);
    info_parse(twice, text);
    check_facts(&once->facts);
    ASSERT(once->follower_count <= INFO_FOLLOWERS_MAX);
    ASSERT(once->follower_count == twice->follower_count);
    for (size_t i = 0; i < once->follower_count; i++) {
        const struct info_follower *f = &once->followers[i];

        ASSERT(f->host.at >= text.at && f->host.at + f->host.len <= text.at + text.len);
        ASSERT(f->host.len > 0 && f->host.len <= HOST_LEN_MAX);
        ASSERT(f->port > 0 && f->port <= 65535);
        ASSERT(bytes_eq(f->host, twice->followers[i].host));
    }
    ASSERT(strcmp(once->facts.run_id, twice->facts.run_id) == 0);
    ASSERT(once->facts.offset == twice->facts.offset && once->facts.keys == twice->facts.keys);
    xfree(once);
    xfree(twice);
    return 0;
}
