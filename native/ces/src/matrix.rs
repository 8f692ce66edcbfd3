//! The coding matrix and its inverses.
//!
//! Vandermonde rows r^c (r = 0…23, c = 0…7) are multiplied with the inverse of their top square, so
//! that the first eight rows are the identity. Any eight rows are independent. Later rows do not
//! depend on how many there are, so a wider code adds rows and changes none.

use std::sync::OnceLock;

use crate::field::{inverse, multiply, raise};
use crate::{DATA_SHARDS, TOTAL_SHARDS};

/// All rows of the widest code.
pub const WIDE_ROWS: usize = 24;

/// Coefficients of one output row.
pub type Row = [u8; DATA_SHARDS];
/// Eight rows.
pub type Square = [Row; DATA_SHARDS];

const fn vandermonde() -> [Row; WIDE_ROWS] {
    let mut rows = [[0; DATA_SHARDS]; WIDE_ROWS];
    let mut row = 0;
    while row < WIDE_ROWS {
        let mut column = 0;
        while column < DATA_SHARDS {
            rows[row][column] = raise(row as u8, column);
            column += 1;
        }
        row += 1;
    }
    rows
}

pub(crate) const fn row_times(row: &Row, square: &Square) -> Row {
    let mut product = [0; DATA_SHARDS];
    let mut inner = 0;
    while inner < DATA_SHARDS {
        let mut column = 0;
        while column < DATA_SHARDS {
            product[column] ^= multiply(row[inner], square[inner][column]);
            column += 1;
        }
        inner += 1;
    }
    product
}

/// Gauss–Jordan. The input must not be singular, which no eight rows of the coding matrix are.
pub(crate) const fn invert(mut work: Square) -> Square {
    let mut result = [[0; DATA_SHARDS]; DATA_SHARDS];
    let mut column = 0;
    while column < DATA_SHARDS {
        result[column][column] = 1;
        column += 1;
    }
    column = 0;
    while column < DATA_SHARDS {
        let mut pivot = column;
        while work[pivot][column] == 0 {
            pivot += 1;
        }
        (work[column], work[pivot]) = (work[pivot], work[column]);
        (result[column], result[pivot]) = (result[pivot], result[column]);
        let scale = inverse(work[column][column]);
        let mut at = 0;
        while at < DATA_SHARDS {
            work[column][at] = multiply(work[column][at], scale);
            result[column][at] = multiply(result[column][at], scale);
            at += 1;
        }
        let mut row = 0;
        while row < DATA_SHARDS {
            let factor = work[row][column];
            if row != column && factor != 0 {
                at = 0;
                while at < DATA_SHARDS {
                    work[row][at] ^= multiply(factor, work[column][at]);
                    result[row][at] ^= multiply(factor, result[column][at]);
                    at += 1;
                }
            }
            row += 1;
        }
        column += 1;
    }
    result
}

const fn build_matrix() -> [Row; WIDE_ROWS] {
    let mut rows = vandermonde();
    let mut top = [[0; DATA_SHARDS]; DATA_SHARDS];
    let mut row = 0;
    while row < DATA_SHARDS {
        top[row] = rows[row];
        row += 1;
    }
    let inverted = invert(top);
    row = 0;
    while row < WIDE_ROWS {
        rows[row] = row_times(&rows[row], &inverted);
        row += 1;
    }
    rows
}

/// Row r says how shard r is made of the eight data shards, in the code of 8+16 and every narrower one.
pub const WIDE_MATRIX: [Row; WIDE_ROWS] = build_matrix();

/// The rows of 8+4.
pub const CODING_MATRIX: [Row; TOTAL_SHARDS] = {
    let mut rows = [[0; DATA_SHARDS]; TOTAL_SHARDS];
    let mut row = 0;
    while row < TOTAL_SHARDS {
        rows[row] = WIDE_MATRIX[row];
        row += 1;
    }
    rows
};

/// How row `wanted` is made of the rows `present`, eight of them and ascending. The 495 inverses there are get kept.
#[must_use]
pub fn rebuilding_row(wanted: usize, present: &[usize; DATA_SHARDS]) -> Row {
    static INVERSES: [OnceLock<Square>; 1 << TOTAL_SHARDS] = [const { OnceLock::new() }; 1 << TOTAL_SHARDS];
    let mask = present.iter().fold(0_usize, |mask, row| mask | 1 << row);
    let inverted = INVERSES[mask].get_or_init(|| invert(present.map(|row| CODING_MATRIX[row])));
    row_times(&CODING_MATRIX[wanted], inverted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parity_rows_are_those_of_klauspost_and_backblaze() {
        assert_eq!(
            CODING_MATRIX[DATA_SHARDS..],
            [
                [26, 132, 186, 51, 231, 16, 198, 39],
                [132, 26, 51, 186, 16, 231, 39, 198],
                [186, 51, 26, 132, 198, 39, 231, 16],
                [51, 186, 132, 26, 39, 198, 16, 231],
            ]
        );
        for (row, coefficients) in CODING_MATRIX[..DATA_SHARDS].iter().enumerate() {
            let mut unit = [0; DATA_SHARDS];
            unit[row] = 1;
            assert_eq!(*coefficients, unit, "data row {row} is the data itself");
        }
    }
}
