//! Shard requests between peers over QUIC, the protocol `pangea/1` of `schema/shard-protocol.md`.
//!
//! One [`Endpoint`] listens and dials on one UDP socket. Both sides prove an Ed25519 identity in the
//! handshake (the libp2p TLS extension), so a connection is a peer. Requests are one stream each; their
//! structs are opaque here and their bodies are [`bytes::Bytes`] from pooled blocks. Who is dialled,
//! which connection carries a request and who is welcome is decided by the caller.
//!
//! Bounds: everything in [`Limits`], and [`budget::Budget`] for the bytes of bodies that arrive.

mod body;
pub mod budget;
mod config;
mod dial;
mod endpoint;
mod error;
mod framing;
mod serve;
mod socket;
mod tls;

pub use config::{Config, Congestion, Limits};
pub use dial::Dialled;
pub use endpoint::{Counters, Endpoint};
pub use error::Error;
pub use framing::Answer;
pub use serve::{Handler, IncomingRequest};
pub use tls::{ALPN, peer_id};
