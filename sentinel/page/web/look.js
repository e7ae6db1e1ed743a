// A closer look at one node: its slow log, the largest of some of its keys, and what takes its space. The sentinel asks the node for it, so a
// token is needed.
import { get } from './api.js';
import { address, bytes, cell, count, duration, el, heads, moment, nodePath } from './text.js';

const by = (id) => document.getElementById(id);
const PATIENCE_MS = 10000; // an audit takes three seconds
const BUTTONS = ['look-slow', 'look-large', 'look-audit'];
let group = null, asking = false, mayAsk = false, wish = 0;

// What was told of one node is not left standing under the name of another; an answer that is on its way comes too late.
export function clearLook() {
  wish++;
  by('look-result').replaceChildren();
}

export function drawLook(g, access) {
  if (group && group.name !== g.name) clearLook();
  group = g;
  mayAsk = access.may_inquire;
  const wanted = g.nodes.map(address), have = [...by('look-node').options].map((o) => o.value);
  if (wanted.join() !== have.join()) {
    const before = by('look-node').value;
    by('look-node').replaceChildren(...g.nodes.map((n) => el('option', { value: address(n) }, `${address(n)} (${n.role})`)));
    if (wanted.includes(before)) by('look-node').value = before;
    else clearLook();
  }
  for (const id of BUTTONS) by(id).disabled = !mayAsk || asking;
  by('look-why').textContent = mayAsk ? '' : 'It shows data, so it needs a token: sign in. Without http-token-file nobody can.';
}

export function choose(name) {
  if (by('look-node').value !== name) clearLook();
  by('look-node').value = name;
  by('look-title').scrollIntoView({ behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth', block: 'center' });
  by(mayAsk ? 'look-slow' : 'look-node').focus({ preventScroll: true });
}

function slowTable(answer, name) {
  if (!answer.slowlog.length) return el('p', { class: 'none' }, `Nothing in the slow log of ${name}.`);
  return el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Slow log' }, el('table', null,
    el('caption', { class: 'hidden' }, `Slow log of ${name}`), heads('Time', '#Took', 'Command', 'Client'),
    el('tbody', null, answer.slowlog.map((e) => el('tr', null, cell(moment(e.time_ms)), cell(duration(e.duration_ms), 'num'),
      el('td', { class: 'break' }, el('code', null, e.command)), cell(e.client_name || e.client))))));
}

function largeTable(answer, name) {
  if (!answer.largest.length) return el('p', { class: 'none' }, `${name} holds no key in database 0.`);
  return el('div', null, el('p', { class: 'quiet small' }, `Out of ${count(answer.looked_at)} looks at random into ${count(answer.keys)} keys of database 0: a larger one may have been missed.`),
    el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Largest keys' }, el('table', null, el('caption', { class: 'hidden' }, `Largest keys of ${name}`), heads('#Bytes', 'Type', 'Key'),
      el('tbody', null, answer.largest.map((k) => el('tr', null, cell(bytes(k.bytes), 'num'), cell(k.type), el('td', { class: 'break' }, el('code', null, k.key))))))));
}

function about(n, error) {
  return error ? `${bytes(n)} ± ${bytes(error)}` : bytes(n);
}

function patternRow(p) {
  return el('tr', null, el('td', { class: 'break' }, el('code', null, p.pattern)), cell(p.type), cell(count(p.keys), 'num'), cell(about(p.bytes, p.bytes_error), 'num'),
    cell(`${p.share_percent.toFixed(1)} %`, 'num'), cell(`${Math.round(p.expire_percent)} %`, 'num'), cell(p.idle_s === undefined ? '' : duration(p.idle_s * 1000), 'num'), cell(bytes(p.largest_bytes), 'num'));
}

function auditTable(answer, name) {
  if (!answer.samples) return el('p', { class: 'none' }, `${name} holds no key.`);
  return el('div', null, el('p', { class: 'quiet small' }, `Estimated from ${count(answer.samples)} keys drawn at random out of ${count(answer.keys)}: ${about(answer.bytes, answer.bytes_error)} in all.`),
    el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'What takes the space' }, el('table', null, el('caption', { class: 'hidden' }, `What takes the space of ${name}, by pattern of keys`),
      heads('Pattern', 'Type', '#Keys', '#Bytes', '#Share', '#Expire', '#Idle', '#Largest'), el('tbody', null, answer.patterns.map(patternRow)))),
    answer.more_patterns ? el('p', { class: 'quiet small' }, `And ${answer.more_patterns} patterns more: holdfastctl audit tells all.`) : null);
}

function enable(may) {
  for (const id of BUTTONS) by(id).disabled = !may;
}

async function ask(what, title, draw) {
  const name = by('look-node').value, node = group.nodes.find((n) => address(n) === name), result = by('look-result');
  if (!node) return;
  const mine = ++wish, show = (...told) => { if (mine === wish) result.replaceChildren(...told); };
  asking = true;
  enable(false);
  show(el('p', { class: 'none' }, `Asking ${name} …`));
  try {
    const answer = await get(`groups/${encodeURIComponent(group.name)}/nodes/${nodePath(node)}/${what}`, PATIENCE_MS);
    show(el('h3', null, `${title} of ${name}, at ${moment(Date.now())}`), draw(answer, name));
  } catch (e) {
    show(el('p', { class: 'wrong' }, e.message));
  }
  asking = false;
  enable(mayAsk);
}

by('look-slow').addEventListener('click', () => ask('slowlog', 'Slow log', slowTable));
by('look-large').addEventListener('click', () => ask('largest', 'Largest keys', largeTable));
by('look-audit').addEventListener('click', () => ask('audit', 'What takes the space', auditTable));
by('look-node').addEventListener('change', clearLook);
