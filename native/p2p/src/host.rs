//! The handle on the swarm.

use std::sync::Arc;
use std::time::Duration;

use libp2p::{Multiaddr, PeerId, StreamProtocol};
use pangea_firewall::AllowList;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::address::{is_relayed, is_tcp, parse_target};
use crate::books::Snapshot;
use crate::driver::{self, Command};
use crate::error::P2pError;
use crate::failures;
use crate::nat::{NatOptions, NatReport};
use crate::paths::Path;
use crate::stream::HostStream;
use crate::streams::Served;
use crate::transport::QuicChoice;

/// What a host is made from.
#[derive(Debug)]
pub struct Options {
    /// Ed25519 seed, the node's identity.
    pub seed: [u8; 32],
    /// TCP and QUIC multiaddrs; port 0 takes a free one.
    pub listen: Vec<String>,
    /// CIDR blocks that may connect, and inside which learned addresses may be dialled.
    pub allow: Vec<String>,
    /// Look for peers on the local network, and be found there.
    pub mdns: bool,
    /// What identify tells others.
    pub agent_version: String,
    /// Addresses that others are told instead of those listened on.
    pub advertise: Vec<String>,
    /// Traversal of NATs; `None`: nothing but plain dials.
    pub nat: Option<NatOptions>,
    /// QUIC beside TCP.
    pub quic: QuicChoice,
}

/// Where an address was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Multicast on the local network.
    Mdns,
    /// The peer itself.
    Identify,
}

/// What happens. Dropped when nobody reads and 4,096 of them wait.
#[derive(Debug)]
pub enum Event {
    /// First connection to a peer.
    Connected {
        /// Who.
        peer: PeerId,
        /// From or to where.
        address: Multiaddr,
    },
    /// Last connection gone.
    Disconnected {
        /// Who.
        peer: PeerId,
    },
    /// The best way to a connected peer became another one.
    Path {
        /// To whom.
        peer: PeerId,
        /// How.
        path: Path,
        /// From or to where.
        address: Multiaddr,
    },
    /// Addresses were learned.
    Discovered {
        /// Whose.
        peer: PeerId,
        /// Addresses without the identity.
        addresses: Vec<Multiaddr>,
        /// From whom.
        source: Source,
    },
    /// An inbound connection came from outside the allow list.
    Refused {
        /// From where.
        address: Multiaddr,
    },
    /// A value that a peer wants kept: answer with [`Host::record_verdict`] within five seconds.
    Record {
        /// Names the question.
        id: u64,
        /// Key of the record.
        key: Vec<u8>,
        /// The new value.
        value: Vec<u8>,
        /// The value it would replace.
        held: Option<Vec<u8>>,
    },
    /// A message on a topic: answer with [`Host::gossip_verdict`] within five seconds.
    Gossip {
        /// Names the question.
        id: u64,
        /// Where it was published.
        topic: String,
        /// Who signed it.
        from: PeerId,
        /// What it says.
        data: Vec<u8>,
    },
    /// A stream of a protocol that is served here.
    Stream(HostStream),
}

/// A peer with addresses, as a query gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPeer {
    /// Who.
    pub peer: PeerId,
    /// Addresses without the identity.
    pub addresses: Vec<Multiaddr>,
}

/// A value with its holder, `None` for this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRecord {
    /// Who gave it.
    pub peer: Option<PeerId>,
    /// The value.
    pub value: Vec<u8>,
}

/// A running swarm. Dropping it ends the swarm.
#[derive(Clone)]
pub struct Host {
    commands: mpsc::Sender<Command>,
    snapshot: Arc<Snapshot>,
    served: Served,
    allow: AllowList,
    peer: PeerId,
}

impl Host {
    /// Starts a swarm and listens. `PORT_IN_USE`, `ADDRESS_INVALID` or `CONFIG_INVALID` when that cannot be.
    pub async fn open(options: Options) -> Result<(Self, mpsc::Receiver<Event>), P2pError> {
        let started = driver::start(options).await?;
        let host = Self {
            commands: started.commands,
            snapshot: started.snapshot,
            served: started.served,
            allow: started.allow,
            peer: started.peer,
        };
        Ok((host, started.events))
    }

    /// This node.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.peer
    }

    /// Listening addresses with the real port, and those at which others reached this node: TCP, then QUIC, then
    /// those at relays.
    #[must_use]
    pub fn addresses(&self) -> Vec<Multiaddr> {
        let mut all = self.snapshot.listening.lock().clone();
        all.extend(self.snapshot.external.lock().iter().cloned());
        all.sort_by_key(|address| (is_relayed(address), !is_tcp(address)));
        all
    }

    /// Peers with at least one connection.
    #[must_use]
    pub fn connected_peers(&self) -> Vec<PeerId> {
        self.snapshot.connected.lock().keys().copied().collect()
    }

    /// The best way to a peer that is open now.
    #[must_use]
    pub fn path_to(&self, peer: &PeerId) -> Option<Path> {
        self.snapshot.connected.lock().get(peer).copied()
    }

    /// How this node is reached from outside, at most a second old.
    #[must_use]
    pub fn nat_report(&self) -> NatReport {
        self.snapshot.nat.lock().clone()
    }

    /// The routing table.
    #[must_use]
    pub fn routing_table(&self) -> Vec<FoundPeer> {
        self.snapshot
            .table
            .lock()
            .iter()
            .map(|(peer, addresses)| FoundPeer { peer: *peer, addresses: addresses.clone() })
            .collect()
    }

    /// Connections that the gate (allowed, denied).
    #[must_use]
    pub fn gate_counters(&self) -> (u64, u64) {
        self.allow.counters()
    }

    /// Connects to an operator's address and says who answered.
    pub async fn dial(&self, address: &str, wait: Duration) -> Result<PeerId, P2pError> {
        let target = parse_target(address)?;
        self.ask(wait, |reply| Command::Dial { target, reply }).await?
    }

    /// Connects to a peer under the dial policy, at addresses that it or others named.
    pub async fn dial_learned(&self, peer: PeerId, addresses: &[String], wait: Duration) -> Result<PeerId, P2pError> {
        let addresses =
            addresses.iter().filter_map(|text| parse_target(text).ok()).map(|target| target.address).collect();
        self.ask(wait, |reply| Command::DialLearned { peer, addresses, reply }).await?
    }

    /// Closes all connections to a peer.
    pub async fn disconnect(&self, peer: PeerId) -> Result<(), P2pError> {
        self.ask(NEVER, |reply| Command::Disconnect { peer, reply }).await
    }

    /// Remembers where a peer is said to be.
    pub fn add_addresses(&self, peer: PeerId, addresses: &[String]) -> Result<(), P2pError> {
        let addresses =
            addresses.iter().filter_map(|text| parse_target(text).ok()).map(|target| target.address).collect();
        self.post(Command::AddAddresses { peer, addresses })
    }

    /// Takes inbound streams of a protocol from now on.
    pub fn serve(&self, protocol: String) -> Result<(), P2pError> {
        self.served.write().insert(protocol_name(protocol)?);
        Ok(())
    }

    /// Opens a stream, dialling first if needed; looks the peer up in the DHT when no address is known.
    pub async fn open_stream(&self, peer: PeerId, protocol: String, wait: Duration) -> Result<HostStream, P2pError> {
        let protocol = protocol_name(protocol)?;
        let attempt = || async {
            let (reply, answer) = oneshot::channel();
            self.send(Command::Open { peer, protocol: protocol.clone(), reply }).await?;
            answer
                .await
                .map_err(|_| P2pError::new("PEER_UNREACHABLE", "the connection closed while a stream was opened"))?
        };
        let whole = async {
            match attempt().await {
                Err(error) if error.code == failures::NO_ADDRESS => {
                    let near = self.closest_peers(peer.to_bytes(), wait).await?;
                    let found = near.into_iter().find(|found| found.peer == peer && !found.addresses.is_empty());
                    let Some(found) = found else {
                        return Err(P2pError::new("PEER_UNREACHABLE", format!("no address of {peer} is known")));
                    };
                    self.send(Command::AddAddresses { peer, addresses: found.addresses }).await?;
                    attempt().await.map_err(failures::public)
                }
                other => other,
            }
        };
        timeout(wait, whole).await.map_err(|_| late(wait))?
    }

    /// Replaces the allow list and disconnects who came in and is no longer on it.
    pub fn set_allow(&self, blocks: &[String]) -> Result<(), P2pError> {
        self.allow.replace(blocks).map_err(|error| P2pError::new("CONFIG_INVALID", error))?;
        self.post(Command::Recheck)
    }

    /// Answers an [`Event::Record`].
    pub fn record_verdict(&self, id: u64, accept: bool) -> Result<(), P2pError> {
        self.post(Command::Verdict { id, accept })
    }

    /// Looks for the peers nearest to this node, which fills the routing table.
    pub async fn bootstrap(&self) -> Result<(), P2pError> {
        self.closest_peers(self.peer.to_bytes(), crate::limits::QUERY).await.map(drop)
    }

    /// Takes messages of a topic from now on: `TOO_MANY`, or `USAGE` for an impossible name.
    pub async fn subscribe(&self, topic: String) -> Result<(), P2pError> {
        self.ask(NEVER, |reply| Command::Subscribe { topic, reply }).await?
    }

    /// No more messages of a topic.
    pub fn unsubscribe(&self, topic: String) -> Result<(), P2pError> {
        self.post(Command::Unsubscribe { topic })
    }

    /// Sends to everybody on a topic; `NOT_ENOUGH_PEERS` when nobody else is on it, `TOO_LARGE`.
    pub async fn publish(&self, topic: String, data: Vec<u8>) -> Result<(), P2pError> {
        self.ask(NEVER, |reply| Command::Publish { topic, data, reply }).await?
    }

    /// Answers an [`Event::Gossip`]: whether the message is passed on, or held against who sent it.
    pub fn gossip_verdict(&self, id: u64, accept: bool) -> Result<(), P2pError> {
        self.post(Command::GossipVerdict { id, accept })
    }

    /// Announces this node under a key.
    pub async fn start_providing(&self, key: Vec<u8>) -> Result<(), P2pError> {
        self.ask(NEVER, |reply| Command::Provide { key, reply }).await?
    }

    /// Ends the announcement here; others forget it in time.
    pub async fn stop_providing(&self, key: Vec<u8>) -> Result<(), P2pError> {
        self.send(Command::StopProviding { key }).await
    }

    /// Who announced a key, until there are `limit` of them or the time is over.
    pub async fn providers(&self, key: Vec<u8>, limit: usize, within: Duration) -> Result<Vec<FoundPeer>, P2pError> {
        self.ask(NEVER, |reply| Command::Providers { key, limit, within, reply }).await
    }

    /// Sends a value to the peers nearest to its key; `NOT_ENOUGH_PEERS` when none answers. This node keeps it too
    /// if the verdict allows.
    pub async fn put_record(&self, key: Vec<u8>, value: Vec<u8>) -> Result<(), P2pError> {
        self.ask(NEVER, |reply| Command::Put { key, value, reply }).await?
    }

    /// All values of a key that are found within the time.
    pub async fn get_record(&self, key: Vec<u8>, within: Duration) -> Result<Vec<FoundRecord>, P2pError> {
        self.ask(NEVER, |reply| Command::Get { key, within, reply }).await
    }

    /// The peers nearest to a key.
    pub async fn closest_peers(&self, key: Vec<u8>, within: Duration) -> Result<Vec<FoundPeer>, P2pError> {
        self.ask(NEVER, |reply| Command::Closest { key, within, reply }).await
    }

    /// Ends the swarm; its ports are free when this resolves. Safe to repeat.
    pub async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::Close { reply }).await.is_ok() {
            // An error says that the swarm ended for another reason meanwhile.
            let _ = answer.await;
        }
        self.commands.closed().await;
    }

    /// For commands without an answer, in the order of the calls.
    fn post(&self, command: Command) -> Result<(), P2pError> {
        self.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => P2pError::new("PEER_BUSY", "the swarm does not keep up"),
            mpsc::error::TrySendError::Closed(_) => P2pError::closed(),
        })
    }

    async fn send(&self, command: Command) -> Result<(), P2pError> {
        self.commands.send(command).await.map_err(|_| P2pError::closed())
    }

    async fn ask<T>(&self, wait: Duration, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, P2pError> {
        let (reply, answer) = oneshot::channel();
        let command = command(reply);
        timeout(wait, async {
            self.send(command).await?;
            answer.await.map_err(|_| P2pError::closed())
        })
        .await
        .map_err(|_| late(wait))?
    }
}

/// For what the swarm's task answers by itself within its own bounds.
const NEVER: Duration = Duration::from_secs(3600);

fn late(wait: Duration) -> P2pError {
    P2pError::new("TIMEOUT", format!("no answer within {} ms", wait.as_millis()))
}

fn protocol_name(text: String) -> Result<StreamProtocol, P2pError> {
    StreamProtocol::try_from_owned(text).map_err(|error| P2pError::new("USAGE", error))
}
