#include "sentinel/page/page.h"

#include <string.h>

static const char head[] = "Content-Security-Policy: default-src 'none'; script-src 'self'; "
                           "style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
                           "form-action 'none'; frame-ancestors 'none'\r\n"
                           "Referrer-Policy: no-referrer\r\n"
                           "X-Frame-Options: DENY\r\n"
                           "Cross-Origin-Opener-Policy: same-origin\r\n";

static void answer(struct http_call *c, const char *path)
{
    for (size_t i = 0; i < page_file_count; i++) {
        const struct page_file *f = &page_files[i];

        if (strcmp(f->path, path) == 0) {
            http_answer_more(c, 200, f->type, head, (struct bytes){ f->at, f->len });
            return;
        }
    }
    http_answer_error(c, 404, "not-found", "there is nothing under this path");
}

static void index_page(struct http_call *c)
{
    answer(c, "index.html");
}

static void file(struct http_call *c)
{
    char path[64];

    if (c->rest.len >= sizeof path) {
        answer(c, "");
        return;
    }
    memcpy(path, c->rest.at, c->rest.len);
    path[c->rest.len] = '\0';
    answer(c, path);
}

const struct http_route page_routes[] = {
    { .path = "/", .methods = HTTP_GET, .flags = HTTP_PUBLIC, .run = index_page },
    { .path = "/page/", .methods = HTTP_GET, .flags = HTTP_PUBLIC, .run = file },
    { .path = NULL },
};
