// Two Socket.IO servers that know of each other through the node alone: by pub/sub, then by streams.
const { once } = require('node:events');
const http = require('node:http');
const { createAdapter } = require('@socket.io/redis-adapter');
const { createAdapter: createStreamsAdapter } = require('@socket.io/redis-streams-adapter');
const { Redis } = require('ioredis');
const { Server } = require('socket.io');
const { io } = require('socket.io-client');
const { equal, until, main } = require('../check');

async function serve(adapter) {
  const server = http.createServer();
  const sockets = new Server(server, { adapter });
  sockets.on('connection', (socket) => {
    socket.on('join', async (room, done) => { await socket.join(room); done(); });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { sockets, url: `http://127.0.0.1:${server.address().port}` };
}

async function meet(name, adapters) {
  const [here, there] = [await serve(adapters[0]), await serve(adapters[1])];
  const ann = io(here.url, { transports: ['websocket'] }), bob = io(there.url, { transports: ['websocket'] });
  await Promise.all([once(ann, 'connect'), once(bob, 'connect')]);
  await until(`${name}: the servers know each other`, async () => (await here.sockets.fetchSockets()).length === 2);

  const [toAnn, toBob] = [once(ann, 'news'), once(bob, 'news')];
  here.sockets.emit('news', 1, Buffer.from([0, 255, 13, 10]));
  equal(`${name}: to all`, [(await toAnn)[0], (await toBob)[0]], [1, 1]);
  equal(`${name}: bytes`, [...(await toBob)[1]], [0, 255, 13, 10]);

  await bob.emitWithAck('join', 'room');
  const inRoom = once(bob, 'room');
  ann.once('room', () => { throw new Error('ann is not in the room'); });
  here.sockets.to('room').emit('room', { x: 'y' });
  equal(`${name}: to a room`, (await inRoom)[0], { x: 'y' });

  bob.on('ask', (answer) => answer('bob'));
  equal(`${name}: asked across`, await here.sockets.to('room').timeout(5000).emitWithAck('ask'), ['bob']);
  const asked = once(there.sockets, 'who');
  here.sockets.serverSideEmit('who', 'here');
  equal(`${name}: server to server`, await asked, ['here']);
  const gone = once(bob, 'disconnect');
  here.sockets.in('room').disconnectSockets(true);
  await gone;
  console.log(`ok ${name}: sent away`);
  ann.disconnect();
  await Promise.all([here.sockets.close(), there.sockets.close()]);
}

main(async () => {
  const clients = Array.from({ length: 6 }, () => new Redis(process.env.REDIS_URL));
  await meet('pub/sub', [createAdapter(clients[0], clients[1], { key: 'plain' }),
    createAdapter(clients[2], clients[3], { key: 'plain' })]);
  await meet('streams', [createStreamsAdapter(clients[4], { blockTimeInMs: 200 }),
    createStreamsAdapter(clients[5], { blockTimeInMs: 200 })]);
  clients.forEach((client) => client.disconnect());
});
