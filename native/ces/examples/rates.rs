//! Rates of each stage alone, in warm memory: `cargo run --release -p pangea-ces --example rates`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pangea_ces::kernel::{MAX_OUTPUTS, Stores};
use pangea_ces::matrix::{Row, WIDE_MATRIX, rebuilding_row};
use pangea_ces::{Cipher, DATA_SHARDS, Kernel, identity, seal};

const ROUNDS: usize = 151;
const ROUND: Duration = Duration::from_millis(2);

fn main() {
    for shard_bytes in [64 << 10, 1 << 20] {
        // Each row is an allocation of its own, as callers have them.
        let data: Vec<Vec<u8>> =
            (0..8_u8).map(|row| (0..shard_bytes).map(|at| ((at * 7) >> 3) as u8 ^ row).collect()).collect();
        let inputs: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
        let mut parity = vec![vec![0; shard_bytes]; MAX_OUTPUTS];
        for kernel in Kernel::available() {
            let mut reed_solomon = |what: &str, made: usize, stores: Stores, row: &dyn Fn(usize) -> Row| {
                let coefficients: [[u8; MAX_OUTPUTS]; DATA_SHARDS] =
                    std::array::from_fn(|column| std::array::from_fn(|made| row(made)[column]));
                let name = format!("{} {what}, 8 × {} KiB", kernel.name(), shard_bytes >> 10);
                report(&name, DATA_SHARDS * shard_bytes, || {
                    let mut targets: Vec<&mut [u8]> = parity[..made].iter_mut().map(Vec::as_mut_slice).collect();
                    kernel.multiply_with(stores, &coefficients, black_box(&inputs), &mut targets);
                });
            };
            reed_solomon("encode", 4, Stores::Cached, &|made| WIDE_MATRIX[DATA_SHARDS + made]);
            reed_solomon("encode past the caches", 4, Stores::Streaming, &|made| WIDE_MATRIX[DATA_SHARDS + made]);
            reed_solomon("rows 0–3 lost", 4, Stores::Cached, &|made| {
                rebuilding_row(made, &[4, 5, 6, 7, 8, 9, 10, 11])
            });
            reed_solomon("rows 1–4 lost", 4, Stores::Cached, &|made| {
                rebuilding_row(made + 1, &[0, 5, 6, 7, 8, 9, 10, 11])
            });
            reed_solomon("row 0 lost", 1, Stores::Cached, &|_| rebuilding_row(0, &[1, 2, 3, 4, 5, 6, 7, 8]));
            let (old, new) = (&data[0], &data[1]);
            let factors: [u8; MAX_OUTPUTS] = std::array::from_fn(|made| WIDE_MATRIX[DATA_SHARDS + made][0]);
            report(&format!("{} update, 1 × {} KiB", kernel.name(), shard_bytes >> 10), shard_bytes, || {
                let mut targets: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
                kernel.update(&factors, black_box(old), black_box(new), &mut targets);
            });
        }
        let mut buffer = vec![1; shard_bytes + seal::OVERHEAD_BYTES];
        report(&format!("seal {} KiB", shard_bytes >> 10), shard_bytes, || {
            buffer.truncate(shard_bytes + seal::NONCE_BYTES);
            seal::seal_tail(Cipher::detect(), &mut buffer, 0, &[1; 32], b"").expect("seals");
        });
        let mut opened = vec![0; shard_bytes];
        report(&format!("open {} KiB", shard_bytes >> 10), shard_bytes, || {
            seal::open_into(Cipher::detect(), &mut opened, &[1; 32], black_box(&buffer), b"").expect("opens");
        });
        report(&format!("BLAKE3 {} KiB", shard_bytes >> 10), shard_bytes, || {
            black_box(identity(black_box(&data[0])));
        });
    }
}

/// Median and spread of several rounds.
fn report(name: &str, bytes: usize, mut run: impl FnMut()) {
    run();
    let mut rates: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let mut runs = 0;
            while start.elapsed() < ROUND {
                run();
                runs += 1;
            }
            (bytes * runs) as f64 / start.elapsed().as_secs_f64() / 1e9
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!("{name:<40} {:>6.2} GB/s   {:.2} – {:.2}", rates[ROUNDS / 2], rates[0], rates[ROUNDS - 1]);
}
