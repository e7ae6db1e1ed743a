"""RQ: jobs at once, in order of queues, after another, later, again and in vain."""
from harness.apps import needs_module, run, start
from harness.case import limit
from harness.wait import until


@limit(150)
def test_rq_runs_jobs(t):
    needs_module("rq, redis")
    node = t.node().start()
    assert run(node, ["/usr/bin/python3", "rq_client.py", "enqueue"]).count("ok ") == 3
    url = "redis://%s:%d/0" % node.address
    rq = ["/usr/bin/rq", "worker", "-u", url]
    burst = run(node, rq + ["--burst", "high", "low"], 90)
    assert node.call("ZCARD", "rq:finished:low") == 22, burst[-3000:]
    # A worker with a scheduler of its own brings the job that was due a second later.
    worker = start(t, node, rq + ["--with-scheduler", "high", "low"])
    until(lambda: node.call("ZCARD", "rq:finished:low") == 23, 40, "the scheduled job")
    worker.stop(20)
    until(lambda: node.call("SCARD", "rq:workers") == 0, 10, "the worker to take its name away")
    assert run(node, ["/usr/bin/python3", "rq_client.py", "judge"]).count("ok ") == 12
