//! XChaCha20-Poly1305 where the bytes lie, with a fresh random nonce for each seal.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use chacha20::R20;
use chacha20::hchacha;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};

use crate::protocol::{Request, Result, Rival, Subject, hash, text};

const OPS: &[&str] = &["seal", "open"];
const KEY: [u8; 32] = [7; 32];
const TAG_BYTES: usize = 16;
type XNonceBytes = [u8; 24];

pub const AWS_LC: Rival = Rival {
    name: "aws-lc",
    version: "1.19.0",
    detail: "aws-lc-rs ChaCha20-Poly1305 with HChaCha20 of the crate chacha20 in front; opens from one buffer to another",
    ops: OPS,
    subject: |request| Ok(Box::new(AwsLc::new(request)?)),
};

fn fresh_nonce() -> Result<XNonceBytes> {
    let mut nonce = [0; 24];
    getrandom::fill(&mut nonce).map_err(text)?;
    Ok(nonce)
}

struct AwsLc {
    opening: bool,
    nonce: XNonceBytes,
    /// Plaintext, and what it is sealed to; then only ever sealed again.
    sealed: Vec<u8>,
    tag: [u8; TAG_BYTES],
    opened: Vec<u8>,
}

impl AwsLc {
    fn new(request: &Request) -> Result<Self> {
        let sealed = request.data()?;
        let opening = request.op == "open";
        let opened = vec![0; if opening { sealed.len() } else { 0 }];
        let mut it = Self { opening, nonce: fresh_nonce()?, sealed, tag: [0; TAG_BYTES], opened };
        if opening {
            it.seal()?;
        }
        Ok(it)
    }

    /// The key and nonce of the inner cipher: draft-irtf-cfrg-xchacha, section 2.3.
    fn inner(&self) -> Result<(LessSafeKey, Nonce)> {
        let (head, tail) = self.nonce.split_at(16);
        let head: [u8; 16] = head.try_into().map_err(text)?;
        let key = hchacha::<R20>(&KEY.into(), &head.into());
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).map_err(text)?;
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(tail);
        Ok((LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce)))
    }

    fn seal(&mut self) -> Result<()> {
        self.nonce = fresh_nonce()?;
        let (key, nonce) = self.inner()?;
        let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut self.sealed).map_err(text)?;
        self.tag.copy_from_slice(tag.as_ref());
        Ok(())
    }
}

impl Subject for AwsLc {
    fn call(&mut self) -> Result<()> {
        if !self.opening {
            return self.seal();
        }
        let (key, nonce) = self.inner()?;
        key.open_separate_gather(nonce, Aad::empty(), &self.sealed, &self.tag, &mut self.opened).map_err(text)
    }

    fn check(&self) -> String {
        if self.opening { hash(&self.opened) } else { String::new() }
    }
}

pub const RUSTCRYPTO: Rival = Rival {
    name: "rustcrypto",
    version: "0.11.0",
    detail: "chacha20poly1305, dispatch at run time",
    ops: OPS,
    subject: |request| Ok(Box::new(RustCrypto::new(request)?)),
};

struct RustCrypto {
    cipher: XChaCha20Poly1305,
    opening: bool,
    nonce: XNonce,
    sealed: Vec<u8>,
    tag: Tag,
    /// Worked in: sealed again and again, or opened after the sealed bytes were brought back.
    buffer: Vec<u8>,
}

impl RustCrypto {
    fn new(request: &Request) -> Result<Self> {
        let opening = request.op == "open";
        let cipher = XChaCha20Poly1305::new(&KEY.into());
        let mut it = Self {
            cipher,
            opening,
            nonce: XNonce::default(),
            sealed: Vec::new(),
            tag: Tag::default(),
            buffer: request.data()?,
        };
        if opening {
            it.seal()?;
            it.sealed.clone_from(&it.buffer);
        }
        Ok(it)
    }

    fn seal(&mut self) -> Result<()> {
        self.nonce = fresh_nonce()?.into();
        self.tag =
            self.cipher.encrypt_inout_detached(&self.nonce, &[], self.buffer.as_mut_slice().into()).map_err(text)?;
        Ok(())
    }
}

impl Subject for RustCrypto {
    fn prepare(&mut self) {
        if self.opening {
            self.buffer.copy_from_slice(&self.sealed);
        }
    }

    fn call(&mut self) -> Result<()> {
        if !self.opening {
            return self.seal();
        }
        self.cipher.decrypt_inout_detached(&self.nonce, &[], self.buffer.as_mut_slice().into(), &self.tag).map_err(text)
    }

    fn check(&self) -> String {
        if self.opening { hash(&self.buffer) } else { String::new() }
    }
}
