/* What a handler leaves in its call for serve. */
#include <stdarg.h>

#include "common/command.h"

/* False: nobody listens. */
static bool begin(struct call *c)
{
    c->effect_count++;
    c->intents |= INTENT_EFFECT;
    return c->effects != NULL;
}

void call_effect(struct call *c, int argc, const struct bytes *argv)
{
    if (begin(c))
        resp_put_command(c->effects, argc, argv);
}

void call_effect_words(struct call *c, int argc, ...)
{
    va_list words;

    if (!begin(c))
        return;
    va_start(words, argc);
    resp_put_array(c->effects, (size_t)argc);
    for (int i = 0; i < argc; i++)
        resp_put_bulk(c->effects, bytes_of(va_arg(words, const char *)));
    va_end(words);
}

void call_effect_edited(struct call *c, const struct call_edit *edits, int count)
{
    if (!begin(c))
        return;
    resp_put_array(c->effects, (size_t)c->argc);
    for (int i = 0, k = 0; i < c->argc; i++) {
        bool edited = k < count && edits[k].arg == i;

        resp_put_bulk(c->effects, edited ? edits[k++].text : c->argv[i]);
    }
}

void call_no_effect(struct call *c)
{
    c->intents |= INTENT_NO_EFFECT;
}

bool call_take_argument(struct call *c, int arg, size_t front, struct buf *out_block)
{
    return UNLIKELY(c->argv[arg].len >= CALL_TAKE_BYTES_MIN) && c->give &&
           c->give(c, arg, front, out_block);
}
