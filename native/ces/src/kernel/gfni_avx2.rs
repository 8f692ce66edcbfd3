//! 32 bytes an iteration with `GF2P8AFFINEQB`, for processors that have it without AVX-512.

use std::arch::x86_64::{
    _mm256_gf2p8affine_epi64_epi8, _mm256_loadu_si256, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_storeu_si256,
    _mm256_xor_si256,
};

use super::{MAX_OUTPUTS, scalar};
use crate::DATA_SHARDS;
use crate::field::AFFINE_MATRICES;

const LANE_BYTES: usize = 32;

/// # Safety
/// The machine has GFNI and AVX2; all rows have one length; at most 8 inputs.
#[target_feature(enable = "gfni,avx2")]
pub unsafe fn multiply<const OUTPUTS: usize>(
    coefficients: &[[u8; MAX_OUTPUTS]],
    inputs: &[&[u8]],
    mut outputs: [&mut [u8]; OUTPUTS],
) {
    let mut matrices = [[0; MAX_OUTPUTS]; DATA_SHARDS];
    for (matrix, factors) in matrices.iter_mut().zip(coefficients) {
        *matrix = factors.map(|factor| AFFINE_MATRICES[usize::from(factor)]);
    }
    let length = outputs[0].len();
    let whole = length - length % LANE_BYTES;
    let mut at = 0;
    while at < whole {
        let mut sums = [_mm256_setzero_si256(); OUTPUTS];
        for (input, matrix) in inputs.iter().zip(&matrices) {
            // SAFETY: `at + 32 <= length`, the length of every row.
            let bytes = unsafe { _mm256_loadu_si256(input.as_ptr().add(at).cast()) };
            for (sum, factor) in sums.iter_mut().zip(matrix) {
                let factor = _mm256_set1_epi64x(factor.cast_signed());
                *sum = _mm256_xor_si256(*sum, _mm256_gf2p8affine_epi64_epi8::<0>(bytes, factor));
            }
        }
        for (output, sum) in outputs.iter_mut().zip(sums) {
            // SAFETY: as above.
            unsafe { _mm256_storeu_si256(output.as_mut_ptr().add(at).cast(), sum) };
        }
        at += LANE_BYTES;
    }
    scalar::multiply(coefficients, inputs, outputs, whole);
}
