#include "node/serve/migrate.h"

#include <stdio.h>

#include "common/alloc.h"
#include "common/dial.h"
#include "common/serve/service.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/rdb_write.h"
#include "node/serve/block.h"
#include "node/serve/serve.h"
#include "node/world.h"

enum {
    TIMEOUT_DEFAULT_MS = 1000,
    OPTIONS = 6,   /* the first option's argument */
    GREETINGS = 2, /* calls ahead of the keys': AUTH, SELECT */
    TTL_TEXT = 24,
};

enum moving_state {
    MOVING_TO_SEND, /* or to send again */
    MOVING_SENT,
    MOVING_LANDED,
    MOVING_REFUSED,
    MOVING_DONE, /* nothing is left to do */
};

struct moving {
    struct migration *migration;
    struct buf key, payload; /* an empty payload: it is gone here, and must go there */
    int64_t expiry_ms;
    enum moving_state state;
    bool is_ours; /* what stands there, so that it may be replaced */
};

/* Zeroed: not begun. */
struct migration {
    struct node_session *session;
    struct serve *serve;
    struct dial *dial;
    ev_timer timer; /* nothing came for too long */
    double timeout_s;
    struct buf user, password;
    bool has_auth, has_user;
    int target_db;
    bool copies, replaces;
    struct moving *keys;
    int count, unanswered, rounds;
    bool ended; /* it works no more: the request runs again and answers */
    char error[512];
};

static void migration_free(struct migration *m)
{
    if (!m)
        return;
    ev_timer_stop(m->serve->service->loop, &m->timer);
    dial_free(m->dial);
    for (int i = 0; i < m->count; i++) {
        buf_fini(&m->keys[i].key);
        buf_fini(&m->keys[i].payload);
    }
    xfree(m->keys);
    buf_fini(&m->user);
    buf_fini(&m->password);
    xfree(m);
}

void migrate_leave(struct node_session *s)
{
    struct migration *m = s->migration;

    s->migration = NULL;
    migration_free(m);
}

/* ---- values -------------------------------------------------------------------------------- */

/* What RESTORE needs; left empty where the key is not there. */
static void dump(struct keyspace *ks, int db, struct bytes key, struct buf *out,
                 int64_t *out_expiry_ms)
{
    const struct entry *e = keyspace_read(ks, db, key, DOOR_NO_TOUCH | DOOR_NO_STATS);
    char scratch[ENTRY_INT_TEXT];

    *out_expiry_ms = NO_EXPIRY;
    if (!e)
        return;
    *out_expiry_ms = entry_expiry_ms(e);
    if (entry_form(e) == FORM_APART)
        rdb_dump_apart(out, keyspace_type(ks, entry_type(e)), entry_apart(e));
    else
        rdb_dump_string(out, entry_text(e, scratch));
}

/* The key is here as it was sent. If not, it is as it is now, to be sent again. */
static bool is_unchanged(const struct call *c, struct moving *k)
{
    struct keyspace *ks = ((const struct node_world *)c->world)->keyspace;
    struct buf now = { 0 };
    int64_t expiry_ms;
    bool same;

    dump(ks, c->db, buf_bytes(&k->key), &now, &expiry_ms);
    same = expiry_ms == k->expiry_ms && bytes_eq(buf_bytes(&now), buf_bytes(&k->payload));
    if (same) {
        buf_fini(&now);
        return true;
    }
    buf_fini(&k->payload);
    k->payload = now;
    k->expiry_ms = expiry_ms;
    k->state = MOVING_TO_SEND;
    return false;
}

/* ---- the other server ---------------------------------------------------------------------- */

static void end(struct migration *m, const char *error)
{
    if (m->ended)
        return;
    m->ended = true;
    if (!*m->error)
        snprintf(m->error, sizeof m->error, "%s", error);
    ev_timer_stop(m->serve->service->loop, &m->timer);
    block_wake(m->serve, m->session); /* m may be gone afterwards */
}

static void time_is_up(struct ev_loop *loop, ev_timer *w, int events)
{
    struct migration *m = w->data;

    (void)loop;
    (void)events;
    end(m, dial_state(m->dial) == DIAL_UP ? "IOERR error or timeout reading to target instance"
                                          : "IOERR error or timeout connecting to the client");
}

/* The first refusal is the one that is told. */
static void note_refusal(struct migration *m, struct bytes text)
{
    if (!*m->error)
        snprintf(m->error, sizeof m->error, "ERR Target instance replied with error: %.*s",
                 (int)text.len, text.at);
}

/* AUTH or SELECT: whatever follows would go to the wrong place. */
static void greeted(void *arg, const struct resp_value *reply)
{
    struct migration *m = arg;

    if (!reply || reply->kind != RESP_ERROR)
        return;
    note_refusal(m, reply->text);
    end(m, "");
}

/* NULL: the connection ended, which on_state tells. */
static void answered(void *arg, const struct resp_value *reply)
{
    struct moving *k = arg;
    struct migration *m = k->migration;

    if (!reply || m->ended)
        return;
    ev_timer_again(m->serve->service->loop, &m->timer);
    k->state = k->payload.len ? MOVING_LANDED : MOVING_DONE;
    k->is_ours = true;
    if (reply->kind == RESP_ERROR) {
        k->state = MOVING_REFUSED;
        note_refusal(m, reply->text);
    }
    if (--m->unanswered == 0)
        end(m, "");
}

static void send_restore(struct migration *m, struct moving *k)
{
    int64_t ttl_ms = 0;
    char text[TTL_TEXT];
    struct bytes words[5] = {
        BYTES("RESTORE"), buf_bytes(&k->key), { 0 }, buf_bytes(&k->payload), BYTES("REPLACE")
    };

    if (k->expiry_ms != NO_EXPIRY) {
        ttl_ms = k->expiry_ms - (int64_t)keyspace_wall_ms(m->serve->world->keyspace);
        ttl_ms = ttl_ms < 1 ? 1 : ttl_ms;
    }
    words[2] = (struct bytes){ text, fmt_i64(text, ttl_ms) };
    (void)dial_call(m->dial, m->replaces || k->is_ours ? 5 : 4, words, answered, k);
}

static void send_keys(struct migration *m)
{
    for (int i = 0; i < m->count; i++) {
        struct moving *k = &m->keys[i];

        if (k->state != MOVING_TO_SEND)
            continue;
        k->state = MOVING_SENT;
        m->unanswered++;
        if (k->payload.len)
            send_restore(m, k);
        else
            (void)dial_call(m->dial, 2, (struct bytes[]){ BYTES("DEL"), buf_bytes(&k->key) },
                            answered, k);
    }
}

static void greet(struct migration *m)
{
    struct bytes words[3] = { BYTES("AUTH") };
    char db[TTL_TEXT];
    int count = 1;

    if (m->has_user)
        words[count++] = buf_bytes(&m->user);
    if (m->has_auth) {
        words[count++] = buf_bytes(&m->password);
        (void)dial_call(m->dial, count, words, greeted, m);
    }
    words[0] = BYTES("SELECT");
    words[1] = (struct bytes){ db, fmt_i64(db, m->target_db) };
    (void)dial_call(m->dial, 2, words, greeted, m);
}

static void dialled(void *arg, struct dial *d, enum dial_state state, enum dial_why why)
{
    struct migration *m = arg;

    (void)d;
    if (m->ended)
        return;
    if (state == DIAL_UP) {
        greet(m);
        send_keys(m);
    } else if (state == DIAL_DOWN) {
        end(m, m->unanswered ? "IOERR error or timeout reading to target instance"
               : why == DIAL_WHY_RESOLVE || why == DIAL_WHY_TIMEOUT
                   ? "IOERR error or timeout connecting to the client"
                   : "IOERR error or timeout writing to target instance");
    }
}

static void start(struct migration *m, struct bytes host, int port)
{
    AUTO_FREE char *name = xmemdup0(host.at, host.len);

    m->dial = dial_new(m->serve->service->loop,
                       &(struct dial_options){ .host = name,
                                               .port = port,
                                               .connect_timeout_ms = (uint64_t)(m->timeout_s * 1e3),
                                               .calls_max = (uint32_t)m->count + GREETINGS,
                                               .on_state = dialled,
                                               .arg = m });
    ev_timer_init(&m->timer, time_is_up, 0., m->timeout_s);
    m->timer.data = m;
    ev_timer_again(m->serve->service->loop, &m->timer);
    dial_start(m->dial);
}

/* ---- arguments ----------------------------------------------------------------------------- */

struct request {
    struct bytes user, password;
    bool has_auth, has_user, copies, replaces;
    int first, count; /* keys */
    int64_t db, timeout_ms;
};

static bool refuse(struct call *c, const char *text)
{
    reply_error(c->reply, text);
    return false;
}

static bool want_migrate_option(struct call *c, struct request *r, int *at)
{
    struct bytes word = c->argv[*at];
    int more = c->argc - *at - 1;

    if (bytes_is_word(word, "copy")) {
        r->copies = true;
    } else if (bytes_is_word(word, "replace")) {
        r->replaces = true;
    } else if (bytes_is_word(word, "auth") && more >= 1) {
        r->password = c->argv[++*at];
        r->has_auth = true;
    } else if (bytes_is_word(word, "auth2") && more >= 2) {
        r->user = c->argv[++*at];
        r->password = c->argv[++*at];
        r->has_auth = r->has_user = true;
    } else if (bytes_is_word(word, "keys")) {
        if (c->argv[3].len)
            return refuse(c, "ERR When using MIGRATE KEYS option, the key argument must be set to "
                             "the empty string");
        r->first = *at + 1;
        r->count = c->argc - r->first;
        *at = c->argc;
    } else {
        return refuse(c, "ERR syntax error");
    }
    return true;
}

static bool want_request(struct call *c, struct request *r)
{
    *r = (struct request){ .first = 3, .count = 1 };
    for (int i = OPTIONS; i < c->argc; i++) {
        if (!want_migrate_option(c, r, &i))
            return false;
    }
    if (!serve_want_i64(c, c->argv[5], &r->timeout_ms) || !serve_want_i64(c, c->argv[4], &r->db))
        return false;
    if (r->db < INT32_MIN || r->db > INT32_MAX)
        return refuse(c, "ERR value is not an integer or out of range");
    if (r->timeout_ms <= 0)
        r->timeout_ms = TIMEOUT_DEFAULT_MS;
    return true;
}

/* Keys that exist, with their values. */
static void take_keys(struct migration *m, const struct call *c, const struct request *r)
{
    m->keys = xcalloc((size_t)r->count + 1, sizeof *m->keys);
    for (int i = r->first; i < r->first + r->count; i++) {
        struct moving *k = &m->keys[m->count];

        dump(m->serve->world->keyspace, c->db, c->argv[i], &k->payload, &k->expiry_ms);
        if (!k->payload.len)
            continue;
        buf_add(&k->key, c->argv[i]);
        k->migration = m;
        m->count++;
    }
}

static struct migration *migration_new(struct call *c, const struct request *r)
{
    const struct node_world *w = c->world;
    struct migration *m = xcalloc(1, sizeof *m);

    m->session = node_session_of(c->session);
    m->serve = w->serve;
    m->timeout_s = (double)r->timeout_ms / 1000.;
    m->target_db = (int)r->db;
    m->copies = r->copies;
    m->replaces = r->replaces;
    m->has_auth = r->has_auth;
    m->has_user = r->has_user;
    buf_add(&m->user, r->user);
    buf_add(&m->password, r->password);
    take_keys(m, c, r);
    return m;
}

/* ---- MIGRATE ------------------------------------------------------------------------------- */

static void hold(struct call *c)
{
    c->intents |= INTENT_BLOCK_WORK;
}

static void begin(struct call *c)
{
    struct request r;
    struct migration *m;
    int64_t port;

    if (!want_request(c, &r))
        return;
    if (c->in_exec || c->denies_blocking || !c->session) {
        reply_error(c->reply, "ERR MIGRATE waits for another server, which is not possible inside "
                              "of a transaction or a script");
        return;
    }
    m = migration_new(c, &r);
    if (m->count == 0) {
        reply_simple(c->reply, "NOKEY");
        migration_free(m);
        return;
    }
    if (!bytes_to_i64(c->argv[2], &port) || port < 1 || port > UINT16_MAX) {
        reply_error(c->reply, "IOERR error or timeout connecting to the client");
        migration_free(m);
        return;
    }
    m->session->migration = m;
    start(m, c->argv[1], (int)port);
    hold(c);
}

/* What landed there goes here, if it still is what landed. True: some is not, and is on its way again. */
static bool settle_keys(struct call *c, struct migration *m)
{
    const struct node_world *w = c->world;
    bool again = false;

    for (int i = 0; i < m->count; i++) {
        struct moving *k = &m->keys[i];
        struct bytes words[] = { BYTES("DEL"), buf_bytes(&k->key) };

        if (k->state != MOVING_LANDED || m->copies)
            continue;
        if (!is_unchanged(c, k)) {
            again = true;
            continue;
        }
        k->state = MOVING_DONE;
        keyspace_delete(w->keyspace, c->db, words[1], 0);
        keyspace_event(w->keyspace, NOTIFY_GENERIC, "del", c->db, words[1]);
        call_effect(c, 2, words);
    }
    return again;
}

static bool goes_on(const struct migration *m)
{
    return dial_state(m->dial) == DIAL_UP && !*m->error && m->rounds < MIGRATE_ROUNDS;
}

static void finish(struct call *c, struct migration *m)
{
    bool again = settle_keys(c, m);

    if (again && goes_on(m)) {
        m->ended = false;
        m->rounds++;
        ev_timer_again(m->serve->service->loop, &m->timer);
        send_keys(m);
        hold(c);
        return;
    }
    if (*m->error)
        reply_error(c->reply, m->error);
    else if (again)
        reply_error(c->reply, "ERR a key changed again and again while it was moved");
    else
        reply_ok(c->reply);
    if (!c->effect_count)
        call_no_effect(c);
    migrate_leave(m->session);
}

static void cmd_migrate(struct call *c)
{
    struct migration *m = c->session ? node_session_of(c->session)->migration : NULL;

    if (!m || c->in_exec) {
        begin(c);
    } else if (m->ended) {
        finish(c, m);
    } else if (c->denies_blocking) { /* CLIENT UNBLOCK */
        snprintf(m->error, sizeof m->error, "%s",
                 "IOERR error or timeout reading to target instance");
        finish(c, m);
    } else {
        hold(c);
    }
}

/* Behind the fixed arguments words may come, and KEYS ends them. */
static int find_migrate_keys(int argc, const struct bytes *argv, int *out_positions, int max)
{
    int first = 3, count = 1;

    for (int i = OPTIONS; i < argc; i++) {
        if (bytes_is_word(argv[i], "keys")) {
            if (argv[3].len)
                return -1;
            first = i + 1;
            count = argc - first;
            break;
        }
        i += bytes_is_word(argv[i], "auth") ? 1 : bytes_is_word(argv[i], "auth2") ? 2 : 0;
    }
    if (count > max)
        return -1;
    for (int i = 0; i < count; i++)
        out_positions[i] = first + i;
    return count;
}

const struct command serve_migrate_rows[] = {
    { .name = "migrate",
      .run = cmd_migrate,
      .argc_min = 6,
      .argc_max = ARGC_ANY,
      .flags = CMD_WRITE | CMD_MOVABLEKEYS,
      .acl = ACL_KEYSPACE | ACL_DANGEROUS,
      .keys = { 3, 3, 1, .find = find_migrate_keys },
      .key_specs = "RW access delete;RW access delete incomplete keyword=KEYS:-2 range=-1:1:0",
      .group = "generic",
      .since = "2.6.0",
      .cost = "This command actually executes a DUMP+DEL in the source instance, and a RESTORE "
              "in the target instance. See the pages of these commands for time complexity. "
              "Also an O(N) data transfer between the two instances is performed.",
      .args = "host port:integer key_or_empty_string:(key|empty_string:'') "
              "destination-db:integer timeout:integer [COPY@3.0.0] [REPLACE@3.0.0] "
              "[authentication:([AUTH=password@4.0.7]|[AUTH2={username password}@6.0.0])] "
              "[KEYS=key:key1@3.0.6+]",
      .help = "Moves keys to another server.",
      .tips = "nondeterministic_output",
      .history = "3.0.0:COPY and REPLACE.|3.0.6:KEYS.|4.0.7:AUTH.|6.0.0:AUTH2." },
    { 0 },
};
