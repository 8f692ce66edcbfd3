//! Places by protocol. They are given out while the handshake is still cheap: the name of the protocol stands in the
//! first message, before any key exchange or signature, so a crowd that wants one of them costs the other nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::tls::{ALPN, GUEST_ALPN};

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `pangea/1`.
    Shards,
    /// `libp2p`.
    Guest,
}

impl Protocol {
    /// What the server picks of a client's offers: its own protocol where both are offered, as `alpn_protocols` says too.
    fn wanted<'a>(offers: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        offers.fold(None, |found, offer| match (found, offer) {
            (Some(Self::Shards), _) | (_, ALPN) => Some(Self::Shards),
            (_, GUEST_ALPN) => Some(Self::Guest),
            _ => found,
        })
    }
}

/// The places of one protocol.
#[derive(Debug)]
pub(crate) struct Door {
    connections: AtomicUsize,
    handshakes: AtomicUsize,
    open: AtomicUsize,
    greeting: AtomicUsize,
    refused_full: AtomicU64,
    refused_handshake: AtomicU64,
}

impl Door {
    fn new(connections: usize, handshakes: usize) -> Arc<Self> {
        Arc::new(Self {
            connections: AtomicUsize::new(connections),
            handshakes: AtomicUsize::new(handshakes),
            open: AtomicUsize::new(0),
            greeting: AtomicUsize::new(0),
            refused_full: AtomicU64::new(0),
            refused_handshake: AtomicU64::new(0),
        })
    }

    /// New bounds of connections and of handshakes under way; zero shuts the door.
    pub(crate) fn set_limits(&self, connections: usize, handshakes: usize) {
        self.connections.store(connections, Ordering::Relaxed);
        self.handshakes.store(handshakes, Ordering::Relaxed);
    }

    /// Connections that hold a place.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn is_shut(&self) -> bool {
        self.handshakes.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.open() >= self.connections.load(Ordering::Relaxed)
            || self.greeting.load(Ordering::Relaxed) >= self.handshakes.load(Ordering::Relaxed)
    }

    pub(crate) fn count_full(&self) {
        self.refused_full.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_failed(&self) {
        self.refused_handshake.fetch_add(1, Ordering::Relaxed);
    }

    /// Turned away for want of a place, and handshakes that failed.
    pub(crate) fn refused(&self) -> (u64, u64) {
        (self.refused_full.load(Ordering::Relaxed), self.refused_handshake.load(Ordering::Relaxed))
    }

    /// Counts a handshake until the guard is dropped.
    pub(crate) fn greet(self: &Arc<Self>) -> Greeting {
        self.greeting.fetch_add(1, Ordering::Relaxed);
        Greeting(self.clone())
    }

    /// Counts a connection until the guard is dropped. Never fails: whom we dial does not wait at the door.
    pub(crate) fn enter(self: &Arc<Self>) -> Place {
        self.open.fetch_add(1, Ordering::Relaxed);
        Place(self.clone())
    }
}

/// A handshake that is under way.
#[derive(Debug)]
pub(crate) struct Greeting(Arc<Door>);

impl Drop for Greeting {
    fn drop(&mut self) {
        self.0.greeting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The place of one connection.
#[derive(Debug)]
pub(crate) struct Place(Arc<Door>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Both doors. That of libp2p is shut until somebody takes its connections.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    pub(crate) shards: Arc<Door>,
    pub(crate) guest: Arc<Door>,
}

impl Doors {
    pub(crate) fn new(shard_connections: usize) -> Self {
        Self { shards: Door::new(shard_connections, usize::MAX), guest: Door::new(0, 0) }
    }

    pub(crate) fn of(&self, protocol: Protocol) -> &Arc<Door> {
        match protocol {
            Protocol::Shards => &self.shards,
            Protocol::Guest => &self.guest,
        }
    }
}

/// Leads one connection in: shows the certificate if there is a place. Without one rustls ends the handshake with
/// `access_denied`, before it computes anything.
#[derive(Debug)]
pub(crate) struct Usher {
    certified: Arc<CertifiedKey>,
    doors: Doors,
    led: Mutex<Option<(Protocol, Greeting)>>,
}

impl Usher {
    pub(crate) fn new(certified: Arc<CertifiedKey>, doors: Doors) -> Arc<Self> {
        Arc::new(Self { certified, doors, led: Mutex::default() })
    }

    /// Ends the count of this handshake; what the connection speaks, if it said so.
    pub(crate) fn dismiss(&self) -> Option<Protocol> {
        self.led.lock().take().map(|(protocol, _)| protocol)
    }
}

impl ResolvesServerCert for Usher {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Who offers no protocol of this socket is told so by rustls, right after this.
        let wanted = hello.alpn().and_then(Protocol::wanted).filter(|protocol| !self.doors.of(*protocol).is_shut());
        if let Some(protocol) = wanted {
            let mut led = self.led.lock();
            // A client that is asked to try another key comes here twice.
            if led.is_none() {
                let door = self.doors.of(protocol);
                if door.is_full() {
                    door.count_full();
                    return None;
                }
                *led = Some((protocol, door.greet()));
            }
        }
        Some(self.certified.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_protocol_goes_first_as_in_the_tls_configuration() {
        let wanted = |offers: &[&'static [u8]]| Protocol::wanted(offers.iter().copied());
        assert_eq!(wanted(&[b"libp2p"]), Some(Protocol::Guest));
        assert_eq!(wanted(&[b"h3", b"libp2p", b"pangea/1"]), Some(Protocol::Shards));
        assert_eq!(wanted(&[b"pangea/1", b"libp2p"]), Some(Protocol::Shards));
        assert_eq!(wanted(&[b"h3", b"pangea/2"]), None);
        assert_eq!(wanted(&[]), None);
    }

    #[test]
    fn a_full_door_leaves_the_other_open() {
        let doors = Doors::new(2);
        assert!(doors.guest.is_full() && !doors.shards.is_full());
        doors.guest.set_limits(8, 2);
        let greetings = [doors.guest.greet(), doors.guest.greet()];
        assert!(doors.guest.is_full() && !doors.shards.is_full());
        drop(greetings);
        assert!(!doors.guest.is_full());
        let places = [doors.shards.enter(), doors.shards.enter()];
        assert!(doors.shards.is_full() && !doors.guest.is_full());
        drop(places);
        assert_eq!((doors.shards.open(), doors.shards.is_full()), (0, false));
    }
}
