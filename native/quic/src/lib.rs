//! Shard requests between peers over QUIC, the protocol `pangea/1` of `schema/shard-protocol.md`.
//!
//! One [`Endpoint`] listens and dials on one UDP socket. Both sides prove an Ed25519 identity in the
//! handshake (the libp2p TLS extension), so a connection is a peer. Requests are one stream each; their
//! structs are opaque here and their bodies are [`bytes::Bytes`] from pooled blocks. Who is dialled,
//! which connection carries a request and who is welcome is decided by the caller.
//!
//! libp2p may use the same socket: connections with its ALPN go to whoever takes the [`Guest`].
//!
//! Bounds: everything in [`Limits`], and [`budget::Budget`] for the bytes of bodies that arrive.

mod accept;
mod body;
pub mod budget;
mod config;
mod dial;
mod doors;
mod endpoint;
mod error;
mod framing;
mod guest;
mod serve;
mod socket;
mod swarm;
mod tls;

pub use config::{Config, Congestion, Limits};
pub use dial::Dialled;
pub use endpoint::{Counters, Endpoint};
pub use error::Error;
pub use framing::Answer;
pub use guest::{Guest, GuestConnection, GuestDialler, GuestLimits};
pub use serve::{Handler, IncomingRequest};
pub use swarm::{Lender, shared_transport};
pub use tls::{ALPN, peer_id};
