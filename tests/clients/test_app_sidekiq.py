"""Sidekiq: a worker process runs jobs at once, later, again and in vain, and its statistics are right."""
import json

from harness.apps import needs, run, start
from harness.case import limit
from harness.wait import until


def ask(node, verb):
    return json.loads(run(node, ["ruby", "sidekiq_client.rb", verb]).splitlines()[-1])[0]


def stats(node):
    """Read as Sidekiq's web page would, but without a Ruby each time."""
    with node.client() as c:
        return {"processed": int(c.call("GET", "stat:processed") or 0),
                "failed": int(c.call("GET", "stat:failed") or 0), "dead": c.call("ZCARD", "dead"),
                "retries": c.call("ZCARD", "retry"), "processes": c.call("SCARD", "processes")}


@limit(120)
def test_sidekiq_runs_jobs(t):
    needs("ruby", "sidekiq")
    node = t.node().start()
    far = ask(node, "enqueue")
    before = ask(node, "stats")
    assert before["queues"] == {"default": 53, "critical": 1}, before
    assert (before["enqueued"], before["scheduled"], before["processed"]) == (54, 2, 0), before

    worker = start(t, node, ["sidekiq", "-r", "./sidekiq_jobs.rb", "-q", "critical", "-q", "default",
                             "-c", "5", "-t", "2"])
    try:
        until(lambda: node.call("LRANGE", "urgent", 0, -1) == ["now", "soon"], 40, "both urgent jobs")
        until(lambda: node.call("GET", "sum") == str(3 + sum(range(1, 51))), 30, "the sum of all jobs")
        # By itself after the first failure, after the second one on somebody's word.
        until(lambda: node.call("GET", "tries:a") == "2" and stats(node)["retries"] == 1, 40,
              "the second failure")
        retried = ask(node, "retry")
        assert retried == [["Stumbler", ["a"], "try 2 fails", 1]], retried
        until(lambda: node.call("LRANGE", "stumbled", 0, -1) == ["a"], 30, "the third try")
        # 51 sums, two urgent ones, three tries of the stumbler and one without hope.
        until(lambda: stats(node) == {"processed": 57, "failed": 3, "dead": 1, "retries": 0,
                                      "processes": 1}, 30, "the statistics of the worker")
    except AssertionError as e:
        raise AssertionError("%s, statistics %s; the worker said:\n%s" %
                             (e, stats(node), worker.text()[-3000:]))
    assert node.call("GET", "tries:a") == "3"

    after = ask(node, "stats")
    assert after["queues"] == {"default": 0, "critical": 0} or after["queues"] == {}, after
    assert (after["processed"], after["failed"], after["retries"]) == (57, 3, 0), after
    assert (after["scheduled"], after["dead"], after["processes"]) == (1, 1, 1), after
    sets = ask(node, "sets")
    assert sets["scheduled"] == [["Urgent", ["far"]]] and sets["found"], sets
    assert sets["scanned"] == [far], sets
    assert sets["dead"] == [["Hopeless", "no hope"]] and sets["history"] == 57, sets
    assert sets["processes"] == [[5, ["critical", "default"], 0]], sets

    assert ask(node, "quiet") == 1
    assert worker.stop(20) == 0, worker.text()[-3000:]
    until(lambda: node.call("SCARD", "processes") == 0, 5, "the worker to take its name away")
    managed = ask(node, "administer")
    left = managed["left"]
    assert managed["deleted"] and managed["moved"] and managed["retried"], managed
    assert (left["scheduled"], left["dead"], left["enqueued"]) == (0, 0, 2), managed
    assert left["queues"] == {"critical": 1, "default": 1}, managed
    assert node.call("SMEMBERS", "queues") == [] and node.call("LLEN", "queue:default") == 0
