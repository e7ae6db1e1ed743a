/*
 * call_lines - a test as lines: what is asked, what must be answered, which events are heard. A keyspace of
 * its own for each RUN, whose invariants are checked after every line.
 */
#ifndef HF_TESTS_NODE_TYPES_CALL_LINES_H
#define HF_TESTS_NODE_TYPES_CALL_LINES_H

#include <check.h>
#include <string.h>

#include "tests/node/types/call_harness.h"

struct line {
    const char *ask, *answer;
    const char *events; /* NULL: not looked at */
};

static inline void run_lines(const struct line *lines, size_t count)
{
    struct harness h;

    harness_init(&h);
    for (size_t i = 0; i < count; i++) {
        const char *answer = harness_ask(&h, lines[i].ask);

        ck_assert_msg(strcmp(answer, lines[i].answer) == 0, "%s\n  gave     %s\n  expected %s",
                      lines[i].ask, answer, lines[i].answer);
        if (lines[i].events)
            ck_assert_str_eq(buf_text(&h.events), lines[i].events);
        keyspace_check(h.ks);
    }
    harness_fini(&h);
}

#define RUN(...)                                            \
    do {                                                    \
        static const struct line lines[] = { __VA_ARGS__ }; \
        run_lines(lines, ARRAY_LEN(lines));                 \
    } while (0)

#define WRONG   "-WRONGTYPE Operation against a key holding the wrong kind of value / -"
#define SYNTAX  "-ERR syntax error / -"
#define NOT_INT "-ERR value is not an integer or out of range / -"

#endif
