/*
 * What a note says is what is read of it, and nothing else is a note.
 */
#include "node/persist/aof_notes.h"
#include "tests/check_main.h"

static struct aof_position read_back(const char *line)
{
    struct aof_position p = { .epoch = 77, .db = 3 };

    if (!aof_note_read(bytes_of(line), &p))
        ck_assert(!p.known && p.epoch == 77 && p.offset == 0);
    return p;
}

START_TEST(a_note_reads_back)
{
    static const uint64_t numbers[][2] = { { 0, 0 }, { 1, 33 }, { 12, 1ULL << 40 } };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct buf line = { 0 };
        struct aof_position p;

        aof_note_put(&line, numbers[i][0], numbers[i][1]);
        ck_assert(line.len > 2 && line.at[line.len - 2] == '\r' && line.at[line.len - 1] == '\n');
        line.len--; /* a line is taken without its end */
        p = (struct aof_position){ .db = 3 };
        ck_assert(aof_note_read(buf_bytes(&line), &p));
        ck_assert(p.known && p.epoch == numbers[i][0] && p.offset == numbers[i][1] && p.db == 3);
        buf_fini(&line);
    }
}
END_TEST

START_TEST(other_comments_are_no_notes)
{
    static const char *const lines[] = { "",
                                         "#",
                                         "#TS:1700000000",
                                         "#HF",
                                         "#HF ",
                                         "#HF 1",
                                         "#HF 1 ",
                                         "#HF  1 2",
                                         "#HF 1 2 3",
                                         "#HF x 1",
                                         "#HF 1 x",
                                         "#HF -1 2",
                                         "#hf 1 2",
                                         " #HF 1 2",
                                         "#HF 1 18446744073709551616",
                                         "#HF 1 9223372036854775807" };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        ck_assert_msg(!read_back(lines[i]).known, "%s", lines[i]);
    ck_assert(read_back("#HF 1 2").known && read_back("#HF 1 2\r").known);
}
END_TEST

CHECK_MAIN("aof_notes", a_note_reads_back, other_comments_are_no_notes)
