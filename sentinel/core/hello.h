/*
 * hello - the line by which sentinels find each other and learn newer configurations.
 *
 * Eight comma separated tokens, exactly; a ninth makes a real Redis sentinel deaf:
 *   my-ip,my-port,my-id,current-epoch,group,leader-ip,leader-port,config-epoch
 * Limits: HELLO_LEN_MAX bytes; every token is checked, anything odd is ERR_SYNTAX.
 */
#ifndef HF_SENTINEL_CORE_HELLO_H
#define HF_SENTINEL_CORE_HELLO_H

#include "sentinel/core/config.h"

#define HELLO_CHANNEL "__sentinel__:hello"

enum { HELLO_LEN_MAX = 1024 };

struct hello {
    struct addr from;
    char id[ID_LEN + 1];
    uint64_t current_epoch;
    char group[NAME_LEN_MAX + 1];
    struct addr leader;
    uint64_t config_epoch;
};

enum err hello_parse(struct hello *out, struct bytes text) MUST_CHECK;
void hello_format(const struct hello *h, struct buf *out);

#endif
