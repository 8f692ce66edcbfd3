/** The Rust core itself, without JavaScript between the calls: the addon's own measurement runs them on its threads. */
import { bodyFrom, nativeBody } from '../../src/body/body.ts';
import { createNativeCodec } from '../../src/codec/codec.ts';
import { loadNative, type Native } from '../../src/native/native.ts';
import { version } from '../../src/node/version.ts';
import { type Measured, type MeasureRequest, ops } from '../protocol.ts';
import { checkWith } from './codec.ts';
import { serve, type Served } from './serve.ts';

/** The level by which the addon means that the content decides. */
const contentDecides = -1;

await serve(() => {
  const load = loadNative();
  if (!load.ok) throw new Error(load.reason);
  return nativeSubject(load.native);
});

function nativeSubject(native: Native): Served {
  const { kernels, ciphers, hash, zstd } = native.cesCandidates();
  const [bestKernel = '', bestCipher = ''] = [kernels[0], ciphers[0]];
  return {
    hello: {
      name: 'Pangea native', version, language: 'Rust', ops, kernels, ciphers,
      stages: { reedSolomon: bestKernel, seal: bestCipher, hash, compress: `zstd ${zstd}` },
      detail: `reed-solomon ${bestKernel}, seal ${bestCipher}, hash ${hash}, compress zstd ${zstd}`,
    },
    async measure(request: MeasureRequest, data: Buffer): Promise<Measured> {
      const { op, bytes, rounds, roundMs, threads = 1, calls = 1, level = contentDecides, kernel = bestKernel, cipher = bestCipher } = request;
      const codec = createNativeCodec(native, { kernel, cipher });
      const check = await checkWith(codec, request, data, (row) => nativeBody(native, bodyFrom(row)));
      const measured = await Promise.all(Array.from({ length: calls }, () => native.cesMeasure({ op, kernel, cipher, level, bytes, rounds, roundMs, threads, data })));
      return { check, rates: (measured[0] ?? []).map((_, round) => measured.reduce((sum, rates) => sum + (rates[round] ?? 0), 0)) };
    },
  };
}
