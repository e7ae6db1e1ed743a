/*
 * obey - what the core wants done, in order.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/log.h"
#include "node/durable/membership_room.h"
#include "node/oplog/oplog.h"
#include "node/persist/aof.h"
#include "node/replica/group_link.h"
#include "node/serve/serve.h"
#include "node/settings.h"

#define U(number) ((unsigned long long)(number))

/* What is on the disk is not known any more, so that no start but the next can tell what this node may still call
 * itself: it ends as a crash would end it, and its group goes on without it. */
static void cannot_remember(const char *why)
{
    log_warning("membership-not-stored file=%s why=\"%s\"", META_FILE_NAME, why);
    _exit(EXIT_FAILURE);
}

static void do_persist(struct membership *m, const struct durable_action *a)
{
    struct errmsg why = { "" };
    enum err e = m->file.slots
                     ? meta_file_store(&m->file, &a->meta, &why)
                     : meta_file_create(&m->file, META_FILE_NAME, &slots_io_real, &a->meta, &why);

    if (e != OK)
        cannot_remember(why.text);
}

static void do_say(struct membership *m, const struct durable_action *a)
{
    const struct member *to = charter_member(&m->core.meta.seen, a->talk.to);

    if (to)
        group_link_say(m->w->replica, &a->talk, &to->at);
}

static void do_stream(struct membership *m, const struct durable_action *a)
{
    group_link_stream(m->w->replica, a->node, a->attach, a->offset);
}

static void do_payload(struct membership *m, const struct durable_action *a)
{
    group_link_payload(m->w->replica, a->node, a->attach, &m->core.meta.history);
}

static void do_detach(struct membership *m, const struct durable_action *a)
{
    group_link_detach(m->w->replica, a->node);
}

static void do_mark(struct membership *m, const struct durable_action *a)
{
    group_link_mark(m->w->replica, a->epoch, a->offset);
    m->open = false;
    confirm_group_leads(m->w->serve);
}

static void do_cut(struct membership *m, const struct durable_action *a)
{
    group_link_cut(m->w->replica, a->offset);
}

static void do_drop(struct membership *m, const struct durable_action *a)
{
    discarded_begin(m, a);
    log_warning("durable-data-dropped offset=%llu did=%llu", U(m->w->oplog->next),
                U(m->core.meta.did));
    group_link_drop(m->w->replica);
}

static void do_release(struct membership *m, const struct durable_action *a)
{
    confirm_release(m->w->serve, a->offset);
}

static void do_confirm(struct membership *m, const struct durable_action *a)
{
    confirm_answered(m->w->serve, a->seq);
}

static void do_close(struct membership *m, const struct durable_action *a)
{
    log_warning("durable-unconfirmed-closed commit=%llu of=%llu", U(m->core.commit), U(m->core.at));
    confirm_close_waiters(m->w->serve);
}

static void do_serve(struct membership *m, const struct durable_action *a)
{
    log_notice("durable-active epoch=%llu commit=%llu", U(m->core.meta.seen.epoch),
               U(m->core.commit));
}

static void do_demote(struct membership *m, const struct durable_action *a)
{
    log_notice("durable-leads-no-more epoch=%llu offset=%llu", U(m->core.meta.seen.epoch),
               U(m->w->oplog->next));
    group_link_rest(m->w->replica);
    standing_dismiss(m);
}

static void do_alarm(struct membership *m, const struct durable_action *a)
{
    log_warning("durable-alarm what=\"%s\"", a->text);
}

typedef void act_fn(struct membership *m, const struct durable_action *a);

static act_fn *const acts[DURABLE_ACTION_COUNT] = {
    [DURABLE_PERSIST] = do_persist, [DURABLE_SAY] = do_say,
    [DURABLE_ASK] = voters_ask,     [DURABLE_ANSWER] = orders_answered,
    [DURABLE_STREAM] = do_stream,   [DURABLE_PAYLOAD] = do_payload,
    [DURABLE_DETACH] = do_detach,   [DURABLE_MARK] = do_mark,
    [DURABLE_CUT] = do_cut,         [DURABLE_DROP] = do_drop,
    [DURABLE_RELEASE] = do_release, [DURABLE_SERVE] = do_serve,
    [DURABLE_CONFIRM] = do_confirm, [DURABLE_CLOSE] = do_close,
    [DURABLE_DEMOTE] = do_demote,   [DURABLE_LOOKOUT] = voters_tell,
    [DURABLE_ALARM] = do_alarm,
};

/* A room that is told something may come back with an event: its actions line up behind those that are there. */
void obey(struct membership *m)
{
    if (m->obeying)
        return;
    m->obeying = true;
    while (m->next < m->pending.count) {
        const struct durable_action *next = &m->pending.at[m->next++];
        struct durable_action a;

        memcpy(&a, next, durable_action_bytes(next->kind)); /* it may move */
        acts[a.kind](m, &a);
    }
    m->obeying = false;
    m->next = m->pending.count = 0;
    standing_settle(m);
}
