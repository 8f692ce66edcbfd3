//! Receiving a body whose length is known only at its end, into pooled memory.

use std::time::Duration;

use bytes::{BufMut, Bytes};
use pangea_blocks::Block;
use quinn::RecvStream;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::budget::{Budget, Hold};
use crate::framing::ReceiveError;

/// Steps in which room for a body grows: small records, one segment with its seal, four of them; then the limit.
const STEPS_BYTES: [usize; 3] = [64 * 1024, 1024 * 1024 + 64 * 1024, 4 * 1024 * 1024 + 64 * 1024];
/// Read at an edge, where the stream may end and no more memory should be taken before it is known.
const PROBE_BYTES: usize = 2048;

/// What bounds a reader.
pub(crate) struct Bounds<'a> {
    pub(crate) limit: usize,
    pub(crate) budget: &'a Budget,
    pub(crate) stall: Duration,
}

/// Reads to the end of the stream. `expected` sizes the first block where the length can be guessed.
pub(crate) async fn receive(
    stream: &mut RecvStream,
    expected: usize,
    bounds: &Bounds<'_>,
) -> Result<(Bytes, Hold), ReceiveError> {
    let mut hold = bounds.budget.hold();
    let mut block = Block::with_capacity(0);
    let mut room = 0;
    let mut probe = [0; PROBE_BYTES];
    loop {
        if block.len() == room {
            let count = stalls(bounds, stream.read(&mut probe)).await??.unwrap_or(0);
            if count == 0 {
                break;
            }
            if block.len() + count > bounds.limit {
                return Err(ReceiveError::TooLarge);
            }
            room = step(expected.max(block.len() + count), bounds.limit);
            timeout(bounds.stall, hold.grow_to(room)).await.map_err(|_| ReceiveError::Crowded)?;
            let mut larger = Block::with_capacity(room);
            larger.vec().extend_from_slice(&block);
            larger.vec().extend_from_slice(&probe[..count]);
            block = larger;
        } else {
            let left = room - block.len();
            if stalls(bounds, stream.read_buf(&mut block.vec().limit(left))).await?? == 0 {
                break;
            }
        }
    }
    // A body that left most of its block empty moves to a smaller one.
    if block.len() * 2 < room {
        let mut smaller = Block::with_capacity(block.len());
        smaller.vec().extend_from_slice(&block);
        block = smaller;
    }
    Ok((block.freeze(), hold))
}

fn step(least: usize, limit: usize) -> usize {
    STEPS_BYTES.into_iter().find(|step| *step >= least).unwrap_or(limit).min(limit)
}

async fn stalls<T>(bounds: &Bounds<'_>, read: impl Future<Output = T>) -> Result<T, ReceiveError> {
    timeout(bounds.stall, read).await.map_err(|_| ReceiveError::Stalled)
}
