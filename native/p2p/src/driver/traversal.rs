//! The driver's part in being reached from outside.

use std::time::Instant;

use libp2p::core::ConnectedPoint;
use libp2p::core::transport::ListenerId;
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, identify, relay};

use super::Driver;
use crate::address::{dialable, ip_of, is_local, is_relayed};
use crate::behaviour::BehaviourEvent;
use crate::failures::{chain, dial_error};
use crate::limits;
use crate::paths::Path;
use crate::relays::Order;

impl Driver {
    pub(super) fn on_nat_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let Some(nat) = self.nat.as_mut() else { return };
        match event {
            SwarmEvent::NewExternalAddrCandidate { address } => nat.seen_at(&address),
            SwarmEvent::ExternalAddrConfirmed { address } => self.confirmed(address),
            SwarmEvent::ExternalAddrExpired { address } => {
                nat.expired(&address);
                self.snapshot.external.lock().retain(|other| *other != address);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Reach(event)) => nat.on_probe(event),
            SwarmEvent::Behaviour(BehaviourEvent::Upnp(event)) => nat.on_upnp(event),
            SwarmEvent::Behaviour(BehaviourEvent::RelayServer(event)) => nat.on_served(&event),
            SwarmEvent::Behaviour(BehaviourEvent::Punch(event)) => {
                // Success is the connection itself.
                if let Err(error) = event.result {
                    nat.punches.failed(event.remote_peer_id, &chain(&error), Instant::now());
                }
            }
            _ => return,
        }
        self.report();
    }

    /// Does what is due: relays to ask, relayed connections that a direct one has taken the place of.
    pub(super) fn traverse(&mut self, now: Instant) {
        let Some(nat) = self.nat.as_mut() else { return };
        nat.punches.expire(now, |peer| self.connections.best(*peer).is_some_and(|best| best.path != Path::Relayed));
        let orders = nat.tick(|peer| self.connections.best(*peer).is_some_and(|best| best.path != Path::Relayed), now);
        for order in orders {
            match order {
                Order::Reserve(relay, circuit) => match self.swarm.listen_on(circuit) {
                    Ok(listener) => nat.relays.asked(&relay, listener),
                    Err(error) => nat.relays.refused(&relay, chain(&error), now),
                },
                Order::GiveUp(listener) => drop(self.swarm.remove_listener(listener)),
            }
        }
        if let Some(since) = now.checked_sub(limits::RELAYED_LINGER) {
            for (peer, id) in self.connections.superseded(since) {
                if self.swarm.behaviour().streams.is_idle(&peer, id) {
                    self.swarm.close_connection(id);
                }
            }
        }
        self.report();
    }

    /// The way that a new connection is, which may end an attempt to get a direct one.
    pub(super) fn path_of(&mut self, peer: PeerId, id: ConnectionId, endpoint: &ConnectedPoint) -> Path {
        let now = Instant::now();
        let made = self.swarm.behaviour().punch.as_ref().is_some_and(|punch| punch.made(id));
        let Some(nat) = self.nat.as_mut() else { return Path::Direct };
        if endpoint.is_relayed() {
            if self.connections.best(peer).is_none() {
                nat.punches.began(peer, now);
            }
            return Path::Relayed;
        }
        // The other end's dial may arrive as one that nobody here asked for, and more than one may get through.
        let is_relayed = self.connections.of(peer).any(|(_, connection)| connection.path == Path::Relayed);
        let arrived = is_relayed && endpoint.is_listener();
        if !made && !arrived {
            return Path::Direct;
        }
        nat.punches.succeeded(peer, endpoint.get_remote_address(), now);
        self.report();
        Path::Punched
    }

    pub(super) fn punch_failed(&mut self, id: ConnectionId, peer: Option<PeerId>, error: &DialError) {
        let made = self.swarm.behaviour_mut().punch.as_mut().is_some_and(|punch| punch.forget(id));
        let (Some(nat), Some(peer), true) = (self.nat.as_mut(), peer, made) else { return };
        nat.punches.dial_failed(peer, dial_error(error).message, Instant::now());
        self.report();
    }

    /// A connection has ended: without another one there is nothing left to punch with.
    pub(super) fn relayed_closed(&mut self, peer: PeerId) {
        let Some(nat) = self.nat.as_mut() else { return };
        if self.connections.best(peer).is_none() {
            nat.punches.failed(peer, "the relayed connection ended before", Instant::now());
        }
    }

    pub(super) fn listening(&mut self, listener: ListenerId, address: Multiaddr) {
        let mut address = address;
        if is_relayed(&address) {
            let Some(nat) = self.nat.as_mut() else { return };
            if !nat.relays.reserved(listener) {
                return;
            }
            self.report();
            // What the relay says of itself may be an address inside its own network.
            let Some(circuit) = dialable(&address).filter(|circuit| self.is_worth_telling(circuit)) else { return };
            address = circuit;
        }
        // Unless it is called external, other implementations drop what this node provides.
        if !self.advertises {
            self.swarm.add_external_address(address.clone());
        }
        let mut listening = self.snapshot.listening.lock();
        if !listening.contains(&address) && listening.len() < limits::OWN_ADDRESSES {
            listening.push(address);
        }
    }

    pub(super) fn not_listening(
        &mut self,
        listener: ListenerId,
        addresses: &[Multiaddr],
        reason: Option<std::io::Error>,
    ) {
        for address in addresses {
            let address = dialable(address).unwrap_or_else(|| address.clone());
            self.swarm.remove_external_address(&address);
            self.snapshot.listening.lock().retain(|other| *other != address);
        }
        if let Some(nat) = self.nat.as_mut() {
            let reason = reason.map_or_else(|| "the connection to the relay ended".to_owned(), |error| chain(&error));
            nat.listener_closed(listener, reason, Instant::now());
            self.report();
        }
    }

    /// A node that the operator named was reached: perhaps a relay.
    pub(super) fn operator_reached(&mut self, peer: PeerId, address: Option<Multiaddr>) {
        if let (Some(nat), Some(address)) = (self.nat.as_mut(), address.filter(|address| !is_relayed(address))) {
            nat.relays.reached(peer, address, Instant::now());
        }
    }

    /// Where the peer sees this node, and whether it carries for others.
    pub(super) fn learn_from(&mut self, peer: PeerId, info: &identify::Info) {
        let Some(nat) = self.nat.as_mut() else { return };
        nat.relays.identified(&peer, info.protocols.contains(&relay::HOP_PROTOCOL_NAME));
        // An address that this node listens on is no news to the swarm, and would never be tested.
        let Some(observed) = dialable(&info.observed_addr) else { return };
        if self.snapshot.listening.lock().contains(&observed) {
            nat.seen_at(&observed);
            if let Some(reach) = self.swarm.behaviour_mut().reach.as_mut() {
                reach.ask(&observed);
            }
        }
    }

    fn confirmed(&mut self, address: Multiaddr) {
        if is_relayed(&address) {
            return;
        }
        if self.advertises {
            return self.swarm.remove_external_address(&address);
        }
        let mut external = self.snapshot.external.lock();
        let known = external.contains(&address) || self.snapshot.listening.lock().contains(&address);
        if !known && external.len() < limits::OBSERVED {
            external.push(address);
        }
    }

    fn is_worth_telling(&self, circuit: &Multiaddr) -> bool {
        ip_of(circuit).is_some_and(|ip| !is_local(ip)) || self.policy.permits(circuit)
    }

    fn report(&self) {
        if let Some(nat) = &self.nat {
            *self.snapshot.nat.lock() = nat.report();
        }
    }
}
