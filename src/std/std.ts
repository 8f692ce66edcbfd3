/**
 * What the language's own library lacks: a clock, randomness and bytes that come in as arguments,
 * so that the same production code runs under a simulated world. Nothing here knows the project.
 */
export { type Clock, type Timer, systemClock } from './clock.ts';
export { type Random, systemRandom, seededRandom } from './random.ts';
export { alignedBytes } from './aligned.ts';
export { concatBytes, equalBytes, fromHex, toHex, utf8, fromUtf8 } from './bytes.ts';
export { ByteReader, ByteWriter } from './binary.ts';
export { fromBase32, toBase32 } from './base32.ts';
export { parseJson } from './json.ts';
export { Semaphore, mapConcurrent } from './semaphore.ts';
