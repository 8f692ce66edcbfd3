//! The ways to peers: which connections there are, and the best of them.

use std::collections::HashMap;
use std::time::Instant;

use libp2p::core::ConnectedPoint;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};

use crate::address::dialable;

/// A way to a peer, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// Dialled, or dialled by the other, without more.
    Direct,
    /// Direct, and only there because both ends dialled at the same time.
    Punched,
    /// Through a relay.
    Relayed,
}

impl Path {
    /// As events and reports name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Punched => "punched",
            Self::Relayed => "relayed",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) peer: PeerId,
    pub(crate) address: Multiaddr,
    pub(crate) inbound: bool,
    pub(crate) path: Path,
    pub(crate) since: Instant,
}

/// Where a relayed connection comes from or leads to: the relay's address, without the other end's identity.
pub(crate) fn circuit_of(endpoint: &ConnectedPoint) -> Multiaddr {
    let address = match endpoint {
        ConnectedPoint::Dialer { address, .. } => address,
        ConnectedPoint::Listener { local_addr, .. } => local_addr,
    };
    dialable(address).unwrap_or_else(|| address.clone())
}

/// All connections.
#[derive(Default)]
pub(crate) struct Connections(HashMap<ConnectionId, Connection>);

impl Connections {
    pub(crate) fn insert(&mut self, id: ConnectionId, connection: Connection) {
        self.0.insert(id, connection);
    }

    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        self.0.remove(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &Connection)> {
        self.0.iter().map(|(id, connection)| (*id, connection))
    }

    pub(crate) fn of(&self, peer: PeerId) -> impl Iterator<Item = (ConnectionId, &Connection)> {
        self.iter().filter(move |(_, connection)| connection.peer == peer)
    }

    /// Relayed connections to peers that there is a direct one to for longer than that.
    pub(crate) fn superseded(&self, since: Instant) -> Vec<(PeerId, ConnectionId)> {
        let relayed = self.iter().filter(|(_, connection)| connection.path == Path::Relayed);
        relayed
            .filter(|(_, connection)| {
                self.best(connection.peer).is_some_and(|best| best.path != Path::Relayed && best.since <= since)
            })
            .map(|(id, connection)| (connection.peer, id))
            .collect()
    }

    /// The best way to a peer and where it leads.
    pub(crate) fn best(&self, peer: PeerId) -> Option<&Connection> {
        self.of(peer).map(|(_, connection)| connection).min_by_key(|connection| connection.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_way_counts() {
        let (peer, other) = (PeerId::random(), PeerId::random());
        let mut connections = Connections::default();
        let connection =
            |peer, path| Connection { peer, address: Multiaddr::empty(), inbound: false, path, since: Instant::now() };
        for (id, path) in [Path::Relayed, Path::Punched, Path::Direct].into_iter().enumerate() {
            connections.insert(ConnectionId::new_unchecked(id), connection(peer, path));
            assert_eq!(connections.best(peer).map(|best| best.path), Some(path));
        }
        assert!(connections.best(other).is_none());
        connections.remove(ConnectionId::new_unchecked(2));
        connections.remove(ConnectionId::new_unchecked(1));
        assert_eq!(connections.best(peer).map(|best| best.path), Some(Path::Relayed));
        assert_eq!(connections.of(peer).count(), 1);
    }
}
