//! BLAKE3, with the name of what it runs on.

use blake3::Hasher;
use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};

use crate::IDENTITY_BYTES;

/// Rows that are made in columns are hashed in columns: each of these is a subtree of BLAKE3's.
pub const COLUMN_BYTES: usize = 64 * 1024;

/// The identity of a shard.
#[must_use]
pub fn identity(bytes: &[u8]) -> [u8; IDENTITY_BYTES] {
    *blake3::hash(bytes).as_bytes()
}

/// What one column adds to the identity of a row of `length` bytes: `bytes` lie at `start`, a multiple of
/// [`COLUMN_BYTES`], and reach to the next or to the row's end.
pub fn column(bytes: &[u8], start: usize, length: usize) -> ChainingValue {
    if length <= COLUMN_BYTES {
        return identity(bytes);
    }
    Hasher::new().set_input_offset(start as u64).update(bytes).finalize_non_root()
}

/// The identity of a row of `length` bytes, of what its columns gave.
pub fn joined(columns: &[ChainingValue], length: usize) -> [u8; IDENTITY_BYTES] {
    match columns {
        [] => identity(&[]),
        [only] => *only,
        _ => {
            let (left, right) = halves(columns, length);
            *merge_subtrees_root(&left, &right, Mode::Hash).as_bytes()
        }
    }
}

fn halves(columns: &[ChainingValue], length: usize) -> (ChainingValue, ChainingValue) {
    let left = left_subtree_len(length as u64) as usize;
    let (first, second) = columns.split_at(left / COLUMN_BYTES);
    (subtree(first, left), subtree(second, length - left))
}

fn subtree(columns: &[ChainingValue], length: usize) -> ChainingValue {
    match columns {
        [only] => *only,
        _ => {
            let (left, right) = halves(columns, length);
            merge_subtrees_non_root(&left, &right, Mode::Hash)
        }
    }
}

/// BLAKE3 in its key derivation mode.
#[must_use]
pub fn derive_key(context: &str, material: &[u8]) -> [u8; 32] {
    blake3::derive_key(context, material)
}

/// The instruction set that BLAKE3 found, e.g. `blake3 avx512`.
#[must_use]
pub fn hash_kernel() -> String {
    format!("blake3 {:?}", blake3::platform::Platform::detect()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_join_to_the_identity_of_the_row() {
        let row: Vec<u8> = (0..9 * COLUMN_BYTES).map(|at| ((at * 31) >> 3) as u8).collect();
        let lengths = (0..=9 * 4).flat_map(|quarter| {
            let length = quarter * COLUMN_BYTES / 4;
            [length.saturating_sub(1), length, length + 1]
        });
        for length in lengths.filter(|length| *length <= row.len()) {
            let row = &row[..length];
            let columns: Vec<ChainingValue> = (row.chunks(COLUMN_BYTES).enumerate())
                .map(|(number, bytes)| column(bytes, number * COLUMN_BYTES, length))
                .collect();
            assert_eq!(joined(&columns, length), identity(row), "{length} bytes");
        }
    }
}
