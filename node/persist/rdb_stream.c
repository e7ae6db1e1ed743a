#include "node/persist/rdb_stream.h"

enum { NO_COUNTER = -1, NODES, GROUPS, PENDING, CONSUMERS, OWNED };

enum { FIRST_FORM = 15, SECOND_FORM = 19 };

/* A part may set a counter to its number, or take one of a counter; by that goes what comes next. */
static const struct {
    const char *form[3]; /* of the three forms of streams; NULL: as in the form before */
    int sets, takes;
    enum rdb_stream_part some, none;
} parts[] = {
    [PART_STREAM_NODE] = { { "tt" }, NO_COUNTER, NODES, PART_STREAM_NODE, PART_STREAM_TOTALS },
    [PART_STREAM_TOTALS] = { { "nnn", "nnnnnnnn" },
                             NO_COUNTER,
                             NO_COUNTER,
                             PART_STREAM_GROUPS,
                             PART_STREAM_GROUPS },
    [PART_STREAM_GROUPS] = { { "n" }, GROUPS, NO_COUNTER, PART_STREAM_GROUP, PART_STREAM_DONE },
    [PART_STREAM_GROUP] = { { "tnn", "tnnn" },
                            NO_COUNTER,
                            NO_COUNTER,
                            PART_STREAM_PENDINGS,
                            PART_STREAM_PENDINGS },
    [PART_STREAM_PENDINGS] = { { "n" },
                               PENDING,
                               NO_COUNTER,
                               PART_STREAM_PENDING,
                               PART_STREAM_CONSUMERS },
    [PART_STREAM_PENDING] = { { "imn" },
                              NO_COUNTER,
                              PENDING,
                              PART_STREAM_PENDING,
                              PART_STREAM_CONSUMERS },
    [PART_STREAM_CONSUMERS] = { { "n" },
                                CONSUMERS,
                                NO_COUNTER,
                                PART_STREAM_CONSUMER,
                                PART_STREAM_GROUP_END },
    [PART_STREAM_CONSUMER] = { { "tm", NULL, "tmm" },
                               NO_COUNTER,
                               NO_COUNTER,
                               PART_STREAM_OWNEDS,
                               PART_STREAM_OWNEDS },
    [PART_STREAM_OWNEDS] = { { "n" },
                             OWNED,
                             NO_COUNTER,
                             PART_STREAM_OWNED,
                             PART_STREAM_CONSUMER_END },
    [PART_STREAM_OWNED] = { { "i" },
                            NO_COUNTER,
                            OWNED,
                            PART_STREAM_OWNED,
                            PART_STREAM_CONSUMER_END },
    [PART_STREAM_CONSUMER_END] = { { "" },
                                   NO_COUNTER,
                                   CONSUMERS,
                                   PART_STREAM_CONSUMER,
                                   PART_STREAM_GROUP_END },
    [PART_STREAM_GROUP_END] = { { "" }, NO_COUNTER, GROUPS, PART_STREAM_GROUP, PART_STREAM_DONE },
};

void rdb_stream_begin(struct rdb_stream_plan *p, uint64_t nodes)
{
    *p = (struct rdb_stream_plan){ .next = nodes ? PART_STREAM_NODE : PART_STREAM_TOTALS };
    p->left[NODES] = nodes;
}

const char *rdb_stream_form(const struct rdb_stream_plan *p, int rdb_type)
{
    int form = rdb_type == FIRST_FORM ? 0 : rdb_type == SECOND_FORM ? 1 : 2;

    while (!parts[p->next].form[form])
        form--;
    return parts[p->next].form[form];
}

const char *rdb_stream_refusal(int part)
{
    switch (part) {
    case PART_STREAM_NODE:
        return "Stream listpack integrity check failed";
    case PART_STREAM_GROUP:
        return "Duplicated consumer group name detected";
    case PART_STREAM_CONSUMER:
        return "Duplicate stream consumer detected";
    default:
        return "a part of a stream makes no sense, or is there twice";
    }
}

bool rdb_stream_advance(struct rdb_stream_plan *p, const struct value_part *taken)
{
    int counter = parts[p->next].sets;

    if (counter != NO_COUNTER)
        p->left[counter] = taken->numbers[0];
    else
        counter = parts[p->next].takes;
    if (counter != NO_COUNTER && counter == parts[p->next].takes)
        p->left[counter]--;
    p->next = counter != NO_COUNTER && p->left[counter] ? parts[p->next].some : parts[p->next].none;
    return p->next != PART_STREAM_DONE;
}
