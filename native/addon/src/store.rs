//! Face of the store crate.
