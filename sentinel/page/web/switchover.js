// A planned switchover: first what would happen, then, on a second click, done; and its end is seen, not assumed.
import { get, post } from './api.js';
import { address, bytes, duration, el, mark } from './text.js';
import { OUTCOMES } from './state.js';

const by = (id) => document.getElementById(id);
const box = by('switch-box'), body = by('switch-body'), go = by('switch-go'), cancel = by('switch-cancel');
let group = null, preview = null, wanted = null, following = false;

export function drawSwitch(g, access) {
  const why = !access.may_order ? (access.access === 'anybody' ? 'Orders need a token, and this sentinel has none: set http-token-file.' : 'This token may look alone.')
    : g.failing_over ? 'A failover is running.' : !g.nodes.some((n) => n.promotable) ? 'No follower could be promoted.' : '';
  group = g;
  by('switch').disabled = why !== '';
  by('switch-why').textContent = why;
}

const path = () => `groups/${encodeURIComponent(group.name)}/switchover`;

function choice(node, label, note, checked) {
  const input = el('input', { type: 'radio', name: 'to', value: node ? address(node) : '', checked });
  input.addEventListener('change', () => { wanted = node; look(); });
  return el('label', { class: 'choice' }, input, el('span', null, label), note ? el('small', null, note) : null);
}

function drawPreview(p) {
  const next = p.would_lead, all = next ? [{ ...next, promotable: true }, ...p.others] : p.others;
  const parts = [el('div', { class: 'swap' },
    el('div', null, el('span', { class: 'quiet small' }, 'leads now'), el('br'), el('b', null, address(p.leader))),
    el('span', { 'aria-hidden': 'true' }, '→'),
    el('div', { class: 'next' }, el('span', { class: 'quiet small' }, 'would lead'), el('br'), el('b', null, next ? address(next) : 'nobody')))];
  if (next) parts.push(el('p', null, `${address(next)}, because ${next.because}. `, next.lag_bytes ? `It is ${bytes(next.lag_bytes)} behind; writes are held until it has them.` : 'It has everything.',
    p.leader.clients ? ` ${p.leader.clients} connections of the old leader are closed, and find the new one by asking.` : ''));
  if (!p.possible) parts.push(el('p', { class: 'refused' }, mark('bad'), `It would be refused: ${p.refused_because}`));
  if (p.warnings.length) parts.push(el('ul', { class: 'warnings' }, p.warnings.map((w) => el('li', null, w))));
  parts.push(el('fieldset', null, el('legend', null, 'Who shall lead?'), choice(null, 'Whoever is best', '', !wanted),
    all.map((n) => choice(n, address(n), n.because, wanted && address(wanted) === address(n)))));
  body.replaceChildren(...parts);
  go.disabled = !p.possible;
  go.textContent = next ? `Switch over to ${address(next)}` : 'Switch over';
}

async function look() {
  const focus = document.activeElement?.name === 'to' ? document.activeElement.value : null;
  go.disabled = true;
  try {
    preview = await post(path(), { dry_run: true, ...(wanted ? { to: { host: wanted.host, port: wanted.port } } : {}) });
    drawPreview(preview);
    if (focus !== null) [...body.querySelectorAll('input')].find((i) => i.value === focus)?.focus();
  } catch (e) {
    body.replaceChildren(el('p', { class: 'refused' }, e.message));
  }
}

export function openSwitch() {
  wanted = null;
  body.replaceChildren(el('p', { class: 'none' }, 'Asking what would happen …'));
  cancel.textContent = 'Cancel';
  go.hidden = false;
  box.showModal();
  look();
}

function drawProgress(f, since) {
  const [state, word] = f ? OUTCOMES[f.outcome] || ['unknown', f.outcome] : ['warn', 'begun'];
  const parts = [el('p', null, mark(state), f?.outcome === 'done' ? `Done: ${address(f.to)} leads, after ${duration(f.promoted_after_ms)}.` : `${word[0].toUpperCase()}${word.slice(1)} …`)];
  if (f) parts.push(el('ol', { class: 'steps' }, f.phases.map((p) => el('li', null, mark(p.duration_ms === null ? 'unknown' : 'ok'), `${p.phase} ${duration(p.duration_ms)}`))));
  body.replaceChildren(el('div', { role: 'status' }, parts));
}

// Until the history has its end: what was begun at this moment is the newest that is planned.
async function watch(before) {
  const until = performance.now() + 60e3;
  following = true;
  while (following && performance.now() < until) {
    const { failovers } = await get(`groups/${encodeURIComponent(group.name)}/failovers?limit=3`).catch(() => ({ failovers: [] }));
    const mine = failovers.find((f) => f.planned && (f.number === null || f.number > before));
    drawProgress(mine);
    if (mine && mine.outcome !== 'running') break;
    await new Promise((done) => setTimeout(done, 100));
  }
  if (following && performance.now() >= until) body.append(el('p', { class: 'refused' }, 'Its end has not been seen. Look at the time line and at the log.'));
  following = false;
}

async function begin() {
  go.disabled = true;
  try {
    const { failovers } = await get(`groups/${encodeURIComponent(group.name)}/failovers?limit=1`);
    const before = Math.max(0, ...failovers.map((f) => f.number || 0));
    await post(path(), wanted ? { to: { host: wanted.host, port: wanted.port } } : {}, preview.version);
    go.hidden = true;
    cancel.textContent = 'Close';
    cancel.focus();
    drawProgress(null);
    await watch(before);
  } catch (e) {
    await look();
    body.prepend(el('p', { class: 'refused', role: 'alert' }, e.code === 'changed' ? 'Something has changed since it was shown. This is how things are now:' : e.message));
  }
}

by('switch').addEventListener('click', openSwitch);
go.addEventListener('click', begin);
cancel.addEventListener('click', () => box.close());
box.addEventListener('close', () => { following = false; by('switch').focus(); });
