//! eBPF: whether this process may load an XDP program, found by loading the smallest one. Nothing is
//! attached; the program vanishes when its descriptor is closed.

use crate::Probe;

/// Loads `return XDP_PASS` as an XDP program and closes it again.
#[cfg(target_os = "linux")]
#[must_use]
pub fn probe_ebpf() -> Probe {
    use std::io;
    use std::os::fd::{FromRawFd, OwnedFd};

    /// `union bpf_attr` for `BPF_PROG_LOAD`, as far as it is filled; the kernel takes what is missing as zero.
    #[repr(C)]
    struct ProgramLoad {
        kind: u32,
        instruction_count: u32,
        instructions: u64,
        license: u64,
        log_level: u32,
        log_size: u32,
        log_buffer: u64,
        kernel_version: u32,
        flags: u32,
    }

    const PROG_LOAD: libc::c_long = 5;
    const TYPE_XDP: u32 = 6;
    /// `r0 = 2` (`XDP_PASS`) and `exit`, 8 bytes each: opcode, registers, offset, immediate.
    const INSTRUCTIONS: [u64; 2] =
        [u64::from_ne_bytes([0xb7, 0, 0, 0, 2, 0, 0, 0]), u64::from_ne_bytes([0x95, 0, 0, 0, 0, 0, 0, 0])];

    let attributes = ProgramLoad {
        kind: TYPE_XDP,
        instruction_count: 2,
        instructions: INSTRUCTIONS.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buffer: 0,
        kernel_version: 0,
        flags: 0,
    };
    // SAFETY: `bpf(BPF_PROG_LOAD)` reads `size` bytes of attributes and what they point to, all of which is
    // constant or on this stack during the call, and writes nothing since no log is asked for.
    let result = unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const attributes, size_of::<ProgramLoad>()) };
    match i32::try_from(result) {
        Ok(fd) if fd >= 0 => {
            // SAFETY: the descriptor was just given to this process and nobody else knows it.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
            Probe::works("an XDP program of two instructions was loaded")
        }
        _ => {
            let error = io::Error::last_os_error();
            let hint = if error.raw_os_error() == Some(libc::EPERM) {
                " (needs root, or CAP_BPF and CAP_NET_ADMIN)"
            } else {
                ""
            };
            Probe::absent(format!("BPF_PROG_LOAD: {error}{hint}"))
        }
    }
}

/// Only Linux has it.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn probe_ebpf() -> Probe {
    Probe::absent("only Linux has eBPF")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::probe_ebpf;

    #[test]
    fn leaves_no_descriptor_behind() {
        let open = || std::fs::read_dir("/proc/self/fd").expect("descriptors").count();
        let first = probe_ebpf();
        let before = open();
        for _ in 0..20 {
            assert_eq!(probe_ebpf(), first);
        }
        // Other tests of this process may hold a few of their own at this moment.
        assert!(open() < before + 20);
    }
}
