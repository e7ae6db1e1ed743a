/*
 * options - what was typed: the verb, its words, which sentinels, how to print, how to prove who we are.
 *
 * One row per option: it parses, helps, and completes. Secrets never come from the command line, where
 * every user of the machine can read them: a password is in the environment (HOLDFASTCTL_AUTH for
 * sentinels, HOLDFASTCTL_NODE_AUTH for nodes), or the first line of a file that is named.
 *
 * Owner: embed a struct options. Strings from argv are borrowed, the rest is owned.
 */
#ifndef HF_SENTINEL_CTL_OPTIONS_H
#define HF_SENTINEL_CTL_OPTIONS_H

#include <stdio.h>

#include "common/bytes.h"
#include "common/tls.h"

enum {
    TARGETS_MAX = 64,       /* sentinels in one list */
    WORDS_MAX = 17,         /* behind the verb */
    SECRET_BYTES_MAX = 512, /* a password, as long as a sentinel would accept it */
};

/* The exit statuses; they are an interface. */
enum ctl_exit {
    CTL_DONE = 0,
    CTL_FAILED = 1,      /* refused, or tried and failed */
    CTL_USAGE = 2,       /* the command line is wrong */
    CTL_UNKNOWN = 3,     /* asked for, and nobody can tell what came of it */
    CTL_UNREACHABLE = 4, /* no sentinel of the list answers */
};

struct target {
    char host[256];
    int port;
    char address[272]; /* "host:port", as it is shown */
    bool is_node;      /* the nodes' credentials are for it */
};

struct login {
    const char *user; /* NULL: the default one */
    char *password;   /* NULL: none */
};

struct options {
    struct target targets[TARGETS_MAX];
    int target_count;
    const char *verb;
    const char *words[WORDS_MAX];
    int word_count;
    const char *group; /* words[0]; NULL: none was named */
    struct login sentinel, node;
    uint64_t timeout_ms; /* for one connection or one reply */
    uint64_t wait_ms;    /* for the outcome of a failover */
    uint64_t every_ms;   /* between two looks */
    uint64_t time_ms;    /* for sampling */
    uint64_t count;      /* 0: the verb's own */
    double error;        /* percent at which sampling may end */
    bool json, follow, once, help, version;
    struct tls_context *tls; /* NULL: plain */
};

/* ERR_SYNTAX: the command line; ERR_IO, ERR_RANGE: a file it names. *out_why says what. */
enum err options_read(struct options *o, int argc, char **argv, struct errmsg *out_why) MUST_CHECK;
void options_fini(struct options *o);
/* The options' part of --help. */
void options_help(FILE *to);
/* Every option as it is typed, the next one each time, from *at on, which begins at 0; NULL: no more. */
const char *options_next(size_t *at);

/* ERR_SYNTAX: host is empty or too long, or no port has this number. */
enum err target_set(struct target *t, struct bytes host, int64_t port) MUST_CHECK;
/* "host:port", "[ipv6]:port", an IPv6 address alone, or a host alone at port. */
enum err target_read(struct target *t, struct bytes text, int port) MUST_CHECK;

#endif
