//! A libp2p connection: quinn's streams are its substreams.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use futures::future::BoxFuture;
use libp2p_core::muxing::{StreamMuxer, StreamMuxerEvent};
use quinn::{ConnectionError, RecvStream, SendStream};

use crate::error::{close_reason, reset};
use crate::guest::GuestConnection;
use crate::swarm::stream::Stream;

type Opening = BoxFuture<'static, Result<(SendStream, RecvStream), ConnectionError>>;

pub(crate) struct Connection {
    inner: GuestConnection,
    /// Where the peer was when the gate let it in.
    remote: std::net::IpAddr,
    inbound: Option<Opening>,
    outbound: Option<Opening>,
    closing: Option<BoxFuture<'static, ConnectionError>>,
}

impl Connection {
    pub(crate) fn new(inner: GuestConnection) -> Self {
        let remote = inner.remote_address().ip();
        Self { inner, remote, inbound: None, outbound: None, closing: None }
    }
}

impl StreamMuxer for Connection {
    type Substream = Stream;
    type Error = io::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        let this = &mut *self;
        let opening = this.inbound.get_or_insert_with(|| {
            let connection = this.inner.connection.clone();
            async move { connection.accept_bi().await }.boxed()
        });
        let opened = ready!(opening.poll_unpin(cx));
        this.inbound = None;
        Poll::Ready(opened.map(Stream::new).map_err(|error| broken(&error)))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        let this = &mut *self;
        let opening = this.outbound.get_or_insert_with(|| {
            let connection = this.inner.connection.clone();
            async move { connection.open_bi().await }.boxed()
        });
        let opened = ready!(opening.poll_unpin(cx));
        this.outbound = None;
        Poll::Ready(opened.map(Stream::new).map_err(|error| broken(&error)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let closing = this.closing.get_or_insert_with(|| {
            let connection = this.inner.connection.clone();
            connection.close(reset::NONE, b"");
            async move { connection.closed().await }.boxed()
        });
        // However it ended: it is closed.
        closing.poll_unpin(cx).map(|_| Ok(()))
    }

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        // quinn follows a peer to a new address, which the shard protocol wants. libp2p's gates and counts are bound to
        // the address that they saw.
        if self.inner.remote_address().ip() == self.remote {
            return Poll::Pending;
        }
        self.inner.connection.close(reset::NONE, b"the address has changed");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the peer has moved to another address")))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Streams that are still held elsewhere would keep it open.
        self.inner.connection.close(reset::NONE, b"");
    }
}

fn broken(error: &ConnectionError) -> io::Error {
    let kind = match error {
        ConnectionError::TimedOut => io::ErrorKind::TimedOut,
        ConnectionError::LocallyClosed => io::ErrorKind::NotConnected,
        _ => io::ErrorKind::ConnectionReset,
    };
    io::Error::new(kind, close_reason(error))
}
