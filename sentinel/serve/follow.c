/*
 * follow - /api/v1/events/stream: events as they are published, as server-sent events. A stream is a cursor on the news.
 *
 * A client that comes back says which event it had last (Last-Event-ID), as every EventSource does, and misses nothing
 * that is still kept.
 */
#include "common/alloc.h"
#include "sentinel/serve/api_parts.h"
#include "sentinel/serve/news.h"

enum { FOLLOWERS_MAX = 32 }; /* more would take all connections from those who ask and go */

struct news_follower {
    struct news_follower *next;
    struct http_connection *connection;
    struct news *news;
    uint64_t since;
};

static void put_event(struct buf *out, const struct news_item *item)
{
    cJSON *o = api_event(item);
    char *text = cJSON_PrintUnformatted(o);

    buf_printf(out, "id: %llu\ndata: %s\n\n", (unsigned long long)item->number, text);
    cJSON_free(text);
    cJSON_Delete(o);
}

static enum http_more more(void *arg, struct buf *out)
{
    struct news_follower *f = arg;
    uint64_t at = news_behind(f->news, f->since);

    while (at && out->len < HTTP_PIECE_BYTES) {
        put_event(out, news_at(f->news, at));
        f->since = at;
        at = news_behind(f->news, at);
    }
    return at ? HTTP_SOURCE_MORE : HTTP_SOURCE_WAITS;
}

static void gone(void *arg)
{
    struct news_follower *f = arg, **at = &f->news->followers;

    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    xfree(f);
}

static const struct http_source source = { .more = more, .gone = gone };

static int count(const struct news *news)
{
    int n = 0;

    for (const struct news_follower *f = news->followers; f; f = f->next)
        n++;
    return n;
}

void api_wake(struct news *news)
{
    for (struct news_follower *f = news->followers, *next; f; f = next) {
        next = f->next;
        http_wake(f->connection);
    }
}

void api_follow(struct http_call *c)
{
    struct news *news = ((struct sentinel_world *)c->world)->news;
    struct bytes last = http_request_field(c->request, "last-event-id");
    struct news_follower *f;
    uint64_t since;

    if (count(news) == FOLLOWERS_MAX) {
        http_answer_error(c, 503, "too-many-streams", "ask /api/v1/events?since= instead");
        return;
    }
    if (!bytes_to_u64(last, &since) || since > news->last)
        since = news->last;
    f = xcalloc(1, sizeof *f);
    *f = (struct news_follower){
        .next = news->followers, .connection = c->connection, .news = news, .since = since
    };
    news->followers = f;
    http_answer_source(c, "text/event-stream", &source, f);
}
