//! One segment: compressed, sealed with its place bound in (`schema/segment.md`).

use crate::compress::{frame_capacity, read_frame};
use crate::memory::{Memory, Span};
use crate::seal::{self, Key};
use crate::sealing::{Place, begin};
use crate::workspace::{Workspace, room};
use crate::{
    Compression, DATA_SHARDS, Dictionary, Engine, Error, IDENTITY_BYTES, MAX_SEGMENT_BYTES, MAX_SHARD_BYTES, Result,
};

const CONTEXT_NAME: &[u8; 21] = b"pangea-node 1 segment";
const ASSOCIATED_BYTES: usize = CONTEXT_NAME.len() + 32 + 8 + 1 + 1 + 4;

/// Where in which object a stripe is.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The layout's public salt.
    pub salt: [u8; 32],
    /// Number of the stripe in the object.
    pub stripe: u64,
    /// How many segments it has, 1–8.
    pub segments_in_stripe: usize,
}

impl Context {
    /// What is bound into segment `segment`; `INTERNAL` for one that cannot be.
    pub fn associated_data(&self, segment: usize, plaintext_bytes: usize) -> Result<[u8; ASSOCIATED_BYTES]> {
        let count = self.segments_in_stripe;
        if !(1..=DATA_SHARDS).contains(&count) || segment >= count || plaintext_bytes > MAX_SEGMENT_BYTES {
            return Err(Error::Internal(format!("no such segment: {segment} of {count}, {plaintext_bytes} bytes")));
        }
        let fields: [&[u8]; 6] = [
            CONTEXT_NAME,
            &self.salt,
            &self.stripe.to_le_bytes(),
            &[segment as u8],
            &[count as u8],
            &(plaintext_bytes as u32).to_le_bytes(),
        ];
        let mut data = [0; ASSOCIATED_BYTES];
        let mut at = 0;
        for field in fields {
            data[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        }
        Ok(data)
    }
}

/// A segment under its seal.
pub struct Sealed<M> {
    /// The shard.
    pub shard: M,
    /// Its identity.
    pub identity: [u8; IDENTITY_BYTES],
    /// Bytes that the compressor gave.
    pub compressed_bytes: usize,
}

/// Seals one segment into fresh memory.
pub fn seal_segment<M: Memory>(
    engine: &Engine,
    plaintext: Span<'_>,
    segment: usize,
    key: &Key,
    context: &Context,
    compression: Compression<'_>,
) -> Result<Sealed<M>> {
    let associated_data = context.associated_data(segment, plaintext.length())?;
    let mut shard = M::with_capacity(frame_capacity(plaintext.length()) + seal::OVERHEAD_BYTES);
    let place = Place { front: 0, length_of: |sealed_bytes| sealed_bytes };
    let mut sealing = begin(engine, &mut shard, place, plaintext, compression, key, &associated_data)?;
    let (compressed_bytes, length) = (sealing.text_bytes(), sealing.sealed_bytes());
    let identity = sealing.shard(0..length);
    Ok(Sealed { shard, identity, compressed_bytes })
}

/// Opens one segment to exactly `plaintext_bytes`, or `CORRUPT`.
pub fn open_segment<M: Memory>(
    engine: &Engine,
    sealed: &[u8],
    segment: usize,
    plaintext_bytes: usize,
    key: &Key,
    context: &Context,
    dictionary: Option<&Dictionary>,
) -> Result<M> {
    let associated_data = context.associated_data(segment, plaintext_bytes)?;
    if sealed.len() < seal::OVERHEAD_BYTES || sealed.len() > MAX_SHARD_BYTES {
        return Err(Error::Corrupt(format!("{} bytes are no sealed segment", sealed.len())));
    }
    Workspace::with(|tools| {
        let frame = room(&mut tools.scratch, sealed.len() - seal::OVERHEAD_BYTES);
        seal::open_into(engine.cipher, frame, key, sealed, &associated_data)?;
        let mut memory = M::with_capacity(plaintext_bytes);
        let other_length = || Error::Corrupt(format!("the segment does not hold {plaintext_bytes} bytes"));
        match read_frame(&mut tools.decompressor, frame, dictionary, plaintext_bytes, |_| memory.vec()) {
            Ok(()) if memory.bytes().len() == plaintext_bytes => Ok(memory),
            Ok(()) | Err(Error::TooLarge(_)) => Err(other_length()),
            Err(error) => Err(error),
        }
    })
}
