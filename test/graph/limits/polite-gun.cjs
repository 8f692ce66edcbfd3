/** A program of a web developer: gun.js from the registry, one put and one read at a time, told by its parent to stop. */
const Gun = require('gun/gun');

const [url, prefix] = process.argv.slice(2);
const gun = Gun({ peers: [url], WebSocket: globalThis.WebSocket, localStorage: false });
const pauseMs = 25;
const patienceMs = 15_000;
const souls = 50;
const counts = { puts: 0, acked: 0, reads: 0, answered: 0 };
const acked = new Map();
const tookMs = [];
const unacked = [];
let running = true;

const pause = () => new Promise((resolve) => setTimeout(resolve, pauseMs));
/** What the call gives to its callback, or nothing when it takes too long. */
const within = (call) => new Promise((resolve) => {
  setTimeout(resolve, patienceMs);
  call(resolve);
});

async function put(n) {
  const soul = `${prefix}${n % souls}`;
  const startedMs = performance.now();
  counts.puts += 1;
  const ack = await within((done) => gun.get(soul).put({ n }, done));
  if (ack === undefined || ack.err) return void unacked.push(n);
  counts.acked += 1;
  tookMs.push(performance.now() - startedMs);
  acked.set(soul, n);
}

async function read(n) {
  counts.reads += 1;
  const chain = gun.get(`known/${n % 200}`);
  const found = await within((done) => chain.once(done, { wait: 1 }));
  // What it has it does not ask for again.
  chain.off();
  if (found?.n === n % 200) counts.answered += 1;
}

async function run() {
  for (let n = 0; running; n++) {
    await put(n);
    await read(n);
    await pause();
  }
  process.send({ counts, acked: [...acked], tookMs, unacked }, () => process.exit());
}

process.on('message', () => { running = false; });
process.on('disconnect', () => process.exit());
process.send('ready');
run();
