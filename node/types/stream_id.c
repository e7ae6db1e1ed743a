#include "node/types/stream_id.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 127 };

bool stream_id_increase(struct stream_id *id)
{
    if (id->seq == UINT64_MAX && id->ms == UINT64_MAX)
        return false;
    id->ms += id->seq == UINT64_MAX;
    id->seq++;
    return true;
}

bool stream_id_decrease(struct stream_id *id)
{
    if (id->seq == 0 && id->ms == 0)
        return false;
    id->ms -= id->seq == 0;
    id->seq--;
    return true;
}

/* Blanks in front, a plus, zeros in front: Redis takes them. A number below zero it does not take, but for
 * one that is not written canonically. */
static bool loose_number(const char *text, uint64_t *out)
{
    unsigned long long v;
    int64_t negative;
    char *end;

    if (bytes_to_i64(bytes_of(text), &negative))
        return false; /* the caller has read those that are not negative */
    errno = 0;
    v = strtoull(text, &end, 10);
    if (errno || !*text || *end)
        return false;
    *out = v;
    return true;
}

static bool number(const char *text, size_t len, uint64_t *out)
{
    return bytes_to_u64((struct bytes){ text, len }, out) || loose_number(text, out);
}

static bool parse(struct bytes text, uint64_t missing_seq, struct stream_id *out, bool *out_open)
{
    char copy[TEXT_MAX + 1], *dash;
    struct stream_id id = { .seq = missing_seq };

    if (text.len > TEXT_MAX)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    dash = strchr(copy, '-');
    if (dash)
        *dash++ = '\0';
    if (!number(copy, strlen(copy), &id.ms))
        return false;
    if (dash && out_open && strcmp(dash, "*") == 0) {
        *out_open = true;
        id.seq = 0;
    } else if (dash && !number(dash, strlen(dash), &id.seq)) {
        return false;
    }
    *out = id;
    return true;
}

bool stream_id_parse_strict(struct bytes text, uint64_t missing_seq, struct stream_id *out)
{
    return parse(text, missing_seq, out, NULL);
}

bool stream_id_parse(struct bytes text, uint64_t missing_seq, struct stream_id *out)
{
    if (bytes_is(text, "-")) {
        *out = STREAM_ID_MIN;
        return true;
    }
    if (bytes_is(text, "+")) {
        *out = STREAM_ID_MAX;
        return true;
    }
    return parse(text, missing_seq, out, NULL);
}

bool stream_id_parse_open(struct bytes text, struct stream_id *out, bool *out_open)
{
    *out_open = false;
    return parse(text, 0, out, out_open);
}

size_t fmt_stream_id(char *out, struct stream_id id)
{
    size_t len = fmt_u64(out, id.ms);

    out[len++] = '-';
    return len + fmt_u64(out + len, id.seq);
}

void stream_id_pack(unsigned char out[STREAM_ID_BYTES], struct stream_id id)
{
    uint64_t wire[2] = { htobe64(id.ms), htobe64(id.seq) };

    memcpy(out, wire, STREAM_ID_BYTES);
}

struct stream_id stream_id_unpack(const void *packed)
{
    uint64_t wire[2];

    memcpy(wire, packed, STREAM_ID_BYTES);
    return (struct stream_id){ be64toh(wire[0]), be64toh(wire[1]) };
}
