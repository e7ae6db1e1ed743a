"""The same commands to our node and to Debian's redis-server: kind, text and order must agree."""


LEFT = {"TTL": 5, "PTTL": 5000}  # units in which what is left may differ: one is asked after the other


def alike(words, mine, peer):
    if mine == peer:
        return True
    apart = LEFT.get(str(words[0]).upper(), 0) if mine.kind == peer.kind == ":" else 0
    return min(mine.value, peer.value) > 0 and abs(mine.value - peer.value) <= apart if apart else False


def compare(ours, theirs, steps, same=None, proto=2):
    """steps: lists of words, or strings that are split at blanks. same(step, reply) may blank out
    what is bound to differ (a run id, a time): it is applied to both replies."""
    same = same or (lambda step, reply: reply)
    different = []
    with ours.client(proto=proto) as a, theirs.client(proto=proto) as b:
        for step in steps:
            words = step.split() if isinstance(step, str) else step
            mine, peer = same(words, a.ask(*words)), same(words, b.ask(*words))
            if not alike(words, mine, peer):
                different.append("%s\n    holdfast %s\n    redis    %s" %
                                 (" ".join(map(str, words)), short(mine), short(peer)))
    if different:
        raise AssertionError("%d of %d replies differ:\n%s" %
                             (len(different), len(steps), "\n".join(different)))


def short(reply):
    shown = repr(tuple(reply) if reply is not None else None)
    return shown if len(shown) <= 300 else shown[:300] + "…"
