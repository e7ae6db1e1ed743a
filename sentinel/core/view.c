#include "sentinel/core/view.h"

#include <string.h>

static const char *const words[] = {
    [VERDICT_UP] = "up",
    [VERDICT_SOFT] = "soft",
    [VERDICT_HARD] = "hard",
};

const char *verdict_word(enum verdict v)
{
    return words[v];
}

static bool read_verdict(enum verdict *out, struct bytes word)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (bytes_is(word, words[i])) {
            *out = (enum verdict)i;
            return true;
        }
    }
    return false;
}

enum err view_parse(struct view *out, int argc, const struct bytes *argv)
{
    struct view v = { 0 };
    int64_t port;

    if (argc != VIEW_WORDS || argv[0].len == 0 || argv[0].len > NAME_LEN_MAX)
        return ERR_SYNTAX;
    if (memchr(argv[0].at, '\0', argv[0].len))
        return ERR_SYNTAX;
    memcpy(v.group, argv[0].at, argv[0].len);
    if (!bytes_to_i64(argv[2], &port) || !addr_set(&v.leader, argv[1], port))
        return ERR_SYNTAX;
    if (!bytes_to_u64(argv[3], &v.config_epoch) || !read_verdict(&v.verdict, argv[4]))
        return ERR_SYNTAX;
    if (!bytes_to_u64(argv[5], &v.captain_epoch) || !bytes_to_u64(argv[6], &v.vote_epoch))
        return ERR_SYNTAX;
    if (v.config_epoch > EPOCH_MAX || v.captain_epoch > EPOCH_MAX || v.vote_epoch > EPOCH_MAX)
        return ERR_SYNTAX;
    *out = v;
    return OK;
}

void view_words(const struct view *v, struct buf *storage, struct bytes out_words[VIEW_WORDS])
{
    size_t ends[VIEW_WORDS], from = 0;
    int i = 0;

    storage->len = 0;
    buf_puts(storage, v->group);
    ends[i++] = storage->len;
    buf_puts(storage, v->leader.host);
    ends[i++] = storage->len;
    buf_printf(storage, "%d", v->leader.port);
    ends[i++] = storage->len;
    buf_printf(storage, "%llu", (unsigned long long)v->config_epoch);
    ends[i++] = storage->len;
    buf_puts(storage, verdict_word(v->verdict));
    ends[i++] = storage->len;
    buf_printf(storage, "%llu", (unsigned long long)v->captain_epoch);
    ends[i++] = storage->len;
    buf_printf(storage, "%llu", (unsigned long long)v->vote_epoch);
    ends[i++] = storage->len;
    for (i = 0; i < VIEW_WORDS; i++) {
        out_words[i] = (struct bytes){ storage->at + from, ends[i] - from };
        from = ends[i];
    }
}
