#include "node/durable/discard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/resp.h"
#include "node/persist/aof_notes.h"

#define NOTE   "#HF "
#define SELECT "*2\r\n$6\r\nSELECT\r\n$"
#define PREFIX "hf-discarded-"

enum { SLACK_BYTES = 1024 * 1024, PLACES_MAX = 1000 };

/* ---- where it begins ----------------------------------------------------------------------------- */

/* The next note from *at on, which then stands behind it; it is the line at *out_line. */
static bool next_note(struct bytes file, size_t *at, size_t *out_line, struct aof_position *out)
{
    while (*at < file.len) {
        const char *found = memmem(file.at + *at, file.len - *at, NOTE, sizeof NOTE - 1);
        const char *end = found ? memchr(found, '\n', (size_t)(file.at + file.len - found)) : NULL;
        bool begins = found && (found == file.at || found[-1] == '\n');

        if (!end)
            return false;
        *at = (size_t)(end - file.at) + 1;
        *out_line = (size_t)(found - file.at);
        if (begins && aof_note_read((struct bytes){ found, (size_t)(end - found) }, out))
            return true;
        *at = (size_t)(found - file.at) + 1;
    }
    return false;
}

/* By the last SELECT in front. */
static int selected_at(struct bytes file, size_t at)
{
    size_t from = 0;
    int db = DISCARD_NO_DB;

    for (;;) {
        const char *found = memmem(file.at + from, at - from, SELECT, sizeof SELECT - 1);
        const char *digits = found ? memchr(found + sizeof SELECT - 1, '\n',
                                            (size_t)(file.at + at - found) - (sizeof SELECT - 1))
                                   : NULL;
        const char *end = digits ? memchr(digits, '\r', (size_t)(file.at + at - digits)) : NULL;
        uint64_t v;

        if (!end)
            return db;
        if (bytes_to_u64((struct bytes){ digits + 1, (size_t)(end - digits) - 1 }, &v) &&
            v <= INT32_MAX)
            db = (int)v;
        from = (size_t)(found - file.at) + 1;
    }
}

bool discard_find(struct bytes file, bool whole, uint64_t offset, uint64_t end,
                  struct discard_place *out)
{
    struct aof_position note;
    size_t at = 0, line, first = 0, place = SIZE_MAX;
    uint64_t first_offset = 0, last = 0;

    while (next_note(file, &at, &line, &note)) {
        if (note.offset < last || note.offset > end)
            continue; /* somebody's value reads like one */
        last = note.offset;
        if (place != SIZE_MAX && place > line)
            place = line; /* amid what was left out in front of this note */
        if (first == 0) {
            first = at;
            first_offset = note.offset;
        }
        if (note.offset <= offset)
            place = at + (size_t)(offset - note.offset);
    }
    *out = (struct discard_place){ .from = offset, .db = DISCARD_NO_DB };
    if (place != SIZE_MAX && place <= file.len) {
        out->at = place;
    } else if (first == 0 && end - offset <= file.len) {
        out->at = file.len - (size_t)(end - offset); /* nothing was left out behind it */
    } else if (first != 0 && whole) {
        out->at = first;
        out->from = first_offset;
    } else {
        return false;
    }
    out->db = selected_at(file, out->at);
    return true;
}

/* ---- what is kept of it -------------------------------------------------------------------------- */

/* "<mark><number>\r\n" at *at, which then stands behind it. */
static bool take_count(struct bytes b, size_t *at, char mark, uint64_t *out)
{
    const char *line = b.at + *at, *end;

    if (*at >= b.len || *line != mark)
        return false;
    end = memchr(line, '\r', b.len - *at);
    if (!end || (size_t)(end - b.at) + 2 > b.len || end[1] != '\n' ||
        !bytes_to_u64((struct bytes){ line + 1, (size_t)(end - line) - 1 }, out))
        return false;
    *at = (size_t)(end - b.at) + 2;
    return true;
}

/* Behind the command at `at`; false: there is no whole one. */
static bool skip_command(struct bytes b, size_t at, size_t *out_end)
{
    uint64_t words, len;

    if (!take_count(b, &at, '*', &words) || words > b.len)
        return false;
    for (uint64_t i = 0; i < words; i++) {
        if (!take_count(b, &at, '$', &len) || len > b.len || len + 2 > b.len - at)
            return false;
        at += len + 2;
    }
    *out_end = at;
    return true;
}

static bool skip_comment(struct bytes b, size_t at, size_t *out_end)
{
    const char *end = at < b.len && b.at[at] == '#' ? memchr(b.at + at, '\n', b.len - at) : NULL;

    if (end)
        *out_end = (size_t)(end - b.at) + 1;
    return end != NULL;
}

void discard_put(struct bytes tail, int db, struct buf *out)
{
    size_t at = 0, end, before = out->len, first;
    char digits[24];

    if (db != DISCARD_NO_DB) {
        resp_put_array(out, 2);
        resp_put_bulk(out, BYTES("SELECT"));
        resp_put_bulk(out, (struct bytes){ digits, fmt_u64(digits, (uint64_t)db) });
    }
    first = out->len;
    for (;; at = end) {
        if (skip_comment(tail, at, &end))
            continue;
        if (!skip_command(tail, at, &end))
            break;
        buf_append(out, tail.at + at, end - at);
    }
    if (out->len == first)
        out->len = before;
}

/* ---- files --------------------------------------------------------------------------------------- */

/* The last `want` bytes of it, or all. */
static enum err read_end(int fd, uint64_t size, uint64_t want, struct buf *out)
{
    uint64_t len = want < size ? want : size, done = 0;
    char *at = buf_reserve(out, len);

    while (done < len) {
        ssize_t got = pread(fd, at + done, len - done, (off_t)(size - len + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return ERR_IO;
        done += (uint64_t)got;
    }
    out->len += len;
    return OK;
}

/* Notes are few where clients publish nothing: it may take more than the tail itself to find one. */
static enum err read_tail(int fd, uint64_t file_bytes, uint64_t offset, uint64_t end,
                          uint64_t bytes_max, struct buf *file, struct discard_place *out,
                          bool *out_found, struct errmsg *out_why)
{
    uint64_t want = end - offset + SLACK_BYTES;
    bool whole = false;

    *out_found = false;
    for (; !*out_found && !whole && want / 4 <= bytes_max + SLACK_BYTES; want *= 4) {
        whole = want >= file_bytes;
        file->len = 0;
        if (read_end(fd, file_bytes, want, file) != OK) {
            errmsg_set(out_why, "cannot read the append only file: %s", strerror(errno));
            return ERR_IO;
        }
        *out_found = discard_find(buf_bytes(file), whole, offset, end, out);
    }
    return OK;
}

/* The oldest file of ours, and how many bytes all of them have. */
static uint64_t measure(char out_oldest[NAME_MAX + 1])
{
    DIR *d = opendir(".");
    struct timespec oldest = { 0 };
    uint64_t bytes = 0;
    struct dirent *entry;
    struct stat st;

    out_oldest[0] = '\0';
    while (d && (entry = readdir(d))) {
        if (strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) != 0 || stat(entry->d_name, &st) != 0)
            continue;
        bytes += (uint64_t)st.st_size;
        if (out_oldest[0] &&
            (st.st_mtim.tv_sec > oldest.tv_sec ||
             (st.st_mtim.tv_sec == oldest.tv_sec && st.st_mtim.tv_nsec >= oldest.tv_nsec)))
            continue;
        oldest = st.st_mtim;
        snprintf(out_oldest, NAME_MAX + 1, "%s", entry->d_name);
    }
    if (d)
        closedir(d);
    return bytes;
}

static void make_room(uint64_t bytes, uint64_t bytes_max)
{
    char oldest[NAME_MAX + 1];

    for (int i = 0; i < PLACES_MAX; i++)
        if (measure(oldest) + bytes <= bytes_max || !oldest[0] || unlink(oldest) != 0)
            return;
}

enum err discard_keep(int fd, uint64_t file_bytes, uint64_t offset, uint64_t end, uint64_t epoch,
                      uint64_t bytes_max, char out_name[DISCARD_NAME_MAX], uint64_t *out_bytes,
                      struct errmsg *out_why)
{
    struct buf file = { 0 }, kept = { 0 };
    struct discard_place place;
    bool found = false;
    enum err e;

    *out_bytes = 0;
    if (end - offset > bytes_max) {
        errmsg_set(out_why, "%llu bytes are more than hf-discarded-max allows",
                   (unsigned long long)(end - offset));
        return ERR_LIMIT;
    }
    e = read_tail(fd, file_bytes, offset, end, bytes_max, &file, &place, &found, out_why);
    if (e == OK && found)
        discard_put((struct bytes){ file.at + place.at, file.len - place.at }, place.db, &kept);
    if (kept.len) {
        make_room(kept.len, bytes_max);
        snprintf(out_name, DISCARD_NAME_MAX, PREFIX "%llu-%llu.aof", (unsigned long long)epoch,
                 (unsigned long long)place.from);
        e = file_replace(out_name, buf_bytes(&kept), 0600, out_why);
        *out_bytes = e == OK ? kept.len : 0;
    }
    buf_fini(&file);
    buf_fini(&kept);
    return e;
}
