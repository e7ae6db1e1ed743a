// Steps of a program: each says "ok NAME", the first that fails ends the program with its reason.
const assert = require('node:assert');

function equal(what, got, wanted) {
  assert.deepStrictEqual(got, wanted, `${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
  console.log(`ok ${what}`);
}

// Asks until the answer is true; for what no event tells of.
async function until(what, condition, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`after ${seconds} s still waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.log(`ok ${what}`);
}

function main(steps) {
  steps().then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
  });
}

module.exports = { equal, until, main };
