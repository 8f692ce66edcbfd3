//! The whole pipeline beside the sum of its stages: `cargo run --release -p pangea-ces --example pipeline`.
//!
//! Every round measures each stage alone, at the sizes that the pipeline has, and the pipeline right after, so
//! that what else the machine does meets both. Ratios are medians over the rounds. Time is CPU time, so that a
//! shared machine gives figures too; `-- --wall` takes the clock on the wall, which alone tells what two cores give.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pangea_blocks::Block;
use pangea_ces::kernel::MAX_OUTPUTS;
use pangea_ces::rows::parity_coefficients;
use pangea_ces::segment::Context;
use pangea_ces::stripe::encode_stripe;
use pangea_ces::whole::encode_whole;
use pangea_ces::{DATA_SHARDS, Effort, Engine, Memory, PARITY_SHARDS, Span, identity, seal};

const ROUNDS: usize = 61;
const ROUND: Duration = Duration::from_millis(12);
const SEGMENT_BYTES: usize = 1 << 20;
const BYTES: usize = DATA_SHARDS * SEGMENT_BYTES;
const KEY: [u8; 32] = [7; 32];
const TEXT_LEVEL: i32 = 3;

/// Memory that comes back, as in the addon: fresh pages would cost more than all stages together.
struct Pooled(Block);

impl Memory for Pooled {
    fn with_capacity(capacity: usize) -> Self {
        Self(Block::with_capacity(capacity))
    }

    fn vec(&mut self) -> &mut Vec<u8> {
        self.0.vec()
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn extend_to(&mut self, length: usize) {
        self.0.extend_to(length);
    }
}

type Work<'a> = (&'a str, Box<dyn FnMut() + 'a>);

static WALL: AtomicBool = AtomicBool::new(false);

/// Since some moment.
fn now() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    if WALL.load(Ordering::Relaxed) {
        return START.get_or_init(Instant::now).elapsed();
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one such struct.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn main() {
    WALL.store(std::env::args().any(|argument| argument == "--wall"), Ordering::Relaxed);
    let random = noise(BYTES);
    let text = prose(BYTES);
    for (name, whole) in [("stripe 8 × 1 MiB", false), ("whole 8 MiB", true)] {
        let mut works = stages(&random, whole);
        works.push(("pipeline, 1 thread", Box::new(|| encode(&random, whole, Effort::Store, 1))));
        works.push(("pipeline, content decides", Box::new(|| encode(&random, whole, AUTO, 1))));
        works.push(("pipeline, 2 threads", Box::new(|| encode(&random, whole, Effort::Store, 2))));
        works.push(("2 pipelines of 1 thread", Box::new(|| two(&|| encode(&random, whole, Effort::Store, 1)))));
        let rates = measure(&mut works);
        println!("{name}, {}", if WALL.load(Ordering::Relaxed) { "time on the wall" } else { "CPU time" });
        for ((work, _), rates) in works.iter().zip(&rates) {
            println!(
                "  {work:<28} {:>7.3} GB/s   {:.3} – {:.3}",
                median(rates),
                quantile(rates, 0.25),
                quantile(rates, 0.75)
            );
        }
        let ratio = |of: &dyn Fn(usize) -> f64| median(&(0..ROUNDS).map(of).collect::<Vec<_>>());
        let sum = |round: usize| 1.0 / rates[..4].iter().map(|stage| 1.0 / stage[round]).sum::<f64>();
        println!("  sum of the four stages       {:>7.3} GB/s", ratio(&sum));
        println!("  pipeline / sum of stages     {:>7.3}", ratio(&|round| rates[4][round] / sum(round)));
        println!("  content decides / sum        {:>7.3}", ratio(&|round| rates[5][round] / sum(round)));
        println!("  2 threads / 1                {:>7.3}", ratio(&|round| rates[6][round] / rates[4][round]));
        println!("  2 pipelines / 1              {:>7.3}\n", ratio(&|round| rates[7][round] / rates[4][round]));
    }
    let mut frame = vec![0; zstd_safe::compress_bound(SEGMENT_BYTES)];
    let mut compressor = zstd_safe::CCtx::create();
    let mut works: Vec<Work<'_>> = vec![
        (
            "zstd alone",
            Box::new(|| {
                for segment in text.chunks(SEGMENT_BYTES) {
                    compressor.compress(&mut frame[..], black_box(segment), TEXT_LEVEL).expect("compresses");
                }
            }),
        ),
        ("stripe", Box::new(|| encode(&text, false, Effort::Level(TEXT_LEVEL), 1))),
    ];
    let rates = measure(&mut works);
    println!(
        "text at level {TEXT_LEVEL}: zstd alone {:.3} GB/s, stripe {:.3}, ratio {:.3}",
        median(&rates[0]),
        median(&rates[1]),
        median(&(0..ROUNDS).map(|round| rates[1][round] / rates[0][round]).collect::<Vec<_>>())
    );
}

const AUTO: Effort = Effort::Sample { min: 3, max: 9 };

/// Copy, seal, hash of all twelve shards, and parity, each of 8 MiB in pieces of the pipeline's size.
fn stages(data: &[u8], whole: bool) -> Vec<Work<'_>> {
    let cipher = Engine::detect().cipher;
    let kernel = Engine::detect().kernel;
    let piece = if whole { BYTES } else { SEGMENT_BYTES };
    let mut copies: Vec<Vec<u8>> = data.chunks(piece).map(<[u8]>::to_vec).collect();
    let mut sealed: Vec<Vec<u8>> = data.chunks(piece).map(|_| vec![1; piece + seal::OVERHEAD_BYTES]).collect();
    let rows: Vec<Vec<u8>> = data.chunks(SEGMENT_BYTES).map(<[u8]>::to_vec).collect();
    let hashed: Vec<Vec<u8>> = rows.iter().chain(&rows[..PARITY_SHARDS]).cloned().collect();
    let mut parity = vec![vec![1; SEGMENT_BYTES]; PARITY_SHARDS];
    let mut factors = [[0; MAX_OUTPUTS]; DATA_SHARDS];
    for (column, factors) in factors.iter_mut().enumerate() {
        *factors = std::array::from_fn(|row| parity_coefficients(row)[column]);
    }
    vec![
        (
            "store: copy",
            Box::new(move || {
                for (from, to) in data.chunks(piece).zip(&mut copies) {
                    black_box(&mut *to).copy_from_slice(black_box(from));
                }
            }),
        ),
        (
            "seal",
            Box::new(move || {
                for buffer in &mut sealed {
                    buffer.truncate(piece + seal::NONCE_BYTES);
                    seal::seal_tail(cipher, black_box(buffer), 0, &KEY, b"").expect("seals");
                }
            }),
        ),
        (
            "hash of twelve",
            Box::new(move || {
                for row in &hashed {
                    black_box(identity(black_box(row)));
                }
            }),
        ),
        (
            "Reed–Solomon",
            Box::new(move || {
                let inputs: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
                let mut targets: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
                kernel.multiply(&factors, black_box(&inputs), &mut targets);
            }),
        ),
    ]
}

fn encode(data: &[u8], whole: bool, effort: Effort, threads: usize) {
    let chunks = [data];
    let (engine, span) = (Engine::detect(), Span::new(black_box(&chunks)));
    if whole {
        black_box(encode_whole::<Pooled>(&engine, span, &KEY, effort.into(), threads).expect("encodes").identities);
    } else {
        let context = Context { salt: [1; 32], stripe: 0, segments_in_stripe: DATA_SHARDS };
        let lengths = [SEGMENT_BYTES; DATA_SHARDS];
        let stripe = encode_stripe::<Pooled>(&engine, span, &lengths, &KEY, &context, effort.into(), threads);
        black_box(stripe.expect("encodes").identities);
    }
}

/// So many calls in a row on each of two threads: the scheduler needs some ms to give a new thread a core of its own.
const CALLS_IN_A_ROW: usize = 8;

/// Two calls at once, several times.
fn two(work: &(impl Fn() + Sync)) {
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..CALLS_IN_A_ROW).for_each(|_| work()));
        }
    });
}

/// GB/s of each in every round.
fn measure(works: &mut [Work<'_>]) -> Vec<Vec<f64>> {
    let mut rates = vec![Vec::new(); works.len()];
    for (_, work) in &mut *works {
        work();
    }
    for _ in 0..ROUNDS {
        for ((name, work), rates) in works.iter_mut().zip(&mut rates) {
            let share = if name.starts_with('2') { 2 * CALLS_IN_A_ROW } else { 1 };
            let (start, mut calls) = (now(), 0);
            while now() - start < ROUND {
                work();
                calls += share;
            }
            rates.push((calls * BYTES) as f64 / (now() - start).as_secs_f64() / 1e9);
        }
    }
    rates
}

fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * at).round() as usize]
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    (0..bytes / 2).flat_map(|_| (next() as u16).to_le_bytes()).collect()
}

/// Words by a skewed choice, as a language has them.
fn prose(bytes: usize) -> Vec<u8> {
    let letters = noise(1 << 20);
    let words: Vec<&[u8]> = letters.chunks(7).map(|word| &word[..2 + usize::from(word[0]) % 5]).take(5000).collect();
    let mut text = Vec::with_capacity(bytes + 8);
    for pick in letters.as_chunks::<4>().0.iter().cycle().enumerate() {
        let (at, pick) = pick;
        let (a, b) = (u16::from_le_bytes([pick[0], pick[1]]), u16::from_le_bytes([pick[2], pick[3]]));
        let rank = usize::from(a) * usize::from(b ^ (at >> 18) as u16) / 65_536 * words.len() / 65_536;
        text.extend(words[rank].iter().map(|letter| b'a' + letter % 26));
        text.push(b' ');
        if text.len() >= bytes {
            text.truncate(bytes);
            return text;
        }
    }
    text
}
