//! The relays that this node can be reached through while others do not reach it directly.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use crate::limits;

/// How it stands with one relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayReport {
    /// Its address, with its identity.
    pub relay: Multiaddr,
    /// `reserved`, `pending` or `failed`.
    pub state: &'static str,
    /// One line for people.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is asked of it.
    Idle,
    /// Asked.
    Pending(ListenerId),
    Reserved(ListenerId),
    Failed,
}

struct Relay {
    peer: PeerId,
    address: Multiaddr,
    /// Named by the operator as a relay.
    is_named: bool,
    carries: bool,
    state: State,
    next_try: Instant,
    wait: Duration,
    detail: String,
}

/// Whether relays are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Others reach this node directly.
    None,
    /// Nobody knows yet: those that the operator named.
    Named,
    /// Others do not reach it.
    Any,
}

/// What the swarm is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Listen at this circuit address, and say by which listener.
    Reserve(PeerId, Multiaddr),
    GiveUp(ListenerId),
}

#[derive(Default)]
pub(crate) struct Relays {
    named: HashSet<PeerId>,
    known: Vec<Relay>,
}

impl Relays {
    /// `named`: the operator's relays that carry an identity.
    pub(crate) fn new(named: impl IntoIterator<Item = (PeerId, Multiaddr)>, now: Instant) -> Self {
        let mut relays = Self::default();
        for (peer, address) in named {
            relays.named.insert(peer);
            relays.add(peer, address, now);
        }
        relays
    }

    /// The operator's node `peer` was reached at `address`.
    pub(crate) fn reached(&mut self, peer: PeerId, address: Multiaddr, now: Instant) {
        match self.known.iter_mut().find(|relay| relay.peer == peer) {
            // A listener goes on at the address that it has.
            Some(relay) if matches!(relay.state, State::Idle | State::Failed) => {
                relay.address = address;
                relay.next_try = relay.next_try.min(now);
            }
            Some(_) => {}
            None => self.add(peer, address, now),
        }
    }

    /// A peer said which protocols it speaks.
    pub(crate) fn identified(&mut self, peer: &PeerId, carries: bool) {
        if let Some(relay) = self.known.iter_mut().find(|relay| relay.peer == *peer) {
            relay.carries = carries;
        }
    }

    pub(crate) fn orders(&mut self, need: Need, connected: impl Fn(&PeerId) -> bool, now: Instant) -> Vec<Order> {
        if need == Need::None {
            let given_up = self.known.iter_mut().filter_map(|relay| match relay.state {
                State::Pending(listener) | State::Reserved(listener) => {
                    relay.state = State::Idle;
                    Some(Order::GiveUp(listener))
                }
                _ => None,
            });
            return given_up.collect();
        }
        let mut free = limits::RESERVATIONS.saturating_sub(self.listeners().count());
        let mut orders = Vec::new();
        // The operator's own choice first.
        self.known.sort_by_key(|relay| !relay.is_named);
        for relay in &mut self.known {
            let asked = matches!(relay.state, State::Pending(_) | State::Reserved(_));
            if need == Need::Named && !relay.is_named {
                continue;
            }
            if asked || free == 0 || !relay.carries || relay.next_try > now || !connected(&relay.peer) {
                continue;
            }
            free -= 1;
            relay.next_try = now + relay.wait;
            let circuit = relay.address.clone().with(Protocol::P2p(relay.peer)).with(Protocol::P2pCircuit);
            orders.push(Order::Reserve(relay.peer, circuit));
        }
        orders
    }

    /// The swarm asks the relay.
    pub(crate) fn asked(&mut self, peer: &PeerId, listener: ListenerId) {
        if let Some(relay) = self.known.iter_mut().find(|relay| relay.peer == *peer) {
            relay.state = State::Pending(listener);
        }
    }

    /// The swarm does not even ask.
    pub(crate) fn refused(&mut self, peer: &PeerId, reason: String, now: Instant) {
        if let Some(relay) = self.known.iter_mut().find(|relay| relay.peer == *peer) {
            relay.state = State::Failed;
            relay.detail = reason;
            relay.next_try = now + relay.wait;
        }
    }

    /// The relay keeps a place. True when the listener is one of ours.
    pub(crate) fn reserved(&mut self, listener: ListenerId) -> bool {
        let Some(relay) = self.at(listener) else { return false };
        relay.state = State::Reserved(listener);
        relay.wait = limits::RELAY_RETRY_MIN;
        relay.detail.clear();
        true
    }

    /// The relay refused, or the connection to it ended.
    pub(crate) fn closed(&mut self, listener: ListenerId, reason: String, now: Instant) {
        let Some(relay) = self.at(listener) else { return };
        relay.state = State::Failed;
        relay.detail = reason;
        relay.next_try = now + relay.wait;
        relay.wait = (relay.wait * 2).min(limits::RELAY_RETRY_MAX);
    }

    pub(crate) fn report(&self) -> Vec<RelayReport> {
        let shown = self.known.iter().filter(|relay| relay.is_named || relay.state != State::Idle);
        shown
            .map(|relay| {
                let (state, detail) = match relay.state {
                    State::Reserved(_) => ("reserved", "others reach this node through it"),
                    State::Pending(_) => ("pending", "asked for a place"),
                    State::Failed => ("failed", relay.detail.as_str()),
                    State::Idle if relay.carries => {
                        ("pending", "not asked: this node is reached directly, or not yet known not to be")
                    }
                    State::Idle => ("pending", "not connected, or it does not carry for others"),
                };
                let relay = relay.address.clone().with(Protocol::P2p(relay.peer));
                RelayReport { relay, state, detail: detail.to_owned() }
            })
            .collect()
    }

    fn add(&mut self, peer: PeerId, address: Multiaddr, now: Instant) {
        if self.known.len() >= limits::RELAYS || self.known.iter().any(|relay| relay.peer == peer) {
            return;
        }
        self.known.push(Relay {
            peer,
            address,
            is_named: self.named.contains(&peer),
            carries: false,
            state: State::Idle,
            next_try: now,
            wait: limits::RELAY_RETRY_MIN,
            detail: String::new(),
        });
    }

    fn listeners(&self) -> impl Iterator<Item = ListenerId> {
        self.known.iter().filter_map(|relay| match relay.state {
            State::Pending(listener) | State::Reserved(listener) => Some(listener),
            _ => None,
        })
    }

    fn at(&mut self, listener: ListenerId) -> Option<&mut Relay> {
        self.known
            .iter_mut()
            .find(|relay| matches!(relay.state, State::Pending(other) | State::Reserved(other) if other == listener))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Multiaddr {
        format!("/ip4/192.0.2.{last}/tcp/1").parse().unwrap()
    }

    #[test]
    fn reserves_at_relays_that_carry_and_gives_up_when_reached_directly() {
        let (named, other, now) = (PeerId::random(), PeerId::random(), Instant::now());
        let mut relays = Relays::new([(named, address(1))], now);
        relays.reached(other, address(2), now);
        assert!(relays.orders(Need::Any, |_| true, now).is_empty(), "nobody said that it carries");
        assert_eq!(relays.report().len(), 1, "only the operator's relay is shown while nothing is asked");
        relays.identified(&named, true);
        relays.identified(&other, true);
        assert!(relays.orders(Need::Any, |_| false, now).is_empty(), "not connected");
        assert!(relays.orders(Need::None, |_| true, now).is_empty());
        let orders = relays.orders(Need::Any, |_| true, now);
        let [Order::Reserve(first, circuit), Order::Reserve(..)] = &orders[..] else { panic!("{orders:?}") };
        assert_eq!((*first, circuit.to_string()), (named, format!("/ip4/192.0.2.1/tcp/1/p2p/{named}/p2p-circuit")));
        let (one, two) = (ListenerId::next(), ListenerId::next());
        relays.asked(&named, one);
        relays.asked(&other, two);
        assert!(relays.reserved(one) && !relays.reserved(ListenerId::next()));
        relays.closed(two, "refused".into(), now);
        assert_eq!(relays.report().iter().map(|relay| relay.state).collect::<Vec<_>>(), ["reserved", "failed"]);
        assert!(relays.orders(Need::Any, |_| true, now).is_empty(), "not again at once");
        assert_eq!(relays.orders(Need::Any, |_| true, now + limits::RELAY_RETRY_MIN).len(), 1);
        assert_eq!(relays.orders(Need::None, |_| true, now), [Order::GiveUp(one)]);
    }

    #[test]
    fn bounded() {
        let now = Instant::now();
        let mut relays = Relays::default();
        for index in 0..100u8 {
            let peer = PeerId::random();
            relays.reached(peer, address(index), now);
            relays.identified(&peer, true);
        }
        assert_eq!(relays.known.len(), limits::RELAYS);
        assert_eq!(relays.orders(Need::Any, |_| true, now).len(), limits::RESERVATIONS);
    }
}
