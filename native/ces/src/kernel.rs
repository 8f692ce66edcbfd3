//! The inner product over rows of bytes, once per instruction set.
//!
//! Every variant computes `output[o][x] = Σ coefficients[o][i] · input[i][x]` for rows of one length at
//! any alignment. A [`Kernel`] can only be had for instructions that this machine has.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod gfni_avx2;
#[cfg(target_arch = "x86_64")]
mod gfni_avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod ssse3;

use std::sync::OnceLock;

use crate::PARITY_SHARDS;
use crate::matrix::Row;

/// Most outputs of one pass: four accumulators and their coefficients stay in registers and first-level cache.
pub const MAX_OUTPUTS: usize = PARITY_SHARDS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Platform {
    #[cfg(target_arch = "x86_64")]
    GfniAvx512,
    #[cfg(target_arch = "x86_64")]
    GfniAvx2,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Ssse3,
    #[cfg(target_arch = "aarch64")]
    Neon,
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
            if gfni && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                found.push(Self(Platform::GfniAvx512));
            }
            if is_x86_feature_detected!("avx2") {
                if gfni {
                    found.push(Self(Platform::GfniAvx2));
                }
                found.push(Self(Platform::Avx2));
            }
            if is_x86_feature_detected!("ssse3") {
                found.push(Self(Platform::Ssse3));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            found.push(Self(Platform::Neon));
        }
        found.push(Self(Platform::Scalar));
        found
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
            Platform::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Platform::Ssse3 => "ssse3",
            #[cfg(target_arch = "aarch64")]
            Platform::Neon => "neon",
            Platform::Scalar => "scalar",
        }
    }

    /// Overwrites `outputs` with the products. `inputs` and `coefficients` go together; `coefficients[i][o]`
    /// belongs to input i and output o.
    ///
    /// # Panics
    /// When a row differs in length from the others, or there are more than [`MAX_OUTPUTS`] outputs.
    pub fn multiply(self, coefficients: &[[u8; MAX_OUTPUTS]], inputs: &[&[u8]], outputs: &mut [&mut [u8]]) {
        let Some(length) = outputs.first().map(|row| row.len()) else {
            return;
        };
        assert!(
            outputs.len() <= MAX_OUTPUTS && inputs.len() == coefficients.len() && inputs.len() <= Row::default().len()
        );
        assert!(inputs.iter().all(|row| row.len() == length) && outputs.iter().all(|row| row.len() == length));
        match outputs {
            [a] => self.run([a], coefficients, inputs),
            [a, b] => self.run([a, b], coefficients, inputs),
            [a, b, c] => self.run([a, b, c], coefficients, inputs),
            [a, b, c, d] => self.run([a, b, c, d], coefficients, inputs),
            _ => {}
        }
    }

    fn run<const OUTPUTS: usize>(
        self,
        outputs: [&mut [u8]; OUTPUTS],
        coefficients: &[[u8; MAX_OUTPUTS]],
        inputs: &[&[u8]],
    ) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kernel` is made only where `available` found its instructions, and `multiply` has checked the rows.
            Platform::GfniAvx512 => unsafe { gfni_avx512::multiply(coefficients, inputs, outputs) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Platform::GfniAvx2 => unsafe { gfni_avx2::multiply(coefficients, inputs, outputs) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Platform::Avx2 => unsafe { avx2::multiply(coefficients, inputs, outputs) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Platform::Ssse3 => unsafe { ssse3::multiply(coefficients, inputs, outputs) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Platform::Neon => unsafe { neon::multiply(coefficients, inputs, outputs) },
            Platform::Scalar => scalar::multiply(coefficients, inputs, outputs, 0),
        }
    }
}
