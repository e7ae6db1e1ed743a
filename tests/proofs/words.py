"""Every sentinel command with random words answers as redis-sentinel 7.0 does, one seed after the other.

Each seed asks a fresh pair the 700 questions of tests/e2e/test_sentinel_words.py; TEST_SEED replays one there.
"""
from test_sentinel_words import STEPS, differing

SHOWN = 20


def prove(t):
    t.needs_holdfast()
    seeds = [t.random.randrange(1 << 32) for _ in range(t.runs(200))]
    found = [text for seed in seeds for text in differing(t, seed)]
    t.figure("%d seeds, up to %d questions of each" % (len(seeds), STEPS))
    for text in found[:SHOWN]:
        t.figure(text)
    t.promise(not found, "%d replies differ" % len(found))
