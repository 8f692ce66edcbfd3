//! TCP with Noise and Yamux, and QUIC, each with the dial policy in front.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::Either;
use futures::io::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, PortUse, TransportError, TransportEvent};
use libp2p::core::upgrade::Version;
use libp2p::{Multiaddr, PeerId, Transport, identity, noise, quic, relay, tcp};

use crate::address::{DialPolicy, is_tcp};
use crate::error::P2pError;
use crate::{limits, muxer};

/// Why an address was not dialled. Known again by its text: the boxes that the transport stack puts around an error
/// let no type through.
pub(crate) const DIAL_REFUSED: &str =
    "an address inside this network that is not on the allow list is not dialled when a peer named it";

/// A transport that authenticates and multiplexes by itself.
pub type Connections = Boxed<(PeerId, StreamMuxerBox)>;

/// Which QUIC there is beside TCP. Whatever is given stands behind the dial policy.
#[derive(Default)]
pub enum QuicChoice {
    /// None.
    #[default]
    Off,
    /// A UDP socket of the swarm's own for each address listened on.
    Own,
    /// A transport over somebody else's socket, for `/udp/…/quic-v1` addresses. Its streams have to be reset when
    /// they are dropped before their end.
    Shared(Connections),
}

impl std::fmt::Debug for QuicChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Own => "Own",
            Self::Shared(_) => "Shared",
        })
    }
}

pub(crate) fn build(
    keypair: &identity::Keypair,
    policy: &DialPolicy,
    relay: Option<relay::client::Transport>,
    quic: QuicChoice,
) -> Result<Connections, P2pError> {
    let noise = noise::Config::new(keypair).map_err(|error| P2pError::new("INTERNAL", error))?;
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    let tcp = Guarded { inner: tcp, policy: policy.clone() };
    let tcp = match relay {
        None => secured(tcp, noise),
        // The relay itself is dialled through the swarm, so past the policy too.
        Some(relay) => secured(relay.or_transport(tcp), noise),
    };
    let quic = match quic {
        QuicChoice::Off => return Ok(tcp),
        QuicChoice::Own => own_quic(keypair),
        QuicChoice::Shared(transport) => transport,
    };
    let quic = Guarded { inner: quic, policy: policy.clone() };
    Ok(tcp.or_transport(quic).map(|either, _| either_of(either)).boxed())
}

fn secured<T>(transport: T, noise: noise::Config) -> Connections
where
    T: Transport<Output: AsyncRead + AsyncWrite + Send + Unpin + 'static, Error: Send + Sync + 'static>
        + Send
        + Unpin
        + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    transport.upgrade(Version::V1).authenticate(noise).multiplex(muxer::Upgrade).timeout(limits::HANDSHAKE).boxed()
}

fn own_quic(keypair: &identity::Keypair) -> Connections {
    let mut config = quic::Config::new(keypair);
    config.handshake_timeout = limits::HANDSHAKE;
    config.max_concurrent_stream_limit = limits::QUIC_STREAMS;
    config.max_stream_data = limits::QUIC_STREAM_WINDOW_BYTES;
    config.max_connection_data = limits::QUIC_CONNECTION_WINDOW_BYTES;
    quic::tokio::Transport::new(config).map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection))).boxed()
}

fn either_of<T>(either: Either<T, T>) -> T {
    match either {
        Either::Left(value) | Either::Right(value) => value,
    }
}

/// Kademlia's queries dial addresses straight out of remote answers, so the policy has to stand where all dials pass.
struct Guarded<T> {
    inner: T,
    policy: DialPolicy,
}

impl<T: Transport<Error = io::Error> + Unpin> Transport for Guarded<T> {
    type Output = T::Output;
    type Error = io::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = T::Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, opts: DialOpts) -> Result<T::Dial, TransportError<io::Error>> {
        if !self.policy.permits(&address) {
            return Err(TransportError::Other(io::Error::new(io::ErrorKind::PermissionDenied, DIAL_REFUSED)));
        }
        // TCP, from a port of its own: out of the listening port, a second dial of one peer meets the first one's
        // TIME_WAIT, and two that dial each other at one time get one socket with a dialler at both ends.
        let own_port = is_tcp(&address) && !self.policy.leaves_from_listening_port(&address);
        let port_use = if own_port { PortUse::New } else { opts.port_use };
        self.inner.dial(address, DialOpts { port_use, ..opts })
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<T::ListenerUpgrade, io::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}
