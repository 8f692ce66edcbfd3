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
    // SAFETY: the caller vouches for the instructions and the lengths.
    unsafe {
        // The number of inputs is a constant to the loop, so that the compiler unrolls it.
        match inputs.len() {
            1 => sweep::<OUTPUTS, 1>(coefficients, inputs, outputs),
            2 => sweep::<OUTPUTS, 2>(coefficients, inputs, outputs),
            3 => sweep::<OUTPUTS, 3>(coefficients, inputs, outputs),
            4 => sweep::<OUTPUTS, 4>(coefficients, inputs, outputs),
            5 => sweep::<OUTPUTS, 5>(coefficients, inputs, outputs),
            6 => sweep::<OUTPUTS, 6>(coefficients, inputs, outputs),
            7 => sweep::<OUTPUTS, 7>(coefficients, inputs, outputs),
            DATA_SHARDS => sweep::<OUTPUTS, DATA_SHARDS>(coefficients, inputs, outputs),
            _ => outputs.into_iter().for_each(|output| output.fill(0)),
        }
    }
}

#[target_feature(enable = "gfni,avx512f,avx512bw")]
unsafe fn sweep<const OUTPUTS: usize, const INPUTS: usize>(
    coefficients: &[[u8; MAX_OUTPUTS]],
    inputs: &[&[u8]],
    outputs: [&mut [u8]; OUTPUTS],
) {
    let length = outputs[0].len();
    let matrices: [[__m512i; OUTPUTS]; INPUTS] = std::array::from_fn(|input| {
        std::array::from_fn(|output| {
            _mm512_set1_epi64(AFFINE_MATRICES[usize::from(coefficients[input][output])].cast_signed())
        })
    });
    let inputs: [*const u8; INPUTS] = std::array::from_fn(|input| inputs[input].as_ptr());
    let outputs = outputs.map(<[u8]>::as_mut_ptr);
    // Large blocks come from the allocator 16 bytes into a page, all alike: after a short first step the loads
    // no longer straddle two cache lines.
    let mut at = inputs[0].align_offset(LANE_BYTES).min(length);
    if at > 0 {
        // SAFETY: up to the start of the whole lanes.
        unsafe { part(&matrices, &inputs, &outputs, 0, at) };
    }
    while at + LANE_BYTES <= length {
        // SAFETY: `at + 64 <= length`, the length of every row.
        let loaded = inputs.map(|input| unsafe { _mm512_loadu_si512(input.add(at).cast()) });
        for (output, sum) in outputs.iter().zip(products(&matrices, loaded)) {
            // SAFETY: as above.
            unsafe { _mm512_storeu_si512(output.add(at).cast(), sum) };
        }
        at += LANE_BYTES;
    }
    if at < length {
        // SAFETY: fewer than 64 bytes are left.
        unsafe { part(&matrices, &inputs, &outputs, at, length - at) };
    }
}

/// Fewer than 64 bytes from `at`.
///
/// # Safety
/// All rows have `at + bytes` bytes or more; the machine has the instructions.
#[cold]
#[target_feature(enable = "gfni,avx512f,avx512bw")]
unsafe fn part<const OUTPUTS: usize, const INPUTS: usize>(
    matrices: &[[__m512i; OUTPUTS]; INPUTS],
    inputs: &[*const u8; INPUTS],
    outputs: &[*mut u8; OUTPUTS],
    at: usize,
    bytes: usize,
) {
    let mask: __mmask64 = u64::MAX >> (LANE_BYTES - bytes);
    // SAFETY: masked lanes are not accessed, the others are inside the rows.
    let loaded = inputs.map(|input| unsafe { _mm512_maskz_loadu_epi8(mask, input.add(at).cast()) });
    for (output, sum) in outputs.iter().zip(products(matrices, loaded)) {
        // SAFETY: as above.
        unsafe { _mm512_mask_storeu_epi8(output.add(at).cast(), mask, sum) };
    }
}

#[inline]
#[target_feature(enable = "gfni,avx512f")]
fn products<const OUTPUTS: usize, const INPUTS: usize>(
    matrices: &[[__m512i; OUTPUTS]; INPUTS],
    bytes: [__m512i; INPUTS],
) -> [__m512i; OUTPUTS] {
    let mut sums = [_mm512_setzero_si512(); OUTPUTS];
    for (bytes, matrices) in bytes.into_iter().zip(matrices) {
        for (sum, matrix) in sums.iter_mut().zip(matrices) {
            *sum = _mm512_xor_si512(*sum, _mm512_gf2p8affine_epi64_epi8::<0>(bytes, *matrix));
        }
    }
    sums
}
