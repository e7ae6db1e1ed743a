#include "common/proxy.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "common/crc32c.h"
#include "common/net.h"

enum {
    FIXED_BYTES = 16, /* of version 2: signature, version and command, family, length */
    VALUE_HEAD = 3,   /* type, length */
    TYPE_CRC32C = 3,
    COMMAND_LOCAL = 0,
    COMMAND_PROXY = 1,
    PATH_BYTES = 108,
};

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";
static const char word_v1[] = "PROXY ";

static enum proxy_read refuse(const char **out_why, const char *why)
{
    *out_why = why;
    return PROXY_BAD;
}

/* What is there of it looks like this beginning. */
static bool begins(struct bytes data, const char *with, size_t len)
{
    return memcmp(data.at, with, data.len < len ? data.len : len) == 0;
}

/* ---- version 1 --------------------------------------------------------------------------------- */

/* Takes the next word off the line; words are parted by one blank. */
static bool next_word(struct bytes *line, struct bytes *out)
{
    const char *blank = memchr(line->at, ' ', line->len);
    size_t len = blank ? (size_t)(blank - line->at) : line->len;

    *out = (struct bytes){ line->at, len };
    line->at += blank ? len + 1 : len;
    line->len -= blank ? len + 1 : len;
    return len > 0;
}

static bool read_port(struct bytes word, int *out)
{
    uint64_t port;

    if (!bytes_to_u64(word, &port) || port > 65535)
        return false;
    *out = (int)port;
    return true;
}

static bool read_address(struct bytes word, int family, int port, struct sockaddr_storage *out,
                         socklen_t *out_len)
{
    char text[INET6_ADDRSTRLEN];

    if (word.len >= sizeof text || memchr(word.at, '\0', word.len))
        return false;
    memcpy(text, word.at, word.len);
    text[word.len] = '\0';
    return net_parse_ip(text, port, out, out_len) && out->ss_family == family;
}

/* source destination port port, and no more */
static bool read_ends(struct bytes line, int family, struct proxy_header *out)
{
    struct sockaddr_storage destination;
    socklen_t destination_len;
    struct bytes words[4];
    int from, to;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!next_word(&line, &words[i]))
            return false;
    out->told = true;
    return line.len == 0 && line.at == words[3].at + words[3].len && read_port(words[2], &from) &&
           read_port(words[3], &to) &&
           read_address(words[0], family, from, &out->source, &out->source_len) &&
           read_address(words[1], family, to, &destination, &destination_len);
}

static enum proxy_read read_line(struct bytes line, struct proxy_header *out, const char **out_why)
{
    struct bytes family = { "", 0 };

    line.at += sizeof word_v1 - 1;
    line.len -= sizeof word_v1 - 1;
    (void)next_word(&line, &family);
    if (bytes_is(family, "UNKNOWN")) /* and whatever follows */
        return PROXY_WHOLE;
    if (!bytes_is(family, "TCP4") && !bytes_is(family, "TCP6"))
        return refuse(out_why, "unknown family");
    if (!read_ends(line, bytes_is(family, "TCP4") ? AF_INET : AF_INET6, out))
        return refuse(out_why, "malformed line");
    return PROXY_WHOLE;
}

static enum proxy_read read_v1(struct bytes data, struct proxy_header *out, const char **out_why)
{
    size_t looked = data.len < PROXY_LINE_MAX ? data.len : PROXY_LINE_MAX;
    const char *end = memchr(data.at, '\n', looked);
    size_t len;

    if (!end)
        return looked == PROXY_LINE_MAX ? refuse(out_why, "line too long") : PROXY_MORE;
    len = (size_t)(end - data.at);
    if (len < sizeof word_v1 - 1 || end[-1] != '\r')
        return refuse(out_why, "malformed line");
    out->bytes = len + 1;
    return read_line((struct bytes){ data.at, len - 1 }, out, out_why);
}

/* ---- version 2 --------------------------------------------------------------------------------- */

static unsigned byte_at(struct bytes data, size_t at)
{
    return (unsigned char)data.at[at];
}

static size_t u16_at(struct bytes data, size_t at)
{
    return (size_t)(byte_at(data, at) << 8 | byte_at(data, at + 1));
}

static void take_v4(struct bytes at, struct proxy_header *out)
{
    struct sockaddr_in sa = { .sin_family = AF_INET };

    memcpy(&sa.sin_addr, at.at, 4);
    memcpy(&sa.sin_port, at.at + 8, 2);
    memcpy(&out->source, &sa, sizeof sa);
    out->source_len = sizeof sa;
}

static void take_v6(struct bytes at, struct proxy_header *out)
{
    struct sockaddr_in6 sa = { .sin6_family = AF_INET6 };

    memcpy(&sa.sin6_addr, at.at, 16);
    memcpy(&sa.sin6_port, at.at + 32, 2);
    memcpy(&out->source, &sa, sizeof sa);
    out->source_len = sizeof sa;
}

/* Of the proxy's end: where it does not speak for a machine, that says more than a name which its client took. */
static void take_path(struct bytes at, struct proxy_header *out)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };

    memcpy(sa.sun_path, at.at + PATH_BYTES, PATH_BYTES - 1);
    memcpy(&out->source, &sa, sizeof sa);
    out->source_len = sizeof sa;
}

/* Of streams; who relays datagrams has no business here. */
static const struct family {
    unsigned code;
    size_t bytes; /* of both ends */
    void (*take)(struct bytes at, struct proxy_header *out);
} families[] = {
    { 0x00, 0, NULL }, /* not told */
    { 0x11, 12, take_v4 },
    { 0x21, 36, take_v6 },
    { 0x31, 2 * PATH_BYTES, take_path },
};

/* The sum over the whole header, with its own four bytes zero. */
static bool sum_fits(struct bytes header, size_t at)
{
    static const char zeros[4];
    uint32_t sum = crc32c(0, header.at, at);

    sum = crc32c(sum, zeros, sizeof zeros);
    sum = crc32c(sum, header.at + at + 4, header.len - at - 4);
    return sum == ((uint32_t)u16_at(header, at) << 16 | (uint32_t)u16_at(header, at + 2));
}

static enum proxy_read check_values(struct bytes header, size_t at, const char **out_why)
{
    while (at < header.len) {
        unsigned type = byte_at(header, at);
        size_t len;

        if (header.len - at < VALUE_HEAD)
            return refuse(out_why, "malformed values");
        len = u16_at(header, at + 1);
        at += VALUE_HEAD;
        if (header.len - at < len)
            return refuse(out_why, "malformed values");
        if (type == TYPE_CRC32C && (len != 4 || !sum_fits(header, at)))
            return refuse(out_why, "wrong checksum");
        at += len;
    }
    return PROXY_WHOLE;
}

static const struct family *find_family(unsigned code)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (families[i].code == code)
            return &families[i];
    return NULL;
}

static enum proxy_read read_told(struct bytes header, struct proxy_header *out,
                                 const char **out_why)
{
    const struct family *f = find_family(byte_at(header, 13));

    if (!f)
        return refuse(out_why, "unknown family");
    if (header.len - FIXED_BYTES < f->bytes)
        return refuse(out_why, "addresses cut off");
    if (f->take) {
        f->take((struct bytes){ header.at + FIXED_BYTES, f->bytes }, out);
        out->told = true;
    }
    return check_values(header, FIXED_BYTES + f->bytes, out_why);
}

static enum proxy_read read_v2(struct bytes data, struct proxy_header *out, const char **out_why)
{
    unsigned command;

    if (data.len < FIXED_BYTES)
        return PROXY_MORE;
    out->bytes = FIXED_BYTES + u16_at(data, 14);
    command = byte_at(data, 12) & 0x0f;
    if (byte_at(data, 12) >> 4 != 2)
        return refuse(out_why, "unknown version");
    if (command != COMMAND_LOCAL && command != COMMAND_PROXY)
        return refuse(out_why, "unknown command");
    if (out->bytes > PROXY_HEADER_MAX)
        return refuse(out_why, "header too long");
    if (data.len < out->bytes)
        return PROXY_MORE;
    if (command == COMMAND_LOCAL) /* whatever follows */
        return PROXY_WHOLE;
    return read_told((struct bytes){ data.at, out->bytes }, out, out_why);
}

enum proxy_read proxy_read_header(struct bytes data, struct proxy_header *out, const char **out_why)
{
    *out = (struct proxy_header){ .told = false };
    if (data.len == 0)
        return PROXY_MORE;
    if (begins(data, word_v1, sizeof word_v1 - 1))
        return read_v1(data, out, out_why);
    if (begins(data, signature, sizeof signature - 1))
        return read_v2(data, out, out_why);
    return refuse(out_why, "no PROXY header");
}
