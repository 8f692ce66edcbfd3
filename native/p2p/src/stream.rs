//! One bidirectional stream as the outside holds it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use bytes::Bytes;
use futures::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use libp2p::{PeerId, Stream, StreamProtocol};
use tokio::sync::{Mutex, watch};

use crate::error::P2pError;
use crate::limits;

/// The streams of one connection that are open now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    inbound: Arc<AtomicUsize>,
    outbound: Arc<AtomicUsize>,
}

impl Load {
    /// `None` when the connection has as many inbound ones as it may.
    pub(crate) fn take_inbound(&self) -> Option<StreamGuard> {
        let guard = StreamGuard::take(&self.inbound);
        (self.inbound.load(Ordering::Relaxed) <= limits::INBOUND_STREAMS).then_some(guard)
    }

    pub(crate) fn take_outbound(&self) -> StreamGuard {
        StreamGuard::take(&self.outbound)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.inbound.load(Ordering::Relaxed) + self.outbound.load(Ordering::Relaxed) == 0
    }
}

/// Counts a stream while it lives.
#[derive(Debug)]
pub(crate) struct StreamGuard(Arc<AtomicUsize>);

impl StreamGuard {
    fn take(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream. Reading and writing may go on at the same time; dropping it resets it unless both sides had ended.
#[derive(Debug)]
pub struct HostStream {
    peer: PeerId,
    protocol: StreamProtocol,
    read: Mutex<Option<ReadHalf<Stream>>>,
    write: Mutex<Option<WriteHalf<Stream>>>,
    read_ended: AtomicBool,
    write_ended: AtomicBool,
    cancelled: watch::Sender<bool>,
    guard: parking_lot::Mutex<Option<StreamGuard>>,
}

impl HostStream {
    pub(crate) fn new(stream: Stream, peer: PeerId, protocol: StreamProtocol, guard: StreamGuard) -> Self {
        let (read, write) = stream.split();
        Self {
            peer,
            protocol,
            read: Mutex::new(Some(read)),
            write: Mutex::new(Some(write)),
            read_ended: AtomicBool::new(false),
            write_ended: AtomicBool::new(false),
            cancelled: watch::Sender::new(false),
            guard: parking_lot::Mutex::new(Some(guard)),
        }
    }

    /// The authenticated other end.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// What was negotiated.
    pub fn protocol(&self) -> &str {
        self.protocol.as_ref()
    }

    /// Next bytes, as many as are there up to 256 KiB; `None` after the remote's end. A reset or a broken
    /// connection is `PEER_UNREACHABLE`, an own reset `ABORTED`.
    pub async fn read(&self) -> Result<Option<Bytes>, P2pError> {
        self.unless_cancelled(async {
            let mut half = self.read.lock().await;
            if self.read_ended.load(Ordering::Acquire) {
                return Ok(None);
            }
            let Some(reader) = half.as_mut() else { return Err(aborted()) };
            let mut buffer = vec![0; limits::FRAME_BYTES];
            let mut filled = reader.read(&mut buffer).await.map_err(broken)?;
            if filled == 0 {
                self.read_ended.store(true, Ordering::Release);
                return Ok(None);
            }
            // What else has arrived already comes along, so that a bulk reader pays fewer calls.
            while filled < limits::READ_BYTES {
                if filled == buffer.len() {
                    buffer.resize((buffer.len() * 2).min(limits::READ_BYTES), 0);
                }
                let more =
                    futures::future::poll_fn(|cx| match Pin::new(&mut *reader).poll_read(cx, &mut buffer[filled..]) {
                        Poll::Ready(Ok(count)) => Poll::Ready(count),
                        // An error or end is met again by the next read.
                        Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(0),
                    })
                    .await;
                if more == 0 {
                    break;
                }
                filled += more;
            }
            buffer.truncate(filled);
            if filled < buffer.capacity() / 4 {
                return Ok(Some(Bytes::copy_from_slice(&buffer)));
            }
            Ok(Some(Bytes::from(buffer)))
        })
        .await
    }

    /// Resolves when the stream has taken all bytes.
    pub async fn write(&self, bytes: Bytes) -> Result<(), P2pError> {
        self.unless_cancelled(async {
            let mut half = self.write.lock().await;
            if self.write_ended.load(Ordering::Acquire) {
                return Err(P2pError::new("INTERNAL", "write after the end of the stream"));
            }
            let writer = half.as_mut().ok_or_else(aborted)?;
            writer.write_all(&bytes).await.map_err(broken)?;
            writer.flush().await.map_err(broken)
        })
        .await
    }

    /// Ends this side. Safe to repeat.
    pub async fn close_write(&self) -> Result<(), P2pError> {
        self.unless_cancelled(async {
            let mut half = self.write.lock().await;
            if self.write_ended.load(Ordering::Acquire) {
                return Ok(());
            }
            half.as_mut().ok_or_else(aborted)?.close().await.map_err(broken)?;
            self.write_ended.store(true, Ordering::Release);
            Ok(())
        })
        .await
    }

    /// Ends what waits on the stream now; the stream itself goes with `release`.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Drops the stream, which resets it unless both sides had ended. Waits for operations that `cancel` is ending.
    pub async fn release(&self) {
        self.read.lock().await.take();
        self.write.lock().await.take();
        self.guard.lock().take();
    }

    async fn unless_cancelled<T>(&self, operation: impl Future<Output = Result<T, P2pError>>) -> Result<T, P2pError> {
        let mut cancelled = self.cancelled.subscribe();
        tokio::select! {
            biased;
            _ = cancelled.wait_for(|cancelled| *cancelled) => Err(aborted()),
            result = operation => result,
        }
    }
}

fn aborted() -> P2pError {
    P2pError::new("ABORTED", "the stream was reset on this side")
}

fn broken(error: io::Error) -> P2pError {
    P2pError::new("PEER_UNREACHABLE", format!("the stream broke: {error}"))
}
