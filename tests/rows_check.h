/*
 * rows_check - what every row of a command table must say, whichever room it stands in: both languages
 * parse, arity and documentation are there, names are lower case and once.
 */
#ifndef HF_TESTS_ROWS_CHECK_H
#define HF_TESTS_ROWS_CHECK_H

#include <ctype.h>
#include <string.h>

#include <check.h>

#include "common/command_docs.h"

static inline void rows_check_one(const struct command *row, const char *where)
{
    struct doc_args args;
    struct key_spec specs[KEY_SPECS_MAX];
    struct errmsg why = { 0 };

    for (const char *at = row->name; *at; at++)
        ck_assert_msg(!isupper((unsigned char)*at), "%s: not in lower case", where);
    ck_assert_msg(row->run || row->subs, "%s: neither a handler nor subcommands", where);
    ck_assert_msg(row->argc_min >= 1 && row->argc_max >= row->argc_min, "%s: arity", where);
    ck_assert_msg(row->help && row->group, "%s: help or group is missing", where);
    ck_assert_msg(doc_args_parse(row->args, &args, &why) == OK, "%s: %s", where, why.text);
    ck_assert_msg(key_specs_parse(row, specs, &why) >= 0, "%s: %s", where, why.text);
    ck_assert_msg(!row->keys.first || row->keys.step > 0, "%s: a key step of 0", where);
}

/* Asserts it of all rows and their subcommands; their number. */
static inline int rows_check(const struct command *rows, const char *parent)
{
    int n = 0;

    for (const struct command *row = rows; row && row->name; row++, n++) {
        char where[128];

        snprintf(where, sizeof where, "%s%s%s", parent ? parent : "", parent ? "|" : "", row->name);
        rows_check_one(row, where);
        for (const struct command *other = rows; other != row; other++)
            ck_assert_msg(strcmp(other->name, row->name) != 0, "%s: twice", where);
        rows_check(row->subs, row->name);
    }
    return n;
}

#endif
