//! Yamux as a libp2p multiplexer, with bounded windows, and with streams whose end is a real one (see [`crate::tap`]).

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::io;
use std::iter;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures::io::{AsyncRead, AsyncWrite};
use libp2p::core::UpgradeInfo;
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade};
use yamux::{Connection, ConnectionError, Mode};

use crate::limits;
use crate::tap::{SharedMarks, Tap};

/// Inbound streams that wait to be taken; yamux peers stop at 256 unanswered ones by themselves.
const WAITING_STREAMS: usize = 256;

#[derive(Clone, Debug)]
pub(crate) struct Upgrade;

impl UpgradeInfo for Upgrade {
    type Info = &'static str;
    type InfoIter = iter::Once<Self::Info>;

    fn protocol_info(&self) -> Self::InfoIter {
        iter::once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> InboundConnectionUpgrade<C> for Upgrade {
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<Result<Muxer<C>, io::Error>>;

    fn upgrade_inbound(self, io: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(io, Mode::Server)))
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> OutboundConnectionUpgrade<C> for Upgrade {
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<Result<Muxer<C>, io::Error>>;

    fn upgrade_outbound(self, io: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(io, Mode::Client)))
    }
}

pub(crate) struct Muxer<C> {
    connection: Connection<Tap<C>>,
    marks: SharedMarks,
    waiting: VecDeque<Substream>,
    taker: Option<Waker>,
}

impl<C: AsyncRead + AsyncWrite + Unpin + 'static> Muxer<C> {
    fn new(io: C, mode: Mode) -> Self {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(limits::STREAMS);
        config.set_max_connection_receive_window(Some(limits::CONNECTION_WINDOW_BYTES));
        config.set_split_send_size(limits::FRAME_BYTES);
        let marks = SharedMarks::default();
        let connection = Connection::new(Tap::new(io, marks.clone()), config, mode);
        Self { connection, marks, waiting: VecDeque::new(), taker: None }
    }

    fn substream(&self, inner: yamux::Stream) -> Substream {
        Substream { id: inner.id().val(), inner, marks: self.marks.clone(), closed: false }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Substream, ConnectionError>> {
        let stream = ready!(self.connection.poll_next_inbound(cx)).ok_or(ConnectionError::Closed)??;
        Poll::Ready(Ok(self.substream(stream)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin + 'static> StreamMuxer for Muxer<C> {
    type Substream = Substream;
    type Error = ConnectionError;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Substream, ConnectionError>> {
        if let Some(stream) = self.waiting.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        if let Poll::Ready(result) = self.poll_next(cx) {
            return Poll::Ready(result);
        }
        self.taker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Substream, ConnectionError>> {
        let stream = ready!(self.connection.poll_new_outbound(cx))?;
        Poll::Ready(Ok(self.substream(stream)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.connection.poll_close(cx)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, ConnectionError>> {
        // Only taking inbound streams moves a yamux connection on, so they are set aside here.
        let stream = ready!(self.poll_next(cx))?;
        if self.waiting.len() < WAITING_STREAMS {
            self.waiting.push_back(stream);
            if let Some(taker) = self.taker.take() {
                taker.wake();
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

pub(crate) struct Substream {
    id: u32,
    inner: yamux::Stream,
    marks: SharedMarks,
    closed: bool,
}

impl AsyncRead for Substream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        if count == 0 && !buffer.is_empty() && !self.marks.lock().has_ended(self.id) {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the peer reset the stream or the connection broke",
            )));
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Substream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_close(cx))?;
        self.closed = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Substream {
    fn drop(&mut self) {
        self.marks.lock().forget(self.id, !self.closed);
    }
}
