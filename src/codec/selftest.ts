/**
 * Whether a codec, as it was built on this machine, still gives the bytes of the format. Run at every start on every
 * backend: some milliseconds, small inputs, known answers. The conformance suite proves a backend once; this
 * finds the processor, library or build on which it does not hold.
 */
import { bodyFrom, type Body } from '../body/body.ts';
import { equalBytes, fromHex, toHex, utf8 } from '../std/std.ts';
import type { Codec, Compression } from './codec.ts';
import { dataShards, totalShards } from './format.ts';

/** Parity of eight rows of 32 bytes that count from 0 to 255. */
export const goldenParity = [
  '1d1c1f1e19181b1a15141716111013120d0c0f0e09080b0a0504070601000302',
  '3d3c3f3e39383b3a35343736313033322d2c2f2e29282b2a2524272621202322',
  '5d5c5f5e59585b5a55545756515053524d4c4f4e49484b4a4544474641404342',
  '7d7c7f7e79787b7a75747776717073726d6c6f6e69686b6a6564676661606362',
];
/** draft-irtf-cfrg-xchacha-03, A.3.1: nonce ‖ ciphertext ‖ tag. */
const draft = {
  key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
  associatedData: '50515253c0c1c2c3c4c5c6c7',
  sealed: '404142434445464748494a4b4c4d4e4f5051525354555657bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49',
  plaintext: 'Ladies and Gentlemen of the class of \'99: If I could offer you only one tip for the future, sunscreen would be it.',
};
const key = Uint8Array.from({ length: 32 }, (_, i) => i);
const context = { salt: Uint8Array.from({ length: 32 }, (_, i) => 0xff - i), stripe: 7, segmentsInStripe: 2 };
const segmentText = utf8('any eight of twelve are enough; '.repeat(8));
/** The text as segment 0 of that context, sealed under the key with the nonce 40, 41, 42, …: a frame of raw blocks, and one of level 3. */
const sealedSegments = {
  stored: '404142434445464748494a4b4c4d4e4f5051525354555657fc8c2a8d50d879178ff486b6affd0bebb2dfc4a37b2d73f50c1189326c6855f53698700b75f7ea7f8ad59c772abbb488bb0e148f07f194f3d0dc7c8376de3a317a4a8a1734d62ba7f064d8c4fc18f296d6a26f4c40494418368373e3a00945400614c5ac988005d9a8c60aa16776a7f2bf967ab941bea38f6a9f236547ab0dfaff30356bf1bbb8dfd5c79a0b49c6b029ce4201985d587c722b0ad5ce58b77cd4199d76d95e278e11249aa6f84bb65287a18fa386e495d4e18fe273f87ff95cfc8a9cc6c6b3124a950e544156edbc6b09e8250223ba8d8145c5ae3880895148c83f641a863a6c1d2da591425b2b423f0f0dd2b498eca06dff3355b2e92160bcd3840e4d1c2a67b174c852a8b9ea65c43176fe00bd2353593c42cb5ebf1b',
  compressed: '404142434445464748494a4b4c4d4e4f5051525354555657fc8c2a8db0e0795b8ef483bccef21cb2f7d3caac67793cfc4a458a20657246b0778b674e30fceb6598dacf6c0bda32ffd1567cd855db87eddaad31eb434a08b251cda9',
};
/** BLAKE3 of "abc", and its derive_key mode. */
const hashed = {
  identity: '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85',
  derived: '84b93f7ec6e97c06afc19f6cf3d4c3fda52589bb96e8edad5c3cbfa0eaa02012',
};
const lost = [0, 3, 6, 9];

/** Keeps a body until the test is over, and hands it on. */
type Keep = (body: Body) => Body;

/**
 * Null when all is right, else what was wrong. Never throws, and leaves no body behind. `pause` lets others run: the
 * portable backend would hold the event loop through all of it.
 */
export async function selfTestCodec(codec: Codec, pause: () => Promise<void> = async () => undefined): Promise<string | null> {
  const bodies: Body[] = [];
  const keep: Keep = (body) => (bodies.push(body), body);
  try {
    for (const test of [smallThings, parity, segments, roundTrip('store'), roundTrip(3)]) {
      const failure = await test(codec, keep);
      if (failure !== null) return failure;
      await pause();
    }
    return null;
  } catch (error) {
    return `it threw: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    for (const body of bodies) body.release();
  }
}

async function smallThings(codec: Codec, keep: Keep): Promise<string | null> {
  const abc = utf8('abc');
  if (toHex(await codec.identity(keep(bodyFrom(abc)))) !== hashed.identity) return 'the identity of known bytes differs';
  if (toHex(codec.deriveKey('pangea-node 1 self-test', abc)) !== hashed.derived) return 'the key derived from known bytes differs';

  const sealed = fromHex(draft.sealed);
  if (!equalBytes(codec.open(fromHex(draft.key), sealed, fromHex(draft.associatedData)), utf8(draft.plaintext))) return 'the vector of the XChaCha20 draft opens to other bytes';
  sealed[30] = (sealed[30] as number) ^ 1;
  if (!refuses(() => codec.open(fromHex(draft.key), sealed, fromHex(draft.associatedData)))) return 'a sealed thing with a wrong bit was opened';
  if (!equalBytes(codec.open(key, codec.seal(key, segmentText, abc), abc), segmentText)) return 'what was sealed opens to other bytes';
  return null;
}

async function parity(codec: Codec, keep: Keep): Promise<string | null> {
  const rows = Array.from({ length: dataShards }, (_, row) => Uint8Array.from({ length: 32 }, (_, i) => row * 32 + i));
  const shards = Array.from({ length: totalShards }, (_, row) => (row < dataShards ? keep(bodyFrom(rows[row] as Uint8Array)) : null));
  const made = await codec.reconstruct({ shards, lengths: shards.map(() => 32), rows: [8, 9, 10, 11] });
  return made.every((body, at) => toHex(keep(body).bytes()) === goldenParity[at]) ? null : 'the parity of known rows differs';
}

async function segments(codec: Codec, keep: Keep): Promise<string | null> {
  for (const [kind, bytes] of Object.entries(sealedSegments)) {
    const opened = keep(await codec.openSegment({ sealed: keep(bodyFrom(fromHex(bytes))), segment: 0, plaintextBytes: segmentText.length, key, context }));
    if (!equalBytes(opened.bytes(), segmentText)) return `a ${kind} segment opens to other bytes`;
  }
  return null;
}

/** Four shards lost, data and parity, of a block long enough for every vector width and a tail. */
function roundTrip(compression: Compression): (codec: Codec, keep: Keep) => Promise<string | null> {
  return async (codec, keep) => {
    const plaintext = Uint8Array.from({ length: 8 * 1024 + 77 }, (_, i) => (i * i) >>> 3);
    const { shards, identities } = await codec.encodeWhole({ plaintext: [plaintext], key, compression });
    for (const body of shards) keep(body);
    if (!equalBytes(await codec.identity(shards[11] as Body), identities.subarray(11 * 32))) return 'an encoded shard has another identity than was said';
    const left = shards.map((body, row) => (lost.includes(row) ? null : body));
    const decoded = keep(await codec.decodeWhole({ shards: left, key, maxBytes: plaintext.length }));
    if (!equalBytes(decoded.bytes(), plaintext)) return `shards ${lost.join(', ')} lost: other bytes came back`;
    const again = await codec.reconstruct({ shards: left, lengths: shards.map(({ byteLength }) => byteLength), rows: lost });
    const right = again.every((body, at) => equalBytes(keep(body).bytes(), (shards[lost[at] as number] as Body).bytes()));
    return right ? null : `shards ${lost.join(', ')} lost: other shards were rebuilt`;
  };
}

function refuses(call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch {
    return true;
  }
}
