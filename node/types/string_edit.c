/*
 * string_edit - strings changed and read in part: APPEND, SETRANGE, GETRANGE, STRLEN.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/string.h"

/* What a string may grow to is what a client may send in one piece. A leader whose limit is higher is obeyed. */
static bool want_length(struct call *c, uint64_t start, uint64_t more)
{
    uint64_t max = keyspace_text_max(call_keyspace(c));

    if (c->from_leader || (start <= max && more <= max - start))
        return true;
    refuse(c, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

static size_t append(struct call *c, struct entry *e, struct bytes data)
{
    size_t len = entry_text_len(e);
    char *text = keyspace_edit_string(call_keyspace(c), c->db, &e, len + data.len);

    memcpy(text + len, data.at, data.len);
    keyspace_changed(call_keyspace(c), c->db, e);
    return len + data.len;
}

void cmd_append(struct call *c)
{
    struct entry *e = call_write(c, 1);
    size_t len;

    if (!want_type(c, e, VALUE_STRING))
        return;
    if (!e) {
        struct value v = string_argument(c, 2);

        keyspace_put(call_keyspace(c), c->db, c->argv[1], &v, NO_EXPIRY, call_door(c));
        len = c->argv[2].len;
    } else {
        if (!want_length(c, entry_text_len(e), c->argv[2].len))
            return;
        len = append(c, e, c->argv[2]);
    }
    string_event(c, "append", 1);
    reply_int(c->reply, (int64_t)len);
}

/* A value of len zeros, which may be written to until the key is put. */
static void begin_new(struct string_edit *edit, size_t len)
{
    edit->new = (struct value){ .type = VALUE_STRING, .form = FORM_TEXT, .raw = true };
    edit->at = edit->text;
    edit->len = len;
    edit->grew = true;
    if (len <= sizeof edit->text) {
        memset(edit->text, 0, len);
        edit->new.text = (struct bytes){ edit->text, len };
        return;
    }
    edit->new.form = FORM_BLOB;
    edit->new.blob = xcalloc(1, sizeof *edit->new.blob + len);
    edit->new.blob->len = edit->new.blob->cap = len;
    edit->at = edit->new.blob->data;
}

void string_edit_begin(struct call *c, struct entry *e, size_t len, struct string_edit *out)
{
    out->e = e;
    if (!e) {
        begin_new(out, len);
        return;
    }
    out->grew = entry_text_len(e) < len;
    out->at = keyspace_edit_string(call_keyspace(c), c->db, &out->e, len);
    out->len = entry_text_len(out->e);
}

void string_edit_end(struct call *c, int key, struct string_edit *edit)
{
    struct keyspace *ks = call_keyspace(c);

    if (edit->e)
        keyspace_changed(ks, c->db, edit->e);
    else
        keyspace_put(ks, c->db, c->argv[key], &edit->new, NO_EXPIRY, call_door(c));
}

void cmd_setrange(struct call *c)
{
    struct string_edit edit;
    struct entry *e;
    int64_t offset;

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
    string_edit_begin(c, e, (size_t)offset + c->argv[3].len, &edit);
    memcpy(edit.at + offset, c->argv[3].at, c->argv[3].len);
    string_edit_end(c, 1, &edit);
    reply_int(c->reply, (int64_t)edit.len);
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
