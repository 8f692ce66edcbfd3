//! What goes wrong with listening and dialling, in the project's codes.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::DialError;

use crate::address::ip_of;
use crate::error::{P2pError, find_cause};
use crate::transport::DIAL_REFUSED;

/// Told apart inside the crate only: the DHT is asked, then it becomes `PEER_UNREACHABLE`.
pub(crate) const NO_ADDRESS: &str = "NO_ADDRESS";

/// libp2p listens with SO_REUSEPORT, and would share a TCP port with another process of this user without a word; what
/// it says of a UDP port in use has lost its cause.
pub(crate) fn probe(address: &Multiaddr, text: &str) -> Result<(), P2pError> {
    let Some(ip) = ip_of(address) else { return Ok(()) };
    match address.iter().nth(1) {
        Some(Protocol::Tcp(port)) if port != 0 => TcpListener::bind(SocketAddr::new(ip, port)).map(drop),
        Some(Protocol::Udp(port)) if port != 0 => UdpSocket::bind(SocketAddr::new(ip, port)).map(drop),
        _ => Ok(()),
    }
    .map_err(|error| listen_error(&error, text))
}

pub(crate) fn listen_error(error: &(dyn std::error::Error + 'static), text: &str) -> P2pError {
    match find_cause::<std::io::Error>(error).map(std::io::Error::kind) {
        Some(std::io::ErrorKind::AddrInUse) => {
            P2pError::new("PORT_IN_USE", format!("{text} is in use by another process"))
        }
        _ => P2pError::new("ADDRESS_INVALID", format!("cannot listen on {text}: {error}")),
    }
}

pub(crate) fn dial_error(error: &DialError) -> P2pError {
    match error {
        DialError::WrongPeerId { obtained, .. } => {
            P2pError::new("PEER_MISMATCH", format!("{obtained} answered instead"))
        }
        DialError::NoAddresses => P2pError::new(NO_ADDRESS, "no address is known"),
        DialError::Denied { cause } => P2pError::new("DIAL_REFUSED", format!("not dialled: {cause}")),
        DialError::Transport(attempts) => {
            let all: Vec<(&Multiaddr, String)> =
                attempts.iter().map(|(address, error)| (address, chain(error))).collect();
            let refused = !all.is_empty() && all.iter().all(|(_, text)| text.contains(DIAL_REFUSED));
            let late = all.iter().any(|(_, text)| text.contains("Timeout"));
            let text = all.iter().map(|(address, text)| format!("{address}: {text}")).collect::<Vec<_>>().join("; ");
            P2pError::new(
                if refused {
                    "DIAL_REFUSED"
                } else if late {
                    "TIMEOUT"
                } else {
                    "PEER_UNREACHABLE"
                },
                text,
            )
        }
        other => P2pError::new("PEER_UNREACHABLE", other),
    }
}

pub(crate) fn public(error: P2pError) -> P2pError {
    if error.code == NO_ADDRESS { P2pError::new("PEER_UNREACHABLE", error.message) } else { error }
}

/// All that an error and its causes say, each once.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut current = error.source();
    while let Some(source) = current {
        let more = source.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        current = source.source();
    }
    text
}
