//! 16 bytes an iteration with `TBL`, the byte shuffle of 64-bit ARM.

use std::arch::aarch64::{vandq_u8, vdupq_n_u8, veorq_u8, vld1q_u8, vqtbl1q_u8, vshrq_n_u8, vst1q_u8};

use super::{MAX_OUTPUTS, scalar};
use crate::DATA_SHARDS;
use crate::field::NIBBLE_PRODUCTS;

const LANE_BYTES: usize = 16;

/// # Safety
/// The machine has NEON; all rows have one length; at most 8 inputs.
#[target_feature(enable = "neon")]
pub unsafe fn multiply<const OUTPUTS: usize>(
    coefficients: &[[u8; MAX_OUTPUTS]],
    inputs: &[&[u8]],
    mut outputs: [&mut [u8]; OUTPUTS],
) {
    let mut tables = [[[vdupq_n_u8(0); 2]; MAX_OUTPUTS]; DATA_SHARDS];
    for (table, factors) in tables.iter_mut().zip(coefficients) {
        *table = factors.map(|factor| {
            // SAFETY: each table has 16 bytes.
            NIBBLE_PRODUCTS[usize::from(factor)].each_ref().map(|half| unsafe { vld1q_u8(half.as_ptr()) })
        });
    }
    let nibble = vdupq_n_u8(15);
    let length = outputs[0].len();
    let whole = length - length % LANE_BYTES;
    let mut at = 0;
    while at < whole {
        let mut sums = [vdupq_n_u8(0); OUTPUTS];
        for (input, table) in inputs.iter().zip(&tables) {
            // SAFETY: `at + 16 <= length`, the length of every row.
            let bytes = unsafe { vld1q_u8(input.as_ptr().add(at)) };
            let low = vandq_u8(bytes, nibble);
            let high = vshrq_n_u8::<4>(bytes);
            for (sum, [of_low, of_high]) in sums.iter_mut().zip(table) {
                *sum = veorq_u8(*sum, veorq_u8(vqtbl1q_u8(*of_low, low), vqtbl1q_u8(*of_high, high)));
            }
        }
        for (output, sum) in outputs.iter_mut().zip(sums) {
            // SAFETY: as above.
            unsafe { vst1q_u8(output.as_mut_ptr().add(at), sum) };
        }
        at += LANE_BYTES;
    }
    scalar::multiply(coefficients, inputs, outputs, whole);
}
