"""What web applications keep in Redis: sessions of Express over node-redis, and rate limits."""
from harness.apps import NPM_LIMIT, needs_npm, run
from harness.case import limit


@limit(NPM_LIMIT)
def test_express_keeps_sessions(t):
    needs_npm("express", "express-session", "connect-redis", "redis")
    node = t.node().start()
    said = run(node, ["node", "sessions.js"], 60)
    assert said.count("ok ") == 17, said


@limit(NPM_LIMIT)
def test_rate_limits_hold(t):
    needs_npm("rate-limiter-flexible", "ioredis", "redis")
    node = t.node().start()
    said = run(node, ["node", "limiter.js"], 60)
    assert said.count("ok ") == 23, said
