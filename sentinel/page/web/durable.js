// How a durable group stands: who has all that was acknowledged, who votes, and what keeps it from bearing the next loss.
import { address, bytes, cell, el, heads, lasting, mark, MARK, setText } from './text.js';

const by = (id) => document.getElementById(id);
const LEVELS = {
  mem: 'in the memory of every copy in sync', os: 'in the file of every copy in sync', fsync: 'on the disk of every copy in sync',
  async: 'as soon as the leader has it',
};

export function durableState(d) {
  if (d.version === 0) return ['unknown', 'Its register has not been read yet'];
  if (!d.serves) return ['bad', `Nobody serves: the leader is ${d.leader_state}`];
  if (d.in_sync < d.min_sync) return ['bad', 'Writes are refused: too few copies are in sync'];
  return d.redundant ? ['ok', 'It bears the loss of any one node and any one sentinel'] : ['warn', 'It serves, and would not bear every loss'];
}

function fact(name, value) {
  return el('div', null, el('dt', null, name), el('dd', null, value));
}

function memberRow(m) {
  const state = m.in_sync ? (m.state === 'alive' || m.state === 'busy' ? 'ok' : 'bad') : 'warn';
  const words = `${m.in_sync ? 'in sync' : 'not in sync'}, ${m.state}`;
  return el('tr', null, el('th', { scope: 'row' }, address(m)), cell(m.leads ? 'leads' : m.observer ? 'observer' : 'copy'), el('td', null, mark(state), words),
    cell(m.leads ? '' : bytes(m.lag_bytes), 'num'), cell(`${lasting(m.silent_ms)} of ${m.silence_limit_ms} ms`));
}

function voterRow(v) {
  const state = { well: 'ok', unknown: 'unknown', silent: 'bad', forgot: 'bad' }[v.health];
  const words = v.health === 'forgot' ? 'has lost its memory' : v.health;
  return el('tr', null, el('th', { scope: 'row' }, address(v)), cell('votes'), el('td', null, mark(state), words), cell(''), cell(v.mine ? 'this sentinel' : ''));
}

function facts(g, d) {
  const parked = g.nodes[0].parked_replies, well = d.voters.filter((v) => v.health === 'well').length;
  return [['A write counts', `${LEVELS[d.level]} (${d.level})`], ['In sync', `${d.in_sync} of ${d.members.length}, ${d.min_sync} needed`],
    ['Voters well', `${well} of ${d.voters.length}`], ['Register', `epoch ${d.epoch}, version ${d.version}`],
    ['Replies that wait', parked === undefined ? 'not told' : `${parked}`], ...(d.lossy ? [['Losses accepted', `${d.lossy}, last: ${d.lossy_reason || 'no reason given'}`]] : [])];
}

export function drawDurable(g) {
  const d = g.durable, box = by('durable');
  box.hidden = !d;
  if (!d) return;
  const [state, words] = durableState(d), text = JSON.stringify([d, g.nodes[0].parked_replies]);
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  setText(by('durable-verdict'), `${MARK[state]} ${words}.`);
  by('durable-verdict').className = state;
  by('durable-facts').replaceChildren(...facts(g, d).map(([n, v]) => fact(n, v)));
  by('durable-lacks').replaceChildren(...d.lacks.map((l) => el('li', null, l)));
  by('durable-table').replaceChildren(el('caption', { class: 'hidden' }, 'Members and voters of the durable group'),
    heads('Address', 'Part', 'State', '#Behind', 'Silent for'), el('tbody', null, d.members.map(memberRow), d.voters.map(voterRow)));
}
