// Words and numbers as people read them, and elements with text in them; nothing is ever parsed as HTML.

export function el(tag, attrs, ...children) {
  const e = tag === 'svg' || SVG.has(tag) ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attrs || {}))
    if (value !== null && value !== undefined && value !== false) e.setAttribute(name, value === true ? '' : value);
  for (const c of children.flat()) if (c !== null && c !== undefined) e.append(c);
  return e;
}
const SVG = new Set(['svg', 'path', 'line', 'text', 'circle', 'title', 'g']);

export function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

export function setAttr(e, name, value) {
  if (e.getAttribute(name) !== value) e.setAttribute(name, value);
}

export function address(a) {
  return a ? (a.host.includes(':') ? `[${a.host}]:${a.port}` : `${a.host}:${a.port}`) : 'nobody';
}

// As the API spells a node in a path.
export function nodePath(a) {
  return encodeURIComponent(`${a.host}:${a.port}`);
}

function scaled(n, units, base) {
  let i = 0;
  while (Math.abs(n) >= base && i < units.length - 1) { n /= base; i++; }
  return `${i && Math.abs(n) < 100 ? n.toFixed(1) : Math.round(n)}${units[i]}`;
}
export const bytes = (n) => scaled(n, [' B', ' kB', ' MB', ' GB', ' TB'], 1024);
export const count = (n) => scaled(n, ['', ' k', ' M', ' G'], 1000);

export function duration(ms) {
  if (ms === null || ms === undefined) return '…';
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60e3) return `${(ms / 1000).toFixed(ms < 10e3 ? 1 : 0)} s`;
  if (ms < 3600e3) return `${Math.floor(ms / 60e3)} min ${Math.round(ms % 60e3 / 1000)} s`;
  if (ms < 86400e3) return `${Math.floor(ms / 3600e3)} h ${Math.round(ms % 3600e3 / 60e3)} min`;
  return `${Math.floor(ms / 86400e3)} d ${Math.round(ms % 86400e3 / 3600e3)} h`;
}

// How long something has lasted: whole seconds, since what is read while it changes must not flicker.
export function lasting(ms) {
  return ms < 60e3 ? `${Math.floor(ms / 1000)} s` : duration(Math.floor(ms / 1000) * 1000);
}

export function ago(ms) {
  if (ms === null || ms === undefined) return 'never';
  return ms < 1500 ? 'just now' : `${lasting(ms)} ago`;
}

export function moment(ms) {
  const d = new Date(ms), today = new Date().toDateString() === d.toDateString();
  const time = d.toLocaleTimeString(undefined, { hour12: false });
  return today ? time : `${d.toLocaleDateString(undefined, { year: 'numeric', month: 'short', day: 'numeric' })} ${time}`;
}

export const MARK = { ok: '●', warn: '▲', bad: '◆', unknown: '○' };

export function mark(state) {
  return el('span', { class: state, 'aria-hidden': 'true' }, MARK[state] + ' ');
}

export function cell(text, cls) {
  return el('td', cls ? { class: cls } : null, text);
}

export function heads(...names) {
  return el('thead', null, el('tr', null, names.map((n) => {
    const num = n.startsWith('#');
    return el('th', { scope: 'col', class: num ? 'num' : null }, num ? n.slice(1) : n);
  })));
}
