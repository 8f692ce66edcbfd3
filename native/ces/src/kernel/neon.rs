//! 16 bytes a step with `TBL`, the byte shuffle of 64-bit ARM.

use std::arch::aarch64::{uint8x16_t, vandq_u8, vdupq_n_u8, veorq_u8, vld1q_u8, vqtbl1q_u8, vshrq_n_u8, vst1q_u8};

use super::sweep::{Lanes, entry_points};
use crate::field::NIBBLE_PRODUCTS;

#[derive(Clone, Copy)]
struct Table(uint8x16_t);

// SAFETY of all blocks: `Lanes` is used only where the instructions are enabled, on pointers good for 16 bytes.
impl Lanes for Table {
    const BYTES: usize = 16;
    /// Products with the low nibbles, and with the high ones.
    type Factor = [uint8x16_t; 2];
    /// Low nibbles, high nibbles.
    type Operand = [uint8x16_t; 2];

    #[inline(always)]
    unsafe fn factor(coefficient: u8) -> [uint8x16_t; 2] {
        let [low, high] = &NIBBLE_PRODUCTS[usize::from(coefficient)];
        // SAFETY: see above; a table has 16 bytes.
        unsafe { [vld1q_u8(low.as_ptr()), vld1q_u8(high.as_ptr())] }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { Self(vdupq_n_u8(0)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: see above.
        unsafe { Self(vld1q_u8(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: see above.
        unsafe { vst1q_u8(to, self.0) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(veorq_u8(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn operand(self) -> [uint8x16_t; 2] {
        // SAFETY: see above.
        unsafe { [vandq_u8(self.0, vdupq_n_u8(15)), vshrq_n_u8::<4>(self.0)] }
    }

    #[inline(always)]
    unsafe fn add(a: [uint8x16_t; 2], b: [uint8x16_t; 2]) -> [uint8x16_t; 2] {
        // SAFETY: see above.
        unsafe { [veorq_u8(a[0], b[0]), veorq_u8(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn times(operand: [uint8x16_t; 2], factor: [uint8x16_t; 2]) -> Self {
        // SAFETY: see above.
        unsafe { Self(veorq_u8(vqtbl1q_u8(factor[0], operand[0]), vqtbl1q_u8(factor[1], operand[1]))) }
    }
}

entry_points!(Table, "neon");
