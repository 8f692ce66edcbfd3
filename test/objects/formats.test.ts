import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blake3 } from '@noble/hashes/blake3.js';
import fc from 'fast-check';
import { isPangeaError, type ErrorCode } from '../../src/errors/errors.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { encodeHoldersRecord, encodeTombstone, parseHoldersRecord, parseTombstone } from '../../src/objects/format/held-record.ts';
import { checkCommitment, deleteTagOf, deriveObjectKeys } from '../../src/objects/format/keys.ts';
import { buildLayout, LayoutView } from '../../src/objects/format/layout-view.ts';
import { encodeHeader, encodeIndex, encodePage, hashOf, parseHeader, parseIndex, parsePage, type StripeEntry } from '../../src/objects/format/layout.ts';
import { formatLink, parseLink } from '../../src/objects/format/link.ts';
import { encodeManifest, parseManifest, type Manifest } from '../../src/objects/format/manifest.ts';
import { encodeOpening, parseOpening } from '../../src/objects/format/opening.ts';
import { toHex, utf8 } from '../../src/std/std.ts';
import { hexVector, vectorsOf } from './vectors.ts';

const seed = 20_251;
const deriveKey = (context: string, material: Uint8Array): Uint8Array => blake3(material, { context: utf8(context) });
const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const layoutHex = (name: string): string => toHex(hexVector('layout.md', name));
const sampleEntry: StripeEntry = {
  lengths: [1072, 1072, 1072, 1072, 1072, 1072, 1072, 1071, 1072, 1072, 1072, 1072],
  identities: new Uint8Array(12 * 32).map((_, index) => (index * 7) & 255),
};

/** Nothing but the format's own error comes out of a parser, whatever goes in. */
function neverThrowsElse(parse: (bytes: Uint8Array) => unknown, valid: Uint8Array, code: ErrorCode): void {
  const check = (bytes: Uint8Array): void => {
    try {
      parse(bytes);
    } catch (error) {
      if (!isPangeaError(error, code)) throw error;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), check), { seed, numRuns: 300 });
  fc.assert(fc.property(fc.nat(valid.length - 1), fc.nat(255), fc.nat(valid.length), (at, byte, end) => {
    const changed = valid.slice();
    changed[at] = byte;
    check(changed);
    check(changed.subarray(0, end));
  }), { seed, numRuns: 500 });
}

test('keys of the vectors', () => {
  const keys = deriveObjectKeys(deriveKey, fill(0x11));
  for (const [name, value] of Object.entries(keys)) assert.equal(toHex(value), layoutHex(name), name);
  assert.deepEqual(deleteTagOf(deriveKey, keys.deleteSecret), keys.deleteTag);
  checkCommitment(keys, keys.commitment);
  assert.throws(() => checkCommitment(keys, fill(0)), { code: 'WRONG_KEY' });
});

test('layout of the vectors, both ways', () => {
  const page = encodePage(0, [sampleEntry]);
  assert.equal(toHex(page), layoutHex('page'));
  assert.equal(toHex(hashOf.page(deriveKey, page)), layoutHex('pageHash'));
  assert.deepEqual(parsePage(page, 0, 1), [sampleEntry]);
  const keys = deriveObjectKeys(deriveKey, fill(0x11));
  const header = {
    mode: 'striped', segmentBytes: 65_536, stripes: 1, storedBytes: 12_863, salt: fill(0x22), keyCommitment: keys.commitment,
    deleteTag: keys.deleteTag, manifestBytes: 99, manifestHash: fill(0x33), hashes: [hashOf.page(deriveKey, page)],
  } as const;
  assert.equal(toHex(encodeHeader(header)), layoutHex('header'));
  assert.equal(toHex(hashOf.header(deriveKey, encodeHeader(header))), layoutHex('root'));
  assert.deepEqual(parseHeader(hexVector('layout.md', 'header')), header);
  const index = encodeIndex(1, [fill(1), fill(2)]);
  assert.equal(toHex(index), layoutHex('index'));
  assert.equal(toHex(hashOf.index(deriveKey, index)), layoutHex('indexHash'));
  assert.deepEqual(parseIndex(index, 1, 66 * 64), [fill(1), fill(2)]);
});

test('manifest, holders record and tombstone of the vectors, both ways', () => {
  const manifest: Manifest = { kind: 'file', name: 'grüße.txt', mediaType: 'text/plain', plaintextBytes: 8191, createdMs: 1_700_000_000_000, segmentBytes: 65_536 };
  const vectors = vectorsOf('manifest.md');
  assert.equal(toHex(encodeManifest(manifest)), vectors.get('manifest'));
  assert.equal(toHex(hashOf.manifest(deriveKey, encodeManifest(manifest))), vectors.get('manifestHash'));
  assert.deepEqual(parseManifest(encodeManifest(manifest)), manifest);
  assert.deepEqual(parseManifest(encodeManifest({ ...manifest, kind: 'pack', checksum: fill(9) })), { ...manifest, kind: 'pack', checksum: fill(9) });
  const dictionary = { root: fill(0x44), key: fill(0x55) };
  assert.equal(toHex(encodeManifest({ ...manifest, dictionary })), vectors.get('manifestWithDictionary'));
  for (const checksum of [{}, { checksum: fill(9) }]) assert.deepEqual(parseManifest(encodeManifest({ ...manifest, ...checksum, dictionary })), { ...manifest, ...checksum, dictionary });
  const unknownField = encodeManifest(manifest);
  unknownField[9] = 4;
  assert.throws(() => parseManifest(unknownField), { code: 'MANIFEST_INVALID' });
  const peer = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp' as PeerId;
  const holders = { objectId: fill(0x66), slots: 0b101, committedMs: 1_700_000_000_000, holders: [peer, undefined, peer, ...Array.from({ length: 9 }, () => undefined)] };
  assert.equal(toHex(encodeHoldersRecord(holders)), layoutHex('holders'));
  assert.deepEqual(parseHoldersRecord(hexVector('layout.md', 'holders')), holders);
  const tombstone = { deletedMs: 1_700_000_000_000, secret: fill(0x77) };
  assert.equal(toHex(encodeTombstone(tombstone)), layoutHex('tombstone'));
  assert.deepEqual(parseTombstone(hexVector('layout.md', 'tombstone')), tombstone);
});

test('parsers of stored and remote bytes fail with their own code only', () => {
  const bytesOf = (name: string): Uint8Array => hexVector('layout.md', name);
  neverThrowsElse(parseHeader, bytesOf('header'), 'LAYOUT_INVALID');
  neverThrowsElse((bytes) => parsePage(bytes, 0, 1), bytesOf('page'), 'LAYOUT_INVALID');
  neverThrowsElse((bytes) => parseIndex(bytes, 1, 66 * 64), bytesOf('index'), 'LAYOUT_INVALID');
  neverThrowsElse(parseHoldersRecord, bytesOf('holders'), 'LAYOUT_INVALID');
  neverThrowsElse(parseTombstone, bytesOf('tombstone'), 'LAYOUT_INVALID');
  neverThrowsElse(parseOpening, encodeOpening({ header: bytesOf('header'), manifest: fill(1), holders: bytesOf('holders'), first: bytesOf('page') }), 'LAYOUT_INVALID');
  neverThrowsElse(parseManifest, hexVector('manifest.md', 'manifest'), 'MANIFEST_INVALID');
});

test('a header with sizes that do not belong together is refused', () => {
  const valid = parseHeader(hexVector('layout.md', 'header'));
  const refused = [
    { stripes: 0 }, { stripes: 32_769 }, { segmentBytes: 65_537 }, { segmentBytes: 32_768 }, { segmentBytes: 8_388_608 }, { mode: 'whole' as const },
    { manifestBytes: 0 }, { manifestBytes: 65_537 }, { hashes: [] }, { hashes: [fill(1), fill(2)] }, { stripes: 65 },
  ];
  for (const change of refused) assert.throws(() => parseHeader(encodeHeader({ ...valid, ...change })), { code: 'LAYOUT_INVALID' }, JSON.stringify(change));
});

test('a page with holes, wrong parity or shards too long is refused', () => {
  const [full, parity] = [Array.from({ length: 8 }, () => 100), [100, 100, 100, 100]];
  const page = (lengths: number[], stripes = 1): unknown => parsePage(encodePage(0, Array.from({ length: stripes }, () => ({ ...sampleEntry, lengths }))), 0, stripes);
  page([100, 100, 100, 0, 0, 0, 0, 0, ...parity]);
  page([...full, ...parity], 64);
  for (const lengths of [
    [0, ...full.slice(1), ...parity], [100, 0, 100, 0, 0, 0, 0, 0, ...parity], [...full, 100, 100, 100, 99], Array.from({ length: 12 }, () => 5_000_000),
  ]) assert.throws(() => page(lengths), { code: 'LAYOUT_INVALID' });
  assert.throws(() => page([100, 100, 100, 0, 0, 0, 0, 0, ...parity], 2), { code: 'LAYOUT_INVALID' });
});

test('a layout is built and verified part by part, with one level of pages and with two', () => {
  for (const stripes of [1, 64, 65, 4096, 4097, 9000]) {
    const entries = Array.from({ length: stripes }, (_, stripe) => ({ ...sampleEntry, identities: sampleEntry.identities.map((byte) => (byte + stripe) & 255) }));
    const built = buildLayout(deriveKey, {
      mode: 'striped', segmentBytes: 65_536, salt: fill(1), keyCommitment: fill(2), deleteTag: fill(3), manifestBytes: 5, manifestHash: fill(4),
    }, entries);
    assert.equal(built.indexes.length, stripes > 4096 ? Math.ceil(stripes / 4096) : 0);
    const view = new LayoutView(deriveKey, built.view.root, built.headerBytes);
    assert.equal(view.header.stripes, stripes);
    const last = built.pages.length - 1;
    if (built.indexes.length > 0) assert.throws(() => view.addPage(last, built.pages[last] as Uint8Array), { code: 'LAYOUT_INVALID' });
    built.indexes.forEach((index, number) => view.addIndex(number, index));
    if (last > 0) assert.throws(() => view.addPage(last, built.pages[0] as Uint8Array), { code: 'LAYOUT_INVALID' });
    view.addPage(last, built.pages[last] as Uint8Array);
    assert.deepEqual(view.stripe(stripes - 1).identities, entries[stripes - 1]?.identities);
    assert.throws(() => new LayoutView(deriveKey, fill(0), built.headerBytes), { code: 'LAYOUT_INVALID' });
  }
});

test('links of the vectors, both ways', () => {
  const vectors = vectorsOf('link.md');
  const [read, verify] = [vectors.get('readLink') as string, vectors.get('verifyLink') as string];
  assert.equal(formatLink({ root: fill(0x44), key: fill(0x55) }), read);
  assert.equal(formatLink({ root: fill(0x44) }), verify);
  assert.deepEqual(parseLink(read), { root: fill(0x44), key: fill(0x55) });
  assert.deepEqual(parseLink(`  ${verify.toUpperCase()}\n`), { root: fill(0x44) });
});

test('every cut of a link is told from every change of it', () => {
  for (const link of vectorsOf('link.md').values()) {
    for (let length = 1; length < link.length; length++) assert.throws(() => parseLink(link.slice(0, length)), { code: 'LINK_TRUNCATED' }, `${length} letters`);
    for (let at = 0; at < link.length; at++) {
      const changed = link.slice(0, at) + (link[at] === 'q' ? 'r' : 'q') + link.slice(at + 1);
      assert.throws(() => parseLink(changed), (error) => isPangeaError(error, 'LINK_INVALID') || (at === 10 && isPangeaError(error, 'LINK_TRUNCATED')), changed);
    }
    assert.throws(() => parseLink(`${link}a`), { code: 'LINK_INVALID' });
  }
  for (const text of ['', 'pangea', 'pangea:2:abc', 'http://x', 'pangea:1:!!']) {
    assert.throws(() => parseLink(text), (error) => isPangeaError(error, text === 'pangea' ? 'LINK_TRUNCATED' : 'LINK_INVALID'), text);
  }
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      parseLink(`pangea:1:${text}`);
      return false;
    } catch (error) {
      return isPangeaError(error, 'LINK_INVALID') || isPangeaError(error, 'LINK_TRUNCATED');
    }
  }), { seed, numRuns: 500 });
});
