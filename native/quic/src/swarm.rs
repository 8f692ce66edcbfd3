//! libp2p's QUIC transport over an [`Endpoint`] that somebody else has opened, perhaps later.
//!
//! [`shared_transport`] gives the transport for the swarm, which exists first, and the [`Lender`] that gives it the socket
//! once there is one. From then on the swarm listens on all addresses of the socket, without having asked for it.

mod address;
mod interfaces;
mod muxer;
mod punch;
mod stream;
mod transport;

use libp2p_core::muxing::StreamMuxerBox;
use libp2p_core::transport::{Boxed, Transport};
use libp2p_identity::PeerId;
use tokio::sync::{mpsc, watch};

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::guest::{Guest, GuestDialler, GuestLimits};

/// Gives the socket to a swarm.
pub struct Lender {
    limits: GuestLimits,
    guests: mpsc::Sender<Guest>,
    lent: watch::Sender<Option<GuestDialler>>,
}

impl Lender {
    /// From now on the swarm uses this endpoint. `INTERNAL` when a swarm has it already, or this one has another.
    pub fn lend(&self, endpoint: &Endpoint) -> Result<(), Error> {
        if self.lent.borrow().is_some() {
            return Err(Error::Identity("the swarm has a socket already".into()));
        }
        let guest = endpoint.take_guest(self.limits)?;
        let dialler = guest.dialler();
        self.guests.try_send(guest).map_err(|_| Error::Identity("the swarm is gone".into()))?;
        self.lent.send_replace(Some(dialler));
        Ok(())
    }
}

/// A transport for `/udp/…/quic-v1` addresses, and who provides its socket.
#[must_use]
pub fn shared_transport(limits: GuestLimits) -> (Lender, Boxed<(PeerId, StreamMuxerBox)>) {
    let (guests, receiver) = mpsc::channel(1);
    let (lent, dialler) = watch::channel(None);
    let transport = transport::Shared::new(receiver, dialler);
    let boxed = transport.map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection))).boxed();
    (Lender { limits, guests, lent }, boxed)
}
