//! The C interface of CES, `include/pangea_ces.h`: whole blocks for programs that cannot load the addon.
//!
//! Every function answers bad arguments with an error value and lets no panic out. What the caller gets
//! belongs to it until the matching `ces_free_` function; the memory never passes through `malloc` of the caller.

mod border;
mod handle;
mod layout;

use std::ffi::{c_char, c_int};
use std::slice;

use pangea_ces::seal::KEY_BYTES;
use pangea_ces::whole::{decode_whole, encode_whole};
use pangea_ces::{Effort, Error, MAX_SHARD_BYTES, MAX_WHOLE_BYTES, Result, Span, TOTAL_SHARDS};

use border::cross;
pub use handle::CesHandle;
pub use layout::{CesResult, CesShard, CesShards};

/// Threads of one call: its own. Callers bring theirs, and may have fewer than there are cores for a reason.
const THREADS: usize = 1;

/// A handle with a random key.
#[unsafe(no_mangle)]
pub extern "C" fn ces_new(level: c_int) -> *mut CesHandle {
    cross(|| CesHandle::with_random_key(level)).map_or(std::ptr::null_mut(), Box::into_raw)
}

/// A handle with the caller's key.
///
/// # Safety
/// `key` is null or points to 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_new_with_key(level: c_int, key: *const u8) -> *mut CesHandle {
    // SAFETY: 32 bytes by the contract of this function.
    let key = unsafe { key.cast::<[u8; KEY_BYTES]>().as_ref() };
    cross(|| CesHandle::with_key(level, key.ok_or_else(|| missing("key"))?)).map_or(std::ptr::null_mut(), Box::into_raw)
}

/// Wipes the key and frees the handle.
///
/// # Safety
/// `handle` is null or of `ces_new` or `ces_new_with_key`, not freed yet, and used by nobody from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_free(handle: *mut CesHandle) {
    if !handle.is_null() {
        // SAFETY: made by `Box::into_raw` above, and given back once by the contract of this function.
        drop(unsafe { Box::from_raw(handle) });
    }
}

/// Compresses, seals and cuts.
///
/// # Safety
/// `handle` is null or live; `data` is null or points to `len` bytes that nobody changes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_process(handle: *const CesHandle, data: *const u8, len: usize) -> CesShards {
    let made = cross(|| {
        // SAFETY: live by the contract of this function.
        let handle = unsafe { handle.as_ref() }.ok_or_else(|| missing("handle"))?;
        if len > MAX_WHOLE_BYTES {
            return Err(Error::TooLarge(format!("{len} bytes; a block holds {MAX_WHOLE_BYTES}")));
        }
        // SAFETY: `len` bytes by the contract of this function, and few enough for a slice.
        let data = unsafe { borrowed(data, len) }.ok_or_else(|| missing("data"))?;
        let effort = Effort::Level(handle.level());
        let block = encode_whole::<Vec<u8>>(handle.engine(), Span::new(&[data]), handle.key(), effort.into(), THREADS)?;
        Ok(layout::hand_out_shards(block))
    });
    made.unwrap_or(CesShards::NONE)
}

/// Gives the data back from any eight of twelve shards.
///
/// # Safety
/// `handle` is null or live; `shards` and `present` are null or point to `count` elements; the data of each shard
/// marked present is null or points to as many bytes as it says. Nobody changes any of it meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_reconstruct(
    handle: *const CesHandle,
    shards: *const CesShard,
    count: usize,
    present: *const c_int,
) -> CesResult {
    let opened = cross(|| {
        // SAFETY: live by the contract of this function.
        let handle = unsafe { handle.as_ref() }.ok_or_else(|| missing("handle"))?;
        if count > TOTAL_SHARDS {
            return Err(Error::Internal(format!("{count} shards; a block has {TOTAL_SHARDS}")));
        }
        // SAFETY: `count` elements by the contract of this function, at most twelve.
        let shards = unsafe { borrowed(shards, count) }.ok_or_else(|| missing("shards"))?;
        // SAFETY: as above.
        let present = unsafe { borrowed(present, count) }.ok_or_else(|| missing("present"))?;
        let mut rows = [None; TOTAL_SHARDS];
        for (index, (shard, _)) in shards.iter().zip(present).enumerate().filter(|(_, (_, present))| **present != 0) {
            // SAFETY: the bytes of present shards are there by the contract of this function.
            rows[index] = Some(unsafe { bytes_of(shard, index) }?);
        }
        decode_whole::<Vec<u8>>(handle.engine(), &rows, handle.key(), None, MAX_WHOLE_BYTES)
    });
    match opened {
        Some(data) => CesResult::success(data),
        None => CesResult::failure(border::last_error()),
    }
}

/// Frees a result.
///
/// # Safety
/// `result` is all zero, or of `ces_reconstruct`, unchanged, and not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_free_result(result: CesResult) {
    // SAFETY: passed on.
    unsafe { result.take_back() };
}

/// Frees all shards of a block.
///
/// # Safety
/// `shards` is all zero, or of `ces_process`, unchanged, and not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_free_shards(shards: CesShards) {
    // SAFETY: passed on.
    unsafe { shards.take_back() };
}

/// Why this thread's last call failed, or null.
#[unsafe(no_mangle)]
pub extern "C" fn ces_last_error() -> *const c_char {
    border::last_error_pointer()
}

/// Version of the library.
#[unsafe(no_mangle)]
pub extern "C" fn ces_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// `None` when null stands for more than nothing.
///
/// # Safety
/// `start` is null or points to `count` elements that nobody changes for `'a`, and `count` is small enough for a slice.
unsafe fn borrowed<'a, T>(start: *const T, count: usize) -> Option<&'a [T]> {
    match (start.is_null(), count) {
        (_, 0) => Some(&[]),
        (true, _) => None,
        // SAFETY: not null, and the rest by the contract of this function.
        (false, _) => Some(unsafe { slice::from_raw_parts(start, count) }),
    }
}

/// # Safety
/// The data of `shard` is null or points to as many bytes as it says, which nobody changes for `'a`.
unsafe fn bytes_of<'a>(shard: &CesShard, index: usize) -> Result<&'a [u8]> {
    if shard.data.is_null() || shard.len == 0 {
        return Err(Error::Internal(format!("shard {index} is marked as present and has no bytes")));
    }
    if shard.len > MAX_SHARD_BYTES {
        return Err(Error::TooLarge(format!("shard {index} has {} bytes, more than any that is made", shard.len)));
    }
    // SAFETY: not null, not too long, and the rest by the contract of this function.
    Ok(unsafe { slice::from_raw_parts(shard.data, shard.len) })
}

fn missing(argument: &str) -> Error {
    Error::Internal(format!("{argument} is NULL"))
}
