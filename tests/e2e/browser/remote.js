// A headless browser with one page, driven by lines of JSON on stdin, each answered by one on stdout:
//     {"do": "open", "url": …, "width": …, "height": …, "dark": …, "token": …}    a fresh page; nothing is kept of the last one
//     {"do": "run", "code": "…"}       the value of an expression in the page, awaited
//     {"do": "until", "code": "…", "ms": …}    until it is true
//     {"do": "click" | "press" | "fill", "at": selector, "text": …}
//     {"do": "shot", "path": …}        the window as a png
//     {"do": "axe"}                    what axe-core finds wrong
//     {"do": "seen"}                   what was logged, thrown and asked for outside since open
'use strict';
const readline = require('readline');
const { chromium } = require('playwright-core');
const axe = require('axe-core').source;

let browser, page, seen;

async function open({ url, width, height, dark, token, still }) {
  if (page) await page.context().close();
  seen = { console: [], errors: [], outside: [] };
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', reducedMotion: still ? 'reduce' : 'no-preference' });
  page = await context.newPage();
  page.on('console', (m) => seen.console.push(`${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => seen.errors.push(String(e.stack || e)));
  page.on('request', (r) => { if (!r.url().startsWith(new URL(url).origin)) seen.outside.push(r.url()); });
  if (token) await page.addInitScript((t) => sessionStorage.setItem('holdfast-token', t), token);
  await page.goto(url);
}

const DO = {
  open,
  run: ({ code }) => page.evaluate(code),
  // Asked from here again and again: a page's policy forbids it to evaluate what it is told.
  async until({ code, ms }) {
    for (const end = Date.now() + ms; !(await page.evaluate(code)); await new Promise((done) => setTimeout(done, 20)))
      if (Date.now() > end) throw new Error(`not true within ${ms} ms: ${code}`);
    return true;
  },
  click: ({ at }) => page.click(at, { timeout: 10000 }),
  press: ({ text }) => page.keyboard.press(text),
  fill: ({ at, text }) => page.fill(at, text),
  shot: ({ path }) => page.screenshot({ path }).then(() => true),
  seen: () => seen,
  async axe() {
    // Behind the policy: what is evaluated by the debugger is not the page's own script.
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary}`).join(' | ')}`);
  },
};

async function main() {
  browser = await chromium.launch({
    executablePath: process.argv[2],
    // A root user has no other way; and nothing outside is there to be fetched.
    args: ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
  console.log(JSON.stringify({ ok: browser.version() }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    try {
      console.log(JSON.stringify({ ok: (await DO[order.do](order)) ?? null }));
    } catch (e) {
      console.log(JSON.stringify({ error: String(e.message || e) }));
    }
  }
  await browser.close();
}

main();
