/*
 * generic_expire - when a key ends: setting, asking, taking away.
 */
#include "node/types/arguments.h"
#include "node/types/generic.h"

/* ---- EXPIRE and its kin -------------------------------------------------------------------- */

enum condition {
    IF_NONE = 1u << 0,    /* NX: only where there is no deadline */
    IF_SOME = 1u << 1,    /* XX */
    IF_LATER = 1u << 2,   /* GT; a key without one lives for ever, and nothing is later */
    IF_EARLIER = 1u << 3, /* LT */
};

static const struct {
    const char *word;
    enum condition condition;
} conditions[] = { { "nx", IF_NONE }, { "xx", IF_SOME }, { "gt", IF_LATER }, { "lt", IF_EARLIER } };

static uint32_t condition_of(struct bytes word)
{
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        if (bytes_is_word(word, conditions[i].word))
            return conditions[i].condition;
    }
    return 0;
}

static bool want_conditions(struct call *c, uint32_t *out)
{
    uint32_t set = 0;

    for (int i = 3; i < c->argc; i++) {
        uint32_t condition = condition_of(c->argv[i]);

        if (!condition) {
            reply_errorf(c->reply, "ERR Unsupported option %.*s", (int)c->argv[i].len,
                         c->argv[i].at);
            call_no_effect(c);
            return false;
        }
        set |= condition;
    }
    if (set & IF_NONE && set & ~(uint32_t)IF_NONE) {
        refuse(c, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (set & IF_LATER && set & IF_EARLIER) {
        refuse(c, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    *out = set;
    return true;
}

static bool holds(uint32_t conditions_set, int64_t now_set, int64_t wanted)
{
    bool none = now_set == NO_EXPIRY;

    return !(conditions_set & IF_NONE && !none) && !(conditions_set & IF_SOME && none) &&
           !(conditions_set & IF_LATER && (none || wanted <= now_set)) &&
           !(conditions_set & IF_EARLIER && !none && wanted >= now_set);
}

static void expire(struct call *c, bool seconds, bool relative)
{
    struct keyspace *ks = call_keyspace(c);
    struct time_unit unit = { .seconds = seconds, .relative = relative };
    uint32_t set;
    int64_t deadline_ms;
    struct entry *e;

    if (!want_conditions(c, &set) || !want_deadline(c, 2, unit, &deadline_ms))
        return;
    e = call_write(c, 1);
    if (!e || !holds(set, entry_expiry_ms(e), deadline_ms)) {
        reply_int(c->reply, 0);
        call_no_effect(c);
        return;
    }
    if (deadline_has_passed(c, deadline_ms)) {
        keyspace_delete(ks, c->db, c->argv[1], call_door(c));
        generic_event(c, "del", 1);
        effect_delete(c, 1);
    } else {
        keyspace_set_expiry(ks, c->db, e, deadline_ms);
        generic_event(c, "expire", 1);
        effect_expire(c, 1, deadline_ms);
    }
    reply_int(c->reply, 1);
}

void cmd_expire(struct call *c)
{
    expire(c, true, true);
}

void cmd_pexpire(struct call *c)
{
    expire(c, false, true);
}

void cmd_expireat(struct call *c)
{
    expire(c, true, false);
}

void cmd_pexpireat(struct call *c)
{
    expire(c, false, false);
}

void cmd_persist(struct call *c)
{
    struct entry *e = call_write(c, 1);

    if (!e || entry_expiry_ms(e) == NO_EXPIRY) {
        reply_int(c->reply, 0);
        call_no_effect(c);
        return;
    }
    keyspace_set_expiry(call_keyspace(c), c->db, e, NO_EXPIRY);
    generic_event(c, "persist", 1);
    reply_int(c->reply, 1);
}

/* ---- TTL and its kin ----------------------------------------------------------------------- */

enum { NO_KEY = -2, NO_DEADLINE = -1 };

static void reply_time(struct call *c, bool relative, bool seconds)
{
    const struct entry *e = call_read(c, 1, DOOR_NO_TOUCH);
    int64_t at = e ? entry_expiry_ms(e) : NO_EXPIRY;

    if (at == NO_EXPIRY) {
        reply_int(c->reply, e ? NO_DEADLINE : NO_KEY);
        return;
    }
    if (relative)
        at -= (int64_t)keyspace_wall_ms(call_keyspace(c));
    if (at < 0)
        at = 0;
    reply_int(c->reply, seconds ? at / 1000 + (at % 1000 >= 500) : at);
}

void cmd_ttl(struct call *c)
{
    reply_time(c, true, true);
}

void cmd_pttl(struct call *c)
{
    reply_time(c, true, false);
}

void cmd_expiretime(struct call *c)
{
    reply_time(c, false, true);
}

void cmd_pexpiretime(struct call *c)
{
    reply_time(c, false, false);
}
