/*
 * fuzz_hello: what sentinels tell each other. The first byte chooses between a hello and the words of a
 * view. What is accepted must print, and the print must read back as the same.
 */
#include <string.h>

#include "sentinel/core/hello.h"
#include "sentinel/core/view.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS_MAX = VIEW_WORDS + 2 };

static void check_hello(struct bytes text)
{
    struct hello h, again;
    struct buf printed = { 0 };

    memset(&h, 0, sizeof h);
    memset(&again, 0, sizeof again);
    if (hello_parse(&h, text) != OK)
        return;
    ASSERT(strlen(h.id) <= ID_LEN && strlen(h.group) <= NAME_LEN_MAX);
    ASSERT(h.current_epoch <= EPOCH_MAX && h.config_epoch <= EPOCH_MAX);
    hello_format(&h, &printed);
    ASSERT(hello_parse(&again, buf_bytes(&printed)) == OK);
    ASSERT(addr_eq(&h.from, &again.from) && addr_eq(&h.leader, &again.leader));
    ASSERT(strcmp(h.id, again.id) == 0 && strcmp(h.group, again.group) == 0);
    ASSERT(h.current_epoch == again.current_epoch && h.config_epoch == again.config_epoch);
    buf_fini(&printed);
}

static void check_view(struct bytes text)
{
    struct bytes words[WORDS_MAX], shown[VIEW_WORDS];
    struct view v, again;
    struct buf storage = { 0 };
    int n = 1;

    memset(&v, 0, sizeof v);
    memset(&again, 0, sizeof again);
    words[0] = (struct bytes){ text.at, 0 };
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == ' ' && n < WORDS_MAX)
            words[n++] = (struct bytes){ text.at + i + 1, 0 };
        else
            words[n - 1].len++;
    }
    if (n != VIEW_WORDS || view_parse(&v, n, words) != OK)
        return;
    view_words(&v, &storage, shown);
    ASSERT(view_parse(&again, VIEW_WORDS, shown) == OK);
    ASSERT(strcmp(v.group, again.group) == 0 && addr_eq(&v.leader, &again.leader));
    ASSERT(v.config_epoch == again.config_epoch && v.verdict == again.verdict);
    ASSERT(v.captain_epoch == again.captain_epoch && v.vote_epoch == again.vote_epoch);
    buf_fini(&storage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text;

    if (size == 0)
        return 0;
    text = (struct bytes){ (const char *)data + 1, size - 1 };
    if (data[0] & 1)
        check_view(text);
    else
        check_hello(text);
    return 0;
}
