//! Pooled byte blocks.
//!
//! The first touch of fresh memory costs about 2.5 CPU seconds per GiB on virtual machines, so blocks
//! of shard size are kept and reused. A [`Block`] is written once, frozen into [`Bytes`], shared
//! without copies, and goes back to the pool when the last holder drops it.

use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use parking_lot::Mutex;

/// Smallest capacity that is pooled; below it the allocator is as good.
pub const MIN_POOLED_BYTES: usize = 32 * 1024;
/// The pool never keeps more than this many idle bytes; what comes back beyond it is freed.
pub const MAX_IDLE_BYTES: usize = 48 * 1024 * 1024;

struct Pool {
    /// As long as what was once written.
    idle: Vec<Vec<u8>>,
    idle_bytes: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { idle: Vec::new(), idle_bytes: 0 });

/// A uniquely owned buffer of fixed capacity, writable until it is frozen.
pub struct Block {
    buffer: Vec<u8>,
    /// So much of the capacity, from its start, has been written at some time.
    written: usize,
}

impl Block {
    /// An empty block that can hold `capacity` bytes. Capacities are rounded up to a size class so
    /// that shards of slightly different length reuse the same memory.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        if capacity < MIN_POOLED_BYTES {
            return Self { buffer: Vec::with_capacity(capacity), written: 0 };
        }
        let class = size_class(capacity);
        let mut pool = POOL.lock();
        let found = pool.idle.iter().rposition(|candidate| candidate.capacity() == class);
        if let Some(index) = found {
            let mut buffer = pool.idle.swap_remove(index);
            pool.idle_bytes -= buffer.capacity();
            drop(pool);
            let written = buffer.len();
            buffer.clear();
            return Self { buffer, written };
        }
        drop(pool);
        Self { buffer: Vec::with_capacity(class), written: 0 }
    }

    /// A block of `length` bytes whose content is zero where it has not been written.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        let mut block = Self::with_capacity(length);
        block.buffer.resize(length, 0);
        block
    }

    /// The vector behind the block. It must not be grown beyond its capacity: that would leave the pool's class.
    pub fn vec(&mut self) -> &mut Vec<u8> {
        // Whoever has the vector may exchange it for another.
        self.written = 0;
        &mut self.buffer
    }

    /// Makes the block longer, up to its capacity, without clearing what had been written before: the new bytes have any
    /// content, of whatever used the memory last, and must all be overwritten.
    pub fn extend_to(&mut self, length: usize) {
        let known = length.min(self.written);
        if known > self.buffer.len() {
            // SAFETY: so many bytes of this very allocation have been written; only `vec` could exchange it.
            unsafe { self.buffer.set_len(known) }
        }
        if length > self.buffer.len() {
            self.buffer.resize(length, 0);
        }
    }

    /// Shares the block; its memory returns to the pool after the last clone is dropped.
    #[must_use]
    pub fn freeze(self) -> Bytes {
        if self.buffer.capacity() < MIN_POOLED_BYTES {
            let mut block = self;
            return Bytes::from(std::mem::take(&mut block.buffer));
        }
        Bytes::from_owner(self)
    }
}

/// Next multiple of a thirty-second of the enclosing power of two: at most a sixteenth is wasted, also by the
/// commonest block of all, a segment of 1 MiB with its nonce and tag.
fn size_class(capacity: usize) -> usize {
    let step = (capacity.next_power_of_two() / 32).max(4096);
    capacity.div_ceil(step) * step
}

impl Drop for Block {
    fn drop(&mut self) {
        let capacity = self.buffer.capacity();
        if capacity < MIN_POOLED_BYTES || capacity != size_class(capacity) {
            return;
        }
        let mut pool = POOL.lock();
        if pool.idle_bytes + capacity <= MAX_IDLE_BYTES {
            pool.idle_bytes += capacity;
            let mut buffer = std::mem::take(&mut self.buffer);
            if self.written > buffer.len() {
                // SAFETY: as in `extend_to`.
                unsafe { buffer.set_len(self.written) }
            }
            pool.idle.push(buffer);
        }
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Deref for Block {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.buffer
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_after_the_last_clone() {
        let mut block = Block::with_capacity(3_000_000);
        block.vec().extend_from_slice(&[7; 1000]);
        let address = block.as_ptr();
        let first = block.freeze();
        let second = first.slice(10..20);
        drop(first);
        assert_eq!(&second[..], &[7; 10]);
        drop(second);
        let again = Block::with_capacity(2_999_000);
        assert_eq!(again.as_ptr(), address, "the same size class reuses the same memory");
        assert!(again.is_empty(), "no byte of the former content shows");
    }

    #[test]
    fn longer_without_clearing_what_was_written_before() {
        let mut block = Block::with_capacity(2_222_222);
        block.extend_to(2_000_000);
        assert!(block.iter().all(|byte| *byte == 0), "fresh memory shows nothing");
        block.fill(5);
        let address = block.as_ptr();
        drop(block);
        let mut again = Block::with_capacity(2_222_222);
        assert_eq!(again.as_ptr(), address);
        again.extend_to(1_000_000);
        again.extend_to(2_100_000);
        assert!(again[..2_000_000].iter().all(|byte| *byte == 5) && again[2_000_000..].iter().all(|byte| *byte == 0));
        again.extend_to(7);
        assert_eq!(again.len(), 2_100_000, "never shorter");
        // Exchanged for memory that nobody has written.
        *again.vec() = Vec::with_capacity(2_222_222);
        again.extend_to(2_100_000);
        assert!(again.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn classes_waste_at_most_a_sixteenth() {
        for capacity in [MIN_POOLED_BYTES, 65_537, 1_048_576, 1_048_577, 4_194_304 + 1000] {
            let class = size_class(capacity);
            assert!(class >= capacity && class - capacity <= (capacity / 16).max(4096), "{capacity} -> {class}");
            assert_eq!(size_class(class), class);
        }
    }
}
