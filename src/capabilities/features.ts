/** What paths need of a machine, and what `--force no-…` takes away with it. */
import type { Capabilities, Feature, StagePlan } from './capabilities.ts';

type Stage = StagePlan['stage'];

export const features: Readonly<Record<Feature, string>> = {
  ssse3: 'SSSE3', avx2: 'AVX2', avx512: 'AVX-512', gfni: 'GFNI', neon: 'NEON', simd128: 'WebAssembly SIMD', native: 'native addon',
};

/** No processor has the second without the first, so hiding the first hides both: `no-avx2` gives what a machine of 2012 had. */
const builtOn: Readonly<Partial<Record<Feature, Feature>>> = { avx2: 'ssse3', avx512: 'avx2' };

/** Reed–Solomon kernels and ciphers by name, in the order in which they are expected to be fast. */
export const kernelNeeds: Readonly<Record<string, readonly Feature[]>> = {
  'gfni-avx512': ['native', 'gfni', 'avx512'],
  'gfni-avx2': ['native', 'gfni', 'avx2'],
  avx512: ['native', 'avx512'],
  avx2: ['native', 'avx2'],
  ssse3: ['native', 'ssse3'],
  neon: ['native', 'neon'],
  simd128: ['simd128'],
  scalar: ['native'],
};
export const cipherNeeds: Readonly<Record<string, readonly Feature[]>> = {
  avx512: ['native', 'avx512'],
  dryoc: ['native'],
  ring: ['native'],
  rustcrypto: ['native'],
};

export function needsOf(stage: Stage, path: string): readonly Feature[] {
  if (stage === 'reed-solomon') return kernelNeeds[path] ?? ['native'];
  if (stage === 'seal') return cipherNeeds[path] ?? ['native'];
  if (path === 'wasm') return ['simd128'];
  return path === 'native' || path === 'quic' ? ['native'] : [];
}

/** The feature among the hidden ones that this path cannot do without. */
export function hiddenNeed(stage: Stage, path: string, hidden: readonly Feature[] = []): Feature | undefined {
  return needsOf(stage, path).flatMap(ancestors).find((feature) => hidden.includes(feature));
}

/** The first thing that the path needs and this processor has not. What the addon and WebAssembly lack is told by their loaders. */
export function lackingNeed(stage: Stage, path: string, cpu: Capabilities['cpu']): Feature | undefined {
  return needsOf(stage, path).find((feature) => feature in cpu && !cpu[feature as keyof typeof cpu]);
}

function ancestors(feature: Feature): Feature[] {
  const below = builtOn[feature];
  return below === undefined ? [feature] : [feature, ...ancestors(below)];
}
