//! What one call runs on: a value, so that tests and calibration walk all there is and the rest takes the pick.

use crate::seal::NONCE_BYTES;
use crate::{Cipher, Kernel};

/// One implementation for each stage that has several.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// For Reed–Solomon.
    pub kernel: Kernel,
    /// For sealing.
    pub cipher: Cipher,
    /// Where nonces come from: the operating system, or what a host without one brings.
    pub nonce: fn() -> [u8; NONCE_BYTES],
}

impl Engine {
    /// The first of every list.
    #[cfg(feature = "os-random")]
    #[must_use]
    pub fn detect() -> Self {
        Self { kernel: Kernel::detect(), cipher: Cipher::detect(), nonce: crate::seal::nonce }
    }
}
