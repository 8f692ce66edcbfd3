//! What the decision between storing and compressing costs, and what it gets wrong: `judge FILE…`. Each file is cut in
//! segments of 1 MiB, judged, and compressed at level 3 all the same to know what was right.

use std::hint::black_box;
use std::time::Instant;

use pangea_ces::Span;
use pangea_ces::judge::worth_compressing;

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
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
