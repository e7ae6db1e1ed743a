/*
 * discarded - what a former leader throws away goes into a file, by a thread: the loop reads and writes nothing of it.
 *
 *     DROP: the append only file is opened --job--> thread: discard_keep --> loop: the log and INFO tell
 *
 * The file may have been deleted by then: it is there for as long as somebody holds it open. What a crash in between loses was
 * told to nobody as kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/log.h"
#include "node/durable/membership_room.h"
#include "node/oplog/oplog.h"
#include "node/persist/aof.h"
#include "node/persist/helper.h"
#include "node/settings.h"

#define U(number) ((unsigned long long)(number))

struct tail {
    struct helper_job job;
    struct membership *m;
    int fd; /* -1: why says what is wrong with it */
    uint64_t file_bytes, from, to, epoch, bytes_max;
    struct discarded kept;
    enum err e;
    struct errmsg why;
};

static void run(struct helper_job *job)
{
    struct tail *t = CONTAINER_OF(job, struct tail, job);

    if (t->fd >= 0)
        t->e = discard_keep(t->fd, t->file_bytes, t->from, t->to, t->epoch, t->bytes_max,
                            t->kept.name, &t->kept.bytes, &t->why);
}

static void done(struct helper_job *job)
{
    struct tail *t = CONTAINER_OF(job, struct tail, job);
    struct membership *m = t->m;

    if (t->e != OK)
        log_warning("durable-tail-not-kept epoch=%llu from=%llu to=%llu why=\"%s\"", U(t->epoch),
                    U(t->from), U(t->to), t->why.text);
    else
        log_warning("durable-tail-discarded epoch=%llu from=%llu to=%llu file=%s bytes=%llu",
                    U(t->epoch), U(t->from), U(t->to), t->kept.name, U(t->kept.bytes));
    t->kept.times = m->discarded.times + 1;
    m->discarded = t->kept;
    if (t->fd >= 0)
        close(t->fd);
    xfree(t);
}

/* All of it that there will be. */
static void open_file(struct tail *t, struct aof *a)
{
    AUTO_FREE char *path = aof_flush(a) == OK ? aof_tail_path(a) : NULL;
    struct stat st;

    t->e = ERR_IO;
    errmsg_set(&t->why, "the append only file cannot be read");
    t->fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (t->fd < 0)
        return;
    if (fstat(t->fd, &st) == 0) {
        t->file_bytes = (uint64_t)st.st_size;
        return;
    }
    close(t->fd);
    t->fd = -1;
}

void discarded_begin(struct membership *m, const struct durable_action *a)
{
    uint64_t end = m->w->oplog->next, bytes_max = (uint64_t)m->w->set->hf_discarded_bytes_max;
    struct errmsg why;
    struct tail *t;

    if (a->offset >= end || a->epoch == 0 || bytes_max == 0)
        return;
    t = xcalloc(1, sizeof *t);
    *t = (struct tail){ .job = { .run = run, .done = done },
                        .m = m,
                        .from = a->offset,
                        .to = end,
                        .epoch = a->epoch,
                        .bytes_max = bytes_max };
    open_file(t, m->w->aof);
    if (!m->helper)
        m->helper = helper_new(m->w->loop, &why);
    if (m->helper) {
        helper_submit(m->helper, &t->job);
        return;
    }
    run(&t->job);
    done(&t->job);
}

void discarded_end(struct membership *m)
{
    if (!m->helper)
        return;
    helper_wait(m->helper);
    helper_free(m->helper);
    m->helper = NULL;
}
