/** The numbers of the format, apart from the door so that its backends can use them while the door loads. */

export const dataShards = 8;
export const parityShards = 4;
export const totalShards = 12;
export const keyBytes = 32;
export const nonceBytes = 24;
export const tagBytes = 16;
/** BLAKE3-256 of a shard's bytes. */
export const identityBytes = 32;
export const maxSegmentBytes = 4 * 1024 * 1024;
export const maxWholeBytes = 64 * 1024 * 1024;
/** What sealing and a frame around incompressible data can add to one segment, and so the longest shard. */
export const maxShardBytes = maxSegmentBytes + 64 * 1024;
/** Beyond some 100 KiB a dictionary gains next to nothing. */
export const maxDictionaryBytes = 1024 * 1024;
/** Most bytes of samples that a dictionary is learnt from: a hundred times the usual one, in a second or two. */
export const maxSampleBytes = 32 * 1024 * 1024;
