/** Which variants this process runs: the best that is there, or what `--force` says; never silently another. */
import { parseForce, type Forced } from '../capabilities/capabilities.ts';
import { createNativeCodec, createPortableCodec, type Codec } from '../codec/codec.ts';
import { PangeaError } from '../errors/errors.ts';
import { loadNative, type Native, type NativeLoad } from '../native/native.ts';

export interface Paths {
  readonly forced: Forced;
  readonly native: NativeLoad;
  readonly codec: Codec;
}

export function choosePaths(force: readonly string[]): Paths {
  const forced = parseForce(force);
  const native = loadNative();
  return { forced, native, codec: wantsNative('codec', forced, native) ? createNativeCodec(nativeOf(native)) : createPortableCodec() };
}

/** True when the native variant of a stage is to be taken. Throws `BACKEND_UNAVAILABLE` when it is forced but not there. */
export function wantsNative(stage: 'codec' | 'store' | 'host' | 'transport', forced: Forced, native: NativeLoad): boolean {
  const wanted = forced[stage];
  const nativeName = stage === 'transport' ? 'quic' : 'native';
  if (wanted === nativeName && !native.ok) throw new PangeaError('BACKEND_UNAVAILABLE', `${stage}=${wanted} is forced, but ${native.reason}`);
  return native.ok && (wanted === undefined || wanted === nativeName);
}

export function nativeOf(load: NativeLoad): Native {
  if (!load.ok) throw new PangeaError('NATIVE_UNAVAILABLE', load.reason);
  return load.native;
}
