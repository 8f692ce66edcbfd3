//! How much memory a call takes until its result is handed over, told before it begins, so that a host can bound the
//! sum. What the caller lends is not counted.

use crate::compress::frame_capacity;
use crate::seal::OVERHEAD_BYTES;
use crate::{DATA_SHARDS, Effort, MAX_WHOLE_BYTES, PARITY_SHARDS};

const MIB: usize = 1024 * 1024;
const DECOMPRESSOR_BYTES: usize = MIB / 8;
/// The trainer keeps the samples, their suffixes and frequencies.
const TRAINER_BYTES_PER_SAMPLE_BYTE: usize = 13;

/// Bytes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// On one thread.
    pub bytes: usize,
    /// More for each thread more.
    pub helper_bytes: usize,
}

/// Encoding segments, or one whole block as a single length, with a dictionary of so many bytes or 0. The tables that a
/// prepared dictionary keeps for later calls are not counted.
#[must_use]
pub fn encoding(lengths: &[usize], effort: Effort, dictionary_bytes: usize) -> Footprint {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let sealed = |length: usize| frame_capacity(length) + OVERHEAD_BYTES + DATA_SHARDS;
    let data = lengths.iter().fold(0, |sum: usize, length| sum.saturating_add(sealed(*length)));
    let parity = if lengths.len() == 1 { sealed(longest) / 2 } else { PARITY_SHARDS * sealed(longest) };
    let helper_bytes = compressor_bytes(effort, longest.saturating_add(dictionary_bytes)) + longest;
    // Pooled blocks are up to a sixteenth larger than asked for.
    Footprint { bytes: (data + parity) / 16 * 17 + helper_bytes, helper_bytes }
}

/// Decoding a whole block of shards of that length to at most `max_bytes`.
#[must_use]
pub fn decoding(shard_bytes: usize, max_bytes: usize) -> Footprint {
    one_thread(DATA_SHARDS * shard_bytes + max_bytes.min(MAX_WHOLE_BYTES) / 16 * 17 + DECOMPRESSOR_BYTES)
}

/// Opening a segment.
#[must_use]
pub fn opening(sealed_bytes: usize, plaintext_bytes: usize) -> Footprint {
    one_thread(sealed_bytes + plaintext_bytes / 16 * 17 + DECOMPRESSOR_BYTES)
}

/// Making rows of these lengths.
#[must_use]
pub fn rebuilding(lengths: impl Iterator<Item = usize>) -> Footprint {
    one_thread(lengths.fold(0, |sum: usize, length| sum.saturating_add(length)) / 16 * 17)
}

/// Learning a dictionary of samples with so many bytes together.
#[must_use]
pub fn training(sample_bytes: usize) -> Footprint {
    one_thread(sample_bytes.saturating_mul(TRAINER_BYTES_PER_SAMPLE_BYTE))
}

fn one_thread(bytes: usize) -> Footprint {
    Footprint { bytes, helper_bytes: 0 }
}

/// Most that zstd's context takes for content of that length and that of its dictionary. High levels size their tables
/// by both together.
fn compressor_bytes(effort: Effort, content_bytes: usize) -> usize {
    match effort {
        Effort::Store => 0,
        Effort::Level(level) | Effort::Sample { max: level, .. } => {
            let by_content = MIB + 18 * content_bytes.min(MAX_WHOLE_BYTES).next_power_of_two();
            match level {
                ..=4 => 4 * MIB,
                5..=9 => 16 * MIB,
                10..=18 => by_content.min(68 * MIB),
                19 => by_content.min(84 * MIB),
                _ => by_content,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_context_of_zstd_is_larger_than_told() {
        for content_bytes in [1, 100 * 1024, MIB, 9 * MIB] {
            let content = vec![0; content_bytes];
            let mut out = vec![0; zstd_safe::compress_bound(content_bytes)];
            for level in 1..=22 {
                let mut context = zstd_safe::CCtx::create();
                context.compress(&mut out[..], &content, level).unwrap();
                let told = compressor_bytes(Effort::Level(level), content_bytes);
                assert!(
                    context.sizeof() <= told,
                    "level {level}, {content_bytes} bytes: {} > {told}",
                    context.sizeof()
                );
            }
        }
        assert!(zstd_safe::DCtx::create().sizeof() <= DECOMPRESSOR_BYTES);
    }

    #[test]
    fn a_dictionary_before_the_content_is_told_too() {
        for dictionary_bytes in [4096, 110 * 1024, 300 * 1024] {
            // Without zstd's header all of it is content, which is what tables are sized by.
            let dictionary: Vec<u8> = (0..dictionary_bytes).map(|at| ((at * 31) >> 3) as u8).collect();
            for level in [1, 3, 9, 12, 16, 19, 20, 22] {
                let prepared = zstd_safe::CDict::create(&dictionary, level);
                for content_bytes in [1, 100 * 1024, MIB, 4 * MIB] {
                    let content = vec![0; content_bytes];
                    let mut out = vec![0; zstd_safe::compress_bound(content_bytes)];
                    let mut context = zstd_safe::CCtx::create();
                    context.compress_using_cdict(&mut out[..], &content, &prepared).unwrap();
                    let told = encoding(&[content_bytes], Effort::Level(level), dictionary_bytes).helper_bytes;
                    assert!(
                        context.sizeof() + content_bytes <= told,
                        "level {level}, {content_bytes} bytes behind {dictionary_bytes}: {} > {told}",
                        context.sizeof() + content_bytes
                    );
                }
            }
        }
    }

    #[test]
    fn a_stripe_of_the_node_takes_some_thirty_mebibytes() {
        let stripe = encoding(&[MIB; DATA_SHARDS], Effort::Sample { min: 3, max: 9 }, 0);
        assert!(stripe.bytes > 12 * MIB && stripe.bytes < 32 * MIB, "{stripe:?}");
    }
}
