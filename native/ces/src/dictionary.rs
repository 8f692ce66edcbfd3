//! Dictionaries: what many small contents of one kind share, known to both sides beforehand.
//!
//! A dictionary has the form of zstd's own (RFC 8878, section 5), with one rule more: its number is computed from its
//! bytes. So a frame names the very dictionary that it needs, and another one is told apart before it could
//! decompress to garbage.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use zstd_safe::{CDict, DDict};

use crate::{Error, Result, identity};

/// Most bytes of a dictionary. Beyond some 100 KiB they gain next to nothing.
pub const MAX_DICTIONARY_BYTES: usize = 1024 * 1024;
/// Most bytes of samples to learn from: a hundred times the usual dictionary, in a second or two.
pub const MAX_SAMPLE_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of one sample that count: the trainer looks no further.
pub const MAX_ONE_SAMPLE_BYTES: usize = 128 * 1024;

/// Smallest that zstd's trainer makes is 256 bytes; below that there is nothing to find anyway.
const MIN_DICTIONARY_BYTES: usize = 256;
const MAGIC: [u8; 4] = 0xEC30_A437_u32.to_le_bytes();
const HEADER_BYTES: usize = 8;
/// RFC 8878 keeps lower and higher numbers for a registry.
const FIRST_ID: u32 = 1 << 15;
const ID_COUNT: u32 = (1 << 31) - FIRST_ID;
const LEVELS: usize = 22;
/// Prepared dictionaries that are kept for the next call.
const MAX_KEPT: usize = 8;

static KEPT: Mutex<Vec<([u8; 32], Arc<Dictionary>)>> = Mutex::new(Vec::new());

/// A dictionary prepared for both directions. Preparing costs some 0.1 ms a level, so it happens once.
pub struct Dictionary {
    bytes: Vec<u8>,
    id: u32,
    compressors: [OnceLock<CDict<'static>>; LEVELS],
    decompressor: DDict<'static>,
}

impl Dictionary {
    /// From zstd's form; the number in it is replaced by the right one. Throws `DICTIONARY_INVALID`.
    pub fn new(mut bytes: Vec<u8>) -> Result<Self> {
        let id = number(&mut bytes)?;
        let decompressor = DDict::try_create(&bytes)
            .filter(|prepared| prepared.get_dict_id().is_some_and(|found| found.get() == id))
            .ok_or_else(|| invalid("its tables are damaged"))?;
        Ok(Self { bytes, id, compressors: [const { OnceLock::new() }; LEVELS], decompressor })
    }

    /// The same, or the one that a call before has prepared from the same bytes.
    pub fn shared(bytes: &[u8]) -> Result<Arc<Self>> {
        if bytes.len() > MAX_DICTIONARY_BYTES {
            return Err(invalid("it is too large"));
        }
        let key = identity(bytes);
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(known, _)| *known == key) {
            let found = kept.remove(at);
            let dictionary = Arc::clone(&found.1);
            kept.push(found);
            return Ok(dictionary);
        }
        drop(kept);
        let dictionary = Arc::new(Self::new(bytes.to_vec())?);
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MAX_KEPT {
            kept.remove(0);
        }
        kept.push((key, Arc::clone(&dictionary)));
        Ok(dictionary)
    }

    /// Its bytes, with the right number in them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What frames name it by.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// For compressing at a level of 1–22.
    pub(crate) fn compressor(&self, level: i32) -> Result<&CDict<'static>> {
        let slot = usize::try_from(level - 1).ok().and_then(|at| self.compressors.get(at));
        let slot = slot.ok_or_else(|| Error::Internal(format!("no dictionary at level {level}")))?;
        if let Some(prepared) = slot.get() {
            return Ok(prepared);
        }
        let prepared = CDict::try_create(&self.bytes, level).ok_or_else(|| invalid("its tables are damaged"))?;
        Ok(slot.get_or_init(|| prepared))
    }

    pub(crate) fn decompressor(&self) -> &DDict<'static> {
        &self.decompressor
    }
}

/// Learns a dictionary of at most `max_bytes` from samples of what it is for: some hundred, together a hundred times
/// its size, are right. Throws `DICTIONARY_INVALID` where they have too little in common.
pub fn train(samples: &[&[u8]], max_bytes: usize) -> Result<Vec<u8>> {
    if !(MIN_DICTIONARY_BYTES..=MAX_DICTIONARY_BYTES).contains(&max_bytes) {
        return Err(Error::DictionaryInvalid(format!(
            "a dictionary has {MIN_DICTIONARY_BYTES} to {MAX_DICTIONARY_BYTES} bytes, not {max_bytes}"
        )));
    }
    let samples = samples.iter().map(|sample| &sample[..sample.len().min(MAX_ONE_SAMPLE_BYTES)]);
    let total: usize = samples.clone().map(<[u8]>::len).sum();
    if total > MAX_SAMPLE_BYTES {
        return Err(Error::TooLarge(format!("{total} bytes of samples; {MAX_SAMPLE_BYTES} are enough")));
    }
    let lengths: Vec<usize> = samples.clone().map(<[u8]>::len).filter(|length| *length > 0).collect();
    let mut joined = Vec::with_capacity(total);
    samples.for_each(|sample| joined.extend_from_slice(sample));
    let mut bytes = vec![0; max_bytes];
    let length = zstd_safe::train_from_buffer(&mut bytes[..], &joined, &lengths).map_err(|_| {
        Error::DictionaryInvalid(format!(
            "{} samples of {total} bytes make no dictionary: give more of them, or a smaller size",
            lengths.len()
        ))
    })?;
    bytes.truncate(length);
    number(&mut bytes)?;
    Ok(bytes)
}

/// Writes the number that follows from the bytes, and gives it.
fn number(bytes: &mut [u8]) -> Result<u32> {
    if bytes.len() > MAX_DICTIONARY_BYTES {
        return Err(invalid("it is too large"));
    }
    if bytes.len() < HEADER_BYTES || !bytes.starts_with(&MAGIC) {
        return Err(invalid("it is not in the form of zstd's"));
    }
    let (header, content) = bytes.split_at_mut(HEADER_BYTES);
    let [a, b, c, d, ..] = identity(content);
    let id = FIRST_ID + u32::from_le_bytes([a, b, c, d]) % ID_COUNT;
    header[4..].copy_from_slice(&id.to_le_bytes());
    Ok(id)
}

fn invalid(why: &str) -> Error {
    Error::DictionaryInvalid(format!("this is no dictionary: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn samples(count: usize) -> Vec<Vec<u8>> {
        (0..count)
            .map(|at| {
                format!(
                    "{{\"user\":{},\"city\":\"{}\",\"active\":{},\"score\":{}}}",
                    at * 7919 % 10_000,
                    ["Lisbon", "Osaka", "Quito", "Oslo"][at * 31 % 4],
                    at.is_multiple_of(3),
                    at * 104_729 % 977
                )
                .into_bytes()
            })
            .collect()
    }

    fn trained() -> Vec<u8> {
        let samples = samples(2000);
        let slices: Vec<&[u8]> = samples.iter().map(Vec::as_slice).collect();
        train(&slices, 4096).unwrap()
    }

    #[test]
    fn a_dictionary_is_numbered_by_its_bytes() {
        let bytes = trained();
        let dictionary = Dictionary::new(bytes.clone()).unwrap();
        assert_eq!(dictionary.bytes(), bytes, "the trainer has written the number already");
        let mut renumbered = bytes.clone();
        renumbered[4..8].copy_from_slice(&77_u32.to_le_bytes());
        assert_eq!(Dictionary::new(renumbered).unwrap().id(), dictionary.id());
        let mut other = bytes;
        *other.last_mut().unwrap() ^= 1;
        assert_ne!(Dictionary::new(other).unwrap().id(), dictionary.id());
    }

    #[test]
    fn what_is_no_dictionary_is_refused() {
        let bytes = trained();
        for refused in [&b""[..], b"dictionary", &bytes[..8], &bytes[..40], &bytes[1..], &[7; MAX_DICTIONARY_BYTES + 1]]
        {
            assert_eq!(Dictionary::new(refused.to_vec()).err().map(|error| error.code()), Some("DICTIONARY_INVALID"));
        }
    }

    #[test]
    fn training_that_cannot_succeed_says_so() {
        let few = samples(3);
        let few: Vec<&[u8]> = few.iter().map(Vec::as_slice).collect();
        assert_eq!(train(&few, 4096).unwrap_err().code(), "DICTIONARY_INVALID");
        assert_eq!(train(&[], 4096).unwrap_err().code(), "DICTIONARY_INVALID");
        assert_eq!(train(&few, 255).unwrap_err().code(), "DICTIONARY_INVALID");
        let large = vec![0; MAX_ONE_SAMPLE_BYTES + 5];
        let many: Vec<&[u8]> = (0..=MAX_SAMPLE_BYTES / MAX_ONE_SAMPLE_BYTES).map(|_| large.as_slice()).collect();
        assert_eq!(train(&many, 4096).unwrap_err().code(), "TOO_LARGE");
    }

    #[test]
    fn the_same_bytes_are_prepared_once() {
        let bytes = trained();
        let first = Dictionary::shared(&bytes).unwrap();
        assert!(Arc::ptr_eq(&first, &Dictionary::shared(&bytes).unwrap()));
        assert!(std::ptr::eq(first.compressor(3).unwrap(), first.compressor(3).unwrap()));
        assert_eq!(first.compressor(0).err().map(|error| error.code()), Some("INTERNAL"));
    }
}
