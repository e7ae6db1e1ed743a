/*
 * string_edit - strings changed and read in part: APPEND, SETRANGE, GETRANGE, STRLEN.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/string.h"

/* What a string may grow to is what a client may send in one piece. */
static bool want_length(struct call *c, uint64_t start, uint64_t more)
{
    uint64_t max = keyspace_text_max(call_keyspace(c));

    if (start <= max && more <= max - start)
        return true;
    refuse(c, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

/* Writes argument `value` into e from start on, growing it where it must; its new length. */
static size_t write_at(struct call *c, struct entry *e, size_t start, int value)
{
    struct bytes data = c->argv[value];
    char *text = keyspace_edit_string(call_keyspace(c), c->db, &e, start + data.len);

    memcpy(text + start, data.at, data.len);
    keyspace_changed(call_keyspace(c), c->db, e);
    return entry_text_len(e);
}

void cmd_append(struct call *c)
{
    struct entry *e = call_write(c, 1);
    size_t len;

    if (!want_type(c, e, VALUE_STRING))
        return;
    if (!e) {
        struct value v = value_of_text(c->argv[2]);

        keyspace_put(call_keyspace(c), c->db, c->argv[1], &v, NO_EXPIRY, call_door(c));
        len = c->argv[2].len;
    } else {
        len = entry_text_len(e);
        if (!want_length(c, len, c->argv[2].len))
            return;
        len = write_at(c, e, len, 2);
    }
    string_event(c, "append", 1);
    reply_int(c->reply, (int64_t)len);
}

/* A new key whose value is zeros up to start and then argument `value`; its length. */
static size_t put_at(struct call *c, size_t start, int value)
{
    struct bytes data = c->argv[value];
    size_t len = start + data.len;
    struct value v = { .type = VALUE_STRING, .form = FORM_TEXT, .raw = true };
    char text[ENTRY_TEXT_MAX] = { 0 };

    if (len <= sizeof text) {
        memcpy(text + start, data.at, data.len);
        v.text = (struct bytes){ text, len };
    } else {
        v.form = FORM_BLOB;
        v.blob = xcalloc(1, sizeof *v.blob + len);
        v.blob->len = v.blob->cap = len;
        memcpy(v.blob->data + start, data.at, data.len);
    }
    keyspace_put(call_keyspace(c), c->db, c->argv[1], &v, NO_EXPIRY, call_door(c));
    return len;
}

void cmd_setrange(struct call *c)
{
    struct entry *e;
    int64_t offset;
    size_t len;

    if (!want_i64(c, 2, &offset))
        return;
    if (offset < 0) {
        refuse(c, "ERR offset is out of range");
        return;
    }
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_STRING))
        return;
    if (c->argv[3].len == 0) {
        reply_int(c->reply, e ? (int64_t)entry_text_len(e) : 0);
        call_no_effect(c);
        return;
    }
    if (!want_length(c, (uint64_t)offset, c->argv[3].len))
        return;
    len = e ? write_at(c, e, (size_t)offset, 3) : put_at(c, (size_t)offset, 3);
    reply_int(c->reply, (int64_t)len);
    string_event(c, "setrange", 1);
}

void cmd_getrange(struct call *c)
{
    char scratch[ENTRY_INT_TEXT];
    const struct entry *e;
    struct bytes text = { 0 };
    int64_t start, end, len;

    if (!want_i64(c, 2, &start) || !want_i64(c, 3, &end))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_STRING))
        return;
    if (e)
        text = entry_text(e, scratch);
    len = (int64_t)text.len;
    if (start < 0 && end < 0 && start > end) { /* before both are clamped to the first byte */
        reply_bulk(c->reply, BYTES(""));
        return;
    }
    if (start < 0)
        start = start + len < 0 ? 0 : start + len;
    if (end < 0)
        end = end + len < 0 ? 0 : end + len;
    if (end >= len)
        end = len - 1;
    if (start > end)
        reply_bulk(c->reply, BYTES(""));
    else
        reply_bulk(c->reply, (struct bytes){ text.at + start, (size_t)(end - start + 1) });
}

void cmd_strlen(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);

    if (want_type(c, e, VALUE_STRING))
        reply_int(c->reply, e ? (int64_t)entry_text_len(e) : 0);
}
