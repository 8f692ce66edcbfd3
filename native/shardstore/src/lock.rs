//! One process at a time: a lock of the kernel, so that it vanishes with its holder, even by kill −9,
//! and works across containers that share the disk but not their process ids.
//!
//! The range is the one SQLite locks for an exclusive transaction, because that is the only kernel
//! lock which plain Node can take (`node:sqlite`): both backends exclude each other.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::error::{Code, Result, StoreError};

/// Name of the file.
pub const LOCK_FILE: &str = "lock";
const FIRST_BYTE: libc::off_t = 0x4000_0000;
const BYTES: libc::off_t = 512;

/// The lock; dropped is released.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a directory, or `STORE_LOCKED`.
    pub fn take(directory: &Path) -> Result<Self> {
        let path = directory.join(LOCK_FILE);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| StoreError::io("open", &path, &error))?;
        // SAFETY: `flock` is a plain struct for which all-zero bytes are a valid value.
        let mut range: libc::flock = unsafe { std::mem::zeroed() };
        range.l_type = libc::F_WRLCK as _;
        range.l_whence = libc::SEEK_SET as _;
        range.l_start = FIRST_BYTE;
        range.l_len = BYTES;
        // SAFETY: the descriptor is open and `range` outlives the call.
        if unsafe { libc::fcntl(file.as_raw_fd(), SET_LOCK, &raw mut range) } == 0 {
            return Ok(Self { _file: file });
        }
        let error = std::io::Error::last_os_error();
        if !matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) {
            return Err(StoreError::io("lock", &path, &error));
        }
        // Closing any descriptor of a file drops all of this process's own POSIX locks on it, so if
        // a node-fs store in this very process holds the lock, the descriptor must stay open.
        // SAFETY: as above; F_GETLK only writes to `range`.
        let known = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut range) } == 0;
        if !known || range.l_type == libc::F_UNLCK as libc::c_short {
            std::mem::forget(file);
        }
        Err(StoreError::new(Code::Locked, format!("{} is open in another process", directory.display())))
    }
}

/// Locks of an open file description conflict inside one process too.
#[cfg(target_os = "linux")]
const SET_LOCK: libc::c_int = libc::F_OFD_SETLK;
#[cfg(not(target_os = "linux"))]
const SET_LOCK: libc::c_int = libc::F_SETLK;
