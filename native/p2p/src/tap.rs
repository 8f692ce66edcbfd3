//! Reads along in a Yamux byte stream, to tell what the `yamux` crate does not.
//!
//! There, a stream that the remote reset, or whose connection broke, reads like one that ended; and a stream dropped
//! after the remote's end says "end" to the remote instead of "reset". For a store that is the difference between
//! all of an answer and the half of it. So: every FIN that comes in is noted, an end without one is an error; and
//! the FIN that goes out for a stream that was dropped is turned into RST.

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};
use parking_lot::Mutex;

const HEADER_BYTES: usize = 12;
const FIN: u16 = 4;
const RST: u16 = 8;
/// Stream ids that are remembered; a remote that sends FIN for more unknown ones spoils its own connection only.
const MAX_MARKS: usize = 4096;

#[derive(Default)]
pub(crate) struct Marks {
    ended: HashSet<u32>,
    aborted: HashSet<u32>,
}

pub(crate) type SharedMarks = Arc<Mutex<Marks>>;

impl Marks {
    pub(crate) fn has_ended(&self, stream: u32) -> bool {
        self.ended.contains(&stream)
    }

    /// The stream is gone; `aborted` when it had not been closed in order.
    pub(crate) fn forget(&mut self, stream: u32, aborted: bool) {
        // Only after the remote's end does the crate answer with FIN; before it, it sends RST by itself.
        if self.ended.remove(&stream) && aborted && self.aborted.len() < MAX_MARKS {
            self.aborted.insert(stream);
        }
    }
}

/// Follows frame headers through arbitrary cuts.
#[derive(Default)]
struct Scanner {
    header: [u8; HEADER_BYTES],
    have: usize,
    body_left: u64,
}

impl Scanner {
    fn at_boundary(&self) -> bool {
        self.have == 0 && self.body_left == 0
    }

    fn feed(&mut self, mut bytes: &[u8], mut on_header: impl FnMut(Header)) {
        while !bytes.is_empty() {
            if self.body_left > 0 {
                let skip = usize::try_from(self.body_left).unwrap_or(usize::MAX).min(bytes.len());
                self.body_left -= skip as u64;
                bytes = &bytes[skip..];
                continue;
            }
            let take = (HEADER_BYTES - self.have).min(bytes.len());
            self.header[self.have..self.have + take].copy_from_slice(&bytes[..take]);
            self.have += take;
            bytes = &bytes[take..];
            if self.have == HEADER_BYTES {
                self.have = 0;
                let header = Header::read(&self.header);
                self.body_left = if header.kind == 0 { u64::from(header.length) } else { 0 };
                on_header(header);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Header {
    kind: u8,
    flags: u16,
    stream: u32,
    length: u32,
}

impl Header {
    fn read(bytes: &[u8; HEADER_BYTES]) -> Self {
        let [_, kind, f0, f1, s0, s1, s2, s3, l0, l1, l2, l3] = *bytes;
        Self {
            kind,
            flags: u16::from_be_bytes([f0, f1]),
            stream: u32::from_be_bytes([s0, s1, s2, s3]),
            length: u32::from_be_bytes([l0, l1, l2, l3]),
        }
    }

    /// Data (0) and window updates (1) carry a stream's flags.
    fn ends_stream(self) -> bool {
        self.kind <= 1 && self.flags & FIN != 0
    }
}

pub(crate) struct Tap<C> {
    io: C,
    marks: SharedMarks,
    incoming: Scanner,
    outgoing: Scanner,
    /// A changed header, and how much of it is written.
    patched: Option<([u8; HEADER_BYTES], usize)>,
}

impl<C> Tap<C> {
    pub(crate) fn new(io: C, marks: SharedMarks) -> Self {
        Self { io, marks, incoming: Scanner::default(), outgoing: Scanner::default(), patched: None }
    }

    fn patch(&self, bytes: &[u8]) -> Option<[u8; HEADER_BYTES]> {
        let mut header: [u8; HEADER_BYTES] = *bytes.first_chunk()?;
        let read = Header::read(&header);
        if !read.ends_stream() || !self.marks.lock().aborted.remove(&read.stream) {
            return None;
        }
        header[2..4].copy_from_slice(&((read.flags & !FIN) | RST).to_be_bytes());
        Some(header)
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Tap<C> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
        let marks = &this.marks;
        this.incoming.feed(&buffer[..count], |header| {
            if header.ends_stream() {
                let mut marks = marks.lock();
                if marks.ended.len() < MAX_MARKS {
                    marks.ended.insert(header.stream);
                }
            }
        });
        Poll::Ready(Ok(count))
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Tap<C> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.patched.is_none() && this.outgoing.at_boundary() {
            this.patched = this.patch(bytes).map(|header| (header, 0));
        }
        let count = match &mut this.patched {
            Some((header, written)) => {
                let count = ready!(Pin::new(&mut this.io).poll_write(cx, &header[*written..]))?;
                *written += count;
                if *written == HEADER_BYTES {
                    this.patched = None;
                }
                count
            }
            None => ready!(Pin::new(&mut this.io).poll_write(cx, bytes))?,
        };
        this.outgoing.feed(&bytes[..count.min(bytes.len())], |_| ());
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::io::{AsyncReadExt, AsyncWriteExt, Cursor};
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u16, stream: u32, body: &[u8]) -> Vec<u8> {
        let mut out = vec![0, kind];
        out.extend(flags.to_be_bytes());
        out.extend(stream.to_be_bytes());
        out.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        out.extend(body);
        out
    }

    /// Takes bytes in pieces of a given size only.
    struct Slow(Vec<u8>, usize);

    impl AsyncWrite for Slow {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let count = bytes.len().min(self.1);
            self.0.extend(&bytes[..count]);
            Poll::Ready(Ok(count))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    proptest! {
        #[test]
        fn notes_ends_through_any_cut(cut in 1usize..40, bodies in prop::collection::vec((0u32..9, any::<bool>(), prop::collection::vec(any::<u8>(), 0..50)), 0..20)) {
            let mut bytes = Vec::new();
            let mut expected = HashSet::new();
            for (stream, fin, body) in &bodies {
                bytes.extend(frame(0, if *fin { FIN } else { 0 }, *stream, body));
                if *fin { expected.insert(*stream); }
            }
            let marks = SharedMarks::default();
            let mut tap = Tap::new(Cursor::new(bytes.clone()), marks.clone());
            let mut seen: Vec<u8> = Vec::new();
            let mut piece = vec![0; cut];
            loop {
                let count = block_on(tap.read(&mut piece)).unwrap();
                if count == 0 { break; }
                seen.extend(&piece[..count]);
            }
            prop_assert_eq!(seen, bytes);
            prop_assert_eq!(&marks.lock().ended, &expected);
        }

        #[test]
        fn turns_the_end_of_aborted_streams_into_a_reset(cut in 1usize..30) {
            let marks = SharedMarks::default();
            for (stream, aborted) in [(1, true), (3, false), (5, true)] {
                marks.lock().ended.insert(stream);
                marks.lock().forget(stream, aborted);
            }
            let sent: Vec<Vec<u8>> = vec![frame(0, 0, 1, b"some bytes that look like 0123456789ab"), frame(0, FIN, 1, b""), frame(1, FIN, 3, b""), frame(0, FIN, 7, b"x")];
            let mut tap = Tap::new(Slow(Vec::new(), cut), marks.clone());
            for part in &sent { block_on(tap.write_all(part)).unwrap(); }
            let expected = [sent[0].clone(), frame(0, RST, 1, b""), sent[2].clone(), sent[3].clone()].concat();
            prop_assert_eq!(&tap.io.0, &expected);
            prop_assert!(marks.lock().aborted.contains(&5));
        }

        #[test]
        fn survives_garbage(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let mut tap = Tap::new(Cursor::new(bytes), SharedMarks::default());
            let mut out = Vec::new();
            block_on(tap.read_to_end(&mut out)).unwrap();
        }
    }
}
