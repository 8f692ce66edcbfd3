//! Making rows out of eight others, hashed while they are in the cache.
//!
//! Work goes in pieces of 64 KiB: twelve of them stay in a second-level cache of 1 MiB. A row that
//! ends earlier than others counts as padded with zeros; it is left out of the sum from there on.

use blake3::Hasher;

use crate::matrix::{CODING_MATRIX, Row, rebuilding_row};
use crate::memory::Memory;
use crate::{DATA_SHARDS, Error, Kernel, MAX_SHARD_BYTES, PARITY_SHARDS, Result, TOTAL_SHARDS};

const PIECE_BYTES: usize = 64 * 1024;

/// A row to compute from.
pub struct Input<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Takes the bytes in as they pass by.
    pub hasher: Option<Hasher>,
}

/// A row to make.
pub struct Output<'a> {
    /// How it is made of the inputs.
    pub coefficients: Row,
    /// Its length.
    pub length: usize,
    /// Where it goes.
    pub target: Target<'a>,
    /// Takes the bytes in as they are made.
    pub hasher: Option<Hasher>,
}

/// Where the bytes of a row go.
pub enum Target<'a> {
    /// An empty vector, grown piece by piece, so that it is cleared in the cache only.
    Grow(&'a mut Vec<u8>),
    /// Room of the row's length.
    Fill(&'a mut [u8]),
}

impl Target<'_> {
    fn piece(&mut self, start: usize, end: usize) -> &mut [u8] {
        match self {
            Self::Grow(vec) => {
                vec.resize(end, 0);
                &mut vec[start..]
            }
            Self::Fill(room) => &mut room[start..end],
        }
    }
}

/// Makes up to four outputs of up to eight inputs.
pub fn produce(kernel: Kernel, inputs: &mut [Input<'_>], outputs: &mut [Output<'_>]) {
    let longest_input = inputs.iter().map(|input| input.bytes.len()).max().unwrap_or(0);
    let longest = outputs.iter().map(|output| output.length).fold(longest_input, usize::max);
    let mut cuts: Vec<usize> = (0..longest).step_by(PIECE_BYTES).chain([longest]).collect();
    cuts.extend(inputs.iter().map(|input| input.bytes.len()));
    cuts.extend(outputs.iter().map(|output| output.length));
    cuts.sort_unstable();
    cuts.dedup();
    for cut in cuts.windows(2) {
        produce_piece(kernel, inputs, outputs, cut[0], cut[1]);
    }
}

/// No row ends between `start` and `end`.
fn produce_piece(kernel: Kernel, inputs: &mut [Input<'_>], outputs: &mut [Output<'_>], start: usize, end: usize) {
    let mut made: Vec<(&mut [u8], &Row, &mut Option<Hasher>)> = outputs
        .iter_mut()
        .filter(|output| output.length >= end)
        .map(|output| (output.target.piece(start, end), &output.coefficients, &mut output.hasher))
        .collect();
    let mut factors = [[0; PARITY_SHARDS]; DATA_SHARDS];
    let mut pieces: [&[u8]; DATA_SHARDS] = [&[]; DATA_SHARDS];
    let mut count = 0;
    for (column, input) in inputs.iter().enumerate().filter(|(_, input)| input.bytes.len() >= end) {
        pieces[count] = &input.bytes[start..end];
        for (factor, (_, coefficients, _)) in factors[count].iter_mut().zip(&made) {
            *factor = coefficients[column];
        }
        count += 1;
    }
    let mut targets: Vec<&mut [u8]> = made.iter_mut().map(|(target, ..)| &mut **target).collect();
    kernel.multiply(&factors[..count], &pieces[..count], &mut targets);
    for (target, _, hasher) in &mut made {
        if let Some(hasher) = hasher {
            hasher.update(target);
        }
    }
    for input in inputs.iter_mut().filter(|input| input.bytes.len() >= end) {
        if let Some(hasher) = &mut input.hasher {
            hasher.update(&input.bytes[start..end]);
        }
    }
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

    /// Makes missing rows: (row, length, where to). There are at most four.
    pub fn rebuild(&self, kernel: Kernel, wanted: impl IntoIterator<Item = (usize, usize, Target<'a>)>) {
        let mut outputs: Vec<Output<'_>> = wanted
            .into_iter()
            .map(|(row, length, target)| Output {
                coefficients: rebuilding_row(row, &self.present),
                length,
                target,
                hasher: None,
            })
            .collect();
        if outputs.is_empty() {
            return;
        }
        let mut inputs = self.present.map(|row| Input { bytes: self.rows[row].unwrap_or(&[]), hasher: None });
        produce(kernel, &mut inputs, &mut outputs);
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
        made.push(given.get(*row).is_none().then(|| M::with_capacity(lengths[*row])));
    }
    let targets = made
        .iter_mut()
        .zip(wanted)
        .filter_map(|(memory, row)| memory.as_mut().map(|memory| (*row, lengths[*row], Target::Grow(memory.vec()))));
    given.rebuild(kernel, targets);
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
