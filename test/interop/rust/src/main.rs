//! A small peer on rust-libp2p, written from the wire facts alone: no crate of the node is used.
fn main() {}
