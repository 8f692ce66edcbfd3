//! Where every record stands, and what each volume holds. All in memory: 80 bytes a record.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::format::{Key, VOLUME_HEADER_BYTES, record_bytes};
use crate::volume::Volume;

/// The newest record of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The newer one of two wins.
    pub sequence: u64,
    /// Volume that holds it.
    pub volume: u32,
    /// Where its header begins.
    pub offset: u64,
    /// Bytes of its payload.
    pub length: u32,
    /// BLAKE3-256 of the payload.
    pub identity: [u8; 32],
    /// The key was removed; remembered as long as older records of it may be on disk.
    pub removal: bool,
}

impl Entry {
    fn age(&self) -> (u64, u32, u64) {
        (self.sequence, self.volume, self.offset)
    }

    fn bytes(&self) -> u64 {
        record_bytes(self.length)
    }
}

/// One volume and what of it is needed.
pub struct Tally {
    /// The open file.
    pub file: Arc<Volume>,
    /// Length up to the end of the last record.
    pub total_bytes: u64,
    /// Of these, in records that the index points to.
    pub live_bytes: u64,
    /// Of these, in removals that may still have older records to suppress.
    pub removal_bytes: u64,
}

/// The whole index.
#[derive(Default)]
pub struct Index {
    objects: HashMap<[u8; 32], Vec<(u64, Entry)>>,
    /// By number.
    pub volumes: BTreeMap<u32, Tally>,
    /// Records that can be read.
    pub records: u64,
    /// Their bytes with headers.
    pub live_bytes: u64,
    /// Bytes of all volumes.
    pub total_bytes: u64,
}

impl Index {
    /// The newest record of a key, be it a removal.
    #[must_use]
    pub fn entry(&self, key: &Key) -> Option<&Entry> {
        let slots = self.objects.get(&key.object)?;
        let at = slots.binary_search_by_key(&key.slot(), |slot| slot.0).ok()?;
        Some(&slots[at].1)
    }

    /// The record of a key that can be read.
    #[must_use]
    pub fn live(&self, key: &Key) -> Option<&Entry> {
        self.entry(key).filter(|entry| !entry.removal)
    }

    /// Slots of one object, in order.
    pub fn slots(&self, object: &[u8; 32]) -> impl Iterator<Item = &(u64, Entry)> {
        self.objects.get(object).into_iter().flatten().filter(|slot| !slot.1.removal)
    }

    /// Objects with a readable record of a kind.
    pub fn objects(&self, kind: u8) -> impl Iterator<Item = &[u8; 32]> {
        self.objects.iter().filter_map(move |(object, slots)| {
            let first = slots.partition_point(|slot| slot.0 >> 48 < u64::from(kind));
            let mut same = slots[first..].iter().take_while(|slot| slot.0 >> 48 == u64::from(kind));
            same.any(|slot| !slot.1.removal).then_some(object)
        })
    }

    /// Every entry, removals included.
    pub fn entries(&self) -> impl Iterator<Item = (Key, &Entry)> {
        self.objects
            .iter()
            .flat_map(|(object, slots)| slots.iter().map(|(slot, entry)| (Key::from_slot(*object, *slot), entry)))
    }

    /// Takes a record in when it is newer than what is known. Returns what it replaced, if it did replace.
    pub fn apply(&mut self, key: &Key, entry: Entry) -> Option<Option<Entry>> {
        if self.entry(key).is_some_and(|known| known.age() >= entry.age()) {
            return None;
        }
        Some(self.set(key, Some(entry)))
    }

    /// Puts an entry in place, or none, whatever stood there.
    pub fn set(&mut self, key: &Key, entry: Option<Entry>) -> Option<Entry> {
        let slots = self.objects.entry(key.object).or_default();
        let previous = match (slots.binary_search_by_key(&key.slot(), |slot| slot.0), entry) {
            (Ok(at), Some(entry)) => Some(std::mem::replace(&mut slots[at].1, entry)),
            (Ok(at), None) => Some(slots.remove(at).1),
            (Err(at), Some(entry)) => {
                slots.insert(at, (key.slot(), entry));
                None
            }
            (Err(_), None) => None,
        };
        if slots.is_empty() {
            self.objects.remove(&key.object);
        }
        if let Some(previous) = &previous {
            self.count(previous, false);
        }
        if let Some(entry) = &entry {
            self.count(entry, true);
        }
        previous
    }

    fn count(&mut self, entry: &Entry, add: bool) {
        let change = |counter: &mut u64, amount: u64| {
            *counter = if add { *counter + amount } else { counter.saturating_sub(amount) };
        };
        if let Some(tally) = self.volumes.get_mut(&entry.volume) {
            change(if entry.removal { &mut tally.removal_bytes } else { &mut tally.live_bytes }, entry.bytes());
        }
        if !entry.removal {
            change(&mut self.records, 1);
            change(&mut self.live_bytes, entry.bytes());
        }
    }

    /// A volume's removals are needed only while an older volume may hold what they suppress.
    #[must_use]
    pub fn needed_bytes(&self, number: u32) -> u64 {
        let lowest = self.volumes.keys().next() == Some(&number);
        self.volumes.get(&number).map_or(0, |tally| tally.live_bytes + if lowest { 0 } else { tally.removal_bytes })
    }

    /// Whether more than half of a volume can be won back.
    #[must_use]
    pub fn is_mostly_garbage(&self, number: u32) -> bool {
        let total = self.volumes.get(&number).map_or(0, |tally| tally.total_bytes.saturating_sub(VOLUME_HEADER_BYTES));
        total > 0 && self.needed_bytes(number) * 2 < total
    }

    /// Entries that stand in a volume, in the order of the file.
    #[must_use]
    pub fn entries_of(&self, number: u32) -> Vec<(Key, Entry)> {
        let mut found: Vec<(Key, Entry)> =
            self.entries().filter(|(_, entry)| entry.volume == number).map(|(key, entry)| (key, *entry)).collect();
        found.sort_unstable_by_key(|(_, entry)| entry.offset);
        found
    }

    /// A volume joins, with so many bytes in it already.
    pub fn add_volume(&mut self, file: Arc<Volume>, total_bytes: u64) {
        self.total_bytes += total_bytes;
        self.volumes.insert(file.number, Tally { file, total_bytes, live_bytes: 0, removal_bytes: 0 });
    }

    /// A volume has become longer, or shorter by what an fsync failed to keep.
    pub fn resize_volume(&mut self, number: u32, total_bytes: u64) {
        if let Some(tally) = self.volumes.get_mut(&number) {
            self.total_bytes = self.total_bytes + total_bytes - tally.total_bytes;
            tally.total_bytes = total_bytes;
        }
    }

    /// A volume leaves, with the removals that stand in it; nothing else may.
    pub fn drop_volume(&mut self, number: u32) -> Option<Arc<Volume>> {
        if self.volumes.get(&number)?.removal_bytes > 0 {
            for (key, _) in self.entries_of(number) {
                self.set(&key, None);
            }
        }
        let tally = self.volumes.remove(&number)?;
        self.total_bytes -= tally.total_bytes;
        Some(tally.file)
    }
}
