//! XChaCha20-Poly1305. Sealed bytes are nonce ‖ ciphertext ‖ tag; nonces come from the operating system.

use dryoc::classic::crypto_aead_xchacha20poly1305_ietf as aead;

use crate::{Engine, Error, Result};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of the nonce in front.
pub const NONCE_BYTES: usize = 24;
/// Bytes of the tag behind.
pub const TAG_BYTES: usize = 16;
/// What sealing adds.
pub const OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// A key, borrowed for one call.
pub type Key = [u8; KEY_BYTES];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Library {
    Dryoc,
}

/// One implementation that this machine can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cipher(Library);

impl Cipher {
    /// The one to take unless measured otherwise.
    #[must_use]
    pub fn detect() -> Self {
        Self(Library::Dryoc)
    }

    /// All that run here, best first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        vec![Self(Library::Dryoc)]
    }

    /// The name that `plan` shows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Library::Dryoc => "dryoc",
        }
    }
}

/// A fresh nonce.
#[cfg(feature = "os-random")]
#[must_use]
pub fn nonce() -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    dryoc::rng::copy_randombytes(&mut nonce);
    nonce
}

/// Seals what `buffer` holds from `start` on: a nonce and then the plaintext. The tag is appended.
pub fn seal_tail(cipher: Cipher, buffer: &mut Vec<u8>, start: usize, key: &Key, associated_data: &[u8]) -> Result<()> {
    let mut tag = [0; TAG_BYTES];
    let Some((nonce, plaintext)) = buffer[start..].split_first_chunk_mut::<NONCE_BYTES>() else {
        return Err(Error::Internal("nothing to seal: the nonce is missing".into()));
    };
    match cipher.0 {
        Library::Dryoc => aead::crypto_aead_xchacha20poly1305_ietf_encrypt_detached_inplace(
            plaintext,
            &mut tag,
            Some(associated_data),
            nonce,
            key,
        )
        .map_err(|error| Error::Internal(format!("seal: {error}")))?,
    }
    buffer.extend_from_slice(&tag);
    Ok(())
}

/// Seals a small thing.
pub fn seal(engine: &Engine, key: &Key, plaintext: &[u8], associated_data: &[u8]) -> Result<Vec<u8>> {
    let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD_BYTES);
    sealed.extend_from_slice(&(engine.nonce)());
    sealed.extend_from_slice(plaintext);
    seal_tail(engine.cipher, &mut sealed, 0, key, associated_data)?;
    Ok(sealed)
}

/// Opens sealed bytes into `plaintext`, which has [`OVERHEAD_BYTES`] fewer. Nothing is written unless they authenticate.
pub fn open_into(cipher: Cipher, plaintext: &mut [u8], key: &Key, sealed: &[u8], associated_data: &[u8]) -> Result<()> {
    let (nonce, ciphertext, tag) = parts(sealed)?;
    match cipher.0 {
        Library::Dryoc => aead::crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
            plaintext,
            ciphertext,
            tag,
            Some(associated_data),
            nonce,
            key,
        )
        .map_err(|_| not_authentic()),
    }
}

/// Opens sealed bytes where they lie, and gives the plaintext among them.
pub fn open_in_place<'a>(
    cipher: Cipher,
    sealed: &'a mut [u8],
    key: &Key,
    associated_data: &[u8],
) -> Result<&'a mut [u8]> {
    let short = too_short(sealed.len());
    let Some((nonce, rest)) = sealed.split_first_chunk_mut::<NONCE_BYTES>() else {
        return Err(short);
    };
    let Some((ciphertext, tag)) = rest.split_last_chunk_mut::<TAG_BYTES>() else {
        return Err(short);
    };
    match cipher.0 {
        Library::Dryoc => aead::crypto_aead_xchacha20poly1305_ietf_decrypt_detached_inplace(
            ciphertext,
            tag,
            Some(associated_data),
            nonce,
            key,
        )
        .map_err(|_| not_authentic())?,
    }
    Ok(ciphertext)
}

type Parts<'a> = (&'a [u8; NONCE_BYTES], &'a [u8], &'a [u8; TAG_BYTES]);

fn parts(sealed: &[u8]) -> Result<Parts<'_>> {
    let (nonce, rest) = sealed.split_first_chunk().ok_or_else(|| too_short(sealed.len()))?;
    let (ciphertext, tag) = rest.split_last_chunk().ok_or_else(|| too_short(sealed.len()))?;
    Ok((nonce, ciphertext, tag))
}

fn too_short(bytes: usize) -> Error {
    Error::Corrupt(format!("{bytes} bytes are too few for anything sealed"))
}

fn not_authentic() -> Error {
    Error::Corrupt("sealed bytes do not authenticate: damaged, swapped or of another key".into())
}
