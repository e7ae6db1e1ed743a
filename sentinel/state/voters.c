#include "sentinel/state/voters.h"

#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "common/map.h"
#include "sentinel/state/voter_file.h"

/* One answer that waits for the disk. */
struct waiting {
    struct list node;
    uint64_t token;
    uint64_t writes; /* of its voter that have to be through */
    struct reg_message answer;
};

enum errand { ERRAND_NONE, ERRAND_OPEN, ERRAND_STORE };

/* Where one voter stands. */
struct booth {
    struct map_node by_id, by_group;
    struct voters *voters;
    struct acceptor acceptor; /* voter 0: its file is being opened */
    char *group, *path;
    struct list waiting; /* in the order in which they are to leave */
    uint32_t waiting_count;
    uint64_t wanted, written; /* writes */

    /* While errand is not ERRAND_NONE a helper has what follows. */
    struct list node; /* of asked, or of done */
    enum errand errand;
    struct voter_file file;
    struct buf memory;      /* STORE */
    uint64_t writes;        /* STORE: through with it */
    struct acceptor opened; /* OPEN */
    bool opened_new;        /* OPEN */
    enum err err;
    struct errmsg why;
};

struct voters {
    struct voters_options o;
    char *prefix;
    struct map by_id, by_group;
    uint64_t
        gone_told_ms; /* since then GONE_LINES_MAX lines at most about voters that are not here */
    uint32_t gone_lines;
    uint64_t missed; /* the last one told of */
    ev_async finished;
    pthread_t helpers[VOTERS_HELPERS];
    int helper_count; /* loop thread only */

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t work;
    struct list asked, done;
    int idle;
    bool stop;
};

enum { GONE_WINDOW_MS = 10000, GONE_LINES_MAX = 16 };

static struct bytes id_of(const uint64_t *id)
{
    return (struct bytes){ (const char *)id, sizeof *id };
}

/* ---- names of files ---------------------------------------------------------------------------- */

static bool stands_for_itself(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* NULL: too long. */
static char *path_of(const struct voters *v, struct bytes group)
{
    struct buf path = { 0 };
    size_t before;

    buf_puts(&path, v->prefix);
    before = path.len;
    for (size_t i = 0; i < group.len && path.len - before <= VOTERS_NAME_MAX; i++) {
        if (stands_for_itself(group.at[i]))
            buf_putc(&path, group.at[i]);
        else
            buf_printf(&path, "%%%02X", (unsigned char)group.at[i]);
    }
    if (path.len - before > VOTERS_NAME_MAX) {
        buf_fini(&path);
        return NULL;
    }
    buf_text(&path);
    return path.at;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* False: it is no name that path_of gives; a lock, say, or a file set aside. */
static bool group_of(const char *name, struct buf *out)
{
    out->len = 0;
    for (const char *at = name; *at; at++) {
        if (stands_for_itself(*at)) {
            buf_putc(out, *at);
        } else if (*at == '%' && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
            buf_putc(out, (char)(hex_digit(at[1]) * 16 + hex_digit(at[2])));
            at += 2;
        } else {
            return false;
        }
    }
    return out->len > 0;
}

/* ---- one voter --------------------------------------------------------------------------------- */

static struct booth *booth_new(struct voters *v, struct bytes group, char *path)
{
    struct booth *b = xcalloc(1, sizeof *b);

    b->voters = v;
    b->group = xmemdup0(group.at, group.len);
    b->path = path;
    list_init(&b->waiting);
    map_add(&v->by_group, &b->by_group, bytes_of(b->group));
    return b;
}

static void booth_free(struct booth *b)
{
    map_remove(&b->voters->by_group, &b->by_group);
    if (b->acceptor.voter)
        map_remove(&b->voters->by_id, &b->by_id);
    while (!list_empty(&b->waiting)) {
        struct waiting *w = LIST_ENTRY(b->waiting.next, struct waiting, node);

        list_remove(&w->node);
        xfree(w);
    }
    voter_file_close(&b->file);
    buf_fini(&b->memory);
    xfree(b->group);
    xfree(b->path);
    xfree(b);
}

static void open_file(struct booth *b)
{
    b->err =
        voter_file_open(&b->file, b->path, b->voters->o.io, &b->opened, &b->opened_new, &b->why);
}

#define U(number) ((unsigned long long)(number))

static bool refuses(void *arg, const struct charter *mine, const struct charter *proposed)
{
    const struct booth *b = arg;
    const struct voters_options *o = &b->voters->o;

    return o->refuses && o->refuses(o->arg, bytes_of(b->group), mine, proposed);
}

/* The file was opened: from now on it can be asked. */
static void begin_voting(struct booth *b)
{
    b->acceptor = b->opened;
    b->acceptor.refuses = refuses;
    b->acceptor.arg = b;
    map_add(&b->voters->by_id, &b->by_id, id_of(&b->acceptor.voter));
    if (b->opened_new && b->why.text[0])
        log_warning("voter-damaged group=%s voter=%llu why=\"%s\" kept=%s.damaged effect=\"it is "
                    "another voter "
                    "now, which counts for nothing until it takes the place of the old one\"",
                    b->group, U(b->acceptor.voter), b->why.text, b->path);
    else if (b->opened_new)
        log_notice("voter-made group=%s voter=%llu file=%s", b->group, U(b->acceptor.voter),
                   b->path);
    else
        log_notice("voter-loaded group=%s voter=%llu ver=%llu epoch=%llu", b->group,
                   U(b->acceptor.voter), U(b->acceptor.value.ver), U(b->acceptor.value.epoch));
}

/* ---- a helper ---------------------------------------------------------------------------------- */

static void do_errand(struct booth *b)
{
    if (b->errand == ERRAND_OPEN)
        open_file(b);
    else
        b->err = voter_file_store(&b->file, buf_bytes(&b->memory), &b->why);
}

static void *help(void *arg)
{
    struct voters *v = arg;

    pthread_mutex_lock(&v->lock);
    while (!v->stop) {
        struct booth *b;

        if (list_empty(&v->asked)) {
            v->idle++;
            pthread_cond_wait(&v->work, &v->lock);
            v->idle--;
            continue;
        }
        b = LIST_ENTRY(v->asked.next, struct booth, node);
        list_remove(&b->node);
        pthread_mutex_unlock(&v->lock);
        do_errand(b);
        pthread_mutex_lock(&v->lock);
        list_push_back(&v->done, &b->node);
        ev_async_send(v->o.loop, &v->finished);
    }
    pthread_mutex_unlock(&v->lock);
    return NULL;
}

/* Signals belong to the loop thread. With the lock held. */
static void more_helpers(struct voters *v)
{
    sigset_t all, before;
    pthread_t *thread = &v->helpers[v->helper_count];

    if (v->helper_count == VOTERS_HELPERS || list_length(&v->asked) <= (size_t)v->idle)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(thread, NULL, help, v) == 0) {
        (void)!pthread_setname_np(*thread, "voter");
        v->helper_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ASSERT(v->helper_count > 0);
}

static void send_out(struct booth *b, enum errand errand)
{
    struct voters *v = b->voters;

    ASSERT(b->errand == ERRAND_NONE);
    b->errand = errand;
    b->why.text[0] = '\0';
    pthread_mutex_lock(&v->lock);
    list_push_back(&v->asked, &b->node);
    more_helpers(v);
    pthread_cond_signal(&v->work);
    pthread_mutex_unlock(&v->lock);
}

/* ---- answers ----------------------------------------------------------------------------------- */

static void tell(struct voters *v, uint64_t token, const struct reg_message *answer,
                 const char *refusal)
{
    v->o.told(v->o.arg, token, answer, refusal);
}

static void store(struct booth *b)
{
    if (b->errand != ERRAND_NONE || b->acceptor.lost)
        return; /* the next one is begun when this one comes back */
    b->memory.len = 0;
    acceptor_encode(&b->acceptor, &b->memory);
    b->writes = b->wanted;
    send_out(b, ERRAND_STORE);
}

static void answer_later(struct booth *b, uint64_t token, const struct reg_message *answer)
{
    struct waiting *w = xmalloc(sizeof *w);

    *w = (struct waiting){ .token = token, .writes = b->wanted };
    if (answer)
        w->answer = *answer;
    list_push_back(&b->waiting, &w->node);
    b->waiting_count++;
}

/* Rule 1. */
static void answer(struct booth *b, uint64_t token, const struct reg_message *m)
{
    if (b->written >= b->wanted)
        tell(b->voters, token, m, NULL);
    else
        answer_later(b, token, m);
}

/* What was to be told on the strength of a write that failed is not: the voter is none any more. */
static void answer_waiting(struct booth *b)
{
    while (!list_empty(&b->waiting)) {
        struct waiting *w = LIST_ENTRY(b->waiting.next, struct waiting, node);

        if (w->writes > b->written && !b->acceptor.lost)
            return;
        list_remove(&w->node);
        b->waiting_count--;
        if (b->acceptor.lost) {
            w->answer.kind = REG_NACK;
            w->answer.why = NACK_LOST;
            w->answer.accepted = (struct ballot){ 0 };
            w->answer.committed = false;
            w->answer.value.ver = 0;
        }
        tell(b->voters, w->token, &w->answer, NULL);
        xfree(w);
    }
}

static void stored(struct booth *b)
{
    b->written = b->writes;
    if (b->err != OK) {
        acceptor_lost(&b->acceptor);
        b->written = b->wanted;
        log_warning("voter-lost group=%s voter=%llu why=\"%s\" effect=\"it answers nobody any "
                    "more; once the disk "
                    "is sound again and this sentinel was restarted, it may have to be replaced\"",
                    b->group, U(b->acceptor.voter), b->why.text);
    }
    answer_waiting(b);
    if (b->wanted > b->written)
        store(b);
}

static void tell_value(struct booth *b, uint64_t token);

static void opened(struct booth *b)
{
    struct voters *v = b->voters;
    struct list waiting;

    list_init(&waiting);
    while (!list_empty(&b->waiting)) {
        struct list *node = b->waiting.next;

        list_remove(node);
        list_push_back(&waiting, node);
    }
    b->waiting_count = 0;
    if (b->err == OK)
        begin_voting(b);
    else
        log_warning("voter-not-opened group=%s why=\"%s\"", b->group, b->why.text);
    while (!list_empty(&waiting)) {
        struct waiting *w = LIST_ENTRY(waiting.next, struct waiting, node);

        list_remove(&w->node);
        if (b->err == OK)
            tell_value(b, w->token);
        else
            tell(v, w->token, NULL, b->why.text);
        xfree(w);
    }
    if (b->err != OK)
        booth_free(b);
}

static struct booth *take_done(struct voters *v)
{
    struct booth *b = NULL;

    pthread_mutex_lock(&v->lock);
    if (!list_empty(&v->done)) {
        b = LIST_ENTRY(v->done.next, struct booth, node);
        list_remove(&b->node);
    }
    pthread_mutex_unlock(&v->lock);
    return b;
}

static void on_finished(struct ev_loop *loop, ev_async *w, int events)
{
    struct voters *v = w->data;
    struct booth *b;

    while ((b = take_done(v))) {
        enum errand errand = b->errand;

        b->errand = ERRAND_NONE;
        if (errand == ERRAND_OPEN)
            opened(b);
        else
            stored(b);
    }
}

/* ---- the loop's side --------------------------------------------------------------------------- */

static void step(struct booth *b, uint64_t token, const struct reg_message *m)
{
    struct reg_actions out = { 0 };
    bool answered = false;

    acceptor_step(&b->acceptor, m, &out);
    for (size_t i = 0; i < out.count; i++) {
        if (out.at[i].kind == REG_PERSIST) {
            b->wanted++;
            store(b);
        } else {
            answer(b, token, &out.at[i].message);
            answered = true;
        }
    }
    if (!answered)
        tell(b->voters, token, NULL, NULL);
    reg_actions_fini(&out);
    if ((m->kind == REG_ACCEPT || m->kind == REG_LEARN) && b->voters->o.learned)
        b->voters->o.learned(b->voters->o.arg, bytes_of(b->group), &b->acceptor);
}

static void tell_value(struct booth *b, uint64_t token)
{
    struct reg_message m = { .kind = REG_GET, .voter = b->acceptor.voter };

    if (acceptor_has_value(&b->acceptor))
        memcpy(m.gid, b->acceptor.value.gid, sizeof m.gid);
    step(b, token, &m);
}

static bool is_crowded(const struct booth *b)
{
    return b->waiting_count >= VOTERS_WAITING_MAX;
}

static struct booth *find(const struct voters *v, struct bytes group)
{
    struct map_node *n = map_find(&v->by_group, group);

    return n ? CONTAINER_OF(n, struct booth, by_group) : NULL;
}

/* A proposer asks many times a second. */
static void tell_gone(struct voters *v, const struct reg_message *m)
{
    uint64_t now_ms = clock_now_ms();

    if (v->gone_told_ms == 0 || now_ms >= v->gone_told_ms + GONE_WINDOW_MS) {
        v->gone_told_ms = now_ms;
        v->gone_lines = 0;
        v->missed = 0;
    }
    if (v->missed == m->voter || v->gone_lines == GONE_LINES_MAX)
        return;
    v->missed = m->voter;
    v->gone_lines++;
    log_warning("voter-gone voter=%llu gid=%s why=\"a proposer counts on it, and its memory is not "
                "here: replace it\"",
                U(m->voter), m->gid);
}

void voters_hear(struct voters *v, uint64_t token, const struct reg_message *m)
{
    struct map_node *n = map_find(&v->by_id, id_of(&m->voter));
    struct booth *b = n ? CONTAINER_OF(n, struct booth, by_id) : NULL;

    ASSERT(m->kind <= REG_GET);
    if (!b) {
        tell_gone(v, m);
        tell(v, token, NULL, "NOVOTER this sentinel has no voter with that id");
    } else if (is_crowded(b)) {
        tell(v, token, NULL, "TRYAGAIN too much waits for the disk");
    } else {
        step(b, token, m);
    }
}

void voters_enrol(struct voters *v, uint64_t token, struct bytes group)
{
    struct booth *b = find(v, group);
    char *path = b ? NULL : path_of(v, group);

    if (!b && v->by_group.count >= VOTERS_MAX) {
        xfree(path);
        tell(v, token, NULL, "ERR too many durable groups");
        return;
    }
    if (!b && !path) {
        tell(v, token, NULL, "ERR the name is too long for that of a file");
        return;
    }
    if (!b) {
        b = booth_new(v, group, path);
        send_out(b, ERRAND_OPEN);
    }
    if (is_crowded(b))
        tell(v, token, NULL, "TRYAGAIN too much waits for the disk");
    else if (b->acceptor.voter)
        tell_value(b, token);
    else
        answer_later(b, token, NULL);
}

const struct acceptor *voters_find(const struct voters *v, struct bytes group)
{
    const struct booth *b = find(v, group);

    return b && b->acceptor.voter ? &b->acceptor : NULL;
}

static void load(struct voters *v, struct bytes group)
{
    char *path = path_of(v, group);
    struct booth *b;

    if (!path)
        return;
    b = booth_new(v, group, path);
    open_file(b);
    if (b->err == OK) {
        begin_voting(b);
    } else {
        log_warning("voter-not-opened group=%s why=\"%s\"", b->group, b->why.text);
        booth_free(b);
    }
}

static void load_all(struct voters *v)
{
    const char *slash = strrchr(v->prefix, '/');
    const char *stem = slash ? slash + 1 : v->prefix;
    struct buf folder = { 0 }, group = { 0 };
    const struct dirent *entry;
    DIR *dir;

    buf_append(&folder, v->prefix, slash ? (size_t)(slash - v->prefix) + 1 : 0);
    dir = opendir(folder.len ? buf_text(&folder) : ".");
    while (dir && (entry = readdir(dir)))
        if (strncmp(entry->d_name, stem, strlen(stem)) == 0 &&
            group_of(entry->d_name + strlen(stem), &group))
            load(v, buf_bytes(&group));
    if (dir)
        closedir(dir);
    buf_fini(&folder);
    buf_fini(&group);
}

struct voters *voters_open(const struct voters_options *o)
{
    struct voters *v = xcalloc(1, sizeof *v);

    v->o = *o;
    v->prefix = xstrdup(o->prefix);
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->work, NULL);
    list_init(&v->asked);
    list_init(&v->done);
    ev_async_init(&v->finished, on_finished);
    v->finished.data = v;
    ev_async_start(o->loop, &v->finished);
    ev_unref(o->loop);
    load_all(v);
    return v;
}

void voters_close(struct voters *v)
{
    struct map_walk walk;
    struct map_node *n;

    if (!v)
        return;
    pthread_mutex_lock(&v->lock);
    v->stop = true;
    pthread_cond_broadcast(&v->work);
    pthread_mutex_unlock(&v->lock);
    for (int i = 0; i < v->helper_count; i++)
        pthread_join(v->helpers[i], NULL);
    ev_ref(v->o.loop);
    ev_async_stop(v->o.loop, &v->finished);
    walk = map_walk(&v->by_group);
    while ((n = map_walk_next(&walk))) {
        booth_free(CONTAINER_OF(n, struct booth, by_group));
        walk = map_walk(&v->by_group);
    }
    map_fini(&v->by_id);
    map_fini(&v->by_group);
    pthread_cond_destroy(&v->work);
    pthread_mutex_destroy(&v->lock);
    xfree(v->prefix);
    xfree(v);
}
