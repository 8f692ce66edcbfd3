//! Stripes: up to eight segments sealed on their own, each of them a data shard, and parity over them.

use std::ops::Range;

use blake3::hazmat::ChainingValue;

use crate::hash::{COLUMN_BYTES, column, joined};
use crate::memory::{Memory, Span};
use crate::rows::{Output, parity_coefficients, produce};
use crate::seal::Key;
use crate::segment::{Context, seal_segment};
use crate::spread::{spread, spread_over};
use crate::{
    Compression, DATA_SHARDS, Encoded, Engine, Error, IDENTITY_BYTES, Kernel, PARITY_SHARDS, Result, identity,
};

/// Seals the segments that `lengths` cuts `plaintext` into, on up to `threads` threads, and adds parity.
pub fn encode_stripe<M: Memory>(
    engine: &Engine,
    plaintext: Span<'_>,
    lengths: &[usize],
    key: &Key,
    context: &Context,
    compression: Compression<'_>,
    threads: usize,
) -> Result<Encoded<M>> {
    let total = lengths.iter().fold(0_usize, |sum, length| sum.saturating_add(*length));
    if lengths.len() != context.segments_in_stripe || lengths.len() > DATA_SHARDS || total != plaintext.length() {
        return Err(Error::Internal(format!(
            "{} segments of {total} bytes do not fit a stripe of {} with {}",
            lengths.len(),
            context.segments_in_stripe,
            plaintext.length()
        )));
    }
    let mut start = 0;
    let segments: Vec<Span<'_>> = lengths
        .iter()
        .map(|length| {
            start += length;
            plaintext.part(start - length..start)
        })
        .collect();
    let sealed = spread(threads, segments.len(), |segment| {
        seal_segment::<M>(engine, segments[segment], segment, key, context, compression)
    });
    let mut encoded = Encoded { shards: Vec::new(), identities: Vec::new(), compressed_bytes: 0 };
    for result in sealed {
        let sealed = result?;
        encoded.shards.push(sealed.shard);
        encoded.identities.push(sealed.identity);
        encoded.compressed_bytes += sealed.compressed_bytes;
    }
    while encoded.shards.len() < DATA_SHARDS {
        encoded.shards.push(M::with_capacity(0));
        encoded.identities.push(identity(&[]));
    }
    let data: Vec<&[u8]> = encoded.shards.iter().map(Memory::bytes).collect();
    let coded = add_parity::<M>(engine.kernel, &data, false, threads);
    for (memory, identity) in coded.parity {
        encoded.shards.push(memory);
        encoded.identities.push(identity);
    }
    Ok(encoded)
}

/// What [`add_parity`] makes.
pub struct Coded<M> {
    /// The four parity rows and their identities.
    pub parity: Vec<(M, [u8; IDENTITY_BYTES])>,
    /// Those of the data rows, when asked for.
    pub data_identities: Vec<[u8; IDENTITY_BYTES]>,
}

/// Parity over data rows as if padded to the longest. Threads share the columns, so that each byte is read once.
pub fn add_parity<M: Memory>(kernel: Kernel, data: &[&[u8]], hash_data: bool, threads: usize) -> Coded<M> {
    let length = data.iter().map(|row| row.len()).max().unwrap_or(0);
    let mut rows: [M; PARITY_SHARDS] = std::array::from_fn(|_| {
        let mut memory = M::with_capacity(length);
        memory.extend_to(length);
        memory
    });
    let mut rooms = rows.each_mut().map(|row| row.bytes_mut().chunks_mut(COLUMN_BYTES));
    let columns: Vec<Column<'_>> = (0..length)
        .step_by(COLUMN_BYTES)
        .map(|start| Column { start, parity: rooms.each_mut().map(|rooms| rooms.next().unwrap_or_default()) })
        .collect();
    let made = spread_over(threads, columns, |column| column.make(kernel, data, hash_data));
    let identity_of = |row: usize, length: usize| {
        let columns: Vec<_> = made.iter().filter_map(|column| column.get(row).copied().flatten()).collect();
        joined(&columns, length)
    };
    let data_identities = if hash_data {
        data.iter().enumerate().map(|(row, bytes)| identity_of(PARITY_SHARDS + row, bytes.len())).collect()
    } else {
        Vec::new()
    };
    let parity = rows.into_iter().enumerate().map(|(row, memory)| (memory, identity_of(row, length))).collect();
    Coded { parity, data_identities }
}

/// The same stretch of all rows.
struct Column<'a> {
    start: usize,
    parity: [&'a mut [u8]; PARITY_SHARDS],
}

impl Column<'_> {
    /// Makes the parity and gives what the column adds to the identities: of the parity rows, then of those data rows
    /// that reach it.
    fn make(mut self, kernel: Kernel, data: &[&[u8]], hash_data: bool) -> Vec<Option<ChainingValue>> {
        let start = self.start;
        let width = self.parity[0].len();
        let part = |row: &&'_ [u8]| -> Range<usize> { start.min(row.len())..(start + width).min(row.len()) };
        let inputs: Vec<&[u8]> = data.iter().map(|row| &row[part(row)]).collect();
        let mut outputs: Vec<Output<'_>> = (self.parity.iter_mut().enumerate())
            .map(|(row, room)| Output { coefficients: parity_coefficients(row), room })
            .collect();
        produce(kernel, &inputs, &mut outputs);
        let longest = data.iter().map(|row| row.len()).max().unwrap_or(0);
        let of_parity = self.parity.iter().map(|bytes| Some(column(bytes, start, longest)));
        let hashed = if hash_data { data } else { &[] };
        let of_data = hashed.iter().map(|row| {
            let bytes = &row[part(row)];
            (!bytes.is_empty()).then(|| column(bytes, start, row.len()))
        });
        of_parity.chain(of_data).collect()
    }
}
