/*
 * table - rows of text in columns, for people: a head line, then one line a row, columns as wide as
 * their widest cell.
 *
 * Bytes that could drive a terminal (controls, escapes) are shown as \xHH: cells come from the network.
 *
 * Owner: embed a zeroed struct table, name the head, add rows, print, fini.
 */
#ifndef HF_SENTINEL_CTL_TABLE_H
#define HF_SENTINEL_CTL_TABLE_H

#include <stdio.h>

#include "common/bytes.h"

enum { TABLE_COLUMNS_MAX = 12 };

struct table {
    int columns;
    size_t width[TABLE_COLUMNS_MAX];
    char **cells; /* row by row, the head first; owned */
    size_t count, cap;
};

/* heads: NULL-terminated, literals. */
void table_init(struct table *t, const char *const *heads);
void table_fini(struct table *t);
/* The next cell of the row at hand; its text is copied. NULL is shown as "-". */
void table_add(struct table *t, const char *text);
void table_addf(struct table *t, const char *format, ...) PRINTF_LIKE(2, 3);
/* Only whole rows are printed. */
void table_print(const struct table *t, FILE *to);

/* A copy of text that is safe on a terminal: without control characters, those of eight bits in UTF-8 neither. The
 * caller frees it with xfree. */
char *printable(struct bytes text);
/* One line, whatever a server had put into what it is made of. */
void print_line(FILE *to, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
