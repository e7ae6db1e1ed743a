/*
 * fuzz_proxy: PROXY headers out of arbitrary bytes. The verdict must be the same however the stream was cut and whatever
 * follows; a header is bounded, and the address it tells prints and reads back.
 */
#include <string.h>

#include "common/net.h"
#include "common/proxy.h"
#include "tests/fuzz/fuzz.h"

static void check_address(const struct proxy_header *h)
{
    const struct sockaddr *sa = (const struct sockaddr *)&h->source;
    struct sockaddr_storage again;
    char text[NET_ADDRESS_MAX];
    socklen_t len;

    net_print_address(sa, h->source_len, text, sizeof text);
    ASSERT(text[0] && strlen(text) < sizeof text);
    if (sa->sa_family == AF_UNIX)
        return;
    net_print_ip(sa, text, sizeof text);
    ASSERT(net_parse_ip(text, net_port(sa), &again, &len));
    ASSERT(len == h->source_len && memcmp(&again, sa, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes stream = { (const char *)data, size };
    struct proxy_header whole, cut = { .told = false };
    const char *why = "", *why_cut = "";
    enum proxy_read got = proxy_read_header(stream, &whole, &why), grown = PROXY_MORE;

    for (size_t len = 0; len <= size && grown == PROXY_MORE; len++)
        grown = proxy_read_header((struct bytes){ stream.at, len }, &cut, &why_cut);
    ASSERT(grown == got);
    if (got == PROXY_BAD)
        ASSERT(why[0] && why_cut[0]);
    if (got != PROXY_WHOLE)
        return 0;
    ASSERT(whole.bytes && whole.bytes <= size && whole.bytes <= PROXY_HEADER_MAX);
    ASSERT(cut.bytes == whole.bytes && cut.told == whole.told);
    ASSERT(memcmp(&cut.source, &whole.source, sizeof cut.source) == 0);
    if (whole.told)
        check_address(&whole);
    return 0;
}
