/*
 * fuzz_sentinel_conf: the `sentinel` lines of a file, without the word. A line is read or refused with a
 * sentence; what was read is written as lines that are all accepted and say the same.
 */
#include <string.h>

#include "sentinel/state/conf.h"
#include "tests/fuzz/fuzz.h"

static void read_lines(struct bytes text, struct sentinel_settings *set, struct config *c,
                       enum conf_pass pass, bool skip_word, bool must)
{
    while (text.len) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;
        struct settings_words words;
        struct errmsg why = { "" };

        if (settings_split_all((struct bytes){ text.at, len }, &words) == OK &&
            words.count > skip_word) {
            enum err e =
                conf_line(set, c, pass, words.count - skip_word, words.at + skip_word, &why);

            ASSERT(e == OK || (why.text[0] && !must));
        }
        settings_words_fini(&words);
        text.at += end ? len + 1 : len;
        text.len -= end ? len + 1 : len;
    }
}

static void read_all(struct bytes text, struct sentinel_settings *set, struct config *c,
                     bool written)
{
    globals_defaults(&c->globals);
    for (int pass = 0; pass < PASS_COUNT; pass++)
        read_lines(text, set, c, (enum conf_pass)pass, written, written);
}

static void write_all(const struct sentinel_settings *set, const struct config *c, struct buf *out)
{
    conf_put(c, set->ours_in_file, set->ours_in_file_count, set->state_file, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sentinel_settings set = { .table = NULL }, set2 = set;
    struct config c = { 0 }, c2 = { 0 };
    struct buf text = { 0 }, text2 = { 0 };

    read_all((struct bytes){ (const char *)data, size }, &set, &c, false);
    if (!c.globals.my_id[0]) /* a running sentinel always has one */
        memset(c.globals.my_id, 'a', ID_LEN);
    /* Switches may change after names were read; a sentinel that writes names knows how to read them. */
    c.globals.resolve_hostnames = true;
    write_all(&set, &c, &text);
    read_all(buf_bytes(&text), &set2, &c2, true);
    write_all(&set2, &c2, &text2);
    ASSERT(bytes_eq(buf_bytes(&text), buf_bytes(&text2)));
    config_fini(&c);
    config_fini(&c2);
    sentinel_settings_fini(&set);
    sentinel_settings_fini(&set2);
    buf_fini(&text);
    buf_fini(&text2);
    return 0;
}
