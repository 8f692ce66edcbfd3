//! Face of the rpc crate: one connection a class, all of it synchronous on the thread that made it. What the host has to
//! do comes as records in a buffer of the host's, so that one crossing brings all that one read of a socket has caused.

use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::bindgen_prelude::{Uint8Array, Uint8ArraySlice};
use napi_derive::napi;
use pangea_rpc::{Body, Connection, Failure, Limits};

/// Bytes in front of the records that [`RpcConnection::settle`] writes.
const STATUS_BYTES: usize = 16;

/// Bounds of one connection; all are whole numbers.
#[napi(object)]
pub struct RpcLimits {
    pub message_bytes: f64,
    pub traversal_words: f64,
    pub nesting: u32,
    pub unanswered_calls: u32,
    pub capabilities: u32,
    pub memory_bytes: f64,
}

/// What a connection holds.
#[napi(object)]
pub struct RpcCounts {
    pub unanswered_calls: u32,
    pub exported: u32,
    pub imported: u32,
    pub memory_bytes: f64,
}

/// One Cap'n Proto RPC connection without I/O. After each call of a method, `settle` and `takeOutput`.
#[napi]
pub struct RpcConnection {
    connection: Option<Connection>,
    panicked: bool,
}

#[napi]
impl RpcConnection {
    #[napi(constructor)]
    pub fn new(limits: RpcLimits) -> Self {
        let limits = Limits {
            message_bytes: limits.message_bytes as usize,
            traversal_words: limits.traversal_words as usize,
            nesting: limits.nesting.min(i32::MAX as u32) as i32,
            unanswered_calls: limits.unanswered_calls as usize,
            capabilities: limits.capabilities as usize,
            memory_bytes: limits.memory_bytes as usize,
        };
        let connection = catch_unwind(|| Connection::new(limits)).ok();
        Self { panicked: connection.is_none(), connection }
    }

    /// Bytes of the socket, cut anywhere.
    #[napi]
    pub fn receive(&mut self, bytes: &[u8]) {
        self.guard(|connection| connection.receive(bytes));
    }

    /// Answers a call. `head` is the finished message in one segment; or, with a handle, its first word, and `bytes` its length.
    #[napi]
    pub fn answer(&mut self, call: u32, head: &[u8], bytes: u32, handle: u32, capabilities: &[i32]) {
        self.guard(|connection| connection.answer(call, body(head, bytes, handle), capabilities));
    }

    /// Answers a call with an exception: 0 failed, 1 overloaded, 2 disconnected, 3 unimplemented.
    #[napi(js_name = "throw")]
    pub fn throw_exception(&mut self, call: u32, failure: u32, reason: String) {
        self.guard(|connection| connection.throw(call, Failure::of(failure), &reason));
    }

    /// Calls an object of the remote's.
    #[napi]
    #[allow(clippy::too_many_arguments, reason = "they are the fields of a call")]
    pub fn call(
        &mut self,
        question: u32,
        target: u32,
        interface_low: u32,
        interface_high: u32,
        method: u32,
        head: &[u8],
        bytes: u32,
        handle: u32,
        capabilities: &[i32],
    ) {
        let interface = u64::from(interface_high) << 32 | u64::from(interface_low);
        self.guard(|connection| {
            connection.call(question, target, interface, method as u16, body(head, bytes, handle), capabilities)
        });
    }

    /// Lets go of an object of the remote's.
    #[napi]
    pub fn release(&mut self, handle: u32) {
        self.guard(|connection| connection.release(handle));
    }

    /// A reference to what the remote gives first; 0 when the connection is over.
    #[napi]
    pub fn bootstrap(&mut self) -> u32 {
        self.guard(Connection::bootstrap).unwrap_or_default()
    }

    /// Says goodbye and lets go of everything.
    #[napi]
    pub fn close(&mut self) {
        self.guard(Connection::close);
    }

    /// Fills `room` with four words (bytes of records, bytes of output, 1 when paused, 1 when over or 2 when it broke) and
    /// with whole records. Again, as long as there are records.
    #[napi]
    pub fn settle(&mut self, mut room: Uint8ArraySlice) {
        // SAFETY: JavaScript does not run while this does, and nobody else knows the array.
        let room = unsafe { room.as_mut() };
        let Some((status, records)) = room.split_at_mut_checked(STATUS_BYTES) else { return };
        let found = self.guard(|connection| {
            connection.settle();
            let taken = connection.take_events(records);
            [
                taken as u32,
                connection.output_bytes() as u32,
                u32::from(connection.is_paused()),
                u32::from(connection.has_ended()),
            ]
        });
        let words = found.unwrap_or([0, 0, 0, if self.panicked { 2 } else { 1 }]);
        status.chunks_exact_mut(4).zip(words).for_each(|(place, word)| place.copy_from_slice(&word.to_le_bytes()));
    }

    /// Moves the output into `room`, which is as long as it.
    #[napi]
    pub fn take_output(&mut self, mut room: Uint8ArraySlice) {
        // SAFETY: as in `settle`.
        let room = unsafe { room.as_mut() };
        self.guard(|connection| {
            connection.with_output(|output| {
                if let Some(output) = output.get(..room.len()) {
                    room.copy_from_slice(output);
                }
            });
        });
    }

    /// The segments of a message that a record names by its handle; not copied.
    #[napi]
    pub fn take_message(&mut self, handle: u32) -> Vec<Uint8Array> {
        let segments = self.guard(|connection| connection.take_message(handle)).unwrap_or_default();
        segments.into_iter().map(lend).collect()
    }

    #[napi]
    pub fn counts(&mut self) -> RpcCounts {
        let counts = self.guard(|connection| connection.counts()).unwrap_or_default();
        RpcCounts {
            unanswered_calls: counts.unanswered_calls as u32,
            exported: counts.exported as u32,
            imported: counts.imported as u32,
            memory_bytes: counts.memory_bytes as f64,
        }
    }
}

impl RpcConnection {
    /// A panic below ends this connection alone. It is not dropped then: its tables may be half changed.
    fn guard<R>(&mut self, act: impl FnOnce(&mut Connection) -> R) -> Option<R> {
        let connection = self.connection.as_mut()?;
        let result = catch_unwind(AssertUnwindSafe(|| act(connection)));
        if result.is_err() {
            self.panicked = true;
            std::mem::forget(self.connection.take());
        }
        result.ok()
    }
}

impl Drop for RpcConnection {
    fn drop(&mut self) {
        // The destructor of a connection that was not closed runs code of the rpc crate.
        self.guard(Connection::close);
    }
}

fn body(head: &[u8], bytes: u32, handle: u32) -> Body {
    Body { head: head.to_vec(), bytes: bytes as usize, handle }
}

/// A segment as memory of the host's, which gives it back when it is collected.
fn lend(segment: Vec<u64>) -> Uint8Array {
    let mut segment = std::mem::ManuallyDrop::new(segment);
    let (words, capacity) = (segment.len(), segment.capacity());
    let at = segment.as_mut_ptr();
    if words == 0 {
        return Uint8Array::new(Vec::new());
    }
    // SAFETY: the memory is that of a vector which nobody else knows any more; the closure is run once, when the array is
    // collected, and puts the same vector together again.
    unsafe {
        Uint8Array::with_external_data(at.cast(), words * 8, move |at, _| {
            drop(Vec::<u64>::from_raw_parts(at.cast(), words, capacity))
        })
    }
}
