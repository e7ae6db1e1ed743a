"""Celery with the node as broker and result store: tasks, groups, chords, retries, remote control."""
from harness.apps import needs_module, run, start
from harness.case import limit
from harness.wait import until


@limit(150)
def test_celery_runs_tasks(t):
    needs_module("celery, redis")
    node = t.node().start()
    worker = start(t, node, ["/usr/bin/python3", "-m", "celery", "-A", "celery_jobs", "worker", "-c", "2",
                             "--pool", "threads", "--loglevel", "INFO", "-n", "worker@node"])
    until(lambda: "ready." in worker.text(), 60, "the worker to be ready")
    try:
        said = run(node, ["/usr/bin/python3", "celery_jobs.py"], 90)
    except AssertionError as e:
        raise AssertionError("%s\nthe worker said:\n%s" % (e, worker.text()[-3000:]))
    assert said.count("ok ") == 12, said
    assert worker.stop(20) == 0, worker.text()[-3000:]
    assert "Connection to broker lost" not in worker.text(), worker.text()[-3000:]
    # The task that was due in ten minutes is nobody's now, so it waits for the next worker.
    assert node.call("LLEN", "celery") == 1 and node.call("HLEN", "unacked") == 0
    assert node.call("SMEMBERS", "_kombu.binding.celery") == ["celery\x06\x16\x06\x16celery"]
