//! The node's libp2p swarm: TCP, Noise, Yamux, Kademlia `/pangea/kad/1.0.0` in server mode, identify, ping, mDNS.
//!
//! One task owns the swarm ([`driver`]); a [`Host`] sends it commands and is told [`Event`]s over bounded channels.
//! Policy stays outside: inbound values wait for the verdict of whoever reads the events, and only the address
//! checks, the limits and the bounded record store live here.

mod address;
mod behaviour;
mod books;
mod driver;
mod error;
mod gate;
mod host;
mod limits;
mod muxer;
mod queries;
mod store;
mod stream;
mod streams;
mod tap;
mod transport;
mod verdicts;

pub use address::{Target, is_local, parse_target};
pub use error::P2pError;
pub use host::{Event, FoundPeer, FoundRecord, Host, Options, Source};
pub use stream::HostStream;
