/*
 * news - the last events that were published, by number, for who asks again and again what is new.
 *
 *     ....[ first ][ ... ][ last ]     a number names one event for as long as the process lives
 *
 * Owner: embed a zeroed struct news. Bounded: NEWS_MAX events of NEWS_TEXT_BYTES each.
 */
#ifndef HF_SENTINEL_SERVE_NEWS_H
#define HF_SENTINEL_SERVE_NEWS_H

#include "common/err.h"

enum { NEWS_MAX = 512, NEWS_NAME_BYTES = 48, NEWS_TEXT_BYTES = 256 };

struct news_follower;

struct news_item {
    uint64_t number; /* from 1 on */
    uint64_t wall_ms;
    char name[NEWS_NAME_BYTES], text[NEWS_TEXT_BYTES]; /* cut where they are longer */
};

struct news {
    struct news_item items[NEWS_MAX]; /* number n stands at n % NEWS_MAX */
    uint64_t last;                    /* 0: nothing was published */
    struct news_follower *followers;  /* follow.c: who gets them as they come */
};

void news_add(struct news *n, const char *name, const char *text, uint64_t wall_ms);
/* The oldest that is kept, of those behind `since`; 0: there is none. */
uint64_t news_behind(const struct news *n, uint64_t since);
/* Of a number from news_behind to last. */
const struct news_item *news_at(const struct news *n, uint64_t number);

#endif
