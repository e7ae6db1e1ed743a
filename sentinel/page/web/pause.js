// No failover by itself while somebody works on the machines: asked for, for how long, and its end.
import { post } from './api.js';
import { lasting, setText } from './text.js';

const by = (id) => document.getElementById(id);
const box = by('pause-box');
let group = null, changed = () => {};

export function onPause(fn) {
  changed = fn;
}

export function pauseWords(g) {
  return g.pause_left_ms === undefined ? 'until it is resumed' : `for another ${lasting(g.pause_left_ms)}`;
}

export function drawPause(g, access) {
  group = g;
  by('pause').disabled = !access.may_order;
  setText(by('pause'), g.paused ? 'Resume failovers' : 'Pause …');
}

async function order(path) {
  try {
    await post(`groups/${encodeURIComponent(group.name)}/${path}`);
    box.close();
    changed();
  } catch (e) {
    setText(by('pause-wrong'), e.message);
    if (!box.open) box.showModal();
  }
}

function open() {
  setText(by('pause-wrong'), '');
  setText(by('pause-text'), `Every sentinel of ${group.name} is told. Until the end nobody takes over if the leader is lost${group.durable ? ', and a leader that dies stays dead' : ''}; a switchover by hand is possible.`);
  box.showModal();
}

by('pause').addEventListener('click', () => { if (group.paused) order('resume'); else open(); });
by('pause-go').addEventListener('click', () => {
  const seconds = box.querySelector('input[name=for]:checked').value;
  order(seconds ? `pause?seconds=${seconds}` : 'pause');
});
by('pause-cancel').addEventListener('click', () => box.close());
box.addEventListener('close', () => by('pause').focus());
