#include "sentinel/ctl/newest.h"

#include "sentinel/ctl/facts.h"
#include "sentinel/ctl/verbs.h"

enum { HASTE = 8, NOBODY = -1 };

static enum err ask_claim(const struct options *o, int index, struct claim *out, struct errmsg *why)
{
    const struct resp_value *reply;
    struct wire w = { 0 };
    enum err e = wire_open(&w, o, &o->targets[index], why);

    if (e == OK)
        e = ask_leader(&w, o->group, out->address, sizeof out->address, why);
    if (e == OK)
        e = WIRE_CALL(&w, &reply, why, "SENTINEL", "MASTER", o->group);
    if (e == OK) {
        (void)bytes_to_i64(facts_field(reply, "config-epoch"), &out->epoch);
        out->by = index;
    }
    wire_close(&w);
    return e;
}

/* Asks those that were not heard yet; the number of them that are heard now. */
static int ask_round(const struct options *o, uint64_t timeout_ms, bool *heard, struct claim *best,
                     struct trouble *t)
{
    struct options brief = *o;
    int count = 0;

    brief.timeout_ms = timeout_ms;
    for (int i = 0; i < o->target_count; i++) {
        struct claim claim = { .epoch = 0 };
        struct errmsg why = { 0 };
        enum err e;

        if (heard[i])
            continue;
        e = ask_claim(&brief, i, &claim, &why);
        trouble_note(t, e, &why);
        heard[i] = !trouble_is_silence(e);
        count += heard[i];
        if (e == OK && (best->by == NOBODY || claim.epoch > best->epoch))
            *best = claim;
    }
    return count;
}

enum err newest_claim(const struct options *o, struct claim *out, struct errmsg *out_why)
{
    bool heard[TARGETS_MAX] = { false };
    struct trouble t = { .e = OK };
    int count;

    *out = (struct claim){ .by = NOBODY };
    count = ask_round(o, o->timeout_ms / HASTE + 1, heard, out, &t);
    if (out->by == NOBODY || 2 * count <= o->target_count)
        (void)ask_round(o, o->timeout_ms, heard, out, &t);
    if (out->by != NOBODY)
        return OK;
    *out_why = t.why;
    return t.e;
}

enum err newest_open(struct wire *w, const struct options *o, int *index, struct errmsg *out_why)
{
    struct claim claim = { .by = 0 };
    enum err e = o->target_count > 1 ? newest_claim(o, &claim, out_why) : OK;

    *index = claim.by;
    return e == OK ? wire_open(w, o, &o->targets[claim.by], out_why) : e;
}
