"""Waiting for things, with a deadline. Nothing in the tests sleeps for a fixed time in the hope that
something has happened meanwhile."""
import time


class Timeout(AssertionError):
    pass


def until(condition, seconds=10.0, what=None, every=0.005):
    """Calls condition until it gives something true, which is returned. Connection errors count as
    "not yet". Timeout names what was awaited, and the last answer or error."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (OSError, ValueError, KeyError) as e:
            last = e
        except Exception as e:  # an error reply; anything else is a broken test
            if type(e).__name__ != "ReplyError":
                raise
            last = e
        if time.monotonic() >= deadline:
            raise Timeout("after %.1f s still waiting for %s (last: %r)" %
                          (seconds, what or getattr(condition, "__doc__", None) or "a condition",
                           last))
        time.sleep(every)


def median(values):
    values = sorted(values)
    n = len(values)
    if n == 0:
        return float("nan")
    return values[n // 2] if n % 2 else (values[n // 2 - 1] + values[n // 2]) / 2


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100.0))]
