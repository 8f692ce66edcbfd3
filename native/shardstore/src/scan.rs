//! Reads a volume from a known place to its end and tells a torn tail from damage in the middle.

use crate::error::{Code, Result, StoreError};
use crate::format::{
    ALIGNMENT, HeaderFault, Place, RECORD_HEADER_BYTES, RECORD_MAGIC, RecordHeader, VOLUME_HEADER_BYTES, record_bytes,
};

/// What the scanner reads from; a file, or memory in tests.
pub trait Source {
    /// Fills `target` from `offset`.
    fn read(&self, target: &mut [u8], offset: u64) -> Result<()>;
}

impl Source for crate::volume::Volume {
    fn read(&self, target: &mut [u8], offset: u64) -> Result<()> {
        self.read_exact(target, offset)
    }
}

/// Bytes in the middle of a volume that are not a record, with valid records behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// What a scan found.
#[derive(Debug, PartialEq, Eq)]
pub struct Scan {
    /// End of the last valid record: what is behind it is a torn tail.
    pub end: u64,
    /// Holes before it.
    pub damage: Vec<Damage>,
}

/// Bytes read at once while looking for the next record behind a damaged one.
const WINDOW_BYTES: usize = 1024 * 1024;

/// Visits the records between `from` and `length`. With `verify` a payload must match its identity,
/// as is needed where nothing says that the bytes were ever synced.
pub fn scan(
    source: &impl Source,
    place: &Place,
    from: u64,
    length: u64,
    verify: bool,
    mut visit: impl FnMut(u64, &RecordHeader),
) -> Result<Scan> {
    let mut at = from.max(VOLUME_HEADER_BYTES);
    let mut damage = Vec::new();
    let mut payload = Vec::new();
    loop {
        if let Some(header) = record_at(source, place, at, length, verify, &mut payload)? {
            visit(at, &header);
            at += record_bytes(header.length);
            continue;
        }
        match next_record(source, place, at + ALIGNMENT, length, &mut payload)? {
            None => return Ok(Scan { end: at.min(length), damage }),
            Some(next) => {
                damage.push(Damage { offset: at, length: next - at });
                at = next;
            }
        }
    }
}

fn record_at(
    source: &impl Source,
    place: &Place,
    at: u64,
    length: u64,
    verify: bool,
    payload: &mut Vec<u8>,
) -> Result<Option<RecordHeader>> {
    let mut bytes = [0; RECORD_HEADER_BYTES];
    if at + RECORD_HEADER_BYTES as u64 > length {
        return Ok(None);
    }
    source.read(&mut bytes, at)?;
    let header = match place.decode_record(at, &bytes) {
        Ok(header) => header,
        Err(HeaderFault::Damaged) => return Ok(None),
        Err(HeaderFault::Unsupported) => {
            return Err(StoreError::new(
                Code::StoreCorrupt,
                format!("volume {} holds records of a newer version: use the newer program", place.volume),
            ));
        }
    };
    if at + record_bytes(header.length) > length {
        return Ok(None);
    }
    if verify && !header.removal {
        payload.resize(header.length as usize, 0);
        source.read(payload, at + RECORD_HEADER_BYTES as u64)?;
        if blake3::hash(payload).as_bytes() != &header.identity {
            return Ok(None);
        }
    }
    Ok(Some(header))
}

/// The next place, from `at` on, where an intact record stands.
fn next_record(
    source: &impl Source,
    place: &Place,
    mut at: u64,
    length: u64,
    payload: &mut Vec<u8>,
) -> Result<Option<u64>> {
    let mut window = Vec::new();
    while at + RECORD_HEADER_BYTES as u64 <= length {
        window.resize(WINDOW_BYTES.min((length - at) as usize), 0);
        source.read(&mut window, at)?;
        for (index, word) in window.chunks_exact(ALIGNMENT as usize).enumerate() {
            let candidate = at + index as u64 * ALIGNMENT;
            if word[..4] == RECORD_MAGIC && record_at(source, place, candidate, length, true, payload)?.is_some() {
                return Ok(Some(candidate));
            }
        }
        at += WINDOW_BYTES as u64;
    }
    Ok(None)
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
