//! What the decision between storing and compressing costs, and what it gets wrong: `judge FILE…`. Each file is cut in
//! segments of 1 MiB, judged, and compressed at level 3 all the same to know what was right. Then what share of encoding
//! a stripe of random data the decision is.

use std::hint::black_box;
use std::time::Instant;

use pangea_ces::judge::worth_compressing;
use pangea_ces::segment::Context;
use pangea_ces::stripe::encode_stripe;
use pangea_ces::{Effort, Engine, Span};

const SEGMENT_BYTES: usize = 1024 * 1024;
const LEVEL: i32 = 3;
/// Saving from which compressing is right.
const WORTHWHILE: f64 = 0.03;

fn main() {
    println!("content               segments  saves  compressed  wrong  missed  judge µs  zstd µs");
    // Segments come out of memory, not of the cache, as they do in a put.
    let flush = vec![1_u8; 64 << 20];
    for path in std::env::args().skip(1) {
        let Ok(content) = std::fs::read(&path) else {
            eprintln!("{path} cannot be read");
            continue;
        };
        let segments: Vec<&[u8]> =
            content.chunks(SEGMENT_BYTES).filter(|segment| segment.len() > SEGMENT_BYTES / 2).collect();
        let mut out = vec![0; zstd_safe::compress_bound(SEGMENT_BYTES)];
        let mut compressor = zstd_safe::CCtx::create();
        let (mut saved, mut missed, mut chosen, mut wrong) = (0.0, 0.0, 0, 0);
        let (mut judging, mut compressing) = (Vec::new(), Vec::new());
        for segment in &segments {
            black_box(flush.iter().step_by(64).map(|byte| u64::from(*byte)).sum::<u64>());
            let start = Instant::now();
            let compress = worth_compressing(Span::new(&[segment]));
            judging.push(start.elapsed().as_secs_f64());
            let start = Instant::now();
            let written = compressor.compress(&mut out[..], segment, LEVEL).unwrap_or(usize::MAX);
            compressing.push(start.elapsed().as_secs_f64());
            let saves = 1.0 - written.min(segment.len()) as f64 / segment.len() as f64;
            saved += saves;
            chosen += usize::from(compress);
            wrong += usize::from(compress != (saves >= WORTHWHILE));
            missed += if compress { 0.0 } else { saves };
        }
        let count = segments.len().max(1) as f64;
        let name = path.rsplit('/').next().unwrap_or_default();
        println!(
            "{name:<22}{:>8}{:>6.1}%{:>11}{:>7}{:>7.2}%{:>10.1}{:>9.0}",
            segments.len(),
            saved / count * 100.0,
            chosen,
            wrong,
            missed / count * 100.0,
            median(&mut judging) * 1e6,
            median(&mut compressing) * 1e6,
        );
    }
    share();
}

/// Interleaved rounds over many buffers, so that the content is in no cache.
fn share() {
    const STRIPES: usize = 12;
    let mut state = 1_u64;
    let stripes: Vec<Vec<u8>> = (0..STRIPES)
        .map(|_| {
            (0..SEGMENT_BYTES)
                .flat_map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state.to_le_bytes()
                })
                .collect()
        })
        .collect();
    let engine = Engine::detect();
    let context = Context { salt: [0; 32], stripe: 0, segments_in_stripe: 8 };
    let encode = |stripe: &[u8], effort: Effort| {
        let start = Instant::now();
        let lengths = [SEGMENT_BYTES; 8];
        let content = [stripe];
        black_box(
            encode_stripe::<Vec<u8>>(&engine, Span::new(&content), &lengths, &[1; 32], &context, effort.into(), 1)
                .is_ok(),
        );
        start.elapsed().as_secs_f64()
    };
    let (mut stored, mut judged, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..20 * STRIPES {
        let stripe = &stripes[round % STRIPES];
        stored.push(encode(stripe, Effort::Store));
        let start = Instant::now();
        for segment in stripes[(round + STRIPES / 2) % STRIPES].chunks(SEGMENT_BYTES) {
            black_box(worth_compressing(Span::new(&[segment])));
        }
        alone.push(start.elapsed().as_secs_f64());
        judged.push(encode(&stripes[(round + 1) % STRIPES], Effort::Sample { min: 3, max: 9 }));
    }
    let (stored, judged, alone) = (median(&mut stored), median(&mut judged), median(&mut alone));
    println!(
        "stripe of 8 MiB: stored unasked {:.2} ms, judged first {:.2} ms, the judge alone {:.3} ms = {:.2} %",
        stored * 1e3,
        judged * 1e3,
        alone * 1e3,
        alone / stored * 100.0
    );
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
