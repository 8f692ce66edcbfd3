//! The reference: one table look-up for each nibble. Also does rows and ends shorter than a register for the others.

use super::MAX_OUTPUTS;
use crate::field::NIBBLE_PRODUCTS;

/// Overwrites the outputs.
pub fn multiply(coefficients: &[[u8; MAX_OUTPUTS]], inputs: &[&[u8]], outputs: &mut [&mut [u8]]) {
    for (row, output) in outputs.iter_mut().enumerate() {
        output.fill(0);
        for (input, factors) in inputs.iter().zip(coefficients) {
            let [low, high] = &NIBBLE_PRODUCTS[usize::from(factors[row])];
            for (sum, byte) in output.iter_mut().zip(*input) {
                *sum ^= low[usize::from(byte & 15)] ^ high[usize::from(byte >> 4)];
            }
        }
    }
}

/// Adds to the outputs from their byte `start` on.
pub fn update(coefficients: &[u8], old: &[u8], new: &[u8], outputs: &mut [&mut [u8]], start: usize) {
    for (output, factor) in outputs.iter_mut().zip(coefficients) {
        let [low, high] = &NIBBLE_PRODUCTS[usize::from(*factor)];
        for (sum, (old, new)) in output[start..].iter_mut().zip(old.iter().zip(new)) {
            let change = old ^ new;
            *sum ^= low[usize::from(change & 15)] ^ high[usize::from(change >> 4)];
        }
    }
}
