// Puts our implementation in the place of gun.js for GUN's own suites (mocha --import). The suites find what gun.js hangs
// on the language (`String.random`, `setTimeout.turn`, `Object.plain` …) here, written anew; production code patches nothing.
import { createRequire } from 'node:module';
import { hash, match, only, plain, random, empty } from './preset-globals.mjs';

const require = createRequire(import.meta.url);
const { Gun } = await import(process.env.GUN_PRESET ?? '../../../src/graph/gun/node.ts');

Object.assign(String, { random, match, hash });
Object.plain = plain;
Object.empty = empty;
setTimeout.each ??= (list, each, done) => {
  for (const item of list ?? []) if (each(item) !== undefined) break;
  done?.();
};
setTimeout.turn ??= (run) => setTimeout(run, 0);
console.only = only;

globalThis.Gun = Gun;
globalThis.SEA = Gun.SEA;
Gun.TESTING = true;
Gun.log.off = true;
// YSON is a library of its own, beside the graph: the suite's three tests of it run on gun's.
require('gun/lib/yson');
globalThis.expect = require('gun/test/expect');
