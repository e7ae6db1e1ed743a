// Writes through node-redis (npm "redis") with createSentinel, library defaults. See README.md.
'use strict';
const { createSentinel } = require('redis');

const [sentinels, name, prefix] = process.argv.slice(2);
const client = createSentinel({
  name,
  sentinelRootNodes: sentinels.split(',').map((s) => {
    const [host, port] = s.split(':');
    return { host, port: Number(port) };
  }),
});
client.on('error', (e) => console.log(`err ${e.message}`));

async function main() {
  await client.connect();
  for (let number = 0; ; number += 1) {
    try {
      await client.set(`${prefix}:${number}`, String(number));
      console.log(`ack ${number}`);
    } catch (e) {
      console.log(`err ${e.message}`);
    }
    await new Promise((done) => setTimeout(done, 10));
  }
}
main();
