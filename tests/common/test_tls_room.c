/* What OpenSSL is given: the rooms first, for what is as large as a record, and malloc for all else. */
#include "common/tls_room.h"

#include <openssl/crypto.h>
#include <string.h>

#include "tests/check_main.h"

enum { RECORD = 17 * 1024, MANY = TLS_ROOMS + 4 };

static void begin(void)
{
    tls_room_begin();
}

START_TEST(no_two_share_one)
{
    char *blocks[MANY];

    begin();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            blocks[i] = OPENSSL_malloc(RECORD);
            memset(blocks[i], i, RECORD);
        }
        for (int i = 0; i < MANY; i++) {
            ck_assert_int_eq(blocks[i][0], i);
            ck_assert_int_eq(blocks[i][RECORD - 1], i);
            OPENSSL_free(blocks[i]);
        }
    }
}
END_TEST

START_TEST(a_room_is_given_again)
{
    char *small, *first, *other;

    begin();
    first = OPENSSL_malloc(RECORD);
    other = OPENSSL_malloc(RECORD);
    ck_assert_ptr_eq(other, first + TLS_ROOM_BYTES);
    small = OPENSSL_malloc(100);
    ck_assert(small < first || small >= first + TLS_ROOMS * TLS_ROOM_BYTES);
    OPENSSL_free(small);
    OPENSSL_free(first);
    ck_assert_ptr_eq(OPENSSL_malloc(RECORD), first);
    OPENSSL_free(first);
    OPENSSL_free(other);
}
END_TEST

START_TEST(what_grows_keeps_what_it_holds)
{
    char *block, *room;

    begin();
    room = block = OPENSSL_malloc(RECORD);
    memset(block, 7, RECORD);
    block = OPENSSL_realloc(block, TLS_ROOM_BYTES);
    ck_assert_ptr_eq(block, room);
    block = OPENSSL_realloc(block, 3 * TLS_ROOM_BYTES);
    ck_assert_ptr_ne(block, room);
    for (int i = 0; i < RECORD; i++)
        ck_assert_int_eq(block[i], 7);
    ck_assert_ptr_eq(OPENSSL_malloc(RECORD), room); /* it went back */
    OPENSSL_free(room);
    block = OPENSSL_realloc(block, 10);
    ck_assert_int_eq(block[9], 7);
    ck_assert_ptr_null(OPENSSL_realloc(block, 0));
    block = OPENSSL_realloc(NULL, 10);
    ck_assert_ptr_nonnull(block);
    OPENSSL_free(block);
    OPENSSL_free(NULL);
    ck_assert_ptr_null(OPENSSL_malloc(0));
}
END_TEST

CHECK_MAIN("tls_room", no_two_share_one, a_room_is_given_again, what_grows_keeps_what_it_holds)
