//! The loops of all vector kernels, written once over what an instruction set offers.
//!
//! Everything here is inlined into a function of the instruction set's own file that enables the
//! instructions; on its own it would compile to calls. For that reason loops and no closures.

#![expect(clippy::needless_range_loop, reason = "iterators and their closures may stay calls without the instructions")]

use super::{Dyadic, MAX_OUTPUTS, Order, Stores, Task};
use crate::DATA_SHARDS;

/// Bytes of one row in a register, and how to multiply all of them with one coefficient.
///
/// # Safety
/// Every function must be called only where the instructions of the variant are there; pointers must be
/// good for [`Lanes::BYTES`] bytes, at any alignment if nothing else is said.
pub trait Lanes: Copy {
    /// Bytes in a register.
    const BYTES: usize;
    /// How many bytes ahead inputs are asked for; 0 leaves it to the processor.
    const AHEAD: usize = 0;
    /// A coefficient, as the multiplication wants it.
    type Factor: Copy;
    /// A register, as the multiplication wants it.
    type Operand: Copy;

    /// Prepares a coefficient.
    unsafe fn factor(coefficient: u8) -> Self::Factor;
    /// All zeros.
    unsafe fn zero() -> Self;
    /// Reads.
    unsafe fn load(from: *const u8) -> Self;
    /// Writes.
    unsafe fn store(self, to: *mut u8);
    /// Writes past the caches. `to` is aligned to [`Lanes::BYTES`].
    #[inline(always)]
    unsafe fn stream(self, to: *mut u8) {
        // SAFETY: asks for less than the caller promises.
        unsafe { self.store(to) }
    }
    /// Orders writes past the caches before what follows.
    #[inline(always)]
    unsafe fn fence() {}
    /// Asks for the line at an address, which need not be mapped.
    #[inline(always)]
    unsafe fn prefetch(_at: *const u8) {}
    /// Sum in the field.
    unsafe fn xor(self, other: Self) -> Self;
    /// Sum of three.
    #[inline(always)]
    unsafe fn xor3(self, second: Self, third: Self) -> Self {
        // SAFETY: the same instructions.
        unsafe { self.xor(second).xor(third) }
    }
    /// Prepares bytes.
    unsafe fn operand(self) -> Self::Operand;
    /// Sum of prepared bytes: cheaper than preparing the sum.
    unsafe fn add(a: Self::Operand, b: Self::Operand) -> Self::Operand;
    /// Product of each byte.
    unsafe fn times(operand: Self::Operand, factor: Self::Factor) -> Self;
}

/// Does one task. Its rows have [`super::SHORTEST_ROW`] bytes or more.
///
/// # Safety
/// The machine has the instructions of `V`; this is inlined where they are enabled.
#[inline(always)]
pub unsafe fn run<V: Lanes>(task: &mut Task<'_, '_>) {
    // SAFETY: passed on.
    unsafe {
        let mut pointers = [std::ptr::null_mut(); MAX_OUTPUTS];
        let made = task.outputs.len();
        for o in 0..made {
            pointers[o] = task.outputs[o].as_mut_ptr();
        }
        let mut inputs = [std::ptr::null(); DATA_SHARDS];
        let given = task.inputs.len();
        for i in 0..given {
            inputs[i] = task.inputs[i].as_ptr();
        }
        if let Some(dyadic) = &task.dyadic {
            return overwrite(&Butterfly::<V>::new(dyadic, inputs, pointers), task);
        }
        // The number of outputs and the usual number of inputs are constants to the loops, so that they unroll.
        match (made, given) {
            (1, DATA_SHARDS) => overwrite(&Product::<V, 1, DATA_SHARDS>::new(task, &inputs, &pointers), task),
            (2, DATA_SHARDS) => overwrite(&Product::<V, 2, DATA_SHARDS>::new(task, &inputs, &pointers), task),
            (3, DATA_SHARDS) => overwrite(&Product::<V, 3, DATA_SHARDS>::new(task, &inputs, &pointers), task),
            (4, DATA_SHARDS) => overwrite(&Product::<V, 4, DATA_SHARDS>::new(task, &inputs, &pointers), task),
            (1, _) => overwrite(&Product::<V, 1, 0>::new(task, &inputs, &pointers), task),
            (2, _) => overwrite(&Product::<V, 2, 0>::new(task, &inputs, &pointers), task),
            (3, _) => overwrite(&Product::<V, 3, 0>::new(task, &inputs, &pointers), task),
            _ => overwrite(&Product::<V, 4, 0>::new(task, &inputs, &pointers), task),
        }
    }
}

/// What is done to one register's width of all rows.
trait Step<V: Lanes> {
    /// At byte `at`, with `STREAM` past the caches; `DOWN` says that the next one is before it.
    unsafe fn step<const STREAM: bool, const DOWN: bool>(&self, at: usize);
}

/// Walks over whole rows. The steps at both ends overlap others where the rows are not aligned or do not divide:
/// outputs are not read, so doing bytes twice is harmless, and no loop over single bytes is needed.
///
/// Strides are constants: with one known at run time the compiler keeps twenty pointers, and half the rate is lost.
#[inline(always)]
unsafe fn overwrite<V: Lanes>(step: &impl Step<V>, task: &Task<'_, '_>) {
    let length = task.outputs[0].len();
    // Writes that straddle cache lines cost twice what such reads do.
    let start = task.outputs[0].as_ptr().align_offset(V::BYTES);
    let aligned = task.outputs.iter().all(|row| row.as_ptr().align_offset(V::BYTES) == start);
    // SAFETY: rows are at least one register long, and all steps lie between 0 and `length`.
    unsafe {
        for edge in [0, length - V::BYTES] {
            step.step::<false, false>(edge);
        }
        let mut at = start;
        if task.order == Order::Down {
            at = start + length.saturating_sub(start) / V::BYTES * V::BYTES;
            while at > start {
                at -= V::BYTES;
                step.step::<false, true>(at);
            }
        } else if task.stores == Stores::Streaming && aligned {
            while at + V::BYTES <= length {
                step.step::<true, false>(at);
                at += V::BYTES;
            }
            V::fence();
        } else {
            while at + V::BYTES <= length {
                step.step::<false, false>(at);
                at += V::BYTES;
            }
        }
    }
}

/// Asks for what a later step reads.
#[inline(always)]
unsafe fn ask_ahead<V: Lanes, const DOWN: bool>(row: *const u8, at: usize) {
    if V::AHEAD > 0 {
        let ahead = if DOWN { at.wrapping_sub(V::AHEAD) } else { at.wrapping_add(V::AHEAD) };
        // SAFETY: the address is only asked for.
        unsafe { V::prefetch(row.wrapping_add(ahead)) }
    }
}

/// Any coefficients. `INPUTS` is 0 where the number is known only at run time.
struct Product<'a, V: Lanes, const OUTPUTS: usize, const INPUTS: usize> {
    factors: [[V::Factor; OUTPUTS]; DATA_SHARDS],
    inputs: &'a [*const u8],
    outputs: &'a [*mut u8; MAX_OUTPUTS],
}

impl<'a, V: Lanes, const OUTPUTS: usize, const INPUTS: usize> Product<'a, V, OUTPUTS, INPUTS> {
    #[inline(always)]
    unsafe fn new(
        task: &Task<'_, '_>,
        inputs: &'a [*const u8; DATA_SHARDS],
        outputs: &'a [*mut u8; MAX_OUTPUTS],
    ) -> Self {
        // SAFETY: the caller vouches for the instructions.
        let mut factors = unsafe { [[V::factor(0); OUTPUTS]; DATA_SHARDS] };
        for i in 0..task.inputs.len() {
            for o in 0..OUTPUTS {
                // SAFETY: as above.
                factors[i][o] = unsafe { V::factor(task.coefficients[i][o]) };
            }
        }
        Self { factors, inputs: &inputs[..task.inputs.len()], outputs }
    }
}

impl<V: Lanes, const OUTPUTS: usize, const INPUTS: usize> Step<V> for Product<'_, V, OUTPUTS, INPUTS> {
    #[inline(always)]
    unsafe fn step<const STREAM: bool, const DOWN: bool>(&self, at: usize) {
        let given = if INPUTS == 0 { self.inputs.len() } else { INPUTS };
        // SAFETY: the caller keeps `at` inside the rows; addresses ahead are only asked for.
        unsafe {
            let mut sums = [V::zero(); OUTPUTS];
            let mut i = 0;
            while i + 1 < given {
                let (p, q) = (*self.inputs.get_unchecked(i), *self.inputs.get_unchecked(i + 1));
                ask_ahead::<V, DOWN>(p, at);
                ask_ahead::<V, DOWN>(q, at);
                let (a, b) = (V::load(p.add(at)).operand(), V::load(q.add(at)).operand());
                for o in 0..OUTPUTS {
                    let (p, q) = (V::times(a, self.factors[i][o]), V::times(b, self.factors[i + 1][o]));
                    sums[o] = if i == 0 { p.xor(q) } else { sums[o].xor3(p, q) };
                }
                i += 2;
            }
            if i < given {
                let a = V::load(self.inputs.get_unchecked(i).add(at)).operand();
                for o in 0..OUTPUTS {
                    sums[o] = sums[o].xor(V::times(a, self.factors[i][o]));
                }
            }
            for o in 0..OUTPUTS {
                if STREAM {
                    sums[o].stream(self.outputs[o].add(at));
                } else {
                    sums[o].store(self.outputs[o].add(at));
                }
            }
        }
    }
}

/// Four outputs of eight inputs where each half of the coefficients is dyadic: see [`Dyadic`].
struct Butterfly<V: Lanes> {
    /// Per half: a, a+b, a+c, a+b+c+d of the row a b c d.
    factors: [[V::Factor; 4]; 2],
    inputs: [*const u8; DATA_SHARDS],
    outputs: [*mut u8; MAX_OUTPUTS],
}

impl<V: Lanes> Butterfly<V> {
    #[inline(always)]
    unsafe fn new(dyadic: &Dyadic, inputs: [*const u8; DATA_SHARDS], outputs: [*mut u8; MAX_OUTPUTS]) -> Self {
        // SAFETY: the caller vouches for the instructions.
        unsafe {
            let mut factors = [[V::factor(0); 4]; 2];
            for half in 0..2 {
                let [a, b, c, d] = dyadic[half];
                factors[half] = [V::factor(a), V::factor(a ^ b), V::factor(a ^ c), V::factor(a ^ b ^ c ^ d)];
            }
            Self { factors, inputs, outputs }
        }
    }

    /// The nine products of one half of the inputs.
    #[inline(always)]
    unsafe fn products<const DOWN: bool>(&self, half: usize, at: usize) -> [V; 9] {
        // SAFETY: as in `step`.
        unsafe {
            let mut x = [V::zero().operand(); 4];
            for i in 0..4 {
                let input = self.inputs[4 * half + i];
                ask_ahead::<V, DOWN>(input, at);
                x[i] = V::load(input.add(at)).operand();
            }
            let [x0, x1, x2, x3] = x;
            let (x01, x23, x02, x13) = (V::add(x0, x1), V::add(x2, x3), V::add(x0, x2), V::add(x1, x3));
            let [a, ab, ac, abcd] = self.factors[half];
            [
                V::times(V::add(x01, x23), a),
                V::times(x13, ab),
                V::times(x02, ab),
                V::times(x23, ac),
                V::times(x01, ac),
                V::times(x3, abcd),
                V::times(x2, abcd),
                V::times(x1, abcd),
                V::times(x0, abcd),
            ]
        }
    }
}

impl<V: Lanes> Step<V> for Butterfly<V> {
    #[inline(always)]
    unsafe fn step<const STREAM: bool, const DOWN: bool>(&self, at: usize) {
        // SAFETY: the caller keeps `at` inside the rows.
        unsafe {
            let p = self.products::<DOWN>(0, at);
            let q = self.products::<DOWN>(1, at);
            let all = p[0].xor(q[0]);
            let (even, odd) = (all.xor3(p[1], q[1]), all.xor3(p[2], q[2]));
            let (front, back) = (p[3].xor(q[3]), p[4].xor(q[4]));
            let sums = [
                even.xor(front).xor3(p[5], q[5]),
                odd.xor(front).xor3(p[6], q[6]),
                even.xor(back).xor3(p[7], q[7]),
                odd.xor(back).xor3(p[8], q[8]),
            ];
            for o in 0..MAX_OUTPUTS {
                if STREAM {
                    sums[o].stream(self.outputs[o].add(at));
                } else {
                    sums[o].store(self.outputs[o].add(at));
                }
            }
        }
    }
}

/// Adds the products of what changed: `outputs[o] ^= coefficients[o] · (old ^ new)`, and gives the bytes done. The rest is
/// shorter than a register: these outputs are read, so no byte may be done twice.
///
/// # Safety
/// As [`run`]; all rows have the length of `old`, and there is an output for every coefficient.
#[inline(always)]
pub unsafe fn update<V: Lanes>(coefficients: &[u8], old: &[u8], new: &[u8], outputs: &mut [&mut [u8]]) -> usize {
    let whole = old.len() - old.len() % V::BYTES;
    // SAFETY: `at` stays inside the rows; the caller vouches for the rest.
    unsafe {
        let mut factors = [V::factor(0); MAX_OUTPUTS];
        for o in 0..coefficients.len() {
            factors[o] = V::factor(coefficients[o]);
        }
        let mut at = 0;
        while at < whole {
            let change = V::load(old.as_ptr().add(at)).xor(V::load(new.as_ptr().add(at))).operand();
            for (output, factor) in outputs.iter_mut().zip(factors) {
                let to = output.as_mut_ptr().add(at);
                V::load(to).xor(V::times(change, factor)).store(to);
            }
            at += V::BYTES;
        }
    }
    whole
}

/// The two entry points of a variant, compiled for its instructions.
macro_rules! entry_points {
    ($lanes:ty, $($feature:literal)?) => {
        /// # Safety
        /// The machine has the instructions of this file.
        $(#[target_feature(enable = $feature)])?
        pub unsafe fn multiply(task: &mut super::Task<'_, '_>) {
            // SAFETY: the caller vouches for the instructions; a task has checked its rows.
            unsafe { super::sweep::run::<$lanes>(task) }
        }

        /// # Safety
        /// The machine has the instructions of this file; the rows have one length.
        $(#[target_feature(enable = $feature)])?
        pub unsafe fn update(coefficients: &[u8], old: &[u8], new: &[u8], outputs: &mut [&mut [u8]]) -> usize {
            // SAFETY: the caller vouches for both.
            unsafe { super::sweep::update::<$lanes>(coefficients, old, new, outputs) }
        }
    };
}

pub(super) use entry_points;
