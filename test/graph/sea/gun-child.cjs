/* gun.js and its SEA in a process of their own, asked line by line: {id, op, args} gives {id, result}. */
const reply = process.stdout.write.bind(process.stdout);
console.log = console.warn = console.info = () => {};
if (process.argv[2] === 'sorted') {
  globalThis.setTimeout.turn = setImmediate;
  require('gun/lib/yson');
}
const Gun = require('gun/gun');
const SEA = require('gun/sea');

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const called = (run) => new Promise((resolve) => run(resolve));
const WebSocket = require(require.resolve('ws', { paths: [require.resolve('gun')] }));
const gun = Gun({ peers: process.argv.slice(3), localStorage: false, radisk: false, multicast: false, axe: false, WebSocket });

let signed;

const operations = {
  pair: () => SEA.pair(),
  use: async (pair) => {
    await called((cb) => gun.user().auth(pair, cb));
    return gun.user().is.pub;
  },
  sign: (data, pair) => SEA.sign(data, pair),
  verify: (data, pub) => SEA.verify(data, pub),
  encrypt: (data, key) => SEA.encrypt(data, key),
  decrypt: (data, key) => SEA.decrypt(data, key),
  secret: (theirs, pair) => SEA.secret(theirs, pair),
  work: (data, salt, options) => SEA.work(data, salt, null, options),
  certify: (who, policy, pair, options) => SEA.certify(who, policy, pair, null, options),
  field: (soul, key, text, state, pub) =>
    new Promise((resolve) => SEA.opt.pack({ '#': soul, '.': key, ':': text, '>': state }, async (packed) => resolve(SEA.opt.unpack(await SEA.verify(packed, pub))))),
  signMany: async (count, pair) => {
    await Promise.all(Array.from({ length: count }, (_, at) => SEA.sign({ '#': `~${pair.pub}/n${at}`, '.': 'k', ':': `value ${at}`, '>': at }, pair)));
  },
  verifyMany: async (count, pair) => {
    signed ??= await Promise.all(Array.from({ length: count }, (_, at) => SEA.sign({ '#': `~${pair.pub}/n${at}`, '.': 'k', ':': `value ${at}`, '>': at }, pair)));
    await Promise.all(signed.map((text) => SEA.verify(text, pair.pub)));
  },
  create: async (alias, password) => {
    const { ok, pub, err } = await called((cb) => gun.user().create(alias, password, cb));
    return { ok, pub, err };
  },
  auth: async (alias, password) => {
    const ack = await called((cb) => gun.user().auth(alias, password, cb));
    return { err: ack.err, is: gun.user().is };
  },
  leave: () => void gun.user().leave(),
  /** Below whoever is logged in, or below a soul. */
  write: async (soul, path, value, options) => {
    let at = soul ? gun.get(soul) : gun.user();
    for (const key of path) at = at.get(key);
    const ack = await Promise.race([called((cb) => at.put(value, cb, options)), wait(2000).then(() => ({ err: 'no answer' }))]);
    return { err: ack.err };
  },
  read: async (path) => {
    let at = gun;
    for (const key of path) at = at.get(key);
    return Promise.race([called((cb) => at.once((data) => cb(data))), wait(3000).then(() => undefined)]);
  },
};

require('node:readline').createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, op, args } = JSON.parse(line);
  const result = await Promise.resolve(operations[op](...args)).catch((error) => ({ thrown: String(error) }));
  reply(`${JSON.stringify({ id, result })}\n`);
}).on('close', () => process.exit(0));
