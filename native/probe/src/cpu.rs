/// Instruction sets that some kernel of the node is written for, usable here: the processor has
/// them and the system saves their registers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuFeatures {
    /// x86: SSSE3, 16-byte table look-ups.
    pub ssse3: bool,
    /// x86: AVX2.
    pub avx2: bool,
    /// x86: AVX-512 F, BW and VL, what a Reed-Solomon kernel needs together.
    pub avx512: bool,
    /// x86: GFNI, Galois field multiplication in one instruction.
    pub gfni: bool,
    /// AArch64: NEON.
    pub neon: bool,
}

/// Asks the processor itself.
#[must_use]
pub fn cpu_features() -> CpuFeatures {
    #[cfg(target_arch = "x86_64")]
    {
        CpuFeatures {
            ssse3: is_x86_feature_detected!("ssse3"),
            avx2: is_x86_feature_detected!("avx2"),
            avx512: is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl"),
            gfni: is_x86_feature_detected!("gfni"),
            neon: false,
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        CpuFeatures { neon: std::arch::is_aarch64_feature_detected!("neon"), ..CpuFeatures::default() }
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        CpuFeatures::default()
    }
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use super::cpu_features;

    /// The kernel lists what it lets programs use; both ways of asking must agree.
    #[test]
    fn agrees_with_the_kernel() {
        let text = std::fs::read_to_string("/proc/cpuinfo").expect("/proc/cpuinfo");
        let line = text.lines().find(|line| line.starts_with("flags")).expect("flags");
        let has = |name: &str| line.split_whitespace().any(|flag| flag == name);
        let found = cpu_features();
        assert_eq!(found.ssse3, has("ssse3"));
        assert_eq!(found.avx2, has("avx2"));
        assert_eq!(found.avx512, has("avx512f") && has("avx512bw") && has("avx512vl"));
        assert_eq!(found.gfni, has("gfni"));
        assert!(!found.neon);
    }
}
