//! Cap'n Proto RPC, level 1, without I/O: bytes in; bytes, calls and releases out. It knows no schema.
//!
//! A [`Connection`] is one two-party connection on the crate `capnp-rpc`, driven by hand: nothing runs but inside the
//! functions called on it. What the host has to do comes as records in a buffer ([`events`]), so that one crossing of a
//! language boundary brings all that one read of the socket has caused.
//!
//! What `capnp-rpc` leaves open is done here: limits before memory is taken ([`frame`], [`ledger`]), a `Return` for calls
//! that were finished early ([`ledger`]), messages handed on without a copy ([`raw`]), results that never enter this crate
//! ([`outgoing`]).
//!
//! It may panic on what a hostile remote sends (the crate below does): whoever owns a [`Connection`] catches that and drops it.

pub mod events;
pub mod frame;
pub mod raw;

mod call;
mod connection;
mod hub;
mod incoming;
mod ledger;
mod network;
mod outgoing;
mod servant;

pub use call::{Body, Failure};
pub use connection::Connection;

/// Every bound of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one message on the wire, both ways.
    pub message_bytes: usize,
    /// Words that reading one message may visit.
    pub traversal_words: usize,
    /// Depth of pointers in a message.
    pub nesting: i32,
    /// Calls of the remote that are not answered; beyond it nothing more is parsed until one is.
    pub unanswered_calls: usize,
    /// Capabilities that the remote holds of us, and as many that we hold of it.
    pub capabilities: usize,
    /// Bytes that the connection may hold.
    pub memory_bytes: usize,
}

/// What the connection holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of the remote that have no answer yet.
    pub unanswered_calls: usize,
    /// Servants that the remote holds, besides the bootstrap one.
    pub exported: usize,
    /// References to objects of the remote.
    pub imported: usize,
    /// Bytes held, with an estimate for tables.
    pub memory_bytes: usize,
}
