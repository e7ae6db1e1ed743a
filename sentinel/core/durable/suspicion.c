#include "sentinel/core/durable/suspicion.h"

#include "common/register/wire.h"

enum { HEAD_WORDS = 2, OWN_WORDS = 7 }; /* verb and format; what a suspicion has */

static const char *verb_of(bool asks)
{
    return asks ? "SUSPECT" : "OPINION";
}

void suspicion_put(struct wire *w, bool asks, const struct suspicion *s)
{
    wire_begin(w, verb_of(asks));
    wire_put_text(w, s->gid);
    wire_put_number(w, s->epoch);
    wire_put_text(w, s->run);
    wire_put_number(w, s->reporter);
    wire_put_text(w, opinion_word(s->opinion));
    wire_put_text(w, why_word(s->why));
    wire_put_number(w, s->age_ms);
    wire_end(w);
}

static enum opinion opinion_of(struct bytes word)
{
    for (int i = 0; i < OPINION_COUNT; i++)
        if (bytes_is(word, opinion_word((enum opinion)i)))
            return (enum opinion)i;
    return OPINION_UNKNOWN;
}

static enum why why_of(struct bytes word)
{
    for (int i = 0; i < WHY_COUNT; i++)
        if (bytes_is(word, why_word((enum why)i)))
            return (enum why)i;
    return WHY_NONE;
}

/* NULL, or the word that is odd. */
static const char *take_words(const struct bytes *word, struct suspicion *out)
{
    if (!wire_take_hex(word[0], out->gid, GID_LEN))
        return "gid";
    if (!bytes_to_u64(word[1], &out->epoch) || out->epoch > REG_NUMBER_MAX)
        return "epoch";
    if (!wire_take_hex(word[2], out->run, RUN_LEN))
        return "run";
    if (!bytes_to_u64(word[3], &out->reporter) || out->reporter == 0)
        return "reporter";
    out->opinion = opinion_of(word[4]);
    out->why = why_of(word[5]);
    return bytes_to_u64(word[6], &out->age_ms) ? NULL : "age-ms";
}

enum err suspicion_take(const struct wire *w, bool *out_asks, struct suspicion *out,
                        struct errmsg *out_why)
{
    struct suspicion s = { .epoch = 0 };
    uint32_t format = wire_format(w);
    bool asks = w->count > 0 && bytes_is_word(w->words[0], verb_of(true));
    const char *odd;

    if (!asks && (w->count == 0 || !bytes_is_word(w->words[0], verb_of(false)))) {
        errmsg_set(out_why, "no suspicion, and no opinion");
        return ERR_SYNTAX;
    }
    if (format == 0 || w->count < HEAD_WORDS + OWN_WORDS ||
        (w->count > HEAD_WORDS + OWN_WORDS && format <= wire_format_own())) {
        errmsg_set(out_why, "%d words are not what it has", w->count);
        return ERR_SYNTAX;
    }
    odd = take_words(w->words + HEAD_WORDS, &s);
    if (odd) {
        errmsg_set(out_why, "odd word: %s", odd);
        return ERR_SYNTAX;
    }
    *out_asks = asks;
    *out = s;
    return OK;
}
