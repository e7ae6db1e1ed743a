#include "sentinel/state/record.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/settings.h"
#include "sentinel/core/durable/captain.h"

static const char digest_word[] = "conf";

/* ---- out --------------------------------------------------------------------------------------- */

static void put_bytes(struct buf *out, struct bytes word)
{
    buf_putc(out, ' ');
    buf_put_quoted(out, word);
}

static void put(struct buf *out, const char *word)
{
    put_bytes(out, bytes_of(word ? word : ""));
}

static void put_number(struct buf *out, uint64_t v)
{
    buf_printf(out, " %llu", (unsigned long long)v);
}

static void put_addr(struct buf *out, const struct addr *a)
{
    put(out, a->host);
    put_number(out, (uint64_t)a->port);
}

static void put_set(struct buf *out, const struct group_settings *set)
{
    put_number(out, set->quorum);
    put_number(out, set->down_after_ms);
    put_number(out, set->failover_timeout_ms);
    put_number(out, set->master_reboot_down_after_ms);
    put_number(out, set->parallel_syncs);
    put_number(out, set->fast_detection);
    put(out, set->notification_script);
    put(out, set->client_reconfig_script);
    put(out, set->auth_user);
    put(out, set->auth_pass);
    for (size_t i = 0; i < set->rename_count; i++) {
        put(out, set->renames[i].command);
        put(out, set->renames[i].to);
    }
    /* Behind a blank, which no command begins with: what older versions do not know, where it is set. */
    if (set->tls != GROUP_TLS_AUTO) {
        put(out, " tls");
        put(out, group_tls_word(set->tls));
    }
    if (set->busy_failover_ms != CAPTAIN_BUSY_FAILOVER_MS) {
        put(out, " busy-failover");
        put_number(out, set->busy_failover_ms);
    }
    if (set->auth_pass_fallback) {
        put(out, " auth-pass-fallback");
        put(out, set->auth_pass_fallback);
    }
    /* One more word, where renames come in pairs: who never set it writes what older versions read. */
    if (set->durability != KEEP_ASYNC)
        put_number(out, set->durability);
}

static void put_globals(struct buf *out, const struct globals *g)
{
    put(out, g->my_id);
    put(out, g->announce_ip);
    put_number(out, (uint64_t)g->announce_port);
    put_number(out, (uint64_t)g->listen_port);
    put_number(out, g->deny_scripts_reconfig);
    put_number(out, g->resolve_hostnames);
    put_number(out, g->announce_hostnames);
    put(out, g->sentinel_user);
    put(out, g->sentinel_pass);
    if (g->sentinel_pass_fallback) /* which older versions do not know */
        put(out, g->sentinel_pass_fallback);
}

/* The others may point to a group's settings, which are not theirs to tell. */
static bool has_settings(enum record_kind kind)
{
    return kind == REC_GROUP_ADD || kind == REC_GROUP_SET;
}

void record_encode(const struct record *rec, struct buf *out)
{
    buf_puts(out, record_word(rec->kind));
    if (rec->kind == REC_GLOBALS) {
        put_globals(out, rec->globals);
        return;
    }
    put(out, rec->group);
    put_number(out, rec->epoch);
    put_addr(out, &rec->addr);
    put(out, rec->id);
    if (has_settings(rec->kind))
        put_set(out, rec->set);
    if (rec->kind == REC_PAUSE)
        put_number(out, rec->until_ms);
}

void record_encode_digest(const char *digest, struct buf *out)
{
    buf_puts(out, digest_word);
    put(out, digest);
}

/* ---- in ---------------------------------------------------------------------------------------- */

/* The words of one record, taken from the front; bad is set by the first that does not fit. */
struct words {
    struct bytes at[RECORD_WORDS_MAX];
    int count, next;
    bool bad;
};

/* No word of ours holds a zero byte: it would not be the same word once it is a C string. */
static struct bytes take(struct words *w)
{
    struct bytes word = { 0 };

    if (w->next < w->count)
        word = w->at[w->next++];
    else
        w->bad = true;
    if (word.len && memchr(word.at, '\0', word.len))
        w->bad = true;
    return w->bad ? (struct bytes){ 0 } : word;
}

static uint64_t take_number(struct words *w, uint64_t max)
{
    uint64_t v = 0;

    if (!bytes_to_u64(take(w), &v) || v > max)
        w->bad = true;
    return v;
}

static void take_into(struct words *w, char *out, size_t cap)
{
    struct bytes word = take(w);

    if (word.len >= cap) {
        w->bad = true;
        return;
    }
    if (word.len)
        memcpy(out, word.at, word.len);
    out[word.len] = '\0';
}

static char *take_text(struct words *w)
{
    struct bytes word = take(w);

    return word.len ? xmemdup0(word.at, word.len) : NULL;
}

static void take_addr(struct words *w, struct addr *out)
{
    take_into(w, out->host, sizeof out->host);
    out->port = (int)take_number(w, 65535);
}

static bool take_pair(struct group_settings *out, struct bytes name, struct bytes value)
{
    if (bytes_is(name, " tls"))
        return group_tls_of(value, &out->tls);
    if (bytes_is(name, " busy-failover"))
        return busy_failover_of(value, &out->busy_failover_ms);
    if (!bytes_is(name, " auth-pass-fallback"))
        return group_settings_rename(out, name, value) == OK;
    xfree(out->auth_pass_fallback);
    out->auth_pass_fallback = value.len ? xmemdup0(value.at, value.len) : NULL;
    return true;
}

static void take_set(struct words *w, struct group_settings *out)
{
    out->quorum = (uint32_t)take_number(w, UINT32_MAX);
    out->down_after_ms = take_number(w, INT64_MAX);
    out->failover_timeout_ms = take_number(w, INT64_MAX);
    out->master_reboot_down_after_ms = take_number(w, INT64_MAX);
    out->parallel_syncs = (uint32_t)take_number(w, UINT32_MAX);
    out->fast_detection = (enum fast_detection)take_number(w, FAST_NO);
    out->notification_script = take_text(w);
    out->client_reconfig_script = take_text(w);
    out->auth_user = take_text(w);
    out->auth_pass = take_text(w);
    out->busy_failover_ms = CAPTAIN_BUSY_FAILOVER_MS;
    while (!w->bad && w->next + 1 < w->count) {
        struct bytes command = take(w), to = take(w);

        if (!w->bad && !take_pair(out, command, to))
            w->bad = true;
    }
    if (!w->bad && w->next < w->count)
        out->durability = (enum keep)take_number(w, KEEP_COUNT - 1);
}

static void take_globals(struct words *w, struct globals *out)
{
    take_into(w, out->my_id, sizeof out->my_id);
    out->announce_ip = take_text(w);
    out->announce_port = (int)take_number(w, 65535);
    out->listen_port = (int)take_number(w, 65535);
    out->deny_scripts_reconfig = take_number(w, 1);
    out->resolve_hostnames = take_number(w, 1);
    out->announce_hostnames = take_number(w, 1);
    out->sentinel_user = take_text(w);
    out->sentinel_pass = take_text(w);
    if (!w->bad && w->next < w->count)
        out->sentinel_pass_fallback = take_text(w);
}

static enum record_kind kind_of(struct bytes word)
{
    int kind = 0;

    while (kind < REC_COUNT && !bytes_is(word, record_word((enum record_kind)kind)))
        kind++;
    return (enum record_kind)kind;
}

static void replay_words(struct words *w, enum record_kind kind, struct config *c)
{
    struct record rec = { .kind = kind };
    struct group_settings set = { 0 };
    struct globals globals = { .announce_ip = NULL };

    if (kind == REC_GLOBALS) {
        take_globals(w, &globals);
        rec.globals = &globals;
    } else {
        take_into(w, rec.group, sizeof rec.group);
        rec.epoch = take_number(w, EPOCH_MAX);
        take_addr(w, &rec.addr);
        take_into(w, rec.id, sizeof rec.id);
        if (has_settings(kind)) {
            take_set(w, &set);
            rec.set = &set;
        }
        if (kind == REC_PAUSE)
            rec.until_ms = take_number(w, UINT64_MAX);
    }
    if (w->next != w->count)
        w->bad = true;
    if (!w->bad)
        config_apply(c, &rec);
    group_settings_fini(&set);
    globals_fini(&globals);
}

void digests_add(struct digests *d, const char *digest)
{
    if (strcmp(d->now, digest) == 0)
        return;
    memcpy(d->before, d->now, sizeof d->before);
    snprintf(d->now, sizeof d->now, "%s", digest);
}

bool digests_hold(const struct digests *d, const char *digest)
{
    return strcmp(d->now, digest) == 0 || strcmp(d->before, digest) == 0;
}

static bool take_digest(struct words *w, struct digests *d)
{
    char digest[DIGEST_LEN + 1] = "";

    if (!bytes_is(w->at[0], digest_word))
        return false;
    w->next = 1;
    take_into(w, digest, sizeof digest);
    if (w->count != 2 || strlen(digest) != DIGEST_LEN)
        w->bad = true;
    if (!w->bad)
        digests_add(d, digest);
    return true;
}

enum err record_replay(struct bytes payload, struct config *c, struct digests *d,
                       struct errmsg *out_why)
{
    struct words w = { .next = 1 };
    struct buf storage = { 0 };
    enum record_kind kind = REC_COUNT;

    if (settings_split(payload, &storage, w.at, RECORD_WORDS_MAX, &w.count) != OK || w.count == 0)
        w.bad = true;
    else if (!take_digest(&w, d)) {
        kind = kind_of(w.at[0]);
        if (kind == REC_COUNT)
            w.bad = true;
        else
            replay_words(&w, kind, c);
    }
    if (w.bad)
        errmsg_set(out_why, "a record cannot be understood: '%.*s'",
                   payload.len > 60 ? 60 : (int)payload.len, payload.len ? payload.at : "");
    buf_fini(&storage);
    return w.bad ? ERR_SYNTAX : OK;
}

/* ---- a whole config as records ----------------------------------------------------------------- */

/* Where the records go. The first error is kept, and ends it. */
struct writer {
    enum err (*each)(void *arg, const struct record *rec, struct errmsg *why);
    void *arg;
    struct errmsg *why;
    enum err err;
};

static void tell(struct writer *w, const struct config_group *g, struct record rec)
{
    if (g)
        memcpy(rec.group, g->name, sizeof rec.group);
    if (w->err == OK)
        w->err = w->each(w->arg, &rec, w->why);
}

static void tell_group(struct writer *w, const struct config_group *g)
{
    struct record vote = { .kind = REC_VOTE, .epoch = g->vote_epoch };

    tell(w, g, (struct record){ .kind = REC_GROUP_ADD, .addr = g->leader, .set = &g->set });
    tell(w, g, (struct record){ .kind = REC_CONFIG, .epoch = g->config_epoch, .addr = g->leader });
    memcpy(vote.id, g->vote_id, sizeof vote.id);
    tell(w, g, vote);
    if (g->pause_stamp) /* who never paused it writes what older versions read */
        tell(w, g,
             (struct record){
                 .kind = REC_PAUSE, .epoch = g->pause_stamp, .until_ms = g->pause_until_ms });
    for (size_t i = 0; i < g->node_count; i++)
        tell(w, g, (struct record){ .kind = REC_NODE_ADD, .addr = g->nodes[i] });
    for (size_t i = 0; i < g->peer_count; i++) {
        struct record peer = { .kind = REC_PEER_ADD, .addr = g->peers[i].addr };

        memcpy(peer.id, g->peers[i].id, sizeof peer.id);
        tell(w, g, peer);
    }
}

enum err record_each(const struct config *c,
                     enum err (*each)(void *arg, const struct record *rec, struct errmsg *why),
                     void *arg, struct errmsg *out_why)
{
    struct writer w = { .each = each, .arg = arg, .why = out_why };

    tell(&w, NULL, (struct record){ .kind = REC_GLOBALS, .globals = &c->globals });
    tell(&w, NULL, (struct record){ .kind = REC_EPOCH, .epoch = c->current_epoch });
    for (size_t i = 0; i < c->group_count && w.err == OK; i++)
        tell_group(&w, &c->groups[i]);
    return w.err;
}
