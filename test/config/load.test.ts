import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { compareConfigs, loadConfig, nearestName, settingNames, settings, type Setting } from '../../src/config/config.ts';
import { environmentNameOf, propertyOf } from '../../src/config/table.ts';
import { isPangeaError } from '../../src/errors/errors.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-config-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const dataDir = join(directory, 'empty');

function file(text: string): string {
  const path = join(directory, `${Math.random().toString(36).slice(2)}.toml`);
  writeFileSync(path, text);
  return path;
}

function load(sources: { file?: string; environment?: Record<string, string>; flags?: Record<string, unknown> }) {
  return loadConfig({ ...sources, flags: { 'data-dir': dataDir, ...sources.flags } }).config;
}

/** Values of every kind, as text that the setting accepts. */
const samples: Readonly<Record<string, readonly string[]>> = {
  'node-id': ['0', '42', '4294967295'], 'data-dir': ['/a', '/b/c'], 'rpc-addr': ['127.0.0.1:1', ':2', '[::1]:3'],
  'p2p-addr': ['0.0.0.0:0', 'localhost:9'], 'dht-addr': ['/ip4/1.2.3.4/tcp/9', '/ip6/::1/tcp/8', ':7'], 'http-addr': [':5', ':6'],
  rpc: ['true', 'false'], http: ['on', 'off'], storing: ['1', '0'],
  bootstrap: ['/ip4/1.2.3.4/tcp/9091/p2p/12D3KooWx', '/dns4/a.example/tcp/1,/ip4/1.1.1.1/tcp/2'], advertise: ['1.2.3.4:9', '/ip4/1.2.3.4/tcp/9'],
  allow: ['10.0.0.0/8', '::/0,192.0.2.1'], mdns: ['auto', 'on', 'off'], quota: ['1GiB', '16M'], 'segment-bytes': ['64KiB', '4MiB'],
  compression: ['auto', 'store'], 'compression-min': ['1', '3'], 'compression-max': ['9', '19'], ack: ['memory', 'some', 'all'],
  'repair-grace': ['1s', '1d'], 'repair-interval': ['100ms', '2m'], 'failure-domain': ['rack 7', ''], congestion: ['bbr', 'cubic'],
  force: ['codec=portable', 'codec=native,store=node-fs'], 'log-level': ['debug', 'error'], 'stop-deadline': ['1s', '1m'],
  'foreign-quota': ['0', '1GiB'], 'rpc-auth': ['token', 'off'], 'rpc-tls-cert': ['/a.pem', '/b.pem'], 'rpc-tls-key': ['/a.key', '/b.key'],
  'rpc-tls-client-ca': ['/ca.pem', '/other.pem'], 'dht-quic': ['shared', 'own', 'off'], nat: ['auto', 'on', 'off'],
  relay: ['/ip4/1.2.3.4/tcp/9091/p2p/12D3KooWx', '/dns4/a.example/tcp/1,/ip4/1.1.1.1/tcp/2'], 'serve-relay': ['true', 'off'], upnp: ['1', 'false'],
  'graph-addr': [':8765', 'off'], 'graph-peers': ['ws://a.example:8765/gun', 'https://b.example/gun,ws://127.0.0.1:1'],
  'graph-origins': ['*', 'loopback,https://chat.example'], 'graph-hosts': ['relay.example', 'a,b.example'],
  'graph-store': ['memory', 's3://bucket/a/b?endpoint=http://127.0.0.1:9000&region=eu-1'], 'graph-s3-credentials': ['/keys', '/b'],
  'graph-large-value': ['0', '64KiB'], 'graph-memory': ['1MiB', '1GiB'], 'graph-max-message': ['4MiB', '90MiB'], 'graph-writes-per-second': ['1', '1000000'],
  'graph-connections': ['1', '5000'],
  stun: ['stun:192.0.2.1:3478', 'turn:user:pass@192.0.2.2:3478,stun:a.example:1'],
};

test('flags win over the environment, the environment over the file, for every setting', () => {
  assert.deepEqual(Object.keys(samples).sort(), [...settingNames].sort());
  fc.assert(fc.property(
    fc.constantFrom(...settingNames.filter((name) => name !== 'data-dir')),
    fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9)), fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    (name, picks, present) => {
      const pick = (index: number): string => (samples[name] as readonly string[])[(picks[index] as number) % (samples[name] as readonly string[]).length] as string;
      const { type, default: fallback } = settings[name] as Setting<unknown>;
      const toml = type.list === true ? JSON.stringify(pick(0).split(',')) : JSON.stringify(pick(0));
      const config = load({
        file: file(present[0] ? `${name} = ${toml}\n` : ''),
        environment: present[1] ? { [environmentNameOf(name)]: pick(1) } : {},
        flags: present[2] ? { [name]: pick(2) } : {},
      });
      const strongest = present.lastIndexOf(true);
      assert.deepEqual(config[propertyOf(name)], strongest < 0 ? fallback : type.parse(pick(strongest)));
    }), { numRuns: 300, seed: 7 });
});

test('no text makes any setting throw anything but CONFIG_INVALID, and what is accepted survives being shown', () => {
  fc.assert(fc.property(fc.constantFrom(...settingNames), fc.oneof(fc.string(), fc.jsonValue(), fc.ipV4(), fc.nat().map(String)), (name, raw) => {
    const { type } = settings[name] as Setting<unknown>;
    const value = type.parse(raw);
    if (value === undefined || type.list === true || value === '') return;
    assert.deepEqual(type.parse(type.show(value)), value);
  }), { numRuns: 3000, seed: 11 });
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
    try {
      load({ file: file(text) });
    } catch (error) {
      assert.ok(isPangeaError(error, 'CONFIG_INVALID') || isPangeaError(error, 'CONFIG_UNKNOWN_KEY'), String(error));
    }
  }), { numRuns: 300, seed: 13 });
});

test('unknown names are refused with the nearest one, and the file with its line', () => {
  const path = file('# ports\np2p-addr = ":1"\n\nboostrap = []\n');
  assert.throws(() => load({ file: path }), { code: 'CONFIG_UNKNOWN_KEY', message: `unknown setting boostrap in ${path}:4: did you mean bootstrap?` });
  assert.throws(() => load({ environment: { PANGEA_HTP_ADDR: ':1' } }), { code: 'CONFIG_UNKNOWN_KEY', message: /PANGEA_HTP_ADDR in the environment: did you mean PANGEA_HTTP_ADDR\?/ });
  assert.throws(() => load({ flags: { 'nod-id': '1' } }), { code: 'CONFIG_UNKNOWN_KEY', message: 'unknown setting --nod-id: did you mean --node-id?' });
  assert.throws(() => load({ file: file('[server]\nport = 1\n') }), { code: 'CONFIG_UNKNOWN_KEY', message: /server in .*:1/ });
  assert.throws(() => load({ environment: { PANGEA_ZZZZZZ: '1' } }), { code: 'CONFIG_UNKNOWN_KEY', message: /docs\/configuration\.md/ });
});

test('variables of other makers are left alone', () => {
  load({ environment: { PANGEA_NATIVE: 'off', PANGEA_NODE_PORT_8080_TCP_ADDR: '10.0.0.1', PANGEA_SERVICE_HOST: '10.0.0.1', PATH: '/bin' } });
});

test('a bad value is named with its place and what was expected', () => {
  const path = file('quota = "lots"\n');
  assert.throws(() => load({ file: path }), { code: 'CONFIG_INVALID', message: new RegExp(`^quota = "lots" \\(${path}:1\\): expected a size from 16MiB`) });
  assert.throws(() => load({ environment: { PANGEA_NODE_ID: '-1' } }), { code: 'CONFIG_INVALID', message: /node-id = "-1" \(PANGEA_NODE_ID\): expected a whole number from 0 to 4294967295/ });
  assert.throws(() => load({ flags: { allow: ['300.0.0.0/8'] } }), { code: 'CONFIG_INVALID', message: /^allow = .*: expected a list of IP addresses/ });
  assert.throws(() => load({ file: file('mdns = "auto"\n[[x') }), { code: 'CONFIG_INVALID', message: /:2:\d+: not TOML/ });
  assert.throws(() => load({ file: join(directory, 'absent.toml') }), { code: 'CONFIG_INVALID', message: /ENOENT/ });
  assert.throws(() => load({ flags: { 'compression-min': '8', 'compression-max': '4' } }), { code: 'CONFIG_INVALID' });
  assert.throws(() => load({ file: path, flags: { quota: '1GiB' } }), { code: 'CONFIG_INVALID' }, 'a weaker source is checked as well');
});

test('a file in the data directory is read by itself, but may not move the directory', () => {
  const home = mkdtempSync(join(directory, 'home-'));
  writeFileSync(join(home, 'config.toml'), 'ack = "some"\n');
  const { config, file: read } = loadConfig({ flags: { 'data-dir': home } });
  assert.equal(config.ack, 'some');
  assert.equal(read, join(home, 'config.toml'));
  writeFileSync(join(home, 'config.toml'), 'data-dir = "/elsewhere"\n');
  assert.throws(() => loadConfig({ environment: { PANGEA_DATA_DIR: home } }), { code: 'CONFIG_INVALID', message: /cannot move it/ });
});

test('the result is frozen', () => {
  const config = load({ flags: { bootstrap: ['/ip4/127.0.0.1/tcp/1'] } });
  assert.ok(Object.isFrozen(config));
  assert.ok(Object.values(config).every((value) => typeof value !== 'object' || Object.isFrozen(value)));
});

test('addresses: every interface, IPv6, names, multiaddrs', () => {
  const host = (text: string) => load({ flags: { 'dht-addr': text } }).dhtAddr;
  assert.deepEqual(host(':9091'), { host: '0.0.0.0', port: 9091 });
  assert.deepEqual(host('[::]:1'), { host: '::', port: 1 });
  assert.deepEqual(host('node.example:2'), { host: 'node.example', port: 2 });
  assert.deepEqual(host('/ip6/::1/tcp/3'), { host: '::1', port: 3 });
  for (const bad of ['9091', '127.0.0.1', '1.2.3.4:65536', '[1.2.3.4]:1', '::1:80', '256.1.1.1:1', 'a b:1', '/ip4/1.2.3.4/udp/1']) {
    assert.throws(() => host(bad), { code: 'CONFIG_INVALID' }, bad);
  }
});

test('the graph: secrets in addresses are refused, and what is no origin, name or bucket', () => {
  const bad = {
    'graph-peers': ['ws://user:pass@a.example/gun', 'ftp://a.example', 'a.example', 'ws://'], 'graph-origins': ['https://chat.example/', 'chat.example', 'file://'],
    'graph-hosts': ['https://a', 'a b', 'a:1', '-'], 'graph-store': ['s3://', 's3://KEY:SECRET@bucket', 's3://bucket?secret=1', 's3://bucket?endpoint=ftp://x', 'redis'],
  };
  for (const [name, values] of Object.entries(bad)) for (const value of values) assert.throws(() => load({ flags: { [name]: value } }), { code: 'CONFIG_INVALID' }, `${name}=${value}`);
  assert.deepEqual(load({ flags: { 'graph-addr': settings['graph-addr'].alone } }).graphAddr, { host: '127.0.0.1', port: 8765 });
});

test('changes are told apart by what a running node can take over', () => {
  const before = load({});
  const after = load({ flags: { allow: ['10.0.0.0/8'], 'log-level': 'info', 'p2p-addr': ':1', 'repair-grace': '1m' } });
  assert.deepEqual(compareConfigs(before, after), [
    { name: 'p2p-addr', live: false }, { name: 'allow', live: true }, { name: 'repair-grace', live: true }, { name: 'log-level', live: true },
  ]);
  assert.deepEqual(compareConfigs(before, before), []);
});

test('the nearest name is near, or nothing', () => {
  assert.equal(nearestName('bootsrtap', settingNames), 'bootstrap');
  assert.equal(nearestName('PORT', settingNames), undefined);
  for (const name of settingNames) assert.equal(nearestName(name.replaceAll('-', '_'), settingNames), name);
});
