#include "node/persist/aof_manifest.h"

#include <string.h>

#include "common/alloc.h"
#include "common/settings.h"

enum { WORDS_MAX = 128, SEQ_MAX_DIGITS = 18 };

void aof_manifest_fini(struct aof_manifest *m)
{
    for (size_t i = 0; i < m->count; i++)
        xfree(m->files[i].name);
    xfree(m->files);
    *m = (struct aof_manifest){ 0 };
}

static int rank(enum aof_file_type type)
{
    return type == AOF_BASE ? 0 : type == AOF_HISTORY ? 1 : 2;
}

/* Behind all that are written before it. Takes name. */
static struct aof_file *insert(struct aof_manifest *m, char *name, int64_t seq,
                               enum aof_file_type type)
{
    size_t at = m->count;

    while (at && rank(m->files[at - 1].type) > rank(type))
        at--;
    m->files = xrealloc(m->files, (m->count + 1) * sizeof *m->files);
    memmove(m->files + at + 1, m->files + at, (m->count - at) * sizeof *m->files);
    m->count++;
    m->files[at] = (struct aof_file){ .name = name, .seq = seq, .type = type };
    if (type == AOF_BASE)
        m->base_seq = seq;
    if (type == AOF_INCR)
        m->incr_seq = seq;
    return &m->files[at];
}

void aof_manifest_copy(struct aof_manifest *into, const struct aof_manifest *from)
{
    aof_manifest_fini(into);
    for (size_t i = 0; i < from->count; i++)
        insert(into, xstrdup(from->files[i].name), from->files[i].seq, from->files[i].type);
    into->base_seq = from->base_seq;
    into->incr_seq = from->incr_seq;
}

static const struct aof_file *last_of(const struct aof_manifest *m, enum aof_file_type type)
{
    for (size_t i = m->count; i-- > 0;)
        if (m->files[i].type == type)
            return &m->files[i];
    return NULL;
}

const struct aof_file *aof_manifest_base(const struct aof_manifest *m)
{
    return last_of(m, AOF_BASE);
}

const struct aof_file *aof_manifest_last_incr(const struct aof_manifest *m)
{
    return last_of(m, AOF_INCR);
}

size_t aof_manifest_count(const struct aof_manifest *m, enum aof_file_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < m->count; i++)
        count += m->files[i].type == type;
    return count;
}

/* ---- reading ------------------------------------------------------------------------------------ */

#define MALFORMED "Invalid AOF manifest file format"

static bool is_name(struct bytes name)
{
    return name.len && !memchr(name.at, '/', name.len) && !memchr(name.at, '\\', name.len) &&
           !memchr(name.at, '\0', name.len) && !bytes_is(name, ".") && !bytes_is(name, "..");
}

/* The reason why not, or NULL. */
static const char *take_file(struct aof_manifest *m, struct bytes name, int64_t seq, char type)
{
    switch (type) {
    case AOF_BASE:
        if (aof_manifest_base(m))
            return "Found duplicate base file information";
        break;
    case AOF_INCR:
        if (seq <= m->incr_seq)
            return "Found a non-monotonic sequence number";
        break;
    case AOF_HISTORY:
        break;
    default:
        return "Unknown AOF file type";
    }
    insert(m, xmemdup0(name.at, name.len), seq, (enum aof_file_type)type);
    return NULL;
}

static const char *take_words(struct aof_manifest *m, const struct bytes *words, int count)
{
    struct bytes name = { 0 };
    int64_t seq = 0;
    char type = '\0';

    if (count < 6 || count % 2)
        return MALFORMED;
    for (int i = 0; i < count; i += 2) {
        struct bytes value = words[i + 1];

        if (bytes_is_word(words[i], "file")) {
            if (!is_name(value))
                return "File can't be a path, just a filename";
            name = value;
        } else if (bytes_is_word(words[i], "seq")) {
            if (value.len > SEQ_MAX_DIGITS || !bytes_to_i64(value, &seq) || seq <= 0)
                return MALFORMED;
        } else if (bytes_is_word(words[i], "type")) {
            type = value.len ? value.at[0] : '\0';
        }
    }
    if (!name.len || !seq || !type)
        return MALFORMED;
    return take_file(m, name, seq, type);
}

static const char *take_line(struct aof_manifest *m, struct bytes line, struct buf *storage)
{
    struct bytes words[WORDS_MAX];
    int count = 0;

    if (line.len + 1 > AOF_MANIFEST_LINE_MAX)
        return "The AOF manifest file contains too long line";
    if (settings_split(line, storage, words, WORDS_MAX, &count) != OK || !count)
        return MALFORMED;
    return take_words(m, words, count);
}

enum err aof_manifest_read(struct aof_manifest *m, struct bytes text, struct errmsg *out_why)
{
    struct aof_manifest fresh = { 0 };
    struct buf storage = { 0 };
    const char *wrong = text.len ? NULL : "Found an empty AOF manifest";
    unsigned line_number = 0;

    while (text.len && !wrong) {
        const char *end = memchr(text.at, '\n', text.len);
        struct bytes line = { text.at, end ? (size_t)(end - text.at) : text.len };

        line_number++;
        if (line.len && line.at[0] == '#')
            wrong = NULL;
        else if (!end) /* a torn line is not told from a long one, and is refused as Redis does */
            wrong = "The AOF manifest file contains too long line";
        else
            wrong = take_line(&fresh, line, &storage);
        text.at += line.len + (end != NULL);
        text.len -= line.len + (end != NULL);
    }
    buf_fini(&storage);
    if (wrong) {
        errmsg_set(out_why, "AOF manifest, line %u: %s", line_number, wrong);
        aof_manifest_fini(&fresh);
        return ERR_SYNTAX;
    }
    aof_manifest_fini(m);
    *m = fresh;
    return OK;
}

/* ---- writing ------------------------------------------------------------------------------------ */

static bool is_plain(const char *name)
{
    for (; *name; name++)
        if (*name <= ' ' || *name > '~' || strchr("\"'\\", *name))
            return false;
    return true;
}

void aof_manifest_write(const struct aof_manifest *m, struct buf *out)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct aof_file *f = &m->files[i];

        buf_puts(out, "file ");
        if (is_plain(f->name))
            buf_puts(out, f->name);
        else
            buf_put_quoted(out, bytes_of(f->name));
        buf_printf(out, " seq %lld type %c\n", (long long)f->seq, f->type);
    }
}

/* ---- changing ----------------------------------------------------------------------------------- */

static char *name_of(const char *prefix, int64_t seq, const char *suffix)
{
    struct buf name = { 0 };

    buf_printf(&name, "%s.%lld.%s", prefix, (long long)seq, suffix);
    buf_text(&name);
    return name.at;
}

void aof_manifest_adopt_base(struct aof_manifest *m, const char *name)
{
    ASSERT(!aof_manifest_base(m));
    insert(m, xstrdup(name), m->base_seq + 1, AOF_BASE);
}

const char *aof_manifest_add_incr(struct aof_manifest *m, const char *prefix)
{
    int64_t seq = m->incr_seq + 1;

    return insert(m, name_of(prefix, seq, "incr.aof"), seq, AOF_INCR)->name;
}

/* Takes it out and puts it among what is history. */
static void retire(struct aof_manifest *m, size_t at)
{
    struct aof_file gone = m->files[at];

    m->count--;
    memmove(m->files + at, m->files + at + 1, (m->count - at) * sizeof *m->files);
    insert(m, gone.name, gone.seq, AOF_HISTORY);
}

static size_t index_of(const struct aof_manifest *m, enum aof_file_type type)
{
    size_t i = 0;

    while (i < m->count && m->files[i].type != type)
        i++;
    return i;
}

const char *aof_manifest_new_base(struct aof_manifest *m, const char *prefix, bool rdb, size_t keep)
{
    int64_t seq = m->base_seq + 1;

    if (aof_manifest_base(m))
        retire(m, index_of(m, AOF_BASE));
    while (aof_manifest_count(m, AOF_INCR) > keep)
        retire(m, index_of(m, AOF_INCR));
    return insert(m, name_of(prefix, seq, rdb ? "base.rdb" : "base.aof"), seq, AOF_BASE)->name;
}

void aof_manifest_forget_history(struct aof_manifest *m)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->count; i++) {
        if (m->files[i].type == AOF_HISTORY)
            xfree(m->files[i].name);
        else
            m->files[kept++] = m->files[i];
    }
    m->count = kept;
}
