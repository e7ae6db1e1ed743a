/*
 * discard: of an append only file that is made at random, with values that look like notes and commands, what is kept is what
 * was appended from the offset on, as the model remembers it; and files stay within their bound.
 */
#include "node/durable/discard.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/resp.h"
#include "node/persist/aof_notes.h"
#include "tests/check_main.h"

enum { COMMANDS_MAX = 60 };

/* A file, and where each of its commands stands. */
struct model {
    struct buf file;
    uint64_t offset;
    struct {
        uint64_t offset;
        size_t at, len;
        int db;
    } commands[COMMANDS_MAX];
    int count, db;
};

static struct rng rng;
static struct errmsg why;

static void put_command(struct buf *out, const char *value)
{
    resp_put_array(out, 3);
    resp_put_bulk(out, BYTES("SET"));
    resp_put_bulk(out, BYTES("key"));
    resp_put_bulk(out, bytes_of(value));
}

static void add_command(struct model *m)
{
    static const char *const values[] = { "1",          "#HF 1 2\r\n",
                                          "a\r\n#HF 3", "*2\r\n$6\r\nSELECT\r\n$1",
                                          "",           "*3\r\n" };
    size_t at = m->file.len;

    put_command(&m->file, values[rng_next(&rng) % ARRAY_LEN(values)]);
    m->commands[m->count].offset = m->offset;
    m->commands[m->count].at = at;
    m->commands[m->count].len = m->file.len - at;
    m->commands[m->count++].db = m->db;
    m->offset += m->file.len - at;
}

static void add_select(struct model *m)
{
    size_t at = m->file.len;
    char digit[2] = { (char)('0' + rng_next(&rng) % 10), '\0' };

    m->db = digit[0] - '0';
    resp_put_array(&m->file, 2);
    resp_put_bulk(&m->file, BYTES("SELECT"));
    resp_put_bulk(&m->file, bytes_of(digit));
    m->offset += m->file.len - at;
}

/* Something that the stream has and the file has not. */
static void add_aside(struct model *m)
{
    m->offset += 20 + rng_next(&rng) % 20;
    aof_note_put(&m->file, 3, m->offset);
}

static struct model made(void)
{
    struct model m = { .offset = 10 + rng_next(&rng) % 5000 };

    aof_note_put(&m.file, 3, m.offset);
    add_select(&m);
    while (m.count < COMMANDS_MAX) {
        uint64_t die = rng_next(&rng) % 10;

        if (die == 0)
            add_aside(&m);
        else if (die == 1)
            add_select(&m);
        else
            add_command(&m);
    }
    return m;
}

START_TEST(what_is_ours_alone_is_found)
{
    rng_seed(&rng, test_seed());
    for (int round = 0; round < 2000; round++) {
        struct model m = made();
        int from = (int)(rng_next(&rng) % COMMANDS_MAX);
        struct discard_place place;

        ck_assert(
            discard_find(buf_bytes(&m.file), true, m.commands[from].offset, m.offset, &place));
        ck_assert_uint_eq(place.from, m.commands[from].offset);
        ck_assert_uint_eq(place.at, m.commands[from].at);
        ck_assert_int_eq(place.db, m.commands[from].db);
        buf_fini(&m.file);
    }
}
END_TEST

START_TEST(without_notes_the_end_tells)
{
    struct buf file = { 0 };
    struct discard_place place;
    size_t last;

    put_command(&file, "1");
    last = file.len;
    put_command(&file, "2");
    ck_assert(discard_find(buf_bytes(&file), false, 1000, 1000 + file.len - last, &place));
    ck_assert(place.at == last && place.from == 1000 && place.db == DISCARD_NO_DB);
    ck_assert(!discard_find(buf_bytes(&file), false, 1000, 1000 + file.len + 1, &place));
    buf_fini(&file);
}
END_TEST

START_TEST(a_file_that_begins_later_gives_what_it_has)
{
    struct buf file = { 0 };
    struct discard_place place;
    size_t first;

    aof_note_put(&file, 3, 900);
    first = file.len;
    put_command(&file, "1");
    ck_assert(!discard_find(buf_bytes(&file), false, 800, 2000, &place));
    ck_assert(discard_find(buf_bytes(&file), true, 800, 2000, &place));
    ck_assert(place.at == first && place.from == 900);
    buf_fini(&file);
}
END_TEST

START_TEST(only_whole_commands_are_kept)
{
    struct buf file = { 0 }, kept = { 0 }, wanted = { 0 };

    put_command(&file, "a\r\n#HF 1 2\r\nb");
    aof_note_put(&file, 3, 900);
    buf_puts(&file, "#TS:17\r\n");
    put_command(&file, "2");
    buf_puts(&file, "*3\r\n$3\r\nSET\r\n$3\r\nk");
    buf_puts(&wanted, "*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n");
    put_command(&wanted, "a\r\n#HF 1 2\r\nb");
    put_command(&wanted, "2");
    discard_put(buf_bytes(&file), 7, &kept);
    ck_assert_str_eq(buf_text(&kept), buf_text(&wanted));
    kept.len = 0;
    discard_put(BYTES("#HF 3 900\r\n"), 7, &kept);
    ck_assert_uint_eq(kept.len, 0);
    buf_fini(&file);
    buf_fini(&kept);
    buf_fini(&wanted);
}
END_TEST

START_TEST(files_stay_within_their_bound)
{
    char dir[] = "/tmp/test_discard.XXXXXX", name[DISCARD_NAME_MAX];
    struct buf file = { 0 };
    struct stat st;
    uint64_t bytes, len;
    int fd;

    ck_assert(mkdtemp(dir) && chdir(dir) == 0);
    put_command(&file, "0123456789");
    len = file.len;
    ck_assert_int_eq(file_replace("aof", buf_bytes(&file), 0600, &why), OK);
    fd = open("aof", O_RDONLY | O_CLOEXEC);
    for (uint64_t epoch = 1; epoch <= 3; epoch++) {
        ck_assert_msg(discard_keep(fd, len, 100, 100 + len, epoch, 2 * len, name, &bytes, &why) ==
                          OK,
                      "%s", why.text);
        ck_assert_uint_eq(bytes, len);
    }
    ck_assert_str_eq(name, "hf-discarded-3-100.aof");
    ck_assert(stat("hf-discarded-1-100.aof", &st) != 0 && stat(name, &st) == 0);
    ck_assert_uint_eq((uint64_t)st.st_size, len);
    ck_assert_int_eq(discard_keep(fd, len, 100, 100 + len, 4, len - 1, name, &bytes, &why),
                     ERR_LIMIT);
    ck_assert_int_eq(discard_keep(fd, len + 1, 100, 100 + len, 4, len, name, &bytes, &why), ERR_IO);
    close(fd);
    unlink("hf-discarded-2-100.aof");
    unlink("hf-discarded-3-100.aof");
    unlink("aof");
    ck_assert(chdir("/") == 0 && rmdir(dir) == 0);
    buf_fini(&file);
}
END_TEST

CHECK_MAIN("discard", what_is_ours_alone_is_found, without_notes_the_end_tells,
           a_file_that_begins_later_gives_what_it_has, only_whole_commands_are_kept,
           files_stay_within_their_bound)
