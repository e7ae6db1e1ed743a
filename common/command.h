/*
 * command - one row per command, and the call that carries one execution of it.
 *
 * The row says everything that is the same for every execution: name, arity, keys, flags, categories,
 * documentation. COMMAND, COMMAND DOCS, ACL categories, arity errors and the tests that walk every
 * row come from it; a handler never re-checks what its row says.
 *
 * The call says what is particular: arguments, where the reply goes, database, who asks. A handler
 * never sees a session, a socket or the oplog. What it wants beyond a reply it leaves in the call as
 * an effect (what followers must do) or an intent (wait, close, publish), and serve obeys.
 */
#ifndef HF_COMMON_COMMAND_H
#define HF_COMMON_COMMAND_H

#include "common/bytes.h"
#include "common/resp.h"

struct call;
struct service;
struct session;
struct user;

/* The names are those of COMMAND INFO and COMMAND DOCS; the table in command.c gives the words. */
enum command_flag {
    CMD_WRITE = 1u << 0,
    CMD_READONLY = 1u << 1,
    CMD_DENYOOM = 1u << 2,
    CMD_ADMIN = 1u << 3,
    CMD_PUBSUB = 1u << 4,
    CMD_NOSCRIPT = 1u << 5,
    CMD_BLOCKING = 1u << 6,
    CMD_LOADING = 1u << 7, /* allowed while loading */
    CMD_STALE = 1u << 8,   /* allowed on a follower with stale data */
    CMD_SKIP_MONITOR = 1u << 9,
    CMD_SKIP_SLOWLOG = 1u << 10,
    CMD_FAST = 1u << 11,
    CMD_NO_AUTH = 1u << 12,
    CMD_MAY_REPLICATE = 1u << 13,
    CMD_NO_ASYNC_LOADING = 1u << 14,
    CMD_NO_MULTI = 1u << 15,
    CMD_MOVABLEKEYS = 1u << 16,
    CMD_ALLOW_BUSY = 1u << 17,
    CMD_NO_MANDATORY_KEYS = 1u << 18,
    CMD_PROTECTED = 1u << 19, /* behind an enable-*-command setting */
    CMD_HIDDEN = 1u << 20,    /* ours, not Redis's: obeyed, but unknown to COMMAND and HELP */
    CMD_TOUCHES_ARBITRARY_KEYS = 1u << 21, /* whatever is there: not in COMMAND INFO either */
    CMD_ASKING = 1u << 22,
    CMD_SYSCMD = 1u << 23, /* COMMAND DOCS: not for applications */
    CMD_HEALTH =
        1u << 24, /* by which others tell whether a server is fit: refused while its disk fails */
    CMD_NODE = 1u << 25,     /* a sentinel does not know it */
    CMD_COURTESY = 1u << 26, /* to a sentinel as CMD_HIDDEN: libraries send it wherever they are */
};

enum acl_category {
    ACL_KEYSPACE = 1u << 0,
    ACL_READ = 1u << 1,
    ACL_WRITE = 1u << 2,
    ACL_SET = 1u << 3,
    ACL_SORTEDSET = 1u << 4,
    ACL_LIST = 1u << 5,
    ACL_HASH = 1u << 6,
    ACL_STRING = 1u << 7,
    ACL_BITMAP = 1u << 8,
    ACL_HYPERLOGLOG = 1u << 9,
    ACL_GEO = 1u << 10,
    ACL_STREAM = 1u << 11,
    ACL_PUBSUB = 1u << 12,
    ACL_ADMIN = 1u << 13,
    ACL_FAST = 1u << 14,
    ACL_SLOW = 1u << 15,
    ACL_BLOCKING = 1u << 16,
    ACL_DANGEROUS = 1u << 17,
    ACL_CONNECTION = 1u << 18,
    ACL_TRANSACTION = 1u << 19,
    ACL_SCRIPTING = 1u << 20,
};

/* Where the keys are: first and last position and step, as COMMAND INFO tells them; last < 0 counts
 * from the end. first 0: no keys at fixed places. Rows whose keys move say how in key_specs, and where
 * that is not enough (MIGRATE, SORT) give a function, which writes positions into out_positions (room
 * for max) and returns their number, or -1 where the arguments make no sense; the first key has the flags
 * of the first specification, the others those of the last. flags says what happens to the keys of one
 * call where that depends on options, in the words of key_specs ("OW update"). */
struct command_keys {
    int first, last, step;
    int (*find)(int argc, const struct bytes *argv, int *out_positions, int max);
    const char *(*flags)(int argc, const struct bytes *argv);
};

struct command {
    const char *name;            /* lower case; of a subcommand only its own word */
    void (*run)(struct call *c); /* NULL for a container without a bare form */
    int argc_min, argc_max; /* the name included (for a subcommand both names); ARGC_ANY: no max */
    uint32_t flags;         /* enum command_flag */
    /* What stands for flags in one call, where its arguments tell (the script that it runs); NULL: flags. */
    uint32_t (*flags_of)(const struct call *c);
    uint32_t acl; /* enum acl_category beyond those that flags imply */
    struct command_keys keys;
    const char *key_specs;      /* "RW access update": the key language of command_docs.h */
    const struct command *subs; /* of a container: rows, ended by one without a name */
    const char *group;          /* "string", "generic", "connection", … */
    const char *since;          /* "1.0.0" */
    const char *cost;           /* "O(1)" */
    const char *args;           /* the argument language described in command_docs.h */
    const char *help;           /* one sentence, our own words */
    const char *tips;           /* COMMAND INFO tips, blank separated; may be NULL */
    const char *history;        /* "6.2.0:What changed.|7.0.0:…", our own words; may be NULL */
    const char *deprecated;     /* "6.2.0|what to use instead"; may be NULL */
};

#define ARGC_ANY INT32_MAX

/* What a call has asked serve to do once the handler returned. */
enum intent {
    INTENT_NONE = 0,
    INTENT_CLOSE = 1u << 0, /* close this session after the reply */
    INTENT_BLOCK_KEYS =
        1u << 1, /* no reply was written: run again when a key of block_keys is ready */
    INTENT_BLOCK_ACKS = 1u << 2, /* WAIT: until followers acknowledged, or block_timeout */
    INTENT_BLOCK_WORK = 1u << 6, /* MIGRATE: until whoever works for it wakes the session */
    INTENT_BLOCKS = INTENT_BLOCK_KEYS | INTENT_BLOCK_ACKS | INTENT_BLOCK_WORK,
    INTENT_NO_EFFECT = 1u << 3,    /* this write changes nothing that followers must hear of */
    INTENT_EFFECT = 1u << 4,       /* effects holds what they must hear instead of argv */
    INTENT_FORCE_EFFECT = 1u << 5, /* propagate although no key changed (PUBLISH, SCRIPT LOAD …) */
};

struct call {
    const struct command *cmd; /* of a subcommand: its own row */
    const struct bytes *argv;
    int argc;
    struct reply *reply;
    int db;
    void *world;             /* the daemon's rooms: struct node_world, struct sentinel_world */
    struct service *service; /* the clients, for serve's own handlers; types never look */
    struct session *session; /* for serve's own handlers; types never look */
    const struct user *user;
    /* See call_take_argument; NULL: nobody gives one away. */
    bool (*give)(struct call *c, int arg, size_t front, struct buf *out_block);
    bool from_leader;          /* the replication stream is executing this */
    bool in_exec;              /* part of a MULTI/EXEC or a script: must not block */
    bool in_script;            /* redis.call, */
    const struct call *script; /* of this EVAL or FCALL */
    bool silent;               /* nobody hears of its effects: redis.set_repl(redis.REPL_NONE) */
    bool denies_blocking;      /* a client that must get an answer now */
    bool woken; /* it waited and runs again: for this key alone, or, at NULL, for time */
    struct bytes woken_by;
    bool no_touch;    /* CLIENT NO-TOUCH: leave idle times and frequencies alone */
    uint32_t intents; /* enum intent */
    struct buf
        *effects; /* RESP commands for the stream, appended by call_effect; NULL: nobody listens */
    int effect_count;
    uint64_t changes; /* as save points count this call; 0: one for each key that it changed */
    int block_first, block_last, block_step; /* INTENT_BLOCK_KEYS: positions in argv */
    uint64_t block_timeout_ms;               /* length; 0: for ever */
    /* Of a call that waits: what it writes here when it begins to is there whenever it runs again. */
    struct buf *note;
};

/* This is what followers must do instead of the command as it was typed. May be called more than once:
 * the effects are one unit. Encodes at once; argv may be reused. */
void call_effect(struct call *c, int argc, const struct bytes *argv);
void call_effect_words(struct call *c, int argc, ...); /* C strings */
/* The command as it was typed, but for some arguments; in their order. */
struct call_edit {
    int arg;
    struct bytes text;
};
void call_effect_edited(struct call *c, const struct call_edit *edits, int count);
void call_no_effect(struct call *c);

/* A large argument, for a handler that would copy it: the block it was received in becomes the handler's. The block
 * has front bytes to be written to, then the argument, where argv finds it while the block stands; what was borrowed
 * from argv before is gone. False: it may not be had, or is not worth it, and nothing happened. */
enum { CALL_TAKE_BYTES_MIN = 256 * 1024 };
bool call_take_argument(struct call *c, int arg, size_t front, struct buf *out_block) MUST_CHECK;

/* Lookup by name, case-insensitively, in O(1), subcommands too: they live in the same open table under
 * their container. Tables are added at start by main; rows must outlive. */
struct command_table;
struct command_table *command_table_new(void);
void command_table_free(struct command_table *t);
/* Before rows are added: those that have one of the flags `without` stay outside, those that have one of `hidden` are
 * treated like CMD_HIDDEN. */
void command_table_narrow(struct command_table *t, uint32_t without, uint32_t hidden);
/* rows end with one without a name. A name twice, or args and key_specs that cannot be read, are our
 * own mistakes: asserted. */
void command_table_add(struct command_table *t, const struct command *rows);
/* rename-command: the top-level command `from` answers to `to` alone, or, where that is empty, to
 * nothing; to must outlive the table. ERR_NOTFOUND, ERR_EXISTS, with Redis's sentence. */
enum err command_table_rename(struct command_table *t, const char *from, const char *to,
                              struct errmsg *out_why) MUST_CHECK;
const struct command *command_find(const struct command_table *t, struct bytes name);
/* The subcommand of a container; NULL when it has none of that name. */
const struct command *command_find_sub(const struct command_table *t, const struct command *parent,
                                       struct bytes name);
/* As "get" or "config|get". */
const struct command *command_find_full(const struct command_table *t, struct bytes name);
/* The row to run for these arguments: the command, or its subcommand where it is a container.
 * NULL: *out_error has the text Redis answers ("ERR unknown command 'foo', with args beginning with: …",
 * "ERR unknown subcommand 'x'. Try FOO HELP.", "ERR wrong number of arguments for 'get' command"). */
const struct command *command_resolve(const struct command_table *t, int argc,
                                      const struct bytes *argv, struct errmsg *out_error);
/* The name that was asked for last, as it was spelled, and its row: pipelines repeat themselves. Zeroed: none.
 * For one table, to which nothing is added and in which nothing is renamed meanwhile. */
struct command_memo {
    const struct command *cmd;
    uint8_t len;
    char name[15];
};
/* As command_resolve. */
const struct command *command_resolve_again(const struct command_table *t,
                                            struct command_memo *memo, int argc,
                                            const struct bytes *argv, struct errmsg *out_error);
/* Every top-level row, in name order. index 0 ..; NULL at the end. */
const struct command *command_at(const struct command_table *t, size_t index);
size_t command_count(const struct command_table *t); /* of those shown */
/* May COMMAND and HELP speak of it? */
bool command_shown(const struct command_table *t, const struct command *cmd);
/* "config|get" for a subcommand; out holds at least 64 bytes. O(1) for a top-level row, else a walk
 * over the table. */
void command_full_name(const struct command_table *t, const struct command *cmd, char *out,
                       size_t cap);

/* As COMMAND INFO tells it: the exact number of arguments, or minus the least number. */
int command_arity(const struct command *cmd);
/* Categories of the row together with those that its flags imply. */
uint32_t command_categories(const struct command *cmd);
/* The flags that clients see, in the order in which they see them; 0 behind the last. */
uint32_t command_flag_at(size_t index, const char **out_word);
/* "keyspace", without '@'. NULL: no such category. */
const char *acl_category_word(uint32_t category);
/* By its word, case-insensitively; 0 when there is none. */
uint32_t acl_category_of(struct bytes word);

#endif
