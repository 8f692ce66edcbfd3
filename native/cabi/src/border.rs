//! What happens at every crossing: panics stop, errors are kept for the caller, the stack is wiped.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pangea_ces::{Error, Result};

thread_local! {
    static LAST_ERROR: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Runs a call. `None` when it failed; the reason is the thread's last error then.
pub fn cross<T>(call: impl FnOnce() -> Result<T>) -> Option<T> {
    // Nothing that a panic leaves half done is seen again: handles do not change, results are dropped.
    let done = catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(Error::Internal("a bug: the call panicked; the reason is on stderr".into())));
    wipe_stack();
    let (result, error) = match done {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(text_of(&error))),
    };
    // A thread that is ending has no place for it any more, and nobody to ask.
    let _ = LAST_ERROR.try_with(|last| last.replace(error));
    result
}

/// For results that carry it themselves.
pub fn last_error() -> CString {
    LAST_ERROR.try_with(|last| last.borrow().clone()).ok().flatten().unwrap_or_default()
}

pub fn last_error_pointer() -> *const c_char {
    LAST_ERROR
        .try_with(|last| last.borrow().as_ref().map_or(ptr::null(), |error| error.as_ptr()))
        .unwrap_or(ptr::null())
}

fn text_of(error: &Error) -> CString {
    let text = format!("{}: {error}", error.code()).replace('\0', " ");
    CString::new(text).unwrap_or_default()
}

/// More than the frames of any cipher and what lies above them; takes less than half a microsecond.
const WIPED_BYTES: usize = 32 * 1024;

/// Overwrites the frames that the call has left: a cipher's state begins with its key, and what the compiler spills of
/// it nobody else wipes.
#[inline(never)]
fn wipe_stack() {
    let mut left_behind = [0_u8; WIPED_BYTES];
    std::hint::black_box(&mut left_behind);
}
