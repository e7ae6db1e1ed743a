/*
 * settings_impl - what the files of settings share: settings.c (the table, GET and SET),
 * settings_value.c (one value: read, bound, print), settings_load.c (files and arguments),
 * settings_rewrite.c (CONFIG REWRITE), settings_help.c (nearest name, manual). Nobody else includes it.
 */
#ifndef HF_COMMON_SETTINGS_IMPL_H
#define HF_COMMON_SETTINGS_IMPL_H

#include "common/settings.h"

struct entry {
    const struct setting *row;
    enum err (*apply)(void *world, struct errmsg *out_why);
    bool given;   /* a file, an argument or CONFIG SET named it */
    bool cleared; /* row->clear was called in this load */
    bool warned;  /* that it does nothing */
};

struct spelling {
    const char *name; /* the row's name or alias */
    size_t entry;
};

struct settings {
    void *values, *world;
    struct entry *entries; /* in table order */
    size_t count, cap;
    struct spelling *spellings; /* sorted by name */
    size_t spelling_count, spelling_cap;
    char *path;
    struct settings_origin loading;
    bool allow_protected;
};

/* NULL where no row and no alias has this name; *out_name is its spelling in the table. */
struct entry *entry_find(const struct settings *s, struct bytes name, const char **out_name);

/* ---- settings_value.c: every kind but SET_LINES -------------------------------------------------- */

enum err value_store(const struct setting *row, void *values, struct bytes text,
                     struct errmsg *out_why) MUST_CHECK;
void value_default(const struct setting *row, void *values);
bool value_is_default(const struct setting *row, const void *values);
void value_put(const struct setting *row, const void *values, struct buf *out); /* as CONFIG GET */
/* "name value\n" as CONFIG REWRITE writes it; nothing for a text that is unset. */
void value_put_line(const struct setting *row, const void *values, struct buf *out);
void value_fini(const struct setting *row, void *values);

/* The words behind the name, from a file or from CONFIG SET. */
enum err entry_store(struct settings *s, struct entry *e, int argc, const struct bytes *argv,
                     struct errmsg *out_why) MUST_CHECK;

#endif
