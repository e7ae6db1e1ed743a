// Limits as applications set them with rate-limiter-flexible, over ioredis (scripts) and node-redis.
const { Redis } = require('ioredis');
const { createClient } = require('redis');
const { BurstyRateLimiter, RateLimiterQueue, RateLimiterRedis, RateLimiterUnion } = require('rate-limiter-flexible');
const { equal, until, main } = require('./check');

// How many of so many calls at once were let through.
async function admitted(limiter, key, calls, points = 1) {
  const ends = await Promise.allSettled(Array.from({ length: calls }, () => limiter.consume(key, points)));
  return ends.filter((end) => end.status === 'fulfilled').length;
}

async function limits(name, options) {
  const limiter = new RateLimiterRedis({ ...options, keyPrefix: `${name}-plain`, points: 5, duration: 60 });
  equal(`${name}: five of twenty at once`, await admitted(limiter, 'ann', 20), 5);
  equal(`${name}: others have their own five`, await admitted(limiter, 'bob', 4), 4);
  const left = await limiter.get('bob');
  equal(`${name}: what is left`, [left.consumedPoints, left.remainingPoints], [4, 1]);
  await limiter.reward('bob', 2);
  await limiter.penalty('bob', 1);
  equal(`${name}: reward and penalty`, (await limiter.get('bob')).consumedPoints, 3);
  const refused = await limiter.consume('ann').catch((why) => why);
  equal(`${name}: when to come again`, refused.msBeforeNext > 1000 && refused.msBeforeNext <= 60000, true);
  equal(`${name}: forgotten`, [await limiter.delete('ann'), await limiter.get('ann')], [true, null]);
  await limiter.set('carol', 100, 60);
  equal(`${name}: set`, await admitted(limiter, 'carol', 1), 0);

  const strict = new RateLimiterRedis({ ...options, keyPrefix: `${name}-block`, points: 2, duration: 1,
    blockDuration: 30 });
  equal(`${name}: two, then blocked`, await admitted(strict, 'dave', 3), 2);
  equal(`${name}: blocked for longer`, (await strict.get('dave')).msBeforeNext > 5000, true);

  const short = new RateLimiterRedis({ ...options, keyPrefix: `${name}-short`, points: 1, duration: 1 });
  await short.consume('eve');
  await until(`${name}: a window ends`, () => short.consume('eve').then(() => true, () => false));
}

main(async () => {
  const ioredis = new Redis(process.env.REDIS_URL);
  const nodeRedis = await createClient({ url: process.env.REDIS_URL }).connect();
  await Promise.all([
    limits('ioredis', { storeClient: ioredis }),
    limits('node-redis', { storeClient: nodeRedis, useRedisPackage: true }),
  ]);

  const both = new RateLimiterUnion(
    new RateLimiterRedis({ storeClient: ioredis, keyPrefix: 'second', points: 2, duration: 60 }),
    new RateLimiterRedis({ storeClient: ioredis, keyPrefix: 'minute', points: 4, duration: 60 }));
  equal('the narrower of two', await admitted(both, 'f', 6), 2);
  const bursty = new BurstyRateLimiter(
    new RateLimiterRedis({ storeClient: ioredis, keyPrefix: 'steady', points: 2, duration: 60 }),
    new RateLimiterRedis({ storeClient: ioredis, keyPrefix: 'burst', points: 3, duration: 60 }));
  equal('a burst on top', await admitted(bursty, 'g', 10), 5);
  const queue = new RateLimiterQueue(
    new RateLimiterRedis({ storeClient: ioredis, keyPrefix: 'queue', points: 2, duration: 1 }));
  equal('a queue lets all through in time',
    (await Promise.all([1, 2, 3, 4, 5].map(() => queue.removeTokens(1, 'h')))).length, 5);
  ioredis.disconnect();
  await nodeRedis.close();
});
