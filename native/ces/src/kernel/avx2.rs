//! 32 bytes an iteration with byte shuffles: a product is looked up by the low nibble and by the high one.

use std::arch::x86_64::{
    _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_loadu_si256, _mm256_set1_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi64, _mm256_storeu_si256, _mm256_xor_si256,
};

use super::{MAX_OUTPUTS, scalar};
use crate::DATA_SHARDS;
use crate::field::NIBBLE_PRODUCTS;

const LANE_BYTES: usize = 32;

/// # Safety
/// The machine has AVX2; all rows have one length; at most 8 inputs.
#[target_feature(enable = "avx2")]
pub unsafe fn multiply<const OUTPUTS: usize>(
    coefficients: &[[u8; MAX_OUTPUTS]],
    inputs: &[&[u8]],
    mut outputs: [&mut [u8]; OUTPUTS],
) {
    let mut tables = [[[_mm256_setzero_si256(); 2]; MAX_OUTPUTS]; DATA_SHARDS];
    for (table, factors) in tables.iter_mut().zip(coefficients) {
        *table = factors.map(|factor| {
            // SAFETY: each table has 16 bytes.
            NIBBLE_PRODUCTS[usize::from(factor)]
                .each_ref()
                .map(|half| unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(half.as_ptr().cast())) })
        });
    }
    let nibble = _mm256_set1_epi8(15);
    let length = outputs[0].len();
    let whole = length - length % LANE_BYTES;
    let mut at = 0;
    while at < whole {
        let mut sums = [_mm256_setzero_si256(); OUTPUTS];
        for (input, table) in inputs.iter().zip(&tables) {
            // SAFETY: `at + 32 <= length`, the length of every row.
            let bytes = unsafe { _mm256_loadu_si256(input.as_ptr().add(at).cast()) };
            let low = _mm256_and_si256(bytes, nibble);
            let high = _mm256_and_si256(_mm256_srli_epi64::<4>(bytes), nibble);
            for (sum, [of_low, of_high]) in sums.iter_mut().zip(table) {
                let product = _mm256_xor_si256(_mm256_shuffle_epi8(*of_low, low), _mm256_shuffle_epi8(*of_high, high));
                *sum = _mm256_xor_si256(*sum, product);
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
