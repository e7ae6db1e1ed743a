#include "node/oplog/oplog.h"

#include <stdarg.h>
#include <string.h>

#include "common/alloc.h"
#include "common/random.h"

struct oplog_chunk {
    struct oplog_chunk *next;
    uint64_t first; /* offset of data[0] */
    size_t len, cap;
    uint32_t cursors; /* that stand in it: it and all behind it stay */
    char data[];
};

/* What is freed in one go of what was trimmed; at least one chunk. */
enum { TRIM_BYTES = 128 * 1024, SWEEP_BYTES = 4 * 1024 * 1024 };

static void clear_id2(struct oplog *o)
{
    memset(o->id2, '0', OPLOG_ID_LEN);
    o->id2[OPLOG_ID_LEN] = '\0';
    o->id2_offset = -1;
}

/* True: there is more. */
static bool free_gone(struct oplog *o, size_t bytes)
{
    size_t freed = 0;

    while (o->gone && freed < bytes) {
        struct oplog_chunk *gone = o->gone;

        o->gone = gone->next;
        freed += gone->cap;
        o->gone_bytes -= alloc_size(gone);
        xfree(gone);
    }
    return o->gone;
}

/* Takes chunks in front away that neither the backlog nor a cursor needs, and frees about as many as one
 * append can have made. */
static void trim(struct oplog *o)
{
    uint64_t keep = o->backlog ? o->backlog_bytes : 0;

    while (o->head && !o->head->cursors && o->next - (o->head->first + o->head->len) >= keep) {
        struct oplog_chunk *gone = o->head;

        /* The chunk that fills stays while it holds backlog, or we would allocate for every write. */
        if (gone == o->tail && o->backlog)
            break;
        o->head = gone->next;
        if (!o->head)
            o->tail = NULL;
        o->held_bytes -= alloc_size(gone);
        o->gone_bytes += alloc_size(gone);
        gone->next = o->gone;
        o->gone = gone;
    }
    o->first = o->head ? o->head->first : o->next;
    if (UNLIKELY(o->gone != NULL))
        free_gone(o, TRIM_BYTES);
}

bool oplog_sweep(struct oplog *o)
{
    return o->gone && free_gone(o, SWEEP_BYTES);
}

static struct oplog_chunk *grow(struct oplog *o, size_t want)
{
    size_t most =
        o->backlog_bytes / 16 > OPLOG_CHUNK_MIN ? (size_t)(o->backlog_bytes / 16) : OPLOG_CHUNK_MIN;
    struct oplog_chunk *chunk;
    size_t block = want + sizeof *chunk;

    block = block < OPLOG_CHUNK_MIN ? OPLOG_CHUNK_MIN : block > most ? most : block;
    chunk = xmalloc(block);
    *chunk = (struct oplog_chunk){ .first = o->next, .cap = block - sizeof *chunk };
    if (o->tail)
        o->tail->next = chunk;
    else
        o->head = chunk;
    o->tail = chunk;
    o->held_bytes += alloc_size(chunk);
    return chunk;
}

static void put(struct oplog *o, const char *data, size_t len)
{
    while (len) {
        struct oplog_chunk *chunk = o->tail;
        size_t room = chunk ? chunk->cap - chunk->len : 0;
        size_t step;

        if (!room) {
            chunk = grow(o, len);
            room = chunk->cap;
        }
        step = len < room ? len : room;
        memcpy(chunk->data + chunk->len, data, step);
        chunk->len += step;
        o->next += step;
        data += step;
        len -= step;
    }
}

enum { HEADER_MAX = 1 + 20 + 2 }; /* its kind, a number and an end of line */

static char *write_header(char *at, char kind, uint64_t n)
{
    *at++ = kind;
    if (LIKELY(n < 10))
        *at++ = (char)('0' + n);
    else
        at += fmt_u64(at, n);
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

/* Room for all of it is there. */
static char *write_command(char *at, int argc, const struct bytes *argv)
{
    at = write_header(at, '*', (uint64_t)argc);
    for (int i = 0; i < argc; i++) {
        at = write_header(at, '$', argv[i].len);
        if (LIKELY(argv[i].len > 0))
            memcpy(at, argv[i].at, argv[i].len);
        at += argv[i].len;
        *at++ = '\r';
        *at++ = '\n';
    }
    return at;
}

static void put_header(struct oplog *o, char kind, uint64_t n)
{
    char line[HEADER_MAX];

    put(o, line, (size_t)(write_header(line, kind, n) - line));
}

static void put_pieces(struct oplog *o, int argc, const struct bytes *argv)
{
    put_header(o, '*', (uint64_t)argc);
    for (int i = 0; i < argc; i++) {
        put_header(o, '$', argv[i].len);
        put(o, argv[i].at, argv[i].len);
        put(o, "\r\n", 2);
    }
}

static void put_command(struct oplog *o, int argc, const struct bytes *argv)
{
    struct oplog_chunk *chunk = o->tail;
    size_t most = HEADER_MAX, len;

    for (int i = 0; i < argc; i++)
        most += HEADER_MAX + argv[i].len + 2;
    if (UNLIKELY(!chunk || chunk->cap - chunk->len < most)) {
        put_pieces(o, argc, argv);
        return;
    }
    len = (size_t)(write_command(chunk->data + chunk->len, argc, argv) - chunk->data) - chunk->len;
    chunk->len += len;
    o->next += len;
}

static void select_db(struct oplog *o, int db)
{
    char digits[24];
    struct bytes argv[2] = { BYTES("SELECT"), { digits, 0 } };

    if (db == OPLOG_NO_DB || db == o->db)
        return;
    argv[1].len = fmt_i64(digits, db);
    put_command(o, 2, argv);
    o->db = db;
}

void oplog_init(struct oplog *o, uint64_t backlog_bytes)
{
    *o = (struct oplog){ .backlog_bytes = backlog_bytes, .db = OPLOG_NO_DB };
    random_hex(o->id, OPLOG_ID_LEN);
    clear_id2(o);
}

static void drop_chunks(struct oplog *o)
{
    while (o->head) {
        struct oplog_chunk *gone = o->head;

        ASSERT(!gone->cursors);
        o->head = gone->next;
        xfree(gone);
    }
    o->tail = NULL;
    o->held_bytes = 0;
    o->first = o->next;
}

void oplog_fini(struct oplog *o)
{
    ASSERT(!o->cursors);
    drop_chunks(o);
    free_gone(o, SIZE_MAX);
    xfree(o->asides);
    *o = (struct oplog){ 0 };
}

void oplog_check(const struct oplog *o)
{
    uint64_t at = o->first, held = 0, gone = 0;
    uint32_t cursors = 0;

    for (const struct oplog_chunk *chunk = o->head; chunk; chunk = chunk->next) {
        ASSERT(chunk->first == at);
        ASSERT(chunk->len <= chunk->cap && (chunk->len || chunk == o->tail));
        ASSERT(chunk->next || chunk == o->tail);
        at += chunk->len;
        held += alloc_size(chunk);
        cursors += chunk->cursors;
    }
    ASSERT(at == o->next);
    ASSERT(held == o->held_bytes);
    for (const struct oplog_chunk *chunk = o->gone; chunk; chunk = chunk->next)
        gone += alloc_size(chunk);
    ASSERT(gone == o->gone_bytes);
    ASSERT(cursors == o->cursors);
    ASSERT(strlen(o->id) == OPLOG_ID_LEN && strlen(o->id2) == OPLOG_ID_LEN);
}

void oplog_append(struct oplog *o, int db, int argc, const struct bytes *argv)
{
    if (!oplog_active(o))
        return;
    select_db(o, db);
    put_command(o, argc, argv);
    trim(o);
}

void oplog_append_words(struct oplog *o, int db, int argc, ...)
{
    enum { WORDS_MAX = 8 };
    struct bytes argv[WORDS_MAX];
    va_list words;

    ASSERT(argc <= WORDS_MAX);
    va_start(words, argc);
    for (int i = 0; i < argc; i++)
        argv[i] = bytes_of(va_arg(words, const char *));
    va_end(words);
    oplog_append(o, db, argc, argv);
}

void oplog_append_encoded(struct oplog *o, int db, struct bytes resp)
{
    if (!oplog_active(o) || !resp.len)
        return;
    select_db(o, db);
    put(o, resp.at, resp.len);
    trim(o);
}

void oplog_append_raw(struct oplog *o, const void *data, size_t len)
{
    /* A follower's offset moves with its leader's whether or not anybody reads from it. */
    if (!oplog_active(o)) {
        o->next += len;
        o->first = o->next;
        return;
    }
    put(o, data, len);
    trim(o);
}

void oplog_forget_db(struct oplog *o)
{
    o->db = OPLOG_NO_DB;
}

/* ---- asides ------------------------------------------------------------------------------------- */

void oplog_set_aside(struct oplog *o, uint64_t from)
{
    if (!o->keeps_asides || from == o->next)
        return;
    if (o->aside_at) {
        memmove(o->asides, o->asides + o->aside_at, o->aside_count * sizeof *o->asides);
        o->aside_at = 0;
    }
    while (o->aside_count && o->asides[o->aside_count - 1].first >= from)
        o->aside_count--; /* within it */
    if (o->aside_count && o->asides[o->aside_count - 1].end == from) {
        o->asides[o->aside_count - 1].end = o->next;
        return;
    }
    if (o->aside_count == o->aside_cap) {
        o->aside_cap = o->aside_cap ? o->aside_cap * 2 : 16;
        o->asides = xrealloc(o->asides, o->aside_cap * sizeof *o->asides);
    }
    o->asides[o->aside_count++] = (struct oplog_aside){ .first = from, .end = o->next };
}

void oplog_keep_asides(struct oplog *o, bool on)
{
    o->keeps_asides = on;
    if (!on)
        o->aside_at = o->aside_count = 0;
}

void oplog_append_aside(struct oplog *o, int db, struct bytes resp)
{
    uint64_t from;

    if (!oplog_active(o))
        return;
    select_db(o, db);
    from = o->next;
    put(o, resp.at, resp.len);
    oplog_set_aside(o, from);
    trim(o);
}

const struct oplog_aside *oplog_next_aside(const struct oplog *o, uint64_t offset)
{
    size_t low = o->aside_at, high = o->aside_at + o->aside_count, end = high;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (o->asides[middle].end > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low < end ? &o->asides[low] : NULL;
}

void oplog_forget_asides(struct oplog *o, uint64_t offset)
{
    while (o->aside_count && o->asides[o->aside_at].end <= offset) {
        o->aside_at++;
        o->aside_count--;
    }
}

/* ---- backlog ------------------------------------------------------------------------------------ */

void oplog_wake(struct oplog *o)
{
    if (oplog_active(o))
        return;
    if (o->known) {
        o->next++;
        o->first = o->next;
        return;
    }
    random_hex(o->id, OPLOG_ID_LEN); /* of the old one only INFO has told */
    o->known = true;
}

void oplog_backlog_start(struct oplog *o)
{
    oplog_wake(o);
    o->backlog = true;
}

void oplog_keep(struct oplog *o)
{
    o->backlog = o->known = true;
}

void oplog_backlog_stop(struct oplog *o)
{
    o->backlog = false;
    trim(o);
}

void oplog_backlog_resize(struct oplog *o, uint64_t backlog_bytes)
{
    o->backlog_bytes = backlog_bytes;
    trim(o);
}

uint64_t oplog_backlog_len(const struct oplog *o)
{
    return o->backlog ? o->next - o->first : 0;
}

static struct oplog_chunk *chunk_at(const struct oplog *o, uint64_t offset)
{
    struct oplog_chunk *chunk = o->head;

    if (o->tail && offset >= o->tail->first)
        return o->tail; /* where nearly everybody stands */
    while (chunk && offset >= chunk->first + chunk->len)
        chunk = chunk->next;
    return chunk;
}

enum err oplog_open(struct oplog *o, uint64_t offset, struct oplog_cursor *c)
{
    ASSERT(!c->log);
    if (offset > o->next)
        return ERR_RANGE;
    if (offset < o->first)
        return ERR_GONE;
    /* Even an empty log gets a chunk to stand in, so that nothing appended escapes the cursor. */
    *c = (struct oplog_cursor){ .log = o, .chunk = chunk_at(o, offset), .at = offset };
    if (!c->chunk)
        c->chunk = grow(o, 0);
    c->chunk->cursors++;
    o->cursors++;
    return OK;
}

void oplog_open_tip(struct oplog *o, struct oplog_cursor *c)
{
    enum err e = oplog_open(o, o->next, c);

    ASSERT(e == OK);
}

void oplog_close(struct oplog_cursor *c)
{
    struct oplog *o = c->log;

    if (!o)
        return;
    c->chunk->cursors--;
    o->cursors--;
    *c = (struct oplog_cursor){ 0 };
    trim(o);
}

/* The chunk that holds the cursor's next byte, once there is one. */
static struct oplog_chunk *chunk_of(const struct oplog_cursor *c)
{
    struct oplog_chunk *chunk = c->chunk;

    return chunk->next && c->at == chunk->first + chunk->len ? chunk->next : chunk;
}

struct bytes oplog_read(const struct oplog_cursor *c)
{
    const struct oplog_chunk *chunk = chunk_of(c);

    ASSERT(c->at >= chunk->first && c->at <= chunk->first + chunk->len);
    return (struct bytes){ chunk->data + (c->at - chunk->first),
                           chunk->len - (size_t)(c->at - chunk->first) };
}

void oplog_advance(struct oplog_cursor *c, size_t len)
{
    struct oplog_chunk *chunk = chunk_of(c);

    ASSERT(c->at + len <= chunk->first + chunk->len);
    c->at += len;
    if (chunk == c->chunk)
        return;
    chunk->cursors++;
    c->chunk->cursors--;
    c->chunk = chunk;
    trim(c->log);
}

uint64_t oplog_lag(const struct oplog_cursor *c)
{
    return c->log ? c->log->next - c->at : 0;
}

enum err oplog_can_continue(const struct oplog *o, struct bytes id, int64_t psync_offset,
                            uint64_t *out_offset)
{
    bool ours = bytes_is(id, o->id);
    bool before = o->id2_offset >= 0 && bytes_is(id, o->id2) && psync_offset <= o->id2_offset;

    if (!ours && !before)
        return ERR_NOTFOUND;
    if (!o->backlog || psync_offset < 1 || (uint64_t)psync_offset - 1 < o->first ||
        (uint64_t)psync_offset - 1 > o->next)
        return ERR_GONE;
    *out_offset = (uint64_t)psync_offset - 1;
    return OK;
}

void oplog_change_id(struct oplog *o)
{
    random_hex(o->id, OPLOG_ID_LEN);
    clear_id2(o);
}

void oplog_new_history(struct oplog *o)
{
    oplog_backlog_stop(o);
    oplog_change_id(o);
    o->known = false;
}

static void shift_id(struct oplog *o)
{
    memcpy(o->id2, o->id, sizeof o->id2);
    o->id2_offset = (int64_t)o->next + 1;
}

void oplog_promote(struct oplog *o)
{
    shift_id(o);
    random_hex(o->id, OPLOG_ID_LEN);
    oplog_forget_db(o);
}

void oplog_adopt(struct oplog *o, const char *id, uint64_t offset)
{
    ASSERT(!o->cursors);
    ASSERT(offset <= OPLOG_OFFSET_MAX);
    o->next = offset;
    drop_chunks(o);
    memcpy(o->id, id, OPLOG_ID_LEN);
    o->id[OPLOG_ID_LEN] = '\0';
    clear_id2(o);
    oplog_forget_db(o);
    oplog_keep(o);
}

bool oplog_is_id(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return false;
    return text.len == OPLOG_ID_LEN;
}

void oplog_adopt_id(struct oplog *o, const char *id)
{
    shift_id(o);
    memcpy(o->id, id, OPLOG_ID_LEN);
    o->id[OPLOG_ID_LEN] = '\0';
}

static void cut_asides(struct oplog *o, uint64_t offset)
{
    struct oplog_aside *last;

    while (o->aside_count) {
        last = &o->asides[o->aside_at + o->aside_count - 1];
        if (last->first < offset)
            break;
        o->aside_count--;
    }
    if (o->aside_count && last->end > offset)
        last->end = offset;
}

void oplog_cut(struct oplog *o, uint64_t offset)
{
    struct oplog_chunk *last = NULL, *chunk = o->head;

    ASSERT(offset <= o->next && !o->cursors);
    while (chunk && chunk->first < offset) {
        last = chunk;
        chunk = chunk->next;
    }
    o->tail = last;
    if (last && last->len > offset - last->first)
        last->len = (size_t)(offset - last->first);
    if (last)
        last->next = NULL;
    else
        o->head = NULL;
    while (chunk) {
        struct oplog_chunk *gone = chunk;

        chunk = gone->next;
        o->held_bytes -= alloc_size(gone);
        xfree(gone);
    }
    o->next = offset;
    o->first = o->head ? o->head->first : offset;
    oplog_forget_db(o);
    cut_asides(o, offset);
}
