#include "sentinel/state/voter_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/random.h"

_Static_assert((size_t)ACCEPTOR_BYTES_MAX <= (size_t)SLOT_PAYLOAD_MAX, "a memory fits a slot");

/* 0 stands for nobody. */
static uint64_t new_voter(void)
{
    uint64_t id = 0;

    while (id == 0)
        random_bytes(&id, sizeof id);
    return id;
}

static enum err set_aside(const char *path, struct errmsg *out_why)
{
    struct buf to = { 0 };
    enum err e = OK;

    buf_printf(&to, "%s.damaged", path);
    if (rename(path, buf_text(&to)) != 0) {
        errmsg_set(out_why, "Can't rename '%s': %s", path, strerror(errno));
        e = ERR_IO;
    }
    buf_fini(&to);
    return e;
}

static enum err create(struct voter_file *f, const char *path, const struct slots_io *io,
                       struct acceptor *out, struct errmsg *out_why)
{
    struct acceptor fresh;
    struct buf memory = { 0 };
    enum err e;

    acceptor_init(&fresh, new_voter());
    acceptor_encode(&fresh, &memory);
    f->slots = slots_create(path, io, buf_bytes(&memory), &e, out_why);
    buf_fini(&memory);
    if (e == OK)
        out->voter = fresh.voter;
    return e;
}

/* The one way to read a memory: what slots believe and what an acceptor understands. */
static enum err load(struct voter_file *f, const char *path, const struct slots_io *io,
                     struct acceptor *out, struct errmsg *out_why)
{
    struct buf memory = { 0 };
    enum err e;

    f->slots = slots_open(path, io, &memory, &e, out_why);
    if (e == OK) {
        e = acceptor_decode(buf_bytes(&memory), out, out_why);
        if (e != OK)
            voter_file_close(f);
    }
    buf_fini(&memory);
    return e == ERR_SYNTAX ? ERR_CORRUPT : e;
}

enum err voter_file_open(struct voter_file *f, const char *path, const struct slots_io *io,
                         struct acceptor *out, bool *out_is_new, struct errmsg *out_why)
{
    struct acceptor empty = { .refuses = out->refuses, .arg = out->arg };
    struct errmsg why = { "" };
    enum err e;

    *f = (struct voter_file){ 0 };
    *out = empty;
    *out_is_new = false;
    e = load(f, path, io, out, &why);
    if (e == OK)
        return OK;
    if (e == ERR_CORRUPT)
        e = set_aside(path, &why) == OK ? ERR_NOTFOUND : ERR_IO;
    else if (e == ERR_NOTFOUND)
        why.text[0] = '\0';
    if (e == ERR_NOTFOUND) {
        struct errmsg failed = { "" };

        e = create(f, path, io, out, &failed);
        *out_is_new = e == OK;
        if (e != OK)
            why = failed;
    }
    errmsg_set(out_why, "%s", why.text);
    return e;
}

enum err voter_file_store(struct voter_file *f, struct bytes memory, struct errmsg *out_why)
{
    return slots_write(f->slots, memory, out_why);
}

void voter_file_close(struct voter_file *f)
{
    slots_close(f->slots);
    f->slots = NULL;
}
