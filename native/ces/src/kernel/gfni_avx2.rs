//! 32 bytes a step with `GF2P8AFFINEQB`, for processors that have it without AVX-512.

use std::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_prefetch, _mm_sfence, _mm256_gf2p8affine_epi64_epi8, _mm256_loadu_si256,
    _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_storeu_si256, _mm256_stream_si256, _mm256_xor_si256,
};

use super::sweep::{Lanes, entry_points};
use crate::field::AFFINE_MATRICES;

#[derive(Clone, Copy)]
struct Gfni(__m256i);

// SAFETY of all blocks: `Lanes` is used only where the instructions are enabled, on pointers good for 32 bytes.
impl Lanes for Gfni {
    const BYTES: usize = 32;
    const AHEAD: usize = 256;
    type Factor = __m256i;
    type Operand = __m256i;

    #[inline(always)]
    unsafe fn factor(coefficient: u8) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_set1_epi64x(AFFINE_MATRICES[usize::from(coefficient)].cast_signed()) }
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
    unsafe fn operand(self) -> __m256i {
        self.0
    }

    #[inline(always)]
    unsafe fn add(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    unsafe fn times(operand: __m256i, factor: __m256i) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm256_gf2p8affine_epi64_epi8::<0>(operand, factor)) }
    }
}

entry_points!(Gfni, "gfni,avx2");
