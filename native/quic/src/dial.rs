//! Dialling: policy, name resolution, the handshake with the right peer.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libp2p_identity::PeerId;
use quinn::{ClientConfig, ConnectError, TransportConfig};
use tokio::time::timeout;

use crate::endpoint::{Endpoint, Shared, canonical};
use crate::error::{Error, reset};
use crate::tls;

/// Addresses of one name that are tried.
const ADDRESSES_PER_NAME: usize = 4;

/// A connection that was dialled.
#[derive(Debug)]
pub struct Dialled {
    /// Names the connection.
    pub connection: u32,
    /// Who answered, in base58btc.
    pub peer: String,
    /// The address that answered.
    pub remote: SocketAddr,
}

impl Endpoint {
    /// Dials `host:port`. With `expected` the handshake succeeds with this peer only.
    pub async fn dial(&self, address: &str, expected: Option<&str>, limit: Duration) -> Result<Dialled, Error> {
        let expected = expected.map(PeerId::from_str).transpose();
        let expected = expected.map_err(|_| Error::AddressInvalid("the expected peer is no PeerId".into()))?;
        timeout(limit, self.dial_name(address, expected))
            .await
            .map_err(|_| Error::Unreachable(format!("{address} did not answer within {} ms", limit.as_millis())))?
    }

    async fn dial_name(&self, address: &str, expected: Option<PeerId>) -> Result<Dialled, Error> {
        let invalid = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::InvalidInput => Error::AddressInvalid(format!("'{address}' is not host:port")),
            _ => Error::Unreachable(format!("{address}: {error}")),
        };
        let resolved: Vec<SocketAddr> =
            tokio::net::lookup_host(address).await.map_err(invalid)?.take(ADDRESSES_PER_NAME).collect();
        let mut last = Error::Unreachable(format!("{address} has no address"));
        for remote in resolved {
            match self.dial_one(canonical(remote), expected).await {
                Ok(dialled) => return Ok(dialled),
                Err(error @ Error::Mismatch { .. }) => return Err(error),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn dial_one(&self, remote: SocketAddr, expected: Option<PeerId>) -> Result<Dialled, Error> {
        let shared = &self.shared;
        if is_private(remote.ip()) && !shared.allow.contains(remote.ip()) {
            return Err(Error::DialRefused(remote.to_string()));
        }
        let quinn = shared.quinn().ok_or_else(stops)?;
        let (connection, peer) = shared.connect(quinn, tls::ALPN, &shared.client_transport, remote, expected).await?;
        let connection = shared.adopt(connection, peer, true);
        Ok(Dialled { connection, peer: peer.to_base58(), remote })
    }
}

impl Shared {
    /// A connection of one protocol to whom it should be to; nobody else has seen it yet.
    pub(crate) async fn connect(
        &self,
        quinn: quinn::Endpoint,
        alpn: &[u8],
        transport: &Arc<TransportConfig>,
        remote: SocketAddr,
        expected: Option<PeerId>,
    ) -> Result<(quinn::Connection, PeerId), Error> {
        let found = Arc::new(OnceLock::new());
        let mut config = ClientConfig::new(self.identity.client(alpn, expected, found.clone())?);
        config.transport_config(transport.clone());
        let connecting = quinn.connect_with(config, remote, "pangea").map_err(|error| match error {
            ConnectError::InvalidRemoteAddress(_) => {
                Error::Unreachable(format!("{remote} cannot be reached from this listener"))
            }
            other => Error::Unreachable(format!("{remote}: {other}")),
        })?;
        let connection = match connecting.await {
            Ok(connection) => connection,
            Err(error) => {
                return Err(match (expected, found.get()) {
                    (Some(expected), Some(found)) if expected != *found => mismatch(expected, *found),
                    _ => Error::from(error),
                });
            }
        };
        let Some(peer) = tls::remote_peer(&connection) else {
            connection.close(reset::NONE, b"");
            return Err(Error::Unreachable(format!("{remote} shows no identity")));
        };
        if let Some(expected) = expected.filter(|expected| *expected != peer) {
            connection.close(reset::NONE, b"");
            return Err(mismatch(expected, peer));
        }
        if peer == self.identity.peer {
            connection.close(reset::NONE, b"");
            return Err(Error::Unreachable(format!("{remote} is this node itself")));
        }
        Ok((connection, peer))
    }
}

/// There is no socket any more.
pub(crate) fn stops() -> Error {
    Error::Unreachable("this node stops".into())
}

fn mismatch(expected: PeerId, found: PeerId) -> Error {
    Error::Mismatch { expected: expected.to_base58(), found: found.to_base58() }
}

/// Addresses that a remote peer could name to make this node knock at its own neighbours.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let shared_space = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || shared_space
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || v6.is_unique_local()
                || embedded_v4_is_private(v6)
        }
    }
}

/// NAT64 (`64:ff9b::/96`) and 6to4 (`2002::/16`) reach IPv4 addresses through IPv6 ones.
fn embedded_v4_is_private(v6: Ipv6Addr) -> bool {
    let bytes = v6.octets();
    let v4 = match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => [bytes[12], bytes[13], bytes[14], bytes[15]],
        [0x2002, ..] => [bytes[2], bytes[3], bytes[4], bytes[5]],
        _ => return false,
    };
    is_private(IpAddr::from(v4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in [
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }
}
