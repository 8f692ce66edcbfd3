//! The reference: one table look-up for each nibble. Also does what is left over at the end of a row for the others.

use super::MAX_OUTPUTS;
use crate::field::NIBBLE_PRODUCTS;

/// From byte `start` of the rows to their end.
pub fn multiply<const OUTPUTS: usize>(
    coefficients: &[[u8; MAX_OUTPUTS]],
    inputs: &[&[u8]],
    outputs: [&mut [u8]; OUTPUTS],
    start: usize,
) {
    for (row, output) in outputs.into_iter().enumerate() {
        output[start..].fill(0);
        for (input, factors) in inputs.iter().zip(coefficients) {
            let [low, high] = &NIBBLE_PRODUCTS[usize::from(factors[row])];
            for (sum, byte) in output[start..].iter_mut().zip(&input[start..]) {
                *sum ^= low[usize::from(byte & 15)] ^ high[usize::from(byte >> 4)];
            }
        }
    }
}
