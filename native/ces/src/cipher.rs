//! XChaCha20-Poly1305 from more than one hand, once per library.
//!
//! All give the same bytes. A [`Cipher`] can only be had for instructions that this machine has, so a
//! self-test can hold one against another and the node can do without any of them.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod dryoc;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod ring;
mod rustcrypto;

use chacha20poly1305::aead::inout::InOutBuf;

use crate::seal::{Key, NONCE_BYTES, Opener, Sealer, TAG_BYTES};

const BLOCK_BYTES: usize = 64;
/// Below this dryoc is faster at once than our stream: it makes the block of the tag's key along with the others.
#[cfg(target_arch = "x86_64")]
const SHORT_BYTES: usize = 8192;

type Nonce = [u8; NONCE_BYTES];
type Tag = [u8; TAG_BYTES];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Library {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    Dryoc,
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    Ring,
    RustCrypto,
}

/// One implementation that this machine can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cipher(Library);

/// Sealed bytes are not what the key's owner sealed, or are longer than the cipher can take.
#[derive(Debug)]
pub(crate) struct Refused;

impl Cipher {
    /// The one to take unless measured otherwise.
    #[must_use]
    pub fn detect() -> Self {
        Self::available()[0]
    }

    /// All that run here, best first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        if !avx512::runs_here() {
            // What AVX2 gives, ring takes better: 2.7 GB/s against dryoc's 2.2.
            return vec![Self(Library::Ring), Self(Library::Dryoc), Self(Library::RustCrypto)];
        }
        vec![
            #[cfg(target_arch = "x86_64")]
            Self(Library::Avx512),
            Self(Library::Dryoc),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Self(Library::Ring),
            Self(Library::RustCrypto),
        ]
    }

    /// The one of that name, if it runs here.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|cipher| cipher.name() == name)
    }

    /// The name that `plan` shows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Library::Avx512 => "avx512",
            Library::Dryoc => "dryoc",
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Library::Ring => "ring",
            Library::RustCrypto => "rustcrypto",
        }
    }

    /// Whether sealing piece by piece is as fast here as sealing at once: dryoc and ring do not show their stream
    /// ciphers, so that RustCrypto's has to do there.
    #[must_use]
    pub fn prefers_pieces(self) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Library::Avx512 => true,
            Library::Dryoc => false,
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Library::Ring => false,
            Library::RustCrypto => true,
        }
    }

    /// Encrypts in place and gives the tag.
    pub(crate) fn seal(
        self,
        text: &mut [u8],
        key: &Key,
        nonce: &Nonce,
        associated_data: &[u8],
    ) -> Result<Tag, Refused> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Library::Avx512 if text.len() >= SHORT_BYTES => {
                let mut sealer = Sealer::new(self, key, nonce, associated_data);
                sealer.update(text);
                Ok(sealer.finish())
            }
            #[cfg(target_arch = "x86_64")]
            Library::Avx512 => dryoc::seal(text, key, nonce, associated_data),
            Library::Dryoc => dryoc::seal(text, key, nonce, associated_data),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Library::Ring => ring::seal(text, key, nonce, associated_data),
            Library::RustCrypto => rustcrypto::seal(text, key, nonce, associated_data),
        }
    }

    /// Checks the tag and decrypts in place; refused bytes stay as they are, or become zeros.
    pub(crate) fn open(
        self,
        text: &mut [u8],
        tag: &Tag,
        key: &Key,
        nonce: &Nonce,
        associated_data: &[u8],
    ) -> Result<(), Refused> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Library::Avx512 if text.len() >= SHORT_BYTES => {
                let mut opener = Opener::new(self, key, nonce, associated_data);
                opener.authenticate(text);
                opener.verify(tag).map_err(|_| Refused)?.decrypt(text);
                Ok(())
            }
            #[cfg(target_arch = "x86_64")]
            Library::Avx512 => dryoc::open(text, tag, key, nonce, associated_data),
            Library::Dryoc => dryoc::open(text, tag, key, nonce, associated_data),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Library::Ring => ring::open(text, tag, key, nonce, associated_data),
            Library::RustCrypto => rustcrypto::open(text.into(), tag, key, nonce, associated_data),
        }
    }

    /// Checks the tag and decrypts to `text`, which is as long as `sealed`. When that is refused, `text` stays as it is
    /// or becomes zeros.
    pub(crate) fn open_between(
        self,
        text: &mut [u8],
        sealed: &[u8],
        tag: &Tag,
        key: &Key,
        nonce: &Nonce,
        associated_data: &[u8],
    ) -> Result<(), Refused> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Library::Avx512 if text.len() >= SHORT_BYTES && text.len() == sealed.len() => {
                let mut opener = Opener::new(self, key, nonce, associated_data);
                opener.authenticate(sealed);
                opener.verify(tag).map_err(|_| Refused)?.decrypt_between(sealed, text);
                Ok(())
            }
            #[cfg(target_arch = "x86_64")]
            Library::Avx512 => dryoc::open_between(text, sealed, tag, key, nonce, associated_data),
            Library::Dryoc => dryoc::open_between(text, sealed, tag, key, nonce, associated_data),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Library::Ring => {
                text.copy_from_slice(sealed);
                ring::open(text, tag, key, nonce, associated_data)
            }
            Library::RustCrypto => {
                let both = InOutBuf::new(sealed, text).map_err(|_| Refused)?;
                rustcrypto::open(both, tag, key, nonce, associated_data)
            }
        }
    }

    /// The parts of the construction, ready for the first byte of the text.
    pub(crate) fn parts(self, key: &Key, nonce: &Nonce) -> (Stream, Mac) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Library::Avx512 => {
                let (stream, mac_key) = avx512::Stream::new(key, nonce);
                (Stream::Avx512(stream), Mac::Dryoc(dryoc::Mac::new(&mac_key)))
            }
            Library::RustCrypto => {
                let mac_key = rustcrypto::mac_key(key, nonce);
                let mac = Mac::RustCrypto(rustcrypto::Mac::new(&mac_key));
                (Stream::RustCrypto(rustcrypto::Stream::new(key, nonce)), mac)
            }
            _ => {
                let mac_key = rustcrypto::mac_key(key, nonce);
                (Stream::RustCrypto(rustcrypto::Stream::new(key, nonce)), Mac::Dryoc(dryoc::Mac::new(&mac_key)))
            }
        }
    }
}

/// What encrypts: position after position, pieces of any length.
pub(crate) enum Stream {
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Stream),
    RustCrypto(rustcrypto::Stream),
}

impl Stream {
    pub fn apply(&mut self, text: &mut [u8]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(stream) => stream.apply(text),
            Self::RustCrypto(stream) => stream.apply(text),
        }
    }

    /// The two are of one length.
    pub fn apply_between(&mut self, from: &[u8], to: &mut [u8]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(stream) => stream.apply_between(from, to),
            Self::RustCrypto(stream) => stream.apply_between(from, to),
        }
    }
}

/// What authenticates.
#[allow(clippy::large_enum_variant, reason = "one of them is on the stack of a call, and short-lived")]
pub(crate) enum Mac {
    Dryoc(dryoc::Mac),
    RustCrypto(rustcrypto::Mac),
}

impl Mac {
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Dryoc(mac) => mac.update(bytes),
            Self::RustCrypto(mac) => mac.update(bytes),
        }
    }

    pub fn finish(self) -> Tag {
        match self {
            Self::Dryoc(mac) => mac.finish(),
            Self::RustCrypto(mac) => mac.finish(),
        }
    }
}
