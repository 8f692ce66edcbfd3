//! What can go wrong, with the codes that TypeScript knows.

use std::io;

/// Codes of stream resets and connection closes; `schema/shard-protocol.md` lists them.
pub(crate) mod reset {
    use quinn::VarInt;

    pub(crate) const NONE: VarInt = VarInt::from_u32(0);
    pub(crate) const CANCELLED: VarInt = VarInt::from_u32(1);
    pub(crate) const TOO_LARGE: VarInt = VarInt::from_u32(2);
    pub(crate) const MALFORMED: VarInt = VarInt::from_u32(3);
    pub(crate) const STOPPED: VarInt = VarInt::from_u32(4);
}

/// Why an operation failed. [`Error::code`] is one of the codes of `src/errors/errors.ts`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The local address is taken.
    #[error("{0} is in use by another process")]
    PortInUse(String),
    /// The local address is none of this machine, or text that is no address.
    #[error("{0}")]
    AddressInvalid(String),
    /// Nobody answered, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// Somebody else answered.
    #[error("expected {expected}, found {found}")]
    Mismatch {
        /// Who was to be there.
        expected: String,
        /// Who is there.
        found: String,
    },
    /// The dial policy forbids the address.
    #[error("{0} is a private address outside the allowlist")]
    DialRefused(String),
    /// The request's time is over.
    #[error("no answer within {0} ms")]
    Timeout(u64),
    /// The caller gave up.
    #[error("cancelled")]
    Aborted,
    /// The peer broke the protocol.
    #[error("{0}")]
    Protocol(String),
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Key material that cannot be used.
    #[error("{0}")]
    Identity(String),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::PortInUse(_) => "PORT_IN_USE",
            Self::AddressInvalid(_) => "ADDRESS_INVALID",
            Self::Unreachable(_) => "PEER_UNREACHABLE",
            Self::Mismatch { .. } => "PEER_MISMATCH",
            Self::DialRefused(_) => "DIAL_REFUSED",
            Self::Timeout(_) => "TIMEOUT",
            Self::Aborted => "ABORTED",
            Self::Protocol(_) => "PROTOCOL",
            Self::Io(_) | Self::Identity(_) => "INTERNAL",
        }
    }
}

impl From<quinn::ConnectionError> for Error {
    fn from(error: quinn::ConnectionError) -> Self {
        Self::Unreachable(close_reason(&error))
    }
}

/// One line for people: why a connection ended.
pub(crate) fn close_reason(error: &quinn::ConnectionError) -> String {
    use quinn::ConnectionError as E;
    match error {
        E::ApplicationClosed(close) if close.reason.is_empty() => "closed by the peer".to_owned(),
        E::ApplicationClosed(close) => {
            let reason =
                String::from_utf8_lossy(&close.reason[..close.reason.len().min(200)]).replace(char::is_control, " ");
            format!("closed by the peer: {reason}")
        }
        E::LocallyClosed => "closed here".to_owned(),
        E::TimedOut => "the peer fell silent".to_owned(),
        E::Reset => "the peer has restarted".to_owned(),
        other => other.to_string(),
    }
}
