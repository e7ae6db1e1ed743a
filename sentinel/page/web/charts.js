// Small charts of the last half hour: one for each measure, a line for each node, told apart by colour and by dashes.
import { address, bytes, count, el } from './text.js';

const W = 320, H = 84, TOP = 6;
const MEASURES = [['Throughput', 1, (n) => `${count(n)} ops/s`], ['Memory', 2, bytes], ['Lag behind the leader', 3, bytes]];
const box = document.getElementById('charts'), key = document.getElementById('trend-key');

function path(points, column, from, to, max) {
  return points.map((p, i) => `${i ? 'L' : 'M'}${((p[0] - from) / (to - from || 1) * W).toFixed(1)} ${(TOP + (1 - p[column] / max) * (H - TOP)).toFixed(1)}`).join('');
}

function minutes(ms) {
  return ms < 90e3 ? `${Math.round(ms / 1000)} s ago` : `${Math.round(ms / 60e3)} min ago`;
}

function chart([title, column, unit], trends, from, to) {
  const most = Math.max(0, ...trends.flatMap((t) => t.points.map((p) => p[column]))), max = most || 1;
  const last = trends.map((t) => `${address(t)} ${unit(t.points[t.points.length - 1][column])}`).join(', ');
  const lines = trends.map((t, i) => el('path', { class: `series s${i % 6}`, d: path(t.points, column, from, to, max), 'vector-effect': 'non-scaling-stroke' }));
  return el('div', { class: 'chart' }, el('h3', null, title, el('span', null, `most ${unit(most)}`)),
    el('svg', { viewBox: `0 0 ${W} ${H + 18}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `${title}: last ${last}; at most ${unit(most)} since ${minutes(to - from)}` },
      el('line', { class: 'axis', x1: 0, x2: W, y1: H, y2: H, 'vector-effect': 'non-scaling-stroke' }), ...lines),
    el('div', { class: 'row quiet small ends' }, el('span', null, minutes(to - from)), el('span', null, 'now')));
}

export function clearTrends() {
  box.replaceChildren();
  key.replaceChildren();
}

export function drawTrends(answer) {
  const all = answer.trends.filter((t) => t.points.length > 0).sort((a, b) => a.host.localeCompare(b.host) || a.port - b.port);
  if (!all.length) {
    clearTrends();
    box.replaceChildren(el('p', { class: 'none' }, 'The first points come with the next INFO of the nodes, within ten seconds or so.'));
    return;
  }
  // The right end is now, so that a line whose last point is old ends before it; a clock here that is behind cuts nothing off.
  const from = Math.min(...all.map((t) => t.points[0][0])), to = Math.max(Date.now(), ...all.map((t) => t.points[t.points.length - 1][0]));
  key.replaceChildren(...all.map((t, i) => el('span', null, el('svg', { viewBox: '0 0 30 10', 'aria-hidden': 'true' }, el('path', { class: `series s${i % 6}`, d: 'M0 5H30' })), address(t))));
  box.replaceChildren(...MEASURES.map((m) => chart(m, all, from, to)));
}
