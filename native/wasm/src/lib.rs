//! CES for WebAssembly: one module without imports, for Node and browsers alike (`docs/internals/wasm.md`).
//!
//! The interface is of numbers: addresses in the module's memory, lengths, levels. The host takes room with
//! [`memory::ces_alloc`], writes what a call needs, calls, and finds status 0 with the result or 1 with the text
//! `CODE: message` in the [`reply::Reply`] at [`reply::ces_reply`]. It copies what it wants and calls
//! [`reply::ces_done`]. Randomness is the host's too ([`nonces`]). A module that has trapped is thrown away.
//!
//! Addresses are trusted as far as they can do harm: to the module's own memory, which only its host can read.

pub mod blocks;
pub mod memory;
pub mod nonces;
pub mod reply;
pub mod small;
pub mod stages;
