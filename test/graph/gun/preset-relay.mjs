// Real gun.js, as a client without storage of its own, for the same suites: all that its graphs share goes through the
// relay named in GUN_RELAY.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const Real = require('gun/gun.js');
require('gun/lib/yson');
require('gun/sea.js');
const WebSocket = require(require.resolve('ws', { paths: [require.resolve('gun')] }));

const relayed = (given) => {
  const options = typeof given === 'object' && given !== null && !Array.isArray(given) ? given : {};
  return Real({ ...options, peers: [process.env.GUN_RELAY], radisk: false, localStorage: false, multicast: false, axe: false, WebSocket });
};
globalThis.Gun = new Proxy(Real, { apply: (_, __, [given]) => relayed(given), construct: (_, [given]) => relayed(given) });
globalThis.SEA = Real.SEA;
Real.TESTING = true;
Real.log = Object.assign(() => undefined, { once: () => undefined });
globalThis.expect = require('gun/test/expect');
