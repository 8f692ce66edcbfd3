// Real gun.js over a radata folder.
// `write DIRECTORY COUNT`: puts nodes through the chain and waits for their acks.
// `read DIRECTORY`: takes pairs of soul and key as JSON lines, answers each with what its storage has there.
// `once DIRECTORY`: takes souls as JSON lines, answers each with the node that the chain gives.
const Gun = require('gun/gun');
require('gun/lib/store');
const rfs = require('gun/lib/rfs');
const Radisk = require('gun/lib/radisk');
const { createInterface } = require('node:readline');

const [word, file, count] = process.argv.slice(2);
const esc = String.fromCharCode(27);
const say = (answer) => process.stdout.write(`${JSON.stringify(answer ?? null)}\n`);
const lines = (each) => {
  let left = Promise.resolve();
  createInterface({ input: process.stdin })
    .on('line', (line) => { left = left.then(() => each(JSON.parse(line))).then(say); })
    .on('close', () => left.then(() => process.stdout.write('\n', () => process.exit(0))));
};

if (word === 'write') void write(Gun({ file, radisk: true, localStorage: false }));
if (word === 'once') {
  const gun = Gun({ file, radisk: true, localStorage: false });
  lines((soul) => new Promise((resolve) => { gun.get(soul).once(resolve); }));
}
if (word === 'read') {
  const rad = Radisk({ file, store: rfs({ file }) });
  lines(([soul, key]) => new Promise((resolve) => { rad(soul + esc + key, (err, data) => resolve(err ? { err } : data)); }));
}

async function write(gun) {
  for (let first = 0; first < Number(count); first += 500) {
    await Promise.all(Array.from({ length: Math.min(500, Number(count) - first) }, (_, i) => new Promise((resolve, reject) => {
      const at = first + i;
      gun.get(`node/${at}`).put({ name: `name ${at}`, count: at, flag: at % 2 === 0, none: null, next: gun.get(`node/${at + 1}`) }, ({ err }) => (err ? reject(new Error(err)) : resolve()));
    })));
  }
  setTimeout(() => process.exit(0), 1_500); // what is still to be flushed
}
