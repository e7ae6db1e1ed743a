/* What the bits of a row are called, and what some of them imply. */
#include "common/command.h"

/* In the order in which COMMAND INFO lists them. */
static const struct {
    uint32_t flag;
    const char *word;
} flag_words[] = {
    { CMD_WRITE, "write" },
    { CMD_READONLY, "readonly" },
    { CMD_DENYOOM, "denyoom" },
    { CMD_ADMIN, "admin" },
    { CMD_PUBSUB, "pubsub" },
    { CMD_NOSCRIPT, "noscript" },
    { CMD_BLOCKING, "blocking" },
    { CMD_LOADING, "loading" },
    { CMD_STALE, "stale" },
    { CMD_SKIP_MONITOR, "skip_monitor" },
    { CMD_SKIP_SLOWLOG, "skip_slowlog" },
    { CMD_ASKING, "asking" },
    { CMD_FAST, "fast" },
    { CMD_NO_AUTH, "no_auth" },
    { CMD_NO_MANDATORY_KEYS, "no_mandatory_keys" },
    { CMD_NO_ASYNC_LOADING, "no_async_loading" },
    { CMD_NO_MULTI, "no_multi" },
    { CMD_MOVABLEKEYS, "movablekeys" },
    { CMD_ALLOW_BUSY, "allow_busy" },
};

/* By bit. */
static const char *const category_words[] = {
    "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
    "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
    "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting",
};

uint32_t command_flag_at(size_t index, const char **out_word)
{
    if (index >= ARRAY_LEN(flag_words))
        return 0;
    *out_word = flag_words[index].word;
    return flag_words[index].flag;
}

const char *acl_category_word(uint32_t category)
{
    size_t bit = category ? (size_t)__builtin_ctz(category) : ARRAY_LEN(category_words);

    return bit < ARRAY_LEN(category_words) ? category_words[bit] : NULL;
}

uint32_t acl_category_of(struct bytes word)
{
    for (size_t i = 0; i < ARRAY_LEN(category_words); i++)
        if (bytes_is_word(word, category_words[i]))
            return 1u << i;
    return 0;
}

uint32_t command_categories(const struct command *cmd)
{
    uint32_t acl = cmd->acl;

    if (cmd->flags & CMD_WRITE)
        acl |= ACL_WRITE;
    if ((cmd->flags & CMD_READONLY) && !(acl & ACL_SCRIPTING))
        acl |= ACL_READ;
    if (cmd->flags & CMD_ADMIN)
        acl |= ACL_ADMIN | ACL_DANGEROUS;
    if (cmd->flags & CMD_PUBSUB)
        acl |= ACL_PUBSUB;
    if (cmd->flags & CMD_BLOCKING)
        acl |= ACL_BLOCKING;
    return acl | (cmd->flags & CMD_FAST ? ACL_FAST : ACL_SLOW);
}

int command_arity(const struct command *cmd)
{
    return cmd->argc_min == cmd->argc_max ? cmd->argc_min : -cmd->argc_min;
}
