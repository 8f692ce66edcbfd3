// npm packages as rivals: `node rival.mjs NAME`. A package that cannot be loaded ends the program with the reason.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { xxh64 } from '@node-rs/xxhash';
import { dataRows, parityRows, serve } from './protocol.mjs';

const key = Buffer.alloc(32, 7);
const nonceBytes = 24;
const tagBytes = 16;
const prefixBytes = 4;
const blockBytes = 8 * 2 ** 20;
const lostOf = { 'rs-encode': 0, 'rs-repair': 1, 'rs-decode': parityRows };

const makers = {
  async ronomon() {
    const { encode, decode, wordBytes } = await import('./coding.mjs');
    return {
      hello: hello('@ronomon/reed-solomon', 'another code: parity is not comparable; one thread of the pool', Object.keys(lostOf)),
      async subject({ op, bytes }, data) {
        if (bytes % wordBytes !== 0) throw new Error(`shards are multiples of ${wordBytes} bytes`);
        const parity = Buffer.alloc(parityRows * bytes);
        await encode(data, parity);
        const lost = lostOf[op];
        if (lost === 0) return { call: () => encode(data, parity) };
        data.fill(0, 0, lost * bytes);
        return { call: () => decode(data, parity, lost), check: () => hash(data.subarray(0, lost * bytes)) };
      },
    };
  },

  async 'zstd-napi'() {
    const { Compressor, Decompressor } = await import('zstd-napi');
    return {
      hello: hello('zstd-napi', 'contexts kept between calls; level 3 unless told', ['compress', 'decompress']),
      subject({ op, level }, data) {
        const compressor = new Compressor();
        compressor.setParameters({ compressionLevel: level || 3 });
        if (op === 'compress') return { call: () => void compressor.compress(data) };
        const frame = compressor.compress(data);
        const decompressor = new Decompressor();
        let out = data;
        return { call: () => void (out = decompressor.decompress(frame)), check: () => hash(out) };
      },
    };
  },

  async stablelib() {
    const { XChaCha20Poly1305 } = await import('@stablelib/xchacha20poly1305');
    const cipher = new XChaCha20Poly1305(key);
    return {
      hello: hello('@stablelib/xchacha20poly1305', 'JavaScript; into a buffer that is kept', ['seal', 'open']),
      subject({ op }, data) {
        const sealed = new Uint8Array(data.length + tagBytes);
        let nonce = randomBytes(nonceBytes);
        cipher.seal(nonce, data, undefined, sealed);
        if (op === 'seal') return { call: () => void cipher.seal((nonce = randomBytes(nonceBytes)), data, undefined, sealed) };
        const opened = new Uint8Array(data.length);
        return { call: () => must(cipher.open(nonce, sealed, undefined, opened)), check: () => hash(opened) };
      },
    };
  },

  async 'sodium-native'() {
    const { default: sodium } = await import('sodium-native');
    return {
      hello: hello('sodium-native', 'libsodium; into a buffer that is kept', ['seal', 'open']),
      subject({ op }, data) {
        const sealed = Buffer.alloc(data.length + tagBytes);
        const nonce = Buffer.alloc(nonceBytes);
        const seal = () => {
          sodium.randombytes_buf(nonce);
          sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, data, null, null, nonce, key);
        };
        seal();
        if (op === 'seal') return { call: seal };
        const opened = Buffer.alloc(data.length);
        return {
          call: () => void sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(opened, null, sealed, null, nonce, key),
          check: () => hash(opened),
        };
      },
    };
  },

  /** What one writes with npm alone: zstd-napi, @stablelib, @ronomon, in blocks of 8 MiB. */
  async 'npm-stack'() {
    const [{ Compressor, Decompressor }, { XChaCha20Poly1305 }, { encode, decode, wordBytes }] =
      await Promise.all([import('zstd-napi'), import('@stablelib/xchacha20poly1305'), import('./coding.mjs')]);
    const cipher = new XChaCha20Poly1305(key);
    const compressor = new Compressor();
    const decompressor = new Decompressor();

    const encodeBlock = async (plain) => {
      const frame = compressor.compress(plain);
      const nonce = randomBytes(nonceBytes);
      const sealedBytes = nonceBytes + frame.length + tagBytes;
      const shardBytes = Math.ceil((prefixBytes + sealedBytes) / (dataRows * wordBytes)) * wordBytes;
      const data = Buffer.alloc(shardBytes * dataRows);
      data.writeUInt32LE(sealedBytes, 0);
      data.set(nonce, prefixBytes);
      cipher.seal(nonce, frame, undefined, data.subarray(prefixBytes + nonceBytes, prefixBytes + sealedBytes));
      const parity = Buffer.alloc(shardBytes * parityRows);
      await encode(data, parity);
      return { data, parity };
    };
    const decodeBlock = async ({ data, parity }) => {
      await decode(data, parity, parityRows);
      const end = prefixBytes + data.readUInt32LE(0);
      const nonce = data.subarray(prefixBytes, prefixBytes + nonceBytes);
      return decompressor.decompress(must(cipher.open(nonce, data.subarray(prefixBytes + nonceBytes, end))));
    };
    return {
      hello: {
        ...hello('npm-stack', 'zstd-napi, then @stablelib, then @ronomon; level 3 unless told', ['whole-encode', 'whole-decode']),
        version: ['zstd-napi', '@stablelib/xchacha20poly1305', '@ronomon/reed-solomon'].map((name) => `${name} ${versionOf(name)}`).join(', '),
      },
      async subject({ op, level }, data) {
        compressor.setParameters({ compressionLevel: level || 3 });
        const plain = [];
        for (let start = 0; start < data.length; start += blockBytes) plain.push(data.subarray(start, start + blockBytes));
        if (op === 'whole-encode') {
          return { call: async () => { for (const block of plain) await encodeBlock(block); } };
        }
        const blocks = [];
        for (const block of plain) blocks.push(await encodeBlock(block));
        let opened = [];
        return {
          prepare: () => {
            opened = [];
            for (const block of blocks) block.data.fill(0, 0, block.data.length / 2); // data rows 0–3
          },
          call: async () => { for (const block of blocks) opened.push(await decodeBlock(block)); },
          check: () => hash(Buffer.concat(opened)),
        };
      },
    };
  },
};

function hello(name, detail, ops) {
  return { name, version: versionOf(name), language: `Node.js ${process.versions.node}`, detail, ops };
}

function versionOf(name) {
  try {
    return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
  } catch {
    return '';
  }
}

function must(opened) {
  if (opened === null) throw new Error('what was sealed does not open');
  return opened;
}

function hash(bytes) {
  return xxh64(bytes).toString(16).padStart(16, '0');
}

const make = makers[process.argv[2] ?? ''];
if (make === undefined) {
  process.stderr.write(`usage: node rival.mjs ${Object.keys(makers).join(' | ')}\n`);
  process.exit(64);
}
await serve(await make());
