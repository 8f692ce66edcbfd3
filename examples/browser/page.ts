/** A file becomes twelve shards to download, and any eight of them the file again. */
import { bodyFrom, type Body } from '../../src/body/body.ts';
import { fetchWasmCodec } from '../../src/codec/backends/wasm/browser.ts';

const maxBytes = 64 * 1024 * 1024;
const codec = await fetchWasmCodec(new URL('../../src/codec/backends/wasm/pangea_ces.wasm', import.meta.url));

on('file', 'change', 'encoded', async (out) => {
  const [file] = element('file').files;
  if (file === undefined) return;
  const key = crypto.getRandomValues(new Uint8Array(32));
  const started = performance.now();
  const { shards, compressedBytes } = await codec.encodeWhole({
    plaintext: [new Uint8Array(await file.arrayBuffer())], key, compression: { kind: 'auto', minLevel: 3, maxLevel: 9 },
  });
  const ms = Math.round(performance.now() - started);
  say(out, `${file.size} bytes, ${compressedBytes} compressed, in ${ms} ms. Key: ${[...key].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`);
  for (const [row, shard] of shards.entries()) offer(out, `${file.name}.shard-${String(row).padStart(2, '0')}`, shard.bytes());
});

on('decode', 'click', 'decoded', async (out) => {
  const places: (Body | null)[] = Array.from({ length: 12 }, () => null);
  let name = 'file';
  for (const file of element('shards').files) {
    const match = /^(.*)\.shard-(\d\d)$/.exec(file.name);
    if (match === null || !(Number(match[2]) in places)) throw new Error(`${file.name} does not end in .shard-00 to .shard-11`);
    name = match[1] ?? name;
    places[Number(match[2])] = bodyFrom(new Uint8Array(await file.arrayBuffer()));
  }
  const digits = element('key').value.trim().match(/[0-9a-f]{2}/gi) ?? [];
  const body = await codec.decodeWhole({ shards: places, key: Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16)), maxBytes });
  say(out, `${body.byteLength} bytes`);
  offer(out, name, body.bytes());
});

function on(id: string, event: string, output: string, work: (out: Element) => Promise<void>): void {
  const out = element(output);
  element(id).addEventListener(event, () => {
    out.replaceChildren();
    work(out).catch((error: unknown) => say(out, error instanceof Error ? error.message : String(error)));
  });
}

function say(out: Element, text: string): void {
  const line = document.createElement('p');
  line.textContent = text;
  out.append(line);
}

function offer(out: Element, name: string, bytes: Uint8Array): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([Uint8Array.from(bytes)]));
  link.download = name;
  link.textContent = `${name}, ${bytes.length} bytes`;
  const line = document.createElement('div');
  line.append(link);
  out.append(line);
}

function element(id: string): Element {
  return document.getElementById(id);
}

/** The little of a browser that is used, since the project is compiled without its types. */
interface Element {
  readonly files: readonly File[];
  readonly value: string;
  textContent: string;
  href: string;
  download: string;
  append(child: Element): void;
  replaceChildren(): void;
  addEventListener(event: string, listener: () => void): void;
}
declare const document: { getElementById(id: string): Element; createElement(name: string): Element };
