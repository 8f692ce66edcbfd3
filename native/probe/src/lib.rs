//! What this machine can do, found by doing it: no version numbers, no configuration files.
//!
//! Each probe performs the smallest real form of the operation that a fast path would use, and says
//! what happened. A probe never changes anything that outlives it.

mod cpu;
mod ebpf;
mod io_uring;

pub use cpu::{CpuFeatures, cpu_features};
pub use ebpf::probe_ebpf;
pub use io_uring::probe_io_uring;

/// The outcome of trying one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// True when every step of the operation succeeded.
    pub available: bool,
    /// The steps that succeeded, or the first that failed with the system's own words.
    pub detail: String,
}

impl Probe {
    fn works(detail: impl Into<String>) -> Self {
        Self { available: true, detail: detail.into() }
    }

    fn fails(step: &str, error: &std::io::Error) -> Self {
        Self { available: false, detail: format!("{step}: {error}") }
    }

    fn absent(detail: impl Into<String>) -> Self {
        Self { available: false, detail: detail.into() }
    }
}
