//! One stream of a libp2p connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};
use quinn::{RecvStream, SendStream};

use crate::error::reset;

/// Both directions. Dropped before its end it is reset: quinn by itself would send what looks like a complete end.
pub(crate) struct Stream {
    send: SendStream,
    recv: RecvStream,
    ended: bool,
}

impl Stream {
    pub(crate) fn new((send, recv): (SendStream, RecvStream)) -> Self {
        Self { send, recv, ended: false }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.recv.poll_read(cx, buffer).map_err(Into::into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.send).poll_write(cx, bytes))?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What quinn has taken is on its way.
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ended {
            self.send.finish()?;
            self.ended = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.ended {
            // A stream that was reset already needs no more.
            let _ = self.send.reset(reset::CANCELLED);
        }
    }
}
