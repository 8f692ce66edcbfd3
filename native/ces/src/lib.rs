//! CES: compress (zstd), encrypt (XChaCha20-Poly1305), shard (8+4 Reed–Solomon), with no I/O and no runtime.
//!
//! Two ways to cut, one code. [`whole`] compresses and seals once and cuts the sealed bytes in eight
//! equal slices; [`stripe`] seals up to eight segments on their own, each of them a data shard, with parity
//! as if all were padded with zeros to the longest. The bytes are fixed in `schema/`.
//!
//! Calls take the number of threads they may use; with one they never start any, so that the crate
//! also works where there are none. Memory for shards comes from the caller through [`Memory`].

mod cipher;
mod compress;
pub mod dictionary;
mod engine;
mod error;
mod field;
pub mod footprint;
mod frame;
mod hash;
pub mod judge;
pub mod kernel;
pub mod matrix;
pub mod measure;
mod memory;
pub mod rows;
pub mod seal;
mod sealing;
pub mod segment;
pub mod selftest;
mod spread;
pub mod stripe;
pub mod whole;
pub mod wide;
mod workspace;

pub use cipher::Cipher;
pub use compress::{Compression, Effort};
pub use dictionary::Dictionary;
pub use engine::Engine;
pub use error::{Error, Result};
pub use hash::{derive_key, hash_kernel, identity};
pub use kernel::Kernel;
pub use memory::{Memory, Span};
pub use zstd_safe::version_string as zstd_version;

/// Rows that carry data.
pub const DATA_SHARDS: usize = 8;
/// Rows that carry parity.
pub const PARITY_SHARDS: usize = 4;
/// All rows.
pub const TOTAL_SHARDS: usize = DATA_SHARDS + PARITY_SHARDS;
/// Bytes of a shard's identity, its BLAKE3-256 hash.
pub const IDENTITY_BYTES: usize = 32;
/// Most plaintext of one segment.
pub const MAX_SEGMENT_BYTES: usize = 4 * 1024 * 1024;
/// Most plaintext of one whole block.
pub const MAX_WHOLE_BYTES: usize = 64 * 1024 * 1024;
/// Longest shard there can be: an eighth of a whole block, with what zstd may add to it at worst.
pub const MAX_SHARD_BYTES: usize = (MAX_WHOLE_BYTES + 1024 * 1024) / DATA_SHARDS;

/// Twelve shards and what names them.
pub struct Encoded<Shard> {
    /// Data first. In a stripe a row without a segment is empty.
    pub shards: Vec<Shard>,
    /// BLAKE3-256 of each.
    pub identities: Vec<[u8; IDENTITY_BYTES]>,
    /// Bytes that the compressor gave.
    pub compressed_bytes: usize,
}
