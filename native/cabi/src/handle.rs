//! A key and what to do with it. Nothing of it changes after it is made, so threads may share it.

use std::ffi::c_int;
use std::sync::OnceLock;

use pangea_ces::seal::{self, Key};
use pangea_ces::{Cipher, Engine, Error, Kernel, Result, selftest};
use zeroize::Zeroize;

const DEFAULT_LEVEL: i32 = 3;
const MAX_LEVEL: i32 = 22;

/// What `ces_new` gives; opaque to callers.
pub struct CesHandle {
    engine: Engine,
    level: i32,
    key: Key,
}

impl CesHandle {
    /// The key is made where it stays.
    pub fn with_random_key(level: c_int) -> Result<Box<Self>> {
        let mut handle = Self::without_key(level)?;
        for part in handle.key.chunks_mut(seal::NONCE_BYTES) {
            let mut random = seal::nonce();
            part.copy_from_slice(&random[..part.len()]);
            random.zeroize();
        }
        Ok(handle)
    }

    /// The key is copied to where it stays.
    pub fn with_key(level: c_int, key: &Key) -> Result<Box<Self>> {
        let mut handle = Self::without_key(level)?;
        handle.key.copy_from_slice(key);
        Ok(handle)
    }

    fn without_key(level: c_int) -> Result<Box<Self>> {
        let level = if level == 0 { DEFAULT_LEVEL } else { level.clamp(1, MAX_LEVEL) };
        Ok(Box::new(Self { engine: proven_engine()?, level, key: [0; seal::KEY_BYTES] }))
    }

    /// What it runs on.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// From 1 to 22.
    pub fn level(&self) -> i32 {
        self.level
    }

    /// Stays where it is until it is wiped.
    pub fn key(&self) -> &Key {
        &self.key
    }
}

impl Drop for CesHandle {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// The best of each stage that passes its self-test here, found once.
fn proven_engine() -> Result<Engine> {
    static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let kernel = Kernel::available().into_iter().find(|kernel| selftest::reed_solomon(*kernel).is_ok())?;
        let cipher = Cipher::available().into_iter().find(|cipher| selftest::seal(*cipher).is_ok())?;
        Some(Engine { kernel, cipher, ..Engine::detect() })
    });
    engine.ok_or_else(|| Error::Internal("no implementation passes its self-test on this machine".into()))
}
