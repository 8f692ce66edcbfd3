//! ChaCha20 for AVX-512: sixteen blocks at once, one word of all of them in each register.
//!
//! Own code, since no library shows a stream cipher at this speed: dryoc keeps its one inside its AEAD, and
//! sealing piece by piece, each hashed while it is in the cache, needs the stream. There is nothing in it
//! but additions, exclusive-ors, rotations and permutations by constants, so its time cannot depend on a secret.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_rol_epi32, _mm512_set_epi32, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use zeroize::{Zeroize, Zeroizing};

use super::BLOCK_BYTES;
use super::dryoc::stream_key;
use crate::seal::{Key, NONCE_BYTES};

const LANES: usize = 16;
const RUN_BYTES: usize = LANES * BLOCK_BYTES;
/// The counter has 32 bits.
const MAX_BLOCKS: u64 = 1 << 32;
/// "expand 32-byte k" of RFC 8439, section 2.3.
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

type State = [u32; 16];

pub fn runs_here() -> bool {
    is_x86_feature_detected!("avx512f")
}

/// The stream of one key and nonce. The state, which holds the key, is wiped when it is dropped.
pub struct Stream {
    /// As RFC 8439 lays it out.
    state: State,
    /// Number of the next block.
    next: u64,
    /// How much of it has been taken.
    taken: usize,
}

impl Stream {
    /// The stream from block 1 on, and the key of the tag, which is in block 0. Only where [`runs_here`] says so.
    pub fn new(key: &Key, nonce: &[u8; NONCE_BYTES]) -> (Self, Zeroizing<Key>) {
        let subkey = Zeroizing::new(stream_key(key, nonce));
        let mut state: State = [0; 16];
        state[..4].copy_from_slice(&CONSTANTS);
        let words = subkey.as_chunks::<4>().0.iter().chain(nonce[16..].as_chunks::<4>().0);
        // Word 12 is the number of the block, word 13 is 0.
        for (place, word) in [4, 5, 6, 7, 8, 9, 10, 11, 14, 15].into_iter().zip(words) {
            state[place] = u32::from_le_bytes(*word);
        }
        let mut stream = Self { state, next: 0, taken: 0 };
        let mut first = Zeroizing::new([0; BLOCK_BYTES]);
        stream.apply(&mut *first);
        let mut mac_key = Zeroizing::new([0; 32]);
        mac_key.copy_from_slice(&first[..32]);
        (stream, mac_key)
    }

    pub fn apply(&mut self, text: &mut [u8]) {
        let to = text.as_mut_ptr();
        // SAFETY: source and target are the same slice, to which the reference is exclusive.
        unsafe { self.run(to, to, text.len()) }
    }

    /// The two are of one length.
    pub fn apply_between(&mut self, from: &[u8], to: &mut [u8]) {
        let bytes = from.len().min(to.len());
        // SAFETY: both slices have so many bytes.
        unsafe { self.run(from.as_ptr(), to.as_mut_ptr(), bytes) }
    }

    /// # Safety
    /// `from` and `to` point to `bytes` bytes and are equal or do not overlap.
    unsafe fn run(&mut self, from: *const u8, to: *mut u8, bytes: usize) {
        let blocks_taken = (self.taken + bytes).div_ceil(BLOCK_BYTES) as u64;
        assert!(self.next + blocks_taken <= MAX_BLOCKS, "one nonce seals at most 256 GiB");
        let mut done = 0;
        while done < bytes {
            let left = bytes - done;
            self.state[12] = self.next as u32;
            // SAFETY: `done` and what follows it stay below `bytes`.
            let (from, to) = unsafe { (from.add(done), to.add(done)) };
            if self.taken == 0 && left >= RUN_BYTES {
                let runs = left / RUN_BYTES;
                // SAFETY: a `Stream` is made only where the instructions are, and so many runs are left.
                unsafe { blocks(&self.state, from, to, runs) };
                self.next += (runs * LANES) as u64;
                done += runs * RUN_BYTES;
            } else {
                let used = left.min(RUN_BYTES - self.taken);
                let mut piece = Zeroizing::new([0_u8; RUN_BYTES]);
                let start = piece[self.taken..].as_mut_ptr();
                // SAFETY: the piece has room for `used` bytes behind `taken`; the text has them too.
                unsafe { std::ptr::copy_nonoverlapping(from, start, used) };
                let whole = piece.as_mut_ptr();
                // SAFETY: as above; the piece is one run long.
                unsafe { blocks(&self.state, whole, whole, 1) };
                // SAFETY: as for the copy in.
                unsafe { std::ptr::copy_nonoverlapping(piece[self.taken..].as_ptr(), to, used) };
                let end = self.taken + used;
                self.next += (end / BLOCK_BYTES) as u64;
                self.taken = end % BLOCK_BYTES;
                done += used;
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.state.zeroize();
    }
}

/// The four steps of four quarter rounds at a time, so that none waits for the one before.
macro_rules! quarter_rounds {
    ($v:ident, $($a:literal $b:literal $c:literal $d:literal),*) => {
        $($v[$a] = _mm512_add_epi32($v[$a], $v[$b]);)*
        $($v[$d] = _mm512_rol_epi32::<16>(_mm512_xor_si512($v[$d], $v[$a]));)*
        $($v[$c] = _mm512_add_epi32($v[$c], $v[$d]);)*
        $($v[$b] = _mm512_rol_epi32::<12>(_mm512_xor_si512($v[$b], $v[$c]));)*
        $($v[$a] = _mm512_add_epi32($v[$a], $v[$b]);)*
        $($v[$d] = _mm512_rol_epi32::<8>(_mm512_xor_si512($v[$d], $v[$a]));)*
        $($v[$c] = _mm512_add_epi32($v[$c], $v[$d]);)*
        $($v[$b] = _mm512_rol_epi32::<7>(_mm512_xor_si512($v[$b], $v[$c]));)*
    };
}

/// # Safety
/// `from` and `to` point to `runs` runs and are equal or do not overlap; the processor has AVX-512F.
#[target_feature(enable = "avx512f")]
unsafe fn blocks(state: &State, from: *const u8, to: *mut u8, runs: usize) {
    let lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    let mut start = [_mm512_setzero_si512(); 16];
    for (word, value) in start.iter_mut().zip(state) {
        *word = _mm512_set1_epi32(*value as i32);
    }
    start[12] = _mm512_add_epi32(start[12], lanes);
    for run in 0..runs {
        let mut v = start;
        for _ in 0..10 {
            quarter_rounds!(v, 0 4 8 12, 1 5 9 13, 2 6 10 14, 3 7 11 15);
            quarter_rounds!(v, 0 5 10 15, 1 6 11 12, 2 7 8 13, 3 4 9 14);
        }
        for (word, first) in v.iter_mut().zip(&start) {
            *word = _mm512_add_epi32(*word, *first);
        }
        start[12] = _mm512_add_epi32(start[12], _mm512_set1_epi32(LANES as i32));
        for (at, block) in transposed(&v).into_iter().enumerate() {
            let at = run * RUN_BYTES + at * BLOCK_BYTES;
            // SAFETY: `at` is a block of one of the runs.
            unsafe {
                let text = _mm512_loadu_si512(from.add(at).cast());
                _mm512_storeu_si512(to.add(at).cast(), _mm512_xor_si512(text, block));
            }
        }
    }
}

/// From one word of all blocks to all words of one block.
#[target_feature(enable = "avx512f")]
fn transposed(v: &[__m512i; 16]) -> [__m512i; 16] {
    // Inside 128-bit lanes: lane l of quads[4 * k + q] has words 4q.. of block 4l + k.
    let mut quads = *v;
    for q in 0..4 {
        let low_ab = _mm512_unpacklo_epi32(v[4 * q], v[4 * q + 1]);
        let high_ab = _mm512_unpackhi_epi32(v[4 * q], v[4 * q + 1]);
        let low_cd = _mm512_unpacklo_epi32(v[4 * q + 2], v[4 * q + 3]);
        let high_cd = _mm512_unpackhi_epi32(v[4 * q + 2], v[4 * q + 3]);
        quads[q] = _mm512_unpacklo_epi64(low_ab, low_cd);
        quads[4 + q] = _mm512_unpackhi_epi64(low_ab, low_cd);
        quads[8 + q] = _mm512_unpacklo_epi64(high_ab, high_cd);
        quads[12 + q] = _mm512_unpackhi_epi64(high_ab, high_cd);
    }
    let mut blocks = quads;
    for k in 0..4 {
        let low_ab = _mm512_shuffle_i32x4::<0x44>(quads[4 * k], quads[4 * k + 1]);
        let high_ab = _mm512_shuffle_i32x4::<0xee>(quads[4 * k], quads[4 * k + 1]);
        let low_cd = _mm512_shuffle_i32x4::<0x44>(quads[4 * k + 2], quads[4 * k + 3]);
        let high_cd = _mm512_shuffle_i32x4::<0xee>(quads[4 * k + 2], quads[4 * k + 3]);
        blocks[k] = _mm512_shuffle_i32x4::<0x88>(low_ab, low_cd);
        blocks[4 + k] = _mm512_shuffle_i32x4::<0xdd>(low_ab, low_cd);
        blocks[8 + k] = _mm512_shuffle_i32x4::<0x88>(high_ab, high_cd);
        blocks[12 + k] = _mm512_shuffle_i32x4::<0xdd>(high_ab, high_cd);
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_block(next: u64) -> Stream {
        let (mut stream, _) = Stream::new(&[7; 32], &[9; NONCE_BYTES]);
        stream.next = next;
        stream
    }

    #[test]
    fn every_block_can_be_reached_up_to_the_last_and_none_behind_it() {
        if !runs_here() {
            return;
        }
        let mut run = [0; RUN_BYTES];
        at_block(MAX_BLOCKS - LANES as u64).apply(&mut run);
        for lane in 0..LANES {
            let mut block = [0; BLOCK_BYTES];
            at_block(MAX_BLOCKS - LANES as u64 + lane as u64).apply(&mut block);
            assert_eq!(block, run[lane * BLOCK_BYTES..][..BLOCK_BYTES], "lane {lane}");
        }
        let beyond = std::panic::catch_unwind(|| {
            let mut stream = at_block(MAX_BLOCKS - LANES as u64);
            stream.apply(&mut [0; RUN_BYTES]);
            stream.apply(&mut [0; 1]);
        });
        assert!(beyond.is_err(), "the stream would begin again");
    }

    #[test]
    fn a_dropped_stream_keeps_no_key() {
        if !runs_here() {
            return;
        }
        let mut place = std::mem::MaybeUninit::new(at_block(1));
        // SAFETY: the stream is initialised; what is read after it was dropped are integers in memory of our own.
        let left = unsafe {
            place.assume_init_drop();
            std::ptr::read_volatile(&raw const (*place.as_ptr()).state)
        };
        assert_eq!(left, [0; 16]);
    }
}
