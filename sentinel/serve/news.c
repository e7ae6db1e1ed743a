#include "sentinel/serve/news.h"

#include <stdio.h>

/* Some of it comes from other machines: what is no plain text is shown as a question mark. */
static void keep(char *out, size_t cap, const char *text)
{
    snprintf(out, cap, "%s", text);
    for (; *out; out++)
        if (*out < ' ' || *out > '~')
            *out = '?';
}

void news_add(struct news *n, const char *name, const char *text, uint64_t wall_ms)
{
    struct news_item *item = &n->items[++n->last % NEWS_MAX];

    item->number = n->last;
    item->wall_ms = wall_ms;
    keep(item->name, sizeof item->name, name);
    keep(item->text, sizeof item->text, text);
}

uint64_t news_behind(const struct news *n, uint64_t since)
{
    uint64_t first = n->last > NEWS_MAX ? n->last - NEWS_MAX + 1 : 1;

    if (since >= n->last)
        return 0;
    return since + 1 > first ? since + 1 : first;
}

const struct news_item *news_at(const struct news *n, uint64_t number)
{
    const struct news_item *item = &n->items[number % NEWS_MAX];

    ASSERT(item->number == number);
    return item;
}
