//! The accept hook: an address that is not on the allow list gets no protocol byte from us. Who comes through a relay
//! is judged by the relay's address: nothing else of where it comes from is known.

use std::convert::Infallible;
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId};
use pangea_firewall::AllowList;
use thiserror::Error;

use crate::address::{ip_of, is_relayed};

/// Why an inbound connection was dropped.
#[derive(Debug, Error)]
#[error("the address is not on the allow list")]
pub(crate) struct NotAllowed;

pub(crate) struct Behaviour {
    allow: AllowList,
}

impl Behaviour {
    pub(crate) fn new(allow: AllowList) -> Self {
        Self { allow }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        _: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        if ip_of(origin(local, remote)).is_some_and(|ip| self.allow.permits(ip)) {
            Ok(())
        } else {
            Err(ConnectionDenied::new(NotAllowed))
        }
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        // The list may have changed during the handshake.
        if ip_of(origin(local, remote)).is_some_and(|ip| self.allow.contains(ip)) {
            Ok(dummy::ConnectionHandler)
        } else {
            Err(ConnectionDenied::new(NotAllowed))
        }
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

fn origin<'a>(local: &'a Multiaddr, remote: &'a Multiaddr) -> &'a Multiaddr {
    if is_relayed(local) { local } else { remote }
}
