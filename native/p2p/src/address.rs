//! Addresses as this project uses them: an IP address with TCP or QUIC and a port, perhaps an identity; or a circuit
//! through a relay at such an address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use pangea_firewall::AllowList;
use parking_lot::Mutex;

use crate::error::P2pError;

/// A dialled address, apart from the identity that is expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `/ip4|ip6/…/tcp/…`, `/ip4|ip6/…/udp/…/quic-v1`, or one of them with `/p2p/…/p2p-circuit` behind it.
    pub address: Multiaddr,
    /// Who must answer.
    pub peer: Option<PeerId>,
}

/// Reads a direct or relayed address, with or without the identity at its end; anything else is `ADDRESS_INVALID`.
pub fn parse_target(text: &str) -> Result<Target, P2pError> {
    let refuse =
        || P2pError::new("ADDRESS_INVALID", format!("'{}' is no TCP, QUIC or circuit multiaddr", text.escape_debug()));
    let full: Multiaddr = text.parse().map_err(|_| refuse())?;
    let address = dialable(&full).ok_or_else(refuse)?;
    let peer = match full.iter().nth(address.iter().count()) {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    };
    Ok(Target { address, peer })
}

/// A direct or relayed address without the identity of who answers there; `None` for everything else.
pub(crate) fn dialable(address: &Multiaddr) -> Option<Multiaddr> {
    if !is_relayed(address) {
        return plain(address);
    }
    let direct = transport(address)?;
    let mut rest = address.iter().skip(direct.iter().count());
    let (Some(Protocol::P2p(relay)), Some(Protocol::P2pCircuit)) = (rest.next(), rest.next()) else { return None };
    if !matches!(rest.next(), None | Some(Protocol::P2p(_))) || rest.next().is_some() {
        return None;
    }
    Some(direct.with(Protocol::P2p(relay)).with(Protocol::P2pCircuit))
}

/// The socket part, when the address goes on with an identity at most.
pub(crate) fn plain(address: &Multiaddr) -> Option<Multiaddr> {
    let direct = transport(address)?;
    let mut rest = address.iter().skip(direct.iter().count());
    (matches!(rest.next(), None | Some(Protocol::P2p(_))) && rest.next().is_none()).then_some(direct)
}

/// What a socket connects to: the node itself, or the relay of a circuit.
pub(crate) fn transport(address: &Multiaddr) -> Option<Multiaddr> {
    let mut parts = address.iter();
    let ip = parts.next().filter(|part| matches!(part, Protocol::Ip4(_) | Protocol::Ip6(_)))?;
    let port = parts.next()?;
    let start = Multiaddr::empty().with(ip).with(port.clone());
    match port {
        Protocol::Tcp(_) => Some(start),
        Protocol::Udp(_) if matches!(parts.next(), Some(Protocol::QuicV1)) => Some(start.with(Protocol::QuicV1)),
        _ => None,
    }
}

/// Whether the way leads through a relay.
#[must_use]
pub fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| matches!(part, Protocol::P2pCircuit))
}

/// Whether nobody but this machine reaches any of these.
pub(crate) fn is_loopback_only(listen: &[String]) -> bool {
    let ips = listen.iter().filter_map(|text| parse_target(text).ok()).filter_map(|target| ip_of(&target.address));
    ips.into_iter().all(|ip| ip.is_loopback())
}

/// TCP addresses are dialled from another port than the listening one, unless told; see [`DialPolicy`].
pub(crate) fn is_tcp(address: &Multiaddr) -> bool {
    matches!(address.iter().nth(1), Some(Protocol::Tcp(_)))
}

pub(crate) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    }
}

/// True for addresses that mean something only near this machine: loopback, private, link-local, shared,
/// unspecified, multicast and reserved ones. `src/host/addresses.ts` holds the same rule.
#[must_use]
pub fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_local_v4(v4),
        // Global unicast is 2000::/3.
        IpAddr::V6(v6) => embedded_v4(v6).map_or((v6.segments()[0] & 0xe000) != 0x2000, is_local_v4),
    }
}

fn is_local_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    a == 0
        || a == 10
        || a == 127
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
}

/// IPv4-mapped, NAT64 (`64:ff9b::/96`) and 6to4 (`2002::/16`) addresses reach an IPv4 host.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = ip.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    if s[0] == 0x2002 {
        return Some(v4(s[1], s[2]));
    }
    let nat64 = s[0] == 0x64 && s[1] == 0xff9b && s[2..6].iter().all(|group| *group == 0);
    if nat64 { Some(v4(s[6], s[7])) } else { ip.to_ipv4_mapped() }
}

/// Whom to count together: the /24 of an IPv4 address, the /48 of an IPv6 one. `None` for loopback.
pub(crate) fn subnet(ip: IpAddr) -> Option<u64> {
    match ip {
        IpAddr::V4(v4) if v4.is_loopback() => None,
        IpAddr::V4(v4) => Some(u64::from(u32::from(v4) >> 8)),
        IpAddr::V6(v6) if v6.is_loopback() => None,
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => subnet(IpAddr::V4(v4)),
            None => Some((1 << 63) | (u64::try_from(u128::from(v6) >> 80).unwrap_or(0))),
        },
    }
}

/// What may be dialled, and from which port: the operator's own addresses always, learned ones unless they lie inside
/// a network that is not on the allow list. A circuit is judged by its relay's address.
#[derive(Clone, Debug)]
pub(crate) struct DialPolicy {
    allow: AllowList,
    operator: Passes,
    from_listening_port: Passes,
}

type Passes = Arc<Mutex<HashMap<Multiaddr, usize>>>;

impl DialPolicy {
    pub(crate) fn new(allow: AllowList) -> Self {
        Self { allow, operator: Passes::default(), from_listening_port: Passes::default() }
    }

    pub(crate) fn permits(&self, address: &Multiaddr) -> bool {
        let Some(socket) = dialable(address).and_then(|known| transport(&known)) else { return false };
        let Some(ip) = ip_of(&socket) else { return false };
        !is_local(ip) || self.allow.contains(ip) || self.operator.lock().contains_key(&socket)
    }

    /// Whether a TCP dial is to leave from the port that is listened on, as hole punching needs it.
    pub(crate) fn leaves_from_listening_port(&self, address: &Multiaddr) -> bool {
        transport(address).is_some_and(|socket| self.from_listening_port.lock().contains_key(&socket))
    }

    /// Lets an address pass until the guard is dropped.
    pub(crate) fn as_operator(&self, address: &Multiaddr) -> Pass {
        Pass::take(&self.operator, address)
    }

    /// Dials an address from the listening port until the guard is dropped.
    pub(crate) fn leave_from_listening_port(&self, address: &Multiaddr) -> Pass {
        Pass::take(&self.from_listening_port, address)
    }
}

/// While it lives, an address is treated in another way.
#[derive(Debug)]
pub(crate) struct Pass {
    passes: Passes,
    socket: Multiaddr,
}

impl Pass {
    fn take(passes: &Passes, address: &Multiaddr) -> Self {
        let socket = transport(address).unwrap_or_else(Multiaddr::empty);
        *passes.lock().entry(socket.clone()).or_default() += 1;
        Self { passes: passes.clone(), socket }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut passes = self.passes.lock();
        if let Some(count) = passes.get_mut(&self.socket) {
            *count -= 1;
            if *count == 0 {
                passes.remove(&self.socket);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn targets() {
        let peer = "12D3KooWGatU8DLuzbXCzuE8gbf9oaEdJkkSjh7yYrxbFUEyZ9Kx";
        let relayed = format!("/ip4/127.0.0.1/udp/1/quic-v1/p2p/{peer}/p2p-circuit");
        for text in ["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/65535", "/ip4/1.2.3.4/udp/9/quic-v1", &relayed] {
            assert_eq!(parse_target(text).unwrap().peer, None);
            let peer_text = format!("{text}/p2p/{peer}");
            let with_peer = parse_target(&peer_text).unwrap_or_else(|error| panic!("{peer_text}: {error}"));
            assert_eq!(with_peer.address.to_string(), text);
            assert_eq!(with_peer.peer.unwrap().to_string(), peer);
        }
        for text in [
            "",
            "x",
            "/ip4/1.2.3.4",
            "/ip4/1.2.3.4/udp/1",
            "/ip4/1.2.3.4/udp/1/quic",
            "/ip4/1.2.3.4/tcp/1/p2p-circuit",
            "/p2p-circuit",
            &format!("{relayed}/p2p-circuit"),
            &format!("{relayed}/p2p/{peer}/tcp/1"),
            "/dns4/a/tcp/1",
            "/tcp/1",
            "/ip4/1.2.3.4/tcp/1/ws",
            "/ip4/300.1.1.1/tcp/1",
        ] {
            assert_eq!(parse_target(text).unwrap_err().code, "ADDRESS_INVALID", "{text}");
        }
    }

    #[test]
    fn local_addresses() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "::1",
            "fe80::1",
            "fc00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::",
        ] {
            assert!(is_local(text.parse().unwrap()), "{text}");
        }
        for text in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::"] {
            assert!(!is_local(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn policy() {
        let policy = DialPolicy::new(AllowList::new(&["127.0.0.0/8".into()]).unwrap());
        let at = |text: &str| text.parse::<Multiaddr>().unwrap();
        assert!(policy.permits(&at("/ip4/127.0.0.1/tcp/1")));
        assert!(policy.permits(&at("/ip4/8.8.8.8/tcp/1")));
        assert!(!policy.permits(&at("/ip4/10.0.0.1/tcp/1")));
        assert!(!policy.permits(&at("/dns4/localhost/tcp/1")));
        let relay = PeerId::random();
        assert!(policy.permits(&at(&format!("/ip4/8.8.8.8/udp/1/quic-v1/p2p/{relay}/p2p-circuit"))));
        assert!(!policy.permits(&at(&format!("/ip4/10.0.0.1/tcp/1/p2p/{relay}/p2p-circuit"))), "judged by the relay");
        let (first, second) =
            (policy.as_operator(&at("/ip4/10.0.0.1/tcp/1")), policy.as_operator(&at("/ip4/10.0.0.1/tcp/1")));
        drop(first);
        assert!(policy.permits(&at("/ip4/10.0.0.1/tcp/1")));
        assert!(!policy.permits(&at("/ip4/10.0.0.1/tcp/2")));
        drop(second);
        assert!(!policy.permits(&at("/ip4/10.0.0.1/tcp/1")));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,80}", ip in any::<[u8; 16]>()) {
            let _ = parse_target(&text);
            let ip = IpAddr::V6(Ipv6Addr::from(ip));
            let _ = (is_local(ip), subnet(ip));
        }
    }
}
