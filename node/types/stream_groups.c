/*
 * stream_groups - XGROUP: making, moving and ending groups and consumers.
 */
#include "node/types/arguments.h"
#include "node/types/stream_commands.h"

static void refuse_use(struct call *c)
{
    enum { WORD_MAX = 128 };
    struct bytes word = c->argv[1];

    word.len = word.len < WORD_MAX ? word.len : WORD_MAX;
    reply_errorf(c->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XGROUP HELP.",
                 SHOWN(word));
    call_no_effect(c);
}

enum { CREATE_ARGC_MAX = 8, SETID_ARGC_MAX = 7 }; /* each option once */

struct group_options {
    bool make_stream;
    int64_t read;
};

/* Behind the id: [MKSTREAM] [ENTRIESREAD n]. */
static bool want_group_options(struct call *c, bool creates, struct group_options *out)
{
    *out = (struct group_options){ .read = READ_UNKNOWN };
    for (int i = 5; i < c->argc; i++) {
        if (creates && bytes_is_word(c->argv[i], "mkstream")) {
            out->make_stream = true;
        } else if (i + 1 < c->argc && bytes_is_word(c->argv[i], "entriesread")) {
            if (!want_i64(c, ++i, &out->read))
                return false;
            /* A leader's count may follow from an ENTRIESADDED that ran over, and is what it is. */
            if (out->read < READ_UNKNOWN && !c->from_leader) {
                refuse(c, "ERR value for ENTRIESREAD must be positive or -1");
                return false;
            }
        } else {
            refuse_use(c);
            return false;
        }
    }
    return true;
}

/* The stream, open for change. NULL: refused, or, where may_miss, not there and *out_missing set. */
static struct entry *want_stream(struct call *c, bool may_miss, bool *out_missing)
{
    struct entry *e = call_write(c, 2);

    *out_missing = !e && may_miss;
    if (!want_type(c, e, VALUE_STREAM))
        return NULL;
    if (!e && !may_miss)
        refuse(c, "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you "
                  "may want to use the MKSTREAM option to create an empty stream automatically.");
    return e;
}

static struct stream_group *want_group(struct call *c, struct entry **out_e)
{
    struct stream_group *g;
    bool missing;

    *out_e = want_stream(c, false, &missing);
    if (!*out_e)
        return NULL;
    g = stream_group_find(stream_of(*out_e), c->argv[3]);
    if (g)
        return g;
    reply_errorf(c->reply, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                 SHOWN(c->argv[3]), SHOWN(c->argv[2]));
    call_no_effect(c);
    return NULL;
}

/* "$" is the last id there is. */
static bool want_position(struct call *c, const struct stream *s, bool strict,
                          struct stream_id *out)
{
    *out = s ? s->last : STREAM_ID_MIN;
    if (bytes_is(c->argv[4], "$"))
        return true;
    if (!strict && stream_id_parse(c->argv[4], 0, out))
        return true;
    return want_stream_id(c, 4, 0, out);
}

static struct entry *make_stream(struct call *c, struct stream *s)
{
    struct value v = { .type = VALUE_STREAM, .form = FORM_APART, .apart = s };

    return keyspace_put(call_keyspace(c), c->db, c->argv[2], &v, NO_EXPIRY, call_door(c));
}

void cmd_xgroup_create(struct call *c)
{
    struct group_options o;
    struct stream_id last;
    struct entry *e;
    struct stream *s;
    bool missing;

    if (!want_group_options(c, true, &o))
        return;
    e = want_stream(c, o.make_stream, &missing);
    if (!e && !missing)
        return;
    if (c->argc > CREATE_ARGC_MAX) {
        refuse_use(c);
        return;
    }
    if (!want_position(c, e ? stream_of(e) : NULL, true, &last))
        return;
    s = e ? stream_of(e) : stream_new();
    if (!stream_group_add(s, c->argv[3], last, o.read)) {
        refuse(c, "BUSYGROUP Consumer Group name already exists");
        return;
    }
    if (e)
        stream_noted(c, e, NULL, 2);
    else
        make_stream(c, s);
    stream_event(c, "xgroup-create", 2);
    reply_ok(c->reply);
}

void cmd_xgroup_setid(struct call *c)
{
    struct group_options o;
    struct stream_group *g;
    struct stream_id last;
    struct entry *e;

    if (!want_group_options(c, false, &o))
        return;
    g = want_group(c, &e);
    if (!g)
        return;
    if (c->argc > SETID_ARGC_MAX) {
        refuse_use(c);
        return;
    }
    if (!want_position(c, stream_of(e), false, &last))
        return;
    g->last = last;
    g->read = o.read;
    stream_noted(c, e, "xgroup-setid", 2);
    reply_ok(c->reply);
}

void cmd_xgroup_destroy(struct call *c)
{
    struct keyspace *ks = call_keyspace(c);
    struct stream_group *g;
    bool missing;
    struct entry *e = want_stream(c, false, &missing);

    if (!e)
        return;
    g = stream_group_find(stream_of(e), c->argv[3]);
    reply_int(c->reply, g != NULL);
    if (!g) {
        call_no_effect(c);
        return;
    }
    stream_group_remove(stream_of(e), g);
    stream_noted(c, e, "xgroup-destroy", 2);
    keyspace_ready(ks, c->db, c->argv[2]); /* who waits in the group waits in vain */
}

void cmd_xgroup_createconsumer(struct call *c)
{
    struct entry *e;
    struct stream_group *g = want_group(c, &e);
    bool is_new;

    if (!g)
        return;
    is_new = stream_consumer_add(stream_of(e), g, c->argv[4], call_now_ms(c));
    reply_int(c->reply, is_new);
    if (is_new)
        stream_noted(c, e, "xgroup-createconsumer", 2);
    else
        call_no_effect(c);
}

void cmd_xgroup_delconsumer(struct call *c)
{
    struct entry *e;
    struct stream_group *g = want_group(c, &e);
    struct stream_consumer *who = g ? stream_consumer_find(g, c->argv[4]) : NULL;

    if (!g)
        return;
    if (!who) {
        reply_int(c->reply, 0);
        call_no_effect(c);
        return;
    }
    reply_int(c->reply, (int64_t)stream_consumer_remove(stream_of(e), g, who));
    stream_noted(c, e, "xgroup-delconsumer", 2);
}
