//! The rpc crate as a WebAssembly module, for machines without the addon.
