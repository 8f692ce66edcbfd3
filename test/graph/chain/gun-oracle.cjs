// Real gun.js in memory, without storage and network: plays programs of puts and gives the graph that they leave.
const Gun = require('gun/gun.js');
Gun.log = Object.assign(() => undefined, { once: () => undefined });

process.on('message', async (program) => {
  const gun = Gun({ radisk: false, localStorage: false, multicast: false, axe: false, peers: [] });
  // Nobody else answers that nothing is there, and nested puts wait for it.
  gun._.on('get', function (message) {
    this.to.next(message);
    gun._.on('in', { '@': message['#'] });
  });
  for (const { path, data, set, link } of program) {
    const at = path.reduce((chain, key) => chain.get(key), gun);
    if (set) at.set(link ? link.reduce((chain, key) => chain.get(key), gun) : data);
    else at.put(link ? link.reduce((chain, key) => chain.get(key), gun) : data);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  const graph = {};
  for (const [soul, node] of Object.entries(gun._.graph)) {
    const { _, ...fields } = node;
    if (Object.keys(fields).length > 0) graph[soul] = fields;
  }
  process.send(graph);
});
