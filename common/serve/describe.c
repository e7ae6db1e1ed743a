/*
 * A session in one line, as CLIENT LIST shows it.
 */
#include <string.h>

#include "common/clock.h"
#include "common/serve/pubsub.h"
#include "common/serve/service.h"

static void put_flags(const struct session *s, struct buf *out)
{
    static const struct {
        uint32_t flag;
        char letter;
    } letters[] = {
        { SESSION_MULTI, 'x' },        { SESSION_BLOCKED, 'b' },     { SESSION_TRACKING, 't' },
        { SESSION_TRACK_BROKEN, 'R' }, { SESSION_TRACK_BCAST, 'B' }, { SESSION_DIRTY, 'd' },
        { SESSION_CLOSING, 'c' },      { SESSION_UNIX, 'U' },        { SESSION_NO_EVICT, 'e' },
        { SESSION_NO_TOUCH, 'T' },
    };
    static const char kinds[] = { [SESSION_NORMAL] = 0,
                                  [SESSION_PUBSUB] = 'P',
                                  [SESSION_REPLICA] = 'S',
                                  [SESSION_MASTER] = 'M' };
    size_t before = out->len;

    if (s->flags & SESSION_MONITOR)
        buf_putc(out, 'O');
    else if (kinds[s->kind])
        buf_putc(out, kinds[s->kind]);
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (s->flags & letters[i].flag)
            buf_putc(out, letters[i].letter);
    if (out->len == before)
        buf_putc(out, 'N');
}

static unsigned long long seconds_since(uint64_t then_ms)
{
    uint64_t now_ms = clock_now_ms();

    return now_ms > then_ms ? (unsigned long long)((now_ms - then_ms) / 1000) : 0;
}

static size_t listening(const struct session *s, enum pubsub_kind kind)
{
    return s->pubsub ? pubsub_count(s->pubsub, kind) : 0;
}

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

/* Of a request that is not whole yet, as far as it was understood; what follows is still in the buffer. */
static size_t argument_bytes(const struct resp_reader *r)
{
    size_t bytes = 0;

    for (int i = 0; i < r->argc; i++)
        bytes += r->argv[i].len;
    return bytes;
}

void session_describe(struct session *s, struct buf *out)
{
    const struct service_ops *ops = s->service->ops;
    const struct link *l = s->link;
    struct session_memory m;
    char command[64] = "NULL";
    size_t room; /* a chunk that every session may have; omem is what has to wait in more of them */

    session_measure(s, &m);
    room = m.output < OUT_CHUNK ? m.output : OUT_CHUNK;
    if (s->last_command)
        command_full_name(s->service->commands, s->last_command, command, sizeof command);
    buf_printf(out, "id=%llu addr=%s laddr=%s fd=%d name=%s age=%llu idle=%llu flags=",
               (unsigned long long)s->id, l->peer, l->local, l->fd, text_or_empty(s->name),
               seconds_since(s->created_ms), seconds_since(s->last_ms));
    put_flags(s, out);
    buf_printf(out, " db=%d sub=%zu psub=%zu ssub=%zu multi=%d qbuf=%zu qbuf-free=%zu argv-mem=%zu",
               s->db, listening(s, PUBSUB_CHANNEL), listening(s, PUBSUB_PATTERN),
               listening(s, PUBSUB_SHARD), ops->multi_count ? ops->multi_count(s) : -1,
               link_input(l).len - s->reader.scanned, m.input > l->in.len ? m.input - l->in.len : 0,
               argument_bytes(&s->reader));
    buf_printf(out, " multi-mem=%zu rbs=%zu rbp=%zu obl=%llu oll=0 omem=%zu tot-mem=%zu events=%s",
               m.multi, room, room, (unsigned long long)link_unsent(l), m.output - room, m.total,
               ev_is_active(&l->writable) ? "rw" : "r");
    buf_printf(out, " cmd=%s user=%s redir=%lld resp=%d lib-name=%s lib-ver=%s\n", command,
               user_name(s->user),
               s->flags & SESSION_TRACKING ? (long long)s->tracking.redirect_id : -1LL,
               s->reply.proto, text_or_empty(s->lib_name), text_or_empty(s->lib_version));
}

bool session_kind_of(struct bytes word, enum session_kind *out)
{
    static const struct {
        const char *word;
        enum session_kind kind;
    } words[] = {
        { "normal", SESSION_NORMAL }, { "slave", SESSION_REPLICA }, { "replica", SESSION_REPLICA },
        { "pubsub", SESSION_PUBSUB }, { "master", SESSION_MASTER },
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (bytes_is_word(word, words[i].word)) {
            *out = words[i].kind;
            return true;
        }
    return false;
}
