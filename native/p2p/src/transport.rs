//! TCP with the dial policy in front, then Noise and Yamux.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, PortUse, TransportError, TransportEvent};
use libp2p::core::upgrade::Version;
use libp2p::{Multiaddr, PeerId, Transport, identity, noise, tcp};

use crate::address::DialPolicy;
use crate::error::P2pError;
use crate::{limits, muxer};

/// Why an address was not dialled. Known again by its text: the boxes that the transport stack puts around an error
/// let no type through.
pub(crate) const DIAL_REFUSED: &str =
    "an address inside this network that is not on the allow list is not dialled when a peer named it";

pub(crate) fn build(
    keypair: &identity::Keypair,
    policy: DialPolicy,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, P2pError> {
    let noise = noise::Config::new(keypair).map_err(|error| P2pError::new("INTERNAL", error))?;
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    Ok(Guarded { inner: tcp, policy }
        .upgrade(Version::V1)
        .authenticate(noise)
        .multiplex(muxer::Upgrade)
        .timeout(limits::HANDSHAKE)
        .boxed())
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
        // From a port of its own: out of the listening port, a second dial of one peer meets the first one's TIME_WAIT.
        self.inner.dial(address, DialOpts { port_use: PortUse::New, ..opts })
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<T::ListenerUpgrade, io::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}
