// The page's pulse: it asks once a second, and at once when an event comes; what it shows is never older than it says.
import { follow, get, hasToken, Refused, setToken } from './api.js';
import { clearTrends, drawTrends } from './charts.js';
import { drawDurable } from './durable.js';
import { choose, clearLook, drawLook } from './look.js';
import { clearVerdict, drawCommands, drawEvents, drawGroups, drawProblems, drawTable, drawVerdict } from './panels.js';
import { drawPause, onPause } from './pause.js';
import { draw, onChoose } from './picture.js';
import { drawSwitch } from './switchover.js';
import { ago, setText } from './text.js';
import { drawFailovers } from './timeline.js';

const ASK_MS = 1000, STALE_MS = 3000, TREND_MS = 5000, OVERTAKEN_MS = 3000;
const by = (id) => document.getElementById(id);
const now = { name: null, group: null, failovers: [], events: [], access: { access: 'nobody', may_order: false, may_inquire: false }, heard: -Infinity, heardAt: 0, live: false, signing: false, newest: 0, newestAt: -Infinity };

/* ---- asking ---- */

let asking = false, again = false;

// One question at a time; who asks meanwhile is served by one more.
async function ask() {
  if (asking) { again = true; return; }
  asking = true;
  do {
    again = false;
    await askOnce().catch(failed);
  } while (again);
  asking = false;
}

async function askOnce() {
  if (!now.name) {
    await askGroups();
    askTrends().catch(() => {});
  }
  if (!now.name) return;
  const asked = now.name, name = encodeURIComponent(asked);
  const later = get(`groups/${name}/failovers`);
  later.catch(() => {});
  const group = sorted(await get(`groups/${name}`));
  heard();
  if (now.name !== asked) return; // another one was chosen meanwhile
  // An answer from before the last event would take back what is shown already. (A sentinel that was restarted counts anew.)
  if (group.last_event >= now.newest || performance.now() - now.newestAt > OVERTAKEN_MS) now.group = group;
  render();
  const { failovers } = await later;
  if (now.name !== asked) return;
  now.failovers = failovers;
  render();
}

// Nothing of a group that is gone, or was left, stays to be read as if it were the state of another one.
function leave(words) {
  now.group = null;
  now.failovers = [];
  document.documentElement.classList.add('is-empty');
  clearVerdict(words);
  clearTrends();
  clearLook();
}

// "+switch-master NAME host port host port": the answer to what follows from it is on its way; the picture need not wait.
function switched(event) {
  const [name, , , host, port] = event.text.split(' '), nodes = now.group?.name === name ? now.group.nodes : [];
  const next = nodes.find((n) => n.host === host && n.port === Number(port));
  if (!next || next === nodes[0]) return;
  Object.assign(nodes[0], { role: 'follower', link_up: false, lag_bytes: 0 });
  next.role = 'leader';
  now.group.nodes = [next, ...nodes.filter((n) => n !== next)];
  sorted(now.group);
  draw(now.group);
  drawVerdict(now.group, now.failovers);
}

// The leader, then the others where they always stand.
function sorted(g) {
  const [leader, ...others] = g.nodes;
  g.nodes = [leader, ...others.sort((a, b) => a.host.localeCompare(b.host) || a.port - b.port)];
  return g;
}

// All of them in short, now and then: another group's trouble must not wait until somebody looks at it. The more there are,
// the more rarely.
let othersDue = 0;
async function askOthers() {
  if (document.hidden || now.signing || !now.name || performance.now() < othersDue) return;
  const { groups } = await get('groups');
  othersDue = performance.now() + groups.length * 50;
  drawGroups(groups, now.name, chooseGroup);
}

function chooseGroup(name) {
  location.hash = encodeURIComponent(name);
}

async function askGroups() {
  now.access = await get('access');
  by('sign').textContent = hasToken() ? 'Sign out' : 'Sign in';
  by('sign').hidden = now.access.access === 'anybody' && !hasToken();
  const { groups } = await get('groups'), names = groups.map((g) => g.name);
  const wanted = decodeURIComponent(location.hash.slice(1));
  by('group').replaceChildren(...names.map((n) => new Option(n, n)));
  heard();
  now.name = names.includes(wanted) ? wanted : names[0] || null;
  if (!now.name) leave('No group is watched here: SENTINEL MONITOR adds one.');
  else if (now.group && now.group.name !== now.name) leave('Asking …');
  drawGroups(groups, now.name, chooseGroup);
  if (now.name) { by('group').value = now.name; await askEvents(); }
}

async function askEvents() {
  const { next_since: first } = await get('events?since=0'), all = [];
  for (let since = 0, more = true; more && all.length < 600;) {
    const { events, next_since } = await get(`events?since=${since}`);
    all.push(...events);
    more = events.length > 0 && next_since !== since;
    since = next_since;
  }
  now.events = all.slice(-200);
  return first;
}

async function askTrends() {
  const asked = now.name;
  if (!asked || document.hidden) return;
  const answer = await get(`groups/${encodeURIComponent(asked)}/trends`);
  if (now.name === asked) drawTrends(answer);
}

function failed(e) {
  if (e instanceof Refused && e.status === 401) openSign();
  else if (e instanceof Refused && e.status === 404) now.name = null;
  renderContact();
}

function heard() {
  now.heard = performance.now();
  now.heardAt = Date.now();
}

/* ---- showing ---- */

function render() {
  if (!now.group) return;
  document.documentElement.classList.remove('is-empty');
  drawVerdict(now.group, now.failovers);
  draw(now.group);
  drawProblems(now.group);
  drawTable(now.group);
  drawFailovers(now.failovers);
  drawDurable(now.group);
  drawSwitch(now.group, now.access);
  drawPause(now.group, now.access);
  drawLook(now.group, now.access);
  drawEvents(now.events);
  drawCommands(now.group);
  renderContact();
}

function renderContact() {
  const age = performance.now() - now.heard, lost = age > STALE_MS;
  by('contact').classList.toggle('lost', lost);
  document.documentElement.classList.toggle('is-stale', lost && now.group !== null);
  setText(by('contact'), lost ? 'No contact' : now.live ? 'Live' : 'Asking every second');
  by('stale').hidden = !lost || !now.group;
  if (lost && now.group) setText(by('stale'), `The sentinel does not answer. All below is from ${new Date(now.heardAt).toLocaleTimeString(undefined, { hour12: false })}, ${ago(age)}.`);
}

/* ---- signing in ---- */

function openSign() {
  if (now.signing) return;
  now.signing = true;
  setText(by('sign-wrong'), hasToken() ? 'This token does not count here.' : '');
  by('sign-box').showModal();
  by('token').focus();
}

by('sign-form').addEventListener('submit', (e) => {
  e.preventDefault();
  setToken(by('token').value.trim());
  by('token').value = '';
  by('sign-box').close();
});
by('sign-box').addEventListener('close', () => { now.signing = false; now.name = null; ask(); });
by('sign-cancel').addEventListener('click', () => by('sign-box').close());
by('sign').addEventListener('click', () => {
  if (!hasToken()) { openSign(); return; }
  setToken('');
  location.reload();
});

/* ---- the frame ---- */

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
}
const prefersDark = matchMedia('(prefers-color-scheme: dark)'), kept = localStorage.getItem('holdfast-theme');
setTheme(kept ? kept === 'dark' : prefersDark.matches);
prefersDark.addEventListener('change', (e) => { if (!localStorage.getItem('holdfast-theme')) setTheme(e.matches); });
by('theme').addEventListener('click', () => {
  const dark = document.documentElement.dataset.theme !== 'dark';
  localStorage.setItem('holdfast-theme', dark ? 'dark' : 'light');
  setTheme(dark);
});

by('group').addEventListener('change', () => chooseGroup(by('group').value));
addEventListener('hashchange', () => { now.name = null; leave('Asking …'); ask(); });
by('nodes').closest('details').addEventListener('toggle', render);
document.addEventListener('visibilitychange', () => { if (!document.hidden) ask(); });
onChoose(choose);
onPause(ask);

ask();
setInterval(() => { if (!document.hidden && !now.signing) ask(); }, ASK_MS);
setInterval(() => { askTrends().catch(() => {}); askOthers().catch(() => {}); }, TREND_MS);
setInterval(renderContact, 250);
follow((live) => { now.live = live; }, (event) => {
  now.events.push(event);
  now.events.splice(0, Math.max(0, now.events.length - 200));
  now.newest = event.number;
  now.newestAt = performance.now();
  if (event.event === '+switch-master') switched(event);
  ask();
});
