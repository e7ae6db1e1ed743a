/* The reader of requests. */
#include "common/resp.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/words.h"

enum {
    ARGV_FIRST = 8,   /* room for arguments at first */
    ARGV_KEEP = 1024, /* more than this is given back before the next request */
    SCRATCH_KEEP = 4096,
    DIGITS_SURE = 18, /* so many digits cannot overflow */
    LINE_END = 2,     /* CR and whatever stands behind it: Redis looks only at the CR */
};

void resp_reader_init(struct resp_reader *r, struct resp_limits limits)
{
    *r = (struct resp_reader){ .limits = limits, .bulks_left = -1, .bulk_len = -1 };
}

void resp_reader_fini(struct resp_reader *r)
{
    xfree(r->argv);
    buf_fini(&r->scratch);
    *r = (struct resp_reader){ .bulks_left = -1, .bulk_len = -1 };
}

static enum resp_status bad(struct resp_reader *r, const char *what)
{
    snprintf(r->error, sizeof r->error, "Protocol error: %s", what);
    return RESP_BAD;
}

/* The next item starts at byte 0 again. */
static void reader_begin(struct resp_reader *r)
{
    r->scanned = r->searched = 0;
    r->bulks_left = r->bulk_len = -1;
    r->argc = 0;
    if (r->argv_cap > ARGV_KEEP) {
        xfree(r->argv);
        r->argv = NULL;
        r->argv_cap = 0;
    }
    if (r->scratch.cap > SCRATCH_KEEP)
        buf_fini(&r->scratch);
}

static void reader_room(struct resp_reader *r, size_t argc)
{
    if (LIKELY(argc <= r->argv_cap))
        return;
    r->argv_cap = r->argv_cap ? r->argv_cap * 2 : ARGV_FIRST;
    if (r->argv_cap < argc)
        r->argv_cap = argc;
    r->argv = xrealloc(r->argv, r->argv_cap * sizeof *r->argv);
}

/* Offset of the first `end` at or behind the start of this line; too_big is the sentence for a line
 * longer than the limit, whether or not its end has come. */
static enum resp_status find_line(struct resp_reader *r, struct bytes data, char end,
                                  const char *too_big, size_t *out_at)
{
    size_t from = r->searched > r->scanned ? r->searched : r->scanned;
    const char *hit = from < data.len ? memchr(data.at + from, end, data.len - from) : NULL;
    size_t at = hit ? (size_t)(hit - data.at) : data.len;

    if (at - r->scanned > r->limits.inline_bytes_max)
        return bad(r, too_big);
    r->searched = at;
    if (!hit)
        return RESP_MORE;
    *out_at = at;
    return RESP_ITEM;
}

/* "*3\r\n" or "$3\r\n" at from, whose first byte has been recognised, in one pass. Zero: not so simple. */
static size_t many_digits(struct bytes data, size_t from, int64_t *out_count)
{
    const char *first = data.at + from + 1, *p = first, *end = data.at + data.len;
    uint64_t v = 0; /* unsigned: more digits than are sure may wrap, and are refused below */

    while (p < end && (unsigned char)(*p - '0') <= 9)
        v = v * 10 + (uint64_t)(*p++ - '0');
    if (p - first < 1 || p - first > DIGITS_SURE || (*first == '0' && p - first > 1) ||
        end - p < LINE_END || *p != '\r')
        return 0;
    *out_count = (int64_t)v;
    return (size_t)(p - data.at) + LINE_END;
}

static inline unsigned digit(char c)
{
    return (unsigned char)(c - '0');
}

/* The same; nearly all counts and lengths have one digit or two. */
static inline size_t short_count(struct bytes data, size_t from, int64_t *out_count)
{
    const char *p = data.at + from + 1;

    if (LIKELY(data.len - from >= sizeof "$16\r")) {
        if (digit(p[0]) <= 9 && p[1] == '\r') {
            *out_count = digit(p[0]);
            return from + sizeof "$3\r";
        }
        if (digit(p[0]) - 1 < 9 && digit(p[1]) <= 9 && p[2] == '\r') {
            *out_count = digit(p[0]) * 10 + digit(p[1]);
            return from + sizeof "$16\r";
        }
    }
    return many_digits(data, from, out_count);
}

/* The number of a header line. RESP_ITEM: *out_next is behind the line; a malformed number comes out as
 * INT64_MIN, which no limit lets pass. */
static enum resp_status long_count(struct resp_reader *r, struct bytes data, const char *too_big,
                                   int64_t *out_count, size_t *out_next)
{
    size_t at;
    enum resp_status status = find_line(r, data, '\r', too_big, &at);

    if (status != RESP_ITEM)
        return status;
    if (data.len - at < LINE_END)
        return RESP_MORE;
    if (at == r->scanned ||
        !bytes_to_i64((struct bytes){ data.at + r->scanned + 1, at - r->scanned - 1 }, out_count))
        *out_count = INT64_MIN;
    *out_next = at + LINE_END;
    return RESP_ITEM;
}

static enum resp_status read_multibulk_header(struct resp_reader *r, struct bytes data)
{
    int64_t count;
    size_t next = short_count(data, 0, &count);

    if (!next) {
        enum resp_status status = long_count(r, data, "too big mbulk count string", &count, &next);

        if (status != RESP_ITEM)
            return status;
    }
    if (count == INT64_MIN || count > INT32_MAX ||
        (count > 0 && (uint64_t)count > r->limits.argc_max))
        return bad(r, "invalid multibulk length");
    if (r->limits.unauthenticated && count > RESP_ARGC_UNAUTHENTICATED)
        return bad(r, "unauthenticated multibulk length");
    r->bulks_left = count > 0 ? count : 0;
    r->scanned = next;
    return RESP_ITEM;
}

static enum resp_status read_bulk_header(struct resp_reader *r, struct bytes data)
{
    int64_t len;
    size_t next = 0;

    if (r->scanned < data.len && data.at[r->scanned] == '$')
        next = short_count(data, r->scanned, &len);
    if (!next) {
        enum resp_status status = long_count(r, data, "too big bulk count string", &len, &next);

        if (status != RESP_ITEM)
            return status;
        if (data.at[r->scanned] != '$') {
            snprintf(r->error, sizeof r->error, "Protocol error: expected '$', got '%c'",
                     data.at[r->scanned]);
            return RESP_BAD;
        }
    }
    if (len < 0 || (uint64_t)len > r->limits.bulk_bytes_max)
        return bad(r, "invalid bulk length");
    if (r->limits.unauthenticated && len > RESP_BULK_UNAUTHENTICATED)
        return bad(r, "unauthenticated bulk length");
    r->bulk_len = len;
    r->scanned = next;
    return RESP_ITEM;
}

/* While a request is incomplete its arguments are offsets, since the buffer may move. */
static void give_request(struct resp_reader *r, struct bytes data, struct resp_request *out_request)
{
    for (int i = 0; i < r->argc; i++)
        r->argv[i].at = data.at + (uintptr_t)r->argv[i].at;
    *out_request = (struct resp_request){ r->argv, r->argc, r->scanned };
    r->scanned = r->searched = 0;
    r->bulks_left = -1;
    r->argc = 0;
}

static enum resp_status read_multibulk(struct resp_reader *r, struct bytes data,
                                       struct resp_request *out_request)
{
    enum resp_status status;

    if (r->bulks_left < 0 && (status = read_multibulk_header(r, data)) != RESP_ITEM)
        return status;
    while (r->bulks_left > 0) {
        if (r->bulk_len < 0 && (status = read_bulk_header(r, data)) != RESP_ITEM)
            return status;
        if (data.len - r->scanned < (uint64_t)r->bulk_len + LINE_END)
            return RESP_MORE;
        reader_room(r, (size_t)r->argc + 1);
        r->argv[r->argc++] =
            (struct bytes){ (const char *)(uintptr_t)r->scanned, (size_t)r->bulk_len };
        r->scanned += (size_t)r->bulk_len + LINE_END;
        r->bulk_len = -1;
        r->bulks_left--;
    }
    give_request(r, data, out_request);
    return RESP_ITEM;
}

/* A request that is there whole, in the plainest form, at one go. False: anything else, and nothing has
 * happened; the careful way will tell. */
static bool read_plain(struct resp_reader *r, struct bytes data, struct resp_request *out_request)
{
    int64_t argc, len;
    size_t at = short_count(data, 0, &argc);

    if (!at || argc == 0 || (uint64_t)argc > r->argv_cap || r->limits.unauthenticated ||
        (uint64_t)argc > r->limits.argc_max)
        return false;
    for (int64_t i = 0; i < argc; i++) {
        if (at >= data.len || data.at[at] != '$' || !(at = short_count(data, at, &len)) ||
            (uint64_t)len > r->limits.bulk_bytes_max || (uint64_t)len + LINE_END > data.len - at)
            return false;
        r->argv[i] = (struct bytes){ data.at + at, (size_t)len };
        at += (size_t)len + LINE_END;
    }
    *out_request = (struct resp_request){ r->argv, (int)argc, at };
    r->searched = 0; /* a part of its first line may have come alone */
    return true;
}

static enum resp_status read_inline(struct resp_reader *r, struct bytes data,
                                    struct resp_request *out_request)
{
    size_t end, len;
    int argc;
    enum resp_status status = find_line(r, data, '\n', "too big inline request", &end);

    if (status != RESP_ITEM)
        return status;
    len = end && data.at[end - 1] == '\r' ? end - 1 : end;
    reader_room(r, len / 2 + 1);
    if (words_split((struct bytes){ data.at, len }, &r->scratch, r->argv, (int)(len / 2 + 1),
                    &argc) != OK)
        return bad(r, "unbalanced quotes in request");
    *out_request = (struct resp_request){ r->argv, argc, end + 1 };
    r->scanned = r->searched = 0;
    return RESP_ITEM;
}

enum resp_status resp_read_request(struct resp_reader *r, struct bytes data,
                                   struct resp_request *out_request)
{
    if (r->scanned == 0 && r->searched == 0)
        reader_begin(r);
    if (data.len == 0)
        return RESP_MORE;
    if (LIKELY(data.at[0] == '*' && r->scanned == 0) && LIKELY(read_plain(r, data, out_request)))
        return RESP_ITEM;
    if (data.at[0] == '*')
        return read_multibulk(r, data, out_request);
    return read_inline(r, data, out_request);
}

/* Into the scratch, of which only inline requests have a use. */
void resp_reader_set_aside(struct resp_reader *r, int argc, int but)
{
    size_t room = 0;

    for (int i = 0; i < argc; i++)
        room += i == but ? 0 : r->argv[i].len;
    r->scratch.len = 0;
    buf_reserve(&r->scratch, room);
    for (int i = 0; i < argc; i++) {
        if (i == but)
            continue;
        buf_add(&r->scratch, r->argv[i]);
        r->argv[i].at = r->scratch.at + r->scratch.len - r->argv[i].len;
    }
}

size_t resp_reader_wants(const struct resp_reader *r)
{
    return r->bulk_len < 0 ? 0 : r->scanned + (size_t)r->bulk_len + LINE_END;
}

/* Moves *at behind "*n\r\n" or "$n\r\n". False: not of that kind, not short, or not whole. */
static bool peek_count(struct bytes data, size_t *at, char kind, int64_t *out_count)
{
    size_t next;

    if (*at >= data.len || data.at[*at] != kind)
        return false;
    next = short_count(data, *at, out_count);
    if (!next)
        return false;
    *at = next;
    return true;
}

int resp_glance(struct bytes data, struct resp_glance *out, int max)
{
    enum { SEEN = 4 }; /* with the name */
    size_t at = 0;
    int found = 0;
    int64_t argc, len;

    while (found < max && peek_count(data, &at, '*', &argc)) {
        struct bytes words[SEEN] = { 0 };

        for (int64_t i = 0; i < argc; i++) {
            if (!peek_count(data, &at, '$', &len) || (uint64_t)len + LINE_END > data.len - at)
                return found;
            if (i < SEEN)
                words[i] = (struct bytes){ data.at + at, (size_t)len };
            at += (size_t)len + LINE_END;
        }
        out[found++] = (struct resp_glance){ words[1], words[2], words[3] };
    }
    return found;
}
