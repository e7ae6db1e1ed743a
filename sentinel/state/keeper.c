#include "sentinel/state/keeper.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/log.h"
#include "common/random.h"
#include "sentinel/state/choose.h"
#include "sentinel/state/state.h"

/* ---- opening ------------------------------------------------------------------------------------ */

static bool can_write_beside(const char *path)
{
    AUTO_FREE char *copy = xstrdup(path);

    return access(dirname(copy), W_OK) == 0;
}

/* Beside sentinel.conf; in the working directory where that place is read-only and holds none yet. The
 * caller frees. */
static char *journal_place(const struct keeper_options *o)
{
    struct buf beside = { 0 }, here = { 0 };
    char *place;

    if (o->set->state_file)
        return file_absolute(o->set->state_file);
    buf_printf(&beside, "%s.state", o->conf_path ? o->conf_path : "sentinel");
    if (access(buf_text(&beside), F_OK) != 0 && !can_write_beside(buf_text(&beside)) &&
        can_write_beside("./x")) {
        const char *name = strrchr(buf_text(&beside), '/');

        buf_printf(&here, ".%s", name);
    }
    place = file_absolute(here.len ? buf_text(&here) : buf_text(&beside));
    buf_fini(&beside);
    buf_fini(&here);
    return place;
}

struct replay {
    struct config config;
    struct digests digests;
};

static enum err replay_one(void *arg, struct bytes payload, struct errmsg *why)
{
    struct replay *r = arg;

    return record_replay(payload, &r->config, &r->digests, why);
}

static void keep_words(struct keeper *k, const struct keeper_options *o)
{
    const struct sentinel_settings *set = o->set;

    k->rows = set->rows;
    k->conf_path = o->conf_path ? xstrdup(o->conf_path) : NULL;
    k->state_file = set->state_file ? xstrdup(set->state_file) : NULL;
    k->ours_in_file = xcalloc(set->ours_in_file_count + 1, sizeof *k->ours_in_file);
    for (size_t i = 0; i < set->ours_in_file_count; i++)
        k->ours_in_file[k->ours_in_file_count++] = xstrdup(set->ours_in_file[i]);
    sentinel_settings_elsewhere(set, o->conf_path, &k->elsewhere);
}

/* Reads sentinel.conf as it is now. What it holds is known from here on. */
static bool was_edited(struct keeper *k, const struct digests *known)
{
    struct buf file = { 0 };
    char digest[DIGEST_LEN + 1];

    if (k->conf_path)
        (void)!file_read(k->conf_path, SETTINGS_FILE_BYTES, &file, NULL);
    keeper_digest(k, buf_bytes(&file), digest);
    buf_fini(&file);
    k->digests = *known;
    digests_add(&k->digests, digest);
    return !digests_hold(known, digest);
}

static enum err put_record(void *arg, const struct record *rec, struct errmsg *why)
{
    struct buf payload = { 0 };
    enum err e;

    record_encode(rec, &payload);
    e = journal_append(arg, buf_bytes(&payload), why);
    buf_fini(&payload);
    return e;
}

static enum err put_digest(struct journal *j, const char *digest, struct errmsg *why)
{
    struct buf payload = { 0 };
    enum err e;

    if (!digest[0])
        return OK;
    record_encode_digest(digest, &payload);
    e = journal_append(j, buf_bytes(&payload), why);
    buf_fini(&payload);
    return e;
}

static enum err put_everything(void *arg, struct journal *draft, struct errmsg *why)
{
    struct keeper *k = arg;
    enum err e = put_digest(draft, k->digests.before, why);

    if (e == OK)
        e = put_digest(draft, k->digests.now, why);
    return e == OK ? record_each(&k->config, put_record, draft, why) : e;
}

static enum err renew_journal(struct keeper *k, struct errmsg *out_why)
{
    enum err e = journal_replace(k->journal, put_everything, k, out_why);

    k->must_renew = journal_broken(k->journal) || (e != OK && k->must_renew);
    if (e == OK)
        k->fresh_bytes = journal_bytes(k->journal);
    return e;
}

static enum err open_refused(struct errmsg *out_why, enum err e, const struct errmsg *reason,
                             const char *advice)
{
    errmsg_set(out_why,
               "\n*** FATAL: the sentinel's state can't be kept (Holdfast " HF_VERSION
               ") ***\n%.300s\n%s\n",
               reason->text, advice);
    return e;
}

/* What was found becomes what counts, and the log says which. */
static void choose(struct keeper *k, const struct keeper_options *o, const struct replay *found,
                   const struct journal_found *how)
{
    struct conf_seen seen = { .config = o->conf,
                              .ours_in_file = k->ours_in_file,
                              .ours_in_file_count = k->ours_in_file_count };

    seen.edited = was_edited(k, &found->digests);
    choose_config(&seen, &found->config, &k->config);
    if (!k->config.globals.my_id[0])
        random_hex(k->config.globals.my_id, ID_LEN);
    if (how->torn_bytes && !how->is_new)
        log_notice("state-torn-end-cut file=%s bytes=%llu", journal_path(k->journal),
                   (unsigned long long)how->torn_bytes);
    log_notice("state-loaded from=%s current-epoch=%llu groups=%zu records=%llu",
               how->records == 0 ? "sentinel.conf"
               : seen.edited     ? "both"
                                 : "journal",
               (unsigned long long)k->config.current_epoch, k->config.group_count,
               (unsigned long long)how->records);
}

/* It is there, and was not read: it may hold votes that sentinel.conf does not. */
static bool is_unread(const char *path, const struct journal_found *how)
{
    struct stat st;

    return how->next == 0 && stat(path, &st) == 0 && st.st_size >= JOURNAL_HEADER_BYTES;
}

static const char *advice_on(enum err e)
{
    switch (e) {
    case ERR_EXISTS:
        return "Two sentinels must not share one state.";
    case ERR_IO:
        return "Let the user that runs the sentinel read and write it and the .lock beside it, or "
               "move "
               "it away: the sentinel then starts from sentinel.conf, which is at most a second "
               "older.";
    default:
        return "Restore it from a copy, or move it away: the sentinel then starts from "
               "sentinel.conf, "
               "which is at most a second older.";
    }
}

static enum err open_journal(struct keeper *k, const struct keeper_options *o, const char *path,
                             struct errmsg *out_why)
{
    struct replay found = { .digests = { .now = "" } };
    struct journal_found how;
    struct errmsg reason = { "" };
    enum err e = OK;

    k->journal = journal_open(path, o->io, replay_one, &found, &how, &e, &reason);
    if (!k->journal && (e != ERR_IO || is_unread(path, &how))) {
        config_fini(&found.config);
        return open_refused(out_why, e, &reason, advice_on(e));
    }
    if (k->journal) {
        choose(k, o, &found, &how);
        e = renew_journal(k, &reason);
    }
    if (e != OK) {
        /* sentinel.conf alone carries the state, as it does for Redis; if it can be written. */
        log_warning("state-journal-not-written why=\"%s\"", reason.text);
        if (!k->journal)
            choose(k, o, &found, &(struct journal_found){ .is_new = true });
        journal_close(k->journal);
        k->journal = NULL;
        if (keeper_write_conf(k, 0, &(struct errmsg){ "" }) != OK)
            e = open_refused(
                out_why, ERR_IO, &reason,
                "And sentinel.conf can't be replaced either. Make one of them writable, or "
                "name a place with 'sentinel state-file <path>'.");
        else
            e = OK;
    }
    config_fini(&found.config);
    return e;
}

/* A kill in the middle of a rewrite leaves a file beside the one that was to be replaced. */
static void sweep(const struct keeper *k)
{
    int swept = k->conf_path ? file_sweep(k->conf_path) : 0;

    if (swept > 0)
        log_notice("unfinished-rewrites-removed file=%s count=%d", k->conf_path, swept);
}

enum err keeper_open(struct keeper *k, const struct keeper_options *o, struct errmsg *out_why)
{
    AUTO_FREE char *path = NULL;
    enum err e;

    *k = (struct keeper){ .conf_behind = true };
    if (!o->conf_path && !o->set->state_file) {
        errmsg_set(out_why,
                   "a sentinel needs a configuration file on the disk, even if it is empty: it "
                   "keeps its state beside it, or where 'sentinel state-file <path>' says");
        return ERR_UNSUPPORTED;
    }
    keep_words(k, o);
    path = journal_place(o);
    e = open_journal(k, o, path, out_why);
    if (e != OK)
        keeper_close(k);
    else
        sweep(k);
    return e;
}

void keeper_close(struct keeper *k)
{
    journal_close(k->journal);
    config_fini(&k->config);
    for (size_t i = 0; i < k->ours_in_file_count; i++)
        xfree(k->ours_in_file[i]);
    xfree(k->ours_in_file);
    xfree(k->conf_path);
    xfree(k->state_file);
    buf_fini(&k->elsewhere);
    buf_fini(&k->users);
    *k = (struct keeper){ .journal = NULL };
}

/* ---- records ------------------------------------------------------------------------------------ */

static void append(struct keeper *k, struct bytes payload)
{
    struct errmsg why = { "" };

    if (k->journal && !k->must_renew && journal_append(k->journal, payload, &why) != OK)
        k->must_renew = true;
}

void keeper_learn(struct keeper *k, struct bytes payload, uint64_t now_ms)
{
    struct errmsg why = { "" };

    ASSERT(record_replay(payload, &k->config, &k->digests, &why) == OK);
    if (!k->conf_behind)
        k->conf_first_ms = now_ms;
    k->conf_last_ms = now_ms;
    k->conf_behind = true;
}

void keeper_add(struct keeper *k, struct bytes payload, uint64_t now_ms)
{
    append(k, payload);
    keeper_learn(k, payload, now_ms);
}

bool keeper_log(struct keeper *k, const struct buf *records)
{
    struct errmsg why = { "" };

    for (size_t at = 0; at < records->len;) {
        uint32_t len;

        memcpy(&len, records->at + at, sizeof len);
        append(k, (struct bytes){ records->at + at + sizeof len, len });
        at += sizeof len + len;
    }
    if (!k->journal || k->must_renew)
        return false;
    k->must_renew = journal_sync(k->journal, &why) != OK;
    return !k->must_renew;
}

static enum err store_in_journal(struct keeper *k, struct errmsg *out_why)
{
    struct errmsg ignored;
    enum err e = OK;

    if (!k->must_renew)
        e = journal_sync(k->journal, out_why);
    if (k->must_renew || e != OK)
        return renew_journal(k, out_why);
    if (journal_bytes(k->journal) > KEEPER_GROWTH * k->fresh_bytes &&
        journal_bytes(k->journal) > k->fresh_bytes + KEEPER_SLACK_BYTES &&
        renew_journal(k, &ignored) != OK)
        k->fresh_bytes =
            journal_bytes(k->journal); /* the longer one is as good; not at once again */
    return OK;
}

enum err keeper_store(struct keeper *k, struct errmsg *out_why)
{
    enum err e;

    if (!k->journal)
        return k->conf_behind ? keeper_write_conf(k, k->conf_last_ms, out_why) : OK;
    e = store_in_journal(k, out_why);
    if (e != OK && !k->journal_failed)
        log_warning("state-not-stored why=\"%s\" effect=\"no vote is cast until it is\"",
                    out_why->text);
    if (e == OK && k->journal_failed)
        log_warning("state-stored-again file=%s", journal_path(k->journal));
    k->journal_failed = e != OK;
    k->must_renew |= e != OK;
    return e;
}

/* ---- sentinel.conf ------------------------------------------------------------------------------ */

uint64_t keeper_conf_due_ms(const struct keeper *k)
{
    uint64_t due;

    if (!k->conf_behind || !k->conf_path)
        return UINT64_MAX;
    due = k->conf_last_ms + REWRITE_MS;
    if (due > k->conf_first_ms + REWRITE_MS_MAX)
        due = k->conf_first_ms + REWRITE_MS_MAX;
    return due > k->conf_retry_ms ? due : k->conf_retry_ms;
}

/* The journal hears of the new file first: what it does not know would look edited. */
static enum err replace_conf(struct keeper *k, struct errmsg *out_why)
{
    struct buf old = { 0 }, new = { 0 };
    char digest[DIGEST_LEN + 1];
    enum err e = OK;

    if (!k->conf_path) {
        errmsg_set(out_why, "there is no configuration file");
        return ERR_UNSUPPORTED;
    }
    e = file_read(k->conf_path, SETTINGS_FILE_BYTES, &old, out_why);
    if (e == OK || e == ERR_NOTFOUND) {
        e = OK;
        keeper_merge_conf(k, buf_bytes(&old), &new);
        keeper_digest(k, buf_bytes(&new), digest);
        digests_add(&k->digests, digest);
        if (k->journal && !k->must_renew) {
            e = put_digest(k->journal, digest, out_why);
            if (e == OK && k->meanwhile)
                k->meanwhile(k->arg);
            if (e == OK)
                e = journal_sync(k->journal, out_why);
            k->must_renew = e != OK;
        }
        if (e == OK && !bytes_eq(buf_bytes(&old), buf_bytes(&new)))
            e = file_replace(k->conf_path, buf_bytes(&new), 0640, out_why);
    }
    buf_fini(&old);
    buf_fini(&new);
    return e;
}

enum err keeper_write_conf(struct keeper *k, uint64_t now_ms, struct errmsg *out_why)
{
    enum err e = replace_conf(k, out_why);

    if (e != OK) {
        k->conf_retry_ms = now_ms + KEEPER_RETRY_MS;
        if (!k->conf_failed && k->conf_path)
            log_warning("sentinel-conf-not-written file=%s why=\"%s\"%s", k->conf_path,
                        out_why->text, k->journal ? " effect=\"the journal has everything\"" : "");
        k->conf_failed = true;
        return e;
    }
    if (k->conf_failed)
        log_warning("sentinel-conf-written-again file=%s", k->conf_path);
    k->conf_failed = k->conf_behind = false;
    k->conf_retry_ms = 0;
    return OK;
}
