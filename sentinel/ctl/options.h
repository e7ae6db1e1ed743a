/*
 * options - what was typed: the verb, its words, which sentinels, how to print, how to prove who we are.
 *
 * Secrets never come from the command line, where every user of the machine can read them: the
 * password is HOLDFASTCTL_AUTH, or the first line of the file after --auth-file.
 *
 * Owner: embed a struct options. Strings from argv are borrowed, the rest is owned.
 */
#ifndef HF_SENTINEL_CTL_OPTIONS_H
#define HF_SENTINEL_CTL_OPTIONS_H

#include "common/tls.h"

enum {
    TARGETS_MAX = 64,      /* sentinels in one list */
    SECRET_BYTES_MAX = 512 /* a password, as long as a sentinel would accept it */
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
};

struct options {
    struct target targets[TARGETS_MAX];
    int target_count;
    const char *verb;
    const char *group; /* NULL: none was named */
    const char *user;
    char *password;
    uint64_t timeout_ms; /* for one connection or one reply */
    uint64_t wait_ms;    /* for the outcome of a failover */
    bool json, follow, help, version;
    struct tls_context *tls; /* NULL: plain */
};

/* ERR_SYNTAX: the command line; ERR_IO, ERR_RANGE: a file it names. *out_why says what. */
enum err options_read(struct options *o, int argc, char **argv, struct errmsg *out_why) MUST_CHECK;
void options_fini(struct options *o);

#endif
