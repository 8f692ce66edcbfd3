//! dryoc: the fastest AEAD in pure Rust where it has a kernel (AVX-512, AVX2, NEON, SIMD128). It is sealed
//! and opened at once; of its parts only HChaCha20 and Poly1305 can be called alone.

use dryoc::classic::crypto_aead_xchacha20poly1305_ietf as aead;
use dryoc::classic::crypto_core::crypto_core_hchacha20;
use dryoc::classic::crypto_onetimeauth::{
    OnetimeauthState, crypto_onetimeauth_final, crypto_onetimeauth_init, crypto_onetimeauth_update,
};

use super::{Nonce, Refused, Tag};
use crate::seal::Key;

pub fn seal(text: &mut [u8], key: &Key, nonce: &Nonce, associated_data: &[u8]) -> Result<Tag, Refused> {
    let mut tag = Tag::default();
    aead::crypto_aead_xchacha20poly1305_ietf_encrypt_detached_inplace(
        text,
        &mut tag,
        Some(associated_data),
        nonce,
        key,
    )
    .map_err(|_| Refused)?;
    Ok(tag)
}

pub fn open(text: &mut [u8], tag: &Tag, key: &Key, nonce: &Nonce, associated_data: &[u8]) -> Result<(), Refused> {
    aead::crypto_aead_xchacha20poly1305_ietf_decrypt_detached_inplace(text, tag, Some(associated_data), nonce, key)
        .map_err(|_| Refused)
}

pub fn open_between(
    text: &mut [u8],
    sealed: &[u8],
    tag: &Tag,
    key: &Key,
    nonce: &Nonce,
    associated_data: &[u8],
) -> Result<(), Refused> {
    aead::crypto_aead_xchacha20poly1305_ietf_decrypt_detached(text, sealed, tag, Some(associated_data), nonce, key)
        .map_err(|_| Refused)
}

/// The key of the ChaCha20 stream that a nonce of 24 bytes selects.
pub fn stream_key(key: &Key, nonce: &Nonce) -> Key {
    let mut subkey = [0; 32];
    let selector: [u8; 16] = std::array::from_fn(|at| nonce[at]);
    crypto_core_hchacha20(&mut subkey, &selector, key, None);
    subkey
}

/// Poly1305, bytes of any length at a time. dryoc wipes it when it is dropped.
pub struct Mac(OnetimeauthState);

impl Mac {
    pub fn new(key: &Key) -> Self {
        Self(crypto_onetimeauth_init(key))
    }

    pub fn update(&mut self, bytes: &[u8]) {
        crypto_onetimeauth_update(&mut self.0, bytes);
    }

    pub fn finish(self) -> Tag {
        let mut tag = Tag::default();
        crypto_onetimeauth_final(self.0, &mut tag);
        tag
    }
}
