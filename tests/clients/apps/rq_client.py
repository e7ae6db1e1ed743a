"""What an application does with RQ: `enqueue` before the workers came, `judge` after."""
import datetime
import os
import sys

from redis import Redis
from rq import Queue, Retry
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry, ScheduledJobRegistry

from rq_jobs import add, fail, stumble

connection = Redis.from_url(os.environ["REDIS_URL"])


def check(what, got, wanted):
    assert got == wanted, "%s: %r, not %r" % (what, got, wanted)
    print("ok %s" % what, flush=True)


def enqueue():
    high, low = Queue("high", connection=connection), Queue("low", connection=connection)
    jobs = [low.enqueue(add, i, i, job_id="add-%d" % i) for i in range(20)]
    high.enqueue(add, 100, 1, job_id="first")
    low.enqueue(fail, job_id="fail")
    low.enqueue(stumble, "a", job_id="stumble", retry=Retry(max=3))
    low.enqueue(add, 1, 1, job_id="after", depends_on=jobs[-1])
    low.enqueue_in(datetime.timedelta(seconds=1), add, 3, 4, job_id="soon")
    low.enqueue_in(datetime.timedelta(hours=1), add, 3, 4, job_id="far")
    low.enqueue(add, 7, 7, job_id="cancelled").cancel()
    check("queue lengths", (len(high), len(low)), (1, 22))
    check("a waiting job", Job.fetch("after", connection=connection).get_status(), "deferred")
    check("scheduled", sorted(ScheduledJobRegistry("low", connection=connection).get_job_ids()),
          ["far", "soon"])


def judge():
    def fetch(name):
        return Job.fetch(name, connection=connection)
    low = Queue("low", connection=connection)
    check("results", [fetch("add-%d" % i).result for i in range(20)], [2 * i for i in range(20)])
    check("other results", [fetch(n).result for n in ("first", "stumble", "after", "soon")],
          [101, 3, 2, 7])
    check("the first", fetch("first").ended_at <= fetch("add-0").started_at, True)
    check("the dependent", fetch("after").started_at >= fetch("add-19").ended_at, True)
    check("failed", FailedJobRegistry("low", connection=connection).get_job_ids(), ["fail"])
    check("its trace", "no hope" in fetch("fail").exc_info, True)
    finished = FinishedJobRegistry("low", connection=connection).get_job_ids()
    check("finished", len(finished), 23)
    check("scheduled", ScheduledJobRegistry("low", connection=connection).get_job_ids(), ["far"])
    check("cancelled", fetch("cancelled").get_status(), "canceled")
    check("empty", len(low), 0)
    FailedJobRegistry("low", connection=connection).requeue("fail")
    check("requeued", low.get_job_ids(), ["fail"])
    low.empty()
    check("emptied", (len(low), Job.exists("fail", connection=connection)), (0, False))


if __name__ == "__main__":
    {"enqueue": enqueue, "judge": judge}[sys.argv[1]]()
