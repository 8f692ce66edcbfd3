//! 16 bytes a step with byte shuffles, for x86-64 before 2013 and emulators.

use std::arch::x86_64::{
    __m128i, _MM_HINT_T0, _mm_and_si128, _mm_loadu_si128, _mm_prefetch, _mm_set1_epi8, _mm_setzero_si128, _mm_sfence,
    _mm_shuffle_epi8, _mm_srli_epi64, _mm_storeu_si128, _mm_stream_si128, _mm_xor_si128,
};

use super::sweep::{Lanes, entry_points};
use crate::field::NIBBLE_PRODUCTS;

#[derive(Clone, Copy)]
struct Shuffle(__m128i);

// SAFETY of all blocks: `Lanes` is used only where the instructions are enabled, on pointers good for 16 bytes.
impl Lanes for Shuffle {
    const BYTES: usize = 16;
    const AHEAD: usize = 256;
    /// Products with the low nibbles, and with the high ones.
    type Factor = [__m128i; 2];
    /// Low nibbles, high nibbles.
    type Operand = [__m128i; 2];

    #[inline(always)]
    unsafe fn factor(coefficient: u8) -> [__m128i; 2] {
        let [low, high] = &NIBBLE_PRODUCTS[usize::from(coefficient)];
        // SAFETY: see above; a table has 16 bytes.
        unsafe { [_mm_loadu_si128(low.as_ptr().cast()), _mm_loadu_si128(high.as_ptr().cast())] }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm_setzero_si128()) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: see above.
        unsafe { _mm_storeu_si128(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut u8) {
        // SAFETY: see above; aligned.
        unsafe { _mm_stream_si128(to.cast(), self.0) }
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
        unsafe { Self(_mm_xor_si128(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn operand(self) -> [__m128i; 2] {
        // SAFETY: see above.
        unsafe {
            let nibble = _mm_set1_epi8(15);
            [_mm_and_si128(self.0, nibble), _mm_and_si128(_mm_srli_epi64::<4>(self.0), nibble)]
        }
    }

    #[inline(always)]
    unsafe fn add(a: [__m128i; 2], b: [__m128i; 2]) -> [__m128i; 2] {
        // SAFETY: see above.
        unsafe { [_mm_xor_si128(a[0], b[0]), _mm_xor_si128(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn times(operand: [__m128i; 2], factor: [__m128i; 2]) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm_xor_si128(_mm_shuffle_epi8(factor[0], operand[0]), _mm_shuffle_epi8(factor[1], operand[1]))) }
    }
}

entry_points!(Shuffle, "ssse3");
