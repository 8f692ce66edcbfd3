//! Calls on small things: keys, hashes, sealed headers; and what all of it runs on.

use pangea_ces::{Cipher, Error, Kernel, derive_key, dictionary, hash_kernel, identity, seal};

use crate::memory::{self, bytes, numbers};
use crate::nonces::engine;
use crate::reply::{Reply, leave};

/// Names of what the stages run on, a line each: Reed–Solomon, seal, hash.
#[unsafe(no_mangle)]
pub extern "C" fn ces_kernels() -> u32 {
    let names = [Kernel::detect().name(), Cipher::detect().name(), &hash_kernel()].join("\n");
    leave(Ok(Reply::one(names.into_bytes())))
}

/// BLAKE3-256.
///
/// # Safety
/// `length` bytes are at `at`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_identity(at: *const u8, length: usize) -> u32 {
    // SAFETY: the caller's promise.
    let bytes = unsafe { bytes(at, length) };
    leave(Ok(Reply::one(identity(bytes).to_vec())))
}

/// BLAKE3's key derivation; the context is UTF-8.
///
/// # Safety
/// Both runs of bytes are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_derive_key(
    context: *const u8,
    context_bytes: usize,
    material: *const u8,
    material_bytes: usize,
) -> u32 {
    // SAFETY: the caller's promise.
    let (context, material) = unsafe { (bytes(context, context_bytes), bytes(material, material_bytes)) };
    let context = str::from_utf8(context).map_err(|_| Error::Internal("a context is text".into()));
    leave(context.map(|context| Reply::one(derive_key(context, material).to_vec())))
}

/// Seals; takes one nonce.
///
/// # Safety
/// `key` leads to 32 bytes, and both runs of bytes are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_seal(
    key: *const u8,
    plaintext: *const u8,
    plaintext_bytes: usize,
    associated_data: *const u8,
    associated_bytes: usize,
) -> u32 {
    // SAFETY: the caller's promise.
    let (key, plaintext, associated_data) =
        unsafe { (memory::key(key), bytes(plaintext, plaintext_bytes), bytes(associated_data, associated_bytes)) };
    leave((|| Ok(Reply::one(seal::seal(&engine(1)?, key?, plaintext, associated_data)?)))())
}

/// Opens what was sealed.
///
/// # Safety
/// As for [`ces_seal`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_open(
    key: *const u8,
    sealed: *const u8,
    sealed_bytes: usize,
    associated_data: *const u8,
    associated_bytes: usize,
) -> u32 {
    // SAFETY: the caller's promise.
    let (key, sealed, associated_data) =
        unsafe { (memory::key(key), bytes(sealed, sealed_bytes), bytes(associated_data, associated_bytes)) };
    leave((|| {
        let mut plaintext = vec![0; sealed.len().saturating_sub(seal::OVERHEAD_BYTES)];
        seal::open_into(Cipher::detect(), &mut plaintext, key?, sealed, associated_data)?;
        Ok(Reply::one(plaintext))
    })())
}

/// Learns a dictionary from samples that lie one after the other.
///
/// # Safety
/// `samples` leads to as many bytes as the `count` numbers at `lengths` add up to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_train(samples: *const u8, lengths: *const u32, count: usize, max_bytes: usize) -> u32 {
    // SAFETY: the caller's promise.
    let lengths = unsafe { numbers(lengths, count) };
    // SAFETY: the caller's promise.
    let mut rest = unsafe { bytes(samples, lengths.iter().sum()) };
    let mut cut: Vec<&[u8]> = Vec::with_capacity(count);
    for length in lengths {
        let (sample, behind) = rest.split_at(length);
        cut.push(sample);
        rest = behind;
    }
    leave(dictionary::train(&cut, max_bytes).map(Reply::one))
}
