//! The UDP socket: buffers as large as the kernel gives, one socket for both families where asked for.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::Error;

/// Asked for; the kernel gives at most `net.core.rmem_max` and `wmem_max`.
const BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// Binds the first of `candidates` whose address family this machine has.
pub(crate) fn bind(candidates: &[SocketAddr]) -> Result<UdpSocket, Error> {
    let mut last = Error::AddressInvalid("no address to listen on".to_owned());
    for candidate in candidates {
        match open(*candidate) {
            Ok(socket) => return Ok(socket),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(Error::PortInUse(candidate.to_string()));
            }
            Err(error) => last = Error::AddressInvalid(format!("cannot listen on {candidate}: {error}")),
        }
    }
    Err(last)
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.bind(&address.into())?;
    // A smaller buffer costs throughput, never correctness.
    let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(BUFFER_BYTES);
    Ok(socket.into())
}
