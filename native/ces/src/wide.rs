//! More parity than four rows: 8+8, 8+16 and anything between, without touching the rows there are.
//!
//! Rows 0–11 are those of 8+4; rows 12–23 continue the same matrix ([`crate::matrix`]). Any eight of the 24 make any
//! other, so a node may add rows to an object that has become dear, and forget them later. Rows given to one call
//! have one length; a shorter data row of a stripe is padded with zeros by the caller. Nothing is copied.

use crate::kernel::MAX_OUTPUTS;
use crate::matrix::{Row, WIDE_MATRIX, WIDE_ROWS, invert, row_times};
use crate::{DATA_SHARDS, Error, Kernel, Result};

/// A row to be made: its number in the wide code and where its bytes go.
pub type Wanted<'a> = (usize, &'a mut [u8]);

/// Makes rows of the eight data rows: parity 8–23, as many as asked for.
///
/// # Errors
/// `INTERNAL` where rows differ in length or a number is no row's.
pub fn encode(kernel: Kernel, data: [&[u8]; DATA_SHARDS], wanted: &mut [Wanted<'_>]) -> Result<()> {
    check(data[0].len(), &data, wanted)?;
    make(kernel, &data, wanted, |row| WIDE_MATRIX[row]);
    Ok(())
}

/// Makes rows of any eight: data, parity or both, each with its number.
///
/// # Errors
/// As [`encode`], and where a number is given twice.
pub fn rebuild(kernel: Kernel, present: [(usize, &[u8]); DATA_SHARDS], wanted: &mut [Wanted<'_>]) -> Result<()> {
    let rows = present.map(|(_, bytes)| bytes);
    check(rows[0].len(), &rows, wanted)?;
    let numbers = present.map(|(number, _)| number);
    for (at, number) in numbers.iter().enumerate() {
        if *number >= WIDE_ROWS || numbers[..at].contains(number) {
            return Err(no_such_rows(&numbers));
        }
    }
    let inverted = invert(numbers.map(|number| WIDE_MATRIX[number]));
    make(kernel, &rows, wanted, |row| row_times(&WIDE_MATRIX[row], &inverted));
    Ok(())
}

/// Takes a change of data row `row` into parity rows, in place.
///
/// # Errors
/// As [`encode`].
pub fn update(kernel: Kernel, row: usize, old: &[u8], new: &[u8], parity: &mut [Wanted<'_>]) -> Result<()> {
    check(old.len(), &[new], parity)?;
    if row >= DATA_SHARDS {
        return Err(no_such_rows(&[row]));
    }
    for group in parity.chunks_mut(MAX_OUTPUTS) {
        let mut factors = [0; MAX_OUTPUTS];
        let mut rows: [&mut [u8]; MAX_OUTPUTS] = Default::default();
        let count = group.len();
        for ((factor, place), (number, bytes)) in factors.iter_mut().zip(&mut rows).zip(group) {
            (*factor, *place) = (WIDE_MATRIX[*number][row], bytes);
        }
        kernel.update(&factors[..count], old, new, &mut rows[..count]);
    }
    Ok(())
}

/// Four rows at a time.
fn make(kernel: Kernel, inputs: &[&[u8]; DATA_SHARDS], wanted: &mut [Wanted<'_>], coefficients: impl Fn(usize) -> Row) {
    for group in wanted.chunks_mut(MAX_OUTPUTS) {
        let mut factors = [[0; MAX_OUTPUTS]; DATA_SHARDS];
        let mut rows: [&mut [u8]; MAX_OUTPUTS] = Default::default();
        let count = group.len();
        for (o, (place, (number, bytes))) in rows.iter_mut().zip(group).enumerate() {
            for (factor, coefficient) in factors.iter_mut().zip(coefficients(*number)) {
                factor[o] = coefficient;
            }
            *place = bytes;
        }
        kernel.multiply(&factors, inputs, &mut rows[..count]);
    }
}

fn check(length: usize, given: &[&[u8]], wanted: &[Wanted<'_>]) -> Result<()> {
    if given.iter().any(|row| row.len() != length) || wanted.iter().any(|(_, row)| row.len() != length) {
        return Err(Error::Internal("rows of a wide code have one length".into()));
    }
    match wanted.iter().find(|(number, _)| *number >= WIDE_ROWS) {
        Some((number, _)) => Err(no_such_rows(&[*number])),
        None => Ok(()),
    }
}

fn no_such_rows(numbers: &[usize]) -> Error {
    Error::Internal(format!("these are not different rows of 8+16: {numbers:?}"))
}
