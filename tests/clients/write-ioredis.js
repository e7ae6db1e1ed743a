// Writes through ioredis with sentinels, library defaults. See README.md.
// The fourth argument names the installed package: ioredis (6, RESP3) or ioredis5 (RESP2).
'use strict';
const fs = require('fs');
const [sentinels, name, prefix, library = 'ioredis'] = process.argv.slice(2);
const { Redis } = require(library);

const { TLS_CA, TLS_CERT, TLS_KEY } = process.env;
const tls = TLS_CA && { ca: fs.readFileSync(TLS_CA), cert: fs.readFileSync(TLS_CERT), key: fs.readFileSync(TLS_KEY) };

const redis = new Redis({
  sentinels: sentinels.split(',').map((s) => {
    const [host, port] = s.split(':');
    return { host, port: Number(port) };
  }),
  name,
  ...(tls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
});
redis.on('error', (e) => console.log(`err ${e.message}`));

async function main() {
  for (let number = 0; ; number += 1) {
    try {
      await redis.set(`${prefix}:${number}`, String(number));
      console.log(`ack ${number}`);
    } catch (e) {
      console.log(`err ${e.message}`);
    }
    await new Promise((done) => setTimeout(done, 10));
  }
}
main();
