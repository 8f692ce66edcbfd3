//! The structures that cross, and who owns what they point to.

use std::ffi::{CString, c_char};
use std::mem::{offset_of, size_of};
use std::ptr;

use pangea_ces::TOTAL_SHARDS;
use pangea_ces::whole::Block;

/// One shard: bytes of the caller or of the library.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CesShard {
    /// Its bytes.
    pub data: *mut u8,
    /// How many.
    pub len: usize,
}

/// The shards of one block, or nothing.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CesShards {
    /// Twelve of them, or null.
    pub shards: *mut CesShard,
    /// Twelve, or 0.
    pub count: usize,
}

/// Opened data, or the reason why there is none.
#[repr(C)]
pub struct CesResult {
    /// 1 or 0.
    pub success: u8,
    /// Null when it succeeded.
    pub error_msg: *mut c_char,
    /// Null when it failed.
    pub data: *mut u8,
    /// Bytes of data.
    pub data_len: usize,
}

// What the header says. On other widths the order of the fields decides.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<CesShard>() == 16 && offset_of!(CesShard, len) == 8);
    assert!(size_of::<CesShards>() == 16 && offset_of!(CesShards, count) == 8);
    assert!(size_of::<CesResult>() == 32 && offset_of!(CesResult, error_msg) == 8);
    assert!(offset_of!(CesResult, data) == 16 && offset_of!(CesResult, data_len) == 24);
};

/// What the pointer in a [`CesShards`] really points to: the shards first, then the memory in which their bytes lie,
/// so that the data shards need no copy out of the one piece they were made in.
#[repr(C)]
struct Owned {
    shards: [CesShard; TOTAL_SHARDS],
    data: Vec<u8>,
    parity: Vec<Vec<u8>>,
}

/// Gives a block away.
pub fn hand_out_shards(block: Block<Vec<u8>>) -> CesShards {
    let len = block.shard_bytes;
    let empty = CesShard { data: ptr::null_mut(), len };
    let mut owned = Box::new(Owned { shards: [empty; TOTAL_SHARDS], data: block.data, parity: block.parity });
    let Owned { shards, data, parity } = &mut *owned;
    let rows = data.chunks_exact_mut(len).chain(parity.iter_mut().map(Vec::as_mut_slice));
    for (shard, row) in shards.iter_mut().zip(rows) {
        shard.data = row.as_mut_ptr();
    }
    CesShards { shards: Box::into_raw(owned).cast(), count: TOTAL_SHARDS }
}

impl CesShards {
    /// What a failed call gives.
    pub const NONE: Self = Self { shards: ptr::null_mut(), count: 0 };

    /// # Safety
    /// It is of [`hand_out_shards`] or has a null pointer, and is taken back once.
    pub unsafe fn take_back(self) {
        if !self.shards.is_null() {
            // SAFETY: the pointer came of a box of this type, by the contract of this function.
            drop(unsafe { Box::from_raw(self.shards.cast::<Owned>()) });
        }
    }
}

impl CesResult {
    /// Gives opened data away.
    pub fn success(data: Vec<u8>) -> Self {
        let data = data.into_boxed_slice();
        let data_len = data.len();
        Self { success: 1, error_msg: ptr::null_mut(), data: Box::into_raw(data).cast(), data_len }
    }

    /// Gives a reason away.
    pub fn failure(reason: CString) -> Self {
        Self { success: 0, error_msg: reason.into_raw(), data: ptr::null_mut(), data_len: 0 }
    }

    /// # Safety
    /// It is of one of the two above, or its pointers are null, and is taken back once.
    pub unsafe fn take_back(self) {
        if !self.error_msg.is_null() {
            // SAFETY: of `CString::into_raw`, by the contract of this function.
            drop(unsafe { CString::from_raw(self.error_msg) });
        }
        if !self.data.is_null() {
            // SAFETY: of a boxed slice of this length, by the contract of this function.
            drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(self.data, self.data_len)) });
        }
    }
}
