"""The jobs that test_app_rq.py lets RQ workers run."""
import os

from redis import Redis


def add(a, b):
    return a + b


def fail():
    raise ValueError("no hope")


def stumble(word):
    """Fails twice, then does its work."""
    tries = Redis.from_url(os.environ["REDIS_URL"]).incr("tries:" + word)
    if tries < 3:
        raise RuntimeError("try %d fails" % tries)
    return tries
