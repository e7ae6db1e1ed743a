#include "common/acl/rules.h"

#include <string.h>

#include "common/alloc.h"
#include "common/settings.h"

void rules_fini(struct rules *r)
{
    xfree(r->words);
    xfree(r->storage);
    *r = (struct rules){ 0 };
}

static bool opens(struct bytes word)
{
    return word.len && word.at[0] == '(';
}

static bool closes(struct bytes word)
{
    return word.len && word.at[word.len - 1] == ')';
}

static void make_room(struct rules *r, int argc, const struct bytes *argv)
{
    size_t bytes = 0;

    for (int i = 0; i < argc; i++)
        bytes += argv[i].len + 1;
    r->storage = xmalloc(bytes + 1);
    r->words = xcalloc((size_t)argc + 1, sizeof *r->words);
}

bool rules_gather(struct rules *r, int argc, const struct bytes *argv, int *out_open)
{
    char *at;
    int open = -1;

    make_room(r, argc, argv);
    at = r->storage;
    for (int i = 0; i < argc; i++) {
        if (open < 0)
            r->words[r->count++] = (struct bytes){ at, 0 };
        else
            *at++ = ' ';
        if (argv[i].len)
            memcpy(at, argv[i].at, argv[i].len);
        at += argv[i].len;
        r->words[r->count - 1].len = (size_t)(at - r->words[r->count - 1].at);
        if (open < 0 && opens(argv[i]))
            open = i;
        if (open >= 0 && closes(argv[i]))
            open = -1;
    }
    if (open >= 0)
        *out_open = open;
    return open < 0;
}

bool rules_split(struct rules *r, struct bytes text)
{
    int max = (int)(text.len / 2 + 1), count = 0;
    struct buf storage = { 0 };
    enum err e;

    r->words = xcalloc((size_t)max, sizeof *r->words);
    e = settings_split(text, &storage, r->words, max, &count);
    r->storage = storage.at; /* the words stay where they are */
    r->count = e == OK ? (size_t)count : 0;
    return e == OK;
}

const char *acl_fault_text(enum acl_fault fault)
{
    static const char *const texts[ACL_FAULTS] = {
        [ACL_FINE] = "",
        [ACL_BAD_RULE] = "Syntax error",
        [ACL_NO_COMMAND] = "Unknown command or category name in ACL",
        [ACL_KEYS_ARE_ALL] =
            "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does "
            "not have any effect. Try 'resetkeys' to start with an empty list of patterns",
        [ACL_CHANNELS_ARE_ALL] =
            "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and "
            "does not have any effect. Try 'resetchannels' to start with an empty list of channels",
        [ACL_NO_SUCH_PASSWORD] =
            "The password you are trying to remove from the user does not exist",
        [ACL_BAD_HASH] = "The password hash must be exactly 64 characters and contain only "
                         "lowercase hexadecimal characters",
        [ACL_ARGUMENT_OF_SUB] = "Allowing first-arg of a subcommand is not supported",
        [ACL_TWICE] = "Duplicate user found. A user can only be defined once in config files",
    };

    return texts[fault];
}
