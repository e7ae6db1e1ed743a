#include "sentinel/core/hello.h"

#include <string.h>

enum { TOKENS = 8 };

static bool is_id(struct bytes b)
{
    if (b.len != ID_LEN)
        return false;
    for (size_t i = 0; i < b.len; i++)
        if (!((b.at[i] >= '0' && b.at[i] <= '9') || (b.at[i] >= 'a' && b.at[i] <= 'f')))
            return false;
    return true;
}

static bool is_name(struct bytes b)
{
    if (b.len == 0 || b.len > NAME_LEN_MAX)
        return false;
    for (size_t i = 0; i < b.len; i++)
        if ((unsigned char)b.at[i] <= ' ' || b.at[i] == 127)
            return false;
    return true;
}

static bool read_addr(struct addr *out, struct bytes host, struct bytes port)
{
    int64_t n;

    if (!is_name(host) || !bytes_to_i64(port, &n))
        return false;
    return addr_set(out, host, n);
}

static int split(struct bytes text, struct bytes out[TOKENS])
{
    int count = 0;

    for (size_t from = 0, i = 0; i <= text.len; i++) {
        if (i < text.len && text.at[i] != ',')
            continue;
        if (count == TOKENS)
            return TOKENS + 1;
        out[count++] = (struct bytes){ text.at + from, i - from };
        from = i + 1;
    }
    return count;
}

enum err hello_parse(struct hello *out, struct bytes text)
{
    struct hello h = { 0 };
    struct bytes token[TOKENS];

    if (text.len > HELLO_LEN_MAX || split(text, token) != TOKENS)
        return ERR_SYNTAX;
    if (!read_addr(&h.from, token[0], token[1]) || !is_id(token[2]))
        return ERR_SYNTAX;
    if (!bytes_to_u64(token[3], &h.current_epoch) || !bytes_to_u64(token[7], &h.config_epoch))
        return ERR_SYNTAX;
    if (h.current_epoch > EPOCH_MAX || h.config_epoch > EPOCH_MAX)
        return ERR_SYNTAX;
    if (!is_name(token[4]) || !read_addr(&h.leader, token[5], token[6]))
        return ERR_SYNTAX;
    memcpy(h.id, token[2].at, ID_LEN);
    memcpy(h.group, token[4].at, token[4].len);
    *out = h;
    return OK;
}

void hello_format(const struct hello *h, struct buf *out)
{
    buf_printf(out, "%s,%d,%s,%llu,%s,%s,%d,%llu", h->from.host, h->from.port, h->id,
               (unsigned long long)h->current_epoch, h->group, h->leader.host, h->leader.port,
               (unsigned long long)h->config_epoch);
}
