//! From a directory to an index: checkpoint first, then what was appended behind it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::checkpoint::{self, CHECKPOINT_FILE, Checkpoint};
use crate::error::{Code, Result, StoreError};
use crate::format::{ALIGNMENT, Place, VOLUME_HEADER_BYTES};
use crate::index::{Entry, Index};
use crate::marker::{Home, sync_directory};
use crate::scan::scan;
use crate::volume::{Volume, number_of};

/// What opening found.
pub struct Loaded {
    /// All records.
    pub index: Index,
    /// Next free sequence number.
    pub next_sequence: u64,
    /// Next free volume number.
    pub next_number: u32,
    /// The volume to go on with, if one has room.
    pub active: Option<u32>,
    /// What is not as it was left, a line each.
    pub damage: Vec<String>,
}

/// Reads the checkpoint and scans what is behind it.
pub fn load(home: &Home, volume_bytes: u64) -> Result<Loaded> {
    let numbers = volume_numbers(&home.path)?;
    let known = fs::read(home.path.join(CHECKPOINT_FILE)).ok().and_then(|bytes| checkpoint::decode(&bytes, &home.set));
    let mut loaded =
        Loaded { index: Index::default(), next_sequence: 1, next_number: 1, active: None, damage: Vec::new() };
    for number in &numbers {
        loaded.next_number = loaded.next_number.max(number + 1);
        let file = Volume::open(&home.path, *number, false)?;
        let length = file.length()?;
        if length >= VOLUME_HEADER_BYTES {
            check_header(home, &file, &mut loaded.damage)?;
            loaded.index.add_volume(Arc::new(file), length);
        } else if known.as_ref().is_none_or(|known| known.volumes.iter().all(|volume| volume.0 != *number)) {
            // Made just before a crash: it never held a record.
            fs::remove_file(&file.path).map_err(|error| StoreError::io("unlink", &file.path, &error))?;
            sync_directory(&home.path)?;
        }
    }
    if let Some(known) = &known {
        apply_checkpoint(known, &mut loaded);
    }
    for (position, number) in numbers.iter().enumerate() {
        // A volume is synced before the next one begins, so without a checkpoint only the last can hold torn records.
        let verify = known.is_some() || position + 1 == numbers.len();
        let from = known.as_ref().and_then(|known| known.volumes.iter().find(|volume| volume.0 == *number));
        scan_volume(home, *number, from.map_or(VOLUME_HEADER_BYTES, |from| from.1), verify, &mut loaded)?;
    }
    loaded.active = numbers.last().copied().filter(|number| {
        let total = loaded.index.volumes.get(number).map_or(u64::MAX, |tally| tally.total_bytes);
        total < volume_bytes && total.is_multiple_of(ALIGNMENT)
    });
    Ok(loaded)
}

fn volume_numbers(directory: &Path) -> Result<Vec<u32>> {
    let failed = |error| StoreError::io("list", directory, &error);
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        numbers.extend(entry.map_err(failed)?.file_name().to_str().and_then(number_of));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn check_header(home: &Home, file: &Volume, damage: &mut Vec<String>) -> Result<()> {
    let place = Place { set: home.set, volume: file.number };
    let mut header = [0; VOLUME_HEADER_BYTES as usize];
    file.read_exact(&mut header, 0)?;
    if header == place.encode_volume() {
        return Ok(());
    }
    if let Ok(found) = Place::decode_volume(&header) {
        return Err(StoreError::new(
            Code::Foreign,
            format!("{} is volume {} of another set or name", file.path.display(), found.volume),
        ));
    }
    // Torn at its making, or damaged since. The place is known from the marker and the name.
    if header != [0; VOLUME_HEADER_BYTES as usize] {
        damage.push(format!("volume {}: damaged header, written anew", file.number));
    }
    file.write_gathered(&[&place.encode_volume()], 0)?;
    file.sync()
}

fn apply_checkpoint(known: &Checkpoint, loaded: &mut Loaded) {
    loaded.next_sequence = known.next_sequence;
    let mut lost = std::collections::BTreeMap::<u32, usize>::new();
    for (key, entry) in &known.entries {
        loaded.next_sequence = loaded.next_sequence.max(entry.sequence.saturating_add(1));
        let there = loaded.index.volumes.get(&entry.volume).is_some_and(|tally| ends_within(entry, tally.total_bytes));
        if there {
            loaded.index.apply(key, *entry);
        } else {
            *lost.entry(entry.volume).or_default() += 1;
        }
    }
    for (number, position) in &known.volumes {
        loaded.next_number = loaded.next_number.max(number.saturating_add(1));
        let length = loaded.index.volumes.get(number).map(|tally| tally.total_bytes);
        let records = lost.get(number).copied().unwrap_or(0);
        match length {
            None => loaded.damage.push(format!("volume {number}: the file is gone, with {records} records")),
            Some(length) if length < *position => loaded
                .damage
                .push(format!("volume {number}: {} bytes are cut off, with {records} records", position - length)),
            Some(_) => {}
        }
    }
}

fn ends_within(entry: &Entry, length: u64) -> bool {
    entry.offset.checked_add(crate::format::record_bytes(entry.length)).is_some_and(|end| end <= length)
}

fn scan_volume(home: &Home, number: u32, from: u64, verify: bool, loaded: &mut Loaded) -> Result<()> {
    let Some(tally) = loaded.index.volumes.get(&number) else { return Ok(()) };
    let (file, length) = (tally.file.clone(), tally.total_bytes);
    if from >= length {
        return Ok(());
    }
    let place = Place { set: home.set, volume: number };
    let found = scan(&*file, &place, from, length, verify, |offset, header| {
        loaded.next_sequence = loaded.next_sequence.max(header.sequence.saturating_add(1));
        let entry = Entry {
            sequence: header.sequence,
            volume: number,
            offset,
            length: header.length,
            identity: header.identity,
            removal: header.removal,
        };
        loaded.index.apply(&header.key, entry);
    })?;
    for hole in found.damage {
        loaded.damage.push(format!("volume {number}: {} damaged bytes at {}", hole.length, hole.offset));
    }
    if found.end < length {
        file.truncate(found.end)?;
        loaded.index.resize_volume(number, found.end);
    }
    // What a killed process had written is only in memory until now, and the next checkpoint will call it durable.
    file.sync()
}
