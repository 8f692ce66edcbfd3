//! How this node is reached from outside: what is known of it, and what is done about it.

use std::time::Instant;

use libp2p::core::transport::ListenerId;
use libp2p::{Multiaddr, PeerId, autonat, relay, upnp};

use crate::address::{is_relayed, parse_target};
use crate::error::P2pError;
use crate::limits;
use crate::punch::{PunchReport, Punches};
use crate::relays::{Need, Order, RelayReport, Relays};

/// What is done about NATs.
#[derive(Clone, Debug, Default)]
pub struct NatOptions {
    /// Multiaddrs of the operator's relays. Nodes that the operator has dialled are relays too, if they carry.
    pub relays: Vec<String>,
    /// Whether to carry others' connections.
    pub serve_relay: bool,
    /// Whether to ask the gateway for ports.
    pub upnp: bool,
}

/// Whether others reach this node without a relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reachability {
    /// Nobody has tried.
    #[default]
    Unknown,
    /// Somebody did.
    Public,
    /// Somebody tried and did not.
    Private,
}

/// What the gateway said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpnpReport {
    /// `off`, `searching`, `mapped`, `none` or `failed`.
    pub state: &'static str,
    /// One line for people.
    pub detail: String,
}

impl Default for UpnpReport {
    fn default() -> Self {
        Self { state: "off", detail: "not asked for".to_owned() }
    }
}

/// How this node is reached.
#[derive(Clone, Debug, Default)]
pub struct NatReport {
    /// From outside, directly.
    pub reachability: Reachability,
    /// Where others saw this node.
    pub observed: Vec<Multiaddr>,
    /// Where others reached it.
    pub confirmed: Vec<Multiaddr>,
    /// The gateway.
    pub upnp: UpnpReport,
    /// Relays that were named or are used.
    pub relays: Vec<RelayReport>,
    /// The last attempts to get from a relayed to a direct connection.
    pub punches: Vec<PunchReport>,
    /// Circuits that this node carries.
    pub circuits: usize,
    /// Places that it keeps for others.
    pub reservations: usize,
}

/// The state behind the report.
pub(crate) struct Nat {
    pub(crate) relays: Relays,
    pub(crate) punches: Punches,
    started: Instant,
    observed: Vec<Multiaddr>,
    confirmed: Vec<Multiaddr>,
    refuted: Vec<Multiaddr>,
    upnp: UpnpReport,
    circuits: usize,
    reservations: usize,
}

impl Nat {
    pub(crate) fn new(options: &NatOptions, asks_gateway: bool, now: Instant) -> Result<Self, P2pError> {
        let mut named = Vec::new();
        for text in &options.relays {
            let target = parse_target(text)?;
            match target.peer {
                Some(peer) if !is_relayed(&target.address) => named.push((peer, target.address)),
                _ => {
                    let text = format!("a relay is named by a direct address with /p2p/: '{}'", text.escape_debug());
                    return Err(P2pError::new("ADDRESS_INVALID", text));
                }
            }
        }
        let upnp = if asks_gateway {
            UpnpReport { state: "searching", detail: "no gateway has answered yet".to_owned() }
        } else {
            UpnpReport::default()
        };
        Ok(Self {
            relays: Relays::new(named, now),
            punches: Punches::default(),
            started: now,
            observed: Vec::new(),
            confirmed: Vec::new(),
            refuted: Vec::new(),
            upnp,
            circuits: 0,
            reservations: 0,
        })
    }

    pub(crate) fn report(&self) -> NatReport {
        NatReport {
            reachability: self.reachability(),
            observed: self.observed.clone(),
            confirmed: self.confirmed.clone(),
            upnp: self.upnp.clone(),
            relays: self.relays.report(),
            punches: self.punches.report(),
            circuits: self.circuits,
            reservations: self.reservations,
        }
    }

    /// What the swarm has to do now.
    pub(crate) fn tick(&mut self, connected: impl Fn(&PeerId) -> bool, now: Instant) -> Vec<Order> {
        let need = match self.reachability() {
            Reachability::Public => Need::None,
            Reachability::Private => Need::Any,
            Reachability::Unknown if now - self.started > limits::REACH_UNKNOWN => Need::Any,
            Reachability::Unknown => Need::Named,
        };
        self.relays.orders(need, connected, now)
    }

    /// Somebody sees this node there. The last ones are kept.
    pub(crate) fn seen_at(&mut self, address: &Multiaddr) {
        remember(&mut self.observed, address);
    }

    pub(crate) fn on_probe(&mut self, event: autonat::v2::client::Event) {
        let address = event.tested_addr;
        if event.result.is_ok() {
            self.refuted.retain(|other| *other != address);
            remember(&mut self.confirmed, &address);
        } else if !self.confirmed.contains(&address) {
            remember(&mut self.refuted, &address);
        }
    }

    /// An address is no longer ours.
    pub(crate) fn expired(&mut self, address: &Multiaddr) {
        self.confirmed.retain(|other| other != address);
        self.refuted.retain(|other| other != address);
    }

    pub(crate) fn on_upnp(&mut self, event: upnp::Event) {
        let (state, detail) = match event {
            upnp::Event::NewExternalAddr { external_addr, .. } => ("mapped", external_addr.to_string()),
            upnp::Event::ExpiredExternalAddr { external_addr, .. } => {
                ("failed", format!("the gateway no longer maps {external_addr}"))
            }
            upnp::Event::GatewayNotFound => ("none", "no gateway answered".to_owned()),
            upnp::Event::NonRoutableGateway => ("failed", "the gateway is behind another NAT".to_owned()),
        };
        self.upnp = UpnpReport { state, detail };
    }

    pub(crate) fn on_served(&mut self, event: &relay::Event) {
        match event {
            relay::Event::ReservationReqAccepted { renewed: false, .. } => self.reservations += 1,
            relay::Event::ReservationClosed { .. } | relay::Event::ReservationTimedOut { .. } => {
                self.reservations = self.reservations.saturating_sub(1);
            }
            relay::Event::CircuitReqAccepted { .. } => self.circuits += 1,
            relay::Event::CircuitClosed { .. } => self.circuits = self.circuits.saturating_sub(1),
            _ => {}
        }
    }

    pub(crate) fn listener_closed(&mut self, listener: ListenerId, reason: String, now: Instant) {
        self.relays.closed(listener, reason, now);
    }

    fn reachability(&self) -> Reachability {
        if !self.confirmed.is_empty() {
            Reachability::Public
        } else if !self.refuted.is_empty() {
            Reachability::Private
        } else {
            Reachability::Unknown
        }
    }
}

fn remember(addresses: &mut Vec<Multiaddr>, address: &Multiaddr) {
    if addresses.contains(address) || is_relayed(address) {
        return;
    }
    if addresses.len() >= limits::OBSERVED {
        addresses.remove(0);
    }
    addresses.push(address.clone());
}

/// The settings of a node that carries for others.
pub(crate) fn relay_config() -> relay::Config {
    relay::Config {
        max_reservations: limits::RELAY_RESERVATIONS,
        max_reservations_per_peer: limits::RELAY_RESERVATIONS_PER_PEER,
        max_circuits: limits::RELAY_CIRCUITS,
        max_circuits_per_peer: limits::RELAY_CIRCUITS_PER_PEER,
        max_circuit_duration: limits::RELAY_CIRCUIT,
        max_circuit_bytes: limits::RELAY_CIRCUIT_BYTES,
        ..relay::Config::default()
    }
}
