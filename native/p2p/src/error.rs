use thiserror::Error;

/// A failure with one of the project's stable codes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{code}: {message}")]
pub struct P2pError {
    /// Code of `src/errors/errors.ts`.
    pub code: &'static str,
    /// One line for people.
    pub message: String,
}

impl P2pError {
    /// An error of this code.
    pub fn new(code: &'static str, message: impl std::fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }

    pub(crate) fn closed() -> Self {
        Self::new("NODE_STOPPING", "the host is closed")
    }
}

/// Looks for an error of one type behind another, through the boxes that transports put around it.
pub(crate) fn find_cause<'a, T: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a T> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // The source of a custom io::Error is its content's source: the content itself has to be asked for.
        if let Some(found) =
            error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref).and_then(|inner| find_cause(inner))
        {
            return Some(found);
        }
        current = error.source();
    }
    None
}
