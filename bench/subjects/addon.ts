/** The native codec as TypeScript calls it. A call takes the cores that are free, as it does in the node. */
import { bodyFrom, nativeBody } from '../../src/body/body.ts';
import { createNativeCodec } from '../../src/codec/codec.ts';
import { loadNative } from '../../src/native/native.ts';
import { version } from '../../src/node/version.ts';
import { codecSubject } from './codec.ts';
import { serve } from './serve.ts';

await serve(() => {
  const load = loadNative();
  if (!load.ok) throw new Error(load.reason);
  const { native } = load;
  return codecSubject(createNativeCodec(native), {
    version, language: `Rust through N-API, Node ${process.versions.node}`, body: (bytes) => nativeBody(native, bodyFrom(bytes)),
  });
});
