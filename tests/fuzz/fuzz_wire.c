/*
 * fuzz_wire: any words as a message of a register, as an order to a node, as its receipt. The first byte chooses, and
 * whether a charter's checksum is put right; the byte 0x1f parts words. What is read is written back to the same words,
 * those that a newer format added left out; and any words come back out of a reply.
 */
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/command.h"
#include "common/crc32c.h"
#include "common/register/wire.h"
#include "tests/fuzz/fuzz.h"

enum { ORDER = 1, RECEIPT = 2, ENROL = 3, WHAT_MASK = 3, SEAL = 0x80, CRC_AT_END = 14 };

static void seal(struct bytes word)
{
    char crc[9];

    if (word.len < CRC_AT_END || word.at[0] != '*')
        return;
    snprintf(crc, sizeof crc, "%08x", crc32c(0, word.at, word.len - CRC_AT_END));
    memcpy((char *)(uintptr_t)word.at + word.len - 10, crc, 8);
}

static void split(struct buf *text, struct wire *w, bool sealed)
{
    struct bytes left = buf_bytes(text), words[WIRE_WORDS_MAX + 2];
    int count = 0;

    while (count < (int)ARRAY_LEN(words)) {
        const char *end = left.len ? memchr(left.at, 0x1f, left.len) : NULL;
        size_t len = end ? (size_t)(end - left.at) : left.len;

        words[count] = (struct bytes){ left.at, len };
        if (sealed)
            seal(words[count]);
        count++;
        if (!end)
            break;
        left.at += len + 1;
        left.len -= len + 1;
    }
    wire_of_words(w, count, words);
}

/* Verbs are read in any case, and the format becomes ours: all other words come back, and behind an older one's those that
 * it did not have. */
static void check_same(const struct wire *in, struct wire *back)
{
    uint32_t format = wire_format(in), own = wire_format_own();

    ASSERT(format < own || in->count >= back->count);
    ASSERT(in->count == back->count || format != own);
    for (int i = 2; i < in->count && i < back->count && format <= own; i++)
        ASSERT(bytes_eq(in->words[i], back->words[i]));
    wire_fini(back);
}

static void check_enrol(const struct wire *in, struct bytes group)
{
    AUTO_FREE char *name = xmemdup0(group.at, group.len);
    struct wire back = { .count = 0 };

    ASSERT(group.len > 0 && group.len <= WIRE_GROUP_MAX);
    if (strlen(name) != group.len)
        return;
    wire_put_enrol(&back, name);
    check_same(in, &back);
}

static void check_reply(const struct wire *w)
{
    struct out out = { 0 };
    struct reply reply = { .out = &out, .proto = 2 };
    struct buf text = { 0 };
    struct resp_replies r;
    const struct resp_value *v;
    struct wire back = { .count = 0 };
    size_t took;

    wire_reply(w, &reply);
    out_copy(&out, &text);
    resp_replies_init(&r);
    ASSERT(resp_read_reply(&r, buf_bytes(&text), &v, &took) == RESP_ITEM && took == text.len);
    ASSERT(wire_of_reply(&back, v) && back.count == w->count);
    for (int i = 0; i < back.count; i++)
        ASSERT(bytes_eq(w->words[i], back.words[i]));
    resp_replies_fini(&r);
    out_fini(&out);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text = { 0 };
    struct wire w = { .count = 0 }, back = { .count = 0 };
    struct reg_message m;
    struct order o;
    struct receipt a;
    struct bytes group;

    if (size < 2)
        return 0;
    buf_append(&text, data + 1, size - 1);
    split(&text, &w, data[0] & SEAL);
    check_reply(&w);
    switch (data[0] & WHAT_MASK) {
    case ORDER:
        if (wire_take_order(&w, &o, NULL) == OK) {
            wire_put_order(&back, &o);
            check_same(&w, &back);
        }
        break;
    case RECEIPT:
        if (wire_take_receipt(&w, &a, NULL) == OK) {
            wire_put_receipt(&back, &a);
            check_same(&w, &back);
        }
        break;
    case ENROL:
        if (wire_take_enrol(&w, &group, NULL) == OK)
            check_enrol(&w, group);
        break;
    default:
        if (wire_take_message(&w, &m, NULL) == OK) {
            ASSERT(m.value.ver == 0 || charter_is_sound(&m.value, NULL));
            wire_put_message(&back, &m);
            check_same(&w, &back);
        }
    }
    buf_fini(&text);
    return 0;
}
