//! One file of the store: reads at an offset, gathered writes at the end.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use pangea_blocks::Block;

use crate::error::{Result, StoreError};

/// `IOV_MAX` of Linux.
const MAX_SLICES: usize = 1024;

/// An open volume. Readers keep it alive after compaction has unlinked its name.
pub struct Volume {
    /// Number in the file's name.
    pub number: u32,
    /// Name of the file.
    pub path: PathBuf,
    file: File,
    #[cfg(test)]
    pub(crate) faults: Faults,
}

/// Errors that the tests put in place of the operating system's answer.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) sync: std::sync::atomic::AtomicI32,
    pub(crate) write: std::sync::atomic::AtomicI32,
}

/// `volume-00000001.pv`
#[must_use]
pub fn file_name(number: u32) -> String {
    format!("volume-{number:08}.pv")
}

/// The number in a volume's file name.
#[must_use]
pub fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("volume-")?.strip_suffix(".pv")?;
    let number = digits.parse().ok()?;
    (number > 0 && file_name(number) == name).then_some(number)
}

impl Volume {
    /// Opens an existing volume, or makes a new one.
    pub fn open(directory: &Path, number: u32, new: bool) -> Result<Self> {
        let path = directory.join(file_name(number));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(new)
            .open(&path)
            .map_err(|error| StoreError::io("open", &path, &error))?;
        Ok(Self {
            number,
            path,
            file,
            #[cfg(test)]
            faults: Faults::default(),
        })
    }

    /// Length of the file.
    pub fn length(&self) -> Result<u64> {
        self.file.metadata().map(|data| data.len()).map_err(|error| self.error("stat", &error))
    }

    /// Fills `target` from `offset`; a file that ends before is an error.
    pub fn read_exact(&self, target: &mut [u8], offset: u64) -> Result<()> {
        self.file.read_exact_at(target, offset).map_err(|error| self.error("read", &error))
    }

    /// `length` bytes from `offset` in pooled memory that is not cleared first.
    pub fn read_block(&self, offset: u64, length: usize) -> Result<Bytes> {
        let mut block = Block::with_capacity(length);
        let target = block.vec();
        while target.len() < length {
            let have = target.len();
            let room = &mut target.spare_capacity_mut()[..length - have];
            // SAFETY: `room` is writable memory of the length that is passed.
            let count = unsafe {
                libc::pread(
                    self.file.as_raw_fd(),
                    room.as_mut_ptr().cast(),
                    room.len(),
                    (offset + have as u64) as libc::off_t,
                )
            };
            match count {
                0 => return Err(self.error("read", &io::ErrorKind::UnexpectedEof.into())),
                // SAFETY: the kernel has just written `count` bytes behind the first `have`.
                count if count > 0 => unsafe { target.set_len(have + count as usize) },
                _ => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(self.error("read", &error));
                    }
                }
            }
        }
        Ok(block.freeze())
    }

    /// Writes all slices one behind the other from `offset`.
    pub fn write_gathered(&self, slices: &[&[u8]], mut offset: u64) -> Result<()> {
        #[cfg(test)]
        self.fault(&self.faults.write, "write")?;
        let mut rest: Vec<libc::iovec> = slices
            .iter()
            .filter(|slice| !slice.is_empty())
            .map(|slice| libc::iovec { iov_base: slice.as_ptr().cast_mut().cast(), iov_len: slice.len() })
            .collect();
        let mut first = 0;
        while first < rest.len() {
            let count = (rest.len() - first).min(MAX_SLICES);
            // SAFETY: each iovec describes a live slice (or the unwritten end of one), which
            // pwritev only reads; `count` of them stand from `first` on.
            let written = unsafe {
                libc::pwritev(
                    self.file.as_raw_fd(),
                    rest[first..].as_ptr(),
                    count as libc::c_int,
                    offset as libc::off_t,
                )
            };
            if written < 0 {
                let error = io::Error::last_os_error();
                if error.kind() == io::ErrorKind::Interrupted {
                    continue;
                }
                return Err(self.error("write", &error));
            }
            let mut written = written as usize;
            offset += written as u64;
            while first < rest.len() && written >= rest[first].iov_len {
                written -= rest[first].iov_len;
                first += 1;
            }
            if written > 0 {
                let slice = &mut rest[first];
                slice.iov_base = slice.iov_base.cast::<u8>().wrapping_add(written).cast();
                slice.iov_len -= written;
            }
        }
        Ok(())
    }

    /// Everything written so far is on disk, with the length of the file.
    pub fn sync(&self) -> Result<()> {
        #[cfg(test)]
        self.fault(&self.faults.sync, "fsync")?;
        self.file.sync_data().map_err(|error| self.error("fsync", &error))
    }

    /// Cuts the file.
    pub fn truncate(&self, length: u64) -> Result<()> {
        self.file.set_len(length).map_err(|error| self.error("truncate", &error))
    }

    pub(crate) fn error(&self, action: &str, error: &io::Error) -> StoreError {
        StoreError::io(action, &self.path, error)
    }

    #[cfg(test)]
    pub(crate) fn fault(&self, planned: &std::sync::atomic::AtomicI32, action: &str) -> Result<()> {
        match planned.swap(0, std::sync::atomic::Ordering::SeqCst) {
            0 => Ok(()),
            code => Err(self.error(action, &io::Error::from_raw_os_error(code))),
        }
    }
}
