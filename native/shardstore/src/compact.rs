//! Gives back the space of removed and replaced records while the store serves: the live records of a
//! mostly dead volume move to the end, then the file goes. Readers that still hold it finish undisturbed.

use bytes::Bytes;

use crate::error::{Result, StoreError};
use crate::format::{Key, RECORD_HEADER_BYTES};
use crate::index::Entry;
use crate::{Job, Store};

/// Payload bytes moved at once: bounds memory, and how long a put waits behind compaction.
const STEP_BYTES: usize = 8 * 1024 * 1024;

impl Store {
    /// Compacts every volume that is more than half garbage; returns the bytes won. Blocks.
    pub fn compact(&self) -> Result<u64> {
        let _one = self.compaction.lock();
        if self.shared.is_closed() {
            return Err(StoreError::closed());
        }
        let before = self.shared.index.read().total_bytes;
        let candidates = self.candidates()?;
        for number in candidates {
            self.compact_volume(number)?;
        }
        Ok(before.saturating_sub(self.shared.index.read().total_bytes))
    }

    fn candidates(&self) -> Result<Vec<u32>> {
        let (candidates, last) = {
            let index = self.shared.index.read();
            let wanted: Vec<u32> =
                index.volumes.keys().copied().filter(|number| index.is_mostly_garbage(*number)).collect();
            (wanted, index.volumes.keys().next_back().copied())
        };
        if last.is_some_and(|last| candidates.contains(&last)) {
            self.shared.perform(|done| Job::Seal { done })?;
        }
        Ok(candidates)
    }

    fn compact_volume(&self, number: u32) -> Result<()> {
        let (entries, file) = {
            let index = self.shared.index.read();
            let Some(tally) = index.volumes.get(&number) else { return Ok(()) };
            let lowest = index.volumes.keys().next() == Some(&number);
            let mut entries = index.entries_of(number);
            entries.retain(|(_, entry)| !(entry.removal && lowest));
            (entries, tally.file.clone())
        };
        let mut step: Vec<(Key, Entry, Bytes)> = Vec::new();
        let mut bytes = 0;
        for (key, entry) in entries {
            // A damaged payload moves as it is: reading it keeps saying CORRUPT until it is repaired.
            let payload = file.read_block(entry.offset + RECORD_HEADER_BYTES as u64, entry.length as usize)?;
            bytes += payload.len() + RECORD_HEADER_BYTES;
            step.push((key, entry, payload));
            if bytes >= STEP_BYTES {
                let records = std::mem::take(&mut step);
                bytes = 0;
                self.shared.perform(|done| Job::Copy { records, done })?;
            }
        }
        self.shared.perform(|done| Job::Copy { records: step, done })?;
        self.shared.perform(|done| Job::Reclaim { volume: number, done })
    }
}
