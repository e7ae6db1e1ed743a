// Queues that are older than BullMQ, each with its own scripts: Bull, Bee-Queue, and node-resque with
// the keys of Resque.
const { once } = require('node:events');
const Bull = require('bull');
const BeeQueue = require('bee-queue');
const { Plugins, Queue: ResqueQueue, Scheduler, Worker } = require('node-resque');
const { Redis } = require('ioredis');
const { equal, until, main } = require('../check');

const url = new URL(process.env.REDIS_URL);
const redis = { host: url.hostname, port: Number(url.port) };

async function bull() {
  const queue = new Bull('bull', { redis, settings: { backoffStrategies: {}, guardInterval: 200 } });
  const order = [];
  await queue.pause();
  for (const [name, priority] of [['late', 3], ['soon', 2], ['first', 1]])
    await queue.add({ name }, { priority });
  equal('bull: waiting', (await queue.getJobCounts()).paused, 3);
  queue.process(async (job) => {
    order.push(job.data.name);
    if (job.data.name === 'fails' && job.attemptsMade < 2) throw new Error('not yet');
    await job.progress(50);
    return job.data.name.length;
  });
  await queue.resume();
  await until('bull: done', async () => (await queue.getCompletedCount()) === 3);
  equal('bull: by priority', order, ['first', 'soon', 'late']);

  const failing = await queue.add({ name: 'fails' }, { attempts: 3, backoff: 50 });
  equal('bull: retried', [await failing.finished(), order.filter((name) => name === 'fails').length], [5, 3]);
  const delayed = await queue.add({ name: 'delayed' }, { delay: 300 });
  equal('bull: delayed', await delayed.getState(), 'delayed');
  equal('bull: in its time', await delayed.finished(), 7);
  equal('bull: progress', (await queue.getJob(delayed.id)).progress(), 50);
  await queue.add({ name: 'again' }, { repeat: { every: 150, limit: 2 } });
  await until('bull: repeated', () => order.filter((name) => name === 'again').length === 2);
  await queue.add({ name: 'bad' }, { jobId: 'mine', delay: 60000 });
  await queue.add({ name: 'bad' }, { jobId: 'mine', delay: 60000 });
  equal('bull: one of two with one id', await queue.getDelayedCount(), 1);
  await queue.obliterate({ force: true });
  equal('bull: nothing is left', await queue.client.keys('bull:bull:*').then((keys) => keys.filter((key) => !key.endsWith(':stalled-check'))), []);
  await queue.close();
}

async function bee() {
  const options = { redis, activateDelayedJobs: true, removeOnSuccess: false };
  const queue = new BeeQueue('bee', options);
  queue.process(async (job) => {
    if (job.data.fail && job.options.retries > 0) throw new Error('again');
    job.reportProgress({ half: true });
    return job.data.x + 1;
  });
  const job = queue.createJob({ x: 2 });
  const progress = once(job, 'progress'), result = once(job, 'succeeded');
  await job.save();
  equal('bee: result', (await result)[0], 3);
  equal('bee: progress', (await progress)[0], { half: true });
  const jobs = Array.from({ length: 200 }, (_, x) => queue.createJob({ x }));
  equal('bee: in bulk', (await queue.saveAll(jobs)).size, 0);
  await until('bee: all of them', async () => (await queue.checkHealth()).succeeded === 201);
  const retried = queue.createJob({ x: 1, fail: true }).retries(2).backoff('fixed', 50);
  const again = once(retried, 'succeeded');
  await retried.save();
  equal('bee: retried', (await again)[0], 2);
  const later = queue.createJob({ x: 5 }).delayUntil(Date.now() + 300);
  const came = once(later, 'succeeded');
  await later.save();
  equal('bee: delayed', (await queue.getJobs('delayed', { start: 0, end: 10 })).length, 1);
  equal('bee: in its time', (await came)[0], 6);
  await queue.destroy();
  await queue.close();
}

async function resque() {
  const connection = { redis: new Redis(redis), namespace: 'resque' };
  const done = [];
  const jobs = {
    add: {
      plugins: [Plugins.JobLock, Plugins.Retry],
      pluginOptions: { JobLock: { reEnqueue: true }, Retry: { retryLimit: 2, retryDelay: 5 } },
      perform: async (a, b) => { done.push(a + b); return a + b; },
    },
    fail: { perform: async () => { throw new Error('no'); } },
  };
  const queue = new ResqueQueue({ connection }, jobs);
  const worker = new Worker({ connection, queues: ['math', '*'], timeout: 20 }, jobs);
  const scheduler = new Scheduler({ connection, timeout: 50 }, jobs);
  await queue.connect();
  await worker.connect();
  await scheduler.connect();
  await queue.enqueue('math', 'add', [1, 2]);
  await queue.enqueueIn(400, 'math', 'add', [10, 20]);
  equal('resque: queues', [await queue.queues(), await queue.length('math')], [['math'], 1]);
  equal('resque: scheduled', (await queue.scheduledAt('math', 'add', [10, 20])).length, 1);
  await queue.enqueue('math', 'fail', []);
  scheduler.start();
  worker.start();
  await until('resque: both', () => done.includes(3) && done.includes(30));
  await until('resque: failed', async () => (await queue.failedCount()) === 1);
  const [failure] = await queue.failed(0, 0);
  equal('resque: how', [failure.payload.class, failure.error], ['fail', 'no']);
  await queue.retryAndRemoveFailed(failure);
  await until('resque: failed again', async () => (await queue.failedCount()) === 1);
  equal('resque: workers', Object.keys(await queue.workers()).length, 1);
  equal('resque: leader', (await queue.leader()) === scheduler.options.name, true);
  await scheduler.end();
  await worker.end();
  await queue.end();
}

main(async () => {
  await bull();
  await bee();
  await resque();
});
