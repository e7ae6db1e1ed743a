// The last failovers, one row each: who, when, how it ended, and what each phase took, as a bar and in words.
import { address, duration, el, mark, moment } from './text.js';
import { OUTCOMES } from './state.js';

const PHASES = {
  agreement: 'enough sentinels say so', turn: 'the best placed sentinel begins', election: 'it gets the votes', choice: 'a follower is found',
  promotion: 'that one takes over', repointing: 'the others follow it', elsewhere: 'another sentinel at work',
};
const list = document.getElementById('line'), legend = document.getElementById('legend');

function segment(p, total) {
  const s = el('span', { class: `ph-${p.phase}${p.duration_ms === null ? ' run' : ''}` });
  s.style.flexGrow = p.duration_ms === null ? total / 4 || 1 : Math.max(p.duration_ms, total / 200);
  return s;
}

function words(f) {
  const parts = f.phases.map((p) => el('span', null, `${p.phase} ${duration(p.duration_ms)}`));
  if (f.silent_before_ms > 0) parts.unshift(el('span', null, `silent ${duration(f.silent_before_ms)} before`));
  return parts;
}

function row(f) {
  const [state, word] = OUTCOMES[f.outcome] || ['unknown', f.outcome];
  const total = f.ended_after_ms || f.phases.reduce((sum, p) => sum + (p.duration_ms || 0), 0);
  const took = f.promoted_after_ms !== undefined ? `new leader after ${duration(f.promoted_after_ms)}` : f.ended_after_ms !== undefined ? `over after ${duration(f.ended_after_ms)}` : '';
  return el('li', { 'data-outcome': f.outcome },
    el('div', { class: 'title' }, el('time', { datetime: f.time }, moment(f.time_ms)), el('span', null, mark(state), word),
      el('b', null, `${address(f.from)} → ${address(f.to)}`),
      el('span', { class: 'quiet' }, [f.planned ? 'planned' : 'unplanned', f.led_here ? 'led here' : 'led by another sentinel', f.attempts > 1 ? `${f.attempts} attempts` : ''].filter(Boolean).join(', ')),
      el('span', { class: 'took' }, took)),
    el('div', { class: 'bar', 'aria-hidden': 'true' }, f.phases.map((p) => segment(p, total))),
    el('div', { class: 'phases' }, words(f)));
}

export function drawFailovers(failovers) {
  const text = JSON.stringify(failovers);
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  if (!legend.childElementCount)
    legend.append(...Object.entries(PHASES).map(([p, what]) => el('span', null, el('i', { class: `ph-${p}` }), el('b', null, p), ` ${what}`)));
  legend.hidden = !failovers.length;
  list.replaceChildren(...failovers.map(row));
  if (!failovers.length) list.replaceChildren(el('li', { class: 'none' }, 'None on record. They are kept across restarts of this sentinel.'));
}
