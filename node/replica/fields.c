/*
 * fields - followers, where fields of hashes expire: who reads them, who does not, and of whom nobody knows.
 *
 *     hf-echo                                one of us: reads them
 *     version 9 or later                     a Valkey that does
 *     version before that                    a Valkey that does not: dropped, with the reason in the log
 *     silent, its payload had such fields    a Redis since 7.4: an older one refuses the payload
 *     silent otherwise                       any Redis: one before 7.4 refuses the effect, goes on, and differs
 *
 * A Redis tells its leader neither its version nor that an effect failed, so of the last kind no more can be
 * done than to say so.
 */
#include "common/log.h"
#include "common/serve/service.h"
#include "node/keyspace/keyspace.h"
#include "node/replica/replica_room.h"

static bool in_stream(const struct follower *f)
{
    return f->state == FOLLOWER_WAIT_ACK || f->state == FOLLOWER_ONLINE;
}

static bool cannot_read(const struct follower *f)
{
    return f->valkey > 0 && f->valkey < VALKEY_OWN_RDB && !f->filter_no_keys &&
           (f->state == FOLLOWER_WAITING || in_stream(f));
}

static bool is_unsure(const struct follower *f)
{
    return in_stream(f) && !f->valkey && !f->reads_fields && !f->filter_no_keys;
}

static void warn(struct follower *f)
{
    char address[FOLLOWER_ADDRESS_MAX];

    f->warned_of_fields = true;
    log_warning(
        "follower-may-differ id=%llu address=%s port=%lld why=\"there are hash fields that expire, "
        "which a Redis before 7.4 does not read, and this one has not shown that it does\"",
        (unsigned long long)f->session->id, follower_address(f, address, sizeof address),
        (long long)f->listening_port);
}

void fields_look(struct replica *r)
{
    if (list_empty(&r->followers) || !keyspace_needs(r->w->keyspace, NEED_FIELD_EXPIRY))
        return;
    LIST_EACH (&r->followers, node) {
        struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (cannot_read(f))
            leader_drop(f, "there are hash fields that expire, which a Valkey before 9 does not "
                           "read");
        else if (is_unsure(f) && !f->warned_of_fields)
            warn(f);
    }
}

uint64_t fields_count_unsure(const struct replica *r)
{
    uint64_t count = 0;

    if (!keyspace_needs(r->w->keyspace, NEED_FIELD_EXPIRY))
        return 0;
    LIST_EACH ((struct list *)&r->followers, node)
        count += is_unsure(LIST_ENTRY(node, struct follower, node));
    return count;
}
