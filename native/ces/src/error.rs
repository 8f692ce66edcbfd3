//! What can go wrong, in the words that cross every boundary of the project.

use thiserror::Error;

/// The reason why a call gave nothing. [`Error::code`] is the stable name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// Bytes that do not authenticate, do not decompress, or are not of the shape an encoder writes.
    #[error("{0}")]
    Corrupt(String),
    /// Fewer than eight of twelve shards.
    #[error("{present} of 12 shards are there, 8 are needed")]
    NotEnoughShards {
        /// How many there are.
        present: usize,
    },
    /// More than the format holds or the caller allows.
    #[error("{0}")]
    TooLarge(String),
    /// Content that was compressed with another dictionary than the one at hand.
    #[error("{0}")]
    WrongDictionary(String),
    /// Bytes that are no dictionary, or samples that make none.
    #[error("{0}")]
    DictionaryInvalid(String),
    /// A request that no correct caller makes.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The stable code, one of `src/errors/errors.ts`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Corrupt(_) => "CORRUPT",
            Self::NotEnoughShards { .. } => "NOT_ENOUGH_SHARDS",
            Self::TooLarge(_) => "TOO_LARGE",
            Self::WrongDictionary(_) => "WRONG_DICTIONARY",
            Self::DictionaryInvalid(_) => "DICTIONARY_INVALID",
            Self::Internal(_) => "INTERNAL",
        }
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
