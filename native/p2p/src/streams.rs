//! Streams of our own protocols as a swarm behaviour.
//!
//! `libp2p-stream` opens one stream at a time per connection, drops inbound ones when its one-place channel is full,
//! and tells a dial failure as text only; hence this one.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, UpgradeInfo};
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished, DialFailure, ListenFailure};
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, DialError, FromSwarm, NetworkBehaviour,
    NotifyHandler, StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{InboundUpgrade, Multiaddr, OutboundUpgrade, PeerId, Stream, StreamProtocol};
use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};

use crate::error::P2pError;
use crate::failures::dial_error;
use crate::host::Event;
use crate::stream::{HostStream, Load};

pub(crate) type Served = Arc<RwLock<HashSet<StreamProtocol>>>;

/// A wish for a stream.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) protocol: StreamProtocol,
    pub(crate) reply: oneshot::Sender<Result<HostStream, P2pError>>,
}

/// A connection as a place for streams.
struct Way {
    id: ConnectionId,
    is_relayed: bool,
    load: Load,
}

pub(crate) struct Behaviour {
    served: Served,
    events: mpsc::Sender<Event>,
    connections: HashMap<PeerId, Vec<Way>>,
    waiting: HashMap<PeerId, Vec<Open>>,
    /// Of connections that the other behaviours have yet to agree to.
    pending: HashMap<ConnectionId, Load>,
    orders: VecDeque<ToSwarm<Infallible, Open>>,
    waker: Option<Waker>,
}

impl Behaviour {
    pub(crate) fn new(served: Served, events: mpsc::Sender<Event>) -> Self {
        Self {
            served,
            events,
            connections: HashMap::new(),
            waiting: HashMap::new(),
            pending: HashMap::new(),
            orders: VecDeque::new(),
            waker: None,
        }
    }

    /// Opens on a connection that is there, or waits for one; true when the peer has to be dialled.
    pub(crate) fn open(&mut self, peer: PeerId, open: Open) -> bool {
        // A direct way before one through a relay, which others pay for.
        let best = self.connections.get(&peer).and_then(|all| all.iter().min_by_key(|way| way.is_relayed));
        if let Some(id) = best.map(|way| way.id) {
            self.order(peer, id, open);
            return false;
        }
        let waiting = self.waiting.entry(peer).or_default();
        waiting.retain(|other| !other.reply.is_closed());
        waiting.push(open);
        true
    }

    /// Whether a connection carries a stream of ours.
    pub(crate) fn is_idle(&self, peer: &PeerId, id: ConnectionId) -> bool {
        let way = self.connections.get(peer).and_then(|all| all.iter().find(|way| way.id == id));
        way.is_none_or(|way| way.load.is_idle())
    }

    fn order(&mut self, peer_id: PeerId, connection: ConnectionId, event: Open) {
        self.orders.push_back(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(connection), event });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn handler(&mut self, id: ConnectionId, peer: PeerId) -> Handler {
        let load = Load::default();
        self.pending.insert(id, load.clone());
        Handler {
            peer,
            served: self.served.clone(),
            events: self.events.clone(),
            load,
            wishes: VecDeque::new(),
            waker: None,
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(id, peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(id, peer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        if let FromSwarm::ListenFailure(ListenFailure { connection_id, .. })
        | FromSwarm::DialFailure(DialFailure { connection_id, .. }) = event
        {
            self.pending.remove(&connection_id);
        }
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished { peer_id, connection_id, endpoint, .. }) => {
                let load = self.pending.remove(&connection_id).unwrap_or_default();
                let way = Way { id: connection_id, is_relayed: endpoint.is_relayed(), load };
                self.connections.entry(peer_id).or_default().push(way);
                for open in self.waiting.remove(&peer_id).unwrap_or_default() {
                    self.order(peer_id, connection_id, open);
                }
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, connection_id, .. }) => {
                if let Some(connections) = self.connections.get_mut(&peer_id) {
                    connections.retain(|way| way.id != connection_id);
                    if connections.is_empty() {
                        self.connections.remove(&peer_id);
                    }
                }
            }
            // A dial that did not start because another one is under way: that one's outcome will come.
            FromSwarm::DialFailure(DialFailure { error: DialError::DialPeerConditionFalse(_), .. }) => {}
            FromSwarm::DialFailure(DialFailure { peer_id: Some(peer), error, .. })
                if !self.connections.contains_key(&peer) =>
            {
                for open in self.waiting.remove(&peer).unwrap_or_default() {
                    // The caller may have gone: its wish is gone with it.
                    let _ = open.reply.send(Err(dial_error(error)));
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(order) = self.orders.pop_front() {
            return Poll::Ready(order);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

pub(crate) struct Handler {
    peer: PeerId,
    served: Served,
    events: mpsc::Sender<Event>,
    load: Load,
    wishes: VecDeque<Open>,
    waker: Option<Waker>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = Infallible;
    type InboundProtocol = Protocols;
    type OutboundProtocol = Protocols;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Open;

    fn listen_protocol(&self) -> SubstreamProtocol<Protocols, ()> {
        SubstreamProtocol::new(Protocols(self.served.read().iter().cloned().collect()), ())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Protocols, Open, Infallible>> {
        while let Some(open) = self.wishes.pop_front() {
            if open.reply.is_closed() {
                continue;
            }
            let protocol = SubstreamProtocol::new(Protocols(vec![open.protocol.clone()]), open);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, open: Open) {
        self.wishes.push_back(open);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<Protocols, Protocols, (), Open>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (stream, protocol), ..
            }) => {
                // Too many, or nobody keeps up: dropping the stream resets it.
                if let Some(guard) = self.load.take_inbound() {
                    let _ = self.events.try_send(Event::Stream(HostStream::new(stream, self.peer, protocol, guard)));
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: (stream, protocol),
                info,
            }) => {
                let _ = info.reply.send(Ok(HostStream::new(stream, self.peer, protocol, self.load.take_outbound())));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let failure = match error {
                    StreamUpgradeError::NegotiationFailed => {
                        P2pError::new("PROTOCOL", format!("the peer does not speak {}", info.protocol))
                    }
                    StreamUpgradeError::Timeout => P2pError::new("TIMEOUT", "the peer did not answer to a new stream"),
                    StreamUpgradeError::Io(error) => {
                        P2pError::new("PEER_UNREACHABLE", format!("the connection broke: {error}"))
                    }
                    StreamUpgradeError::Apply(never) => match never {},
                };
                let _ = info.reply.send(Err(failure));
            }
            _ => {}
        }
    }
}

/// Negotiates one of several protocols and changes nothing about the stream.
#[derive(Clone, Debug)]
pub(crate) struct Protocols(Vec<StreamProtocol>);

impl UpgradeInfo for Protocols {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Protocols {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}

impl OutboundUpgrade<Stream> for Protocols {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}
