//! Nonces that the host brings, because a module without imports has no randomness of its own.
//!
//! There are as many places as one call can need. A nonce is wiped as it is taken, and a place of zeros counts as
//! empty, so none is used twice even by a host that forgets to fill: a call that would run short is refused before
//! it begins.

use std::cell::RefCell;

use pangea_ces::seal::NONCE_BYTES;
use pangea_ces::{Cipher, DATA_SHARDS, Engine, Error, Kernel, Result};

const NONE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

thread_local! {
    static PLACES: RefCell<[[u8; NONCE_BYTES]; DATA_SHARDS]> = const { RefCell::new([NONE; DATA_SHARDS]) };
}

/// Address of the 8 × 24 bytes that the host fills with random ones before each call that seals.
#[unsafe(no_mangle)]
pub extern "C" fn ces_nonces() -> *mut u8 {
    PLACES.with(|places| places.as_ptr().cast())
}

/// What calls run on that take `needed` nonces.
pub fn engine(needed: usize) -> Result<Engine> {
    let fresh = PLACES.with_borrow(|places| places.iter().filter(|nonce| **nonce != NONE).count());
    if fresh < needed {
        return Err(Error::Internal(format!("the host brought {fresh} fresh nonces, {needed} are needed")));
    }
    Ok(Engine { kernel: Kernel::detect(), cipher: Cipher::detect(), nonce: take })
}

fn take() -> [u8; NONCE_BYTES] {
    let taken = PLACES.with_borrow_mut(|places| {
        places.iter_mut().find(|nonce| **nonce != NONE).map(|nonce| std::mem::replace(nonce, NONE))
    });
    // `engine` has counted them; sealing without one must not happen whatever else is wrong.
    taken.unwrap_or_else(|| std::process::abort())
}
