//! libp2p on the same socket. Whoever takes the [`Guest`] gets the connections that chose ALPN `libp2p`, and dials
//! others from the same port; the shard protocol sees none of them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use libp2p_identity::PeerId;
use quinn::udp::Transmit;
use quinn::{EndpointConfig, TokioRuntime, VarInt};
use tokio::sync::mpsc;

use crate::config::{guest_dialling, guest_window};
use crate::doors::Place;
use crate::endpoint::{Endpoint, Shared};
use crate::error::{Error, reset};
use crate::tls::GUEST_ALPN;
use crate::{dial, socket};

/// Bounds of libp2p's half. They are apart from [`crate::Limits`]: neither protocol can use up the other's.
#[derive(Clone, Copy, Debug)]
pub struct GuestLimits {
    /// Open connections from which on no more are taken; dialled ones count, and are always made.
    pub connections: usize,
    /// Inbound handshakes under way.
    pub handshakes: usize,
    /// Streams that a peer may have open on one connection.
    pub streams: u32,
    /// Established inbound connections that wait to be taken; more are closed.
    pub waiting: usize,
}

/// An established connection whose other end has proved its identity. Its place is free again when it is dropped.
#[derive(Debug)]
pub struct GuestConnection {
    /// The connection; nothing has been opened on it.
    pub connection: quinn::Connection,
    /// Who is there.
    pub peer: PeerId,
    _place: Place,
}

impl GuestConnection {
    /// From or to where; IPv4 as IPv4.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        crate::endpoint::canonical(self.connection.remote_address())
    }
}

/// libp2p's half of an endpoint. Dropping it shuts libp2p's door; the shard protocol goes on.
pub struct Guest {
    shared: Arc<Shared>,
    arrivals: mpsc::Receiver<GuestConnection>,
}

/// What is kept of the guest inside the endpoint.
pub(crate) struct Seat {
    pub(crate) limits: GuestLimits,
    arrivals: mpsc::Sender<GuestConnection>,
    transport: Arc<quinn::TransportConfig>,
}

impl Endpoint {
    /// Opens libp2p's half. `INTERNAL` when it is taken already.
    pub fn take_guest(&self, limits: GuestLimits) -> Result<Guest, Error> {
        let shared = &self.shared;
        let (sender, arrivals) = mpsc::channel(limits.waiting.max(1));
        {
            let mut seat = shared.seat.lock();
            if shared.accepting().is_none() {
                return Err(stops());
            }
            if seat.is_some() {
                return Err(Error::Identity("libp2p has this socket already".into()));
            }
            let transport = guest_dialling(shared.congestion, limits.streams);
            shared.admit(Some(limits.streams))?;
            *seat = Some(Arc::new(Seat { limits, arrivals: sender, transport }));
        }
        shared.doors.guest.set_limits(limits.connections, limits.handshakes);
        Ok(Guest { shared: shared.clone(), arrivals })
    }
}

impl Guest {
    /// With the real port.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.shared.local_address
    }

    /// The next inbound connection; `None` once the endpoint is closed.
    pub fn poll_arrival(&mut self, cx: &mut Context<'_>) -> Poll<Option<GuestConnection>> {
        self.arrivals.poll_recv(cx)
    }

    /// Dials and sends from the same port; stays valid when the guest is gone, and then fails.
    #[must_use]
    pub fn dialler(&self) -> GuestDialler {
        GuestDialler { shared: self.shared.clone() }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.shared.doors.guest.set_limits(0, 0);
        let mut seat = self.shared.seat.lock();
        seat.take();
        // From now on libp2p is no protocol of this port; if that should fail, its door is shut all the same.
        let _ = self.shared.admit(None);
    }
}

/// The outbound side of a [`Guest`].
#[derive(Clone)]
pub struct GuestDialler {
    shared: Arc<Shared>,
}

impl GuestDialler {
    /// Dials one address, by no other policy than that of the caller. Ends by itself within quinn's idle time.
    pub async fn dial(&self, remote: SocketAddr, expected: Option<PeerId>) -> Result<GuestConnection, Error> {
        let quinn = self.shared.quinn().ok_or_else(dial::stops)?;
        self.dial_by(quinn, remote, expected).await
    }

    /// The same from a port that nobody has seen yet, for who asks whether strangers get through: a router on the way
    /// lets in what comes from a port that its own side has talked to.
    pub async fn dial_from_new_port(
        &self,
        remote: SocketAddr,
        expected: Option<PeerId>,
    ) -> Result<GuestConnection, Error> {
        self.shared.accepting().ok_or_else(dial::stops)?;
        let socket = socket::bind(&[SocketAddr::new(self.shared.local_address.ip(), 0)])?;
        // It lives as long as its one connection.
        let quinn = quinn::Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime))?;
        self.dial_by(quinn, remote, expected).await
    }

    async fn dial_by(
        &self,
        quinn: quinn::Endpoint,
        remote: SocketAddr,
        expected: Option<PeerId>,
    ) -> Result<GuestConnection, Error> {
        let seat = self.shared.seat.lock().clone().ok_or_else(stops)?;
        let (connection, peer) = self.shared.connect(quinn, GUEST_ALPN, &seat.transport, remote, expected).await?;
        Ok(GuestConnection { connection, peer, _place: self.shared.doors.guest.enter() })
    }

    /// Sends one datagram that belongs to no connection, so that a NAT on the way lets answers in. It is lost when the
    /// socket cannot take it now.
    pub fn knock(&self, remote: SocketAddr, contents: &[u8]) -> io::Result<()> {
        let socket = self.shared.accepting().and_then(|_| self.shared.socket.upgrade());
        let socket = socket.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
        let destination = mapped(remote, self.shared.local_address.ip());
        match socket.try_send(&Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None }) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            sent => sent,
        }
    }
}

/// An IPv6 socket knows IPv4 addresses as mapped ones.
fn mapped(remote: SocketAddr, local: IpAddr) -> SocketAddr {
    match (remote.ip(), local) {
        (IpAddr::V4(v4), IpAddr::V6(_)) => SocketAddr::new(v4.to_ipv6_mapped().into(), remote.port()),
        _ => remote,
    }
}

fn stops() -> Error {
    Error::Unreachable("libp2p does not use this socket".into())
}

impl Shared {
    /// Hands an inbound connection to libp2p.
    pub(crate) fn admit_guest(&self, connection: quinn::Connection, peer: PeerId) {
        let door = &self.doors.guest;
        let seat = self.seat.lock().clone();
        let Some(seat) = seat else { return connection.close(reset::NONE, b"") };
        let _place = door.enter();
        connection.set_max_concurrent_bi_streams(VarInt::from_u32(seat.limits.streams));
        connection.set_receive_window(guest_window(door.open()));
        connection.set_send_window(crate::config::GUEST_SEND_WINDOW_BYTES);
        if let Err(refused) = seat.arrivals.try_send(GuestConnection { connection, peer, _place }) {
            door.count_full();
            refused.into_inner().connection.close(reset::NONE, b"too many connections");
        }
    }
}
