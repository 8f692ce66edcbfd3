//! 16 bytes an iteration with byte shuffles, for x86-64 before 2013 and emulators.

use std::arch::x86_64::{
    _mm_and_si128, _mm_loadu_si128, _mm_set1_epi8, _mm_setzero_si128, _mm_shuffle_epi8, _mm_srli_epi64,
    _mm_storeu_si128, _mm_xor_si128,
};

use super::{MAX_OUTPUTS, scalar};
use crate::DATA_SHARDS;
use crate::field::NIBBLE_PRODUCTS;

const LANE_BYTES: usize = 16;

/// # Safety
/// The machine has SSSE3; all rows have one length; at most 8 inputs.
#[target_feature(enable = "ssse3")]
pub unsafe fn multiply<const OUTPUTS: usize>(
    coefficients: &[[u8; MAX_OUTPUTS]],
    inputs: &[&[u8]],
    mut outputs: [&mut [u8]; OUTPUTS],
) {
    let mut tables = [[[_mm_setzero_si128(); 2]; MAX_OUTPUTS]; DATA_SHARDS];
    for (table, factors) in tables.iter_mut().zip(coefficients) {
        *table = factors.map(|factor| {
            // SAFETY: each table has 16 bytes.
            NIBBLE_PRODUCTS[usize::from(factor)].each_ref().map(|half| unsafe { _mm_loadu_si128(half.as_ptr().cast()) })
        });
    }
    let nibble = _mm_set1_epi8(15);
    let length = outputs[0].len();
    let whole = length - length % LANE_BYTES;
    let mut at = 0;
    while at < whole {
        let mut sums = [_mm_setzero_si128(); OUTPUTS];
        for (input, table) in inputs.iter().zip(&tables) {
            // SAFETY: `at + 16 <= length`, the length of every row.
            let bytes = unsafe { _mm_loadu_si128(input.as_ptr().add(at).cast()) };
            let low = _mm_and_si128(bytes, nibble);
            let high = _mm_and_si128(_mm_srli_epi64::<4>(bytes), nibble);
            for (sum, [of_low, of_high]) in sums.iter_mut().zip(table) {
                let product = _mm_xor_si128(_mm_shuffle_epi8(*of_low, low), _mm_shuffle_epi8(*of_high, high));
                *sum = _mm_xor_si128(*sum, product);
            }
        }
        for (output, sum) in outputs.iter_mut().zip(sums) {
            // SAFETY: as above.
            unsafe { _mm_storeu_si128(output.as_mut_ptr().add(at).cast(), sum) };
        }
        at += LANE_BYTES;
    }
    scalar::multiply(coefficients, inputs, outputs, whole);
}
