/*
 * generic_object - OBJECT: how a value is kept and used.
 */
#include "node/types/arguments.h"
#include "node/types/generic.h"
#include "node/types/types.h"

enum {
    EMBEDDED_TEXT_MAX = 44, /* Redis embeds up to this length, and tools know the word for it */
    SHARED_INT_MAX = 10000, /* Redis shares small integers, and answers so */
    SHARED_REFCOUNT = INT32_MAX,
};

#define POLICY_NOTE                                                                            \
    " Please note that when switching between policies at runtime LRU and LFU data will take " \
    "some time to adjust."

const char *encoding_word(const struct keyspace *ks, const struct entry *e)
{
    switch (entry_form(e)) {
    case FORM_INT:
        return "int";
    case FORM_TEXT:
        return entry_raw(e) || entry_text_len(e) > EMBEDDED_TEXT_MAX ? "raw" : "embstr";
    case FORM_BLOB:
        return "raw";
    case FORM_APART:
        return keyspace_type(ks, entry_type(e))->encoding(entry_apart(e));
    }
    return "unknown";
}

int64_t reference_count(const struct keyspace *ks, const struct entry *e)
{
    int64_t v;

    return keyspace_shares(ks) && entry_int(e, &v) && v >= 0 && v < SHARED_INT_MAX ? SHARED_REFCOUNT
                                                                                   : 1;
}

/* The key under argument 2; NULL is replied with null. */
static const struct entry *object(struct call *c)
{
    const struct entry *e = call_read(c, 2, DOOR_NO_TOUCH | DOOR_NO_EVENT);

    if (!e)
        reply_null(c->reply);
    return e;
}

void cmd_object_encoding(struct call *c)
{
    const struct entry *e = object(c);

    if (e)
        reply_text(c->reply, encoding_word(call_keyspace(c), e));
}

void cmd_object_refcount(struct call *c)
{
    const struct entry *e = object(c);

    if (e)
        reply_int(c->reply, reference_count(call_keyspace(c), e));
}

void cmd_object_idletime(struct call *c)
{
    const struct entry *e = object(c);

    if (!e)
        return;
    if (keyspace_counts_frequency(call_keyspace(c)))
        refuse(c, "ERR An LFU maxmemory policy is selected, idle time not tracked." POLICY_NOTE);
    else
        reply_int(c->reply, (int64_t)keyspace_idle_seconds(call_keyspace(c), e));
}

void cmd_object_freq(struct call *c)
{
    const struct entry *e = object(c);

    if (!e)
        return;
    if (!keyspace_counts_frequency(call_keyspace(c)))
        refuse(c, "ERR An LFU maxmemory policy is not selected, access frequency not "
                  "tracked." POLICY_NOTE);
    else
        reply_int(c->reply, keyspace_frequency(call_keyspace(c), e));
}
