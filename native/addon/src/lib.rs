//! The only crate that knows N-API: one file per part, each a thin, coarse face of a crate of its own.
//!
//! Rules: whole blocks in and out as [`body::NativeBody`] or `Buffer`, promises for all that takes
//! longer than some microseconds, no panic reachable from JavaScript. Errors are
//! `napi::Error` with the text `CODE: message`, where CODE is one of `src/errors/errors.ts`.
#![deny(clippy::panic, clippy::unwrap_used, clippy::expect_used)]
#![allow(missing_docs, reason = "the documentation that JavaScript sees stands on each exported item")]

mod body;
#[cfg(feature = "ces")]
mod ces;
#[cfg(feature = "ces")]
mod cores;
#[cfg(feature = "ces")]
mod measure;
#[cfg(all(feature = "p2p", feature = "quic"))]
mod one_port;
#[cfg(feature = "p2p")]
mod p2p;
#[cfg(feature = "probe")]
mod probe;
#[cfg(feature = "quic")]
mod quic;
#[cfg(feature = "rpc")]
mod rpc;
#[cfg(feature = "store")]
mod store;

use napi_derive::napi;

/// Raised when the meaning of an exported item changes; `src/native/native.ts` refuses another number.
pub const ABI_VERSION: u32 = 2;

#[napi]
pub fn abi_version() -> u32 {
    ABI_VERSION
}

/// `CODE: message` as an N-API error.
pub(crate) fn error(code: &str, message: impl std::fmt::Display) -> napi::Error {
    napi::Error::from_reason(format!("{code}: {message}"))
}
