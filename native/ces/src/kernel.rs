//! The inner product over rows of bytes, once per instruction set.
//!
//! Every variant computes `output[o][x] = Σ coefficients[o][i] · input[i][x]` for rows of one length at
//! any alignment. A [`Kernel`] can only be had for instructions that this machine has.
//!
//! The vector variants share their loops (`sweep.rs`) and bring the instructions. Two things happen here,
//! above all of them: dyadic coefficients are recognised, and rows that are badly placed are made through a
//! small buffer.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod gfni_avx2;
#[cfg(target_arch = "x86_64")]
mod gfni_avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(target_arch = "x86_64")]
mod ssse3;
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128")),
    expect(dead_code, unused_macros, unused_imports)
)]
mod sweep;

use std::sync::OnceLock;

use crate::{DATA_SHARDS, PARITY_SHARDS};

/// Most outputs of one pass: four accumulators and their coefficients stay in registers and first-level cache.
pub const MAX_OUTPUTS: usize = PARITY_SHARDS;

/// Rows shorter than the widest register are left to the reference.
const SHORTEST_ROW: usize = 64;

/// How outputs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stores {
    /// Into the caches: for rows that are read again soon, as to hash them.
    Cached,
    /// Past the caches where the rows are aligned for it: for rows longer than the caches that nobody reads soon.
    Streaming,
}

/// Per four inputs the first row a b c d of a square of coefficients whose rows are a b c d, b a d c, c d a b, d c b a.
///
/// The code's evaluation points make parity of such squares: a coefficient is a constant divided by the sum
/// of its row's and its column's numbers. Such a square is a product in the group algebra of Z₂×Z₂, so that
/// Karatsuba's trick applies twice: nine products instead of sixteen.
type Dyadic = [[u8; 4]; 2];

/// What a vector kernel is asked to do. The rows have one length of at least [`SHORTEST_ROW`].
struct Task<'a, 'row> {
    coefficients: &'a [[u8; MAX_OUTPUTS]],
    /// The same, where they are of that form.
    dyadic: Option<Dyadic>,
    inputs: &'a [&'a [u8]],
    outputs: &'a mut [&'row mut [u8]],
    stores: Stores,
    order: Order,
}

/// Which end of the rows a pass starts at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Up,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Platform {
    #[cfg(target_arch = "x86_64")]
    GfniAvx512,
    #[cfg(target_arch = "x86_64")]
    GfniAvx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Ssse3,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    Scalar,
}

/// One variant that this machine can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Platform);

impl Kernel {
    /// The best one here; found once.
    #[must_use]
    pub fn detect() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// All that run here, best first; the last is the scalar reference.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let gfni = is_x86_feature_detected!("gfni");
            let avx2 = is_x86_feature_detected!("avx2");
            let avx512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            let ssse3 = is_x86_feature_detected!("ssse3");
            found.extend([
                (gfni && avx512).then_some(Self(Platform::GfniAvx512)),
                (gfni && avx2).then_some(Self(Platform::GfniAvx2)),
                avx512.then_some(Self(Platform::Avx512)),
                avx2.then_some(Self(Platform::Avx2)),
                ssse3.then_some(Self(Platform::Ssse3)),
            ]);
        }
        #[cfg(target_arch = "aarch64")]
        found.push(std::arch::is_aarch64_feature_detected!("neon").then_some(Self(Platform::Neon)));
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        found.push(Some(Self(Platform::Simd128)));
        found.push(Some(Self(Platform::Scalar)));
        found.into_iter().flatten().collect()
    }

    /// The one of that name, if it runs here.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|kernel| kernel.name() == name)
    }

    /// The name that `plan` shows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Platform::GfniAvx512 => "gfni-avx512",
            #[cfg(target_arch = "x86_64")]
            Platform::GfniAvx2 => "gfni-avx2",
            #[cfg(target_arch = "x86_64")]
            Platform::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Platform::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Platform::Ssse3 => "ssse3",
            #[cfg(target_arch = "aarch64")]
            Platform::Neon => "neon",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Platform::Simd128 => "simd128",
            Platform::Scalar => "scalar",
        }
    }

    /// What it takes of the machine, in the processor's own words.
    #[must_use]
    pub fn required_features(self) -> &'static [&'static str] {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Platform::GfniAvx512 => &["gfni", "avx512f", "avx512bw"],
            #[cfg(target_arch = "x86_64")]
            Platform::GfniAvx2 => &["gfni", "avx2"],
            #[cfg(target_arch = "x86_64")]
            Platform::Avx512 => &["avx512f", "avx512bw"],
            #[cfg(target_arch = "x86_64")]
            Platform::Avx2 => &["avx2"],
            #[cfg(target_arch = "x86_64")]
            Platform::Ssse3 => &["ssse3"],
            #[cfg(target_arch = "aarch64")]
            Platform::Neon => &["neon"],
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Platform::Simd128 => &["simd128"],
            Platform::Scalar => &[],
        }
    }

    /// Overwrites `outputs` with the products. `inputs` and `coefficients` go together; `coefficients[i][o]`
    /// belongs to input i and output o.
    ///
    /// # Panics
    /// When a row differs in length from the others, or there are more than [`MAX_OUTPUTS`] outputs.
    pub fn multiply(self, coefficients: &[[u8; MAX_OUTPUTS]], inputs: &[&[u8]], outputs: &mut [&mut [u8]]) {
        self.multiply_with(Stores::Cached, coefficients, inputs, outputs);
    }

    /// The same, with a say in how outputs are written.
    ///
    /// # Panics
    /// As [`Kernel::multiply`].
    pub fn multiply_with(
        self,
        stores: Stores,
        coefficients: &[[u8; MAX_OUTPUTS]],
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
    ) {
        let Some(length) = outputs.first().map(|row| row.len()) else {
            return;
        };
        assert!(outputs.len() <= MAX_OUTPUTS && inputs.len() == coefficients.len() && inputs.len() <= DATA_SHARDS);
        assert!(inputs.iter().all(|row| row.len() == length) && outputs.iter().all(|row| row.len() == length));
        if self.0 == Platform::Scalar || length < SHORTEST_ROW || inputs.is_empty() {
            return scalar::multiply(coefficients, inputs, outputs);
        }
        let dyadic = dyadic(coefficients).filter(|_| outputs.len() == MAX_OUTPUTS);
        match order(inputs, outputs) {
            Some(order) => self.run(&mut Task { coefficients, dyadic, inputs, outputs, stores, order }),
            None => self.by_way_of_a_buffer(coefficients, dyadic, inputs, outputs),
        }
    }

    /// Makes outputs where nothing is in their way and copies them.
    #[cold]
    fn by_way_of_a_buffer(
        self,
        coefficients: &[[u8; MAX_OUTPUTS]],
        dyadic: Option<Dyadic>,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
    ) {
        let mut buffer = Buffer([0; MAX_OUTPUTS * BUFFER_BYTES]);
        let length = outputs[0].len();
        let mut start = 0;
        while start < length {
            // The last two parts are evened out, so that none is too short for a register.
            let left = length - start;
            let bytes = if left < 2 * BUFFER_BYTES { left.div_ceil(left.div_ceil(BUFFER_BYTES)) } else { BUFFER_BYTES };
            let mut parts: [&[u8]; DATA_SHARDS] = [&[]; DATA_SHARDS];
            for (part, input) in parts.iter_mut().zip(inputs) {
                *part = &input[start..start + bytes];
            }
            let mut made: [&mut [u8]; MAX_OUTPUTS] = Default::default();
            for (row, room) in made.iter_mut().zip(buffer.0.chunks_exact_mut(BUFFER_BYTES)) {
                *row = &mut room[..bytes];
            }
            self.run(&mut Task {
                coefficients,
                dyadic,
                inputs: &parts[..inputs.len()],
                outputs: &mut made[..outputs.len()],
                stores: Stores::Cached,
                order: Order::Up,
            });
            for (output, row) in outputs.iter_mut().zip(&made) {
                output[start..start + bytes].copy_from_slice(row);
            }
            start += bytes;
        }
    }

    fn run(self, task: &mut Task<'_, '_>) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kernel` is made only where `available` found its instructions.
            Platform::GfniAvx512 => unsafe { gfni_avx512::multiply(task) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Platform::GfniAvx2 => unsafe { gfni_avx2::multiply(task) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Platform::Avx512 => unsafe { avx512::multiply(task) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Platform::Avx2 => unsafe { avx2::multiply(task) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Platform::Ssse3 => unsafe { ssse3::multiply(task) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Platform::Neon => unsafe { neon::multiply(task) },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            // SAFETY: as above.
            Platform::Simd128 => unsafe { simd128::multiply(task) },
            Platform::Scalar => scalar::multiply(task.coefficients, task.inputs, task.outputs),
        }
    }

    /// Takes a change of one input into outputs: `outputs[o] ^= coefficients[o] · (old ^ new)`.
    ///
    /// # Panics
    /// When a row differs in length from the others, or there are not as many coefficients as outputs, or more
    /// than [`MAX_OUTPUTS`].
    pub fn update(self, coefficients: &[u8], old: &[u8], new: &[u8], outputs: &mut [&mut [u8]]) {
        assert!(coefficients.len() == outputs.len() && outputs.len() <= MAX_OUTPUTS);
        assert!(old.len() == new.len() && outputs.iter().all(|row| row.len() == old.len()));
        let done = match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kernel` is made only where `available` found its instructions; the rows have been checked.
            Platform::GfniAvx512 => unsafe { gfni_avx512::update(coefficients, old, new, outputs) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Platform::GfniAvx2 => unsafe { gfni_avx2::update(coefficients, old, new, outputs) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Platform::Avx512 => unsafe { avx512::update(coefficients, old, new, outputs) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Platform::Avx2 => unsafe { avx2::update(coefficients, old, new, outputs) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Platform::Ssse3 => unsafe { ssse3::update(coefficients, old, new, outputs) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Platform::Neon => unsafe { neon::update(coefficients, old, new, outputs) },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            // SAFETY: as above.
            Platform::Simd128 => unsafe { simd128::update(coefficients, old, new, outputs) },
            Platform::Scalar => 0,
        };
        scalar::update(coefficients, &old[done..], &new[done..], outputs, done);
    }
}

/// Bytes of a row that go through the buffer at a time: four such rows and eight inputs stay in a first-level cache.
const BUFFER_BYTES: usize = 2048;

#[repr(align(64))]
struct Buffer([u8; MAX_OUTPUTS * BUFFER_BYTES]);

/// The order in which no pass waits for its own writes, if there is one.
///
/// A processor tells a read from an earlier write by the low twelve bits of their addresses first; where a read of
/// another row overlaps the write in those, it waits. Steps are some hundred bytes deep in flight, so an output a
/// little ahead of an input within their pages makes going up slow, one a little behind makes going down slow.
/// What allocators return one after the other lies exactly so: rates fall to two fifths.
fn order(inputs: &[&[u8]], outputs: &[&mut [u8]]) -> Option<Order> {
    let (mut up, mut down) = (true, true);
    for input in inputs {
        for output in outputs {
            let ahead = output.as_ptr().addr().wrapping_sub(input.as_ptr().addr()) % PAGE_BYTES;
            up &= ahead == 0 || ahead > IN_FLIGHT_BYTES;
            down &= ahead == 0 || ahead < PAGE_BYTES - IN_FLIGHT_BYTES;
        }
    }
    if up { Some(Order::Up) } else { down.then_some(Order::Down) }
}

const PAGE_BYTES: usize = 4096;
const IN_FLIGHT_BYTES: usize = 384;

/// The short form of coefficients that have one.
fn dyadic(coefficients: &[[u8; MAX_OUTPUTS]]) -> Option<Dyadic> {
    let coefficients: &[[u8; MAX_OUTPUTS]; DATA_SHARDS] = coefficients.try_into().ok()?;
    let form: Dyadic = std::array::from_fn(|half| std::array::from_fn(|i| coefficients[4 * half + i][0]));
    let fits = |(i, row): (usize, &[u8; MAX_OUTPUTS])| (0..MAX_OUTPUTS).all(|o| row[o] == form[i / 4][(i % 4) ^ o]);
    coefficients.iter().enumerate().all(fits).then_some(form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{CODING_MATRIX, rebuilding_row};

    fn columns(row: impl Fn(usize) -> [u8; DATA_SHARDS]) -> [[u8; MAX_OUTPUTS]; DATA_SHARDS] {
        std::array::from_fn(|i| std::array::from_fn(|o| row(o)[i]))
    }

    #[test]
    fn encoding_and_decoding_of_aligned_groups_take_the_short_form_and_nothing_else_does() {
        assert!(dyadic(&columns(|o| CODING_MATRIX[DATA_SHARDS + o])).is_some());
        assert!(dyadic(&columns(|o| rebuilding_row(o, &[4, 5, 6, 7, 8, 9, 10, 11]))).is_some());
        assert!(dyadic(&columns(|o| rebuilding_row(o + 4, &[0, 1, 2, 3, 8, 9, 10, 11]))).is_some());
        assert!(dyadic(&columns(|o| rebuilding_row(o + 1, &[0, 5, 6, 7, 8, 9, 10, 11]))).is_none());
        let mut spoiled = columns(|o| CODING_MATRIX[DATA_SHARDS + o]);
        spoiled[7][3] ^= 1;
        assert!(dyadic(&spoiled).is_none());
    }

    #[test]
    fn a_pass_goes_away_from_its_own_writes() {
        let mut memory = vec![0_u8; 16 * PAGE_BYTES];
        let base = memory.as_ptr().align_offset(PAGE_BYTES);
        let mut of = |inputs: [usize; 2], output: usize| {
            let (inputs_at, outputs_at) = memory[base..].split_at_mut(8 * PAGE_BYTES);
            let inputs = inputs.map(|offset| &inputs_at[offset..offset + PAGE_BYTES]);
            order(&inputs, &[&mut outputs_at[output..output + PAGE_BYTES]])
        };
        assert_eq!(of([0, PAGE_BYTES], 0), Some(Order::Up), "in step");
        assert_eq!(of([0, 16], 32), Some(Order::Down), "as from an allocator");
        assert_eq!(of([32, 64], 16), Some(Order::Up));
        assert_eq!(of([0, 64], 32), None, "on both sides");
        assert_eq!(of([0, 0], PAGE_BYTES - 16), Some(Order::Up), "a little behind, across a page");
        assert_eq!(of([0, 1024], 2048), Some(Order::Up), "out of reach");
    }
}
