/* Durable groups: what operators ask of a captain, and what other captains say. */
#include <string.h>

#include "common/register/lookout.h"
#include "common/register/wire.h"
#include "sentinel/core/durable/request.h"
#include "sentinel/serve/rows.h"

enum { BEFORE_VERB = 2, NAME_AT = 3, WORDS_AT = 4 }; /* SENTINEL HF <verb> <name> … */

static void refuse_syntax(struct call *c)
{
    reply_error(c->reply, "ERR syntax error");
}

void serve_request(struct call *c, const char *group, struct durable_request *r)
{
    r->token = c->session->id;
    serve_begin_asking(c);
    world_of(c)->request(world_of(c), group, r);
    serve_end_asking(c);
}

/* ---- words -------------------------------------------------------------------------------------- */

/* host:port, an IPv6 host in brackets or not. */
static bool split_place(struct bytes word, struct place *out)
{
    const char *colon = word.len ? memrchr(word.at, ':', word.len) : NULL;
    size_t len = colon ? (size_t)(colon - word.at) : 0;
    struct bytes host = { word.at, len }, port = { colon + 1, word.len - len - 1 };
    int64_t n;

    if (!colon || !bytes_to_i64(port, &n))
        return false;
    if (len > 2 && host.at[0] == '[' && host.at[len - 1] == ']')
        host = (struct bytes){ host.at + 1, len - 2 };
    return place_set(out, host, n);
}

/* Two words, host and port, or one with a colon between; *at goes behind it. */
static bool take_place(const struct call *c, int *at, struct place *out)
{
    int64_t port;

    if (*at + 2 <= c->argc && bytes_to_i64(c->argv[*at + 1], &port)) {
        *at += 2;
        return place_set(out, c->argv[*at - 2], port);
    }
    return *at < c->argc && split_place(c->argv[(*at)++], out);
}

static bool take_word(const struct call *c, int *at, const char *word)
{
    if (*at >= c->argc || !bytes_is_word(c->argv[*at], word))
        return false;
    (*at)++;
    return true;
}

bool serve_take_level(struct bytes word, enum keep *out)
{
    for (int i = 0; i < KEEP_COUNT; i++) {
        if (bytes_is_word(word, keep_word((enum keep)i))) {
            *out = (enum keep)i;
            return true;
        }
    }
    return false;
}

/* LEVEL name level [MINSYNC n] */
static bool take_level(const struct call *c, struct durable_request *r)
{
    int64_t n;

    r->kind = REQUEST_LEVEL;
    if (c->argc <= WORDS_AT || !serve_take_level(c->argv[WORDS_AT], &r->level))
        return false;
    if (c->argc == WORDS_AT + 1)
        return true;
    if (c->argc != WORDS_AT + 3 || !bytes_is_word(c->argv[WORDS_AT + 1], "minsync") ||
        !bytes_to_i64(c->argv[WORDS_AT + 2], &n) || n < 1 || n > CHARTER_MEMBERS_MAX)
        return false;
    r->min_sync = (uint32_t)n;
    return true;
}

/* MEMBER ADD|REMOVE name place [OBSERVER] */
static bool take_member(const struct call *c, struct durable_request *r)
{
    bool adds = bytes_is_word(c->argv[BEFORE_VERB + 1], "add");
    int at = WORDS_AT + 1;

    r->kind = adds ? REQUEST_MEMBER_ADD : REQUEST_MEMBER_REMOVE;
    if (!adds && !bytes_is_word(c->argv[BEFORE_VERB + 1], "remove"))
        return false;
    if (!take_place(c, &at, &r->at))
        return false;
    r->observer = adds && take_word(c, &at, "observer");
    return at == c->argc;
}

/* VOTER ADD|REMOVE name place, VOTER REPLACE name place [[WITH] place] */
static bool take_voter(const struct call *c, struct durable_request *r)
{
    static const struct {
        const char *word;
        enum request_kind kind;
    } kinds[] = { { "add", REQUEST_VOTER_ADD },
                  { "remove", REQUEST_VOTER_REMOVE },
                  { "replace", REQUEST_VOTER_REPLACE } };
    int at = WORDS_AT + 1;

    r->kind = REQUEST_COUNT;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (bytes_is_word(c->argv[BEFORE_VERB + 1], kinds[i].word))
            r->kind = kinds[i].kind;
    if (r->kind == REQUEST_COUNT || !take_place(c, &at, &r->at))
        return false;
    r->next = r->at; /* it has lost its memory, and is another voter at the same place */
    if (at == c->argc)
        return true;
    (void)take_word(c, &at, "with");
    return r->kind == REQUEST_VOTER_REPLACE && take_place(c, &at, &r->next) && at == c->argc;
}

static bool take_reason(struct bytes text, struct durable_request *r)
{
    if (text.len > CHARTER_REASON_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < ' ')
            return false;
    memcpy(r->reason, text.at, text.len);
    return true;
}

/* FORCE name place ACCEPT-LOSS ver [CONFIRM-DEAD] [reason] */
static bool take_force(const struct call *c, struct durable_request *r)
{
    int at = WORDS_AT;

    r->kind = REQUEST_FORCE;
    if (!take_place(c, &at, &r->at) || !take_word(c, &at, "accept-loss") || at >= c->argc ||
        !bytes_to_u64(c->argv[at++], &r->ver))
        return false;
    r->confirm_dead = take_word(c, &at, "confirm-dead");
    if (at < c->argc && !take_reason(c->argv[at++], r))
        return false;
    return at == c->argc;
}

/* ADMIT name yes|no */
static bool take_admit(const struct call *c, struct durable_request *r)
{
    r->kind = REQUEST_ADMIT;
    if (c->argc != WORDS_AT + 1)
        return false;
    r->closed = bytes_is_word(c->argv[WORDS_AT], "no");
    return r->closed || bytes_is_word(c->argv[WORDS_AT], "yes");
}

/* RESEED name level gid ACCEPT-RISK */
static bool take_reseed(const struct call *c, struct durable_request *r)
{
    int at = WORDS_AT + 2;

    r->kind = REQUEST_RESEED;
    return c->argc == WORDS_AT + 3 && serve_take_level(c->argv[WORDS_AT], &r->level) &&
           wire_take_hex(c->argv[WORDS_AT + 1], r->heir, GID_LEN) &&
           take_word(c, &at, "accept-risk");
}

static void operate(struct call *c, int name_at,
                    bool (*take)(const struct call *c, struct durable_request *r))
{
    struct durable_request r = { .kind = REQUEST_LEVEL };
    const struct group *g;

    if (c->argc <= name_at || !take(c, &r)) {
        refuse_syntax(c);
        return;
    }
    g = serve_want_group(c, name_at);
    if (g)
        serve_request(c, g->name, &r);
}

static void level(struct call *c)
{
    operate(c, NAME_AT, take_level);
}

static void member(struct call *c)
{
    operate(c, NAME_AT + 1, take_member);
}

static void voter(struct call *c)
{
    operate(c, NAME_AT + 1, take_voter);
}

static void admit(struct call *c)
{
    operate(c, NAME_AT, take_admit);
}

static void reseed(struct call *c)
{
    operate(c, NAME_AT, take_reseed);
}

static void force(struct call *c)
{
    operate(c, NAME_AT, take_force);
}

/* ---- what other captains say, and nodes -------------------------------------------------------------------- */

static void suspicion(struct call *c)
{
    struct wire w = { .count = 0 };
    struct suspicion s;
    struct errmsg why = { "" };
    bool asks;

    wire_of_words(&w, c->argc - BEFORE_VERB, c->argv + BEFORE_VERB);
    if (suspicion_take(&w, &asks, &s, &why) != OK)
        reply_errorf(c->reply, "ERR %.200s", why.text);
    else if (world_of(c)->suspect(world_of(c), asks, &s))
        reply_ok(c->reply);
    else
        reply_error(c->reply, "ERR no such durable group");
}

static void lookout(struct call *c)
{
    struct wire w = { .count = 0 };
    struct lookout l;
    struct errmsg why = { "" };

    wire_of_words(&w, c->argc - BEFORE_VERB, c->argv + BEFORE_VERB);
    if (lookout_take(&w, &l, &why) != OK)
        reply_errorf(c->reply, "ERR %.200s", why.text);
    else if (world_of(c)->lookout(world_of(c), &l))
        reply_ok(c->reply);
    else
        reply_error(c->reply, "ERR no such durable group");
}

bool sentinel_durable(struct call *c)
{
    static const struct {
        const char *verb;
        void (*obey)(struct call *c);
    } verbs[] = {
        { "level", level },
        { "admit", admit },
        { "member", member },
        { "voter", voter },
        { "force", force },
        { "reseed", reseed },
        { "status", sentinel_durable_status },
        { "suspect", suspicion },
        { "opinion", suspicion },
        { "lookout", lookout },
    };

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!bytes_is_word(c->argv[BEFORE_VERB], verbs[i].verb))
            continue;
        verbs[i].obey(c);
        return true;
    }
    return false;
}
