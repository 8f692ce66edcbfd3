//! ring: the assembler of BoringSSL, stream and tag in one pass. The fastest where there is AVX2 and no more.
//!
//! It has ChaCha20-Poly1305 with short nonces; HChaCha20 makes the key that the long nonce selects. It decrypts
//! before it has the whole tag, so refused bytes are wiped. Its key schedule is not wiped.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce as ShortNonce, UnboundKey};
use zeroize::Zeroizing;

use super::dryoc::stream_key;
use super::{Nonce, Refused, Tag};
use crate::seal::Key;

pub fn seal(text: &mut [u8], key: &Key, nonce: &Nonce, associated_data: &[u8]) -> Result<Tag, Refused> {
    let (key, nonce) = short(key, nonce)?;
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(associated_data), text).map_err(|_| Refused)?;
    Tag::try_from(tag.as_ref()).map_err(|_| Refused)
}

pub fn open(text: &mut [u8], tag: &Tag, key: &Key, nonce: &Nonce, associated_data: &[u8]) -> Result<(), Refused> {
    let (key, nonce) = short(key, nonce)?;
    if key.open_in_place_separate_tag(nonce, Aad::from(associated_data), (*tag).into(), text, 0..).is_ok() {
        return Ok(());
    }
    text.fill(0);
    Err(Refused)
}

/// The key that `nonce` selects, and the rest of `nonce` behind four zeros (draft-irtf-cfrg-xchacha-03, section 2.3).
fn short(key: &Key, nonce: &Nonce) -> Result<(LessSafeKey, ShortNonce), Refused> {
    let subkey = Zeroizing::new(stream_key(key, nonce));
    let key = UnboundKey::new(&CHACHA20_POLY1305, &*subkey).map_err(|_| Refused)?;
    let rest = std::array::from_fn(|at| if at < 4 { 0 } else { nonce[12 + at] });
    Ok((LessSafeKey::new(key), ShortNonce::assume_unique_for_key(rest)))
}
