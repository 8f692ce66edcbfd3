//! Whole blocks (`schema/ces-block.md`): u32 length of the sealed bytes, the sealed bytes, zeros up to
//! eight equal slices, parity. What the other Pangea implementations read and write.

use crate::compress::{frame_capacity, read_frame};
use crate::memory::{Memory, Span};
use crate::rows::Rows;
use crate::seal::{self, Key};
use crate::sealing::{Place, begin};
use crate::stripe::add_parity;
use crate::workspace::{Workspace, room};
use crate::{Compression, DATA_SHARDS, Dictionary, Engine, Error, IDENTITY_BYTES, Kernel, MAX_WHOLE_BYTES, Result};

const PREFIX_BYTES: usize = 4;

/// A sealed block in one piece of memory, and the parity over it.
pub struct Block<M> {
    /// Eight data shards, one after the other.
    pub data: M,
    /// Length of each shard.
    pub shard_bytes: usize,
    /// The four parity shards.
    pub parity: Vec<M>,
    /// BLAKE3-256 of the twelve.
    pub identities: Vec<[u8; IDENTITY_BYTES]>,
    /// Bytes that the compressor gave.
    pub compressed_bytes: usize,
}

/// Compresses, seals and cuts up to 64 MiB.
pub fn encode_whole<M: Memory>(
    engine: &Engine,
    plaintext: Span<'_>,
    key: &Key,
    compression: Compression<'_>,
    threads: usize,
) -> Result<Block<M>> {
    let length = plaintext.length();
    if length > MAX_WHOLE_BYTES {
        return Err(Error::TooLarge(format!("{length} bytes; a whole block holds {MAX_WHOLE_BYTES}")));
    }
    let mut data = M::with_capacity(PREFIX_BYTES + seal::OVERHEAD_BYTES + frame_capacity(length) + DATA_SHARDS);
    let place = Place { front: PREFIX_BYTES, length_of: |sealed_end: usize| sealed_end.next_multiple_of(DATA_SHARDS) };
    let mut sealing = begin(engine, &mut data, place, plaintext, compression, key, &[])?;
    let (compressed_bytes, sealed_bytes) = (sealing.text_bytes(), sealing.sealed_bytes());
    sealing.front().copy_from_slice(&(sealed_bytes as u32).to_le_bytes());
    let shard_bytes = (PREFIX_BYTES + sealed_bytes).div_ceil(DATA_SHARDS);
    // With several threads hashing is what they share, since sealing cannot be.
    let mut identities: Vec<_> = if threads > 1 {
        sealing.up_to(shard_bytes * DATA_SHARDS);
        Vec::new()
    } else {
        (0..DATA_SHARDS).map(|row| sealing.shard(row * shard_bytes..(row + 1) * shard_bytes)).collect()
    };
    let slices: Vec<&[u8]> = data.bytes().chunks_exact(shard_bytes).collect();
    let coded = add_parity::<M>(engine.kernel, &slices, threads > 1, threads);
    identities.extend(coded.data_identities);
    let (parity, of_parity): (Vec<M>, Vec<_>) = coded.parity.into_iter().unzip();
    identities.extend(of_parity);
    Ok(Block { data, shard_bytes, parity, identities, compressed_bytes })
}

/// Opens a block from any eight shards. More plaintext than `max_bytes`, or than a block holds, is `TOO_LARGE`.
pub fn decode_whole<M: Memory>(
    engine: &Engine,
    shards: &[Option<&[u8]>],
    key: &Key,
    dictionary: Option<&Dictionary>,
    max_bytes: usize,
) -> Result<M> {
    let (rows, shard_bytes) = Rows::of_one_length(shards)?;
    // A frame need not say how long its content is, and then as much memory is taken as there may be.
    let max_bytes = max_bytes.min(MAX_WHOLE_BYTES);
    Workspace::with(|tools| {
        let block = room(&mut tools.scratch, shard_bytes * DATA_SHARDS);
        join(engine.kernel, &rows, shard_bytes, block);
        let frame = seal::open_in_place(engine.cipher, sealed_in(block)?, key, &[])?;
        let mut memory = None;
        read_frame(&mut tools.decompressor, frame, dictionary, max_bytes, |bytes| {
            memory.insert(M::with_capacity(bytes)).vec()
        })?;
        memory.ok_or_else(|| Error::Internal("a frame was read without asking for room".into()))
    })
}

/// The eight slices one after the other, missing ones made on the spot.
fn join(kernel: Kernel, rows: &Rows<'_>, shard_bytes: usize, block: &mut [u8]) {
    if shard_bytes == 0 {
        return;
    }
    let missing = block.chunks_exact_mut(shard_bytes).enumerate().filter_map(|(row, room)| match rows.get(row) {
        Some(bytes) => {
            room.copy_from_slice(bytes);
            None
        }
        None => Some((row, room)),
    });
    rows.rebuild(kernel, missing);
}

/// The sealed bytes in a block whose length and padding are what an encoder writes.
fn sealed_in(block: &mut [u8]) -> Result<&mut [u8]> {
    let broken = || Error::Corrupt("the shards do not make up one sealed block".into());
    let total = block.len();
    let (prefix, rest) = block.split_first_chunk_mut::<PREFIX_BYTES>().ok_or_else(broken)?;
    let sealed_bytes = u32::from_le_bytes(*prefix) as usize;
    let (sealed, padding) = rest.split_at_mut_checked(sealed_bytes).ok_or_else(broken)?;
    if (PREFIX_BYTES + sealed_bytes).div_ceil(DATA_SHARDS) * DATA_SHARDS != total
        || padding.iter().any(|byte| *byte != 0)
    {
        return Err(broken());
    }
    Ok(sealed)
}
