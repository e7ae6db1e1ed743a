// Queues as BullMQ users have them, over ioredis: every step checks what came of it.
const { Queue, Worker, QueueEvents, FlowProducer, UnrecoverableError } = require('bullmq');
const { Redis } = require('ioredis');
const { equal, until, main } = require('./check');

const url = new URL(process.env.REDIS_URL);
const connection = { host: url.hostname, port: Number(url.port) };

// A queue with its events and, where work is given, a worker of its own.
async function open(name, work, options = {}) {
  const queue = new Queue(name, { connection });
  const events = new QueueEvents(name, { connection });
  await events.waitUntilReady();
  const worker = work && new Worker(name, work, { connection, ...options });
  worker?.on('error', (error) => console.error(`worker of ${name}: ${error}`));
  const close = async () => {
    await worker?.close();
    await events.close();
    await queue.close();
  };
  return { queue, events, worker, close };
}

async function results() {
  // Every answer awaited listens for the queue to close.
  const q = await open('plain', async (job) => {
    await job.updateProgress(50);
    await job.log(`doubling ${job.data.n}`);
    return job.data.n * 2;
  }, { concurrency: 5 });
  q.queue.setMaxListeners(200);
  q.events.setMaxListeners(200);
  const progress = new Set();
  q.events.on('progress', ({ jobId }) => progress.add(jobId));
  const jobs = await q.queue.addBulk(Array.from({ length: 100 }, (_, n) => ({ name: 'double', data: { n } })));
  const got = await Promise.all(jobs.map((job) => job.waitUntilFinished(q.events, 20000)));
  equal('results', got, jobs.map((_, n) => 2 * n));
  equal('counts', await q.queue.getJobCounts('completed', 'failed', 'wait', 'active', 'delayed'),
    { completed: 100, failed: 0, wait: 0, active: 0, delayed: 0 });
  equal('logs', (await q.queue.getJobLogs(jobs[7].id)).logs, ['doubling 7']);
  await until('progress of all', () => progress.size === 100);
  const once = await q.queue.add('double', { n: 21 }, { jobId: 'only-once' });
  await once.waitUntilFinished(q.events, 20000);
  const again = await q.queue.add('double', { n: 22 }, { jobId: 'only-once' });
  equal('an id is used once', [again.id, await q.queue.getCompletedCount()], ['only-once', 101]);
  equal('jobs cleaned', (await q.queue.clean(0, 1000, 'completed')).length, 101);
  await q.close();
}

async function delays() {
  const q = await open('delayed', async (job) => Date.now() - job.timestamp);
  const slow = await q.queue.add('slow', {}, { delay: 800 });
  const far = await q.queue.add('far', {}, { delay: 3600000 });
  equal('delayed states', [await slow.getState(), await far.getState()], ['delayed', 'delayed']);
  const waited = await slow.waitUntilFinished(q.events, 20000);
  equal('not before its time', waited >= 790, true);
  await far.promote();
  await far.waitUntilFinished(q.events, 20000);
  equal('promoted', await far.getState(), 'completed');
  await q.close();
}

async function schedulers() {
  let runs = 0;
  const q = await open('repeated', async () => { runs += 1; });
  await q.queue.upsertJobScheduler('tick', { every: 200 }, { name: 'tick', data: { n: 1 } });
  await q.queue.upsertJobScheduler('nightly', { pattern: '0 0 3 * * *', tz: 'UTC' }, { name: 'night' });
  await until('a scheduler runs four times', () => runs >= 4);
  const listed = await q.queue.getJobSchedulers();
  equal('schedulers', listed.map((s) => s.key).sort(), ['nightly', 'tick']);
  const night = listed.find((s) => s.key === 'nightly');
  equal('the next night', new Date(night.next).toISOString().slice(11), '03:00:00.000Z');
  equal('scheduler removed', await q.queue.removeJobScheduler('tick'), true);
  equal('one left', await q.queue.getJobSchedulersCount(), 1);
  await q.close();
}

async function flows() {
  const order = [];
  const work = async (job) => {
    order.push(job.name);
    if (job.name.startsWith('leaf')) return job.data.n;
    const values = Object.values(await job.getChildrenValues());
    return values.reduce((a, b) => a + b, 0);
  };
  const parents = await open('parents', work);
  const children = await open('children', work, { concurrency: 3 });
  const producer = new FlowProducer({ connection });
  const leaf = (n) => ({ name: `leaf${n}`, queueName: 'children', data: { n } });
  const flow = await producer.add({
    name: 'root', queueName: 'parents', children: [leaf(1), leaf(2),
      { name: 'middle', queueName: 'parents', children: [leaf(30), leaf(40)] }],
  });
  equal('a sum over two floors', await flow.job.waitUntilFinished(parents.events, 20000), 73);
  equal('parents come after children', [order.indexOf('root'), order.indexOf('middle') > order.indexOf('leaf40')],
    [5, true]);
  const tree = await producer.getFlow({ id: flow.job.id, queueName: 'parents' });
  equal('the tree', tree.children.map((c) => c.job.name).sort(), ['leaf1', 'leaf2', 'middle']);
  await producer.close();
  await parents.close();
  await children.close();
}

async function limits() {
  const began = [];
  const q = await open('limited', async () => { began.push(Date.now()); },
    { concurrency: 10, limiter: { max: 3, duration: 400 } });
  const jobs = await q.queue.addBulk(Array.from({ length: 9 }, (_, n) => ({ name: 'j', data: { n } })));
  await Promise.all(jobs.map((job) => job.waitUntilFinished(q.events, 20000)));
  // Nine at three in each 400 ms: the fourth and the seventh had to wait for a new window.
  equal('rate limit', began.length === 9 && began[8] - began[0] >= 700, true);
  await q.close();
}

async function failures() {
  const q = await open('failing', async (job) => {
    if (job.name === 'hopeless') throw new UnrecoverableError('no hope');
    if (job.attemptsMade < 2) throw new Error(`try ${job.attemptsMade} fails`);
    return job.attemptsMade;
  });
  const stumble = await q.queue.add('stumble', {}, { attempts: 5, backoff: { type: 'exponential', delay: 50 } });
  equal('third time lucky', await stumble.waitUntilFinished(q.events, 20000), 2);
  const hopeless = await q.queue.add('hopeless', {}, { attempts: 5 });
  const reason = await hopeless.waitUntilFinished(q.events, 20000).catch((error) => error.message);
  equal('a failure', reason, 'no hope');
  const failed = await q.queue.getFailed();
  equal('among the failed', failed.map((j) => [j.name, j.attemptsMade, j.failedReason]), [['hopeless', 1, 'no hope']]);
  await q.close();
}

async function priorities() {
  const order = [];
  const q = await open('ranked');
  await q.queue.pause();
  equal('paused', await q.queue.isPaused(), true);
  const jobs = [];
  for (const [name, priority] of [['c', 30], ['a', 1], ['b2', 20], ['none', undefined], ['b1', 10]]) {
    jobs.push(await q.queue.add(name, {}, { priority }));
  }
  equal('prioritized', await q.queue.getPrioritizedCount(), 4);
  await jobs[0].changePriority({ priority: 5 });
  await q.queue.resume();
  const worker = new Worker('ranked', async (job) => { order.push(job.name); }, { connection });
  await Promise.all(jobs.map((job) => job.waitUntilFinished(q.events, 20000)));
  equal('in order', order, ['none', 'a', 'c', 'b1', 'b2']);
  await worker.close();
  await q.queue.obliterate({ force: true });
  equal('obliterated', Object.values(await q.queue.getJobCounts()).every((n) => n === 0), true);
  await q.close();
}

// A worker that dies loses its lock, and another takes the job over.
async function stalls() {
  const queue = new Queue('stalled', { connection });
  const dead = new Worker('stalled', null, { connection });
  await dead.waitUntilReady();
  await queue.add('orphan', {});
  const taken = await dead.getNextJob('token-of-the-dead', { block: false });
  equal('taken by one that dies', [taken.name, await taken.getState()], ['orphan', 'active']);
  const redis = new Redis(connection);
  await redis.del(`bull:stalled:${taken.id}:lock`); // as if its time were over
  redis.disconnect();
  const q = await open('stalled', async (job) => `${job.name} done`, { stalledInterval: 200 });
  equal('taken over', await taken.waitUntilFinished(q.events, 20000), 'orphan done');
  await dead.close(true);
  await queue.close();
  await q.close();
}

main(async () => {
  await Promise.all([results(), delays(), schedulers(), flows()]);
  await Promise.all([limits(), failures(), priorities(), stalls()]);
});
