//! Rates of each stage alone, in warm memory: `cargo run --release -p pangea-ces --example rates`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pangea_ces::kernel::MAX_OUTPUTS;
use pangea_ces::rows::parity_coefficients;
use pangea_ces::{Cipher, Kernel, identity, seal};

const ROUNDS: usize = 151;
const ROUND: Duration = Duration::from_millis(2);

fn main() {
    for shard_bytes in [64 << 10, 1 << 20] {
        let data: Vec<Vec<u8>> =
            (0..8_u8).map(|row| (0..shard_bytes).map(|at| ((at * 7) >> 3) as u8 ^ row).collect()).collect();
        let inputs: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
        let mut coefficients = [[0; MAX_OUTPUTS]; 8];
        for (column, factors) in coefficients.iter_mut().enumerate() {
            *factors = std::array::from_fn(|parity| parity_coefficients(parity)[column]);
        }
        for kernel in Kernel::available() {
            for made in [1, 4] {
                let mut parity = vec![vec![0; shard_bytes]; made];
                report(
                    &format!("{} {made} rows, 8 × {} KiB", kernel.name(), shard_bytes >> 10),
                    8 * shard_bytes,
                    || {
                        let mut targets: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
                        kernel.multiply(&coefficients, black_box(&inputs), &mut targets);
                    },
                );
            }
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
