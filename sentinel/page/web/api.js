// The API of the sentinel that served this page: paths are relative, so a reverse proxy may put a prefix before them.

const KEY = 'holdfast-token';
let token = sessionStorage.getItem(KEY) || '';

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function setToken(value) {
  token = value;
  if (value) sessionStorage.setItem(KEY, value); else sessionStorage.removeItem(KEY);
}
export const hasToken = () => token !== '';

function headers(more) {
  return { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...more };
}

// Who was refused with another token than the one that is shown by now is told so: the answer is old.
async function answer(response, shown) {
  const body = await response.json();
  if (response.ok) return body;
  const old = response.status === 401 && shown !== token;
  throw new Refused(old ? 0 : response.status, body.error?.code || '', body.error?.message || `status ${response.status}`);
}

export async function get(path, timeout = 5000) {
  const shown = token;
  return answer(await fetch(`api/v1/${path}`, { headers: headers(), cache: 'no-store', signal: AbortSignal.timeout(timeout) }), shown);
}

export async function post(path, body, ifMatch) {
  const more = { 'Content-Type': 'application/json', ...(ifMatch ? { 'If-Match': `"${ifMatch}"` } : {}) };
  const shown = token;
  return answer(await fetch(`api/v1/${path}`, { method: 'POST', headers: headers(more), body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(10000) }), shown);
}

// Follows the stream of events for ever; EventSource cannot show a token, so its rules are kept here: it comes back where it
// was. live(true) when it flows, heard(event) for each, live(false) when it has ended.
export async function follow(live, heard) {
  let last = '', wait = 250;
  for (;;) {
    try {
      const response = await fetch('api/v1/events/stream', { headers: headers(last ? { 'Last-Event-ID': last } : {}), cache: 'no-store' });
      if (!response.ok) throw new Refused(response.status, '', '');
      wait = 250;
      live(true);
      for await (const [id, data] of messages(response.body.getReader())) {
        last = id || last;
        heard(JSON.parse(data));
      }
    } catch { /* what is wrong is seen by who polls */ }
    live(false);
    await new Promise((done) => setTimeout(done, wait));
    wait = Math.min(wait * 2, 5000);
  }
}

async function* messages(reader) {
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    let end;
    while ((end = rest.indexOf('\n\n')) >= 0) {
      const lines = rest.slice(0, end).split('\n');
      rest = rest.slice(end + 2);
      const of = (name) => lines.filter((l) => l.startsWith(`${name}: `)).map((l) => l.slice(name.length + 2)).join('\n');
      if (of('data')) yield [of('id'), of('data')];
    }
  }
}
