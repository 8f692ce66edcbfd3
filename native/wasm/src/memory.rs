//! Room for the host's bytes, and what the host's addresses mean.

use std::alloc::{Layout, alloc, dealloc};

use pangea_ces::seal::{KEY_BYTES, Key};
use pangea_ces::{Error, Result, TOTAL_SHARDS};

/// Rows begin on a cache line.
const ALIGNMENT: usize = 64;

/// Takes `bytes` of memory with any content; null when there is not so much, or none asked for.
#[unsafe(no_mangle)]
pub extern "C" fn ces_alloc(bytes: usize) -> *mut u8 {
    match Layout::from_size_align(bytes, ALIGNMENT) {
        // SAFETY: the size is not zero.
        Ok(layout) if bytes > 0 => unsafe { alloc(layout) },
        _ => std::ptr::null_mut(),
    }
}

/// Gives back what [`ces_alloc`] gave for the same number of bytes.
///
/// # Safety
/// `at` and `bytes` are of one call that gave an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ces_free(at: *mut u8, bytes: usize) {
    if let (Ok(layout), false) = (Layout::from_size_align(bytes, ALIGNMENT), at.is_null()) {
        // SAFETY: the caller's promise.
        unsafe { dealloc(at, layout) }
    }
}

/// Bytes at an address of the host's; null says that there are none to speak of.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    /// Where they begin.
    pub at: *const u8,
    /// How many there are.
    pub length: usize,
}

impl Bytes {
    /// Nothing.
    pub const NONE: Self = Self { at: std::ptr::null(), length: 0 };

    /// # Safety
    /// The bytes are there, and nobody writes to them during the call.
    pub unsafe fn get<'a>(self) -> Option<&'a [u8]> {
        // SAFETY: the caller's promise.
        (!self.at.is_null()).then(|| unsafe { std::slice::from_raw_parts(self.at, self.length) })
    }
}

/// `length` bytes at `at`.
///
/// # Safety
/// As for [`Bytes::get`].
pub unsafe fn bytes<'a>(at: *const u8, length: usize) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { Bytes { at, length }.get() }.unwrap_or_default()
}

/// `count` numbers at `at`.
///
/// # Safety
/// They are there, aligned, and nobody writes to them during the call.
pub unsafe fn numbers(at: *const u32, count: usize) -> Vec<usize> {
    if at.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(at, count) }.iter().map(|number| *number as usize).collect()
}

/// The key at `at`, where it lies: a copy would stay on the stack, where nobody wipes it.
///
/// # Safety
/// As for [`Bytes::get`].
pub unsafe fn key<'a>(at: *const u8) -> Result<&'a Key> {
    // SAFETY: the caller's promise.
    let key = unsafe { bytes(at, KEY_BYTES) };
    key.first_chunk().ok_or_else(|| Error::Internal("the address of the key is missing".into()))
}

/// Twelve places of rows.
///
/// # Safety
/// `at` leads to twelve [`Bytes`], each as for [`Bytes::get`].
pub unsafe fn places<'a>(at: *const Bytes) -> [Option<&'a [u8]>; TOTAL_SHARDS] {
    // SAFETY: the caller's promise.
    std::array::from_fn(|row| unsafe { (*at.add(row)).get() })
}
