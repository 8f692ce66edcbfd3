//! The node's libp2p swarm: TCP with Noise and Yamux, QUIC, Kademlia `/pangea/kad/1.0.0` in server mode, identify,
//! ping, gossipsub, mDNS.
//!
//! One task owns the swarm ([`driver`]); a [`Host`] sends it commands and is told [`Event`]s over bounded channels.
//! Policy stays outside: inbound values wait for the verdict of whoever reads the events, and only the address
//! checks, the limits and the bounded record store live here.

mod address;
mod behaviour;
mod books;
mod driver;
mod error;
mod failures;
mod gate;
mod gossip;
mod host;
mod limits;
mod muxer;
mod nat;
mod paths;
mod punch;
mod queries;
mod reach;
mod relays;
mod store;
mod stream;
mod streams;
mod tap;
mod transport;
mod verdicts;

pub use libp2p::Multiaddr;

pub use address::{Target, is_local, is_relayed, parse_target};
pub use error::P2pError;
pub use host::{Event, FoundPeer, FoundRecord, Host, Options, Source};
pub use nat::{NatOptions, NatReport, Reachability, UpnpReport};
pub use paths::Path;
pub use punch::PunchReport;
pub use relays::RelayReport;
pub use stream::HostStream;
pub use transport::{Connections, QuicChoice};
