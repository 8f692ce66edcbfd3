//! The transport itself.

use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use libp2p_core::transport::{DialOpts, ListenerId, PortUse, Transport, TransportError, TransportEvent};
use libp2p_core::{Endpoint as Role, Multiaddr};
use libp2p_identity::PeerId;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::error::Error;
use crate::guest::{Guest, GuestConnection, GuestDialler};
use crate::swarm::address::{to_multiaddr, to_socket};
use crate::swarm::interfaces::{Change, Interfaces};
use crate::swarm::muxer::Connection;
use crate::swarm::punch::{Punches, punch};

/// For a dial: waiting for the socket, and the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

type Output = (PeerId, Connection);
type Event = TransportEvent<Ready<io::Result<Output>>, io::Error>;

/// Where the socket stands.
enum Socket {
    /// Not lent yet.
    Awaited(mpsc::Receiver<Guest>),
    Lent(Box<Listening>),
    /// The endpoint has closed, or there will be none; addresses that are still to be called expired.
    Gone(Vec<Multiaddr>),
    Closed,
}

struct Listening {
    guest: Guest,
    interfaces: Interfaces,
}

/// One listener, which is there from the beginning: the swarm does not ask for it, since it cannot know when.
pub(crate) struct Shared {
    listener: ListenerId,
    socket: Socket,
    dialler: watch::Receiver<Option<GuestDialler>>,
    punches: Punches,
}

impl Shared {
    pub(crate) fn new(guests: mpsc::Receiver<Guest>, dialler: watch::Receiver<Option<GuestDialler>>) -> Self {
        Self { listener: ListenerId::next(), socket: Socket::Awaited(guests), dialler, punches: Punches::default() }
    }

    fn poll_socket(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let listener_id = self.listener;
        loop {
            match &mut self.socket {
                Socket::Awaited(guests) => match guests.poll_recv(cx) {
                    Poll::Ready(Some(guest)) => match Interfaces::new(guest.local_address()) {
                        Ok(interfaces) => self.socket = Socket::Lent(Box::new(Listening { guest, interfaces })),
                        Err(error) => {
                            self.socket = Socket::Gone(Vec::new());
                            return Poll::Ready(TransportEvent::ListenerError { listener_id, error });
                        }
                    },
                    // Who could have lent one is gone.
                    Poll::Ready(None) => self.socket = Socket::Closed,
                    Poll::Pending => return Poll::Pending,
                },
                Socket::Lent(listening) => {
                    if let Poll::Ready(change) = listening.interfaces.poll(cx) {
                        return Poll::Ready(match change {
                            Change::Up(listen_addr) => TransportEvent::NewAddress { listener_id, listen_addr },
                            Change::Down(listen_addr) => TransportEvent::AddressExpired { listener_id, listen_addr },
                        });
                    }
                    match listening.guest.poll_arrival(cx) {
                        Poll::Ready(Some(connection)) => {
                            let local = listening.guest.local_address();
                            if let Some(connection) = self.punches.deliver(connection) {
                                return Poll::Ready(arrived(listener_id, local, connection));
                            }
                        }
                        Poll::Ready(None) => self.socket = Socket::Gone(listening.interfaces.known().to_vec()),
                        Poll::Pending => return Poll::Pending,
                    }
                }
                Socket::Gone(addresses) => {
                    if let Some(listen_addr) = addresses.pop() {
                        return Poll::Ready(TransportEvent::AddressExpired { listener_id, listen_addr });
                    }
                    self.socket = Socket::Closed;
                    return Poll::Ready(TransportEvent::ListenerClosed { listener_id, reason: Ok(()) });
                }
                Socket::Closed => return Poll::Pending,
            }
        }
    }
}

fn arrived(listener_id: ListenerId, local: SocketAddr, connection: GuestConnection) -> Event {
    let ip = connection.connection.local_ip().map_or(local.ip(), |ip| ip.to_canonical());
    TransportEvent::Incoming {
        listener_id,
        local_addr: to_multiaddr(SocketAddr::new(ip, local.port())),
        send_back_addr: to_multiaddr(connection.remote_address()),
        upgrade: ready(Ok(greeted(connection))),
    }
}

fn greeted(connection: GuestConnection) -> Output {
    (connection.peer, Connection::new(connection))
}

/// The socket, as soon as it is lent.
async fn lent(mut dialler: watch::Receiver<Option<GuestDialler>>) -> io::Result<GuestDialler> {
    let lent = dialler.wait_for(Option::is_some).await.ok().and_then(|lent| lent.clone());
    lent.ok_or_else(|| io::Error::new(io::ErrorKind::NotConnected, "there is no socket for QUIC"))
}

/// Dropping the future gives the attempt up.
fn within(
    attempt: impl Future<Output = io::Result<Output>> + Send + 'static,
) -> BoxFuture<'static, io::Result<Output>> {
    async move { timeout(HANDSHAKE, attempt).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut))) }
        .boxed()
}

fn failed(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::new(io::ErrorKind::ConnectionRefused, other.to_string()),
    }
}

impl Transport for Shared {
    type Output = Output;
    type Error = io::Error;
    type ListenerUpgrade = Ready<io::Result<Output>>;
    type Dial = BoxFuture<'static, io::Result<Output>>;

    fn listen_on(&mut self, _: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    /// The socket's owner closes it.
    fn remove_listener(&mut self, _: ListenerId) -> bool {
        false
    }

    fn dial(&mut self, address: Multiaddr, opts: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        let Some(remote) = to_socket(&address) else { return Err(TransportError::MultiaddrNotSupported(address)) };
        let dialler = self.dialler.clone();
        if opts.role == Role::Dialer {
            // The swarm itself compares who answers with whom it wanted.
            return Ok(within(async move {
                let dialler = lent(dialler).await?;
                let dialled = match opts.port_use {
                    PortUse::Reuse => dialler.dial(remote, None).await,
                    PortUse::New => dialler.dial_from_new_port(remote, None).await,
                };
                dialled.map(greeted).map_err(failed)
            }));
        }
        let Some(arrival) = self.punches.expect(remote) else {
            let busy = io::Error::new(io::ErrorKind::AlreadyExists, "a hole to this address is being punched already");
            return Err(TransportError::Other(busy));
        };
        Ok(within(async move { punch(lent(dialler).await?, remote, arrival).await.map(greeted) }))
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Event> {
        self.poll_socket(cx)
    }
}
