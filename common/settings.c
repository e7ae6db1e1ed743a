#include "common/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/log.h"
#include "common/settings_impl.h"

enum { SET_PAIRS_MAX = 512, SPLIT_MAX = 256 };

struct settings *settings_new(void *values, void *world)
{
    struct settings *s = xcalloc(1, sizeof *s);

    s->values = values;
    s->world = world;
    return s;
}

void settings_free(struct settings *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++) {
        const struct setting *row = s->entries[i].row;

        if (row->kind != SET_LINES)
            value_fini(row, s->values);
        else if (row->fini)
            row->fini(s->values);
    }
    xfree(s->entries);
    xfree(s->spellings);
    xfree(s->path);
    xfree(s);
}

static int compare_names(struct bytes a, const char *b)
{
    for (size_t i = 0; i < a.len; i++) {
        char c = a.at[i] >= 'A' && a.at[i] <= 'Z' ? (char)(a.at[i] + 32) : a.at[i];

        if (!b[i])
            return 1; /* a is longer, though it may hold zeros */
        if (c != b[i])
            return (unsigned char)c < (unsigned char)b[i] ? -1 : 1;
    }
    return b[a.len] ? -1 : 0;
}

/* Where the name stands among the spellings, or where it would. */
static size_t spelling_index(const struct settings *s, struct bytes name, bool *out_found)
{
    size_t low = 0, high = s->spelling_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_names(name, s->spellings[middle].name);

        if (order == 0) {
            *out_found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *out_found = false;
    return low;
}

struct entry *entry_find(const struct settings *s, struct bytes name, const char **out_name)
{
    bool found;
    size_t at = spelling_index(s, name, &found);

    if (!found)
        return NULL;
    if (out_name)
        *out_name = s->spellings[at].name;
    return &s->entries[s->spellings[at].entry];
}

static void spell(struct settings *s, const char *name, size_t entry)
{
    bool found;
    size_t at = spelling_index(s, bytes_of(name), &found);

    ASSERT(!found);
    s->spellings = xgrow(s->spellings, s->spelling_count, &s->spelling_cap, sizeof *s->spellings);
    memmove(&s->spellings[at + 1], &s->spellings[at],
            (s->spelling_count - at) * sizeof *s->spellings);
    s->spellings[at] = (struct spelling){ name, entry };
    s->spelling_count++;
}

static void set_default(struct settings *s, const struct setting *row)
{
    struct bytes words[SPLIT_MAX];
    struct buf storage = { 0 };
    struct errmsg why;
    int count;

    if (row->kind != SET_LINES) {
        value_default(row, s->values);
    } else if (row->def) {
        ASSERT(settings_split(bytes_of(row->def), &storage, words, SPLIT_MAX, &count) == OK);
        if (count == 0)
            words[count++] = (struct bytes){ 0 };
        ASSERT(row->line(s->values, count, words, &why) == OK);
    }
    buf_fini(&storage);
}

void settings_add(struct settings *s, const struct setting *rows)
{
    for (const struct setting *row = rows; row->name; row++) {
        ASSERT(row->kind != SET_LINES || row->line || (row->flags & SETTING_RETIRED));
        s->entries = xgrow(s->entries, s->count, &s->cap, sizeof *s->entries);
        s->entries[s->count] = (struct entry){ .row = row, .apply = row->apply };
        spell(s, row->name, s->count);
        if (row->alias)
            spell(s, row->alias, s->count);
        s->count++;
        if (!(row->flags & SETTING_RETIRED))
            set_default(s, row);
    }
}

void settings_hook(struct settings *s, const char *name,
                   enum err (*apply)(void *world, struct errmsg *out_why))
{
    struct entry *e = entry_find(s, bytes_of(name), NULL);

    ASSERT(e);
    ASSERT(!e->apply);
    e->apply = apply;
}

void settings_allow_protected(struct settings *s, bool allowed)
{
    s->allow_protected = allowed;
}

const char *settings_path(const struct settings *s)
{
    return s->path;
}

/* ---- CONFIG GET -------------------------------------------------------------------------------- */

static bool can_get(const struct setting *row)
{
    return !(row->flags & SETTING_RETIRED) && (row->kind != SET_LINES || row->get);
}

static void put_current(const struct settings *s, const struct setting *row, struct buf *out)
{
    if (row->kind == SET_LINES)
        row->get(s->values, out);
    else
        value_put(row, s->values, out);
}

static bool is_pattern(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr("*?[", text.at[i]))
            return true;
    return false;
}

/* The argument that asks for this spelling; -1: none does. */
static int asked_by(const struct setting *row, const char *name, int count,
                    const struct bytes *argv)
{
    for (int i = 0; i < count; i++) {
        bool pattern = is_pattern(argv[i]);

        if (pattern && (row->flags & SETTING_HIDDEN))
            continue;
        if (pattern ? glob_match(argv[i], bytes_of(name), true) : bytes_is_word(argv[i], name))
            return i;
    }
    return -1;
}

void settings_get(struct settings *s, int patterns, const struct bytes *argv,
                  void (*each)(void *arg, struct bytes name, struct bytes value), void *arg)
{
    struct buf value = { 0 };

    for (size_t i = 0; i < s->count; i++) {
        const struct setting *row = s->entries[i].row;
        const char *const names[] = { row->name, row->alias };

        if (!can_get(row))
            continue;
        for (size_t n = 0; n < ARRAY_LEN(names); n++) {
            int asked = names[n] ? asked_by(row, names[n], patterns, argv) : -1;

            if (asked < 0)
                continue;
            value.len = 0;
            put_current(s, row, &value);
            each(arg, is_pattern(argv[asked]) ? bytes_of(names[n]) : argv[asked],
                 (struct bytes){ buf_text(&value), value.len });
        }
    }
    buf_fini(&value);
}

/* ---- CONFIG SET -------------------------------------------------------------------------------- */

enum err entry_store(struct settings *s, struct entry *e, int argc, const struct bytes *argv,
                     struct errmsg *out_why)
{
    const struct setting *row = e->row;
    struct buf joined = { 0 };
    enum err result;

    if (row->kind == SET_LINES)
        return row->line(s->values, argc, argv, out_why);
    if (argc != 1 && !(row->flags & SETTING_BITS)) {
        errmsg_set(out_why, "wrong number of arguments");
        return ERR_SYNTAX;
    }
    for (int i = 0; i < argc; i++) {
        if (i)
            buf_putc(&joined, ' ');
        buf_add(&joined, argv[i]);
    }
    result = value_store(row, s->values, (struct bytes){ buf_text(&joined), joined.len }, out_why);
    buf_fini(&joined);
    return result;
}

/* CONFIG SET cuts the value of a directive with several words at single blanks, so that two blanks make an
 * empty word; an empty value is one empty word. */
static int cut_at_blanks(struct bytes value, struct bytes *out_words, int max)
{
    int count = 0;

    for (;;) {
        const char *blank = value.len ? memchr(value.at, ' ', value.len) : NULL;
        size_t len = blank ? (size_t)(blank - value.at) : value.len;

        if (count == max)
            return -1;
        out_words[count++] = (struct bytes){ value.at, len };
        if (!blank)
            return count;
        value.at += len + 1;
        value.len -= len + 1;
    }
}

static enum err store_text(struct settings *s, struct entry *e, struct bytes value,
                           struct errmsg *out_why)
{
    struct bytes words[SPLIT_MAX] = { value };
    int count = e->row->kind == SET_LINES ? cut_at_blanks(value, words, SPLIT_MAX) : 1;

    if (count < 0) {
        errmsg_set(out_why, "wrong number of arguments");
        return ERR_LIMIT;
    }
    if (e->row->kind == SET_LINES && e->row->clear)
        e->row->clear(s->values);
    return entry_store(s, e, count, words, out_why);
}

struct change {
    struct entry *entry;
    const char *name; /* as the table spells it */
    struct bytes value;
    struct buf old;
    bool stored, changed;
};

static enum err failed(struct errmsg *out_why, const char *name, const char *reason, enum err e)
{
    errmsg_set(out_why, "CONFIG SET failed (possibly related to argument '%s')%s%.300s", name,
               reason[0] ? " - " : "", reason);
    return e;
}

static enum err admit_change(struct settings *s, struct change *all, int i, struct bytes name,
                             struct errmsg *out_why)
{
    struct change *c = &all[i];
    const struct setting *row;

    c->entry = entry_find(s, name, &c->name);
    if (!c->entry || !can_get(c->entry->row)) {
        errmsg_set(out_why, "Unknown option or number of arguments for CONFIG SET - '%.*s'",
                   name.len > 128 ? 128 : (int)name.len, name.len ? name.at : "");
        return ERR_NOTFOUND;
    }
    row = c->entry->row;
    if (row->when == SET_AT_START)
        return failed(out_why, c->name, "can't set immutable config", ERR_REFUSED);
    if ((row->flags & SETTING_PROTECTED) && !s->allow_protected)
        return failed(out_why, c->name, "can't set protected config", ERR_DENIED);
    for (int k = 0; k < i; k++)
        if (all[k].name == c->name)
            return failed(out_why, c->name, "duplicate parameter", ERR_EXISTS);
    return OK;
}

/* The old value was accepted once, so it is again. */
static void put_back(struct settings *s, struct change *all, int count)
{
    struct errmsg why = { "" };

    for (int i = count - 1; i >= 0; i--) {
        if (!all[i].stored)
            continue;
        if (store_text(s, all[i].entry, buf_bytes(&all[i].old), &why) != OK)
            log_warning("config-set-not-undone name=%s why=\"%s\"", all[i].name, why.text);
    }
}

static bool applied_before(const struct change *all, int i)
{
    for (int k = 0; k < i; k++)
        if (all[k].changed && all[k].entry->apply == all[i].entry->apply)
            return true;
    return false;
}

/* Calls each apply once. The failing one's index comes back in *out_failed. */
static enum err apply_all(struct settings *s, const struct change *all, int count, int *out_failed,
                          struct errmsg *out_why)
{
    for (int i = 0; i < count; i++) {
        enum err e;

        if (!all[i].changed || !all[i].entry->apply || applied_before(all, i))
            continue;
        e = all[i].entry->apply(s->world, out_why);
        if (e != OK) {
            *out_failed = i;
            return e;
        }
    }
    return OK;
}

static void undo_applied(struct settings *s, const struct change *all, int last)
{
    struct errmsg why = { "" };

    for (int i = 0; i <= last; i++) {
        if (!all[i].changed || !all[i].entry->apply || applied_before(all, i))
            continue;
        if (all[i].entry->apply(s->world, &why) != OK)
            log_warning("config-set-not-undone name=%s why=\"%s\"", all[i].name, why.text);
    }
}

static enum err store_all(struct settings *s, struct change *all, int count, int *out_failed,
                          struct errmsg *out_why)
{
    struct buf now = { 0 };

    for (int i = 0; i < count; i++) {
        enum err e;

        put_current(s, all[i].entry->row, &all[i].old);
        all[i].stored = true; /* a directive of several lines may be half changed when it refuses */
        e = store_text(s, all[i].entry, all[i].value, out_why);
        if (e != OK) {
            *out_failed = i;
            buf_fini(&now);
            return e;
        }
        now.len = 0;
        put_current(s, all[i].entry->row, &now);
        all[i].changed = !bytes_eq(buf_bytes(&now), buf_bytes(&all[i].old));
    }
    buf_fini(&now);
    return OK;
}

static void warn_if_ignored(struct settings *s, struct entry *e)
{
    const struct setting *row = e->row;

    e->given = true;
    if (!(row->flags & SETTING_IGNORED) || e->warned)
        return;
    if (row->kind != SET_LINES && value_is_default(row, s->values))
        return;
    e->warned = true;
    log_warning(
        "setting-ignored name=%s why=\"accepted for compatibility, does nothing in this version\"",
        row->name);
}

static enum err set_all(struct settings *s, struct change *all, int count, struct errmsg *out_why)
{
    struct errmsg reason = { "" };
    int at = 0;
    enum err e = store_all(s, all, count, &at, &reason);

    if (e != OK) {
        put_back(s, all, count);
        return failed(out_why, all[at].name, reason.text, e);
    }
    e = apply_all(s, all, count, &at, &reason);
    if (e != OK) {
        put_back(s, all, count);
        undo_applied(s, all, at);
        return failed(out_why, all[at].name, reason.text, e);
    }
    for (int i = 0; i < count; i++)
        warn_if_ignored(s, all[i].entry);
    return OK;
}

enum err settings_set(struct settings *s, int argc, const struct bytes *argv,
                      struct errmsg *out_why)
{
    int count = argc / 2;
    struct change *all;
    enum err e = OK;

    if (argc % 2 || argc == 0 || count > SET_PAIRS_MAX) {
        errmsg_set(out_why, "syntax error");
        return ERR_SYNTAX;
    }
    all = xcalloc((size_t)count, sizeof *all);
    for (int i = 0; i < count && e == OK; i++) {
        all[i].value = argv[2 * i + 1];
        e = admit_change(s, all, i, argv[2 * i], out_why);
    }
    if (e == OK)
        e = set_all(s, all, count, out_why);
    for (int i = 0; i < count; i++)
        buf_fini(&all[i].old);
    xfree(all);
    return e;
}

void settings_warn_ignored(struct settings *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->entries[i].given)
            warn_if_ignored(s, &s->entries[i]);
}
