#include "common/http/response.h"

#include <stdio.h>
#include <time.h>

#include "common/clock.h"

static const struct {
    int status;
    const char *word;
} words[] = {
    { 100, "Continue" },
    { 200, "OK" },
    { 202, "Accepted" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 428, "Precondition Required" },
    { 431, "Request Header Fields Too Large" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 505, "HTTP Version Not Supported" },
};

const char *http_status_word(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i].status == status)
            return words[i].word;
    return "Unknown";
}

static void put(struct out *out, const char *text)
{
    out_append(out, text, strlen(text));
}

/* RFC 9110, 5.6.7; strftime would use the user's language. */
static void put_date(struct out *out)
{
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t now = (time_t)(clock_wall_ms() / 1000);
    char line[128];
    struct tm t;

    gmtime_r(&now, &t);
    snprintf(line, sizeof line, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[t.tm_wday],
             t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    put(out, line);
}

void http_put_head(struct out *out, const struct http_head *head)
{
    char line[160];

    snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", head->status, http_status_word(head->status));
    put(out, line);
    put_date(out);
    snprintf(line, sizeof line, "Content-Type: %s\r\n", head->type);
    put(out, line);
    put(out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
    if (head->body == HTTP_BODY_SIZED) {
        snprintf(line, sizeof line, "Content-Length: %llu\r\n",
                 (unsigned long long)head->body_bytes);
        put(out, line);
    } else if (head->body == HTTP_BODY_CHUNKED) {
        put(out, "Transfer-Encoding: chunked\r\n");
    }
    put(out, head->keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
    put(out, head->more ? head->more : "");
    put(out, "\r\n");
}

void http_put_chunk(struct out *out, struct bytes data)
{
    char length[32];

    if (data.len == 0)
        return;
    snprintf(length, sizeof length, "%zx\r\n", data.len);
    put(out, length);
    out_append(out, data.at, data.len);
    put(out, "\r\n");
}

void http_put_last_chunk(struct out *out)
{
    put(out, "0\r\n\r\n");
}
