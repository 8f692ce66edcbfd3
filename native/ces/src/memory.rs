//! Where plaintext comes from and where shards go.

use std::ops::Range;

/// Memory for one shard or block, from the pool of whoever calls.
pub trait Memory: Send + Sync + Sized {
    /// Empty, with room for `capacity` bytes.
    fn with_capacity(capacity: usize) -> Self;
    /// The vector to be filled; it is never grown beyond the capacity asked for.
    fn vec(&mut self) -> &mut Vec<u8>;
    /// What has been written.
    fn bytes(&self) -> &[u8];
    /// The same, to be changed.
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.vec()
    }
    /// Makes it `length` bytes long, which the capacity allows. What is new has any content and waits to be overwritten.
    fn extend_to(&mut self, length: usize) {
        self.vec().resize(length, 0);
    }
}

impl Memory for Vec<u8> {
    fn with_capacity(capacity: usize) -> Self {
        Self::with_capacity(capacity)
    }

    fn vec(&mut self) -> &mut Vec<u8> {
        self
    }

    fn bytes(&self) -> &[u8] {
        self
    }
}

/// A run of bytes in a list of chunks that are read as if they were joined.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    chunks: &'a [&'a [u8]],
    start: usize,
    length: usize,
}

impl<'a> Span<'a> {
    /// All of the chunks.
    #[must_use]
    pub fn new(chunks: &'a [&'a [u8]]) -> Self {
        Self { chunks, start: 0, length: chunks.iter().map(|chunk| chunk.len()).sum() }
    }

    /// Bytes in the run.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// A part of it. `range` must lie inside.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        debug_assert!(range.end <= self.length);
        Self { chunks: self.chunks, start: self.start + range.start, length: range.len() }
    }

    /// The slices that make it up, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (mut skip, mut left) = (self.start, self.length);
        self.chunks.iter().filter_map(move |chunk| {
            let from = skip.min(chunk.len());
            let piece = &chunk[from..chunk.len().min(from.saturating_add(left))];
            skip -= from;
            left -= piece.len();
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// Copies it to `target`, which is as long.
    pub fn copy_to(&self, target: &mut [u8]) {
        let mut at = 0;
        for piece in self.pieces() {
            target[at..at + piece.len()].copy_from_slice(piece);
            at += piece.len();
        }
    }

    /// One slice: itself where it lies in one chunk, otherwise gathered in `scratch`.
    pub fn contiguous<'b>(&self, scratch: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        let mut pieces = self.pieces();
        match (pieces.next(), pieces.next()) {
            (None, _) => &[],
            (Some(only), None) => only,
            _ => {
                scratch.clear();
                self.pieces().for_each(|piece| scratch.extend_from_slice(piece));
                scratch
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_span_reads_as_the_joined_chunks(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..8),
            cut in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let joined = chunks.concat();
            let slices: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let (a, b) = (cut.0.index(joined.len() + 1), cut.1.index(joined.len() + 1));
            let range = a.min(b)..a.max(b);
            let span = Span::new(&slices).part(range.clone());
            prop_assert_eq!(span.length(), range.len());
            prop_assert_eq!(span.pieces().collect::<Vec<_>>().concat(), &joined[range.clone()]);
            let mut scratch = Vec::new();
            prop_assert_eq!(span.contiguous(&mut scratch), &joined[range]);
        }
    }
}
