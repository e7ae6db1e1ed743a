/* What proposers of a durable group's register say to our voters (common/register/wire.h). */
#include "common/register/wire.h"
#include "sentinel/serve/rows.h"

enum { BEFORE_VERB = 2 }; /* SENTINEL HF */

static void refuse(struct call *c, const struct errmsg *why)
{
    reply_errorf(c->reply, "ERR %.200s", why->text);
}

static void enrol(struct call *c, const struct wire *w)
{
    struct errmsg why = { "" };
    struct bytes group;

    if (wire_take_enrol(w, &group, &why) != OK) {
        refuse(c, &why);
        return;
    }
    if (!serve_want_group(c, BEFORE_VERB + 2))
        return;
    serve_begin_asking(c);
    world_of(c)->enrol(world_of(c), c->session->id, group);
    serve_end_asking(c);
}

static void hear(struct call *c, const struct wire *w)
{
    struct errmsg why = { "" };
    struct reg_message m;

    if (wire_take_message(w, &m, &why) != OK) {
        refuse(c, &why);
        return;
    }
    serve_begin_asking(c);
    world_of(c)->hear(world_of(c), c->session->id, &m);
    serve_end_asking(c);
}

bool sentinel_register(struct call *c)
{
    static const struct {
        const char *verb;
        void (*answer)(struct call *c, const struct wire *w);
    } verbs[] = {
        { "PREPARE", hear }, { "ACCEPT", hear }, { "LEARN", hear },
        { "GET", hear },     { "ENROL", enrol },
    };
    struct wire w = { .count = 0 };

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!bytes_is_word(c->argv[BEFORE_VERB], verbs[i].verb))
            continue;
        wire_of_words(&w, c->argc - BEFORE_VERB, c->argv + BEFORE_VERB);
        verbs[i].answer(c, &w);
        return true;
    }
    return false;
}
