/** Runs in a browser: a file is encoded to twelve shards, decoded from eight of them, and the shards are sent to the test. */
import { fetchWasmCodec } from '../../src/codec/backends/wasm/browser.ts';

/** What precedes the shards in a report: its length as 4 bytes, then this as JSON. */
export interface Findings {
  readonly failure?: string;
  readonly kernels?: Readonly<Record<string, string>>;
  readonly same?: boolean;
  readonly refused?: string;
  readonly shardBytes?: readonly number[];
}

const key = new Uint8Array(32).fill(9);
const lost = [0, 3, 5, 10];

/** The content that both sides know: `length` bytes of lines that compress and of noise that does not. */
function generated(length: number): Uint8Array {
  const content = new Uint8Array(length);
  let state = 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    content[at] = at % 8192 < 4096 ? 97 + (at % 23) : state >>> 24;
  }
  return content;
}

async function run(): Promise<{ findings: Findings; shards: Uint8Array[] }> {
  const codec = await fetchWasmCodec('/src/codec/backends/wasm/pangea_ces.wasm');
  const content = generated(Number(new URLSearchParams(location.search).get('bytes')));
  const { shards } = await codec.encodeWhole({ plaintext: [content], key, compression: { kind: 'auto', minLevel: 3, maxLevel: 3 } });
  const kept = shards.map((shard, row) => (lost.includes(row) ? null : shard));
  const back = (await codec.decodeWhole({ shards: kept, key, maxBytes: content.length })).bytes();
  const same = back.length === content.length && back.every((byte, at) => byte === content[at]);
  const refused = await codec.decodeWhole({ shards: kept, key: key.map((byte) => byte ^ 1), maxBytes: content.length })
    .then(() => 'nothing', (error: { code: string }) => error.code);
  const bytes = shards.map((shard) => shard.bytes());
  return { findings: { kernels: codec.kernels, same, refused, shardBytes: bytes.map(({ length }) => length) }, shards: bytes };
}

const { findings, shards } = await run().catch((error: unknown): { findings: Findings; shards: Uint8Array[] } => ({ findings: { failure: String(error) }, shards: [] }));
const shown = JSON.stringify(findings, null, 2);
(document.getElementById('result') as { textContent: string }).textContent = shown;
const head = new TextEncoder().encode(shown);
const length = new Uint8Array(4);
new DataView(length.buffer).setUint32(0, head.length, true);
await fetch('/report', { method: 'POST', body: new Blob([length, head, ...shards]) });

/** The little of a browser that is used. */
declare const document: { getElementById(id: string): unknown };
declare const location: { readonly search: string };
