//! Compressed content on its way under the seal, piece by piece, so that hashing finds it in the cache.
//!
//! Stored content is encrypted on the way from where the caller has it to where the shard is: there is no
//! copy before. A cipher that does not like pieces seals everything at the first one.

use std::ops::Range;

use crate::compress::append_compressed;
use crate::frame::{append_stored, stored_block, stored_frame_bytes};
use crate::memory::{Memory, Span};
use crate::seal::{Key, NONCE_BYTES, OVERHEAD_BYTES, Sealer, TAG_BYTES};
use crate::workspace::Workspace;
use crate::{Compression, Engine, Error, IDENTITY_BYTES, Result};

/// What is sealed and hashed in turn: with its source it stays in a second-level cache of 256 KiB.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that begin at a multiple of this in the stream are the fastest for every cipher.
const STREAM_BLOCK_BYTES: usize = 64;

/// What is around the sealed bytes.
pub struct Place<F> {
    /// Bytes in front of them, for the caller to fill.
    pub front: usize,
    /// The length of the memory, by where the sealed bytes end in it. What follows them is zeros.
    pub length_of: F,
}

/// A block under way: front, nonce, text, tag, zeros.
pub struct Sealing<'a> {
    block: &'a mut [u8],
    text: Range<usize>,
    /// Sealed up to here.
    done: usize,
    source: Source<'a>,
    sealer: Option<Sealer>,
}

enum Source<'a> {
    /// The text lies in its place.
    InPlace,
    /// It is a frame of raw blocks that is yet to be made.
    Stored { content: Span<'a>, block: usize, rest: Span<'a> },
}

/// Compresses into `memory`, which is empty and large enough, or finds that storing is as good.
pub fn begin<'a, M: Memory>(
    engine: &Engine,
    memory: &'a mut M,
    place: Place<impl FnOnce(usize) -> usize>,
    content: Span<'a>,
    compression: Compression<'_>,
    key: &Key,
    associated_data: &[u8],
) -> Result<Sealing<'a>> {
    let Place { front, length_of } = place;
    let start = front + NONCE_BYTES;
    let compressed = Workspace::with(|tools| {
        append_compressed(&mut tools.compressor, &mut tools.scratch, content, compression, || {
            let out = memory.vec();
            out.resize(start, 0);
            out
        })
    })?;
    let pieces = engine.cipher.prefers_pieces();
    if !compressed && !pieces {
        let out = memory.vec();
        out.resize(start, 0);
        append_stored(content, out);
    }
    let in_place = compressed || !pieces;
    let end = if in_place { memory.bytes().len() } else { start + stored_frame_bytes(content.length()) };
    let sealed_end = end + TAG_BYTES;
    memory.extend_to(length_of(sealed_end));
    let block = memory.bytes_mut();
    let nonce = (engine.nonce)();
    block[..front].fill(0);
    block[front..start].copy_from_slice(&nonce);
    block[sealed_end..].fill(0);
    let mut sealing = Sealing {
        block,
        text: start..end,
        done: start,
        source: if in_place { Source::InPlace } else { Source::Stored { content, block: 0, rest: Span::new(&[]) } },
        sealer: None,
    };
    if pieces {
        sealing.sealer = Some(Sealer::new(engine.cipher, key, &nonce, associated_data));
    } else {
        let text = &mut sealing.block[start..end];
        let tag = engine.cipher.seal(text, key, &nonce, associated_data);
        let tag = tag.map_err(|_| Error::Internal("more than a nonce may seal".into()))?;
        sealing.block[end..sealed_end].copy_from_slice(&tag);
        sealing.done = end;
    }
    Ok(sealing)
}

impl Sealing<'_> {
    /// Bytes of the compressor.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Bytes of nonce, text and tag.
    pub fn sealed_bytes(&self) -> usize {
        self.text.len() + OVERHEAD_BYTES
    }

    /// The caller's bytes in front.
    pub fn front(&mut self) -> &mut [u8] {
        &mut self.block[..self.text.start - NONCE_BYTES]
    }

    /// The identity of the shard that lies at `range`. Shards are asked for in their order.
    pub fn shard(&mut self, range: Range<usize>) -> [u8; IDENTITY_BYTES] {
        let mut hasher = blake3::Hasher::new();
        for start in range.clone().step_by(PIECE_BYTES) {
            let end = range.end.min(start + PIECE_BYTES);
            self.up_to(end);
            hasher.update(&self.block[start..end]);
        }
        *hasher.finalize().as_bytes()
    }

    /// Brings at least what lies before `end` to its final state.
    pub fn up_to(&mut self, end: usize) {
        let Some(mut sealer) = self.sealer.take() else { return };
        while self.done < end.min(self.text.end) {
            match &mut self.source {
                Source::InPlace => {
                    let to = self.text.end.min(self.done + PIECE_BYTES);
                    sealer.update(&mut self.block[self.done..to]);
                    self.done = to;
                }
                Source::Stored { content, block, rest } if rest.length() == 0 => {
                    let (header, content) = stored_block(*content, *block);
                    let header = header.as_ref();
                    let at = self.done + header.len();
                    // So much that the next piece begins at a block of the stream.
                    let lead = STREAM_BLOCK_BYTES - (at - self.text.start) % STREAM_BLOCK_BYTES;
                    let lead = content.length().min(lead);
                    self.block[self.done..at].copy_from_slice(header);
                    content.part(0..lead).copy_to(&mut self.block[at..at + lead]);
                    sealer.update(&mut self.block[self.done..at + lead]);
                    self.done = at + lead;
                    *rest = content.part(lead..content.length());
                    *block += 1;
                }
                Source::Stored { rest, .. } => {
                    let taken = rest.length().min(PIECE_BYTES);
                    for piece in rest.part(0..taken).pieces() {
                        let to = self.done + piece.len();
                        sealer.update_between(piece, &mut self.block[self.done..to]);
                        self.done = to;
                    }
                    *rest = rest.part(taken..rest.length());
                }
            }
        }
        if self.done == self.text.end {
            let tag = sealer.finish();
            self.block[self.done..self.done + TAG_BYTES].copy_from_slice(&tag);
        } else {
            self.sealer = Some(sealer);
        }
    }
}
