//! Face of the probe crate.
