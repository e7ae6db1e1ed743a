"""The tasks that test_app_celery.py lets a Celery worker run; broker and results are the node."""
import os

from celery import Celery, group, chord, chain

app = Celery("celery_jobs", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False,
                result_expires=600, broker_transport_options={"visibility_timeout": 60,
                                                              "priority_steps": [0, 5, 9]})


@app.task
def add(a, b):
    return a + b


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3, default_retry_delay=0.2)
def stumble(self, word):
    """Fails twice, then does its work."""
    if self.request.retries < 2:
        raise self.retry(exc=RuntimeError("try %d fails" % self.request.retries))
    return "%s after %d" % (word, self.request.retries)


@app.task
def fail():
    raise ValueError("no hope")


@app.task
def never():
    return "must not run"


# Named, so that remote control waits for this worker's answer and not for a time to be over.
WORKER = ["worker@node"]


def check(what, got, wanted):
    assert got == wanted, "%s: %r, not %r" % (what, got, wanted)
    print("ok %s" % what, flush=True)


def main():
    """What an application does, every answer checked."""
    inspect = app.control.inspect(destination=WORKER, timeout=20)
    check("ping", [list(a.values())[0] for a in app.control.ping(destination=WORKER, timeout=20)], [{"ok": "pong"}])
    check("a result", add.delay(1, 2).get(timeout=20), 3)
    check("many results", group(add.s(i, i) for i in range(50))().get(timeout=30),
          [2 * i for i in range(50)])
    check("a chain", chain(add.s(1, 2), add.s(4), add.s(8))().get(timeout=20), 15)
    check("a chord", chord([add.s(i, i) for i in range(20)], total.s())().get(timeout=30), 380)
    check("a countdown", add.apply_async((5, 6), countdown=1).get(timeout=20), 11)
    check("retries", stumble.delay("done").get(timeout=20), "done after 2")
    failed = fail.delay()
    try:
        failed.get(timeout=20)
        check("a failure", "no exception", "ValueError")
    except ValueError as e:
        check("a failure", (str(e), failed.state), ("no hope", "FAILURE"))
    revoked = never.apply_async(countdown=600)
    app.control.revoke(revoked.id, destination=WORKER, reply=True, timeout=20)
    check("a task revoked", revoked.id in str(inspect.revoked()), True)
    check("a result kept", app.AsyncResult(failed.id).state, "FAILURE")
    failed.forget()
    check("a result forgotten", app.AsyncResult(failed.id).state, "PENDING")
    registered = list(inspect.registered().values())[0]
    check("an inspection", "celery_jobs.add" in registered, True)


if __name__ == "__main__":
    main()
