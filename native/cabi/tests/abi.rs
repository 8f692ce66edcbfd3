//! The interface as a Rust program, so that sanitizers see all of it: the library has no Rust face to link with.
//! With a nightly compiler: `RUSTFLAGS=-Zsanitizer=address cargo +nightly test -p pangea-cabi --target …`.

#[path = "../src/lib.rs"]
mod abi;

use std::ffi::{CStr, c_int};
use std::ptr;

use abi::{
    CesHandle, CesShard, ces_free, ces_free_result, ces_free_shards, ces_last_error, ces_new, ces_new_with_key,
    ces_process, ces_reconstruct, ces_version,
};

/// A handle that frees itself.
struct Handle(*mut CesHandle);

// SAFETY: the header promises that threads may share a handle.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: made by the library and freed once.
        unsafe { ces_free(self.0) };
    }
}

impl Handle {
    fn new(level: c_int) -> Self {
        let handle = ces_new(level);
        assert!(!handle.is_null());
        Self(handle)
    }

    fn process(&self, data: &[u8]) -> Vec<Vec<u8>> {
        // SAFETY: the handle lives and the slice is what it says.
        let made = unsafe { ces_process(self.0, data.as_ptr(), data.len()) };
        assert_eq!(made.count, 12);
        // SAFETY: twelve shards of bytes, until they are given back below.
        let shards = unsafe {
            std::slice::from_raw_parts(made.shards, made.count)
                .iter()
                .map(|shard| std::slice::from_raw_parts(shard.data, shard.len).to_vec())
                .collect()
        };
        // SAFETY: given back once.
        unsafe { ces_free_shards(made) };
        shards
    }

    fn reconstruct(&self, shards: &mut [Vec<u8>], present: &[c_int]) -> Result<Vec<u8>, String> {
        assert!(present.len() >= shards.len());
        let there: Vec<CesShard> =
            shards.iter_mut().map(|shard| CesShard { data: shard.as_mut_ptr(), len: shard.len() }).collect();
        // SAFETY: the handle lives, and the slices are what they say.
        let result = unsafe { ces_reconstruct(self.0, there.as_ptr(), there.len(), present.as_ptr()) };
        let outcome = if result.success == 1 {
            assert!(result.error_msg.is_null());
            // SAFETY: as many bytes as it says, until they are given back below.
            Ok(unsafe { std::slice::from_raw_parts(result.data, result.data_len) }.to_vec())
        } else {
            assert!(result.data.is_null() && result.data_len == 0);
            // SAFETY: a C string, until it is given back below.
            Err(unsafe { CStr::from_ptr(result.error_msg) }.to_string_lossy().into_owned())
        };
        // SAFETY: given back once.
        unsafe { ces_free_result(result) };
        outcome
    }
}

/// Numbers that a seed decides (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (value ^ (value >> 31)) as usize % limit
    }
}

const ALL: [c_int; 12] = [1; 12];

#[test]
fn any_eight_shards_give_the_data_back() {
    let handle = Handle::new(3);
    let mut random = Random(1);
    for length in [0, 1, 100, 4096, 200_000] {
        let data: Vec<u8> = (0..length).map(|at| ((at / 3) ^ random.below(4)) as u8).collect();
        let mut shards = handle.process(&data);
        for _ in 0..20 {
            let mut present = ALL;
            while present.iter().sum::<c_int>() > 8 {
                present[random.below(12)] = 0;
            }
            assert_eq!(handle.reconstruct(&mut shards, &present).as_ref(), Ok(&data));
        }
    }
}

#[test]
fn no_damage_gives_other_data_or_a_crash() {
    let handle = Handle::new(1);
    let data: Vec<u8> = (0..5000_u32).map(|at| ((at * at) >> 7) as u8).collect();
    let whole = handle.process(&data);
    let mut random = Random(2);
    for _ in 0..2000 {
        let mut shards = whole.clone();
        let mut present = ALL;
        for _ in 0..=random.below(4) {
            let row = random.below(12);
            match random.below(5) {
                0 => present[row] = 0,
                1 => present[row] = -1,
                2 => {
                    let length = random.below(2 * shards[row].len() + 1);
                    shards[row].resize(length, 0xAA);
                }
                3 => shards.swap(row, random.below(12)),
                _ if shards[row].is_empty() => {}
                _ => {
                    let at = random.below(shards[row].len());
                    shards[row][at] ^= 1 << random.below(8);
                }
            }
        }
        shards.truncate(12 - random.below(3));
        match handle.reconstruct(&mut shards, &present) {
            Ok(opened) => assert_eq!(opened, data),
            Err(error) => assert!(
                ["CORRUPT: ", "NOT_ENOUGH_SHARDS: ", "TOO_LARGE: ", "INTERNAL: shard "]
                    .iter()
                    .any(|code| error.starts_with(code)),
                "{error}"
            ),
        }
    }
}

#[test]
fn nothing_is_answered_and_not_touched() {
    // SAFETY: null is what is tested.
    unsafe {
        ces_free(ptr::null_mut());
        assert!(ces_new_with_key(3, ptr::null()).is_null());
        assert_eq!(CStr::from_ptr(ces_last_error()), c"INTERNAL: key is NULL");
        assert_eq!(ces_process(ptr::null(), ptr::null(), 0).count, 0);
        let refused = ces_reconstruct(ptr::null(), ptr::null(), 0, ptr::null());
        assert_eq!(CStr::from_ptr(refused.error_msg), c"INTERNAL: handle is NULL");
        ces_free_result(refused);
        assert_eq!(CStr::from_ptr(ces_version()).to_str(), Ok(env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    use pangea_ces::whole::encode_whole;
    use pangea_ces::{Effort, Engine, Span};
    let key = [7; 32];
    // SAFETY: the key is 32 bytes.
    let handle = Handle(unsafe { ces_new_with_key(3, key.as_ptr()) });
    let limit = pangea_ces::MAX_WHOLE_BYTES;
    let block =
        encode_whole::<Vec<u8>>(&Engine::detect(), Span::new(&[&vec![0; limit]]), &key, Effort::Level(1).into(), 1);
    let block = block.unwrap_or_else(|error| panic!("{error}"));
    let mut shards: Vec<Vec<u8>> = block.data.chunks(block.shard_bytes).map(<[u8]>::to_vec).collect();
    assert_eq!(handle.reconstruct(&mut shards, &ALL).map(|data| data.len()), Ok(limit));

    // Frames that hold a byte more, sealed rightly, whether they say so or not.
    for declares in [true, false] {
        let frame = bomb(limit as u64 + 1, declares);
        let mut sealed = pangea_ces::seal::seal(&Engine::detect(), &key, &frame, &[]).unwrap_or_default();
        let mut bytes = (sealed.len() as u32).to_le_bytes().to_vec();
        bytes.append(&mut sealed);
        let shard_bytes = bytes.len().div_ceil(8);
        bytes.resize(8 * shard_bytes, 0);
        let mut shards: Vec<Vec<u8>> = bytes.chunks(shard_bytes).map(<[u8]>::to_vec).collect();
        let error = handle.reconstruct(&mut shards, &ALL).err().unwrap_or_default();
        assert!(error.starts_with("TOO_LARGE: "), "{error}");
    }
}

/// A zstd frame (RFC 8878) of run-length blocks of at most 128 KiB.
fn bomb(content_bytes: u64, declares: bool) -> Vec<u8> {
    const BLOCK: u64 = 128 * 1024;
    let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, if declares { 0xC0 } else { 0 }, 0x38]; // window of 128 KiB
    if declares {
        frame.extend_from_slice(&content_bytes.to_le_bytes());
    }
    let mut left = content_bytes;
    while left > 0 {
        let size = left.min(BLOCK);
        left -= size;
        let header = (size << 3) | (1 << 1) | u64::from(left == 0);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

#[test]
fn threads_share_a_handle() {
    let handle = Handle::new(3);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let handle = &handle;
            scope.spawn(move || {
                for round in 0..20 {
                    let data = vec![seed; 1000 * round];
                    let mut shards = handle.process(&data);
                    assert_eq!(handle.reconstruct(&mut shards, &ALL), Ok(data));
                }
            });
        }
    });
}
