/*
 * command_docs - the small languages in which a row says what its arguments and its keys are, and what
 * they mean in COMMAND DOCS and COMMAND INFO.
 *
 * Arguments (`args` of a row), separated by blanks:
 *
 *     name              a string argument; the name `key` alone is a key of specification 0
 *     name:TYPE         string, integer, double, pattern, unix-time, key, or keyN: a key that key
 *                       specification N finds (patternN: a pattern of such keys)
 *     NX                a pure token, whose name is `nx`
 *     'm'               the same for a token that is not in capitals
 *     name:'TOKEN'      a pure token under another name
 *     EX=seconds:integer    an argument of any kind that comes behind a token
 *     name:(A|B|C)      one of them            name:{a b}     a block of several
 *     (A|B)  {a b}      the same; the name is theirs, joined by `_`
 *     [x]               optional
 *     x+                may come several times;   x++  the token is repeated with it
 *     x@6.2.0           since;                    x~2.8.12  deprecated since
 *     <ip:port>         a name with odd characters in it
 *
 * The row of SET:
 *
 *     key value [condition:(NX|XX)@2.6.12] [GET@6.2.0]
 *     [expiration:(EX=seconds:integer@2.6.12|PX=milliseconds:integer@2.6.12|
 *      EXAT=unix-time-seconds:unix-time@6.2.0|PXAT=unix-time-milliseconds:unix-time@6.2.0|
 *      KEEPTTL@6.0.0)]
 *
 * Keys (`key_specs` of a row): specifications separated by `;`. Each is its flags, then where the search
 * begins and how keys follow; a note may end it behind a `#`:
 *
 *     RO|RW|OW|RM [access] [update] [insert] [delete] [not_key] [incomplete] [variable_flags]
 *     index=POSITION | keyword=WORD:STARTFROM | unknown
 *     range=LAST:STEP:LIMIT | keynum=NUMBER:FIRST:STEP | unknown
 *
 * Without the second and third the first specification takes them from `keys` of the row, and the
 * others are one key (range=0:1:0). So most rows say no more than "RW update".
 *
 * tests/e2e/command_rows.py prints all texts of a row as a running redis-server describes the command.
 */
#ifndef HF_COMMON_COMMAND_DOCS_H
#define HF_COMMON_COMMAND_DOCS_H

#include "common/command.h"

enum { COMMAND_ARGS_MAX = 64, KEY_SPECS_MAX = 4 };

enum doc_arg_type {
    DOC_STRING,
    DOC_INTEGER,
    DOC_DOUBLE,
    DOC_KEY,
    DOC_PATTERN,
    DOC_UNIX_TIME,
    DOC_PURE_TOKEN,
    DOC_ONEOF,
    DOC_BLOCK,
    DOC_TYPES
};

enum doc_arg_flag {
    DOC_OPTIONAL = 1u << 0,
    DOC_MULTIPLE = 1u << 1,
    DOC_MULTIPLE_TOKEN = 1u << 2,
};

/* One argument. Texts are slices of the row; name is empty where it must be made (command_arg_name). */
struct doc_arg {
    enum doc_arg_type type;
    uint32_t flags; /* enum doc_arg_flag */
    int key_spec;   /* -1: no key */
    struct bytes name, token, since, deprecated;
    bool has_token;  /* a token may be empty */
    int child, next; /* index of the first argument inside, and of the one behind; -1: none */
};

/* args[0] is the first of the top level when count > 0. */
struct doc_args {
    struct doc_arg args[COMMAND_ARGS_MAX];
    int count;
};

/* text may be NULL: no arguments. ERR_SYNTAX or ERR_LIMIT with the place in out_why: a mistake in a row,
 * which a test finds. */
enum err doc_args_parse(const char *text, struct doc_args *out_args,
                        struct errmsg *out_why) MUST_CHECK;
/* The argument's name: its own, its token in lower case, or its children's joined. */
void doc_arg_name(const struct doc_args *args, int index, struct buf *out_name);
const char *doc_arg_type_word(enum doc_arg_type type); /* "pure-token" */
/* As a person reads it: "key value [NX | XX] [EX seconds]". */
void doc_args_syntax(const struct doc_args *args, struct buf *out_text);
/* The value of "arguments" in COMMAND DOCS. */
void doc_args_reply(struct reply *r, const struct doc_args *args);

enum key_flag {
    KEY_RO = 1u << 0,
    KEY_RW = 1u << 1,
    KEY_OW = 1u << 2,
    KEY_RM = 1u << 3,
    KEY_ACCESS = 1u << 4,
    KEY_UPDATE = 1u << 5,
    KEY_INSERT = 1u << 6,
    KEY_DELETE = 1u << 7,
    KEY_NOT_KEY = 1u << 8,
    KEY_INCOMPLETE = 1u << 9,
    KEY_VARIABLE_FLAGS = 1u << 10,
};

enum key_begin { KEY_BEGIN_UNKNOWN, KEY_BEGIN_INDEX, KEY_BEGIN_KEYWORD };
enum key_find { KEY_FIND_UNKNOWN, KEY_FIND_RANGE, KEY_FIND_KEYNUM };

struct key_spec {
    uint32_t flags; /* enum key_flag */
    enum key_begin begin;
    int index;            /* KEY_BEGIN_INDEX */
    struct bytes keyword; /* KEY_BEGIN_KEYWORD */
    int start_from;
    enum key_find find;
    int last, step, limit; /* KEY_FIND_RANGE */
    int number, first;     /* KEY_FIND_KEYNUM, with step */
    struct bytes note;
};

/* Returns the number of specifications, at most KEY_SPECS_MAX; -1 with the reason: a mistake in a row. */
int key_specs_parse(const struct command *cmd, struct key_spec out_specs[KEY_SPECS_MAX],
                    struct errmsg *out_why);
/* The specification that keys alone say: a row without key_specs. */
struct key_spec key_spec_of_keys(const struct command *cmd);
/* Flags from blank separated words; unknown ones are nothing. */
uint32_t key_flags_parse(const char *words);
/* "RW", "access", …: the word of the lowest bit set. */
const char *key_flag_word(uint32_t flag);
/* From one word; 0 when there is no such word. */
uint32_t key_flag_of(struct bytes word);

/* One key of a call and what the command does to it. */
struct key_use {
    int position;
    uint32_t flags; /* enum key_flag */
};

/* How the row's keys are found: its key_specs, else what keys alone says; their number. */
int command_key_specs(const struct command *cmd, struct key_spec out_specs[KEY_SPECS_MAX]);
/* The keys of these arguments, in order. -1: the arguments make no sense, or there are more than max. */
int command_find_keys(const struct command *cmd, int argc, const struct bytes *argv,
                      struct key_use *out_keys, int max);
/* The same for who has the row's specifications at hand. */
int command_find_keys_by(const struct command *cmd, const struct key_spec *specs, int spec_count,
                         int argc, const struct bytes *argv, struct key_use *out_keys, int max);

/* One element of COMMAND INFO under its full name, and the value of one name in COMMAND DOCS. */
void command_reply_info(struct reply *r, const struct command_table *t, const struct command *cmd,
                        const char *full_name);
void command_reply_docs(struct reply *r, const struct command_table *t, const struct command *cmd);

#endif
