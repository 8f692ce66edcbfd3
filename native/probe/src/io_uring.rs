//! `io_uring`: often compiled in and switched off (`kernel.io_uring_disabled`, seccomp in containers),
//! and on some file systems a write works while an fsync does not. So: a ring, a no-op, and a linked write + fsync.

use std::path::Path;

use crate::Probe;

/// Static, so that a write which outlived a failed probe would still read valid memory.
#[cfg(target_os = "linux")]
static PAYLOAD: [u8; 32] = *b"pangea-node probes io_uring here";

/// Sets up a ring and completes a no-op, then a write and an fsync on an unlinked file in `directory`.
#[cfg(target_os = "linux")]
#[must_use]
pub fn probe_io_uring(directory: &Path) -> Probe {
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    use io_uring::{IoUring, opcode, squeue, types};

    let mut ring = match IoUring::new(8) {
        Ok(ring) => ring,
        Err(error) => return Probe::fails("io_uring_setup", &error),
    };
    // O_TMPFILE: the file has no name, so nothing is left behind whatever happens.
    let file = match std::fs::OpenOptions::new().read(true).write(true).custom_flags(libc::O_TMPFILE).open(directory) {
        Ok(file) => file,
        Err(error) => return Probe::fails("temporary file in the data directory", &error),
    };
    let fd = types::Fd(file.as_raw_fd());
    let length = PAYLOAD.len() as u32;
    let entries = [
        opcode::Nop::new().build().user_data(1),
        opcode::Write::new(fd, PAYLOAD.as_ptr(), length).offset(0).build().flags(squeue::Flags::IO_LINK).user_data(2),
        opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC).build().user_data(3),
    ];
    for entry in &entries {
        // SAFETY: `PAYLOAD` is static, and the kernel takes its own hold on the file when it takes the entry.
        if unsafe { ring.submission().push(entry) }.is_err() {
            return Probe::absent("the submission queue of 8 entries is full");
        }
    }
    while let Err(error) = ring.submit_and_wait(entries.len()) {
        if error.kind() != io::ErrorKind::Interrupted {
            return Probe::fails("io_uring_enter", &error);
        }
    }
    let mut results = [None; 4];
    for completion in ring.completion() {
        if let Some(slot) = usize::try_from(completion.user_data()).ok().and_then(|at| results.get_mut(at)) {
            *slot = Some(completion.result());
        }
    }
    let expected = [(1, "no-op", 0), (2, "write", length), (3, "fsync", 0)];
    for (at, step, wanted) in expected {
        match results[at] {
            Some(result) if u32::try_from(result) == Ok(wanted) => {}
            Some(result) if result < 0 => {
                return Probe::fails(step, &io::Error::from_raw_os_error(-result));
            }
            Some(result) => {
                return Probe::absent(format!("{step}: gave {result} instead of {wanted}"));
            }
            None => return Probe::absent(format!("{step}: did not complete")),
        }
    }
    let mut back = [0u8; PAYLOAD.len()];
    if let Err(error) = std::os::unix::fs::FileExt::read_exact_at(&file, &mut back, 0) {
        return Probe::fails("read back", &error);
    }
    if back != PAYLOAD {
        return Probe::absent("the bytes read back differ from those written");
    }
    Probe::works("ring set up; no-op, write and fsync completed")
}

/// Only Linux has it.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn probe_io_uring(_directory: &Path) -> Probe {
    Probe::absent("only Linux has io_uring")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::probe_io_uring;

    #[test]
    fn says_what_happened_and_leaves_nothing_behind() {
        let directory = std::env::temp_dir().join(format!("pangea-probe-{}", std::process::id()));
        std::fs::create_dir(&directory).expect("directory");
        let probe = probe_io_uring(&directory);
        assert!(!probe.detail.is_empty());
        assert_eq!(std::fs::read_dir(&directory).expect("list").count(), 0);
        std::fs::remove_dir(&directory).expect("remove");
    }

    #[test]
    fn a_missing_directory_is_named_as_the_reason() {
        let probe = probe_io_uring(std::path::Path::new("/nowhere/at/all"));
        assert!(!probe.available);
        assert!(probe.detail.contains("temporary file") || probe.detail.contains("io_uring_setup"), "{}", probe.detail);
    }
}
