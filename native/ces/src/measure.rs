//! What each stage does on this machine, in bytes a second: for the choice at start and for benchmarks.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::compress::{append_frame, frame_capacity, read_frame};
use crate::kernel::MAX_OUTPUTS;
use crate::matrix::{CODING_MATRIX, Row, rebuilding_row};
use crate::memory::{Memory, Span};
use crate::seal::{self, NONCE_BYTES, OVERHEAD_BYTES};
use crate::segment::{Context, open_segment};
use crate::stripe::encode_stripe;
use crate::whole::{decode_whole, encode_whole};
use crate::workspace::Workspace;
use crate::{
    Compression, DATA_SHARDS, Effort, Engine, Error, MAX_SEGMENT_BYTES, MAX_WHOLE_BYTES, PARITY_SHARDS, Result,
    identity,
};

/// Most bytes of one piece or shard.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Most rounds.
pub const MAX_ROUNDS: usize = 10_000;
/// Longest round.
pub const MAX_ROUND: Duration = Duration::from_secs(1);
/// Longest measurement.
pub const MAX_TOTAL: Duration = Duration::from_secs(60);
/// Most threads.
pub const MAX_THREADS: usize = 256;
/// Most memory that the buffers of all threads may take.
const MAX_MEMORY_BYTES: usize = 2 * 1024 * 1024 * 1024;
/// Rows are measured where they are best, as rivals are given their best buffers: what is read begins with a page, what
/// is written half a page behind the start of one. The kernels read and write at one place of all rows at a time, and
/// a load whose address has the low 12 bits of a store just before waits for it (68 against 44 GB/s at 64 KiB).
const PAGE_BYTES: usize = 4096;
const KEY: [u8; 32] = [0x5e; 32];

/// What can be measured. A rate counts bytes of data: eight rows for Reed–Solomon, plaintext for pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Memory to memory: what nothing that reads and writes can pass.
    Copy,
    /// Four parity rows of eight data rows.
    RsEncode,
    /// Data rows 0–3 from rows 4–11.
    RsDecode,
    /// Data row 0 from rows 1–8.
    RsRepair,
    /// Sealing in place.
    Seal,
    /// Opening into another place.
    Open,
    /// BLAKE3.
    Hash,
    /// A frame of raw blocks.
    Store,
    /// zstd.
    Compress,
    /// zstd, of what the level made.
    Decompress,
    /// A whole block; `threads` go to the one call.
    WholeEncode,
    /// A whole block of which data rows 0–3 are lost.
    WholeDecode,
    /// A stripe of eight segments; `threads` go to the one call.
    StripeEncode,
    /// The eight segments of a stripe, one after the other.
    StripeOpen,
}

impl Op {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Copy,
        Self::RsEncode,
        Self::RsDecode,
        Self::RsRepair,
        Self::Seal,
        Self::Open,
        Self::Hash,
        Self::Store,
        Self::Compress,
        Self::Decompress,
        Self::WholeEncode,
        Self::WholeDecode,
        Self::StripeEncode,
        Self::StripeOpen,
    ];

    /// The name in requests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::RsEncode => "rs-encode",
            Self::RsDecode => "rs-decode",
            Self::RsRepair => "rs-repair",
            Self::Seal => "seal",
            Self::Open => "open",
            Self::Hash => "hash",
            Self::Store => "store",
            Self::Compress => "compress",
            Self::Decompress => "decompress",
            Self::WholeEncode => "whole-encode",
            Self::WholeDecode => "whole-decode",
            Self::StripeEncode => "stripe-encode",
            Self::StripeOpen => "stripe-open",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }

    fn threads_inside(self) -> bool {
        matches!(self, Self::WholeEncode | Self::StripeEncode)
    }

    fn of_rows(self) -> bool {
        matches!(self, Self::RsEncode | Self::RsDecode | Self::RsRepair)
    }
}

/// What to measure.
#[derive(Clone)]
pub struct Request<'a> {
    /// The stage.
    pub op: Op,
    /// What it runs on.
    pub engine: Engine,
    /// How stages with compression take their data.
    pub effort: Effort,
    /// Length of a shard for Reed–Solomon, of a piece for the others.
    pub bytes: usize,
    /// How many rates to give.
    pub rounds: usize,
    /// A round repeats the call until so much time has passed.
    pub round: Duration,
    /// Threads with buffers of their own, whose rates are added up; or those of one call.
    pub threads: usize,
    /// Repeated or cut to size.
    pub data: &'a [u8],
}

/// One rate for each round, in bytes of data a second; fewer rounds when [`MAX_TOTAL`] has passed. Pipelines take
/// their memory as `M`, which should be the kind that the node takes. `INTERNAL` for a request beyond the bounds of
/// this module.
pub fn measure<M: Memory>(request: &Request<'_>) -> Result<Vec<f64>> {
    check(request)?;
    let threads = if request.op.threads_inside() { 1 } else { request.threads };
    // All begin together, so that each has the others beside it.
    let gate = Barrier::new(threads);
    let one = || rounds::<M>(request, &gate);
    if threads == 1 {
        return one();
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(one)).collect();
        let mut rates = one()?;
        for other in others {
            let more = other.join().map_err(|_| Error::Internal("a measuring thread panicked".into()))??;
            rates.truncate(more.len());
            rates.iter_mut().zip(more).for_each(|(sum, rate)| *sum += rate);
        }
        Ok(rates)
    })
}

fn check(request: &Request<'_>) -> Result<()> {
    let Request { op, bytes, rounds, round, threads, data, .. } = request;
    let per_thread = bytes.saturating_mul(if op.of_rows() { DATA_SHARDS + PARITY_SHARDS } else { 4 });
    let longest = match op {
        Op::StripeEncode | Op::StripeOpen => DATA_SHARDS * MAX_SEGMENT_BYTES,
        Op::WholeEncode | Op::WholeDecode => MAX_WHOLE_BYTES,
        _ => MAX_BYTES,
    };
    let fits = (1..=longest).contains(bytes)
        && (1..=MAX_ROUNDS).contains(rounds)
        && *round <= MAX_ROUND
        && round.saturating_mul(*rounds as u32) <= MAX_TOTAL
        && (1..=MAX_THREADS).contains(threads)
        && per_thread.saturating_mul(*threads) <= MAX_MEMORY_BYTES
        && !data.is_empty();
    if fits { Ok(()) } else { Err(Error::Internal(format!("{} cannot be measured so", op.name()))) }
}

/// The rounds of one thread. Buffers and the first, warming call come before the gate, at which all arrive whatever
/// fails.
fn rounds<M: Memory>(request: &Request<'_>, gate: &Barrier) -> Result<Vec<f64>> {
    let prepared = prepare::<M>(request).and_then(|mut call| {
        call()?;
        Ok(call)
    });
    gate.wait();
    let mut call = prepared?;
    let data_bytes = request.bytes * if request.op.of_rows() { DATA_SHARDS } else { 1 };
    let begin = Instant::now();
    let mut rates = Vec::with_capacity(request.rounds);
    while rates.len() < request.rounds && (rates.is_empty() || begin.elapsed() < MAX_TOTAL) {
        let start = Instant::now();
        let mut calls = 0_u64;
        // One call at least, so that a round has a rate.
        while calls == 0 || start.elapsed() < request.round {
            call()?;
            calls += 1;
        }
        rates.push(data_bytes as f64 * calls as f64 / start.elapsed().as_secs_f64());
    }
    Ok(rates)
}

type Call<'a> = Box<dyn FnMut() -> Result<()> + 'a>;

/// Buffers filled, so that they are in memory and, as far as they fit, in the caches.
fn prepare<'a, M: Memory + 'a>(request: &Request<'a>) -> Result<Call<'a>> {
    let Request { op, engine, bytes, .. } = *request;
    let piece = || filled(request.data, 0, bytes);
    Ok(match op {
        Op::Copy => {
            let (from, mut to) = (piece(), vec![1; bytes]);
            Box::new(move || {
                to.copy_from_slice(black_box(&from));
                black_box(&mut to);
                Ok(())
            })
        }
        Op::RsEncode => coding(request, |row| CODING_MATRIX[DATA_SHARDS + row], PARITY_SHARDS),
        Op::RsDecode => coding(request, |row| rebuilding_row(row, &[4, 5, 6, 7, 8, 9, 10, 11]), 4),
        Op::RsRepair => coding(request, |row| rebuilding_row(row, &[1, 2, 3, 4, 5, 6, 7, 8]), 1),
        Op::Seal => {
            let mut buffer = [[0; NONCE_BYTES].as_slice(), &piece()].concat();
            buffer.reserve_exact(OVERHEAD_BYTES);
            Box::new(move || {
                buffer.truncate(NONCE_BYTES + bytes);
                seal::seal_tail(engine.cipher, black_box(&mut buffer), 0, &KEY, &[])
            })
        }
        Op::Open => {
            let mut sealed = [[0; NONCE_BYTES].as_slice(), &piece()].concat();
            seal::seal_tail(engine.cipher, &mut sealed, 0, &KEY, &[])?;
            let mut opened = vec![1; bytes];
            Box::new(move || seal::open_into(engine.cipher, black_box(&mut opened), &KEY, black_box(&sealed), &[]))
        }
        Op::Hash => {
            let piece = piece();
            Box::new(move || {
                black_box(identity(black_box(&piece)));
                Ok(())
            })
        }
        Op::Store | Op::Compress => {
            let effort = if op == Op::Store { Effort::Store } else { request.effort };
            let (piece, mut frame) = (piece(), Vec::with_capacity(frame_capacity(bytes)));
            Box::new(move || compressed(black_box(&piece), effort, &mut frame))
        }
        Op::Decompress => {
            let mut frame = Vec::with_capacity(frame_capacity(bytes));
            compressed(&piece(), request.effort, &mut frame)?;
            let mut content = Vec::with_capacity(bytes);
            Box::new(move || {
                Workspace::with(|tools| {
                    read_frame(&mut tools.decompressor, black_box(&frame), None, bytes, |_| &mut content)
                })
            })
        }
        Op::WholeEncode => {
            let (piece, effort, threads) = (piece(), Compression::from(request.effort), request.threads);
            Box::new(move || {
                let chunks = [piece.as_slice()];
                let block = encode_whole::<M>(&engine, Span::new(black_box(&chunks)), &KEY, effort, threads)?;
                black_box(block.identities);
                Ok(())
            })
        }
        Op::WholeDecode => {
            let piece = piece();
            let chunks = [piece.as_slice()];
            let block = encode_whole::<M>(&engine, Span::new(&chunks), &KEY, request.effort.into(), 1)?;
            Box::new(move || {
                let data = block.data.bytes().chunks_exact(block.shard_bytes).skip(PARITY_SHARDS).map(Some);
                let parity = block.parity.iter().map(|row| Some(row.bytes()));
                let shards: Vec<Option<&[u8]>> = [None; PARITY_SHARDS].into_iter().chain(data).chain(parity).collect();
                black_box(decode_whole::<M>(&engine, &shards, &KEY, None, bytes)?);
                Ok(())
            })
        }
        Op::StripeEncode => {
            let (piece, effort, threads) = (piece(), Compression::from(request.effort), request.threads);
            let lengths = segment_lengths(bytes);
            let context = context(lengths.len());
            Box::new(move || {
                let chunks = [piece.as_slice()];
                let span = Span::new(black_box(&chunks));
                let stripe = encode_stripe::<M>(&engine, span, &lengths, &KEY, &context, effort, threads)?;
                black_box(stripe.identities);
                Ok(())
            })
        }
        Op::StripeOpen => {
            let piece = piece();
            let (chunks, lengths) = ([piece.as_slice()], segment_lengths(bytes));
            let (span, context) = (Span::new(&chunks), context(lengths.len()));
            let stripe = encode_stripe::<M>(&engine, span, &lengths, &KEY, &context, request.effort.into(), 1)?;
            Box::new(move || {
                for (segment, (sealed, length)) in stripe.shards.iter().map(Memory::bytes).zip(&lengths).enumerate() {
                    let sealed = black_box(sealed);
                    black_box(open_segment::<M>(&engine, sealed, segment, *length, &KEY, &context, None)?);
                }
                Ok(())
            })
        }
    })
}

/// Reed–Solomon of eight rows to `made` ones.
fn coding<'a>(request: &Request<'_>, row: impl Fn(usize) -> Row, made: usize) -> Call<'a> {
    let (bytes, kernel) = (request.bytes, request.engine.kernel);
    let room = || vec![1; bytes + 2 * PAGE_BYTES];
    let mut rows: Vec<Vec<u8>> = (0..DATA_SHARDS).map(|_| room()).collect();
    for (row, room) in rows.iter_mut().enumerate() {
        after_page(room, 0, bytes).copy_from_slice(&filled(request.data, row * bytes, bytes));
    }
    let mut outputs: Vec<Vec<u8>> = (0..made).map(|_| room()).collect();
    let mut factors = [[0; MAX_OUTPUTS]; DATA_SHARDS];
    for output in 0..made {
        factors.iter_mut().zip(row(output)).for_each(|(column, factor)| column[output] = factor);
    }
    Box::new(move || {
        let inputs: Vec<&[u8]> = rows.iter_mut().map(|row| &*after_page(row, 0, bytes)).collect();
        let mut targets: Vec<&mut [u8]> =
            outputs.iter_mut().map(|row| after_page(row, PAGE_BYTES / 2, bytes)).collect();
        kernel.multiply(&factors, black_box(&inputs), black_box(&mut targets));
        Ok(())
    })
}

/// `bytes` bytes from `offset` behind the first start of a page.
fn after_page(room: &mut [u8], offset: usize, bytes: usize) -> &mut [u8] {
    let start = room.as_ptr().align_offset(PAGE_BYTES) + offset;
    &mut room[start..start + bytes]
}

fn compressed(content: &[u8], effort: Effort, frame: &mut Vec<u8>) -> Result<()> {
    frame.clear();
    let chunks = [content];
    Workspace::with(|tools| {
        append_frame(&mut tools.compressor, &mut tools.scratch, Span::new(&chunks), effort.into(), frame)
    })
}

/// `bytes` bytes of `data` from `start` on, going round its end.
fn filled(data: &[u8], start: usize, bytes: usize) -> Vec<u8> {
    data.iter().cycle().skip(start % data.len()).take(bytes).copied().collect()
}

/// Up to eight segments of one length, the last one shorter.
fn segment_lengths(bytes: usize) -> Vec<usize> {
    let length = bytes.div_ceil(DATA_SHARDS);
    (0..bytes).step_by(length).map(|start| length.min(bytes - start)).collect()
}

fn context(segments_in_stripe: usize) -> Context {
    Context { salt: [0x5a; 32], stripe: 0, segments_in_stripe }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(op: Op, data: &[u8]) -> Request<'_> {
        let round = Duration::from_micros(50);
        Request {
            op,
            engine: Engine::detect(),
            effort: Effort::Level(1),
            bytes: 30_001,
            rounds: 3,
            round,
            threads: 1,
            data,
        }
    }

    #[test]
    fn every_stage_gives_a_rate_for_each_round() {
        for op in Op::ALL {
            assert_eq!(Op::named(op.name()), Some(op));
            for threads in [1, 3] {
                let rates =
                    measure::<Vec<u8>>(&Request { threads, ..request(op, b"some text, some more text") }).unwrap();
                assert_eq!(rates.len(), 3, "{} {threads}", op.name());
                assert!(rates.iter().all(|rate| rate.is_finite() && *rate > 0.0), "{} {threads}", op.name());
            }
        }
        assert_eq!(Op::named("levitate"), None);
    }

    #[test]
    fn what_a_rate_counts_is_data() {
        // A round of one call: the rate times its time is the bytes of that call, so eight rows are as many times one.
        let once = |op| {
            let start = Instant::now();
            let one = Request { round: Duration::ZERO, rounds: 1, bytes: 1 << 20, ..request(op, b"x") };
            let rate = measure::<Vec<u8>>(&one).unwrap()[0];
            (rate, start.elapsed().as_secs_f64())
        };
        for (op, rows) in [(Op::RsEncode, 8.0), (Op::Seal, 1.0)] {
            let (rate, all) = once(op);
            assert!(rate * all >= rows * f64::from(1 << 20), "{}: one call is shorter than all of it", op.name());
        }
    }

    #[test]
    fn requests_beyond_the_bounds_are_refused() {
        let fine = request(Op::Hash, b"x");
        let segments = DATA_SHARDS * MAX_SEGMENT_BYTES;
        let beyond = [
            Request { bytes: 0, ..fine.clone() },
            Request { bytes: MAX_BYTES + 1, ..fine.clone() },
            Request { rounds: 0, ..fine.clone() },
            Request { rounds: MAX_ROUNDS + 1, ..fine.clone() },
            Request { round: MAX_ROUND + Duration::from_millis(1), ..fine.clone() },
            Request { rounds: 61, round: MAX_ROUND, ..fine.clone() },
            Request { threads: 0, ..fine.clone() },
            Request { threads: MAX_THREADS + 1, ..fine.clone() },
            Request { op: Op::RsEncode, bytes: MAX_BYTES, threads: 4, ..fine.clone() },
            Request { op: Op::StripeOpen, bytes: segments + 1, ..fine.clone() },
            Request { data: b"", ..fine.clone() },
        ];
        for request in beyond {
            assert_eq!(
                measure::<Vec<u8>>(&request).unwrap_err().code(),
                "INTERNAL",
                "{} {}",
                request.op.name(),
                request.bytes
            );
        }
        let level = Request { op: Op::Compress, effort: Effort::Level(99), threads: 2, ..fine };
        assert_eq!(
            measure::<Vec<u8>>(&level).unwrap_err().code(),
            "INTERNAL",
            "what fails on one thread leaves none waiting"
        );
    }

    #[test]
    fn data_goes_round_and_segments_cover_it() {
        assert_eq!(filled(b"abc", 4, 5), b"bcabc");
        for bytes in [1, 7, 8, 9, 64, 65, 1000] {
            let lengths = segment_lengths(bytes);
            assert!(lengths.len() <= DATA_SHARDS && lengths.iter().sum::<usize>() == bytes, "{bytes}: {lengths:?}");
        }
    }
}
