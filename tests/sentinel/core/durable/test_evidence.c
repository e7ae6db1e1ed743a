/*
 * evidence: what a node's answers come to where the network is slower than its heartbeat. The rest is played in scenarios.
 */
#include "sentinel/core/durable/evidence.h"

#include "tests/check_main.h"
#include "tests/common/register/charters.h"

enum { BEAT_MS = 50, TRIP_MS = 70, START_MS = 1000 };

static const struct patience patience = { .heartbeat_ms = BEAT_MS };
static struct evidence e;
static uint64_t asked_ms[1000];

static void answer(uint64_t seq, uint64_t now_ms)
{
    struct receipt r = { .seq = seq };

    memcpy(r.report.run, RUN_A, sizeof r.report.run);
    evidence_hear(&e, &r, &patience, now_ms);
}

/* Asked with every heartbeat, and answered a round trip later. */
static uint64_t go_on(uint64_t now_ms, uint64_t ms)
{
    for (uint64_t end_ms = now_ms + ms; now_ms < end_ms; now_ms++) {
        if (now_ms % BEAT_MS == 0)
            asked_ms[evidence_ask(&e, now_ms)] = now_ms;
        if (e.told_seq < e.seq && now_ms >= asked_ms[e.told_seq + 1] + TRIP_MS)
            answer(e.told_seq + 1, now_ms);
    }
    return now_ms;
}

/* Something was on its way all the time, so that the oldest question seemed to be that of the first minute. */
START_TEST(questions_that_overlap_are_no_silence)
{
    uint64_t now_ms;

    evidence_init(&e, 11, START_MS);
    evidence_dialled(&e);
    evidence_line_up(&e, START_MS);
    now_ms = go_on(START_MS, 20000);
    ck_assert_uint_lt(e.told_seq, e.seq);
    evidence_pace(&e, true, now_ms);
    ck_assert_uint_le(evidence_silence_ms(&e, now_ms), TRIP_MS);
    ck_assert_int_eq(evidence_now(&e, &patience, 1, now_ms), WHY_ALIVE);
    /* One that is not answered is silence. */
    now_ms += 2000;
    ck_assert_int_eq(evidence_now(&e, &patience, 1, now_ms), WHY_SILENT);
}
END_TEST

CHECK_MAIN("evidence", questions_that_overlap_are_no_silence)
