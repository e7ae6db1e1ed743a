"""deploy/monitoring: rules that promtool takes, that fire when they should, whose metrics our daemons really export, and that
have a section in the runbook each; a dashboard that asks for nothing else."""
import json
import os
import re
import shutil
import subprocess

from harness import Skip
from harness.process import ROOT
from harness.trial import Hosts, Trial
from harness.wait import until
from harness.web import ask, certificates, http_port
from test_metrics import family_types, samples

FOLDER = os.path.join(ROOT, "deploy", "monitoring")
# Prometheus's own, and words of PromQL.
WORDS = {"up", "sum", "min", "max", "by", "count", "rate", "increase", "changes", "time", "and", "or", "topk", "le",
         "histogram_quantile", "label_values", "on", "ignoring", "avg", "abs", "min_over_time"}


def promtool(*words):
    if not shutil.which("promtool"):
        raise Skip("promtool is not installed: deploy/install-deps --test")
    done = subprocess.run(["promtool", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=FOLDER)
    assert done.returncode == 0, done.stdout
    return done.stdout


def rules():
    """Rows (alert, expr, runbook)."""
    with open(os.path.join(FOLDER, "alerts.yml")) as f:
        text = f.read()
    found = re.findall(r"- alert: (\w+)\n +expr: '(.*)'\n(?:.*\n)*? +runbook: '(.*)'", text)
    assert len(found) == text.count("- alert:") > 0
    return [(name, expr.replace("''", "'"), runbook) for name, expr, runbook in found]


def dashboard():
    with open(os.path.join(FOLDER, "dashboard.json")) as f:
        return json.load(f)


def expressions(board):
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for row in board["annotations"]["list"]:
        yield row["expr"]
    for row in board["templating"]["list"]:
        if row["type"] == "query":
            yield row["query"]


def names_in(expr):
    """Metrics that an expression asks for."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on) \([^)]*\)|'[^']*'", " ", expr)
    bare = re.sub(r"label_values\((\w+)[^)]*\)", r"\1", bare)
    return {word for word in re.findall(r"[a-z_][a-z_0-9]*", bare)} - WORDS


def exported(t):
    """Names of every sample that a busy group of ours exports, with TLS and everything that is said only at times."""
    tls = certificates(t.folder, clients="no")
    port, follower_port, sentinel_port = (http_port(t) for _ in range(3))
    leader = t.node(product="holdfast", settings={"http-port": port, "tls-port": http_port(t), **tls}).start()
    follower = t.node(product="holdfast", follows=leader, settings={"http-port": follower_port}).start()
    follower.wait_follows(leader)
    sentinel = t.sentinel(product="holdfast", settings={"http-port": sentinel_port},
                          watch=[("mymaster", leader.address, 1, {"down-after-milliseconds": 2000})]).start()
    leader.call("SET", "k", "v", "EX", "1000")
    leader.call("GET", "k")
    until(lambda: len(sentinel.replicas("mymaster")) == 1, 15, "the follower to be known")

    def all_there():
        pages = [ask(p, "/metrics").text for p in (port, follower_port, sentinel_port)]
        names = {key[0] for page in pages for key in samples(page)} | {n for page in pages for n in family_types(page)}
        return names if {"holdfast_replica_age_seconds", "holdfast_follower_lag_seconds"} <= names else None
    return until(all_there, 15, "the lines about followers") | of_a_durable_group(t)


def of_a_durable_group(t):
    trial = Trial(t, "mem", Hosts())
    port, sentinel_port, first = http_port(t), http_port(t), trial.group.sentinels[0]
    first.settings = {**first.settings, "http-port": sentinel_port}
    trial.start().group.leader().call("CONFIG", "SET", "http-port", str(port))

    def all_there():
        names = {key[0] for p in (port, sentinel_port) for key in samples(ask(p, "/metrics").text)}
        return names if "holdfast_sentinel_durable_in_sync" in names else None
    return until(all_there, 15, "the lines about a durable group")


def test_rules_are_taken_and_fire(t):
    assert "32 rules found" in promtool("check", "rules", "alerts.yml")
    promtool("check", "config", "--syntax-only", "scrape.yml")
    promtool("test", "rules", "alerts_test.yml")


def test_what_is_packaged_goes_together(t):
    """The rules name scrape.yml beside them. Each of its jobs says where the token goes, and is right once that line counts."""
    with open(os.path.join(ROOT, "deploy", "debian", "holdfast-tools.install")) as f:
        packaged = set(re.findall(r"^deploy/monitoring/(\S+) usr/share/holdfast$", f.read(), re.M))
    assert packaged == {"alerts.yml", "dashboard.json", "scrape.yml"}
    with open(os.path.join(FOLDER, "scrape.yml")) as f:
        jobs = f.read().replace("# authorization:", "authorization:")
    assert jobs.count("authorization:") == jobs.count("job_name:") == 2
    path = os.path.join(t.folder, "scrape.yml")
    with open(path, "w") as f:
        f.write(jobs)
    promtool("check", "config", "--syntax-only", path)


def test_every_alert_has_its_section(t):
    with open(os.path.join(ROOT, "deploy", "guides", "runbook.md")) as f:
        heads = re.findall(r"^## (\w+)$", f.read(), re.M)
    alerts = rules()
    assert heads == [name for name, _, _ in alerts]
    assert all(runbook == "guides/runbook.md#" + name.lower() for name, _, runbook in alerts)


def test_every_metric_is_exported(t):
    t.needs_holdfast()
    there = exported(t)
    asked = {name for _, expr, _ in rules() for name in names_in(expr)}
    shown = {name for expr in expressions(dashboard()) for name in names_in(expr)}
    assert len(asked) > 25 and len(shown) > 25, (asked, shown)
    assert not (asked | shown) - there, "not exported: %s" % sorted((asked | shown) - there)


def test_the_dashboard_holds_together(t):
    board = dashboard()
    taken = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
        assert panel["targets"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    assert len({p["id"] for p in board["panels"]}) == len(board["panels"])
    # As Grafana fills them in, every expression is one that Prometheus understands.
    lines = ["groups:", "  - name: dashboard", "    rules:"]
    for i, expr in enumerate(e for e in expressions(board) if "label_values" not in e):
        for variable, value in (("$__rate_interval", "1m"), ("$__range", "1h"), ("$group", ".*"), ("$instance", ".*")):
            expr = expr.replace(variable, value)
        lines += ["      - record: expression_%d" % i, "        expr: '%s'" % expr.replace("'", "''")]
    path = os.path.join(t.folder, "dashboard.yml")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    promtool("check", "rules", path)
