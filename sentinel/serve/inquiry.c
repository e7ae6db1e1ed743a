#include "sentinel/serve/inquiry_parts.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"

enum {
    SLOW_ENTRIES = 32,
    SHOWN_BYTES = 160, /* of a key, or of an argument */
    SHOWN_ARGUMENTS = 12,
    REPLY_BYTES_MAX = 1024 * 1024,
};

/* ---- its end ---- */

static void inquiry_free(void *arg)
{
    struct inquiry *q = arg, **at = &q->all->first;

    q->over = true;
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    q->all->count--;
    ev_timer_stop(q->loop, &q->deadline);
    dial_free(q->dial);
    if (q->kind->free)
        q->kind->free(q->work);
    xfree(q);
}

void inquiry_finish(struct inquiry *q, cJSON *body)
{
    struct http_call c = http_held_call(q->connection);

    inquiry_free(q);
    api_answer(&c, 200, NULL, body);
}

static void fail(struct inquiry *q, const char *code, const char *message)
{
    struct http_call c = http_held_call(q->connection);

    inquiry_free(q);
    api_error(&c, 502, code, message);
}

bool inquiry_failed(struct inquiry *q, const struct resp_value *reply, enum resp_kind wanted)
{
    char message[300];

    if (q->over)
        return true;
    if (!reply)
        return true; /* on_state tells why */
    if (reply->kind == wanted || (wanted == RESP_BULK && reply->kind == RESP_NULL))
        return false;
    if (reply->kind == RESP_ERROR)
        snprintf(message, sizeof message, "the node refused: %.*s", (int)reply->text.len,
                 reply->text.at);
    else
        snprintf(message, sizeof message, "the node answered something else");
    fail(q, "node-refused", message);
    return true;
}

enum err inquiry_call(struct inquiry *q, dial_reply_fn *fn, void *arg, int argc,
                      const struct bytes *argv)
{
    const struct node *n = sentinel_find_node(q->core, q->node);
    struct bytes words[INQUIRY_WORDS_MAX];
    char name[32];

    memcpy(words, argv, (size_t)argc * sizeof *argv);
    snprintf(name, sizeof name, "%.*s", (int)argv[0].len, argv[0].at);
    if (n)
        words[0] = bytes_of(group_settings_command(&n->group->set, name));
    return dial_call(q->dial, argc, words, fn, arg);
}

/* ---- what a person can read ---- */

static void put_shown(struct buf *out, struct bytes text)
{
    size_t len = text.len < SHOWN_BYTES ? text.len : SHOWN_BYTES;

    for (size_t i = 0; i < len; i++)
        if (text.at[i] >= ' ' && text.at[i] <= '~')
            buf_putc(out, text.at[i]);
        else
            buf_printf(out, "\\x%02x", (unsigned char)text.at[i]);
    if (len < text.len)
        buf_printf(out, "... (%zu bytes)", text.len);
}

char *inquiry_shown(struct bytes text)
{
    struct buf shown = { 0 };
    char *copy;

    put_shown(&shown, text);
    copy = xstrdup(buf_text(&shown));
    buf_fini(&shown);
    return copy;
}

void inquiry_add_shown(cJSON *o, const char *name, struct bytes text)
{
    AUTO_FREE char *shown = inquiry_shown(text);

    cJSON_AddStringToObject(o, name, shown);
}

/* ---- the slow log ---- */

static void add_command(cJSON *o, const struct resp_value *words)
{
    struct buf shown = { 0 };

    for (size_t i = 0; words && i < words->count && i < SHOWN_ARGUMENTS; i++) {
        if (i)
            buf_putc(&shown, ' ');
        put_shown(&shown, words->items[i].text);
    }
    if (words && words->count > SHOWN_ARGUMENTS)
        buf_printf(&shown, " ... (%zu arguments)", words->count);
    cJSON_AddStringToObject(o, "command", buf_text(&shown));
    buf_fini(&shown);
}

/* id, time, microseconds, arguments, client, its name */
static cJSON *slow_entry(const struct resp_value *entry)
{
    const struct resp_value *when = resp_item(entry, 1), *usec = resp_item(entry, 2);
    const struct resp_value *client = resp_item(entry, 4), *name = resp_item(entry, 5);
    cJSON *o = cJSON_CreateObject();

    cJSON_AddNumberToObject(o, "time_ms", when ? (double)when->integer * 1000 : 0);
    cJSON_AddNumberToObject(o, "duration_ms", usec ? (double)usec->integer / 1000 : 0);
    add_command(o, resp_item(entry, 3));
    inquiry_add_shown(o, "client", client ? client->text : (struct bytes){ 0 });
    inquiry_add_shown(o, "client_name", name ? name->text : (struct bytes){ 0 });
    return o;
}

static void on_slowlog(void *arg, const struct resp_value *reply)
{
    cJSON *o, *entries;

    if (inquiry_failed(arg, reply, RESP_ARRAY))
        return;
    o = cJSON_CreateObject();
    entries = cJSON_AddArrayToObject(o, "slowlog");
    for (size_t i = 0; i < reply->count && i < SLOW_ENTRIES; i++)
        cJSON_AddItemToArray(entries, slow_entry(&reply->items[i]));
    inquiry_finish(arg, o);
}

static void begin_slowlog(struct inquiry *q)
{
    struct bytes argv[] = { BYTES("SLOWLOG"), BYTES("GET"), BYTES("32") };

    (void)inquiry_call(q, on_slowlog, q, (int)ARRAY_LEN(argv),
                       argv); /* ERR_CLOSED: on_state follows */
}

static const struct inquiry_kind inquiry_slowlog = { "slowlog", INQUIRY_MS, begin_slowlog, NULL };

/* ---- its beginning ---- */

static const struct inquiry_kind *const kinds[] = { &inquiry_slowlog, &inquiry_largest,
                                                    &inquiry_audit };

static void on_state(void *arg, struct dial *dial, enum dial_state state, enum dial_why why)
{
    struct inquiry *q = arg;
    char message[128];

    if (state == DIAL_UP) {
        q->kind->begin(q);
    } else if (state == DIAL_DOWN) {
        snprintf(message, sizeof message, "the node cannot be asked: %s", dial_why_word(why));
        fail(q, "node-unreachable", message);
    }
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events)
{
    fail(w->data, "node-slow", "the node did not answer in time");
}

/* "HOST:PORT", as the API tells them; NULL: no node of the group. */
static const struct node *find_node(const struct sentinel *core, const struct group *g,
                                    const char *name)
{
    char own[HOST_LEN_MAX + 16];

    LIST_EACH ((struct list *)&g->nodes, at) {
        const struct node *n = LIST_ENTRY(at, struct node, of_group);

        snprintf(own, sizeof own, "%s:%d", node_host(core, n), n->addr.port);
        if (strcmp(own, name) == 0)
            return n;
    }
    return NULL;
}

static void start(struct http_call *c, const struct node *n, const struct inquiry_kind *kind)
{
    struct sentinel_world *w = api_world(c);
    struct dial_options o = { .connect_timeout_ms = INQUIRY_MS / 2,
                              .calls_max = INQUIRY_CALLS_MAX,
                              .reply_bytes_max = REPLY_BYTES_MAX,
                              .client_name = "sentinel-inquiry",
                              .on_state = on_state };
    struct inquiry *q = xcalloc(1, sizeof *q);

    q->next = w->inquiries->first;
    q->all = w->inquiries;
    q->all->first = q;
    q->all->count++;
    q->core = w->core;
    q->node = n->id;
    q->connection = c->connection;
    q->loop = w->loop;
    q->kind = kind;
    ev_timer_init(&q->deadline, on_deadline, (double)kind->limit_ms / 1e3, 0.);
    q->deadline.data = q;
    ev_timer_start(q->loop, &q->deadline);
    http_hold(c, inquiry_free, q);
    (void)w->destination(w, n->id, &o);
    o.arg = q;
    q->dial = dial_new(w->loop, &o);
    dial_start(q->dial);
}

void api_inquire(struct http_call *c, const struct group *g, struct bytes rest)
{
    const char *slash = memchr(rest.at, '/', rest.len);
    struct bytes name = { rest.at, slash ? (size_t)(slash - rest.at) : rest.len };
    struct bytes what = { slash ? slash + 1 : "", slash ? rest.len - name.len - 1 : 0 };
    const struct node *n = NULL;
    char plain[HOST_LEN_MAX + 16];
    size_t kind = 0;

    while (kind < ARRAY_LEN(kinds) && !bytes_is(what, kinds[kind]->word))
        kind++;
    if (http_unescape(name, plain, sizeof plain))
        n = find_node(api_world(c)->core, g, plain);
    if (!n)
        http_answer_error(c, 404, "no-such-node", "the group has no node of that address");
    else if (kind == ARRAY_LEN(kinds))
        http_answer_error(c, 404, "no-such-part", "a node has slowlog, largest and audit");
    else if (c->access < HTTP_VIEWER)
        http_answer_error(c, 403, "no-token",
                          "what a node holds is told to who shows a token, and none is set: see "
                          "http-token-file");
    else if (api_world(c)->inquiries->count == INQUIRIES_MAX)
        http_answer_error(c, 503, "too-many-inquiries", "other nodes are being asked: try again");
    else
        start(c, n, kinds[kind]);
}
