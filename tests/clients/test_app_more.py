"""Applications that are one program each: older queues, Socket.IO across two servers, locks and caches."""
from harness.apps import MORE, NPM_LIMIT, needs_npm, run
from harness.case import limit


@limit(NPM_LIMIT)
def test_older_queues_run(t):
    needs_npm("bull", "bee-queue", "node-resque", folder=MORE)
    said = run(t.node().start(), ["node", "queues.js"], 60, cwd=MORE)
    assert said.count("ok ") == 25, said


@limit(NPM_LIMIT)
def test_socket_io_spans_servers(t):
    needs_npm("socket.io", "@socket.io/redis-adapter", "@socket.io/redis-streams-adapter", folder=MORE)
    said = run(t.node().start(), ["node", "realtime.js"], 60, cwd=MORE)
    assert said.count("ok ") == 14, said


@limit(NPM_LIMIT)
def test_locks_semaphores_and_caches(t):
    needs_npm("redlock", "redis-semaphore", "bottleneck", "keyv", folder=MORE)
    said = run(t.node().start(), ["node", "locks.js"], 60, cwd=MORE)
    assert said.count("ok ") == 15, said
