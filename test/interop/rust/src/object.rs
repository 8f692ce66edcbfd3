//! Links and whole blocks: `schema/link.md`, `schema/layout.md` (keys) and `schema/ces-block.md`.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::BASE32_NOPAD;
use reed_solomon_erasure::galois_8::ReedSolomon;

use crate::Result;

const DATA_ROWS: usize = 8;
pub(crate) const ALL_ROWS: usize = 12;
const NONCE: usize = 24;
const MAX_PLAIN: usize = 64 << 20;

pub(crate) struct Link {
    pub(crate) root: [u8; 32],
    key: [u8; 32],
}

impl Link {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let letters = text.strip_prefix("pangea:1:").ok_or("no link")?;
        let raw = BASE32_NOPAD.decode(letters.to_ascii_uppercase().as_bytes())?;
        if raw.len() != 1 + 32 + 32 + 4 || raw[0] != 1 {
            return Err("no read link".into());
        }
        if blake3::derive_key("pangea-node 1 link", &raw[..65])[..4] != raw[65..] {
            return Err("the link's checksum does not fit".into());
        }
        Ok(Self {
            root: raw[1..33].try_into()?,
            key: raw[33..65].try_into()?,
        })
    }

    pub(crate) fn data_key(&self) -> [u8; 32] {
        blake3::derive_key("pangea-node 1 data key", &self.key)
    }
}

/// Undoes a whole block. At least eight of the twelve shards are there.
pub(crate) fn open(key: &[u8; 32], mut shards: Vec<Option<Vec<u8>>>) -> Result<Vec<u8>> {
    ReedSolomon::new(DATA_ROWS, ALL_ROWS - DATA_ROWS)?.reconstruct_data(&mut shards)?;
    let block: Vec<u8> = shards
        .into_iter()
        .take(DATA_ROWS)
        .flatten()
        .flatten()
        .collect();
    let (length, sealed) = block.split_at_checked(4).ok_or("no block")?;
    let length = u32::from_le_bytes(length.try_into()?) as usize;
    let sealed = sealed
        .get(..length)
        .ok_or("the block is shorter than it says")?;
    let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or("no nonce")?;
    let frame = XChaCha20Poly1305::new(key.into())
        .decrypt(XNonce::from_slice(nonce), sealed)
        .map_err(|_| "the tag does not fit")?;
    Ok(zstd::bulk::decompress(&frame, MAX_PLAIN)?)
}
