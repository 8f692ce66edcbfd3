//! 64 bytes an iteration with `GF2P8AFFINEQB`. Twice that is slower: the accumulators spill.

use std::arch::x86_64::{
    __m512i, __mmask64, _mm512_gf2p8affine_epi64_epi8, _mm512_loadu_si512, _mm512_mask_storeu_epi8,
    _mm512_maskz_loadu_epi8, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_storeu_si512, _mm512_xor_si512,
};

use super::MAX_OUTPUTS;
use crate::DATA_SHARDS;
use crate::field::AFFINE_MATRICES;

const LANE_BYTES: usize = 64;

/// # Safety
/// The machine has GFNI, AVX-512F and AVX-512BW; all rows have one length; at most 8 inputs.
#[target_feature(enable = "gfni,avx512f,avx512bw")]
pub unsafe fn multiply<const OUTPUTS: usize>(
    coefficients: &[[u8; MAX_OUTPUTS]],
    inputs: &[&[u8]],
    outputs: [&mut [u8]; OUTPUTS],
) {
    let length = outputs[0].len();
    let mut matrices = [[0; MAX_OUTPUTS]; DATA_SHARDS];
    for (matrix, factors) in matrices.iter_mut().zip(coefficients) {
        *matrix = factors.map(|factor| AFFINE_MATRICES[usize::from(factor)]);
    }
    let outputs = outputs.map(<[u8]>::as_mut_ptr);
    let mut pointers = [std::ptr::null(); DATA_SHARDS];
    for (pointer, input) in pointers.iter_mut().zip(inputs) {
        *pointer = input.as_ptr();
    }
    // SAFETY: the pointers are of rows of `length` bytes; the caller vouches for the instructions.
    unsafe {
        // A full stripe gets a loop that the compiler unrolls.
        if inputs.len() == DATA_SHARDS {
            sweep(&matrices, &pointers, outputs, length);
        } else {
            sweep(&matrices, &pointers[..inputs.len()], outputs, length);
        }
    }
}

#[inline]
#[target_feature(enable = "gfni,avx512f,avx512bw")]
unsafe fn sweep<const OUTPUTS: usize>(
    matrices: &[[u64; MAX_OUTPUTS]; DATA_SHARDS],
    inputs: &[*const u8],
    outputs: [*mut u8; OUTPUTS],
    length: usize,
) {
    let whole = length - length % LANE_BYTES;
    let mut at = 0;
    while at < whole {
        let mut sums = [_mm512_setzero_si512(); OUTPUTS];
        for (input, matrix) in inputs.iter().zip(matrices) {
            // SAFETY: `at + 64 <= length`, the length of every row.
            let bytes = unsafe { _mm512_loadu_si512(input.add(at).cast()) };
            add_products(&mut sums, bytes, matrix);
        }
        for (output, sum) in outputs.iter().zip(sums) {
            // SAFETY: as above.
            unsafe { _mm512_storeu_si512(output.add(at).cast(), sum) };
        }
        at += LANE_BYTES;
    }
    if at < length {
        let mask: __mmask64 = u64::MAX >> (LANE_BYTES - (length - at));
        let mut sums = [_mm512_setzero_si512(); OUTPUTS];
        for (input, matrix) in inputs.iter().zip(matrices) {
            // SAFETY: the mask stops at `length`; masked lanes are not accessed.
            let bytes = unsafe { _mm512_maskz_loadu_epi8(mask, input.add(at).cast()) };
            add_products(&mut sums, bytes, matrix);
        }
        for (output, sum) in outputs.iter().zip(sums) {
            // SAFETY: as above.
            unsafe { _mm512_mask_storeu_epi8(output.add(at).cast(), mask, sum) };
        }
    }
}

#[inline]
#[target_feature(enable = "gfni,avx512f")]
fn add_products<const OUTPUTS: usize>(sums: &mut [__m512i; OUTPUTS], bytes: __m512i, matrix: &[u64; MAX_OUTPUTS]) {
    for (sum, factor) in sums.iter_mut().zip(matrix) {
        let factor = _mm512_set1_epi64(factor.cast_signed());
        *sum = _mm512_xor_si512(*sum, _mm512_gf2p8affine_epi64_epi8::<0>(bytes, factor));
    }
}
