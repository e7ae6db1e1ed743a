/*
 * Answers for crc64, rdb_write and rdb_read: what one writes the other reads back, whatever the slices
 * in which it arrives; every cut and every flipped bit of a file is noticed; bytes made by redis-server
 * 7.0 read as what was put in.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/persist/crc64.h"
#include "node/persist/rdb_read.h"
#include "node/persist/rdb_write.h"
#include "tests/check_main.h"

enum { ENTRIES = 400, VALUE_MAX = 70000 };

struct entry {
    struct buf key, value;
    int64_t expire_wall_ms;
    int db;
};

START_TEST(the_checksum_is_the_published_one)
{
    static const char text[] = "123456789 and more than eight bytes, at every alignment there is";

    ck_assert_uint_eq(crc64(0, "123456789", 9), 0xe9c6d914c4b8d9caULL);
    for (size_t cut = 0; cut < sizeof text; cut++)
        ck_assert_uint_eq(crc64(crc64(0, text, cut), text + cut, sizeof text - cut),
                          crc64(0, text, sizeof text));
}
END_TEST

static void random_text(struct rng *rng, struct buf *out, size_t most)
{
    size_t len = rng_below(rng, most);
    char *at = buf_reserve(out, len + 32);

    switch (rng_below(rng, 4)) {
    case 0: { /* integers around the edges of their encodings */
        static const int64_t edges[] = { 0,          127,         128,        -128,
                                         -129,       32767,       32768,      2147483647,
                                         2147483648, -2147483648, -2147483649 };
        out->len = fmt_i64(at, edges[rng_below(rng, ARRAY_LEN(edges))]);
        return;
    }
    case 1: /* packs well */
        memset(at, 'a' + (int)rng_below(rng, 26), len);
        break;
    case 2: /* does not pack */
        for (size_t i = 0; i < len; i++)
            at[i] = (char)rng_next(rng);
        break;
    default: /* looks like an integer and is none */
        out->len = (size_t)snprintf(at, 32, "0%d", (int)rng_below(rng, 1000));
        return;
    }
    out->len = len;
}

static void write_all(struct rng *rng, struct entry *entries, struct buf *file)
{
    struct buf slice = { 0 };
    struct rdb_writer w;
    int db = -1;

    rdb_write_init(&w, &slice, true, true);
    rdb_write_header(&w, RDB_VERSION_LOWEST);
    rdb_write_aux(&w, "redis-ver", BYTES("7.2.4"));
    rdb_write_aux_int(&w, "repl-offset", 1234567890123);
    for (int i = 0; i < ENTRIES; i++) {
        entries[i].db = i / 100;
        entries[i].expire_wall_ms = rng_below(rng, 2) ? (int64_t)rng_below(rng, 1ull << 50) : -1;
        random_text(rng, &entries[i].key, 200);
        random_text(rng, &entries[i].value, rng_below(rng, 10) ? 300 : VALUE_MAX);
        if (entries[i].db != db) {
            db = entries[i].db;
            rdb_write_select(&w, (uint64_t)db, 100, 50);
        }
        rdb_write_string_entry(&w, buf_bytes(&entries[i].key), buf_bytes(&entries[i].value),
                               entries[i].expire_wall_ms);
        if (!rng_below(rng, 7)) {
            rdb_write_taken(&w);
            buf_add(file, buf_bytes(&slice));
            slice.len = 0;
        }
    }
    rdb_write_end(&w);
    buf_add(file, buf_bytes(&slice));
    buf_fini(&slice);
}

/* Feeds file in slices of 1 .. step bytes; the number of entries, or -1 where it was refused or cut. */
static int read_all(struct bytes file, struct rng *rng, size_t step, const struct entry *entries)
{
    struct rdb_reader r;
    struct rdb_item item;
    size_t have = 0, from = 0, consumed = 0;
    int count = 0, db = -1, result = -1;

    rdb_reader_init(&r);
    for (;;) {
        enum rdb_status s =
            rdb_read(&r, (struct bytes){ file.at + from, have - from }, &item, &consumed);

        if (s == RDB_BAD || (s == RDB_MORE && have == file.len))
            break;
        if (s == RDB_MORE) {
            have += 1 + rng_below(rng, step);
            if (have > file.len)
                have = file.len;
            continue;
        }
        from += consumed;
        if (item.kind == RDB_END) {
            result = count;
            ck_assert_uint_eq(from, file.len);
            break;
        }
        if (item.kind == RDB_SELECT)
            db = (int)item.db;
        if (item.kind == RDB_ENTRY && entries) {
            ck_assert_int_eq(db, entries[count].db);
            ck_assert(bytes_eq(item.key, buf_bytes(&entries[count].key)));
            ck_assert(bytes_eq(item.value, buf_bytes(&entries[count].value)));
            ck_assert_int_eq(item.expire_wall_ms, entries[count].expire_wall_ms);
        }
        count += item.kind == RDB_ENTRY;
    }
    ck_assert(result >= 0 || r.bad == (r.why.text[0] != '\0'));
    rdb_reader_fini(&r);
    return result;
}

START_TEST(reads_what_it_wrote)
{
    static struct entry entries[ENTRIES];
    struct buf file = { 0 };
    struct rng rng;
    static const size_t steps[] = { 1, 7, 1000, 1 << 20 };

    rng_seed(&rng, test_seed());
    write_all(&rng, entries, &file);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        ck_assert_int_eq(read_all(buf_bytes(&file), &rng, steps[i], entries), ENTRIES);
    for (int i = 0; i < 100; i++) {
        size_t at = rng_below(&rng, file.len);
        char bit = (char)(1 << rng_below(&rng, 8));

        ck_assert_int_eq(read_all((struct bytes){ file.at, at }, &rng, 1 << 20, NULL), -1);
        file.at[at] ^= bit;
        ck_assert_int_eq(read_all(buf_bytes(&file), &rng, 1 << 20, NULL), -1);
        file.at[at] ^= bit;
    }
    buf_fini(&file);
    for (int i = 0; i < ENTRIES; i++) {
        buf_fini(&entries[i].key);
        buf_fini(&entries[i].value);
    }
}
END_TEST

/* Each line is refused for the reason its words say. */
START_TEST(refuses_with_a_reason)
{
    static const struct {
        struct bytes file;
        const char *why;
    } cases[] = {
        { BYTES("RUBBISH00"), "magic" },
        { BYTES("REDIS00x9"), "no number" },
        { BYTES("REDIS0099"), "newer" },
        { BYTES("VALKEY079"), "newer" },
        { BYTES("REDIS0009\x04"), "hash (type 4)" },
        { BYTES("REDIS0009\x63"), "unknown type 99" },
        { BYTES("REDIS0009\xf2"), "unknown opcode" },
        { BYTES("REDIS0009\xf6"), "functions" },
        { BYTES("REDIS0009\xfe\xc0"), "a number stands" },
        { BYTES("REDIS0009\xfe\x82"), "unknown byte" },
        { BYTES("REDIS0009\x00\xc5"), "unknown encoding" },
        { BYTES("REDIS0009\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff"), "longer than allowed" },
        { BYTES("REDIS0009\x00\xc3\x05\x80\xff\xff\xff\xff"), "longer than it can be" },
        { BYTES("REDIS0009\x00\xc3\x02\x09xx"), "unpack" },
        { BYTES("REDIS0009\xfc\xff\xff\xff\xff\xff\xff\xff\xff"), "before the epoch" },
        { BYTES("REDIS0009\xff\x01\x02\x03\x04\x05\x06\x07\x08"), "checksum" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rdb_reader r;
        struct rdb_item item;
        size_t consumed = 0, from = 0;
        enum rdb_status s;

        rdb_reader_init(&r);
        do {
            s = rdb_read(&r, (struct bytes){ cases[i].file.at + from, cases[i].file.len - from },
                         &item, &consumed);
            from += s == RDB_ITEM ? consumed : 0;
        } while (s == RDB_ITEM);
        ck_assert_msg(s == RDB_BAD, "case %zu was not refused", i);
        ck_assert_msg(strstr(r.why.text, cases[i].why) != NULL, "case %zu: %s", i, r.why.text);
        rdb_reader_fini(&r);
    }
}
END_TEST

/* A module's data is no value, and however long it is each of its parts is looked at once. */
START_TEST(steps_over_what_modules_say)
{
    static const struct bytes file = BYTES("REDIS0009\xf7\x81"
                                           "12345678\x02\x01\x01\x05\x03"
                                           "1234\x04"
                                           "12345678\x05\x03one\x00"
                                           "\xff\0\0\0\0\0\0\0\0");
    struct rdb_reader r;
    struct rdb_item item = { 0 };
    size_t from = 0, consumed = 0;
    int skipped = 0;

    rdb_reader_init(&r);
    for (size_t have = 0; item.kind != RDB_END || have == 0;) {
        enum rdb_status s =
            rdb_read(&r, (struct bytes){ file.at + from, have - from }, &item, &consumed);

        ck_assert_int_ne(s, RDB_BAD);
        ck_assert_uint_le(have, file.len);
        have += s == RDB_MORE;
        from += s == RDB_ITEM ? consumed : 0;
        skipped += s == RDB_ITEM && item.kind == RDB_SKIPPED;
        ck_assert_uint_le(have - from, 13);
    }
    ck_assert_uint_eq(from, file.len);
    ck_assert_int_eq(skipped, 1 + 1 + 6); /* the header, the module, its parts and their end */
    rdb_reader_fini(&r);
}
END_TEST

/* DUMP of redis-server 7.0: SET k hello, SET k 12345. */
START_TEST(reads_payloads_of_redis)
{
    static const struct {
        struct bytes payload;
        const char *value;
    } cases[] = {
        { BYTES("\x00\x05hello\x0a\x00"
                "cr\xdf"
                "ve4 \x0a"),
          "hello" },
        { BYTES("\x00\xc1"
                "90\x0a\x00\x9d\x94\xea\x27\x93\xfc\x08\xb9"),
          "12345" },
    };
    struct buf scratch = { 0 }, mine = { 0 };
    struct value value;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ck_assert_int_eq(rdb_restore(NULL, cases[i].payload, &scratch, &value, NULL), OK);
        ck_assert(bytes_is(value.text, cases[i].value));
    }
    for (size_t len = 0; len < 5000; len += 37) {
        struct buf text = { 0 };

        for (size_t i = 0; i < len; i++)
            buf_putc(&text, (char)('a' + i % 5));
        mine.len = 0;
        rdb_dump_string(&mine, buf_bytes(&text));
        ck_assert_int_eq(rdb_restore(NULL, buf_bytes(&mine), &scratch, &value, NULL), OK);
        ck_assert(bytes_eq(value.text, buf_bytes(&text)));
        mine.at[mine.len / 2] ^= 4;
        ck_assert_int_eq(rdb_restore(NULL, buf_bytes(&mine), &scratch, &value, NULL), ERR_CORRUPT);
        buf_fini(&text);
    }
    ck_assert_int_eq(rdb_restore(NULL, BYTES("short"), &scratch, &value, NULL), ERR_CORRUPT);
    buf_fini(&scratch);
    buf_fini(&mine);
}
END_TEST

CHECK_MAIN("rdb", the_checksum_is_the_published_one, reads_what_it_wrote, refuses_with_a_reason,
           steps_over_what_modules_say, reads_payloads_of_redis)
