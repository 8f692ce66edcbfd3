//! The bytes of a volume: see `schema/volume.md`, which the tests of both backends read.

/// Bytes of a volume's header.
pub const VOLUME_HEADER_BYTES: u64 = 64;
/// Bytes of a record's header.
pub const RECORD_HEADER_BYTES: usize = 96;
/// Largest payload of one record: eight times the largest segment, so that a damaged length costs no memory.
pub const MAX_PAYLOAD_BYTES: u32 = 64 * 1024 * 1024;
/// Everything starts at a multiple of this, so that a scan after damage has few places to look at.
pub const ALIGNMENT: u64 = 8;

/// First bytes of each record.
pub const RECORD_MAGIC: [u8; 4] = *b"PGRC";
const VOLUME_MAGIC: [u8; 4] = *b"PGVL";
const VERSION: u8 = 1;
const FLAG_REMOVAL: u16 = 1;
const KIND_SHARD: u8 = 0;
/// The code of every shard today; a hint for recovery from volumes alone.
const SHARD_CODE: [u8; 2] = [8, 4];

/// Names a record: the last write for equal keys wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Root, or the id of an upload whose root is not known yet.
    pub object: [u8; 32],
    /// `recordKind` of `src/store/store.ts`.
    pub kind: u8,
    /// Shard row or number of the page.
    pub row: u16,
    /// Stripe.
    pub stripe: u32,
}

impl Key {
    /// Kind, stripe and row as one ordered number.
    #[must_use]
    pub fn slot(&self) -> u64 {
        u64::from(self.kind) << 48 | u64::from(self.stripe) << 16 | u64::from(self.row)
    }

    /// The key of an object's slot.
    #[must_use]
    pub fn from_slot(object: [u8; 32], slot: u64) -> Self {
        Self { object, kind: (slot >> 48) as u8, stripe: (slot >> 16) as u32, row: slot as u16 }
    }
}

/// A record without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader {
    /// Which record.
    pub key: Key,
    /// The higher one of two records with one key is the newer, wherever compaction has put them.
    pub sequence: u64,
    /// BLAKE3-256 of the payload; zero in a removal.
    pub identity: [u8; 32],
    /// Bytes of the payload; zero in a removal.
    pub length: u32,
    /// Says that the key is gone.
    pub removal: bool,
}

/// Where a header stands. Part of its checksum, so that bytes inside a payload, which strangers
/// choose, can never be taken for a record: they cannot know the volume set's random id.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Random id of the volume set.
    pub set: [u8; 16],
    /// Number of the volume.
    pub volume: u32,
}

/// Why bytes are not a record of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderFault {
    /// No magic, a wrong checksum or impossible fields.
    Damaged,
    /// An intact header of a version or with a flag that this code does not know.
    Unsupported,
}

/// Bytes on disk of a record with a payload of `length` bytes.
#[must_use]
pub fn record_bytes(length: u32) -> u64 {
    RECORD_HEADER_BYTES as u64 + u64::from(length).next_multiple_of(ALIGNMENT)
}

impl Place {
    fn checksum(&self, offset: u64, bytes: &[u8]) -> u32 {
        let mut context = [0; 28];
        context[..16].copy_from_slice(&self.set);
        context[16..20].copy_from_slice(&self.volume.to_le_bytes());
        context[20..].copy_from_slice(&offset.to_le_bytes());
        crc32c::crc32c_append(crc32c::crc32c(&context), bytes)
    }

    /// The header of this volume.
    #[must_use]
    pub fn encode_volume(&self) -> [u8; VOLUME_HEADER_BYTES as usize] {
        let mut out = [0; VOLUME_HEADER_BYTES as usize];
        out[..4].copy_from_slice(&VOLUME_MAGIC);
        out[4] = VERSION;
        out[8..24].copy_from_slice(&self.set);
        out[24..28].copy_from_slice(&self.volume.to_le_bytes());
        let sum = self.checksum(0, &out[..60]);
        out[60..].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// The place that a volume's header names, when it is intact.
    pub fn decode_volume(bytes: &[u8; VOLUME_HEADER_BYTES as usize]) -> Result<Self, HeaderFault> {
        let mut set = [0; 16];
        set.copy_from_slice(&bytes[8..24]);
        let place = Self { set, volume: u32_at(bytes, 24) };
        if bytes[..4] != VOLUME_MAGIC || place.checksum(0, &bytes[..60]) != u32_at(bytes, 60) {
            return Err(HeaderFault::Damaged);
        }
        if bytes[4] != VERSION || bytes[5..8] != [0; 3] { Err(HeaderFault::Unsupported) } else { Ok(place) }
    }

    /// A record's header for the given offset in this volume.
    #[must_use]
    pub fn encode_record(&self, offset: u64, header: &RecordHeader) -> [u8; RECORD_HEADER_BYTES] {
        let mut out = [0; RECORD_HEADER_BYTES];
        out[..4].copy_from_slice(&RECORD_MAGIC);
        out[4] = VERSION;
        out[5] = header.key.kind;
        out[6..8].copy_from_slice(&header.key.row.to_le_bytes());
        out[8..12].copy_from_slice(&header.key.stripe.to_le_bytes());
        out[12..16].copy_from_slice(&header.length.to_le_bytes());
        out[16..48].copy_from_slice(&header.key.object);
        out[48..80].copy_from_slice(&header.identity);
        if header.key.kind == KIND_SHARD {
            out[80..82].copy_from_slice(&SHARD_CODE);
        }
        out[82..84].copy_from_slice(&if header.removal { FLAG_REMOVAL } else { 0 }.to_le_bytes());
        out[84..92].copy_from_slice(&header.sequence.to_le_bytes());
        let sum = self.checksum(offset, &out[..92]);
        out[92..].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// The record's header at an offset of this volume.
    pub fn decode_record(&self, offset: u64, bytes: &[u8; RECORD_HEADER_BYTES]) -> Result<RecordHeader, HeaderFault> {
        if bytes[..4] != RECORD_MAGIC || self.checksum(offset, &bytes[..92]) != u32_at(bytes, 92) {
            return Err(HeaderFault::Damaged);
        }
        let flags = u16::from_le_bytes([bytes[82], bytes[83]]);
        if bytes[4] != VERSION || flags & !FLAG_REMOVAL != 0 {
            return Err(HeaderFault::Unsupported);
        }
        let (mut object, mut identity, mut sequence) = ([0; 32], [0; 32], [0; 8]);
        object.copy_from_slice(&bytes[16..48]);
        identity.copy_from_slice(&bytes[48..80]);
        sequence.copy_from_slice(&bytes[84..92]);
        let header = RecordHeader {
            key: Key {
                object,
                kind: bytes[5],
                row: u16::from_le_bytes([bytes[6], bytes[7]]),
                stripe: u32_at(bytes, 8),
            },
            sequence: u64::from_le_bytes(sequence),
            identity,
            length: u32_at(bytes, 12),
            removal: flags & FLAG_REMOVAL != 0,
        };
        let possible = header.length <= MAX_PAYLOAD_BYTES && (!header.removal || header.length == 0);
        if possible { Ok(header) } else { Err(HeaderFault::Damaged) }
    }
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLACE: Place = Place { set: [9; 16], volume: 7 };

    prop_compose! {
        fn headers()(object: [u8; 32], kind in 0u8..6, row: u16, stripe: u32, sequence: u64, identity: [u8; 32],
                     length in 0..=MAX_PAYLOAD_BYTES, removal: bool) -> RecordHeader {
            let length = if removal { 0 } else { length };
            RecordHeader { key: Key { object, kind, row, stripe }, sequence, identity, length, removal }
        }
    }

    proptest! {
        #[test]
        fn a_header_reads_back_at_its_place_only(header in headers(), offset in 0u64..1 << 40) {
            let bytes = PLACE.encode_record(offset, &header);
            prop_assert_eq!(PLACE.decode_record(offset, &bytes), Ok(header));
            prop_assert_eq!(PLACE.decode_record(offset + 8, &bytes), Err(HeaderFault::Damaged));
            prop_assert_eq!(Place { volume: 8, ..PLACE }.decode_record(offset, &bytes), Err(HeaderFault::Damaged));
            prop_assert_eq!(Place { set: [8; 16], ..PLACE }.decode_record(offset, &bytes), Err(HeaderFault::Damaged));
            prop_assert_eq!(Key::from_slot(header.key.object, header.key.slot()), header.key);
        }

        #[test]
        fn any_flipped_bit_is_noticed(header in headers(), bit in 0usize..RECORD_HEADER_BYTES * 8) {
            let mut bytes = PLACE.encode_record(64, &header);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(PLACE.decode_record(64, &bytes), Err(HeaderFault::Damaged));
        }

        #[test]
        fn any_flipped_bit_of_a_volume_header_is_noticed(bit in 0usize..VOLUME_HEADER_BYTES as usize * 8) {
            let mut bytes = PLACE.encode_volume();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Place::decode_volume(&bytes).is_err());
        }
    }

    /// The vector of `schema/volume.md`; `test/store/format.test.ts` holds the TypeScript side to the same bytes.
    #[test]
    fn the_published_vector() {
        let place = Place { set: *b"0123456789abcdef", volume: 3 };
        let header = RecordHeader {
            key: Key { object: [0x11; 32], kind: 0, row: 5, stripe: 0x0102_0304 },
            sequence: 0x0000_1122_3344_5566,
            identity: *blake3::hash(b"pangea").as_bytes(),
            length: 6,
            removal: false,
        };
        let bytes = place.encode_record(64, &header);
        assert_eq!(u32_at(&bytes, 92), VECTOR_SUM);
    }

    const VECTOR_SUM: u32 = 0x5f8b_472f;
}
