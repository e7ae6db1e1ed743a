// What is told in words: armed or not, facts, problems, the table, the events.
import { hasToken } from './api.js';
import { address, ago, bytes, cell, count, duration, el, heads, mark, MARK, moment, setAttr, setText } from './text.js';
import { briefState, groupState, nodeState, peerState } from './state.js';

const by = (id) => document.getElementById(id);

function fact(name, value) {
  return el('div', null, el('dt', null, name), el('dd', null, value));
}

export function drawVerdict(g, failovers) {
  const [state, words] = groupState(g), last = failovers.find((f) => f.outcome === 'done' || f.outcome === 'done_for_timeout');
  setAttr(by('verdict'), 'data-state', state);
  setAttr(by('verdict-mark'), 'class', `mark ${state}`);
  setText(by('verdict-mark'), MARK[state]);
  setText(by('verdict-title'), words);
  const leader = g.nodes[0];
  setText(by('verdict-more'), leader.up ? `${address(leader)} leads ${g.name}.` : `${address(leader)} leads ${g.name}, and was last heard of ${ago(leader.silent_ms)}.`);
  const up = g.nodes.slice(1).filter((n) => n.up && n.link_up).length;
  const facts = [
    ['Followers in line', `${up} of ${g.followers}`], ['Sentinels up', `${g.sentinels_up} of ${g.sentinels}`],
    ['Quorum', `${g.quorum}`], ['Configuration', `epoch ${g.config_epoch}`],
    ...(g.durable ? [['Durable', `${g.durable.level}, ${g.durable.in_sync} of ${g.durable.members.length} in sync`]] : []),
    ['Last failover', last ? `${moment(last.time_ms)}, ${duration(last.promoted_after_ms ?? last.ended_after_ms)}` : 'none on record'],
  ];
  const text = JSON.stringify(facts);
  if (by('facts').dataset.text === text) return;
  by('facts').dataset.text = text;
  by('facts').replaceChildren(...facts.map(([n, v]) => fact(n, v)));
}

// Of no group: what is said instead.
export function clearVerdict(words) {
  setAttr(by('verdict'), 'data-state', 'unknown');
  setAttr(by('verdict-mark'), 'class', 'mark unknown');
  setText(by('verdict-mark'), MARK.unknown);
  setText(by('verdict-title'), words);
  setText(by('verdict-more'), '');
  by('facts').dataset.text = '';
  by('facts').replaceChildren();
}

const CHIPS = 24; // more groups than that are in the list above; those in trouble are among the chips

export function drawGroups(groups, current, choose) {
  const order = { bad: 0, warn: 1, ok: 2 }, nav = by('groups');
  const all = groups.map((g) => [g.name, ...briefState(g)]).sort((a, b) => order[a[1]] - order[b[1]] || a[0].localeCompare(b[0])).slice(0, CHIPS);
  const text = JSON.stringify([all, current]);
  nav.hidden = groups.length < 2;
  if (nav.dataset.text === text) return;
  const held = nav.contains(document.activeElement) ? document.activeElement.dataset.name : null;
  nav.dataset.text = text;
  nav.replaceChildren(...all.map(([name, state, word]) => {
    const b = el('button', { type: 'button', 'data-name': name, 'data-state': state, 'aria-current': name === current ? 'true' : null }, mark(state), `${name} `, el('span', { class: 'quiet' }, word));
    b.addEventListener('click', () => choose(name));
    return b;
  }));
  // They are new elements: who was on one of them by keyboard stays there, or on the first where that group is gone.
  if (held !== null) ([...nav.children].find((b) => b.dataset.name === held) || nav.firstElementChild)?.focus({ preventScroll: true });
}

const KINDS = { critical: ['bad', 'Critical'], warning: ['warn', 'Warning'], notice: ['unknown', 'Note'] };

export function drawProblems(g) {
  const list = by('problems'), text = JSON.stringify(g.problems);
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  setText(by('problem-count'), g.problems.length ? `(${g.problems.length})` : '');
  if (!g.problems.length) {
    list.replaceChildren(el('li', { class: 'none' }, mark('ok'), 'Nothing is wrong that this sentinel can see.'));
    return;
  }
  list.replaceChildren(...g.problems.map((p) => {
    const [state, word] = KINDS[p.severity];
    return el('li', { class: p.severity },
      el('p', { class: 'kind' }, mark(state), word, p.node ? ` · ${address(p.node)}` : ''),
      el('p', { class: 'what' }, p.what), el('p', { class: 'todo' }, p.what_to_do));
  }));
}

function nodeRow(n) {
  const [state, words] = nodeState(n);
  return el('tr', null,
    el('th', { scope: 'row' }, address(n)), cell(n.role), el('td', null, mark(state), words),
    cell(n.role === 'leader' ? '' : bytes(n.lag_bytes || 0), 'num'), cell(ago(n.silent_ms)),
    cell(n.ops_per_s === undefined ? '' : count(n.ops_per_s), 'num'), cell(n.used_memory_bytes === undefined ? '' : bytes(n.used_memory_bytes), 'num'),
    cell(n.clients === undefined ? '' : `${n.clients}`, 'num'), cell(n.role === 'leader' ? '' : n.promotable ? 'yes' : `no: ${n.not_promotable_because}`), cell(n.version || ''));
}

function peerRow(p) {
  const [state, words] = peerState(p);
  return el('tr', null, el('th', { scope: 'row' }, address(p)), cell('sentinel'), el('td', null, mark(state), words), cell(''),
    cell(ago(p.silent_ms)), cell(''), cell(''), cell(''), cell(''), cell(''));
}

export function drawTable(g) {
  if (!by('nodes').closest('details').open) return;
  by('nodes').replaceChildren(el('caption', { class: 'hidden' }, 'Nodes and sentinels of the group'),
    heads('Address', 'Role', 'State', '#Behind', 'Last answer', '#Ops/s', '#Memory', '#Clients', 'Promotable', 'Version'),
    el('tbody', null, g.nodes.map(nodeRow), g.peers.map(peerRow)));
}

export function drawEvents(events) {
  const body = by('events').tBodies[0], newest = events.length ? events[events.length - 1].number : 0;
  if (body.dataset.newest === `${newest}`) return;
  body.dataset.newest = newest;
  body.replaceChildren(...events.slice(-100).reverse().map((e) => el('tr', null,
    el('td', { class: 'num' }, new Date(e.time_ms).toISOString().slice(11, 23)), cell(e.event), cell(e.text, 'break'))));
  if (!events.length) body.replaceChildren(el('tr', null, el('td', { colspan: 3, class: 'none' }, 'None since this sentinel started.')));
}

// A name may hold anything that is no blank, and a file's even that: what is copied into a shell is one word of it.
const shellWord = (text) => (/^[\w.:/%-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

export function drawCommands(g) {
  const base = new URL('api/v1', document.baseURI).href, at = `${base}/groups/${encodeURIComponent(g.name)}`;
  const curl = hasToken() ? 'curl -s -H "Authorization: Bearer $TOKEN"' : 'curl -s', cli = `redis-cli -p ${g.sentinel_port} SENTINEL`;
  const name = shellWord(g.name), url = shellWord(at);
  setText(by('cli'), [
    '# armed, topology, problems', `${curl} ${url}`, `${cli} CKQUORUM ${name}`,
    '# the last failovers, and events as they happen', `${curl} ${shellWord(`${at}/failovers`)}`, `${curl} -N ${base}/events/stream`,
    '# switch over; pause failovers for maintenance', `${cli} FAILOVER ${name}`, `${cli} HF PAUSE ${name} 1800`,
    ...(g.durable ? ['# how the durable group stands', `${cli} HF STATUS ${name}`] : []),
  ].join('\n'));
}
