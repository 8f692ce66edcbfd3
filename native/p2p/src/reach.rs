//! AutoNAT: whether others reach this node.
//!
//! Version 2 asks: the other end has to show a number at the address itself, so nobody's word is taken. Version 1 is
//! only answered, for peers that know no other.

use std::collections::HashSet;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::autonat::{v1, v2};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::NewExternalAddrCandidate;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use crate::address::dialable;
use crate::limits;

/// The client of version 2, which keeps every address that anybody ever claimed to see; here it hears of a bounded
/// number.
pub(crate) struct Client {
    inner: v2::client::Behaviour,
    heard: HashSet<Multiaddr>,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self { inner: v2::client::Behaviour::default(), heard: HashSet::new() }
    }

    /// Has an address tested that the swarm takes for external already, which it tells nobody of.
    pub(crate) fn ask(&mut self, address: &Multiaddr) {
        if !self.heard.contains(address) && self.is_worth_asking(address) {
            let candidate = NewExternalAddrCandidate { addr: address };
            self.inner.on_swarm_event(FromSwarm::NewExternalAddrCandidate(candidate));
        }
    }

    fn is_worth_asking(&mut self, address: &Multiaddr) -> bool {
        dialable(address).is_some()
            && (self.heard.contains(address)
                || (self.heard.len() < limits::CANDIDATES && self.heard.insert(address.clone())))
    }
}

/// Answers questions of version 1 and asks none: there a server's word would make an address ours.
pub(crate) fn old_server(own: PeerId) -> v1::Behaviour {
    let config = v1::Config {
        use_connected: false,
        // No server is ever known to the client half.
        retry_interval: Duration::from_secs(3600),
        refresh_interval: Duration::from_secs(3600),
        max_peer_addresses: limits::ADDRESSES_PER_PEER,
        // The dial policy decides.
        only_global_ips: false,
        ..v1::Config::default()
    };
    v1::Behaviour::new(own, config)
}

impl NetworkBehaviour for Client {
    type ConnectionHandler = <v2::client::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = v2::client::Event;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(id, peer, address, role, port_use)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        if let FromSwarm::NewExternalAddrCandidate(NewExternalAddrCandidate { addr }) = &event
            && !self.is_worth_asking(addr)
        {
            return;
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(cx)
    }
}
