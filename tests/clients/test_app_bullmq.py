"""BullMQ: its scripts, streams of events and blocking reads, in everything its users build on."""
from harness.apps import NPM_LIMIT, needs_npm, run
from harness.case import limit


@limit(NPM_LIMIT)
def test_bullmq_runs_queues(t):
    needs_npm("bullmq", "ioredis")
    node = t.node(settings={"maxmemory-policy": "noeviction"}).start()
    said = run(node, ["node", "bullmq.js"], 60)
    assert said.count("ok ") == 27 and "worker of" not in said, said
    assert "It is highly recommended" not in said and "Eviction policy" not in said, said
