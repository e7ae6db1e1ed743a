/* A notebook: what was touched is in the file, soon and at the end, and comes back; what cannot be written is tried again. */
#include "sentinel/state/notebook.h"

#include <ev.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "common/clock.h"
#include "common/file.h"

static struct ev_loop *loop;
static char folder[] = "/tmp/notebook-XXXXXX", path[64];
static const char *text;
static int filled;

static void fill(void *arg, struct buf *out)
{
    ck_assert_ptr_eq(arg, &filled);
    filled++;
    buf_puts(out, text);
}

static struct notebook *open_book(struct buf *out)
{
    struct notebook_options o = {
        .loop = loop, .path = path, .bytes_max = 1024, .fill = fill, .arg = &filled
    };

    return notebook_open(&o, out);
}

static bool holds(const char *wanted)
{
    struct buf is = { 0 };
    bool same = file_read(path, 1024, &is, NULL) == OK && bytes_is(buf_bytes(&is), wanted);

    buf_fini(&is);
    return same;
}

static void setup(void)
{
    loop = ev_loop_new(0);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/book", folder);
}

START_TEST(soon_and_at_the_end)
{
    struct buf was = { 0 };
    struct notebook *n;

    setup();
    n = open_book(&was);
    ck_assert_uint_eq(was.len, 0);
    text = "one";
    for (int i = 0; i < 100; i++)
        notebook_touch(n);
    ck_assert_int_eq(filled, 0);
    while (!holds("one"))
        ev_run(loop, EVRUN_ONCE);
    ck_assert_int_eq(filled, 1);
    text = "two";
    notebook_touch(n);
    notebook_close(n);
    ck_assert(holds("two"));
    n = open_book(&was);
    ck_assert_str_eq(buf_text(&was), "two");
    notebook_close(n);
    ck_assert_int_eq(filled, 2); /* untouched: nothing is written */
    buf_fini(&was);
    unlink(path);
    rmdir(folder);
    notebook_close(NULL);
    ev_loop_destroy(loop);
}
END_TEST

START_TEST(where_it_cannot_be_written)
{
    struct buf was = { 0 };
    struct notebook *n;

    setup();
    snprintf(path, sizeof path, "%s/none/book", folder);
    n = open_book(&was);
    text = "one";
    notebook_touch(n);
    while (filled == 0)
        ev_run(loop, EVRUN_ONCE);
    notebook_touch(n);
    notebook_close(n);
    ck_assert(!holds("one"));
    buf_fini(&was);
    rmdir(folder);
    ev_loop_destroy(loop);
}
END_TEST

CHECK_MAIN("notebook", soon_and_at_the_end, where_it_cannot_be_written)
