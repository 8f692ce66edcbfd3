//! Face of the probe crate: what this machine can do.

use std::path::PathBuf;

use napi::Result;
use napi_derive::napi;

/// Instruction sets that the processor has and the system lets programs use.
#[napi(object)]
pub struct NativeCpuFeatures {
    pub ssse3: bool,
    pub avx2: bool,
    /// F, BW and VL together.
    pub avx512: bool,
    pub gfni: bool,
    pub neon: bool,
}

/// The outcome of trying an operation.
#[napi(object)]
pub struct NativeProbe {
    pub available: bool,
    /// The steps that succeeded, or the first that failed.
    pub detail: String,
}

impl From<pangea_probe::Probe> for NativeProbe {
    fn from(probe: pangea_probe::Probe) -> Self {
        Self { available: probe.available, detail: probe.detail }
    }
}

#[napi]
pub fn probe_cpu() -> NativeCpuFeatures {
    let found = pangea_probe::cpu_features();
    NativeCpuFeatures { ssse3: found.ssse3, avx2: found.avx2, avx512: found.avx512, gfni: found.gfni, neon: found.neon }
}

/// Sets up a ring and completes a no-op, a write and an fsync on a nameless file in `directory`.
#[napi]
pub async fn probe_io_uring(directory: String) -> Result<NativeProbe> {
    off_loop(move || pangea_probe::probe_io_uring(&PathBuf::from(directory))).await
}

/// Loads an XDP program of two instructions and closes it.
#[napi]
pub async fn probe_ebpf() -> Result<NativeProbe> {
    off_loop(pangea_probe::probe_ebpf).await
}

async fn off_loop(probe: impl FnOnce() -> pangea_probe::Probe + Send + 'static) -> Result<NativeProbe> {
    let done = tokio::task::spawn_blocking(probe).await;
    done.map(NativeProbe::from).map_err(|error| crate::error("INTERNAL", error))
}
