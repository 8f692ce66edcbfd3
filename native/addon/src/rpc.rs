//! Face of the rpc crate.
