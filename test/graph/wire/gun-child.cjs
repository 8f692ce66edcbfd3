// The inside of `gun-process.ts`. A relay is `require('gun')` as an operator would start it, a client the browser file with `ws`.
const options = JSON.parse(process.env.GUN_OPTIONS);
const http = require('node:http');

const relay = options.listen === true;
const Gun = relay ? require('gun') : require('gun/gun.js');
if (!relay) {
  require('gun/lib/yson.js');
  if (options.store) {
    require('gun/lib/store.js');
    require('gun/lib/rfs.js');
  }
}
let gun;
let server;
const heard = [];

const start = () =>
  new Promise((resolve) => {
    const common = { peers: [...(options.peers ?? [])], radisk: options.store === true, localStorage: false, file: 'radata', multicast: false, stats: false, axe: options.axe === true };
    if (!relay) {
      gun = Gun({ ...common, WebSocket: require(require.resolve('ws', { paths: [require.resolve('gun')] })) });
      return resolve('');
    }
    server = http.createServer(Gun.serve(__dirname));
    server.listen(options.port ?? 0, '127.0.0.1', () => {
      gun = Gun({ ...common, web: server });
      resolve(`http://127.0.0.1:${server.address().port}/gun`);
    });
  });

const at = (path) => path.reduce((chain, key) => chain.get(key), gun);
const plain = (value) => (value === undefined ? null : JSON.parse(JSON.stringify(value)));
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const within = (ms, run) =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    run((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
const nodes = (souls) => {
  const graph = gun._.graph;
  return plain(Object.fromEntries((souls ?? Object.keys(graph)).filter((soul) => graph[soul]).map((soul) => [soul, graph[soul]])));
};

const commands = {
  ready: () => started,
  put: async (path, data, waitMs) => {
    if (waitMs === 0) {
      at(path).put(data);
      return {};
    }
    const ack = await within(waitMs, (done) => at(path).put(data, done));
    return ack === undefined ? { lack: true } : plain({ ok: ack.ok, err: ack.err });
  },
  putGraph: (graph) => {
    gun._.on('in', { '#': String.random(9), put: graph });
  },
  once: async (path, waitMs) => plain(await within(waitMs, (done) => at(path).once(done))),
  on: (path) => {
    at(path).on((data, key) => heard.push({ path: path.join('/'), key, data: plain(data) }));
  },
  map: (path) => {
    at(path).map().on((data, key) => heard.push({ path: path.join('/'), key, data: plain(data) }));
  },
  heard: () => heard,
  graph: (souls) => nodes(souls),
  ask: async (souls, waitMs) => {
    for (const soul of souls) gun._.on('out', { '#': String.random(9), get: { '#': soul } });
    for (let before = ''; ; ) {
      await wait(waitMs);
      const now = JSON.stringify(nodes(souls));
      if (now === before) return nodes(souls);
      before = now;
    }
  },
  peers: () => Object.values(gun._.opt.peers).filter((peer) => peer.wire && peer.wire.readyState === 1).length,
  disconnect: () => {
    for (const [id, peer] of Object.entries(gun._.opt.peers)) {
      delete gun._.opt.peers[id];
      clearTimeout(peer.defer);
      if (peer.wire) peer.wire.close();
    }
  },
  connect: () => {
    gun.opt({ peers: [...(options.peers ?? [])] });
    for (const url of options.peers ?? []) gun._.opt.mesh.wire(gun._.opt.peers[url]);
  },
};

const started = start();
process.on('message', async ({ id, command, args }) => {
  try {
    process.send({ id, value: await commands[command](...args) });
  } catch (error) {
    process.send({ id, error: String(error && error.stack) });
  }
});
process.on('disconnect', () => process.exit());
