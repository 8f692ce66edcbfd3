//! Hole punching as the side that waits: datagrams open the own NAT, and the peer's handshake comes through.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::crypto::ring;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::guest::{GuestConnection, GuestDialler};

/// Attempts under way; each sends some ten datagrams a second.
const PUNCHES: usize = 256;
const DATAGRAM_BYTES: usize = 64;

/// Who is waited for, by address.
#[derive(Default)]
pub(crate) struct Punches {
    waiting: HashMap<SocketAddr, oneshot::Sender<GuestConnection>>,
}

impl Punches {
    /// Waits for a connection from `remote`; `None` when that is done already, or for too many.
    pub(crate) fn expect(&mut self, remote: SocketAddr) -> Option<oneshot::Receiver<GuestConnection>> {
        self.waiting.retain(|_, waiting| !waiting.is_closed());
        if self.waiting.len() >= PUNCHES || self.waiting.contains_key(&remote) {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(remote, sender);
        Some(receiver)
    }

    /// Gives an inbound connection to who waits for it, or back.
    pub(crate) fn deliver(&mut self, connection: GuestConnection) -> Option<GuestConnection> {
        match self.waiting.remove(&connection.remote_address()) {
            Some(waiting) => waiting.send(connection).err(),
            None => Some(connection),
        }
    }
}

/// Knocks until the connection is there; the caller sets the time.
pub(crate) async fn punch(
    dialler: GuestDialler,
    remote: SocketAddr,
    arrival: oneshot::Receiver<GuestConnection>,
) -> io::Result<GuestConnection> {
    tokio::select! {
        biased;
        arrived = arrival => arrived.map_err(|_| io::Error::from(io::ErrorKind::NotConnected)),
        failed = knock(&dialler, remote) => Err(failed),
    }
}

/// Random contents at random times, as libp2p's specification of hole punching asks.
async fn knock(dialler: &GuestDialler, remote: SocketAddr) -> io::Error {
    let never: Result<Infallible, io::Error> = async {
        loop {
            let mut contents = [0; DATAGRAM_BYTES];
            ring::default_provider()
                .secure_random
                .fill(&mut contents)
                .map_err(|_| io::Error::other("the system gives no random bytes"))?;
            dialler.knock(remote, &contents)?;
            sleep(Duration::from_millis(10 + u64::from(contents[0]) * 190 / 255)).await;
        }
    }
    .await;
    match never {
        Ok(never) => match never {},
        Err(error) => error,
    }
}
