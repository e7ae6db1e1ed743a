"""The sentinel's live page in a headless browser: what happens is seen without a reload and at once, a switchover is done as it
was previewed, nothing is old that looks new, and axe-core finds nothing wrong. With HF_SHOTS=FOLDER the pictures of the page's
README are made there."""
import json
import os
import time

from harness.browser import Browser
from harness.case import alone, limit
from harness.trial import Hosts, Trial
from harness.wait import until
from harness.web import ask, http_port

STALL_MS = 5         # a timer of the page that is later than that was kept waiting
SEEN_MS = 200        # an event, and the page shows what came of it
INSTALL_LIMIT = 240  # the first test that needs them installs the packages

# The moments at which the picture's leader changed, by the page's own clock; and how late a timer of the page is, which is what
# a crowded machine takes by itself.
WATCH = """(() => {
  window.moves = [];
  let was = null;
  const look = () => {
    const now = document.querySelector('.node[data-role="leader"] .name')?.textContent ?? null;
    if (now !== was) { was = now; window.moves.push([Date.now(), now]); }
  };
  new MutationObserver(look).observe(document.getElementById('picture'), { subtree: true, childList: true, characterData: true, attributes: true });
  look();
  window.late = [];
  let due = performance.now() + 10;
  setInterval(() => { window.late.push([Date.now(), performance.now() - due]); due = performance.now() + 10; }, 10);
})()"""


def watched(t, sentinels=3, token="secret"):
    """Three nodes and their sentinels, and the port of a page."""
    group = t.group(nodes=3, sentinels=sentinels, quorum=sentinels // 2 + 1, node_product="holdfast", sentinel_product="holdfast",
                    name="payments", watch={"down-after-milliseconds": 3000})
    port = http_port(t)
    group.sentinels[0].settings = {**group.sentinels[0].settings, "http-port": port, **({"http-token": token} if token else {})}
    group.start()
    until(lambda: json.loads(ask(port, "/api/v1/groups/payments", token=token).body)["armed"], 20, "it to be armed")
    return group, port, "http://127.0.0.1:%d/" % port


def name(node):
    return "%s:%d" % node.address


def leader_shown(address):
    return "document.querySelector('.node[data-role=\"leader\"] .name')?.textContent === %s" % json.dumps(address)


def shot(browser, name):
    folder = os.environ.get("HF_SHOTS")
    if folder:
        browser.run("new Promise((done) => setTimeout(done, 700))")  # the boxes have arrived
        browser.shot(os.path.abspath(os.path.join(folder, name)))


def clean(browser, allowed=()):
    """Nothing was logged or thrown, and nothing was asked of anybody else."""
    seen = browser.do("seen")
    logged = [line for line in seen["console"] if not any(word in line for word in allowed)]
    assert not logged and not seen["errors"] and not seen["outside"], seen


def accessible(browser, what):
    found = browser.do("axe")
    assert not found, "%s: %s" % (what, "\n".join(found))


def event_ms(port, event, token="secret"):
    events = ask(port, "/api/v1/events", token=token).json()["events"]
    return next(e["time_ms"] for e in events if e["event"] == event)


def check_seen(t, browser, port, leader):
    """The picture's leader changed once, to this one, and soon after the event."""
    moves = browser.run("window.moves")[1:]
    assert [m[1] for m in moves] == [leader], moves
    happened, seen = event_ms(port, "+switch-master"), moves[0][0]
    stalled = sum(ms for at, ms in browser.run("window.late") if happened <= at <= seen + 100 and ms > STALL_MS)
    t.figure("the page shows it %d ms after its event, its timers %d ms late" % (seen - happened, stalled))
    assert seen - happened < SEEN_MS + stalled, "seen %d ms after the event, its timers %d ms late" % (seen - happened, stalled)


def write_some(group):
    with group.nodes[0].client() as c:
        for i in range(2000):
            c.call("SET", "cart:%d" % i, "x" * (50 + i % 100))


@alone
@limit(INSTALL_LIMIT)
def test_a_failover_is_seen_at_once(t):
    group, port, url = watched(t)
    browser = Browser(t)
    browser.open(url, width=1120, height=800, token="secret")
    browser.until(leader_shown(name(group.nodes[0])))
    browser.until("document.getElementById('verdict').dataset.state === 'ok'")
    browser.until("document.getElementById('contact').textContent === 'Live'")
    assert browser.text("#verdict-title") == "Armed: a failover would work now"
    write_some(group)
    browser.until("document.querySelectorAll('.chart .series').length >= 9", 20)
    accessible(browser, "calm")
    shot(browser, "calm.png")
    browser.run(WATCH)
    group.nodes[0].kill()
    until(lambda: group.sentinels[0].leader("payments") != group.nodes[0].address, 20, "the failover")
    chosen = group.leader()
    browser.until(leader_shown(name(chosen)))
    check_seen(t, browser, port, name(chosen))
    browser.until("document.querySelector('#line li[data-outcome=done]') !== null")
    line = browser.text("#line li")
    assert "%s → %s" % (name(group.nodes[0]), name(chosen)) in line and "unplanned" in line and "agreement" in line
    browser.until("document.querySelector('.node[data-state=bad]') !== null")
    assert "down" in browser.text(".node[data-state=bad]")
    problems = browser.text("#problems")
    assert "It is down for" in problems and name(group.nodes[0]) in problems
    accessible(browser, "failing")
    shot(browser, "failing.png")
    group.nodes[0].start()
    browser.until("document.querySelectorAll('.node[data-state=ok]').length === 3", 30)
    browser.until("!document.getElementById('problems').textContent.includes('It is down for')", 30)
    accessible(browser, "healed")
    shot(browser, "healed.png")
    clean(browser)


@alone
@limit(INSTALL_LIMIT)
def test_a_switchover_with_its_preview(t):
    group, port, url = watched(t)
    browser = Browser(t)
    browser.open(url, token="secret")
    browser.until("!document.getElementById('switch').disabled")
    browser.do("click", at="#switch")
    browser.until("!document.getElementById('switch-go').disabled")
    accessible(browser, "the dialog")
    assert group.leader_address() == group.nodes[0].address
    wanted = name(group.nodes[2])
    browser.do("click", at='#switch-body input[value="%s"]' % wanted)
    browser.until("document.getElementById('switch-go').textContent === 'Switch over to %s'" % wanted)
    browser.until("!document.getElementById('switch-go').disabled")
    assert "it was asked for" in browser.text("#switch-body")
    browser.run(WATCH)
    browser.do("click", at="#switch-go")
    browser.until("document.getElementById('switch-body').textContent.startsWith('● Done: %s leads')" % wanted, 20)
    assert group.leader_address() == group.nodes[2].address
    check_seen(t, browser, port, wanted)
    browser.do("press", text="Escape")
    browser.until("!document.getElementById('switch-box').open")
    assert "planned" in browser.text("#line li")
    clean(browser)


@limit(INSTALL_LIMIT)
def test_what_is_old_looks_old(t):
    group, port, url = watched(t, sentinels=1)
    browser = Browser(t)
    browser.open(url, token="secret")
    browser.until("document.getElementById('contact').textContent === 'Live'")
    group.nodes[0].kill()
    for n in group.nodes[1:]:
        n.kill()
    browser.until("document.getElementById('verdict').dataset.state === 'bad'", 20)
    browser.until("document.querySelectorAll('.node[data-state=bad]').length === 3", 20)
    assert "The leader is down" in browser.text("#verdict-title")
    accessible(browser, "all is down")
    group.sentinels[0].freeze()
    browser.until("document.documentElement.classList.contains('is-stale')", 15)
    assert "The sentinel does not answer" in browser.text("#stale") and browser.text("#contact") == "No contact"
    accessible(browser, "stale")
    group.sentinels[0].thaw()
    browser.until("!document.documentElement.classList.contains('is-stale')", 20)
    assert browser.run("document.getElementById('stale').hidden")


@limit(INSTALL_LIMIT)
def test_a_durable_group_and_a_pause(t):
    """What a durable group lacks, and the button that pauses failovers."""
    trial = Trial(t, "mem", Hosts())
    port = http_port(t)
    group = trial.group
    group.sentinels[0].settings = {**group.sentinels[0].settings, "http-port": port, "http-token": "secret"}
    trial.start()
    browser = Browser(t)
    browser.open("http://127.0.0.1:%d/" % port, token="secret")
    browser.until("!document.getElementById('durable').hidden")
    browser.until("document.getElementById('durable-verdict').textContent.includes('It bears the loss')", 20)
    browser.until("document.getElementById('verdict').dataset.state === 'ok'", 20)
    text = browser.text("#durable")
    assert "2 of 2" in text and "3 of 3" in text and "(mem)" in text and text.count("votes") == 3, text
    accessible(browser, "a durable group")
    browser.do("click", at="#switch")
    browser.until("!document.getElementById('switch-go').disabled")
    assert "it is in sync" in browser.text("#switch-body")
    browser.do("press", text="Escape")
    browser.do("click", at="#pause")
    accessible(browser, "the dialog of a pause")
    browser.do("click", at="#pause-go")
    browser.until("document.getElementById('verdict-title').textContent.startsWith('Paused')", 10)
    assert all(dict(zip(*[iter(s.call("SENTINEL", "HF", "STATUS", "mymaster")[:6])] * 2))["paused"] == "yes" for s in group.sentinels)
    browser.do("click", at="#pause")
    browser.until("document.getElementById('verdict').dataset.state === 'ok'", 10)
    group.followers()[0].kill()
    browser.until("document.getElementById('durable-lacks').textContent.includes('is not in sync')", 20)
    browser.until("document.getElementById('problems').textContent.includes('Nobody could take over')", 20)
    accessible(browser, "a copy is missing")
    clean(browser)


@limit(INSTALL_LIMIT)
def test_signing_in(t):
    group, port, url = watched(t, sentinels=1)
    write_some(group)
    browser = Browser(t)
    browser.open(url)
    browser.until("document.getElementById('sign-box').open")
    assert browser.run("document.querySelectorAll('.node').length") == 0
    accessible(browser, "signing in")
    browser.do("fill", at="#token", text="wrong")
    browser.do("press", text="Enter")
    browser.until("document.getElementById('sign-wrong').textContent !== ''")
    browser.do("fill", at="#token", text="secret")
    browser.do("press", text="Enter")
    browser.until("document.querySelectorAll('.node').length === 3")
    browser.until("!document.getElementById('look-large').disabled")
    browser.do("click", at="#look-large")
    browser.until("document.querySelectorAll('#look-result tbody tr').length === 10", 20)
    assert "cart:" in browser.text("#look-result")
    browser.do("click", at="#look-audit")
    browser.until("document.getElementById('look-result').textContent.includes('cart:*')", 20)
    assert "Estimated from" in browser.text("#look-result") and "±" in browser.text("#look-result")
    accessible(browser, "what takes the space")
    browser.do("click", at="#look-slow")
    browser.until("/slow log/i.test(document.getElementById('look-result').textContent)", 20)
    assert browser.run("!/secret/.test(document.documentElement.outerHTML)")
    # What is there to be copied into a shell has a name's blanks and semicolons in quotes.
    browser.run("import('/page/panels.js').then((m) => { window.told = m.drawCommands({ name: `a;b'c`, sentinel_port: 1 }) ?? true; }) && true")
    browser.until("window.told")
    assert r"SENTINEL FAILOVER 'a;b'\''c'" in browser.text("#cli"), browser.text("#cli")
    clean(browser, allowed=("401",))  # a browser tells of those by itself


@limit(INSTALL_LIMIT)
def test_nothing_of_another_group_or_node_is_left(t):
    group, port, url = watched(t, sentinels=1)
    sentinel, lone = group.sentinels[0], t.node(product="holdfast").start()
    sentinel.call("SENTINEL", "MONITOR", "stock", *map(str, lone.address), "1")
    sentinel.call("SENTINEL", "SET", "stock", "down-after-milliseconds", "1000")
    browser = Browser(t)
    browser.open(url + "#payments", token="secret")
    browser.until("document.querySelectorAll('#groups button').length === 2", 20)
    browser.until("document.querySelectorAll('.chart .series').length >= 9", 20)
    # A slow log is of one node, says of which and of when, and goes with it.
    shown = "document.getElementById('look-result').textContent"
    browser.do("click", at="#look-slow")
    told = "%s.includes('Slow log of %s, at ')" % (shown, name(group.nodes[0]))
    browser.until(told)
    browser.run("(() => { const s = document.getElementById('look-node'); s.value = %s; s.dispatchEvent(new Event('change')); })()"
                % json.dumps(name(group.nodes[1])))
    assert browser.run(shown) == ""
    browser.do("click", at="#look-slow")
    browser.until("%s.includes('Slow log of %s, at ')" % (shown, name(group.nodes[1])))
    # The chips tell news while one of them has the focus, which stays.
    browser.run("document.querySelector('#groups [data-name=payments]').focus()")
    lone.kill()
    browser.until("document.querySelector('#groups [data-name=stock]').dataset.state === 'bad'", 20)
    assert browser.run("document.activeElement.dataset.name") == "payments"
    # An old line ends before the right end, which is now.
    end = browser.run("""import('/page/charts.js').then((charts) => {
      const at = (ago) => [Date.now() - ago, 1, 1, 1];
      charts.drawTrends({ trends: [{ host: 'h', port: 1, points: [at(60000), at(30000)] }] });
      return document.querySelector('.chart .series').getAttribute('d');
    })""")
    assert 150 < float(end.split("L")[1].split()[0]) < 170, end
    # Another group: nothing of the first is to be read under its name.
    left = browser.run("""new Promise((done) => {
      addEventListener('hashchange', () => done([document.querySelectorAll('.chart').length, document.getElementById('look-result').textContent,
        document.getElementById('verdict-more').textContent, getComputedStyle(document.getElementById('picture')).visibility]));
      location.hash = 'stock';
    })""")
    assert left == [0, "", "", "hidden"], left
    browser.until("[...document.querySelectorAll('.node .name')].map((n) => n.textContent).join() === %s" % json.dumps(name(lone)))
    browser.until("getComputedStyle(document.getElementById('picture')).visibility === 'visible'")
    browser.until("document.getElementById('charts').childElementCount > 0", 3)
    assert name(group.nodes[0]) not in browser.text("#trend-key")
    # The last group goes, and with it all that was said of one.
    sentinel.call("SENTINEL", "REMOVE", "stock")
    browser.until("document.getElementById('verdict-more').textContent.includes('leads payments')")
    sentinel.call("SENTINEL", "REMOVE", "payments")
    browser.until("document.getElementById('verdict-title').textContent.startsWith('No group is watched here')")
    assert browser.run("getComputedStyle(document.getElementById('picture')).visibility") == "hidden"
    assert browser.run("document.getElementById('facts').childElementCount + document.querySelectorAll('.chart').length") == 0
    assert browser.text("#verdict-more") == "" and browser.run("document.getElementById('verdict').dataset.state") == "unknown"
    accessible(browser, "no group")
    sentinel.call("SENTINEL", "MONITOR", "payments", *map(str, group.nodes[0].address), "1")
    browser.until("document.querySelectorAll('.node').length >= 1 && !document.documentElement.classList.contains('is-empty')")
    clean(browser, allowed=("404",))


@limit(INSTALL_LIMIT)
def test_small_dark_and_by_keyboard(t):
    group, port, url = watched(t, sentinels=1, token=None)
    browser = Browser(t)
    for width, dark in ((360, True), (360, False), (768, True), (1280, True)):
        browser.open(url, width=width, height=800, dark=dark, still=True)
        browser.until("document.querySelectorAll('.node').length === 3")
        browser.until("document.querySelectorAll('.chart .series').length >= 9", 30)
        browser.run("document.querySelector('details.more').open = true, new Promise((done) => setTimeout(done, 1200))")
        wide = browser.run("document.documentElement.scrollWidth")
        assert wide <= width, "at %d pixels the page is %d wide" % (width, wide)
        accessible(browser, "%d pixels, %s" % (width, "dark" if dark else "light"))
        if width == 360 and dark:
            shot(browser, "phone.png")
    assert browser.run("document.getElementById('switch').disabled")
    assert "http-token-file" in browser.text("#switch-why") and browser.run("document.getElementById('sign').hidden")
    browser.run("document.activeElement.blur()")
    reached = set()
    for _ in range(30):
        browser.do("press", text="Tab")
        reached.add(browser.run("document.activeElement.id || document.activeElement.className.split(' ')[0] || document.activeElement.tagName"))
    assert {"skip", "group", "theme", "node", "look-node"} <= reached, reached
    before = browser.run("document.documentElement.dataset.theme")
    browser.run("document.getElementById('theme').focus()")
    browser.do("press", text="Enter")
    assert browser.run("document.documentElement.dataset.theme") != before
    clean(browser)
