//! Making rows out of eight others.
//!
//! A row that ends earlier than others counts as padded with zeros; it is left out of the sum from there on.

use crate::hash::COLUMN_BYTES;
use crate::matrix::{CODING_MATRIX, Row, rebuilding_row};
use crate::memory::Memory;
use crate::{DATA_SHARDS, Error, Kernel, MAX_SHARD_BYTES, PARITY_SHARDS, Result, TOTAL_SHARDS};

/// A row to make.
pub struct Output<'a> {
    /// How it is made of the inputs.
    pub coefficients: Row,
    /// Where it goes, as long as the row. What is there does not matter.
    pub room: &'a mut [u8],
}

/// Makes up to four outputs of up to eight inputs, column by column: twelve columns stay in a second-level cache of 1 MiB.
pub fn produce(kernel: Kernel, inputs: &[&[u8]], outputs: &mut [Output<'_>]) {
    let lengths = inputs.iter().map(|input| input.len()).chain(outputs.iter().map(|output| output.room.len()));
    let mut cuts: Vec<usize> = lengths.collect();
    cuts.extend((0..cuts.iter().copied().max().unwrap_or(0)).step_by(COLUMN_BYTES));
    cuts.sort_unstable();
    cuts.dedup();
    for cut in cuts.windows(2) {
        produce_piece(kernel, inputs, outputs, cut[0], cut[1]);
    }
}

/// No row ends between `start` and `end`.
fn produce_piece(kernel: Kernel, inputs: &[&[u8]], outputs: &mut [Output<'_>], start: usize, end: usize) {
    let mut factors = [[0; PARITY_SHARDS]; DATA_SHARDS];
    let mut pieces: [&[u8]; DATA_SHARDS] = [&[]; DATA_SHARDS];
    let mut count = 0;
    for (column, input) in inputs.iter().enumerate().filter(|(_, input)| input.len() >= end) {
        pieces[count] = &input[start..end];
        let reaching = outputs.iter().filter(|output| output.room.len() >= end);
        for (factor, output) in factors[count].iter_mut().zip(reaching) {
            *factor = output.coefficients[column];
        }
        count += 1;
    }
    let reaching = outputs.iter_mut().filter(|output| output.room.len() >= end);
    let mut rooms: Vec<&mut [u8]> = reaching.map(|output| &mut output.room[start..end]).collect();
    kernel.multiply(&factors[..count], &pieces[..count], &mut rooms);
}

/// Twelve places of rows whose lengths have been checked.
pub struct Rows<'a> {
    rows: [Option<&'a [u8]>; TOTAL_SHARDS],
    present: [usize; DATA_SHARDS],
}

impl<'a> Rows<'a> {
    /// Takes rows that may differ in length. A row of length 0 counts as there.
    pub fn of_lengths(rows: &[Option<&'a [u8]>], lengths: &[usize]) -> Result<Self> {
        let (Ok(mut rows), Ok(lengths)) =
            (<[_; TOTAL_SHARDS]>::try_from(rows), <[usize; TOTAL_SHARDS]>::try_from(lengths))
        else {
            return Err(wrong_count(rows.len().min(lengths.len())));
        };
        let longest = lengths[..DATA_SHARDS].iter().copied().max().unwrap_or(0);
        if longest > MAX_SHARD_BYTES {
            return Err(longer_than_any(longest));
        }
        if lengths[DATA_SHARDS..].iter().any(|length| *length != longest) {
            return Err(Error::Corrupt("parity rows must be as long as the longest data row".into()));
        }
        for (index, (row, length)) in rows.iter_mut().zip(lengths).enumerate() {
            if let Some(bytes) = row.filter(|bytes| bytes.len() != length) {
                return Err(Error::Corrupt(format!("shard {index} has {} bytes instead of {length}", bytes.len())));
            }
            if length == 0 {
                *row = Some(&[]);
            }
        }
        Ok(Self { present: choose(&rows)?, rows })
    }

    /// Takes rows of one length, which is told too.
    pub fn of_one_length(rows: &[Option<&'a [u8]>]) -> Result<(Self, usize)> {
        let rows = <[_; TOTAL_SHARDS]>::try_from(rows).map_err(|_| wrong_count(rows.len()))?;
        let present = choose(&rows)?;
        let length = rows[present[0]].map_or(0, <[u8]>::len);
        if rows.iter().flatten().any(|row| row.len() != length) {
            return Err(Error::Corrupt("the shards of a whole block differ in length".into()));
        }
        if length > MAX_SHARD_BYTES {
            return Err(longer_than_any(length));
        }
        Ok((Self { rows, present }, length))
    }

    /// The bytes of a row that is there.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&'a [u8]> {
        self.rows.get(row).copied().flatten()
    }

    /// Makes missing rows, at most four: which, and where to.
    pub fn rebuild<'b>(&self, kernel: Kernel, wanted: impl IntoIterator<Item = (usize, &'b mut [u8])>) {
        let mut outputs: Vec<Output<'_>> = wanted
            .into_iter()
            .map(|(row, room)| Output { coefficients: rebuilding_row(row, &self.present), room })
            .collect();
        if !outputs.is_empty() {
            produce(kernel, &self.present.map(|row| self.rows[row].unwrap_or(&[])), &mut outputs);
        }
    }
}

/// The asked rows in order: `None` where the row was given, so that the caller shares it.
pub fn reconstruct<M: Memory>(
    kernel: Kernel,
    rows: &[Option<&[u8]>],
    lengths: &[usize],
    wanted: &[usize],
) -> Result<Vec<Option<M>>> {
    let given = Rows::of_lengths(rows, lengths)?;
    let mut made: Vec<Option<M>> = Vec::with_capacity(wanted.len());
    for (at, row) in wanted.iter().enumerate() {
        if *row >= TOTAL_SHARDS || wanted[..at].contains(row) {
            return Err(Error::Internal(format!("no such rows: {wanted:?}")));
        }
        made.push(given.get(*row).is_none().then(|| {
            let mut memory = M::with_capacity(lengths[*row]);
            memory.extend_to(lengths[*row]);
            memory
        }));
    }
    let rooms = made.iter_mut().zip(wanted);
    let rooms = rooms.filter_map(|(memory, row)| memory.as_mut().map(|memory| (*row, memory.bytes_mut())));
    given.rebuild(kernel, rooms);
    Ok(made)
}

/// How parity row `parity` (0–3) is made.
#[must_use]
pub fn parity_coefficients(parity: usize) -> Row {
    CODING_MATRIX[DATA_SHARDS + parity]
}

/// The first eight rows that are there: data first, since they need the least arithmetic.
fn choose(rows: &[Option<&[u8]>; TOTAL_SHARDS]) -> Result<[usize; DATA_SHARDS]> {
    let present: Vec<usize> = (0..TOTAL_SHARDS).filter(|row| rows[*row].is_some()).collect();
    match present.first_chunk() {
        Some(chosen) => Ok(*chosen),
        None => Err(Error::NotEnoughShards { present: present.len() }),
    }
}

fn wrong_count(count: usize) -> Error {
    Error::Internal(format!("{TOTAL_SHARDS} places of shards are expected, not {count}"))
}

fn longer_than_any(length: usize) -> Error {
    Error::TooLarge(format!("a shard of {length} bytes is longer than any that is made"))
}
