#include "common/register/wire.h"

#include <string.h>

#include "common/format.h"

/* ---- the words --------------------------------------------------------------------------------- */

enum word_kind {
    WORD_END,
    WORD_U64,
    WORD_U32,
    WORD_BOOL,
    WORD_ID,      /* a number, not 0 */
    WORD_GID,     /* 40 hex digits */
    WORD_GID_ANY, /* or nothing */
    WORD_RUN,     /* 40 hex digits */
    WORD_WHY,
    WORD_ROLE,
    WORD_FLAGS,
    WORD_CHARTER,
    WORD_CHARTER_ANY, /* or nothing */
    WORD_SUSPECTS,
    WORD_PLACE_ANY, /* or nothing */
    WORD_KIND_COUNT
};

/* One word: what it looks like, and where in the struct it goes. */
struct word {
    enum word_kind kind;
    size_t at;
    const char *name; /* in a refusal */
    uint64_t max;     /* of a number; 0: its type's */
    uint32_t since;   /* the format that it came with; 0: the first */
};

enum { FORM_WORDS_MAX = 24 };

struct form {
    const char *verb;
    struct word words[FORM_WORDS_MAX];
};

#define M(kind, field, name)                                  \
    {                                                         \
        kind, offsetof(struct reg_message, field), name, 0, 0 \
    }
#define O(kind, field, name)                            \
    {                                                   \
        kind, offsetof(struct order, field), name, 0, 0 \
    }
#define A(kind, field, name)                              \
    {                                                     \
        kind, offsetof(struct receipt, field), name, 0, 0 \
    }
#define A_SINCE(format, kind, field, name)                     \
    {                                                          \
        kind, offsetof(struct receipt, field), name, 0, format \
    }
#define M_MAX(field, name, limit)                                     \
    {                                                                 \
        WORD_U64, offsetof(struct reg_message, field), name, limit, 0 \
    }
#define O_MAX(field, name, limit)                               \
    {                                                           \
        WORD_U64, offsetof(struct order, field), name, limit, 0 \
    }
#define A_MAX(field, name, limit)                                 \
    {                                                             \
        WORD_U64, offsetof(struct receipt, field), name, limit, 0 \
    }

#define BALLOT(field)                                    \
    M_MAX(field.round, #field " round", REG_NUMBER_MAX), \
        M(WORD_U64, field.proposer, #field " proposer")
#define HEAD     M(WORD_ID, voter, "voter"), M(WORD_GID, gid, "gid"), BALLOT(ballot)
#define HEAD_ANY M(WORD_ID, voter, "voter"), M(WORD_GID_ANY, gid, "gid"), BALLOT(ballot)
#define HELD \
    BALLOT(accepted), M(WORD_BOOL, committed, "committed"), M(WORD_CHARTER_ANY, value, "charter")

static const struct form message_forms[REG_KIND_COUNT] = {
    [REG_PREPARE] = { "PREPARE",
                      { HEAD, M_MAX(ver, "ver", REG_NUMBER_MAX), M(WORD_U32, hash, "hash") } },
    [REG_ACCEPT] = { "ACCEPT", { HEAD, M(WORD_CHARTER, value, "charter") } },
    [REG_LEARN] = { "LEARN", { HEAD } },
    [REG_GET] = { "GET", { HEAD } },
    [REG_PROMISE] = { "PROMISE", { HEAD, BALLOT(promised), HELD } },
    [REG_ACCEPTED] = { "ACCEPTED", { HEAD, BALLOT(promised) } },
    [REG_NACK] = { "NACK", { HEAD, BALLOT(promised), M(WORD_WHY, why, "why"), HELD } },
    [REG_VALUE] = { "VALUE", { HEAD_ANY, BALLOT(promised), HELD } },
};

#define SEQ   O(WORD_U64, seq, "seq")
#define KNOWN O_MAX(epoch, "epoch", REG_NUMBER_MAX), O_MAX(ver, "ver", REG_NUMBER_MAX)

static const struct form order_forms[ORDER_COUNT] = {
    [ORDER_HELLO] = { "HELLO",
                      { O(WORD_GID_ANY, gid, "gid"), SEQ, O(WORD_U64, sentinel, "sentinel") } },
    [ORDER_PING] = { "PING", { O(WORD_GID_ANY, gid, "gid"), SEQ, KNOWN } },
    [ORDER_PROMOTE] = { "PROMOTE",
                        { O(WORD_GID, gid, "gid"), SEQ, O(WORD_CHARTER, value, "charter"),
                          O(WORD_SUSPECTS, suspects, "suspects") } },
    [ORDER_CONFIG] = { "CONFIG",
                       { O(WORD_GID, gid, "gid"), SEQ, O(WORD_CHARTER, value, "charter") } },
    [ORDER_HANDOFF] = { "HANDOFF",
                        { O(WORD_GID, gid, "gid"), SEQ, KNOWN, O(WORD_ID, target, "target"),
                          O(WORD_U64, timeout_ms, "timeout-ms") } },
};

static const struct form receipt_form = {
    NULL,
    { A(WORD_U64, seq, "seq"),
      A(WORD_GID_ANY, report.gid, "gid"),
      A(WORD_ID, report.node, "node"),
      A(WORD_ID, report.did, "did"),
      A(WORD_U64, report.boot, "boot"),
      A(WORD_RUN, report.run, "run"),
      A(WORD_ROLE, report.role, "role"),
      A(WORD_FLAGS, report.flags, "flags"),
      A(WORD_U32, report.priority, "priority"),
      A_MAX(report.promised, "promised", REG_NUMBER_MAX),
      A_MAX(report.ver, "ver", REG_NUMBER_MAX),
      A_MAX(report.at.epoch, "epoch", REG_NUMBER_MAX),
      A(WORD_U64, report.at.offset, "offset"),
      A(WORD_U64, report.written, "written"),
      A(WORD_U64, report.synced, "synced"),
      A(WORD_U64, report.commit, "commit"),
      A(WORD_U64, report.loop_age_ms, "loop-age-ms"),
      A(WORD_U64, report.beat_age_ms, "beat-age-ms"),
      A_SINCE(2, WORD_PLACE_ANY, report.follows, "follows"),
      A_SINCE(2, WORD_U64, report.hands_to, "hands-to") },
};

_Static_assert(2 + FORM_WORDS_MAX <= WIRE_WORDS_MAX, "verb, format and the words");

/* Of a message in that format. */
static int form_count(const struct form *f, uint32_t format)
{
    int n = 0;

    while (n < FORM_WORDS_MAX && f->words[n].kind != WORD_END && f->words[n].since <= format)
        n++;
    return n;
}

static uint32_t flags_of(uint32_t format)
{
    return format < 2 ? NODE_FLAGS_FIRST : NODE_FLAGS_ALL;
}

uint32_t wire_format_own(void)
{
    return format_own(WIRE_NEWEST);
}

/* ---- writing ----------------------------------------------------------------------------------- */

static void begin_word(struct wire *w)
{
    ASSERT(w->count < WIRE_WORDS_MAX);
    w->words[w->count].len = w->text.len; /* where it begins, until the text stands still */
    w->count++;
}

void wire_put_text(struct wire *w, const char *text)
{
    begin_word(w);
    buf_puts(&w->text, text);
}

void wire_put_number(struct wire *w, uint64_t v)
{
    begin_word(w);
    buf_printf(&w->text, "%llu", (unsigned long long)v);
}

/* Whoever made it has seen that it fits. */
static void put_charter(struct wire *w, const struct charter *c)
{
    enum err e = OK;

    begin_word(w);
    if (c->ver != 0)
        e = charter_encode(c, &w->text);
    ASSERT(e == OK);
}

static void put_suspects(struct wire *w, const struct order *o)
{
    begin_word(w);
    for (uint32_t i = 0; i < o->suspect_count; i++)
        buf_printf(&w->text, "%s%llu", i ? "," : "", (unsigned long long)o->suspects[i]);
}

static void put_place(struct wire *w, const struct place *p)
{
    begin_word(w);
    if (p->port)
        buf_printf(&w->text, "%u %s", p->port, p->host);
}

static void put_word(struct wire *w, const struct word *word, const void *from)
{
    const void *at = (const char *)from + word->at;

    switch (word->kind) {
    case WORD_U64:
    case WORD_ID:
        wire_put_number(w, *(const uint64_t *)at);
        break;
    case WORD_U32:
        wire_put_number(w, *(const uint32_t *)at);
        break;
    case WORD_FLAGS:
        wire_put_number(w, *(const uint32_t *)at & flags_of(wire_format_own()));
        break;
    case WORD_BOOL:
        wire_put_number(w, *(const bool *)at);
        break;
    case WORD_GID:
    case WORD_GID_ANY:
    case WORD_RUN:
        wire_put_text(w, at);
        break;
    case WORD_WHY:
        wire_put_text(w, nack_word(*(const enum nack_why *)at));
        break;
    case WORD_ROLE:
        wire_put_text(w, node_role_word(*(const enum node_role *)at));
        break;
    case WORD_CHARTER:
    case WORD_CHARTER_ANY:
        put_charter(w, at);
        break;
    case WORD_SUSPECTS:
        put_suspects(w, from);
        break;
    case WORD_PLACE_ANY:
        put_place(w, at);
        break;
    case WORD_END:
    case WORD_KIND_COUNT:
        ASSERT(!"a word");
    }
}

void wire_begin(struct wire *w, const char *verb)
{
    w->count = 0;
    w->text.len = 0;
    wire_put_text(w, verb);
    wire_put_number(w, wire_format_own());
}

void wire_end(struct wire *w)
{
    size_t to = w->text.len;

    for (int i = w->count - 1; i >= 0; i--) {
        size_t from = w->words[i].len;

        w->words[i] = (struct bytes){ w->text.at + from, to - from };
        to = from;
    }
}

static void put_form(struct wire *w, const char *verb, const struct form *f, const void *from)
{
    wire_begin(w, verb);
    for (int i = 0; i < form_count(f, wire_format_own()); i++)
        put_word(w, &f->words[i], from);
    wire_end(w);
}

void wire_put_message(struct wire *w, const struct reg_message *m)
{
    put_form(w, message_forms[m->kind].verb, &message_forms[m->kind], m);
}

void wire_put_enrol(struct wire *w, const char *group)
{
    wire_begin(w, "ENROL");
    wire_put_text(w, group);
    wire_end(w);
}

void wire_put_order(struct wire *w, const struct order *o)
{
    put_form(w, order_word(o->kind), &order_forms[o->kind], o);
}

void wire_put_receipt(struct wire *w, const struct receipt *a)
{
    put_form(w, receipt_word(a->kind), &receipt_form, a);
}

void wire_reply(const struct wire *w, struct reply *r)
{
    reply_array(r, (size_t)w->count);
    for (int i = 0; i < w->count; i++)
        reply_bulk(r, w->words[i]);
}

void wire_fini(struct wire *w)
{
    buf_fini(&w->text);
    *w = (struct wire){ .count = 0 };
}

/* ---- reading ----------------------------------------------------------------------------------- */

void wire_of_words(struct wire *w, int argc, const struct bytes *argv)
{
    w->count = argc < WIRE_WORDS_MAX ? argc : WIRE_WORDS_MAX;
    memcpy(w->words, argv, (size_t)w->count * sizeof *argv);
}

bool wire_of_reply(struct wire *w, const struct resp_value *reply)
{
    if (reply->kind != RESP_ARRAY || reply->count == 0)
        return false;
    for (size_t i = 0; i < reply->count; i++)
        if (reply->items[i].kind != RESP_BULK)
            return false;
    w->count = reply->count < WIRE_WORDS_MAX ? (int)reply->count : WIRE_WORDS_MAX;
    for (int i = 0; i < w->count; i++)
        w->words[i] = reply->items[i].text;
    return true;
}

uint32_t wire_format(const struct wire *w)
{
    uint64_t format = 0;

    if (w->count < 2 || !bytes_to_u64(w->words[1], &format) || format > UINT32_MAX)
        return 0;
    return (uint32_t)format;
}

bool wire_take_hex(struct bytes word, char *out, size_t len)
{
    if (word.len != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = word.at[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    memcpy(out, word.at, len);
    out[len] = '\0';
    return true;
}

static bool take_number(struct bytes word, uint64_t max, uint64_t *out)
{
    return bytes_to_u64(word, out) && *out <= max;
}

static bool take_u32(struct bytes word, uint32_t max, uint32_t *out)
{
    uint64_t v;

    if (!take_number(word, max, &v))
        return false;
    *out = (uint32_t)v;
    return true;
}

static bool take_bool(struct bytes word, bool *out)
{
    uint64_t v;

    if (!take_number(word, 1, &v))
        return false;
    *out = v == 1;
    return true;
}

static bool take_why(struct bytes word, enum nack_why *out)
{
    for (int i = 0; i < NACK_COUNT; i++) {
        if (bytes_is(word, nack_word((enum nack_why)i))) {
            *out = (enum nack_why)i;
            return true;
        }
    }
    return false;
}

static bool take_role(struct bytes word, enum node_role *out)
{
    for (int i = 0; i < NODE_ROLE_COUNT; i++) {
        if (bytes_is(word, node_role_word((enum node_role)i))) {
            *out = (enum node_role)i;
            return true;
        }
    }
    return false;
}

/* Bits that a newer format added are none of ours. */
static bool take_flags(struct bytes word, uint32_t format, uint32_t *out)
{
    bool newer = format > wire_format_own();

    if (!take_u32(word, newer ? UINT32_MAX : flags_of(format), out))
        return false;
    *out &= flags_of(wire_format_own());
    return true;
}

static bool take_suspects(struct bytes word, struct order *out)
{
    while (word.len) {
        const char *comma = memchr(word.at, ',', word.len);
        size_t len = comma ? (size_t)(comma - word.at) : word.len;
        uint64_t id;

        if (out->suspect_count == CHARTER_MEMBERS_MAX || (comma && len + 1 == word.len) ||
            !bytes_to_u64((struct bytes){ word.at, len }, &id) || id == 0)
            return false;
        out->suspects[out->suspect_count++] = id;
        word.at += comma ? len + 1 : len;
        word.len -= comma ? len + 1 : len;
    }
    return true;
}

/* A host has no blanks: else another word would read the same. */
static bool take_place(struct bytes word, struct place *out)
{
    const char *blank = word.len ? memchr(word.at, ' ', word.len) : NULL;
    size_t digits = blank ? (size_t)(blank - word.at) : 0, len = blank ? word.len - digits - 1 : 0;
    uint64_t port;

    if (word.len == 0)
        return true;
    if (!take_number((struct bytes){ word.at, digits }, UINT16_MAX, &port) || port == 0 ||
        len == 0 || len > CHARTER_HOST_MAX || memchr(blank + 1, '\0', len) ||
        memchr(blank + 1, ' ', len))
        return false;
    out->port = (uint16_t)port;
    memcpy(out->host, blank + 1, len);
    out->host[len] = '\0';
    return true;
}

static bool take_charter(struct bytes word, struct charter *out)
{
    return charter_decode(word, out, NULL) == OK;
}

static bool take_word(const struct word *word, struct bytes text, uint32_t format, void *out)
{
    void *at = (char *)out + word->at;

    switch (word->kind) {
    case WORD_U64:
        return take_number(text, word->max ? word->max : UINT64_MAX, at);
    case WORD_ID:
        return take_number(text, UINT64_MAX, at) && *(uint64_t *)at != 0;
    case WORD_U32:
        return take_u32(text, UINT32_MAX, at);
    case WORD_BOOL:
        return take_bool(text, at);
    case WORD_GID_ANY:
        return text.len == 0 || wire_take_hex(text, at, GID_LEN);
    case WORD_GID:
        return wire_take_hex(text, at, GID_LEN);
    case WORD_RUN:
        return wire_take_hex(text, at, RUN_LEN);
    case WORD_WHY:
        return take_why(text, at);
    case WORD_ROLE:
        return take_role(text, at);
    case WORD_FLAGS:
        return take_flags(text, format, at);
    case WORD_CHARTER_ANY:
        return text.len == 0 || take_charter(text, at);
    case WORD_CHARTER:
        return take_charter(text, at);
    case WORD_SUSPECTS:
        return take_suspects(text, out);
    case WORD_PLACE_ANY:
        return take_place(text, at);
    case WORD_END:
    case WORD_KIND_COUNT:
        break;
    }
    return false;
}

/* Rule 2. out is zeroed. */
static enum err take_form(const struct wire *w, const struct form *f, void *out,
                          struct errmsg *out_why)
{
    uint32_t format = wire_format(w), own = wire_format_own();
    int count = form_count(f, format < own ? format : own);

    if (format == 0) {
        errmsg_set(out_why, "the format is no number");
        return ERR_SYNTAX;
    }
    if (w->count < 2 + count || (w->count > 2 + count && format <= own)) {
        errmsg_set(out_why, "%d words are not what format %u has", w->count, format);
        return ERR_SYNTAX;
    }
    for (int i = 0; i < count; i++) {
        if (!take_word(&f->words[i], w->words[2 + i], format, out)) {
            errmsg_set(out_why, "odd word: %s", f->words[i].name);
            return ERR_SYNTAX;
        }
    }
    return OK;
}

/* A value stands under a ballot and belongs to the message's group, or there is none of it all. */
static bool agrees(const struct reg_message *m)
{
    bool has = m->value.ver != 0;

    if (has && strcmp(m->value.gid, m->gid) != 0)
        return false;
    if (m->ballot.round != 0 && m->ballot.proposer == 0)
        return false;
    if (m->kind < REG_PROMISE)
        return m->ballot.round != 0;
    return has == (m->accepted.round != 0) && (has || !m->committed);
}

static const struct form *find_form(const struct form *forms, int count, const struct wire *w,
                                    int *out_kind)
{
    for (int i = 0; w->count && i < count; i++) {
        if (forms[i].verb && bytes_is_word(w->words[0], forms[i].verb)) {
            *out_kind = i;
            return &forms[i];
        }
    }
    return NULL;
}

static enum err refuse_verb(const struct wire *w, struct errmsg *out_why)
{
    struct bytes verb = w->count ? w->words[0] : (struct bytes){ "", 0 };

    errmsg_set(out_why, "'%.*s' is not known", verb.len > 32 ? 32 : (int)verb.len, verb.at);
    return ERR_SYNTAX;
}

enum err wire_take_message(const struct wire *w, struct reg_message *out, struct errmsg *out_why)
{
    struct reg_message m = { .kind = REG_PREPARE };
    int kind = 0;
    const struct form *f = find_form(message_forms, REG_KIND_COUNT, w, &kind);
    enum err e;

    if (!f)
        return refuse_verb(w, out_why);
    m.kind = (enum reg_kind)kind;
    e = take_form(w, f, &m, out_why);
    if (e != OK)
        return e;
    if (!agrees(&m)) {
        errmsg_set(out_why, "ballots, group and charter contradict each other");
        return ERR_SYNTAX;
    }
    if (m.value.ver)
        m.ver = m.value.ver;
    m.format = wire_format(w);
    *out = m;
    return OK;
}

enum err wire_take_enrol(const struct wire *w, struct bytes *out_group, struct errmsg *out_why)
{
    static const struct form form = { "ENROL", { { WORD_END, 0, NULL, 0 } } };
    struct wire head = *w;
    struct bytes group;

    if (w->count == 0 || !bytes_is_word(w->words[0], form.verb))
        return refuse_verb(w, out_why);
    if (w->count < 3 || (w->count > 3 && wire_format(w) <= wire_format_own())) {
        errmsg_set(out_why, "%d words are not what it has", w->count);
        return ERR_SYNTAX;
    }
    head.count = 2;
    group = w->words[2];
    if (group.len == 0 || group.len > WIRE_GROUP_MAX || memchr(group.at, '\0', group.len)) {
        errmsg_set(out_why, "odd word: group");
        return ERR_SYNTAX;
    }
    *out_group = group;
    return take_form(&head, &form, NULL, out_why);
}

enum err wire_take_order(const struct wire *w, struct order *out, struct errmsg *out_why)
{
    struct order o = { .kind = ORDER_HELLO };
    int kind = 0;
    const struct form *f = find_form(order_forms, ORDER_COUNT, w, &kind);
    enum err e;

    if (!f)
        return refuse_verb(w, out_why);
    o.kind = (enum order_kind)kind;
    e = take_form(w, f, &o, out_why);
    if (e != OK)
        return e;
    if (o.value.ver && strcmp(o.value.gid, o.gid) != 0) {
        errmsg_set(out_why, "the charter is another group's");
        return ERR_SYNTAX;
    }
    *out = o;
    return OK;
}

enum err wire_take_receipt(const struct wire *w, struct receipt *out, struct errmsg *out_why)
{
    for (int i = 0; w->count && i < RECEIPT_COUNT; i++) {
        struct receipt a = { .kind = (enum receipt_kind)i };
        enum err e;

        if (!bytes_is(w->words[0], receipt_word(a.kind)))
            continue;
        e = take_form(w, &receipt_form, &a, out_why);
        a.report.format = wire_format(w);
        if (e == OK)
            *out = a;
        return e;
    }
    return refuse_verb(w, out_why);
}
