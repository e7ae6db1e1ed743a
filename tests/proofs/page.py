"""The live page: its weight, what it shows within how long of an event, accessibility, and no word on the console.

One page stays open in headless Chromium while leaders are killed and switchovers are ordered from the page itself; each
has to be in the picture within 200 ms of its event, without a reload. --runs: failovers, and as many switchovers.
Before that everything that tests/e2e/test_page.py does: the preview, each state before axe-core, what is old, a phone, the keyboard.
"""
import re

import test_page
from harness.browser import Browser
from harness.retell import retell
from harness.wait import until
from harness.web import ask
from test_page import SEEN_MS, WATCH, event_ms, leader_shown, name, watched

WEIGHT = 200 * 1024


def weight(port):
    page = ask(port, "/")
    total, names = len(page.body), set(re.findall(r'(?:href|src)="(page/[^"]+)"', page.text))
    names |= {"page/" + m for m in re.findall(r"from '\./([^']+)'", ask(port, "/page/main.js").text)}
    return total + sum(len(ask(port, "/" + n).body) for n in names)


def seen_ms(browser, port, leader):
    """How long after the last +switch-master the picture's leader was this one."""
    browser.until(leader_shown(leader), 30)
    at = next(m[0] for m in browser.run("window.moves") if m[1] == leader)
    events = ask(port, "/api/v1/events?since=%d" % seen_ms.since, token="secret").json()
    seen_ms.since = events["next_since"]
    return at - next(e["time_ms"] for e in events["events"] if e["event"] == "+switch-master")


def switch_over(browser):
    browser.until("!document.getElementById('switch').disabled", 30)
    browser.do("click", at="#switch")
    browser.until("!document.getElementById('switch-go').disabled")
    browser.do("click", at="#switch-go")
    browser.until("document.getElementById('switch-body').textContent.startsWith('● Done')", 30)
    browser.do("press", text="Escape")


def prove(t):
    retell(t, test_page)
    group, port, url = watched(t)
    browser = Browser(t)
    browser.open(url, token="secret")
    browser.until("document.querySelectorAll('.node[data-state=ok]').length === 3", 30)
    browser.run(WATCH)
    seen_ms.since = ask(port, "/api/v1/events", token="secret").json()["next_since"]
    took = {"failover": [], "switchover": []}
    for _ in range(t.runs(5)):
        for what in took:
            browser.run("window.moves.length = 0")
            before = group.leader()
            if what == "failover":
                before.kill()
            else:
                switch_over(browser)
            until(lambda: group.leader() not in (None, before), 30, "another leader")
            took[what].append(seen_ms(browser, port, name(group.leader())))
            if what == "failover":
                before.start()
            browser.until("document.querySelectorAll('.node[data-state=ok]').length === 3", 60)
    for what, ms in took.items():
        t.promise(max(ms) < SEEN_MS, "%d %ss in the picture %s ms after their events, %d at most" %
                  (len(ms), what, " ".join("%d" % m for m in sorted(ms)), SEEN_MS))
    total = weight(port)
    t.promise(total < WEIGHT, "the page weighs %d bytes" % total)
    found = browser.do("axe")
    t.promise(not found, "axe-core finds nothing: %s" % ("; ".join(found) or "so it is"))
    seen = browser.do("seen")
    t.promise(not any(seen.values()), "nothing on the console, nothing thrown, nothing asked of others: %s" % seen)
