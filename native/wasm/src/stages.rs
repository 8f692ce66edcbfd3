//! Single stages on memory that stays in the module, for measuring: nothing is copied in or out.

use pangea_ces::rows::{Output, Rows, parity_coefficients, produce};
use pangea_ces::{DATA_SHARDS, Error, Kernel, PARITY_SHARDS, TOTAL_SHARDS};

use crate::reply::{Reply, leave};

/// Four parity rows of eight data rows. Twelve rows of `shard_bytes` lie at `rows`, each `stride` bytes after the one
/// before: 0 is one right after the other, where rows of a power of two compete for the same lines of the cache.
///
/// # Safety
/// The memory is there, 12 × `stride` bytes, and nobody else's during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_rs_encode(rows: *mut u8, shard_bytes: usize, stride: usize) -> u32 {
    let stride = if stride == 0 { shard_bytes } else { stride };
    if rows.is_null() || shard_bytes == 0 || stride < shard_bytes {
        return leave(Err(Error::Internal("no rows".into())));
    }
    // SAFETY: the caller's promise.
    let rows = unsafe { std::slice::from_raw_parts_mut(rows, stride * TOTAL_SHARDS) };
    let (data, parity) = rows.split_at_mut(stride * DATA_SHARDS);
    let inputs: Vec<&[u8]> = data.chunks_exact(stride).map(|row| &row[..shard_bytes]).collect();
    let mut outputs: Vec<Output<'_>> = parity
        .chunks_exact_mut(stride)
        .enumerate()
        .map(|(row, room)| Output { coefficients: parity_coefficients(row), room: &mut room[..shard_bytes] })
        .collect();
    produce(Kernel::detect(), &inputs, &mut outputs);
    0
}

/// Makes the rows whose bits are set in `lost`, at most four, again where they lie.
///
/// # Safety
/// As for [`ces_rs_encode`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_rs_rebuild(rows: *mut u8, shard_bytes: usize, lost: u32, stride: usize) -> u32 {
    let stride = if stride == 0 { shard_bytes } else { stride };
    if rows.is_null() || shard_bytes == 0 || stride < shard_bytes || lost.count_ones() as usize > PARITY_SHARDS {
        return leave(Err(Error::Internal("no rows".into())));
    }
    // SAFETY: the caller's promise.
    let rows = unsafe { std::slice::from_raw_parts_mut(rows, stride * TOTAL_SHARDS) };
    let mut given: [Option<&[u8]>; TOTAL_SHARDS] = [None; TOTAL_SHARDS];
    let mut missing = Vec::new();
    for (row, room) in rows.chunks_exact_mut(stride).enumerate() {
        let bytes = &mut room[..shard_bytes];
        if lost >> row & 1 == 1 {
            missing.push((row, bytes));
        } else {
            given[row] = Some(bytes);
        }
    }
    match Rows::of_one_length(&given) {
        Ok((rows, _)) => {
            rows.rebuild(Kernel::detect(), missing);
            0
        }
        Err(error) => leave(Err::<Reply, _>(error)),
    }
}
