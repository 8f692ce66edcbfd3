//! 64 bytes a step with `GF2P8AFFINEQB`, which multiplies by any coefficient of any field of 256 elements.

use std::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_prefetch, _mm_sfence, _mm512_gf2p8affine_epi64_epi8, _mm512_loadu_si512,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_storeu_si512, _mm512_stream_si512, _mm512_ternarylogic_epi64,
    _mm512_xor_si512,
};

use super::sweep::{Lanes, entry_points};
use crate::field::AFFINE_MATRICES;

#[derive(Clone, Copy)]
struct Gfni(__m512i);

/// Truth table of the sum of three.
const XOR3: i32 = 0x96;

// SAFETY of all blocks: `Lanes` is used only where the instructions are enabled, on pointers good for 64 bytes.
impl Lanes for Gfni {
    const BYTES: usize = 64;
    const AHEAD: usize = 256;
    type Factor = __m512i;
    type Operand = __m512i;

    #[inline(always)]
    unsafe fn factor(coefficient: u8) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_set1_epi64(AFFINE_MATRICES[usize::from(coefficient)].cast_signed()) }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_setzero_si512()) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_loadu_si512(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_si512(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut u8) {
        // SAFETY: see above; aligned.
        unsafe { _mm512_stream_si512(to.cast(), self.0) }
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
        unsafe { Self(_mm512_xor_si512(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn xor3(self, second: Self, third: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_ternarylogic_epi64::<XOR3>(self.0, second.0, third.0)) }
    }

    #[inline(always)]
    unsafe fn operand(self) -> __m512i {
        self.0
    }

    #[inline(always)]
    unsafe fn add(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    unsafe fn times(operand: __m512i, factor: __m512i) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_gf2p8affine_epi64_epi8::<0>(operand, factor)) }
    }
}

entry_points!(Gfni, "gfni,avx512f,avx512bw");
