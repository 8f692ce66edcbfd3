//! Socket addresses as multiaddrs, and back.

use std::net::SocketAddr;

use libp2p_core::Multiaddr;
use libp2p_core::multiaddr::Protocol;

pub(crate) fn to_multiaddr(address: SocketAddr) -> Multiaddr {
    Multiaddr::empty().with(address.ip().into()).with(Protocol::Udp(address.port())).with(Protocol::QuicV1)
}

/// `/ip4|ip6/…/udp/…/quic-v1[/p2p/…]` that can be dialled.
pub(crate) fn to_socket(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    let (Protocol::Udp(port), Protocol::QuicV1) = (parts.next()?, parts.next()?) else { return None };
    let ends = matches!(parts.next(), None | Some(Protocol::P2p(_))) && parts.next().is_none();
    let socket = SocketAddr::new(ip, port);
    (ends && port != 0 && !socket.ip().is_unspecified()).then_some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_taken_comes_back_and_the_rest_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..40), ip in any::<[u8; 16]>(), port in 1_u16..) {
            if let Ok(address) = Multiaddr::try_from(bytes) {
                let _ = to_socket(&address);
            }
            let socket = SocketAddr::new(std::net::IpAddr::from(ip), port);
            prop_assert_eq!(to_socket(&to_multiaddr(socket)), (!socket.ip().is_unspecified()).then_some(socket));
        }
    }

    #[test]
    fn only_quic_addresses_are_taken() {
        let peer = "12D3KooWGatU8DLuzbXCzuE8gbf9oaEdJkkSjh7yYrxbFUEyZ9Kx";
        for (text, socket) in [
            ("/ip4/127.0.0.1/udp/9090/quic-v1".to_owned(), "127.0.0.1:9090"),
            (format!("/ip6/::1/udp/1/quic-v1/p2p/{peer}"), "[::1]:1"),
        ] {
            assert_eq!(to_socket(&text.parse().unwrap()), Some(socket.parse().unwrap()), "{text}");
        }
        for text in [
            "/ip4/127.0.0.1/udp/0/quic-v1".to_owned(),
            "/ip4/0.0.0.0/udp/1/quic-v1".to_owned(),
            "/ip4/127.0.0.1/udp/1/quic".to_owned(),
            "/ip4/127.0.0.1/udp/1".to_owned(),
            "/ip4/127.0.0.1/tcp/1".to_owned(),
            "/dns4/localhost/udp/1/quic-v1".to_owned(),
            "/ip4/127.0.0.1/udp/1/quic-v1/webtransport".to_owned(),
            format!("/ip4/127.0.0.1/udp/1/quic-v1/p2p/{peer}/p2p-circuit"),
        ] {
            assert_eq!(to_socket(&text.parse().unwrap()), None, "{text}");
        }
        let address = to_multiaddr("[2001:db8::1]:7".parse().unwrap());
        assert_eq!(address.to_string(), "/ip6/2001:db8::1/udp/7/quic-v1");
        assert_eq!(to_socket(&address), Some("[2001:db8::1]:7".parse().unwrap()));
    }
}
