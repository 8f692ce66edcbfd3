//! 32 bytes a step with byte shuffles: a product is looked up by the low nibble and by the high one.

use std::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm_sfence, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_loadu_si256, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi64,
    _mm256_storeu_si256, _mm256_stream_si256, _mm256_xor_si256,
};

use super::sweep::{Lanes, entry_points};
use crate::field::NIBBLE_PRODUCTS;

#[derive(Clone, Copy)]
struct Shuffle(__m256i);

// SAFETY of all blocks: `Lanes` is used only where the instructions are enabled, on pointers good for 32 bytes.
impl Lanes for Shuffle {
    const BYTES: usize = 32;
    const AHEAD: usize = 256;
    /// Products with the low nibbles, and with the high ones.
    type Factor = [__m256i; 2];
    /// Low nibbles, high nibbles.
    type Operand = [__m256i; 2];

    #[inline(always)]
    unsafe fn factor(coefficient: u8) -> [__m256i; 2] {
        let [low, high] = &NIBBLE_PRODUCTS[usize::from(coefficient)];
        // SAFETY: see above; a table has 16 bytes.
        unsafe {
            [
                _mm256_broadcastsi128_si256(_mm_loadu_si128(low.as_ptr().cast())),
                _mm256_broadcastsi128_si256(_mm_loadu_si128(high.as_ptr().cast())),
            ]
        }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm256_setzero_si256()) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_si256(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut u8) {
        // SAFETY: see above; aligned.
        unsafe { _mm256_stream_si256(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn fence() {
        // SAFETY: part of every x86-64.
        unsafe { _mm_sfence() }
    }

    #[inline(always)]
    unsafe fn prefetch(at: *const u8) {
        // SAFETY: a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm256_xor_si256(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn operand(self) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe {
            let nibble = _mm256_set1_epi8(15);
            [_mm256_and_si256(self.0, nibble), _mm256_and_si256(_mm256_srli_epi64::<4>(self.0), nibble)]
        }
    }

    #[inline(always)]
    unsafe fn add(a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe { [_mm256_xor_si256(a[0], b[0]), _mm256_xor_si256(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn times(operand: [__m256i; 2], factor: [__m256i; 2]) -> Self {
        // SAFETY: see above.
        unsafe {
            Self(_mm256_xor_si256(
                _mm256_shuffle_epi8(factor[0], operand[0]),
                _mm256_shuffle_epi8(factor[1], operand[1]),
            ))
        }
    }
}

entry_points!(Shuffle, "avx2");
