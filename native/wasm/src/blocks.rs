//! The codec: whole blocks, stripes, segments, rows. One thread, since a module has one.

use pangea_ces::segment::{Context, open_segment};
use pangea_ces::stripe::encode_stripe;
use pangea_ces::whole::{decode_whole, encode_whole};
use pangea_ces::{Compression, Dictionary, Effort, Error, Kernel, Result, Span, rows};

use crate::memory::{self, Bytes, bytes, numbers, places};
use crate::nonces::engine;
use crate::reply::{Reply, leave};

const THREADS: usize = 1;

/// How to compress, as the host writes it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct How {
    /// 0 stores, 1 takes the level `min`, 2 lets the content decide.
    pub effort: u32,
    /// Lowest level.
    pub min: i32,
    /// Highest level.
    pub max: i32,
    /// A dictionary, or nothing.
    pub dictionary: Bytes,
}

/// Where a segment or stripe is, as the host writes it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Place {
    /// Number of the stripe in the object.
    pub stripe: u64,
    /// How many segments it has.
    pub segments_in_stripe: usize,
    /// The layout's salt.
    pub salt: [u8; 32],
}

impl Place {
    fn context(self) -> Context {
        Context { salt: self.salt, stripe: self.stripe, segments_in_stripe: self.segments_in_stripe }
    }
}

impl How {
    fn effort(self) -> Result<Effort> {
        match self.effort {
            0 => Ok(Effort::Store),
            1 => Ok(Effort::Level(self.min)),
            2 => Ok(Effort::Sample { min: self.min, max: self.max }),
            other => Err(Error::Internal(format!("no such effort: {other}"))),
        }
    }
}

/// Compresses, seals and cuts; takes one nonce. The reply has twelve shards.
///
/// # Safety
/// Addresses lead to what they are named for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_encode_whole(
    plaintext: *const u8,
    plaintext_bytes: usize,
    key: *const u8,
    how: *const How,
) -> u32 {
    // SAFETY: the caller's promise.
    let (plaintext, key, how) = unsafe { (bytes(plaintext, plaintext_bytes), memory::key(key), *how) };
    leave((|| {
        // SAFETY: the caller's promise.
        let dictionary = unsafe { how.dictionary.get() }.map(Dictionary::shared).transpose()?;
        let compression = Compression { effort: how.effort()?, dictionary: dictionary.as_deref() };
        let block = encode_whole::<Vec<u8>>(&engine(1)?, Span::new(&[plaintext]), key?, compression, THREADS)?;
        let reply = Reply::whole(block.data, block.shard_bytes, block.parity);
        Ok(reply.encoded(&block.identities, block.compressed_bytes))
    })())
}

/// Seals segments and adds parity; takes a nonce a segment. The reply has twelve shards.
///
/// # Safety
/// Addresses lead to what they are named for, `lengths` to `count` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_encode_stripe(
    plaintext: *const u8,
    plaintext_bytes: usize,
    lengths: *const u32,
    count: usize,
    key: *const u8,
    place: *const Place,
    how: *const How,
) -> u32 {
    // SAFETY: the caller's promise.
    let (plaintext, lengths, key, place, how) =
        unsafe { (bytes(plaintext, plaintext_bytes), numbers(lengths, count), memory::key(key), *place, *how) };
    leave((|| {
        // SAFETY: the caller's promise.
        let dictionary = unsafe { how.dictionary.get() }.map(Dictionary::shared).transpose()?;
        let compression = Compression { effort: how.effort()?, dictionary: dictionary.as_deref() };
        let encoded = encode_stripe::<Vec<u8>>(
            &engine(lengths.len())?,
            Span::new(&[plaintext]),
            &lengths,
            key?,
            &place.context(),
            compression,
            THREADS,
        )?;
        Ok(Reply::many(encoded.shards).encoded(&encoded.identities, encoded.compressed_bytes))
    })())
}

/// Opens a block from any eight of twelve shards.
///
/// # Safety
/// `shards` leads to twelve [`Bytes`], `dictionary` to one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_decode_whole(
    shards: *const Bytes,
    key: *const u8,
    max_bytes: usize,
    dictionary: *const Bytes,
) -> u32 {
    // SAFETY: the caller's promise.
    let (shards, key, dictionary) = unsafe { (places(shards), memory::key(key), (*dictionary).get()) };
    leave((|| {
        let dictionary = dictionary.map(Dictionary::shared).transpose()?;
        // Reading takes no nonce.
        let block = decode_whole::<Vec<u8>>(&engine(0)?, &shards, key?, dictionary.as_deref(), max_bytes)?;
        Ok(Reply::one(block))
    })())
}

/// Opens a segment to exactly `plaintext_bytes`.
///
/// # Safety
/// Addresses lead to what they are named for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_open_segment(
    sealed: *const u8,
    sealed_bytes: usize,
    segment: usize,
    plaintext_bytes: usize,
    key: *const u8,
    place: *const Place,
    dictionary: *const Bytes,
) -> u32 {
    // SAFETY: the caller's promise.
    let (sealed, key, place, dictionary) =
        unsafe { (bytes(sealed, sealed_bytes), memory::key(key), *place, (*dictionary).get()) };
    leave((|| {
        let dictionary = dictionary.map(Dictionary::shared).transpose()?;
        let opened = open_segment::<Vec<u8>>(
            &engine(0)?,
            sealed,
            segment,
            plaintext_bytes,
            key?,
            &place.context(),
            dictionary.as_deref(),
        )?;
        Ok(Reply::one(opened))
    })())
}

/// Makes rows from any eight others. A row that was given comes back empty: the host has it.
///
/// # Safety
/// `shards` leads to twelve [`Bytes`], `lengths` to twelve numbers, `wanted` to `count`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_reconstruct(
    shards: *const Bytes,
    lengths: *const u32,
    wanted: *const u32,
    count: usize,
) -> u32 {
    // SAFETY: the caller's promise.
    let (shards, lengths, wanted) =
        unsafe { (places(shards), numbers(lengths, pangea_ces::TOTAL_SHARDS), numbers(wanted, count)) };
    leave(
        rows::reconstruct::<Vec<u8>>(Kernel::detect(), &shards, &lengths, &wanted)
            .map(|made| Reply::many(made.into_iter().map(Option::unwrap_or_default).collect())),
    )
}
