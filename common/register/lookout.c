#include "common/register/lookout.h"

#include "common/register/wire.h"

#define VERB "LOOKOUT"

enum { HEAD_WORDS = 2, OWN_WORDS = 5 }; /* verb and format; what it has */

void lookout_put(struct wire *w, const struct lookout *l)
{
    wire_begin(w, VERB);
    wire_put_text(w, l->gid);
    wire_put_number(w, l->epoch);
    wire_put_text(w, l->run);
    wire_put_number(w, l->node);
    wire_put_number(w, l->silent_ms);
    wire_end(w);
}

/* NULL, or the word that is odd. */
static const char *take_words(const struct bytes *word, struct lookout *out)
{
    if (!wire_take_hex(word[0], out->gid, GID_LEN))
        return "gid";
    if (!bytes_to_u64(word[1], &out->epoch) || out->epoch > REG_NUMBER_MAX)
        return "epoch";
    if (!wire_take_hex(word[2], out->run, RUN_LEN))
        return "run";
    if (!bytes_to_u64(word[3], &out->node) || out->node == 0)
        return "node";
    return bytes_to_u64(word[4], &out->silent_ms) ? NULL : "silent-ms";
}

enum err lookout_take(const struct wire *w, struct lookout *out, struct errmsg *out_why)
{
    struct lookout l = { .epoch = 0 };
    uint32_t format = wire_format(w);
    const char *odd;

    if (w->count == 0 || !bytes_is_word(w->words[0], VERB)) {
        errmsg_set(out_why, "no " VERB);
        return ERR_SYNTAX;
    }
    if (format == 0 || w->count < HEAD_WORDS + OWN_WORDS ||
        (w->count > HEAD_WORDS + OWN_WORDS && format <= wire_format_own())) {
        errmsg_set(out_why, "%d words are not what it has", w->count);
        return ERR_SYNTAX;
    }
    odd = take_words(w->words + HEAD_WORDS, &l);
    if (odd) {
        errmsg_set(out_why, "odd word: %s", odd);
        return ERR_SYNTAX;
    }
    *out = l;
    return OK;
}
