//! Stripes: up to eight segments sealed on their own, each of them a data shard, and parity over them.

use std::ops::Range;

use blake3::Hasher;

use crate::memory::{Memory, Span};
use crate::rows::{Input, Output, Target, parity_coefficients, produce};
use crate::seal::Key;
use crate::segment::{Context, seal_segment};
use crate::spread::spread;
use crate::{
    Compression, DATA_SHARDS, Encoded, Engine, Error, IDENTITY_BYTES, Kernel, PARITY_SHARDS, Result, identity,
};

/// Seals the segments that `lengths` cuts `plaintext` into, on up to `threads` threads, and adds parity.
pub fn encode_stripe<M: Memory>(
    engine: &Engine,
    plaintext: Span<'_>,
    lengths: &[usize],
    key: &Key,
    context: &Context,
    compression: Compression<'_>,
    threads: usize,
) -> Result<Encoded<M>> {
    let total = lengths.iter().fold(0_usize, |sum, length| sum.saturating_add(*length));
    if lengths.len() != context.segments_in_stripe || lengths.len() > DATA_SHARDS || total != plaintext.length() {
        return Err(Error::Internal(format!(
            "{} segments of {total} bytes do not fit a stripe of {} with {}",
            lengths.len(),
            context.segments_in_stripe,
            plaintext.length()
        )));
    }
    let mut start = 0;
    let segments: Vec<Span<'_>> = lengths
        .iter()
        .map(|length| {
            start += length;
            plaintext.part(start - length..start)
        })
        .collect();
    let sealed = spread(threads, segments.len(), |segment| {
        let (memory, bytes) = seal_segment::<M>(engine, segments[segment], segment, key, context, compression)?;
        let identity = identity(memory.bytes());
        Ok((memory, bytes, identity))
    });
    let mut encoded = Encoded { shards: Vec::new(), identities: Vec::new(), compressed_bytes: 0 };
    for result in sealed {
        let (memory, bytes, identity) = result?;
        encoded.shards.push(memory);
        encoded.identities.push(identity);
        encoded.compressed_bytes += bytes;
    }
    while encoded.shards.len() < DATA_SHARDS {
        encoded.shards.push(M::with_capacity(0));
        encoded.identities.push(identity(&[]));
    }
    let data: Vec<&[u8]> = encoded.shards.iter().map(Memory::bytes).collect();
    let coded = add_parity::<M>(engine.kernel, &data, false, threads);
    for (memory, identity) in coded.parity {
        encoded.shards.push(memory);
        encoded.identities.push(identity);
    }
    Ok(encoded)
}

/// What [`add_parity`] makes.
pub struct Coded<M> {
    /// The four parity rows and their identities.
    pub parity: Vec<(M, [u8; IDENTITY_BYTES])>,
    /// Those of the data rows, when asked for.
    pub data_identities: Vec<[u8; IDENTITY_BYTES]>,
}

/// Parity over data rows as if padded to the longest; each thread makes its share of the rows.
pub fn add_parity<M: Memory>(kernel: Kernel, data: &[&[u8]], hash_data: bool, threads: usize) -> Coded<M> {
    let length = data.iter().map(|row| row.len()).max().unwrap_or(0);
    let shares = threads.clamp(1, PARITY_SHARDS);
    let share_of = |rows: usize, share: usize| -> Range<usize> { rows * share / shares..rows * (share + 1) / shares };
    let made = spread(shares, shares, |share| {
        let hashed = if hash_data { share_of(data.len(), share) } else { 0..0 };
        let mut inputs: Vec<Input<'_>> = data
            .iter()
            .enumerate()
            .map(|(row, bytes)| Input { bytes, hasher: hashed.contains(&row).then(Hasher::new) })
            .collect();
        let rows = share_of(PARITY_SHARDS, share);
        let mut memories: Vec<M> = rows.clone().map(|_| M::with_capacity(length)).collect();
        let mut outputs: Vec<Output<'_>> = rows
            .zip(&mut memories)
            .map(|(row, memory)| Output {
                coefficients: parity_coefficients(row),
                length,
                target: Target::Grow(memory.vec()),
                hasher: Some(Hasher::new()),
            })
            .collect();
        produce(kernel, &mut inputs, &mut outputs);
        let digests: Vec<_> = outputs.into_iter().filter_map(|output| finish(output.hasher)).collect();
        let parity: Vec<_> = memories.into_iter().zip(digests).collect();
        (parity, inputs.into_iter().filter_map(|input| finish(input.hasher)).collect::<Vec<_>>())
    });
    let mut coded = Coded { parity: Vec::new(), data_identities: Vec::new() };
    for (parity, data_identities) in made {
        coded.parity.extend(parity);
        coded.data_identities.extend(data_identities);
    }
    coded
}

fn finish(hasher: Option<Hasher>) -> Option<[u8; IDENTITY_BYTES]> {
    hasher.map(|hasher| *hasher.finalize().as_bytes())
}
