/*
 * generic_db - databases as wholes.
 */
#include "node/types/arguments.h"
#include "node/types/generic.h"

void cmd_dbsize(struct call *c)
{
    reply_int(c->reply, (int64_t)keyspace_size(call_keyspace(c), c->db));
}

/* Freeing is always done off the loop: SYNC and ASYNC differ in what the statistics say of it. */
static void flush(struct call *c, int db)
{
    bool lazily = keyspace_lazily(call_keyspace(c))->user_flush;

    if (c->argc > 1)
        lazily = bytes_is_word(c->argv[1], "async");
    if (c->argc > 2 || (c->argc == 2 && !lazily && !bytes_is_word(c->argv[1], "sync"))) {
        refuse_syntax(c);
        return;
    }
    c->changes =
        lazily ? keyspace_flush_lazily(call_keyspace(c), db) : keyspace_flush(call_keyspace(c), db);
    reply_ok(c->reply);
}

void cmd_flushdb(struct call *c)
{
    flush(c, c->db);
}

void cmd_flushall(struct call *c)
{
    flush(c, -1);
}

void cmd_swapdb(struct call *c)
{
    int first, second, databases = keyspace_databases(call_keyspace(c));

    if (!want_int(c, 1, "ERR invalid first DB index", &first) ||
        !want_int(c, 2, "ERR invalid second DB index", &second))
        return;
    if (first < 0 || first >= databases || second < 0 || second >= databases) {
        refuse(c, "ERR DB index is out of range");
        return;
    }
    keyspace_swap(call_keyspace(c), first, second);
    reply_ok(c->reply);
}
