// Locks, semaphores, schedulers and caches of several libraries, all of them scripts or SET with options.
const Bottleneck = require('bottleneck');
const { default: KeyvRedis } = require('@keyv/redis');
const { Keyv } = require('keyv');
const { Redis } = require('ioredis');
const Redlock = require('redlock');
const { Mutex, MultiSemaphore, Semaphore } = require('redis-semaphore');
const { equal, until, main } = require('../check');

// The most that were inside at once.
async function crowd(size, enter) {
  let inside = 0, most = 0;
  await Promise.all(Array.from({ length: size }, () => enter(async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 20));
    inside--;
  })));
  return most;
}

async function redlock(client) {
  const locks = new Redlock([client], { retryCount: 200, retryDelay: 20, retryJitter: 10 });
  const lock = await locks.lock('lock:a', 10000);
  const impatient = new Redlock([client], { retryCount: 0 });
  equal('redlock: taken', await impatient.lock('lock:a', 1000).catch((why) => why.name), 'LockError');
  const longer = await lock.extend(20000);
  equal('redlock: longer', (await client.pttl('lock:a')) > 15000, true);
  await longer.unlock();
  equal('redlock: free', await client.exists('lock:a'), 0);
  equal('redlock: one at a time', await crowd(8, async (work) => {
    const held = await locks.lock(['lock:a', 'lock:b'], 5000);
    await work();
    await held.unlock();
  }), 1);
}

async function semaphores(client) {
  const within = (make) => async (work) => {
    const door = make();
    await door.acquire();
    await work();
    await door.release();
  };
  const options = { lockTimeout: 5000, acquireTimeout: 20000, retryInterval: 5 };
  equal('mutex', await crowd(8, within(() => new Mutex(client, 'm', options))), 1);
  equal('semaphore', await crowd(12, within(() => new Semaphore(client, 's', 3, options))), 3);
  equal('two of five', await crowd(8, within(() => new MultiSemaphore(client, 'ms', 5, 2, options))), 2);
}

async function bottleneck(client) {
  const limiter = new Bottleneck({ id: 'b', datastore: 'ioredis', clearDatastore: true, Redis,
    clientOptions: { host: client.options.host, port: client.options.port },
    maxConcurrent: 2, minTime: 5, reservoir: 30 });
  await limiter.ready();
  equal('bottleneck: at most two at once', (await crowd(10, (work) => limiter.schedule(work))) <= 2, true);
  equal('bottleneck: reservoir', await limiter.currentReservoir(), 20);
  equal('bottleneck: more', await limiter.incrementReservoir(5), 25);
  await limiter.disconnect();
}

async function keyv() {
  const store = new KeyvRedis(process.env.REDIS_URL);
  const cache = new Keyv(store, { namespace: 'cache' });
  await cache.set('a', { x: [1, 2] });
  await cache.set('short', 1, 100);
  equal('keyv: get', [await cache.get('a'), await cache.get('no')], [{ x: [1, 2] }, undefined]);
  equal('keyv: many', await cache.getMany(['a', 'no']), [{ x: [1, 2] }, undefined]);
  await until('keyv: expired', async () => (await cache.get('short')) === undefined);
  for (let i = 0; i < 300; i++) await cache.set(`n${i}`, i);
  let seen = 0;
  for await (const pair of cache.iterator()) seen += pair.length === 2;
  equal('keyv: all of them', seen, 301);
  await cache.clear();
  equal('keyv: cleared', await cache.get('a'), undefined);
  await cache.disconnect();
}

main(async () => {
  const client = new Redis(process.env.REDIS_URL);
  await redlock(client);
  await semaphores(client);
  await bottleneck(client);
  await keyv();
  client.disconnect();
});
