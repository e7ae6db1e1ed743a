// An Express application with sessions in the node, and a visitor with cookies who uses it.
const express = require('express');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');
const { equal, until, main } = require('./check');

function application(store) {
  const app = express();
  app.use(session({ store, secret: 'test', resave: false, saveUninitialized: false, cookie: { maxAge: 600000 } }));
  app.get('/login/:name', (request, response) => {
    request.session.regenerate(() => {
      request.session.name = request.params.name;
      request.session.views = 0;
      response.json({ name: request.session.name });
    });
  });
  app.get('/view', (request, response) => {
    if (!request.session.name) return response.status(401).json({ error: 'who are you' });
    request.session.views += 1;
    return response.json({ name: request.session.name, views: request.session.views });
  });
  app.get('/idle', (request, response) => response.json({ name: request.session.name ?? null }));
  app.get('/logout', (request, response) => request.session.destroy(() => response.json({})));
  return app;
}

class Visitor {
  constructor(base) {
    this.base = base;
    this.cookie = '';
  }

  async get(path) {
    const response = await fetch(this.base + path, { headers: { cookie: this.cookie } });
    const set = response.headers.get('set-cookie');
    if (set) this.cookie = set.split(';')[0];
    return response.json();
  }

  get id() {
    return decodeURIComponent(this.cookie.split('=')[1]).slice(2).split('.')[0];
  }
}

async function visits(client, base) {
  const ann = new Visitor(base);
  const bob = new Visitor(base);
  equal('nobody yet', await ann.get('/view'), { error: 'who are you' });
  equal('login', [await ann.get('/login/ann'), await bob.get('/login/bob')], [{ name: 'ann' }, { name: 'bob' }]);
  for (let i = 1; i < 20; i += 1) await ann.get('/view');
  equal('views', [await ann.get('/view'), await bob.get('/view')],
    [{ name: 'ann', views: 20 }, { name: 'bob', views: 1 }]);
  const key = `shop:${ann.id}`;
  equal('what is stored', JSON.parse(await client.get(key)).views, 20);
  await client.expire(key, 100);
  equal('idle', await ann.get('/idle'), { name: 'ann' });
  equal('a visit renews the time', (await client.ttl(key)) > 500, true);
  const old = ann.id;
  await ann.get('/login/ann');
  equal('a new login has a new session', [await client.exists(`shop:${old}`), await client.exists(`shop:${ann.id}`)],
    [0, 1]);
  await ann.get('/logout');
  equal('logout', [await client.exists(`shop:${ann.id}`), await ann.get('/view'), await bob.get('/view')],
    [0, { error: 'who are you' }, { name: 'bob', views: 2 }]);
  await client.pExpire(`shop:${bob.id}`, 50);
  await until('a session runs out', async () => (await client.exists(`shop:${bob.id}`)) === 0);
  equal('and is forgotten', await bob.get('/view'), { error: 'who are you' });
}

async function store(client) {
  const sessions = new RedisStore({ client, prefix: 'many:', scanCount: 10, ttl: 300 });
  const cookie = { originalMaxAge: null };
  await Promise.all(Array.from({ length: 250 }, (_, n) => sessions.set(`s${n}`, { cookie, n })));
  equal('length', await sessions.length(), 250);
  equal('ids', (await sessions.ids()).sort()[0], 's0');
  equal('all', (await sessions.all()).reduce((sum, one) => sum + one.n, 0), (249 * 250) / 2);
  equal('ttl', (await client.ttl('many:s7')) > 200, true);
  await client.expire('many:s7', 100);
  await sessions.touch('s7', { cookie });
  equal('touched', (await client.ttl('many:s7')) > 200, true);
  await sessions.destroy('s7');
  equal('destroyed', [await sessions.get('s7'), await sessions.length()], [null, 249]);
  await sessions.clear();
  equal('cleared', await sessions.length(), 0);
}

main(async () => {
  const client = await createClient({ url: process.env.REDIS_URL }).connect();
  const server = application(new RedisStore({ client, prefix: 'shop:' })).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  await visits(client, `http://127.0.0.1:${server.address().port}`);
  await store(client);
  server.close();
  await client.close();
});
