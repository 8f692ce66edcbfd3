//! Face of the p2p crate.
