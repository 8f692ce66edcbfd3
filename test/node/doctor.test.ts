import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { DoctorCheck, DoctorReport } from '../../src/api/api.ts';
import { loadConfig, type NodeConfig } from '../../src/config/config.ts';
import type { NatReport } from '../../src/host/host.ts';
import { checkClock } from '../../src/node/doctor-machine.ts';
import { checkAllow, checkListening } from '../../src/node/doctor-network.ts';
import { checkPunches, checkReachability, checkRelays, checkUpnp } from '../../src/node/doctor-reach.ts';
import { diagnoseOffline, type RunningNode } from '../../src/node/node.ts';
import { systemClock } from '../../src/std/std.ts';
import { listening, Nodes } from './mixed-nodes.ts';

const stranger = '12D3KooWD4ubZBBe2ixRy5hXnCJurjymDNcnmZtnXG3BwXBcM6Hr';

function configOf(flags: Readonly<Record<string, unknown>> = {}): NodeConfig {
  return loadConfig({ environment: {}, file: undefined, flags: { 'data-dir': '/nonexistent/pangea', ...flags } }).config;
}

function found({ checks }: DoctorReport, name: string): DoctorCheck {
  return checks.find(({ check }) => check === name) ?? assert.fail(`there is no check ${name}`);
}

describe('doctor of running nodes', { timeout: 120_000 }, () => {
  const nodes = new Nodes();
  let first: RunningNode;
  let second: RunningNode;
  before(async () => {
    first = await nodes.start(1);
    const { multiaddr } = await listening(first);
    const wrong = multiaddr.replace(/\/p2p\/.*/, `/p2p/${stranger}`);
    second = await nodes.start(2, { bootstrap: [multiaddr, wrong, '/ip4/127.0.0.1/tcp/1'] });
    for (let tries = 0; (await second.api.peers()).every(({ connected }) => !connected); tries++) {
      assert.ok(tries < 400, 'they never met');
      await new Promise((resolve) => { setTimeout(resolve, 25); });
    }
  });
  after(() => nodes.stop());

  test('each hop has a verdict; what is wrong comes with what to do', async () => {
    const report = await second.api.doctor();
    assert.equal(report.reachability, 'unknown');
    assert.equal(found(report, 'data directory').verdict, 'ok');
    assert.equal(found(report, 'clock').verdict, 'ok');
    assert.deepEqual([found(report, 'listening').verdict, found(report, 'allowlist').verdict], ['warning', 'ok']);
    assert.match(found(report, 'listening').advice, /--p2p-addr/);
    const [good, wrong, closed, ...more] = report.checks.filter(({ check }) => check === 'bootstrap');
    assert.equal(more.length, 0);
    assert.equal(good?.verdict, 'ok');
    assert.match(good.detail, /reached over TCP in \d+ ms \(direct\)/);
    assert.deepEqual([wrong?.verdict, closed?.verdict], ['failed', 'failed']);
    assert.match(closed?.detail ?? '', /does not answer/);
    assert.match(found(report, 'peers').detail, /1 known, 1 connected: 1 direct/);
    assert.equal(found(report, 'DHT').verdict, 'ok');
    assert.ok(report.checks.every(({ verdict, advice }) => verdict !== 'failed' || advice !== ''));
  });

  test('a node without anybody says what is missing', async () => {
    const lonely = await nodes.start(3);
    const report = await lonely.api.doctor();
    assert.deepEqual(['bootstrap', 'peers', 'DHT'].map((name) => found(report, name).verdict), ['warning', 'warning', 'warning']);
    assert.equal(found(report, 'own record in the DHT').verdict, 'unknown');
  });
});

describe('doctor without a node', () => {
  test('says so, and looks at what is there', async () => {
    const open = createServer().listen(0, '127.0.0.1');
    await once(open, 'listening');
    const { port } = open.address() as { port: number };
    const report = await diagnoseOffline(configOf({ bootstrap: [`/ip4/127.0.0.1/tcp/${port}/p2p/${stranger}`, '/ip4/127.0.0.1/udp/9/quic-v1'] }));
    open.close();
    assert.equal(found(report, 'node').verdict, 'unknown');
    const verdicts = report.checks.filter(({ check }) => check === 'bootstrap').map(({ verdict }) => verdict);
    assert.deepEqual(verdicts, ['ok', 'unknown']);
    assert.match(found(report, 'data directory').detail, /not made yet/);
  });

  test('a data directory that cannot be one fails', async () => {
    const report = await diagnoseOffline(configOf({ 'data-dir': join('/proc', 'version', 'node') }));
    assert.equal(found(report, 'data directory').verdict, 'failed');
  });
});

describe('verdicts', () => {
  const nat: NatReport = {
    reachability: 'private', observed: ['/ip4/192.0.2.1/tcp/1'], confirmed: [], upnp: { state: 'none', detail: 'no gateway' }, relays: [], punches: [],
    carrying: { circuits: 0, reservations: 0 },
  };
  const open = configOf({ 'p2p-addr': ':9090', 'dht-addr': ':9091' });

  test('listening and allowlist', () => {
    assert.equal(checkListening([':9090'], open).verdict, 'ok');
    assert.equal(checkListening([], configOf({ 'dht-addr': ':9091' })).verdict, 'warning');
    assert.equal(checkAllow(['127.0.0.0/8', '::1/128'], open, false).verdict, 'warning');
    assert.equal(checkAllow(['127.0.0.0/8', '::1/128'], open, true).verdict, 'ok');
    assert.equal(checkAllow(['10.0.0.0/8'], open, false).verdict, 'ok');
    assert.equal(checkAllow([], open, false).verdict, 'failed');
  });

  test('a clock that was set, or never', () => {
    const at = (nowMs: number): DoctorCheck['verdict'] => checkClock({ ...systemClock, nowMs: () => nowMs }).verdict;
    assert.deepEqual([at(Date.now()), at(Date.now() + 60_000), at(Date.now() - 60_000), at(1_000)], ['ok', 'warning', 'warning', 'failed']);
  });

  test('reachability, relays, punches and gateways', () => {
    assert.deepEqual([checkReachability(nat, open).verdict, checkReachability({ ...nat, reachability: 'public' }, open).verdict], ['warning', 'ok']);
    assert.equal(checkReachability({ ...nat, reachability: 'unknown' }, open).verdict, 'unknown');
    assert.equal(checkRelays(nat, open).verdict, 'failed');
    assert.equal(checkRelays({ ...nat, relays: [{ relay: 'r', state: 'reserved', detail: '' }] }, open).verdict, 'ok');
    assert.equal(checkRelays({ ...nat, reachability: 'public' }, open).verdict, 'ok');
    assert.equal(checkPunches(nat).verdict, 'ok');
    const punch = { peer: stranger as never, ok: false, tookMs: 5, detail: 'no answer' };
    assert.equal(checkPunches({ ...nat, punches: [punch] }).verdict, 'warning');
    assert.match(checkPunches({ ...nat, punches: [punch, { ...punch, ok: true }] }).detail, /1 of the last 2 .*no answer/);
    assert.deepEqual((['off', 'searching', 'mapped', 'none', 'failed'] as const).map((state) => checkUpnp({ ...nat, upnp: { state, detail: '' } }).verdict), ['ok', 'unknown', 'ok', 'ok', 'warning']);
  });
});
