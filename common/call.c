/* What a handler leaves in its call for serve. */
#include <stdarg.h>

#include "common/command.h"

void call_effect(struct call *c, int argc, const struct bytes *argv)
{
    resp_put_command(c->effects, argc, argv);
    c->effect_count++;
    c->intents |= INTENT_EFFECT;
}

void call_effect_words(struct call *c, int argc, ...)
{
    va_list words;

    va_start(words, argc);
    resp_put_array(c->effects, (size_t)argc);
    for (int i = 0; i < argc; i++)
        resp_put_bulk(c->effects, bytes_of(va_arg(words, const char *)));
    va_end(words);
    c->effect_count++;
    c->intents |= INTENT_EFFECT;
}

void call_no_effect(struct call *c)
{
    c->intents |= INTENT_NO_EFFECT;
}
