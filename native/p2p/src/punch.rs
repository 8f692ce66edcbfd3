//! Hole punching: DCUtR with its dials known by name, and what came of them.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::{
    ConnectionClosed, ConnectionEstablished, DialFailure, ExternalAddrConfirmed, NewExternalAddrCandidate,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, dcutr};

use crate::address::{DialPolicy, Pass, is_relayed};
use crate::limits;

/// DCUtR whose dials leave from the listening port: a router lets the other's packets in only on the way that its own
/// ones took out.
pub(crate) struct Behaviour {
    inner: dcutr::Behaviour,
    policy: DialPolicy,
    dials: HashMap<ConnectionId, Vec<Pass>>,
}

impl Behaviour {
    pub(crate) fn new(own: PeerId, policy: DialPolicy) -> Self {
        Self { inner: dcutr::Behaviour::new(own), policy, dials: HashMap::new() }
    }

    /// Whether a connection, or an attempt at one, is DCUtR's.
    pub(crate) fn made(&self, id: ConnectionId) -> bool {
        self.dials.contains_key(&id)
    }

    /// The attempt has failed. Whether it was DCUtR's.
    pub(crate) fn forget(&mut self, id: ConnectionId) -> bool {
        self.dials.remove(&id).is_some()
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = <dcutr::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = dcutr::Event;

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if let Some(passes) = self.dials.get_mut(&id) {
            *passes = addresses.iter().map(|address| self.policy.leave_from_listening_port(address)).collect();
        }
        self.inner.handle_pending_outbound_connection(id, peer, addresses, role)
    }

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
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished { connection_id, .. })
            | FromSwarm::DialFailure(DialFailure { connection_id, .. }) => {
                if let Some(passes) = self.dials.get_mut(&connection_id) {
                    passes.clear();
                }
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. }) => {
                self.dials.remove(&connection_id);
            }
            // The swarm calls nothing a candidate that is known to be ours, and DCUtR offers candidates only: who was
            // met through a relay for no need would stay there.
            FromSwarm::ExternalAddrConfirmed(ExternalAddrConfirmed { addr }) if !is_relayed(addr) => {
                let candidate = NewExternalAddrCandidate { addr };
                self.inner.on_swarm_event(FromSwarm::NewExternalAddrCandidate(candidate));
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        let polled = self.inner.poll(cx);
        if let Poll::Ready(ToSwarm::Dial { opts }) = &polled {
            self.dials.insert(opts.connection_id(), Vec::new());
        }
        polled
    }
}

/// What came of an attempt to get from a relayed to a direct connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PunchReport {
    /// With whom.
    pub peer: PeerId,
    /// Whether there is a direct connection.
    pub ok: bool,
    /// Since the relayed connection was there.
    pub took: Duration,
    /// The way that opened, or why none did.
    pub detail: String,
}

struct Attempt {
    began: Instant,
    failures: usize,
    last_failure: String,
}

/// The attempts under way, and the last ones that are over.
#[derive(Default)]
pub(crate) struct Punches {
    under_way: HashMap<PeerId, Attempt>,
    over: VecDeque<PunchReport>,
}

impl Punches {
    /// A relayed connection was made: one of its ends will try.
    pub(crate) fn began(&mut self, peer: PeerId, now: Instant) {
        self.under_way.entry(peer).or_insert(Attempt { began: now, failures: 0, last_failure: String::new() });
    }

    pub(crate) fn succeeded(&mut self, peer: PeerId, address: &Multiaddr, now: Instant) {
        if let Some(attempt) = self.under_way.remove(&peer) {
            self.end(peer, true, now - attempt.began, address.to_string());
        }
    }

    /// One dial of an attempt failed; DCUtR gives up after three.
    pub(crate) fn dial_failed(&mut self, peer: PeerId, reason: String, now: Instant) {
        let Some(attempt) = self.under_way.get_mut(&peer) else { return };
        attempt.failures += 1;
        attempt.last_failure = reason;
        if attempt.failures >= limits::PUNCH_ATTEMPTS {
            self.failed(peer, "", now);
        }
    }

    pub(crate) fn failed(&mut self, peer: PeerId, reason: &str, now: Instant) {
        let Some(Attempt { began, failures, last_failure }) = self.under_way.remove(&peer) else { return };
        let detail = match (failures, reason) {
            (0, "") => "no attempt was made".to_owned(),
            (0, reason) => reason.to_owned(),
            (failures, _) => format!("{failures} attempts; the last: {last_failure}"),
        };
        self.end(peer, false, now - began, detail);
    }

    /// The other end may not speak DCUtR, or know no address of its own. Whoever is reached directly by other means
    /// needed no punching: that is no failure.
    pub(crate) fn expire(&mut self, now: Instant, is_direct: impl Fn(&PeerId) -> bool) {
        self.under_way.retain(|peer, attempt| now - attempt.began <= limits::PUNCH || !is_direct(peer));
        let late: Vec<PeerId> = self
            .under_way
            .iter()
            .filter(|(_, attempt)| now - attempt.began > limits::PUNCH)
            .map(|(peer, _)| *peer)
            .collect();
        for peer in late {
            self.failed(
                peer,
                "no attempt was made in time: the other end does not punch, or knows no own address",
                now,
            );
        }
    }

    pub(crate) fn report(&self) -> Vec<PunchReport> {
        self.over.iter().cloned().collect()
    }

    fn end(&mut self, peer: PeerId, ok: bool, took: Duration, detail: String) {
        if self.over.len() == limits::PUNCH_REPORTS {
            self.over.pop_front();
        }
        self.over.push_back(PunchReport { peer, ok, took, detail });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_end_once_and_the_reports_are_bounded() {
        let mut punches = Punches::default();
        let (peer, now) = (PeerId::random(), Instant::now());
        punches.succeeded(peer, &Multiaddr::empty(), now);
        assert!(punches.report().is_empty(), "nothing had begun");
        punches.began(peer, now);
        for _ in 0..limits::PUNCH_ATTEMPTS + 1 {
            punches.dial_failed(peer, "refused".into(), now);
        }
        assert_eq!(punches.report().len(), 1);
        assert_eq!(punches.report()[0].detail, "3 attempts; the last: refused");
        punches.began(peer, now);
        punches.expire(now + limits::PUNCH, |_| false);
        assert_eq!(punches.report().len(), 1);
        punches.expire(now + limits::PUNCH + Duration::from_millis(1), |_| false);
        assert!(!punches.report()[1].ok);
        punches.began(peer, now);
        punches.expire(now + 2 * limits::PUNCH, |_| true);
        assert_eq!(punches.report().len(), 2, "direct by other means");
        for seconds in 0..40 {
            punches.began(peer, now);
            punches.succeeded(peer, &Multiaddr::empty(), now + Duration::from_secs(seconds));
        }
        let report = punches.report();
        assert_eq!((report.len(), report[31].took), (limits::PUNCH_REPORTS, Duration::from_secs(39)));
    }
}
