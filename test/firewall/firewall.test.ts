import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isPangeaError } from '../../src/errors/errors.ts';
import { createFirewall, decide, parseAllowlist } from '../../src/firewall/firewall.ts';

interface Vectors {
  normalised: [string, string][];
  refused: string[];
  decisions: { allow: string[]; allowed: string[]; denied: string[] }[];
}
const vectors = JSON.parse(readFileSync(new URL('../vectors/firewall.json', import.meta.url), 'utf8')) as Vectors;
const invalid = (error: unknown): boolean => isPangeaError(error, 'CONFIG_INVALID');

describe('firewall rules', () => {
  for (const [entry, normalised] of vectors.normalised) {
    it(`normalises ${entry}`, () => assert.equal(parseAllowlist([entry])[0]?.text, normalised));
  }
  for (const entry of vectors.refused) {
    it(`refuses '${entry}'`, () => assert.throws(() => parseAllowlist([entry]), invalid));
  }
  for (const { allow, allowed, denied } of vectors.decisions) {
    it(`decides by [${allow.join(' ')}]`, () => {
      const blocks = parseAllowlist(allow);
      for (const address of allowed) assert.equal(decide(blocks, address), 'allow', address);
      for (const address of denied) assert.equal(decide(blocks, address), 'deny', address);
    });
  }
  it('denies what is no address, and ignores a zone', () => {
    const blocks = parseAllowlist(['0.0.0.0/0', '::/0']);
    for (const text of ['', 'localhost', '127.0.0.1:80', '[::1]', '1.2.3', '%eth0']) assert.equal(decide(blocks, text), 'deny', text);
    assert.equal(decide(blocks, 'fe80::1%eth0'), 'allow');
  });
  it('finds an address in every block that its own prefix makes, and in no other', () => {
    const address = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => bytes.join('.'));
    fc.assert(
      fc.property(address, address, fc.integer({ min: 0, max: 32 }), (inside, other, bits) => {
        const value = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
        const share = Math.floor(value(inside) / 2 ** (32 - bits)) === Math.floor(value(other) / 2 ** (32 - bits));
        const blocks = parseAllowlist([`${inside}/${bits}`]);
        assert.equal(decide(blocks, inside), 'allow');
        assert.equal(decide(blocks, other), share ? 'allow' : 'deny');
        assert.equal(decide(blocks, `::ffff:${other}`), share ? 'allow' : 'deny');
      }),
      { seed: 7 },
    );
  });
  it('normalised text parses to itself', () => {
    const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(groups, fc.integer({ min: 0, max: 128 }), (parts, bits) => {
        const text = parseAllowlist([`${parts.map((part) => part.toString(16)).join(':')}/${bits}`])[0]?.text ?? '';
        assert.equal(parseAllowlist([text])[0]?.text, text);
      }),
      { seed: 8 },
    );
  });
  it('throws nothing but CONFIG_INVALID on any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:./]{0,24}$/)), (text) => {
        decide(parseAllowlist(['::/0']), text);
        try {
          parseAllowlist([text]);
        } catch (error) {
          assert.ok(invalid(error));
        }
      }),
      { seed: 9, numRuns: 2000 },
    );
  });
});

describe('userspace firewall', () => {
  it('lets only this machine in by default', () => {
    const firewall = createFirewall();
    assert.deepEqual(firewall.allow, ['127.0.0.0/8', '::1/128']);
    assert.equal(firewall.decide('127.0.0.1'), 'allow');
    assert.equal(firewall.decide('192.168.0.1'), 'deny');
  });
  it('counts per listener, and takes the counts of native enforcers', () => {
    const firewall = createFirewall({ allow: ['10.0.0.0/8'] });
    assert.equal(firewall.admit('http', '10.0.0.1'), true);
    assert.equal(firewall.admit('http', '11.0.0.1'), false);
    firewall.record('quic', 'deny', 41);
    firewall.record('quic', 'deny', 1);
    assert.deepEqual(firewall.counters(), { http: { allowed: 1, denied: 1 }, quic: { allowed: 0, denied: 42 } });
    firewall.decide('10.0.0.1');
    assert.equal(firewall.counters()['http']?.allowed, 1, 'decide does not count');
  });
  it('replaces the list and tells the enforcers', () => {
    const firewall = createFirewall();
    const seen: (readonly string[])[] = [];
    firewall.onChange((allow) => seen.push(allow));
    firewall.setAllow(['10.1.2.3/8']);
    assert.deepEqual(seen, [['10.0.0.0/8']]);
    assert.equal(firewall.decide('127.0.0.1'), 'deny');
    assert.throws(() => firewall.setAllow(['10.0.0.0/8', 'nonsense']), invalid);
    assert.deepEqual(firewall.allow, ['10.0.0.0/8']);
    assert.equal(seen.length, 1);
  });
  it('bounds the list', () => {
    assert.throws(() => createFirewall({ allow: Array.from({ length: 4097 }, () => '10.0.0.1') }), invalid);
  });
});
