/*
 * charter_text - a charter as bytes, and back. Only what charter_encode could have written is read.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/crc32c.h"
#include "common/format.h"
#include "common/register/charter.h"
#include "common/resp.h"

enum { LINES_FIXED = 5, WORDS_MAX = 7, LINE_BYTES_MAX = 256, CRC_LINE_BYTES = 4 + 8 + 2 };

#define NO_HEIR "-"

/* ---- out --------------------------------------------------------------------------------------- */

static void put_line(struct buf *out, const char *format, ...) PRINTF_LIKE(2, 3);

static void put_line(struct buf *out, const char *format, ...)
{
    char line[LINE_BYTES_MAX];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    ASSERT(len >= 0 && len < (int)sizeof line);
    resp_put_bulk(out, (struct bytes){ line, (size_t)len });
}

#define U(number) ((unsigned long long)(number))

static void put_body(const struct charter *c, struct buf *out)
{
    resp_put_array(out, LINES_FIXED + c->member_count + c->voter_count + 1);
    put_line(out, "%u %s %llu %llu", charter_format(c), c->gid, U(c->ver), U(c->epoch));
    put_line(out, "%llu %s", U(c->leader), c->run);
    if (charter_format(c) == 1)
        put_line(out, "%s %u %u", keep_word(c->level), c->min_sync, c->lossy);
    else
        put_line(out, "%s %u %u %d %s", keep_word(c->level), c->min_sync, c->lossy, c->closed,
                 c->heir[0] ? c->heir : NO_HEIR);
    put_line(out, "%llu %llu", U(c->op_proposer), U(c->op_number));
    put_line(out, "%s", c->reason);
    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct member *m = &c->members[i];

        put_line(out, "m %llu %s %u %d %llu %llu", U(m->node), m->at.host, m->at.port, m->observer,
                 U(m->boot), U(m->did));
    }
    for (uint32_t i = 0; i < c->voter_count; i++) {
        const struct voter *v = &c->voters[i];

        put_line(out, "v %llu %s %u %u", U(v->id), v->at.host, v->at.port, v->sets);
    }
}

enum err charter_encode(const struct charter *c, struct buf *out)
{
    size_t start = out->len;

    ASSERT(charter_is_sound(c, NULL));
    put_body(c, out);
    put_line(out, "%08x", crc32c(0, out->at + start, out->len - start));
    if (out->len - start <= CHARTER_BYTES_MAX)
        return OK;
    out->len = start;
    return ERR_LIMIT;
}

/* Of numbers that only count: longer ones are not of one group's life. */
enum { WIDEST_VER = 999999999, WIDEST_COUNT = 999999, WIDEST_LOSSY = 99 };

static void widen(uint64_t *count, uint64_t to)
{
    if (*count < to)
        *count = to;
}

static void add_widest_voter(struct charter *c)
{
    struct voter v = { .id = UINT64_MAX, .sets = VOTERS_NEXT };

    for (uint32_t i = 0; i < c->voter_count; i++)
        if (strlen(c->voters[i].at.host) >= strlen(v.at.host))
            v.at = c->voters[i].at;
    v.at.port = UINT16_MAX;
    while (charter_voter(c, v.id))
        v.id--;
    charter_add_voter(c, &v);
}

bool charter_has_room(const struct charter *c, uint32_t more_voters)
{
    struct charter wide = *c;
    struct buf text = { 0 };
    bool it_has;

    wide.level = KEEP_FSYNC;
    wide.closed = wide.closed || format_own(CHARTER_NEWEST) > 1;
    wide.op_proposer = UINT64_MAX;
    wide.lossy = wide.lossy > WIDEST_LOSSY ? wide.lossy : WIDEST_LOSSY;
    widen(&wide.ver, WIDEST_VER);
    widen(&wide.epoch, WIDEST_COUNT);
    widen(&wide.op_number, WIDEST_COUNT);
    for (uint32_t i = 0; i < wide.member_count; i++) {
        widen(&wide.members[i].boot, WIDEST_COUNT);
        wide.members[i].did = UINT64_MAX;
    }
    for (uint32_t i = 0; i < more_voters && wide.voter_count < CHARTER_VOTERS_MAX; i++)
        add_widest_voter(&wide);
    it_has = charter_encode(&wide, &text) == OK;
    buf_fini(&text);
    return it_has;
}

/* ---- in ---------------------------------------------------------------------------------------- */

/* One line's words, taken from the front; bad is set by the first that does not fit. */
struct words {
    struct bytes at[WORDS_MAX];
    int count, next;
    bool bad;
};

static struct bytes take(struct words *w)
{
    if (w->next < w->count)
        return w->at[w->next++];
    w->bad = true;
    return (struct bytes){ 0 };
}

static uint64_t take_number(struct words *w, uint64_t max)
{
    uint64_t v = 0;

    if (!bytes_to_u64(take(w), &v) || v > max)
        w->bad = true;
    return w->bad ? 0 : v;
}

static void take_into(struct words *w, char *out, size_t cap)
{
    struct bytes word = take(w);

    if (word.len >= cap || (word.len && memchr(word.at, '\0', word.len)))
        w->bad = true;
    if (w->bad)
        return;
    if (word.len)
        memcpy(out, word.at, word.len);
    out[word.len] = '\0';
}

static void take_place(struct words *w, struct place *out)
{
    take_into(w, out->host, sizeof out->host);
    out->port = (uint16_t)take_number(w, UINT16_MAX);
}

static void split(struct bytes line, struct words *w)
{
    *w = (struct words){ 0 };
    for (;;) {
        const char *blank = line.len ? memchr(line.at, ' ', line.len) : NULL;
        size_t len = blank ? (size_t)(blank - line.at) : line.len;

        if (w->count == WORDS_MAX) {
            w->bad = true;
            return;
        }
        w->at[w->count++] = (struct bytes){ line.at, len };
        if (!blank)
            return;
        line.at += len + 1;
        line.len -= len + 1;
    }
}

/* Where the lines are read from. */
struct source {
    struct bytes left;
    bool bad;
};

/* "<mark><number>\r\n" */
static uint64_t take_header(struct source *s, char mark, uint64_t max)
{
    const char *end = s->left.len ? memchr(s->left.at, '\r', s->left.len) : NULL;
    size_t len = end ? (size_t)(end - s->left.at) : 0;
    uint64_t v = 0;

    if (len < 2 || len + 2 > s->left.len || s->left.at[0] != mark || end[1] != '\n' ||
        !bytes_to_u64((struct bytes){ s->left.at + 1, len - 1 }, &v) || v > max) {
        s->bad = true;
        return 0;
    }
    s->left.at += len + 2;
    s->left.len -= len + 2;
    return v;
}

static struct bytes take_line(struct source *s)
{
    uint64_t len = take_header(s, '$', LINE_BYTES_MAX);
    struct bytes line = { s->left.at, len };

    if (s->bad || s->left.len < len + 2 || memcmp(s->left.at + len, "\r\n", 2) != 0) {
        s->bad = true;
        return (struct bytes){ 0 };
    }
    s->left.at += len + 2;
    s->left.len -= len + 2;
    return line;
}

static enum keep take_level(struct words *w)
{
    struct bytes word = take(w);

    for (int i = 0; i < KEEP_COUNT; i++)
        if (bytes_is(word, keep_word((enum keep)i)))
            return (enum keep)i;
    w->bad = true;
    return KEEP_ASYNC;
}

static void take_heir(struct words *w, struct charter *c)
{
    take_into(w, c->heir, sizeof c->heir);
    if (strcmp(c->heir, NO_HEIR) == 0)
        c->heir[0] = '\0';
}

/* Its number is in *out_format as soon as it is read: a newer text is refused by name. */
static void read_fixed(struct source *s, struct charter *c, uint64_t *out_format)
{
    struct words w;
    struct bytes reason;

    split(take_line(s), &w);
    *out_format = take_number(&w, UINT64_MAX);
    if (*out_format < 1 || *out_format > format_own(CHARTER_NEWEST))
        w.bad = true;
    take_into(&w, c->gid, sizeof c->gid);
    c->ver = take_number(&w, REG_NUMBER_MAX);
    c->epoch = take_number(&w, REG_NUMBER_MAX);
    s->bad = s->bad || w.bad || w.next != w.count;
    split(take_line(s), &w);
    c->leader = take_number(&w, UINT64_MAX);
    take_into(&w, c->run, sizeof c->run);
    s->bad = s->bad || w.bad || w.next != w.count;
    split(take_line(s), &w);
    c->level = take_level(&w);
    c->min_sync = (uint32_t)take_number(&w, UINT32_MAX);
    c->lossy = (uint32_t)take_number(&w, UINT32_MAX);
    if (*out_format >= 2) {
        c->closed = take_number(&w, 1) == 1;
        take_heir(&w, c);
    }
    s->bad = s->bad || w.bad || w.next != w.count;
    split(take_line(s), &w);
    c->op_proposer = take_number(&w, UINT64_MAX);
    c->op_number = take_number(&w, UINT64_MAX);
    s->bad = s->bad || w.bad || w.next != w.count;
    reason = take_line(s);
    w = (struct words){ .at = { reason }, .count = 1 };
    take_into(&w, c->reason, sizeof c->reason);
    s->bad = s->bad || w.bad;
}

static void read_member(struct words *w, struct charter *c)
{
    struct member m = { .node = take_number(w, UINT64_MAX) };

    take_place(w, &m.at);
    m.observer = take_number(w, 1) == 1;
    m.boot = take_number(w, UINT64_MAX);
    m.did = take_number(w, UINT64_MAX);
    if (c->member_count == CHARTER_MEMBERS_MAX)
        w->bad = true;
    if (!w->bad)
        c->members[c->member_count++] = m;
}

static void read_voter(struct words *w, struct charter *c)
{
    struct voter v = { .id = take_number(w, UINT64_MAX) };

    take_place(w, &v.at);
    v.sets = (uint8_t)take_number(w, VOTERS_NOW | VOTERS_NEXT);
    if (c->voter_count == CHARTER_VOTERS_MAX)
        w->bad = true;
    if (!w->bad)
        c->voters[c->voter_count++] = v;
}

static void read_row(struct source *s, struct charter *c)
{
    struct words w;
    struct bytes kind;

    split(take_line(s), &w);
    kind = take(&w);
    if (bytes_is(kind, "m"))
        read_member(&w, c);
    else if (bytes_is(kind, "v"))
        read_voter(&w, c);
    else
        w.bad = true;
    s->bad = s->bad || w.bad || w.next != w.count;
}

/* What else could be written otherwise (a member behind a voter, say) is caught by writing it again. */
static bool is_canonical(struct bytes text, const struct charter *c)
{
    struct buf again = { 0 };
    bool same = charter_encode(c, &again) == OK && bytes_eq(buf_bytes(&again), text);

    buf_fini(&again);
    return same;
}

enum err charter_decode(struct bytes text, struct charter *out, struct errmsg *out_why)
{
    struct source s = { .left = text };
    struct charter c = { 0 };
    struct errmsg why = { "" };
    uint64_t lines, format = 0;
    char crc[9];

    if (text.len > CHARTER_BYTES_MAX || text.len < CRC_LINE_BYTES) {
        errmsg_set(out_why, "%zu bytes are no charter", text.len);
        return ERR_SYNTAX;
    }
    snprintf(crc, sizeof crc, "%08x", crc32c(0, text.at, text.len - CRC_LINE_BYTES));
    if (memcmp(text.at + text.len - 10, crc, 8) != 0) {
        errmsg_set(out_why, "its checksum is wrong");
        return ERR_CORRUPT;
    }
    lines = take_header(&s, '*', CHARTER_LINES_MAX);
    if (lines < LINES_FIXED + 1)
        s.bad = true;
    if (!s.bad)
        read_fixed(&s, &c, &format);
    for (uint64_t i = LINES_FIXED; !s.bad && i + 1 < lines; i++)
        read_row(&s, &c);
    if (format > format_own(CHARTER_NEWEST)) {
        errmsg_set(out_why, "it has format %llu, and this version reads %u", U(format),
                   format_own(CHARTER_NEWEST));
        return ERR_UNSUPPORTED;
    }
    if (s.bad || !charter_is_sound(&c, &why) || !is_canonical(text, &c)) {
        errmsg_set(out_why, "it is no charter: %s", why.text[0] ? why.text : "a line is odd");
        return ERR_SYNTAX;
    }
    *out = c;
    return OK;
}
