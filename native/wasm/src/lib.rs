//! CES for WebAssembly.
