//! XChaCha20-Poly1305. Sealed bytes are nonce ‖ ciphertext ‖ tag; nonces come from the operating system.

use subtle::ConstantTimeEq;

use crate::cipher::{Mac, Stream};
use crate::{Cipher, Engine, Error, Result};

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
    let Some((nonce, plaintext)) = buffer[start..].split_first_chunk_mut::<NONCE_BYTES>() else {
        return Err(Error::Internal("nothing to seal: the nonce is missing".into()));
    };
    let tag = cipher
        .seal(plaintext, key, nonce, associated_data)
        .map_err(|_| Error::Internal("more than a nonce may seal".into()))?;
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

/// Opens sealed bytes into `plaintext`, which has [`OVERHEAD_BYTES`] fewer. Nothing but zeros is
/// written unless they authenticate.
pub fn open_into(cipher: Cipher, plaintext: &mut [u8], key: &Key, sealed: &[u8], associated_data: &[u8]) -> Result<()> {
    let (nonce, ciphertext, tag) = parts(sealed)?;
    if plaintext.len() != ciphertext.len() {
        return Err(Error::Internal(format!("room for {} bytes of {}", plaintext.len(), ciphertext.len())));
    }
    cipher.open_between(plaintext, ciphertext, tag, key, nonce, associated_data).map_err(|_| not_authentic())
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
    cipher.open(ciphertext, tag, key, nonce, associated_data).map_err(|_| not_authentic())?;
    Ok(ciphertext)
}

/// Stream and tag work on so much in turn, so that the second finds it in the cache. Shorter turns cost more: Poly1305
/// makes the powers of its key anew for each.
const TURN_BYTES: usize = 64 * 1024;
const TAG_BLOCK_BYTES: usize = 16;

/// Seals piece by piece, in place or on the way from one place to another, so that what follows finds each
/// piece in the cache. Pieces have any length; those of a multiple of 64 bytes are fastest. The key copies
/// inside are wiped when it is dropped.
pub struct Sealer {
    stream: Stream,
    mac: Authenticator,
}

impl Sealer {
    /// Begins the one text that `key` seals with `nonce`.
    #[must_use]
    pub fn new(cipher: Cipher, key: &Key, nonce: &[u8; NONCE_BYTES], associated_data: &[u8]) -> Self {
        let (stream, mac) = cipher.parts(key, nonce);
        Self { stream, mac: Authenticator::new(mac, associated_data) }
    }

    /// Encrypts the next piece in place.
    pub fn update(&mut self, piece: &mut [u8]) {
        for part in piece.chunks_mut(TURN_BYTES) {
            self.stream.apply(part);
            self.mac.update(part);
        }
    }

    /// Encrypts the next piece on the way to `sealed`.
    ///
    /// # Panics
    /// When the two differ in length.
    pub fn update_between(&mut self, plaintext: &[u8], sealed: &mut [u8]) {
        assert_eq!(plaintext.len(), sealed.len(), "sealed bytes are as many as there were");
        for (from, to) in plaintext.chunks(TURN_BYTES).zip(sealed.chunks_mut(TURN_BYTES)) {
            self.stream.apply_between(from, to);
            self.mac.update(to);
        }
    }

    /// The tag over all.
    #[must_use]
    pub fn finish(self) -> [u8; TAG_BYTES] {
        self.mac.finish()
    }
}

/// Opens piece by piece in two passes: all pieces are authenticated first, and only then is there an
/// [`Opened`] that decrypts them. So no plaintext exists before its tag was verified, not even in scratch
/// memory; the first pass costs a quarter of the second.
pub struct Opener {
    stream: Stream,
    mac: Authenticator,
}

impl Opener {
    /// Begins what `key` sealed with `nonce`.
    #[must_use]
    pub fn new(cipher: Cipher, key: &Key, nonce: &[u8; NONCE_BYTES], associated_data: &[u8]) -> Self {
        let (stream, mac) = cipher.parts(key, nonce);
        Self { stream, mac: Authenticator::new(mac, associated_data) }
    }

    /// Takes the next piece of ciphertext into the tag. Pieces have any length.
    pub fn authenticate(&mut self, piece: &[u8]) {
        self.mac.update(piece);
    }

    /// Compares the tag in constant time: `CORRUPT`, or leave to decrypt.
    pub fn verify(self, tag: &[u8; TAG_BYTES]) -> Result<Opened> {
        if bool::from(self.mac.finish().ct_eq(tag)) { Ok(Opened(self.stream)) } else { Err(not_authentic()) }
    }
}

/// The stream of verified bytes. Whoever decrypts others than those that were verified gets noise.
pub struct Opened(Stream);

impl Opened {
    /// Decrypts the next piece in place. Pieces have any length.
    pub fn decrypt(&mut self, piece: &mut [u8]) {
        self.0.apply(piece);
    }

    /// Decrypts the next piece on the way to `plaintext`.
    ///
    /// # Panics
    /// When the two differ in length.
    pub fn decrypt_between(&mut self, sealed: &[u8], plaintext: &mut [u8]) {
        assert_eq!(sealed.len(), plaintext.len(), "plaintext bytes are as many as were sealed");
        self.0.apply_between(sealed, plaintext);
    }
}

/// Poly1305 over associated data, text and both lengths (RFC 8439, section 2.8).
struct Authenticator {
    mac: Mac,
    associated_bytes: u64,
    text_bytes: u64,
}

impl Authenticator {
    fn new(mut mac: Mac, associated_data: &[u8]) -> Self {
        mac.update(associated_data);
        let associated_bytes = associated_data.len() as u64;
        pad(&mut mac, associated_bytes);
        Self { mac, associated_bytes, text_bytes: 0 }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.mac.update(bytes);
        self.text_bytes += bytes.len() as u64;
    }

    fn finish(mut self) -> [u8; TAG_BYTES] {
        pad(&mut self.mac, self.text_bytes);
        self.mac.update(&self.associated_bytes.to_le_bytes());
        self.mac.update(&self.text_bytes.to_le_bytes());
        self.mac.finish()
    }
}

fn pad(mac: &mut Mac, bytes: u64) {
    let over = (bytes % TAG_BLOCK_BYTES as u64) as usize;
    if over > 0 {
        mac.update(&[0; TAG_BLOCK_BYTES][over..]);
    }
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
