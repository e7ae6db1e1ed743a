#include "node/persist/aof_notes.h"

#include <string.h>

#include "node/oplog/oplog.h"

#define NOTE "#HF "

void aof_note_put(struct buf *out, uint64_t epoch, uint64_t offset)
{
    buf_printf(out, NOTE "%llu %llu\r\n", (unsigned long long)epoch, (unsigned long long)offset);
}

bool aof_note_read(struct bytes line, struct aof_position *out)
{
    const size_t prefix = sizeof NOTE - 1;
    struct bytes epoch, offset;
    const char *blank;
    uint64_t e, o;

    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    if (line.len <= prefix || memcmp(line.at, NOTE, prefix) != 0)
        return false;
    blank = memchr(line.at + prefix, ' ', line.len - prefix);
    if (!blank)
        return false;
    epoch = (struct bytes){ line.at + prefix, (size_t)(blank - line.at) - prefix };
    offset = (struct bytes){ blank + 1, line.len - prefix - epoch.len - 1 };
    if (!bytes_to_u64(epoch, &e) || !bytes_to_u64(offset, &o) || o > OPLOG_OFFSET_MAX)
        return false;
    *out = (struct aof_position){ .known = true, .epoch = e, .offset = o, .db = out->db };
    return true;
}
