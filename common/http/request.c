#include "common/http/request.h"

#include <string.h>

/* What is left to read, and where the answer goes. */
struct reading {
    struct bytes in;
    size_t at; /* behind the last whole line */
    const struct http_limits *limits;
    struct http_request *out;
    struct http_refusal *refusal;
};

static enum http_read refuse(struct reading *r, int status, const char *why)
{
    *r->refusal = (struct http_refusal){ status, why };
    return HTTP_REFUSED;
}

/* ---- characters ---- */

/* What names and methods are made of: RFC 9110, 5.6.2. */
static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (!is_token_char((unsigned char)b.at[i]))
            return false;
    return b.len > 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct bytes trim(struct bytes b)
{
    while (b.len && is_blank(b.at[0])) {
        b.at++;
        b.len--;
    }
    while (b.len && is_blank(b.at[b.len - 1]))
        b.len--;
    return b;
}

/* Cuts off what stands before the mark; the whole, where there is none. */
static struct bytes cut(struct bytes *rest, char mark)
{
    const char *end = rest->len ? memchr(rest->at, mark, rest->len) : NULL;
    struct bytes part = { rest->at, end ? (size_t)(end - rest->at) : rest->len };
    size_t gone = end ? part.len + 1 : part.len;

    rest->at += gone;
    rest->len -= gone;
    return part;
}

/* ---- lines ---- */

/* HTTP_WHOLE: a line that ended in CRLF, without it. */
static enum http_read next_line(struct reading *r, struct bytes *out_line)
{
    size_t left = r->in.len - r->at;
    const char *line = r->in.at + r->at, *end = left ? memchr(line, '\n', left) : NULL;

    if (!end)
        return HTTP_MORE;
    if (end == line || end[-1] != '\r')
        return refuse(r, 400, "a line must end in CR and LF");
    *out_line = (struct bytes){ line, (size_t)(end - line) - 1 };
    if (memchr(out_line->at, '\r', out_line->len))
        return refuse(r, 400, "a CR stands inside a line");
    r->at += out_line->len + 2;
    return HTTP_WHOLE;
}

/* ---- the request line ---- */

static const struct {
    const char *word;
    enum http_method method; /* 0: known to everybody, and served to nobody */
} methods[] = {
    { "GET", HTTP_GET }, { "HEAD", HTTP_HEAD }, { "POST", HTTP_POST },
    { "PUT", 0 },        { "DELETE", 0 },       { "PATCH", 0 },
    { "OPTIONS", 0 },    { "TRACE", 0 },        { "CONNECT", 0 },
};

static enum http_read read_method(struct reading *r, struct bytes word)
{
    if (!is_token(word))
        return refuse(r, 400, "this is no HTTP request");
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (!bytes_is(word, methods[i].word))
            continue;
        r->out->method = methods[i].method;
        return methods[i].method ? HTTP_WHOLE : refuse(r, 405, "GET, HEAD and POST are served");
    }
    return refuse(r, 501, "this method is not known here");
}

/* http://host/path, as a proxy is asked: the host does not matter to us. */
static struct bytes without_host(struct bytes target)
{
    static const char *const schemes[] = { "http://", "https://" };

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i]);
        const char *slash;

        if (target.len < len || !bytes_is_word((struct bytes){ target.at, len }, schemes[i]))
            continue;
        slash = memchr(target.at + len, '/', target.len - len);
        if (!slash)
            return BYTES("/");
        return (struct bytes){ slash, (size_t)(target.at + target.len - slash) };
    }
    return target;
}

static enum http_read read_target(struct reading *r, struct bytes target)
{
    for (size_t i = 0; i < target.len; i++)
        if (target.at[i] <= ' ' || target.at[i] == '#' || target.at[i] == 0x7f)
            return refuse(r, 400, "the target holds a character that must be escaped");
    target = without_host(target);
    if (target.len == 0 || target.at[0] != '/')
        return refuse(r, 400, "the target must begin with a slash");
    r->out->path = cut(&target, '?');
    r->out->query = target;
    return HTTP_WHOLE;
}

static enum http_read read_version(struct reading *r, struct bytes version)
{
    if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0 || version.at[6] != '.' ||
        version.at[5] < '0' || version.at[5] > '9' || version.at[7] < '0' || version.at[7] > '9')
        return refuse(r, 400, "this is no HTTP request");
    if (version.at[5] != '1')
        return refuse(r, 505, "HTTP/1.1 is spoken");
    r->out->minor = version.at[7] - '0';
    return HTTP_WHOLE;
}

static enum http_read read_request_line(struct reading *r, struct bytes line)
{
    struct bytes method = cut(&line, ' ');
    struct bytes target = cut(&line, ' ');
    enum http_read got = read_version(r, line);

    if (got == HTTP_WHOLE)
        got = read_method(r, method);
    return got == HTTP_WHOLE ? read_target(r, target) : got;
}

/* What can be said of the first line before it has ended is said then, and the same once it has. */
static enum http_read judge_beginning(struct reading *r)
{
    struct bytes rest = { r->in.at + r->at, r->in.len - r->at };
    struct bytes text = cut(&rest, '\n'), line = cut(&text, '\r'), method = cut(&line, ' '),
                 target = cut(&line, ' ');

    for (size_t i = 0; i < method.len; i++)
        if (!is_token_char((unsigned char)method.at[i]))
            return refuse(r, 400, "this is no HTTP request");
    return target.len > r->limits->target_bytes ? refuse(r, 414, "the target is too long")
                                                : HTTP_WHOLE;
}

/* ---- fields ---- */

static enum http_read read_field(struct reading *r, struct bytes line)
{
    struct http_field *f = &r->out->fields[r->out->field_count];
    const char *colon = memchr(line.at, ':', line.len);
    struct bytes value;

    if (is_blank(line.at[0]))
        return refuse(r, 400, "folded fields are not read");
    if (!colon || !is_token((struct bytes){ line.at, (size_t)(colon - line.at) }))
        return refuse(r, 400, "a field must begin with its name and a colon");
    if (r->out->field_count == HTTP_FIELDS_MAX)
        return refuse(r, 431, "there are too many fields");
    value = trim((struct bytes){ colon + 1, (size_t)(line.at + line.len - colon) - 1 });
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return refuse(r, 400, "a field holds a control character");
    }
    *f = (struct http_field){ { line.at, (size_t)(colon - line.at) }, value };
    r->out->field_count++;
    return HTTP_WHOLE;
}

static int count_fields(const struct http_request *req, const char *name)
{
    int count = 0;

    for (int i = 0; i < req->field_count; i++)
        count += bytes_is_word(req->fields[i].name, name);
    return count;
}

struct bytes http_request_field(const struct http_request *r, const char *name)
{
    for (int i = 0; i < r->field_count; i++)
        if (bytes_is_word(r->fields[i].name, name))
            return r->fields[i].value;
    return (struct bytes){ NULL, 0 };
}

bool http_list_has(struct bytes value, const char *token)
{
    while (value.len) {
        struct bytes item = cut(&value, ',');

        if (bytes_is_word(trim(cut(&item, ';')), token))
            return true;
    }
    return false;
}

/* Any of the fields of that name: a list may be spread over several. */
static bool says(const struct http_request *req, const char *name, const char *token)
{
    for (int i = 0; i < req->field_count; i++)
        if (bytes_is_word(req->fields[i].name, name) && http_list_has(req->fields[i].value, token))
            return true;
    return false;
}

/* ---- what the fields mean ---- */

static enum http_read judge_coding(struct reading *r)
{
    const struct http_request *req = r->out;

    if (!count_fields(req, "transfer-encoding"))
        return HTTP_WHOLE;
    if (count_fields(req, "content-length") || req->minor == 0)
        return refuse(r, 400, "a transfer coding does not go with this request");
    if (says(req, "transfer-encoding", "chunked"))
        return refuse(r, 411, "a body needs a Content-Length; chunks are not read");
    return refuse(r, 501, "this transfer coding is not known here");
}

/* Digits alone, however many zeroes are in front. */
static bool read_length(struct bytes text, uint64_t *out)
{
    uint64_t v = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        v = v > UINT64_MAX / 100 ? v : v * 10 + (uint64_t)(text.at[i] - '0'); /* huge stays huge */
    }
    *out = v;
    return text.len > 0;
}

static enum http_read judge_length(struct reading *r, uint64_t *out_length)
{
    const struct http_request *req = r->out;
    int count = count_fields(req, "content-length");

    *out_length = 0;
    if (count > 1)
        return refuse(r, 400, "there are two lengths");
    if (count == 0)
        return req->method == HTTP_POST ? refuse(r, 411, "a body needs a Content-Length")
                                        : HTTP_WHOLE;
    if (!read_length(http_request_field(req, "content-length"), out_length))
        return refuse(r, 400, "Content-Length is no number");
    return *out_length > r->limits->body_bytes ? refuse(r, 413, "the body is too long")
                                               : HTTP_WHOLE;
}

static enum http_read judge_expectation(struct reading *r)
{
    struct http_request *req = r->out;
    struct bytes expect = http_request_field(req, "expect");

    req->expects_continue = expect.at && req->minor > 0 && bytes_is_word(expect, "100-continue");
    if (expect.at && !bytes_is_word(expect, "100-continue"))
        return refuse(r, 417, "100-continue is all that can be expected");
    return HTTP_WHOLE;
}

static enum http_read judge_head(struct reading *r, uint64_t *out_length)
{
    struct http_request *req = r->out;
    int hosts = count_fields(req, "host");
    enum http_read got;

    if (hosts > 1 || (hosts == 0 && req->minor > 0))
        return refuse(r, 400, "a request names one host");
    got = judge_coding(r);
    if (got == HTTP_WHOLE)
        got = judge_length(r, out_length);
    if (got == HTTP_WHOLE)
        got = judge_expectation(r);
    req->keep_alive =
        req->minor > 0 ? !says(req, "connection", "close") : says(req, "connection", "keep-alive");
    return got;
}

/* ---- the whole ---- */

static enum http_read read_body(struct reading *r, uint64_t length)
{
    struct http_request *req = r->out;

    req->bytes = r->at + (size_t)length;
    if (r->in.len < req->bytes)
        return HTTP_MORE_BODY;
    req->body = (struct bytes){ r->in.at + r->at, (size_t)length };
    return HTTP_WHOLE;
}

/* Up to the empty line. */
static enum http_read read_lines(struct reading *r)
{
    enum http_read got = judge_beginning(r);
    bool begun = false;
    struct bytes line;

    while (got == HTTP_WHOLE) {
        got = next_line(r, &line);
        if (got != HTTP_WHOLE)
            return got;
        if (begun && line.len == 0)
            return HTTP_WHOLE;
        got = begun ? read_field(r, line) : read_request_line(r, line);
        begun = true;
    }
    return got;
}

enum http_read http_request_read(struct bytes in, const struct http_limits *limits,
                                 struct http_request *out, struct http_refusal *out_refusal)
{
    struct reading r = { .in = in, .limits = limits, .out = out, .refusal = out_refusal };
    uint64_t length;
    enum http_read got;

    out->field_count = 0;
    out->bytes = 0;
    if (in.len == 0 || (in.len == 1 && in.at[0] == '\r'))
        return HTTP_MORE;
    if (in.len >= 2 && memcmp(in.at, "\r\n", 2) == 0)
        r.at = 2; /* some send one behind a body: RFC 9112, 2.2 */
    if (r.in.len > limits->head_bytes)
        r.in.len = (size_t)limits->head_bytes;
    got = read_lines(&r);
    if (got == HTTP_MORE && in.len >= limits->head_bytes)
        return refuse(&r, 431, "the head is too long");
    r.in = in;
    if (got == HTTP_WHOLE)
        got = judge_head(&r, &length);
    return got == HTTP_WHOLE ? read_body(&r, length) : got;
}

/* ---- queries ---- */

bool http_query_next(struct bytes *query, struct bytes *out_name, struct bytes *out_value)
{
    struct bytes item = { NULL, 0 };

    while (query->len && item.len == 0)
        item = cut(query, '&');
    if (item.len == 0)
        return false;
    *out_name = cut(&item, '=');
    *out_value = item;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_unescape(struct bytes text, char *out, size_t cap)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int c = (unsigned char)text.at[i];

        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.at[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text.at[i + 2]) : -1;

            if (low < 0)
                return false;
            c = high << 4 | low;
            i += 2;
        }
        if (c == 0 || len + 1 >= cap)
            return false;
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return true;
}
