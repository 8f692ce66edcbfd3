//! Face of the quic crate.
