//! BLAKE3, with the name of what it runs on.

use crate::IDENTITY_BYTES;

/// The identity of a shard.
#[must_use]
pub fn identity(bytes: &[u8]) -> [u8; IDENTITY_BYTES] {
    *blake3::hash(bytes).as_bytes()
}

/// BLAKE3 in its key derivation mode.
#[must_use]
pub fn derive_key(context: &str, material: &[u8]) -> [u8; 32] {
    blake3::derive_key(context, material)
}

/// The instruction set that BLAKE3 found, e.g. `blake3 avx512`.
#[must_use]
pub fn hash_kernel() -> String {
    format!("blake3 {:?}", blake3::platform::Platform::detect()).to_lowercase()
}
