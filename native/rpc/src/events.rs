//! What the host has to do, as records of 32-bit words, little endian: kind, length in words, then as each kind says.
//!
//! | kind | words |
//! |---|---|
//! | `CALL` | call, servant, interface (low, high), method, capabilities, message |
//! | `CANCEL` | call |
//! | `RETURNED` | question, capabilities, message |
//! | `FAILED` | question, kind of failure, bytes of reason, reason padded to words |
//! | `DROPPED` | servant, how often it had been sent |
//! | `SPLICE` | position in the output, body: the host's own bytes belong there |
//! | `ENDED` | bytes of reason, reason padded to words; nothing comes after it |
//!
//! Capabilities: count, then for each 0 for none, `n` for reference `n` to an object of the remote, `-1 - s` for servant `s`.
//! A message: handle, count of segments, bytes of each; with handle 0 the segments follow, else they are taken by it.

use crate::frame::{Segments, bytes};

/// A call on a servant.
pub const CALL: u32 = 1;
/// A call needs no answer any more.
pub const CANCEL: u32 = 2;
/// A call of the host's has results.
pub const RETURNED: u32 = 3;
/// A call of the host's has failed.
pub const FAILED: u32 = 4;
/// The remote holds a servant no more.
pub const DROPPED: u32 = 5;
/// The host's bytes belong into the output.
pub const SPLICE: u32 = 6;
/// The connection is over.
pub const ENDED: u32 = 7;

/// Larger messages are taken by handle, so that their bytes cross the boundary once.
pub const INLINE_BYTES: usize = 16 * 1024;
/// Longest text in a record; no record is longer than 40,000 bytes.
const TEXT_BYTES: usize = 4096;

/// Builds records, one after the other.
#[derive(Debug, Default)]
pub struct Events {
    bytes: Vec<u8>,
    taken: usize,
}

impl Events {
    /// Moves as many whole records into `room` as fit, and says how many bytes that is.
    pub fn take(&mut self, room: &mut [u8]) -> usize {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let mut end = 0;
        while let Some(words) = word(rest, end + 4) {
            let after = end + words as usize * 4;
            if after > room.len() || after > rest.len() {
                break;
            }
            end = after;
        }
        if let (Some(room), Some(records)) = (room.get_mut(..end), rest.get(..end)) {
            room.copy_from_slice(records);
        }
        self.taken += end;
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        }
        end
    }

    /// Bytes not taken yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn plain(&mut self, kind: u32, words: &[u32]) {
        self.record(kind, |events| words.iter().for_each(|&word| events.push(word)));
    }

    pub(crate) fn text(&mut self, kind: u32, words: &[u32], text: &str) {
        self.record(kind, |events| {
            words.iter().for_each(|&word| events.push(word));
            let text = text.as_bytes().get(..TEXT_BYTES).unwrap_or(text.as_bytes());
            events.push(text.len() as u32);
            events.bytes.extend_from_slice(text);
            events.bytes.resize(events.bytes.len().next_multiple_of(4), 0);
        });
    }

    /// With capabilities and a message; `handle` is 0 when the segments go along.
    pub(crate) fn message(&mut self, kind: u32, words: &[u32], capabilities: &[i32], handle: u32, segments: &Segments) {
        self.record(kind, |events| {
            words.iter().for_each(|&word| events.push(word));
            events.push(capabilities.len() as u32);
            capabilities.iter().for_each(|&capability| events.push(capability as u32));
            events.push(handle);
            events.push(segments.len() as u32);
            segments.iter().for_each(|segment| events.push(segment.len() as u32 * 8));
            if handle == 0 {
                segments.iter().for_each(|segment| events.bytes.extend_from_slice(bytes(segment)));
            }
        });
    }

    fn record(&mut self, kind: u32, write: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.push(kind);
        self.push(0);
        write(self);
        let words = ((self.bytes.len() - start) / 4) as u32;
        if let Some(place) = self.bytes.get_mut(start + 4..start + 8) {
            place.copy_from_slice(&words.to_le_bytes());
        }
    }

    fn push(&mut self, word: u32) {
        self.bytes.extend_from_slice(&word.to_le_bytes());
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_records_are_taken() {
        let mut events = Events::default();
        events.plain(CANCEL, &[7]);
        events.text(ENDED, &[], "PROTOCOL: no");
        let mut room = [0; 20];
        assert_eq!(events.take(&mut room), 12);
        assert_eq!(room[..12], [2, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0]);
        assert_eq!(events.take(&mut room), 0);
        let mut room = [0; 64];
        assert_eq!(events.take(&mut room), 24);
        assert!(events.is_empty());
    }
}
