#include "node/durable/meta_file.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"

_Static_assert(CHARTER_BYTES_MAX + HISTORY_MAX * 2 * 21 + 512 <= META_BYTES_MAX, "a meta fits");

/* ---- out --------------------------------------------------------------------------------------- */

#define U(number) ((unsigned long long)(number))

static const char *or_dash(const char *text)
{
    return text[0] ? text : "-";
}

void meta_encode(const struct meta *m, struct buf *out)
{
    enum err e = OK;

    buf_printf(out, "meta %d %s %llu %llu %llu %d %s %s %d %d %d %llu %llu %llu %u\n", META_FORMAT,
               or_dash(m->gid), U(m->node), U(m->did), U(m->boot), m->unproved, or_dash(m->kernel),
               keep_word(m->weakest), m->solo, m->resyncing, m->clean, U(m->clean_at.epoch),
               U(m->clean_at.offset), U(m->commit), m->history.count);
    for (uint32_t i = 0; i < m->history.count; i++)
        buf_printf(out, "%s%llu %llu", i ? " " : "", U(m->history.eras[i].epoch),
                   U(m->history.eras[i].start));
    buf_putc(out, '\n');
    /* It came as a message, which is no longer. */
    if (m->seen.ver != 0)
        e = charter_encode(&m->seen, out);
    ASSERT(e == OK);
}

/* ---- in ---------------------------------------------------------------------------------------- */

/* One line, whose words are taken from the front; bad is set by the first that does not fit. */
struct line {
    struct bytes left;
    bool bad;
};

static struct line take_line(struct bytes *text)
{
    const char *end = text->len ? memchr(text->at, '\n', text->len) : NULL;
    struct line l = { .left = { text->at, end ? (size_t)(end - text->at) : 0 }, .bad = !end };

    if (end) {
        text->at += l.left.len + 1;
        text->len -= l.left.len + 1;
    }
    return l;
}

static struct bytes take(struct line *l)
{
    const char *blank = l->left.len ? memchr(l->left.at, ' ', l->left.len) : NULL;
    struct bytes word = { l->left.at, blank ? (size_t)(blank - l->left.at) : l->left.len };

    l->bad = l->bad || word.len == 0 || (blank && word.len + 1 == l->left.len);
    l->left.at += word.len + (blank ? 1 : 0);
    l->left.len -= word.len + (blank ? 1 : 0);
    return word;
}

static uint64_t take_number(struct line *l, uint64_t max)
{
    uint64_t v = 0;

    if (!bytes_to_u64(take(l), &v) || v > max)
        l->bad = true;
    return l->bad ? 0 : v;
}

/* Hex digits and dashes, len of them, or "-". */
static void take_id(struct line *l, char *out, size_t len)
{
    struct bytes word = take(l);

    if (l->bad || bytes_is(word, "-"))
        return;
    l->bad = word.len != len;
    for (size_t i = 0; i < word.len && !l->bad; i++)
        l->bad = !(isdigit((unsigned char)word.at[i]) || word.at[i] == '-' ||
                   (word.at[i] >= 'a' && word.at[i] <= 'f'));
    if (l->bad)
        return;
    memcpy(out, word.at, len);
    out[len] = '\0';
}

static enum keep take_keep(struct line *l)
{
    struct bytes word = take(l);

    for (int i = 0; i < KEEP_COUNT; i++)
        if (bytes_is(word, keep_word((enum keep)i)))
            return (enum keep)i;
    l->bad = true;
    return KEEP_ASYNC;
}

static bool read_head(struct line *l, struct meta *m)
{
    take_id(l, m->gid, GID_LEN);
    m->node = take_number(l, UINT64_MAX);
    m->did = take_number(l, UINT64_MAX);
    m->boot = take_number(l, UINT64_MAX);
    m->unproved = take_number(l, 1) == 1;
    take_id(l, m->kernel, KERNEL_BOOT_LEN);
    m->weakest = take_keep(l);
    m->solo = take_number(l, 1) == 1;
    m->resyncing = take_number(l, 1) == 1;
    m->clean = take_number(l, 1) == 1;
    m->clean_at.epoch = take_number(l, REG_NUMBER_MAX);
    m->clean_at.offset = take_number(l, UINT64_MAX);
    m->commit = take_number(l, UINT64_MAX);
    m->history.count = (uint32_t)take_number(l, HISTORY_MAX);
    return !l->bad && l->left.len == 0 && m->node != 0;
}

/* Eras rise by epoch, and do not fall by start. */
static bool read_history(struct line *l, struct history *h)
{
    for (uint32_t i = 0; i < h->count && !l->bad; i++) {
        struct era *e = &h->eras[i];

        e->epoch = take_number(l, REG_NUMBER_MAX);
        e->start = take_number(l, UINT64_MAX);
        l->bad = l->bad || (i > 0 && (e->epoch <= e[-1].epoch || e->start < e[-1].start));
    }
    return !l->bad && l->left.len == 0;
}

static enum err refuse(struct errmsg *out_why)
{
    errmsg_set(out_why, "it is no node's memory");
    return ERR_SYNTAX;
}

enum err meta_decode(struct bytes text, struct meta *out, struct errmsg *out_why)
{
    struct meta m = { .gid = "" };
    struct line head = take_line(&text), eras = take_line(&text);
    uint64_t format;
    enum err e = OK;

    if (!bytes_is(take(&head), "meta"))
        return refuse(out_why);
    format = take_number(&head, UINT32_MAX);
    if (!head.bad && format > META_FORMAT) {
        errmsg_set(out_why, "it has format %llu, and this version reads %d", U(format),
                   META_FORMAT);
        return ERR_UNSUPPORTED;
    }
    if (format != META_FORMAT || !read_head(&head, &m) || !read_history(&eras, &m.history))
        return refuse(out_why);
    if (text.len)
        e = charter_decode(text, &m.seen, out_why);
    if (e == OK && m.seen.ver != 0 && strcmp(m.seen.gid, m.gid) != 0)
        e = refuse(out_why);
    if (e == OK)
        *out = m;
    return e;
}

/* ---- the file ---------------------------------------------------------------------------------- */

static const char *advice(enum err e)
{
    switch (e) {
    case ERR_EXISTS:
        return "Two nodes can't live in one directory: give each a dir of its own";
    case ERR_UNSUPPORTED:
        return "Start the version that wrote it, or a newer one";
    case ERR_CORRUPT:
        return "It says which of this node's data was acknowledged. Move it away, and the data "
               "beside it: the node then "
               "starts as a new one, and its group fills it";
    default:
        return "Nothing is known of this node's place in its group before it can be read";
    }
}

static enum err explain(struct errmsg *out_why, enum err e, const char *path,
                        const struct errmsg *why)
{
    bool named = strstr(why->text, path) != NULL;

    errmsg_set(out_why, "%s%s%.200s. %s", named ? "" : path, named ? "" : ": ", why->text,
               advice(e));
    return e;
}

enum err meta_file_open(struct meta_file *f, const char *path, const struct slots_io *io,
                        struct meta *out, struct errmsg *out_why)
{
    struct buf text = { 0 };
    struct errmsg why = { "" };
    enum err e;

    if (access(path, F_OK) != 0 && errno == ENOENT)
        return ERR_NOTFOUND; /* and no lock is left behind by who needs none */
    f->slots = slots_open(path, io, &text, &e, &why);
    if (e == OK)
        e = meta_decode(buf_bytes(&text), out, &why);
    buf_fini(&text);
    if (e == OK || e == ERR_NOTFOUND)
        return e;
    meta_file_close(f);
    return explain(out_why, e == ERR_SYNTAX ? ERR_CORRUPT : e, path, &why);
}

enum err meta_file_create(struct meta_file *f, const char *path, const struct slots_io *io,
                          const struct meta *m, struct errmsg *out_why)
{
    struct buf text = { 0 };
    enum err e;

    meta_encode(m, &text);
    f->slots = slots_create(path, io, buf_bytes(&text), &e, out_why);
    buf_fini(&text);
    return e;
}

enum err meta_file_store(struct meta_file *f, const struct meta *m, struct errmsg *out_why)
{
    struct buf text = { 0 };
    enum err e;

    meta_encode(m, &text);
    e = slots_write(f->slots, buf_bytes(&text), out_why);
    buf_fini(&text);
    return e;
}

void meta_file_close(struct meta_file *f)
{
    slots_close(f->slots);
    f->slots = NULL;
}

void meta_read_kernel(char out[KERNEL_BOOT_LEN + 1])
{
    struct buf text = { 0 };

    out[0] = '\0';
    if (file_read("/proc/sys/kernel/random/boot_id", 64, &text, NULL) == OK &&
        text.len >= KERNEL_BOOT_LEN) {
        memcpy(out, text.at, KERNEL_BOOT_LEN);
        out[KERNEL_BOOT_LEN] = '\0';
    }
    buf_fini(&text);
}
