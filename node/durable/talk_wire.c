#include "node/durable/talk_wire.h"

#include <string.h>

#include "common/format.h"
#include "common/resp.h"

/* What a message carries behind its head, in this order. */
enum field {
    FIELD_ATTACH = 1u << 0,
    FIELD_DID = 1u << 1,
    FIELD_BOOT = 1u << 2,
    FIELD_AT = 1u << 3,
    FIELD_END = 1u << 4,
    FIELD_HISTORY = 1u << 5,
};

static const unsigned forms[TALK_COUNT] = {
    [TALK_SYNC] = FIELD_ATTACH | FIELD_DID | FIELD_BOOT | FIELD_AT | FIELD_HISTORY,
    [TALK_CONTINUE] = FIELD_ATTACH | FIELD_AT | FIELD_END,
    [TALK_PAYLOAD] = FIELD_ATTACH | FIELD_END | FIELD_HISTORY,
    [TALK_FULL] = FIELD_ATTACH | FIELD_END,
    [TALK_SHRINK_FIRST] = FIELD_ATTACH | FIELD_END,
    [TALK_STALE] = 0,
};

/* A number and where it goes. */
struct number {
    unsigned field; /* 0: of every message */
    size_t at;
    bool id; /* not 0 */
    uint64_t max;
    const char *name;
};

#define N(field, member, id, max, name)                     \
    {                                                       \
        field, offsetof(struct talk, member), id, max, name \
    }

/* In the order of the words, behind gid. */
static const struct number numbers[] = {
    N(0, epoch, true, REG_NUMBER_MAX, "epoch"),
    N(0, from, true, UINT64_MAX, "from"),
    N(0, to, true, UINT64_MAX, "to"),
    N(FIELD_ATTACH, attach, true, UINT64_MAX, "attach"),
    N(FIELD_DID, did, true, UINT64_MAX, "did"),
    N(FIELD_BOOT, boot, false, UINT64_MAX, "boot"),
    N(FIELD_AT, at, false, REG_NUMBER_MAX, "at"),
    N(FIELD_END, end, false, REG_NUMBER_MAX, "end"),
};

/* In that format, as far as this program knows it. */
static unsigned form_of(enum talk_kind kind, uint64_t format)
{
    bool second = format >= 2 && format_own(TALK_NEWEST) >= 2;

    return forms[kind] | (second && kind == TALK_FULL ? FIELD_HISTORY : 0);
}

enum { BEFORE_NUMBERS = 4 }; /* HF, the verb, the format, gid */

static bool has(const struct number *n, unsigned form)
{
    return n->field == 0 || (form & n->field);
}

static int count_words(unsigned form)
{
    int count = BEFORE_NUMBERS + ((form & FIELD_HISTORY) != 0);

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        count += has(&numbers[i], form);
    return count;
}

/* ---- writing ------------------------------------------------------------------------------------- */

static void put_number(struct buf *out, uint64_t v)
{
    char digits[24];

    resp_put_bulk(out, (struct bytes){ digits, fmt_u64(digits, v) });
}

static void put_history(struct buf *out, const struct history *h)
{
    struct buf text = { 0 };

    for (uint32_t i = 0; i < h->count; i++)
        buf_printf(&text, "%s%llu:%llu", i ? "," : "", (unsigned long long)h->eras[i].epoch,
                   (unsigned long long)h->eras[i].start);
    resp_put_bulk(out, buf_bytes(&text));
    buf_fini(&text);
}

void talk_put(const struct talk *t, struct buf *out)
{
    unsigned form = form_of(t->kind, format_own(TALK_NEWEST));

    ASSERT(t->kind < TALK_ACK);
    resp_put_array(out, (size_t)count_words(form));
    resp_put_bulk(out, BYTES("HF"));
    resp_put_bulk(out, bytes_of(talk_word(t->kind)));
    put_number(out, format_own(TALK_NEWEST));
    resp_put_bulk(out, bytes_of(t->gid));
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (has(&numbers[i], form))
            put_number(out, *(const uint64_t *)((const char *)t + numbers[i].at));
    if (form & FIELD_HISTORY)
        put_history(out, &t->history);
}

/* ---- reading ------------------------------------------------------------------------------------- */

static bool take_gid(struct bytes word, char out[GID_LEN + 1])
{
    if (word.len != GID_LEN)
        return false;
    for (size_t i = 0; i < GID_LEN; i++)
        if (!strchr("0123456789abcdef", word.at[i]) || word.at[i] == '\0')
            return false;
    memcpy(out, word.at, GID_LEN);
    out[GID_LEN] = '\0';
    return true;
}

static bool take_era(struct bytes text, struct history *h)
{
    const char *colon = memchr(text.at, ':', text.len);
    struct era *e = &h->eras[h->count], *last = h->count ? e - 1 : NULL;
    size_t len = colon ? (size_t)(colon - text.at) : 0;

    if (!colon || h->count == HISTORY_MAX ||
        !bytes_to_u64((struct bytes){ text.at, len }, &e->epoch) ||
        !bytes_to_u64((struct bytes){ colon + 1, text.len - len - 1 }, &e->start) ||
        e->epoch == 0 || e->epoch > REG_NUMBER_MAX ||
        (last && (e->epoch <= last->epoch || e->start < last->start)))
        return false;
    h->count++;
    return true;
}

static bool take_history(struct bytes text, uint64_t end, struct history *h)
{
    while (text.len) {
        const char *comma = memchr(text.at, ',', text.len);
        size_t len = comma ? (size_t)(comma - text.at) : text.len;

        if (!take_era((struct bytes){ text.at, len }, h))
            return false;
        if (comma && ++len == text.len)
            return false;
        text.at += len;
        text.len -= len;
    }
    return h->count == 0 || h->eras[h->count - 1].start <= end;
}

static bool find_kind(struct bytes verb, enum talk_kind *out)
{
    for (int kind = 0; kind < TALK_ACK; kind++) {
        if (!bytes_is_word(verb, talk_word((enum talk_kind)kind)))
            continue;
        *out = (enum talk_kind)kind;
        return true;
    }
    return false;
}

static enum err odd(struct errmsg *out_why, const char *word)
{
    errmsg_set(out_why, "odd word: %s", word);
    return ERR_SYNTAX;
}

enum err talk_take(int argc, const struct bytes *argv, struct talk *out, struct errmsg *out_why)
{
    struct talk t = { .kind = TALK_SYNC };
    uint64_t format;
    unsigned form;
    int word = BEFORE_NUMBERS, count;

    if (argc < BEFORE_NUMBERS || !find_kind(argv[1], &t.kind))
        return odd(out_why, "the verb");
    if (!bytes_to_u64(argv[2], &format) || format == 0)
        return odd(out_why, "format");
    form = form_of(t.kind, format);
    count = count_words(form);
    if (argc < count || (argc > count && format <= format_own(TALK_NEWEST))) {
        errmsg_set(out_why, "%d words are not what format %llu has", argc,
                   (unsigned long long)format);
        return ERR_SYNTAX;
    }
    if (!take_gid(argv[3], t.gid))
        return odd(out_why, "gid");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const struct number *n = &numbers[i];
        uint64_t v;

        if (!has(n, form))
            continue;
        if (!bytes_to_u64(argv[word++], &v) || v > n->max || (n->id && v == 0))
            return odd(out_why, n->name);
        *(uint64_t *)((char *)&t + n->at) = v;
    }
    if ((form & FIELD_HISTORY) &&
        !take_history(argv[word], t.kind == TALK_SYNC ? t.at : t.end, &t.history))
        return odd(out_why, "history");
    *out = t;
    return OK;
}
