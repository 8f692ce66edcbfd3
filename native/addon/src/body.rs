//! The handle of bytes that stay outside JavaScript.

use bytes::Bytes;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use parking_lot::Mutex;

use crate::error;

/// A shared, immutable run of bytes in native memory. `slice` shares, `bytes` copies into JavaScript
/// (or lends, see there), `release` gives the memory back at once instead of at the next collection.
#[napi]
pub struct NativeBody {
    length: u32,
    bytes: Mutex<Option<Bytes>>,
}

impl NativeBody {
    /// Wraps native bytes for JavaScript.
    pub fn new(bytes: Bytes) -> Self {
        Self { length: u32::try_from(bytes.len()).unwrap_or(u32::MAX), bytes: Mutex::new(Some(bytes)) }
    }

    /// A cheap clone of the bytes, or `BODY_RELEASED`.
    pub fn share(&self) -> napi::Result<Bytes> {
        self.bytes.lock().clone().ok_or_else(|| error("BODY_RELEASED", "the body was released before this use"))
    }
}

#[napi]
impl NativeBody {
    /// Takes a JavaScript buffer without copying; it must not be written to afterwards.
    #[napi(factory)]
    pub fn from_buffer(buffer: Buffer) -> Self {
        Self::new(Bytes::from_owner(buffer))
    }

    #[napi(getter)]
    pub fn byte_length(&self) -> u32 {
        self.length
    }

    /// Bytes from `start` up to `end` (exclusive; the end of the body when left out), shared.
    #[napi]
    pub fn slice(&self, start: u32, end: Option<u32>) -> napi::Result<NativeBody> {
        let end = end.unwrap_or(self.length);
        if start > end || end > self.length {
            return Err(error("INTERNAL", format!("slice {start}..{end} of a body of {} bytes", self.length)));
        }
        Ok(Self::new(self.share()?.slice(start as usize..end as usize)))
    }

    /// A copy of the content in JavaScript memory.
    #[napi]
    pub fn bytes(&self) -> napi::Result<Buffer> {
        Ok(Buffer::from(self.share()?.to_vec()))
    }

    /// Copies the content to `target` at `offset`, without allocating.
    #[napi]
    pub fn copy_to(&self, mut target: Buffer, offset: u32) -> napi::Result<()> {
        let bytes = self.share()?;
        let start = offset as usize;
        let Some(room) = target.get_mut(start..start + bytes.len()) else {
            return Err(error("INTERNAL", "copyTo runs past the end of its target"));
        };
        room.copy_from_slice(&bytes);
        Ok(())
    }

    /// Drops this handle's hold on the memory. Operations that already took the body go on. Safe to repeat.
    #[napi]
    pub fn release(&self) {
        self.bytes.lock().take();
    }
}
