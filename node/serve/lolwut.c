/*
 * lolwut - LOLWUT: seaweed in a current, held by what gave this program its name.
 */
#include <math.h>
#include <time.h>

#include "common/serve/service.h"
#include "node/serve/serve.h"

enum { WIDTH = 64, HEIGHT = 12, STALKS = 7 };

/* A stalk bends the more the higher it is; no two bend alike, and none does so for long. */
static int column_of(int stalk, int height, double now)
{
    double root = (stalk + 0.5) * WIDTH / STALKS;

    return (int)(root + height * height / 24. * sin(now / 3 + stalk * 1.7 + height * 0.35));
}

static void draw_row(struct buf *out, int height, double now)
{
    char row[WIDTH];

    for (int i = 0; i < WIDTH; i++)
        row[i] = ' ';
    for (int stalk = 0; stalk < STALKS; stalk++) {
        int at = column_of(stalk, height, now), before = column_of(stalk, height - 1, now);

        if (at >= 0 && at < WIDTH && height < HEIGHT - stalk * 5 % 7)
            row[at] = at > before ? '/' : at < before ? '\\' : '|';
    }
    buf_append(out, row, WIDTH);
    buf_putc(out, '\n');
}

static void draw(struct buf *out, double now)
{
    for (int height = HEIGHT - 1; height > 0; height--)
        draw_row(out, height, now);
    for (int i = 0; i < WIDTH; i++)
        buf_putc(out, "_.-=%"[(i * 7 + i / 5) % 5]);
    buf_puts(out, "\n\nHoldfast " HF_VERSION ". Redis ver. " SERVE_REDIS_VERSION "\n");
}

static void cmd_lolwut(struct call *c)
{
    struct buf out = { 0 };
    int64_t version;

    if (c->argc > 2 && bytes_is_word(c->argv[1], "version") &&
        !serve_want_i64(c, c->argv[2], &version))
        return;
    draw(&out, (double)time(NULL));
    reply_verbatim(c->reply, "txt", buf_bytes(&out));
    buf_fini(&out);
}

const struct command serve_lolwut_rows[] = {
    { .name = "lolwut",
      .run = cmd_lolwut,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY | CMD_FAST,
      .group = "server",
      .since = "5.0.0",
      .args = "[VERSION=version:integer]",
      .help = "Draws something, and says which version this is." },
    { 0 },
};
