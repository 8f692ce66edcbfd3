//! GF(2^8) with the polynomial x^8+x^4+x^3+x^2+1 (0x11D) and generator 2, as klauspost/reedsolomon and
//! Backblaze use it, with the tables that the kernels look coefficients up in.

const fn build_logarithms() -> ([u8; 510], [u8; 256]) {
    let mut exponents = [0; 510];
    let mut logarithms = [0; 256];
    let mut power: u16 = 1;
    let mut exponent = 0;
    while exponent < 255 {
        exponents[exponent] = power as u8;
        exponents[exponent + 255] = power as u8;
        logarithms[power as usize] = exponent as u8;
        power <<= 1;
        if power & 0x100 != 0 {
            power ^= 0x11D;
        }
        exponent += 1;
    }
    (exponents, logarithms)
}

const LOGARITHMS: ([u8; 510], [u8; 256]) = build_logarithms();

/// The product of two elements.
#[must_use]
pub const fn multiply(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 {
        return 0;
    }
    LOGARITHMS.0[LOGARITHMS.1[a as usize] as usize + LOGARITHMS.1[b as usize] as usize]
}

/// The inverse of an element other than 0.
#[must_use]
pub const fn inverse(a: u8) -> u8 {
    LOGARITHMS.0[255 - LOGARITHMS.1[a as usize] as usize]
}

/// `base` to the `exponent`, with 0^0 = 1.
#[must_use]
pub const fn raise(base: u8, exponent: usize) -> u8 {
    let mut result = 1;
    let mut step = 0;
    while step < exponent {
        result = multiply(result, base);
        step += 1;
    }
    result
}

/// For each coefficient, its products with the 16 low nibbles and with the 16 high ones: what a byte shuffle looks up.
pub static NIBBLE_PRODUCTS: [[[u8; 16]; 2]; 256] = {
    let mut tables = [[[0; 16]; 2]; 256];
    let mut coefficient = 0;
    while coefficient < 256 {
        let mut nibble = 0;
        while nibble < 16 {
            tables[coefficient][0][nibble] = multiply(coefficient as u8, nibble as u8);
            tables[coefficient][1][nibble] = multiply(coefficient as u8, (nibble as u8) << 4);
            nibble += 1;
        }
        coefficient += 1;
    }
    tables
};

/// For each coefficient, multiplication by it as the 8×8 bit matrix of `GF2P8AFFINEQB`: byte 7−i holds
/// the row that makes bit i. The instruction's own multiplication is of another polynomial (0x11B).
#[cfg(target_arch = "x86_64")]
pub static AFFINE_MATRICES: [u64; 256] = {
    let mut matrices = [0; 256];
    let mut coefficient = 0;
    while coefficient < 256 {
        let mut column = 0;
        while column < 8 {
            let product = multiply(coefficient as u8, 1 << column);
            let mut bit = 0;
            while bit < 8 {
                if product >> bit & 1 == 1 {
                    matrices[coefficient] |= 1 << (8 * (7 - bit) + column);
                }
                bit += 1;
            }
            column += 1;
        }
        coefficient += 1;
    }
    matrices
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiplication as schoolbook: shift, add, reduce.
    fn by_hand(mut a: u8, mut b: u8) -> u8 {
        let mut product = 0;
        while b != 0 {
            if b & 1 == 1 {
                product ^= a;
            }
            let carry = a & 0x80 != 0;
            a <<= 1;
            if carry {
                a ^= 0x1D;
            }
            b >>= 1;
        }
        product
    }

    #[test]
    fn every_product_is_the_schoolbook_one() {
        for a in 0..=255 {
            for b in 0..=255 {
                assert_eq!(multiply(a, b), by_hand(a, b), "{a} × {b}");
                let [low, high] = NIBBLE_PRODUCTS[usize::from(a)];
                assert_eq!(low[usize::from(b & 15)] ^ high[usize::from(b >> 4)], by_hand(a, b));
            }
        }
        for a in 1..=255 {
            assert_eq!(multiply(a, inverse(a)), 1);
        }
    }
}
