//! RustCrypto: slower, but audited (NCC Group, 2020) and of other hands than dryoc, so each checks the other.

use chacha20::XChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use poly1305::Poly1305;
use poly1305::universal_hash::UniversalHash;
use zeroize::Zeroizing;

use super::{BLOCK_BYTES, Nonce, Refused, Tag};
use crate::seal::Key;

pub fn seal(text: &mut [u8], key: &Key, nonce: &Nonce, associated_data: &[u8]) -> Result<Tag, Refused> {
    let tag = XChaCha20Poly1305::new(key.into())
        .encrypt_inout_detached(nonce.into(), associated_data, text.into())
        .map_err(|_| Refused)?;
    Ok(tag.into())
}

pub fn open(
    text: InOutBuf<'_, '_, u8>,
    tag: &Tag,
    key: &Key,
    nonce: &Nonce,
    associated_data: &[u8],
) -> Result<(), Refused> {
    XChaCha20Poly1305::new(key.into())
        .decrypt_inout_detached(nonce.into(), associated_data, text, tag.into())
        .map_err(|_| Refused)
}

/// The key of the tag: the begin of the block before the text.
pub fn mac_key(key: &Key, nonce: &Nonce) -> Zeroizing<Key> {
    let mut mac_key = Zeroizing::new([0; 32]);
    XChaCha20::new(key.into(), nonce.into()).apply_keystream(&mut *mac_key);
    mac_key
}

/// The stream behind the block that keys the tag. Its state is wiped when it is dropped.
pub struct Stream(XChaCha20);

impl Stream {
    pub fn new(key: &Key, nonce: &Nonce) -> Self {
        let mut cipher = XChaCha20::new(key.into(), nonce.into());
        cipher.seek(BLOCK_BYTES as u64);
        Self(cipher)
    }

    pub fn apply(&mut self, text: &mut [u8]) {
        self.0.apply_keystream(text);
    }

    pub fn apply_between(&mut self, from: &[u8], to: &mut [u8]) {
        if let Ok(both) = InOutBuf::new(from, to) {
            self.0.apply_keystream_inout(both);
        }
    }
}

/// Poly1305, bytes of any length at a time. Its state is wiped when it is dropped.
pub struct Mac {
    state: Poly1305,
    /// The begin of a block that is not whole yet.
    waiting: [u8; 16],
    waits: usize,
}

impl Mac {
    pub fn new(key: &Key) -> Self {
        Self { state: Poly1305::new(key.into()), waiting: [0; 16], waits: 0 }
    }

    pub fn update(&mut self, mut bytes: &[u8]) {
        if self.waits > 0 {
            let taken = bytes.len().min(self.waiting.len() - self.waits);
            let (head, rest) = bytes.split_at(taken);
            self.waiting[self.waits..self.waits + taken].copy_from_slice(head);
            self.waits += taken;
            bytes = rest;
            if self.waits < self.waiting.len() {
                return;
            }
            self.state.update(&[self.waiting.into()]);
        }
        let (blocks, rest) = poly1305::Block::slice_as_chunks(bytes);
        self.state.update(blocks);
        self.waiting[..rest.len()].copy_from_slice(rest);
        self.waits = rest.len();
    }

    /// Gives the tag of what ended on a whole block, as an AEAD's lengths do.
    pub fn finish(self) -> Tag {
        self.state.finalize().into()
    }
}
