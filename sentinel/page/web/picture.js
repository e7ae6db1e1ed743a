// The topology as a picture that moves: boxes are buttons that keep their element for as long as the node is there, so that a
// change of roles is a walk of two boxes. Lines are drawn under them.
import { address, ago, bytes, count, el, MARK, setAttr, setText } from './text.js';
import { nodeState, peerState } from './state.js';

const WIDTH = 246, GAP = 24, NARROW = 520;
const picture = document.getElementById('picture');
const svg = picture.appendChild(el('svg', { 'aria-hidden': 'true', focusable: 'false' }));
const boxes = new Map(), pills = new Map(), links = new Map();
let drawn = null, chosen = () => {};

export function onChoose(fn) {
  chosen = fn;
}

// The things of a map that are still there; others leave the page.
function keep(map, names, drop) {
  for (const [name, thing] of map)
    if (!names.has(name)) { drop(thing); map.delete(name); }
}

function makeBox(name) {
  const b = {
    root: el('button', { type: 'button', class: 'node fresh' }), mark: el('span', { 'aria-hidden': 'true' }), word: el('span'),
    role: el('span', { class: 'role' }), name: el('span', { class: 'name' }), said: el('span', { class: 'said' }), more: el('span', { class: 'said' }),
  };
  b.root.append(el('span', { class: 'head' }, el('span', null, b.mark, ' ', b.word), b.role), b.name, b.said, b.more);
  b.root.addEventListener('click', () => chosen(name));
  picture.append(b.root);
  return b;
}

function fillBox(b, n) {
  const [state, words] = nodeState(n);
  setAttr(b.root, 'data-role', n.role);
  setAttr(b.root, 'data-state', state);
  setAttr(b.mark, 'class', state);
  setText(b.mark, MARK[state]);
  setText(b.word, { ok: 'up', warn: 'look', bad: 'trouble', unknown: 'unknown' }[state]);
  if (!n.up) setText(b.word, 'down');
  setText(b.role, n.role);
  setText(b.name, address(n));
  setText(b.said, words);
  const load = [];
  if (n.up && n.ops_per_s !== undefined) load.push(`${count(n.ops_per_s)} ops/s`);
  if (n.up && n.used_memory_bytes !== undefined) load.push(bytes(n.used_memory_bytes));
  load.push(n.up && n.info_age_ms !== null ? ago(n.info_age_ms) : `last answer ${ago(n.silent_ms)}`);
  setText(b.more, load.join(' · '));
  setAttr(b.root, 'title', n.not_promotable_because ? `Not promotable: ${n.not_promotable_because}` : `${address(n)}, ${n.version || 'version unknown'}`);
}

function fillPill(p, peer, here) {
  const [state, words] = here ? ['ok', 'this one'] : peerState(peer);
  setAttr(p, 'data-state', state);
  if (p.dataset.text === `${state}${words}${address(peer)}`) return;
  p.dataset.text = `${state}${words}${address(peer)}`;
  p.replaceChildren(el('span', { class: state, 'aria-hidden': 'true' }, `${MARK[state]} `), here ? 'this sentinel' : address(peer), el('span', { class: 'quiet' }, here ? '' : `  ${words}`));
}

function place(e, x, y) {
  e.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
}

// Where everything goes: the leader above, followers in rows below it, sentinels at the foot.
function layout(width, nodes, heights) {
  const spots = new Map(), narrow = width < NARROW;
  const step = narrow ? width : WIDTH + GAP, columns = narrow ? 1 : Math.max(1, Math.floor((width + GAP) / step));
  const followers = nodes.slice(1), indent = narrow ? 26 : 0;
  let y = 4;
  spots.set(address(nodes[0]), { x: narrow ? 0 : (width - WIDTH) / 2, y, h: heights[0] });
  y += heights[0] + (followers.length ? (narrow ? 34 : 76) : 0);
  for (let from = 0; from < followers.length; from += columns) {
    const row = followers.slice(from, from + columns), total = row.length * step - (narrow ? 0 : GAP);
    let tallest = 0;
    row.forEach((n, i) => {
      const h = heights[1 + from + i];
      spots.set(address(n), { x: indent + (narrow ? 0 : (width - total) / 2 + i * step), y, h });
      tallest = Math.max(tallest, h);
    });
    y += tallest + (narrow ? 34 : 40);
  }
  return { spots, y, narrow };
}

function curve(a, b, narrow) {
  if (narrow) {
    const x = 12, end = b.y + b.h / 2;
    return [`M${x} ${a.y + a.h} L${x} ${end - 10} Q${x} ${end} ${x + 10} ${end} L${b.x} ${end}`, b.x + 8, b.y - 26];
  }
  const x1 = a.x + WIDTH / 2, y1 = a.y + a.h, x2 = b.x + WIDTH / 2, y2 = b.y, mid = (y1 + y2) / 2;
  return [`M${x1} ${y1} C${x1} ${mid} ${x2} ${mid} ${x2} ${y2}`, (x1 + x2) / 2, mid];
}

function linkOf(name) {
  if (!links.has(name)) {
    const l = { edge: el('path'), flow: el('path'), tag: el('span', { class: 'tag' }) };
    svg.append(l.edge, l.flow);
    picture.append(l.tag);
    links.set(name, l);
  }
  return links.get(name);
}

function drawLink(n, leader, spots, narrow) {
  const l = linkOf(address(n)), [d, x, y] = curve(spots.get(address(leader)), spots.get(address(n)), narrow);
  const up = n.up && n.link_up && leader.up, slow = up && n.lag_bytes > 1 << 20;
  setAttr(l.edge, 'd', d);
  setAttr(l.flow, 'd', d);
  setAttr(l.edge, 'class', up || n.syncing ? 'edge' : 'edge bad');
  setAttr(l.flow, 'class', up ? `flow${slow ? ' warn' : ''}` : 'edge');
  l.flow.style.display = up ? '' : 'none';
  const words = n.syncing ? '▲ whole copy' : !n.up ? '◆ down' : !leader.up ? '◆ leader down' : !n.link_up ? '◆ link down' : n.in_sync === false ? '▲ not in sync' : n.lag_bytes ? `${bytes(n.lag_bytes)} behind` : n.in_sync ? 'in sync' : 'in line';
  setText(l.tag, words);
  place(l.tag, narrow ? x : x - l.tag.offsetWidth / 2, narrow ? y : y - l.tag.offsetHeight / 2);
}

function drawPeers(g, width, from) {
  let x = 0, y = from + 20;
  const names = new Set(['here', ...g.peers.map((p) => p.id)]);
  keep(pills, names, (p) => p.remove());
  for (const [name, peer] of [['here', { host: '', port: 0 }], ...g.peers.map((p) => [p.id, p])]) {
    if (!pills.has(name)) pills.set(name, picture.appendChild(el('span', { class: 'peer' })));
    const p = pills.get(name);
    fillPill(p, peer, name === 'here');
    if (x > 0 && x + p.offsetWidth > width) { x = 0; y += p.offsetHeight + 6; }
    place(p, x, y);
    x += p.offsetWidth + 8;
  }
  return y + 30;
}

const band = picture.appendChild(el('span', { class: 'band' }, ''));

export function draw(g) {
  drawn = g;
  const width = picture.clientWidth, names = new Set(g.nodes.map(address));
  keep(boxes, names, (b) => b.root.remove());
  for (const n of g.nodes) {
    if (!boxes.has(address(n))) boxes.set(address(n), makeBox(address(n)));
    const b = boxes.get(address(n));
    b.root.style.width = `${width < NARROW ? width - (n.role === 'leader' ? 0 : 26) : WIDTH}px`;
    fillBox(b, n);
  }
  const { spots, y, narrow } = layout(width, g.nodes, g.nodes.map((n) => boxes.get(address(n)).root.offsetHeight));
  for (const n of g.nodes) {
    const b = boxes.get(address(n)).root, s = spots.get(address(n));
    place(b, s.x, s.y);
    if (b.classList.contains('fresh')) requestAnimationFrame(() => b.classList.remove('fresh'));
  }
  // In the order in which they stand, for the keyboard; elements only move where it differs.
  const wanted = g.nodes.map((n) => boxes.get(address(n)).root);
  if (wanted.some((b, i) => wanted[i + 1] && !(b.compareDocumentPosition(wanted[i + 1]) & 4)) && !picture.contains(document.activeElement))
    picture.append(...wanted);
  const followers = g.nodes.slice(1);
  keep(links, new Set(followers.map(address)), (l) => { l.edge.remove(); l.flow.remove(); l.tag.remove(); });
  for (const n of followers) drawLink(n, g.nodes[0], spots, narrow);
  setText(band, `${g.sentinels_up} of ${g.sentinels} sentinel${g.sentinels === 1 ? '' : 's'} up, ${g.quorum} to agree`);
  place(band, 0, y - 4);
  picture.style.height = `${drawPeers(g, width, y)}px`;
}

new ResizeObserver(() => { if (drawn) draw(drawn); }).observe(picture);
