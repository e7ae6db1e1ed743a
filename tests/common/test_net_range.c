/*
 * Ranges of addresses: what is one and what is not, that they print as they were written, and that every bit of a
 * prefix counts and none behind it does, beside a comparison bit by bit.
 */
#include "common/net_range.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/check_main.h"

static struct net_range range_of(const char *text)
{
    struct net_range r;

    ck_assert_msg(net_range_parse(bytes_of(text), &r), "%s", text);
    return r;
}

START_TEST(ranges_are_read_and_printed)
{
    static const char *const good[] = { "10.0.0.7",    "10.0.0.0/8", "0.0.0.0/0", "192.0.2.128/25",
                                        "fd00::/8",    "::/0",       "::1",       "2001:db8::/33",
                                        "10.0.0.4/31", "fe80::1" };
    static const char *const bad[] = { "",           "/",          "10.0.0.0/",  "10.0.0.0/33",
                                       "10.0.0.1/8", "10.0.0/8",   "10.0.0.0/a", "10.0.0.0/-1",
                                       "::1/127",    "::/129",     "localhost",  "10.0.0.0/08",
                                       " 10.0.0.7",  "10.0.0.7 ",  "*",          "10.0.0.0/8/8",
                                       "::1%lo",     "0.0.0.0/ 0", "a/8" };
    struct net_range r;
    char text[64];

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        r = range_of(good[i]);
        net_range_print(&r, text, sizeof text);
        ck_assert_str_eq(text, good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!net_range_parse(bytes_of(bad[i]), &r), "%s", bad[i]);
    ck_assert(!net_range_parse((struct bytes){ "10.0.0.7\0", 9 }, &r));
}
END_TEST

static bool bit(const unsigned char *ip, unsigned i)
{
    return ip[i / 8] >> (7 - i % 8) & 1;
}

START_TEST(a_prefix_counts_bit_by_bit)
{
    for (unsigned bits = 0; bits <= 128; bits++) {
        struct sockaddr_in6 sa = { .sin6_family = AF_INET6 };
        struct net_range r = { .v6 = true, .bits = bits };
        unsigned char base[16];

        for (unsigned i = 0; i < 16; i++)
            base[i] = (unsigned char)(i * 37 + 5);
        for (unsigned i = bits; i < 128; i++)
            base[i / 8] &= (unsigned char)~(1u << (7 - i % 8));
        memcpy(r.first, base, 16);
        for (unsigned flip = 0; flip < 128; flip++) {
            unsigned char *ip = (unsigned char *)&sa.sin6_addr;

            memcpy(ip, base, 16);
            ip[flip / 8] ^= (unsigned char)(1u << (7 - flip % 8));
            ck_assert(bit(ip, flip) != bit(base, flip));
            ck_assert_int_eq(net_range_has(&r, (struct sockaddr *)&sa), flip >= bits);
        }
    }
}
END_TEST

START_TEST(families_are_apart)
{
    struct net_range all_v4 = range_of("0.0.0.0/0"), all_v6 = range_of("::/0");
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct sockaddr un = { .sa_family = AF_UNIX };

    ck_assert(net_range_has(&all_v4, (struct sockaddr *)&v4));
    ck_assert(!net_range_has(&all_v6, (struct sockaddr *)&v4));
    ck_assert(net_range_has(&all_v6, (struct sockaddr *)&v6));
    ck_assert(!net_range_has(&all_v4, (struct sockaddr *)&v6));
    ck_assert(!net_range_has(&all_v4, &un) && !net_range_has(&all_v6, &un));
}
END_TEST

CHECK_MAIN("net_range", ranges_are_read_and_printed, a_prefix_counts_bit_by_bit, families_are_apart)
