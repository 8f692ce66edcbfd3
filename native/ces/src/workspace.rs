//! zstd contexts and scratch memory that outlive a call. Making a context for each segment would cost
//! some hundred microseconds of first touches; a pool has no more of them than threads work at once, unlike thread-locals.

use std::sync::{Mutex, PoisonError};

use zstd_safe::{CCtx, DCtx};

/// What is larger than this is given back to the allocator: high levels on large blocks take hundreds of MiB.
const MAX_IDLE_BYTES: usize = 24 * 1024 * 1024;
const MAX_IDLE: usize = 16;

static IDLE: Mutex<Vec<Workspace>> = Mutex::new(Vec::new());

/// One thread's tools.
pub struct Workspace {
    pub compressor: CCtx<'static>,
    pub decompressor: DCtx<'static>,
    /// Holds anything between two steps of one call; its content means nothing to the next.
    pub scratch: Vec<u8>,
}

impl Workspace {
    /// Runs `work` with a workspace that nobody else uses meanwhile.
    pub fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut workspace = idle.unwrap_or_else(|| Self {
            compressor: CCtx::create(),
            decompressor: DCtx::create(),
            scratch: Vec::new(),
        });
        let result = work(&mut workspace);
        let bytes = workspace.compressor.sizeof() + workspace.decompressor.sizeof() + workspace.scratch.capacity();
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes <= MAX_IDLE_BYTES && idle.len() < MAX_IDLE {
            idle.push(workspace);
        }
        result
    }
}

/// `length` bytes of `scratch` with any content, without clearing them again and again.
pub fn room(scratch: &mut Vec<u8>, length: usize) -> &mut [u8] {
    if scratch.len() < length {
        scratch.resize(length, 0);
    }
    &mut scratch[..length]
}
