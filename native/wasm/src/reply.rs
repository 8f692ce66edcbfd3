//! What a call leaves for the host to read.

use std::cell::RefCell;

use pangea_ces::{IDENTITY_BYTES, Result, TOTAL_SHARDS};

use crate::memory::Bytes;

/// The layout that the host knows: 32-bit words, then identities.
#[repr(C)]
pub struct Reply {
    /// Bytes that the compressor gave.
    pub compressed_bytes: usize,
    /// How many of `parts` count.
    pub count: usize,
    /// The shards, or the one thing that was asked for, or the text of the failure.
    pub parts: [Bytes; TOTAL_SHARDS],
    /// Of the shards, where shards were made.
    pub identities: [[u8; IDENTITY_BYTES]; TOTAL_SHARDS],
    owned: Vec<Vec<u8>>,
}

const EMPTY: Reply = Reply {
    compressed_bytes: 0,
    count: 0,
    parts: [Bytes::NONE; TOTAL_SHARDS],
    identities: [[0; IDENTITY_BYTES]; TOTAL_SHARDS],
    owned: Vec::new(),
};

thread_local! {
    static REPLY: RefCell<Reply> = const { RefCell::new(EMPTY) };
}

/// Address of the [`Reply`]; it never moves.
#[unsafe(no_mangle)]
pub extern "C" fn ces_reply() -> *const Reply {
    REPLY.with(|reply| reply.as_ptr().cast_const())
}

/// Gives the memory of the last reply back.
#[unsafe(no_mangle)]
pub extern "C" fn ces_done() {
    REPLY.set(EMPTY);
}

impl Reply {
    /// One thing.
    pub fn one(bytes: Vec<u8>) -> Self {
        Self::many(vec![bytes])
    }

    /// Up to twelve things.
    pub fn many(owned: Vec<Vec<u8>>) -> Self {
        let mut reply = EMPTY;
        for (part, bytes) in reply.parts.iter_mut().zip(&owned) {
            *part = Bytes { at: bytes.as_ptr(), length: bytes.len() };
        }
        Self { count: owned.len(), owned, ..reply }
    }

    /// Eight slices of one piece of memory, and four pieces.
    pub fn whole(data: Vec<u8>, slice_bytes: usize, parity: Vec<Vec<u8>>) -> Self {
        let slices = data.chunks_exact(slice_bytes).chain(parity.iter().map(Vec::as_slice));
        let mut reply = EMPTY;
        for (part, bytes) in reply.parts.iter_mut().zip(slices) {
            *part = Bytes { at: bytes.as_ptr(), length: bytes.len() };
        }
        reply.owned = parity;
        reply.owned.push(data);
        Self { count: TOTAL_SHARDS, ..reply }
    }

    /// With what an encoder tells besides.
    pub fn encoded(mut self, identities: &[[u8; IDENTITY_BYTES]], compressed_bytes: usize) -> Self {
        for (place, identity) in self.identities.iter_mut().zip(identities) {
            *place = *identity;
        }
        Self { compressed_bytes, ..self }
    }
}

/// Leaves what came out and tells the status: 0 for a result, 1 for the text of a failure.
pub fn leave(outcome: Result<Reply>) -> u32 {
    let (status, reply) = match outcome {
        Ok(reply) => (0, reply),
        Err(error) => (1, Reply::one(format!("{}: {error}", error.code()).into_bytes())),
    };
    REPLY.set(reply);
    status
}
