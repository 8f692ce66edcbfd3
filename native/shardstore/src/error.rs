//! The one error of the store: a stable code of `src/errors/errors.ts` and a line of text.

use std::io;
use std::path::Path;

/// Stable codes, the same words as in TypeScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// No room on the disk or inside the quota.
    Full,
    /// The file system or the permissions forbid writing.
    ReadOnly,
    /// The directory, or the marker in it, is not there.
    Missing,
    /// The directory belongs to someone else.
    Foreign,
    /// Another process has the directory open.
    Locked,
    /// Stored bytes contradict themselves in a way that stops the store.
    StoreCorrupt,
    /// One record's bytes do not match its identity.
    Corrupt,
    /// The disk reported an error.
    Io,
    /// Used after close.
    Closed,
    /// A payload does not match the identity that its caller gave.
    Mismatch,
    /// A payload above the largest allowed.
    TooLarge,
    /// The caller broke the contract.
    Internal,
}

impl Code {
    /// The code as it crosses the native boundary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "STORE_FULL",
            Self::ReadOnly => "STORE_READ_ONLY",
            Self::Missing => "STORE_MISSING",
            Self::Foreign => "STORE_FOREIGN",
            Self::Locked => "STORE_LOCKED",
            Self::StoreCorrupt => "STORE_CORRUPT",
            Self::Corrupt => "CORRUPT",
            Self::Io => "STORE_IO",
            Self::Closed => "STORE_CLOSED",
            Self::Mismatch => "SHARD_MISMATCH",
            Self::TooLarge => "TOO_LARGE",
            Self::Internal => "INTERNAL",
        }
    }
}

/// What went wrong. Cloned to every caller that waited for the same write or fsync.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub struct StoreError {
    /// Stable code.
    pub code: Code,
    /// One line for people.
    pub message: String,
}

/// Result of the store.
pub type Result<T> = std::result::Result<T, StoreError>;

impl StoreError {
    /// An error with its text.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Use after close.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(Code::Closed, "the shard store is closed")
    }

    /// The operating system's error, with what was being done to which file.
    #[must_use]
    pub fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        let code = match error.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => Code::Full,
            Some(libc::EROFS | libc::EACCES | libc::EPERM) => Code::ReadOnly,
            _ => Code::Io,
        };
        Self::new(code, format!("{action} {}: {error}", path.display()))
    }
}
