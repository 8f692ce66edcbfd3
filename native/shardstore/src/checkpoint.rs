//! The index on disk, so that a large store opens without reading its volumes. Only a shortcut: what
//! is damaged is ignored and the volumes are scanned.

use crate::format::{Key, MAX_PAYLOAD_BYTES, u32_at, u64_at};
use crate::index::{Entry, Index};

/// Name of the file.
pub const CHECKPOINT_FILE: &str = "index.pc";
const MAGIC: [u8; 4] = *b"PGIX";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 48;
const VOLUME_BYTES: usize = 16;
const ENTRY_BYTES: usize = 96;

/// What the file holds.
pub struct Checkpoint {
    /// Next free sequence number.
    pub next_sequence: u64,
    /// Number of each volume and up to where its records are in the entries.
    pub volumes: Vec<(u32, u64)>,
    /// All entries.
    pub entries: Vec<(Key, Entry)>,
}

/// Bytes of an index that is wholly on disk.
#[must_use]
pub fn encode(set: &[u8; 16], next_sequence: u64, index: &Index) -> Vec<u8> {
    let entries = index.entries().count();
    let mut out = Vec::with_capacity(HEADER_BYTES + index.volumes.len() * VOLUME_BYTES + entries * ENTRY_BYTES + 4);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[VERSION, 0, 0, 0]);
    out.extend_from_slice(set);
    out.extend_from_slice(&next_sequence.to_le_bytes());
    out.extend_from_slice(&(index.volumes.len() as u64).to_le_bytes());
    out.extend_from_slice(&(entries as u64).to_le_bytes());
    for (number, tally) in &index.volumes {
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&tally.total_bytes.to_le_bytes());
    }
    for (key, entry) in index.entries() {
        out.extend_from_slice(&key.object);
        out.extend_from_slice(&entry.identity);
        out.extend_from_slice(&entry.sequence.to_le_bytes());
        out.extend_from_slice(&entry.offset.to_le_bytes());
        out.extend_from_slice(&entry.volume.to_le_bytes());
        out.extend_from_slice(&entry.length.to_le_bytes());
        out.extend_from_slice(&key.stripe.to_le_bytes());
        out.extend_from_slice(&key.row.to_le_bytes());
        out.extend_from_slice(&[key.kind, u8::from(entry.removal)]);
    }
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out
}

/// Reads a checkpoint, or nothing when a single bit of it is wrong.
#[must_use]
pub fn decode(bytes: &[u8], set: &[u8; 16]) -> Option<Checkpoint> {
    let sum_at = bytes.len().checked_sub(4).filter(|at| *at >= HEADER_BYTES)?;
    if bytes[..4] != MAGIC || bytes[4..8] != [VERSION, 0, 0, 0] || bytes[8..24] != *set {
        return None;
    }
    if crc32c::crc32c(&bytes[..sum_at]) != u32_at(bytes, sum_at) {
        return None;
    }
    let volumes = usize::try_from(u64_at(bytes, 32)).ok()?;
    let entries = usize::try_from(u64_at(bytes, 40)).ok()?;
    let volume_bytes = volumes.checked_mul(VOLUME_BYTES)?;
    let entry_bytes = entries.checked_mul(ENTRY_BYTES)?;
    if volume_bytes.checked_add(entry_bytes)?.checked_add(HEADER_BYTES)? != sum_at {
        return None;
    }
    let entries_at = HEADER_BYTES + volume_bytes;
    Some(Checkpoint {
        next_sequence: u64_at(bytes, 24),
        volumes: bytes[HEADER_BYTES..entries_at]
            .chunks_exact(VOLUME_BYTES)
            .map(|volume| (u32_at(volume, 0), u64_at(volume, 8)))
            .collect(),
        entries: bytes[entries_at..sum_at].chunks_exact(ENTRY_BYTES).map(decode_entry).collect::<Option<_>>()?,
    })
}

fn decode_entry(bytes: &[u8]) -> Option<(Key, Entry)> {
    let (mut object, mut identity) = ([0; 32], [0; 32]);
    object.copy_from_slice(&bytes[..32]);
    identity.copy_from_slice(&bytes[32..64]);
    let key =
        Key { object, kind: bytes[94], row: u16::from_le_bytes([bytes[92], bytes[93]]), stripe: u32_at(bytes, 88) };
    let entry = Entry {
        sequence: u64_at(bytes, 64),
        volume: u32_at(bytes, 80),
        offset: u64_at(bytes, 72),
        length: u32_at(bytes, 84),
        identity,
        removal: bytes[95] == 1,
    };
    (bytes[95] <= 1 && entry.length <= MAX_PAYLOAD_BYTES).then_some((key, entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_read_back(objects in prop::collection::btree_map(any::<[u8; 32]>(), (any::<u64>(), any::<u32>(), any::<bool>()), 0..20)) {
            let mut index = Index::default();
            for (object, (sequence, stripe, removal)) in &objects {
                let key = Key { object: *object, kind: (sequence % 6) as u8, row: *stripe as u16, stripe: *stripe };
                let entry = Entry { sequence: *sequence, volume: 1, offset: 64, length: stripe % 1000, identity: *object, removal: *removal };
                index.set(&key, Some(entry));
            }
            let bytes = encode(&[2; 16], 77, &index);
            let read = decode(&bytes, &[2; 16]).unwrap();
            prop_assert_eq!(read.next_sequence, 77);
            prop_assert_eq!(read.entries.len(), objects.len());
            for (key, entry) in read.entries {
                prop_assert_eq!(index.entry(&key), Some(&entry));
            }
            prop_assert!(decode(&bytes, &[3; 16]).is_none());
        }

        #[test]
        fn hostile_bytes_are_ignored(mut bytes: Vec<u8>, counts: [u64; 3]) {
            prop_assert!(decode(&bytes, &[0; 16]).is_none());
            let mut forged = MAGIC.to_vec();
            forged.extend_from_slice(&[VERSION, 0, 0, 0]);
            forged.extend_from_slice(&[0; 16]);
            counts.iter().for_each(|count| forged.extend_from_slice(&count.to_le_bytes()));
            forged.append(&mut bytes);
            forged.extend_from_slice(&crc32c::crc32c(&forged).to_le_bytes());
            if let Some(read) = decode(&forged, &[0; 16]) {
                prop_assert_eq!(forged.len(), 52 + read.volumes.len() * 16 + read.entries.len() * 96);
            }
        }
    }
}
