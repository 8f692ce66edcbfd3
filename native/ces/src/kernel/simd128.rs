//! 16 bytes a step with `i8x16.swizzle`, the byte shuffle of WebAssembly. A module has the instructions or does not load,
//! so the variant is there when the crate is compiled with `simd128`.

use std::arch::wasm32::{i8x16_swizzle, u8x16_splat, u16x8_shr, v128, v128_and, v128_load, v128_store, v128_xor};

use super::sweep::{Lanes, entry_points};
use crate::field::NIBBLE_PRODUCTS;

#[derive(Clone, Copy)]
struct Swizzle(v128);

// SAFETY of all blocks: `Lanes` is used only on pointers good for 16 bytes.
impl Lanes for Swizzle {
    const BYTES: usize = 16;
    /// Products with the low nibbles, and with the high ones.
    type Factor = [v128; 2];
    /// Low nibbles, high nibbles.
    type Operand = [v128; 2];

    #[inline(always)]
    unsafe fn factor(coefficient: u8) -> [v128; 2] {
        let [low, high] = &NIBBLE_PRODUCTS[usize::from(coefficient)];
        // SAFETY: see above; a table has 16 bytes.
        unsafe { [v128_load(low.as_ptr().cast()), v128_load(high.as_ptr().cast())] }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(u8x16_splat(0))
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: see above.
        unsafe { Self(v128_load(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: see above.
        unsafe { v128_store(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        Self(v128_xor(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn operand(self) -> [v128; 2] {
        // Engines make five instructions of a shift of bytes, one of a shift of halves.
        let low = u8x16_splat(15);
        [v128_and(self.0, low), v128_and(u16x8_shr(self.0, 4), low)]
    }

    #[inline(always)]
    unsafe fn add(a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        [v128_xor(a[0], b[0]), v128_xor(a[1], b[1])]
    }

    #[inline(always)]
    unsafe fn times(operand: [v128; 2], factor: [v128; 2]) -> Self {
        Self(v128_xor(i8x16_swizzle(factor[0], operand[0]), i8x16_swizzle(factor[1], operand[1])))
    }
}

entry_points!(Swizzle,);
