//! Heads of requests and answers, and streams that never end by accident.

use std::io;
use std::ops::{Deref, DerefMut};

use bytes::{BufMut, Bytes, BytesMut};
use quinn::{ReadError, ReadExactError, RecvStream, SendStream, VarInt};

use crate::budget::Hold;
use crate::error::{Error, close_reason, reset};

/// An answer: `status` as on the wire, struct, body.
#[derive(Debug)]
pub struct Answer {
    /// Status number.
    pub status: u16,
    /// The answer's struct.
    pub head: Bytes,
    /// The answer's body.
    pub body: Bytes,
}

/// Why a request or an answer could not be received.
#[derive(Debug)]
pub(crate) enum ReceiveError {
    TooLarge,
    Truncated,
    /// No byte within the time for it.
    Stalled,
    /// No memory of the budget came free.
    Crowded,
    Reset(VarInt),
    Lost(String),
}

impl From<ReadError> for ReceiveError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Reset(code) => Self::Reset(code),
            ReadError::ConnectionLost(error) => Self::Lost(close_reason(&error)),
            other => Self::Lost(other.to_string()),
        }
    }
}

impl From<ReadExactError> for ReceiveError {
    fn from(error: ReadExactError) -> Self {
        match error {
            ReadExactError::FinishedEarly(_) => Self::Truncated,
            ReadExactError::ReadError(error) => error.into(),
        }
    }
}

/// `RecvStream` as `AsyncRead` wraps its own error.
impl From<io::Error> for ReceiveError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<ReadError>()) {
            Some(read) => read.clone().into(),
            None => Self::Lost(error.to_string()),
        }
    }
}

/// What the caller of a request learns.
impl From<ReceiveError> for Error {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::TooLarge => Self::Protocol("the answer exceeds the limits".into()),
            ReceiveError::Truncated => Self::Protocol("the answer ends too early".into()),
            ReceiveError::Stalled => Self::Unreachable("the peer stopped in the middle of its answer".into()),
            ReceiveError::Crowded => Self::Unreachable("no memory came free for the answer".into()),
            ReceiveError::Reset(code) if code == reset::TOO_LARGE => {
                Self::Protocol("the peer refuses the size of the request".into())
            }
            ReceiveError::Reset(code) if code == reset::MALFORMED => {
                Self::Protocol("the peer cannot read the request".into())
            }
            ReceiveError::Reset(code) => Self::Unreachable(format!("the peer dropped the request ({code})")),
            ReceiveError::Lost(reason) => Self::Unreachable(reason),
        }
    }
}

/// A request as it was received; `hold` is its share of the memory for bodies.
pub(crate) struct Received {
    pub(crate) kind: u8,
    pub(crate) head: Bytes,
    pub(crate) body: Bytes,
    pub(crate) hold: Hold,
}

pub(crate) fn request_head(kind: u8, head: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(5 + head.len());
    bytes.put_u8(kind);
    put_struct(&mut bytes, head);
    bytes.freeze()
}

pub(crate) fn answer_head(status: u16, head: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(6 + head.len());
    bytes.put_u16_le(status);
    put_struct(&mut bytes, head);
    bytes.freeze()
}

fn put_struct(bytes: &mut BytesMut, head: &[u8]) {
    bytes.put_u32_le(u32::try_from(head.len()).unwrap_or(u32::MAX));
    bytes.put_slice(head);
}

/// The type of a request (one byte) or the status of an answer (two), and the struct.
pub(crate) async fn receive_head<const N: usize>(
    stream: &mut RecvStream,
    limit: usize,
) -> Result<([u8; N], Bytes), ReceiveError> {
    let mut lead = [0; N];
    stream.read_exact(&mut lead).await?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let length = u32::from_le_bytes(length) as usize;
    if length > limit {
        return Err(ReceiveError::TooLarge);
    }
    let mut head = vec![0; length];
    stream.read_exact(&mut head).await?;
    Ok((lead, head.into()))
}

/// quinn ends a dropped stream as if it were complete: a cancelled request would look like a short one.
/// This resets it instead, and drops what waits to be sent, unless it was released.
pub(crate) struct Sending {
    stream: SendStream,
    code: Option<VarInt>,
}

impl Sending {
    pub(crate) fn new(stream: SendStream) -> Self {
        Self { stream, code: Some(reset::CANCELLED) }
    }

    /// The code that the stream is reset with should it be dropped before it is released.
    pub(crate) fn reset_with(&mut self, code: VarInt) {
        self.code = Some(code);
    }

    /// What was written and ended is delivered, whatever happens here.
    pub(crate) fn release(mut self) {
        self.code = None;
    }
}

impl Deref for Sending {
    type Target = SendStream;
    fn deref(&self) -> &SendStream {
        &self.stream
    }
}

impl DerefMut for Sending {
    fn deref_mut(&mut self) -> &mut SendStream {
        &mut self.stream
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(code) = self.code {
            let _ = self.stream.reset(code);
        }
    }
}
