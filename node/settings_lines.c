#include "node/settings_lines.h"

#include <string.h>

#include "common/alloc.h"

static enum err refuse(struct errmsg *why, const char *sentence)
{
    errmsg_set(why, "%s", sentence);
    return ERR_SYNTAX;
}

/* ---- save -------------------------------------------------------------------------------------- */

void save_clear(void *values)
{
    ((struct node_settings *)values)->save_count = 0;
}

/* All of the line is read before any of it counts. */
enum err save_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct node_settings *set = values;
    struct save_point points[SAVE_POINTS_MAX];
    int count = set->save_count;

    if (argc == 0 || (argc == 1 && argv[0].len == 0)) {
        set->save_count = 0;
        return OK;
    }
    if (argc % 2)
        return refuse(out_why, "Invalid save parameters");
    for (int i = 0; i < argc; i += 2) {
        struct save_point *p = &points[count];

        if (count == SAVE_POINTS_MAX || !bytes_to_i64(argv[i], &p->seconds) || p->seconds < 1 ||
            !bytes_to_i64(argv[i + 1], &p->changes) || p->changes < 0)
            return refuse(out_why, "Invalid save parameters");
        count++;
    }
    memcpy(set->save + set->save_count, points + set->save_count,
           (size_t)(count - set->save_count) * sizeof *points);
    set->save_count = count;
    return OK;
}

void save_get(void *values, struct buf *out)
{
    const struct node_settings *set = values;

    for (int i = 0; i < set->save_count; i++)
        buf_printf(out, "%s%lld %lld", i ? " " : "", (long long)set->save[i].seconds,
                   (long long)set->save[i].changes);
}

/* Written always: a file without them would mean the defaults of whoever reads it next. */
void save_lines(void *values, struct buf *out)
{
    const struct node_settings *set = values;

    if (!set->save_count)
        buf_puts(out, "save \"\"\n");
    for (int i = 0; i < set->save_count; i++)
        buf_printf(out, "save %lld %lld\n", (long long)set->save[i].seconds,
                   (long long)set->save[i].changes);
}

/* ---- notify-keyspace-events -------------------------------------------------------------------- */

static const struct {
    char letter;
    int flag;
} letters[] = {
    { 'g', NOTIFY_GENERIC },  { '$', NOTIFY_STRING },  { 'l', NOTIFY_LIST },
    { 's', NOTIFY_SET },      { 'h', NOTIFY_HASH },    { 'z', NOTIFY_ZSET },
    { 'x', NOTIFY_EXPIRED },  { 'e', NOTIFY_EVICTED }, { 't', NOTIFY_STREAM },
    { 'd', NOTIFY_MODULE },   { 'n', NOTIFY_NEW },     { 'K', NOTIFY_KEYSPACE },
    { 'E', NOTIFY_KEYEVENT }, { 'm', NOTIFY_KEYMISS },
};

static int letter_flag(char letter)
{
    if (letter == 'A')
        return NOTIFY_ALL;
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (letters[i].letter == letter)
            return letters[i].flag;
    return 0;
}

enum err notify_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct node_settings *set = values;
    int flags = 0;

    if (argc != 1)
        return refuse(out_why, "wrong number of arguments");
    for (size_t i = 0; i < argv[0].len; i++) {
        if (!letter_flag(argv[0].at[i]))
            return refuse(out_why, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
        flags |= letter_flag(argv[0].at[i]);
    }
    set->notify_events = flags;
    return OK;
}

void notify_get(void *values, struct buf *out)
{
    int flags = ((struct node_settings *)values)->notify_events;

    if ((flags & NOTIFY_ALL) == NOTIFY_ALL) {
        buf_putc(out, 'A');
        flags &= ~NOTIFY_ALL;
    }
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (flags & letters[i].flag)
            buf_putc(out, letters[i].letter);
}

void notify_lines(void *values, struct buf *out)
{
    struct buf now = { 0 };

    notify_get(values, &now);
    buf_printf(out, "%snotify-keyspace-events \"%s\"\n", now.len ? "" : " ", buf_text(&now));
    buf_fini(&now);
}

/* ---- replicaof --------------------------------------------------------------------------------- */

enum err replicaof_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct node_settings *set = values;
    int64_t port;
    bool nobody = argc == 2 && bytes_is_word(argv[0], "no") && bytes_is_word(argv[1], "one");

    if (argc != 2)
        return refuse(out_why, "wrong number of arguments");
    if (!nobody && (!bytes_to_i64(argv[1], &port) || port < 0 || port > 65535))
        return refuse(out_why, "Invalid master port");
    xfree(set->leader_host);
    set->leader_host = nobody ? xstrdup("") : xmemdup0(argv[0].at, argv[0].len);
    set->leader_port = nobody ? 0 : port;
    return OK;
}

void replicaof_get(void *values, struct buf *out)
{
    const struct node_settings *set = values;

    if (set->leader_host[0])
        buf_printf(out, "%s %lld", set->leader_host, (long long)set->leader_port);
}

/* Nothing when this node leads, so that the line goes away. */
void replicaof_lines(void *values, struct buf *out)
{
    const struct node_settings *set = values;

    if (!set->leader_host[0])
        return;
    buf_puts(out, "replicaof ");
    settings_put_word(out, bytes_of(set->leader_host));
    buf_printf(out, " %lld\n", (long long)set->leader_port);
}

void replicaof_fini(void *values)
{
    struct node_settings *set = values;

    xfree(set->leader_host);
    set->leader_host = NULL;
}
