//! The addresses that a socket can be reached at.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use if_watch::IfEvent;
use if_watch::tokio::IfWatcher;
use libp2p_core::Multiaddr;

use crate::swarm::address::to_multiaddr;

/// An address came or went.
pub(crate) enum Change {
    Up(Multiaddr),
    Down(Multiaddr),
}

/// Follows the interfaces for a socket on all of them; for one on a single address it is that one.
pub(crate) struct Interfaces {
    local: SocketAddr,
    watcher: Option<IfWatcher>,
    pending: VecDeque<Change>,
    known: Vec<Multiaddr>,
}

impl Interfaces {
    pub(crate) fn new(local: SocketAddr) -> io::Result<Self> {
        let everywhere = local.ip().is_unspecified();
        let watcher = if everywhere { Some(IfWatcher::new()?) } else { None };
        let mut interfaces = Self { local, watcher, pending: VecDeque::new(), known: Vec::new() };
        if !everywhere {
            interfaces.pending.push_back(Change::Up(to_multiaddr(local)));
        }
        Ok(interfaces)
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Change> {
        loop {
            match self.pending.pop_front() {
                Some(Change::Up(address)) if !self.known.contains(&address) => {
                    self.known.push(address.clone());
                    return Poll::Ready(Change::Up(address));
                }
                Some(Change::Down(address)) if self.known.contains(&address) => {
                    self.known.retain(|other| *other != address);
                    return Poll::Ready(Change::Down(address));
                }
                Some(_) => continue,
                None => {}
            }
            let Some(watcher) = &mut self.watcher else { return Poll::Pending };
            match watcher.poll_if_event(cx) {
                Poll::Ready(Ok(IfEvent::Up(net))) => {
                    let change = self.reachable(net.addr()).map(Change::Up);
                    self.pending.extend(change);
                }
                Poll::Ready(Ok(IfEvent::Down(net))) => {
                    let change = self.reachable(net.addr()).map(Change::Down);
                    self.pending.extend(change);
                }
                // The kernel tells no more; what is known stays.
                Poll::Ready(Err(_)) => self.watcher = None,
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// All that were reported up.
    pub(crate) fn known(&self) -> &[Multiaddr] {
        &self.known
    }

    /// An IPv6 socket on all addresses takes IPv4 too. Link-local IPv6 addresses say nothing without an interface.
    fn reachable(&self, ip: IpAddr) -> Option<Multiaddr> {
        let fits = match ip {
            IpAddr::V4(_) => true,
            IpAddr::V6(v6) => self.local.is_ipv6() && !v6.is_unicast_link_local(),
        };
        fits.then(|| to_multiaddr(SocketAddr::new(ip, self.local.port())))
    }
}
