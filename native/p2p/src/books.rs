//! What is known about others: where they were said to be, and what others may look at from outside the swarm's task.

use std::collections::HashMap;

use libp2p::{Multiaddr, PeerId};
use parking_lot::Mutex;

use crate::address::dialable;
use crate::limits;
use crate::nat::NatReport;
use crate::paths::Path;

/// Addresses by peer. Anyone may fill it: it proves nothing, and forgets some entry when it is full.
#[derive(Default)]
pub(crate) struct AddressBook(HashMap<PeerId, Vec<Multiaddr>>);

impl AddressBook {
    pub(crate) fn get(&self, peer: &PeerId) -> &[Multiaddr] {
        self.0.get(peer).map_or(&[], Vec::as_slice)
    }

    /// Replaces what was known, unless nothing usable is given.
    pub(crate) fn set(&mut self, peer: PeerId, addresses: &[Multiaddr]) -> &[Multiaddr] {
        let usable = usable(addresses);
        if !usable.is_empty() {
            if self.0.len() >= limits::BOOK_PEERS && !self.0.contains_key(&peer) {
                let some = self.0.keys().next().copied();
                some.and_then(|some| self.0.remove(&some));
            }
            self.0.insert(peer, usable);
        }
        self.get(&peer)
    }
}

/// Addresses that can be dialled, without the identity at their end, each once, not too many.
pub(crate) fn usable(addresses: &[Multiaddr]) -> Vec<Multiaddr> {
    let mut out: Vec<Multiaddr> = Vec::new();
    for address in addresses.iter().filter_map(dialable) {
        if out.len() < limits::ADDRESSES_PER_PEER && !out.contains(&address) {
            out.push(address);
        }
    }
    out
}

/// Kept up to date by the swarm's task.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) listening: Mutex<Vec<Multiaddr>>,
    /// Where others reached this node, beside what it listens on.
    pub(crate) external: Mutex<Vec<Multiaddr>>,
    /// The best way to each peer that is connected.
    pub(crate) connected: Mutex<HashMap<PeerId, Path>>,
    pub(crate) nat: Mutex<NatReport>,
    pub(crate) table: Mutex<HashMap<PeerId, Vec<Multiaddr>>>,
}
