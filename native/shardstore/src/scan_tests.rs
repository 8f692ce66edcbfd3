use super::*;
use crate::format::Key;
use proptest::prelude::*;

impl Source for Vec<u8> {
    fn read(&self, target: &mut [u8], offset: u64) -> Result<()> {
        let start = offset as usize;
        let found = self.get(start..start + target.len()).expect("the scanner stays inside the length it was given");
        target.copy_from_slice(found);
        Ok(())
    }
}

const PLACE: Place = Place { set: [3; 16], volume: 1 };

/// A volume with one record per payload, and where each begins.
fn volume(payloads: &[Vec<u8>]) -> (Vec<u8>, Vec<u64>) {
    let mut bytes = PLACE.encode_volume().to_vec();
    let mut starts = Vec::new();
    for (number, payload) in payloads.iter().enumerate() {
        let header = RecordHeader {
            key: Key { object: [number as u8; 32], kind: 0, row: 0, stripe: number as u32 },
            sequence: number as u64 + 1,
            identity: *blake3::hash(payload).as_bytes(),
            length: payload.len() as u32,
            removal: false,
        };
        let at = bytes.len() as u64;
        starts.push(at);
        bytes.extend_from_slice(&PLACE.encode_record(at, &header));
        bytes.extend_from_slice(payload);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    (bytes, starts)
}

fn found(bytes: &Vec<u8>) -> (Vec<u64>, Scan) {
    let mut places = Vec::new();
    let scan = scan(bytes, &PLACE, 0, bytes.len() as u64, true, |at, _| places.push(at)).unwrap();
    (places, scan)
}

fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..12)
}

proptest! {
    #[test]
    fn a_cut_at_any_byte_keeps_all_whole_records(payloads in payloads(), cut: prop::sample::Index) {
        let (bytes, starts) = volume(&payloads);
        let cut = 64 + cut.index(bytes.len() - 63);
        let (places, scan) = found(&bytes[..cut].to_vec());
        let ends: Vec<u64> = starts[1..].iter().copied().chain([bytes.len() as u64]).collect();
        let whole = ends.iter().filter(|end| **end <= cut as u64).count();
        prop_assert_eq!(&places, &starts[..whole]);
        prop_assert_eq!(scan, Scan { end: if whole == 0 { 64 } else { ends[whole - 1] }, damage: vec![] });
    }

    #[test]
    fn one_flipped_bit_costs_one_record(payloads in payloads(), bit: prop::sample::Index) {
        let (mut bytes, starts) = volume(&payloads);
        let bit = 64 * 8 + bit.index((bytes.len() - 64) * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let hit = starts.iter().rposition(|start| *start <= bit as u64 / 8).unwrap();
        let padding = bit as u64 / 8 >= starts[hit] + 96 + payloads[hit].len() as u64;
        let expected: Vec<u64> =
            starts.iter().enumerate().filter(|(index, _)| padding || *index != hit).map(|(_, start)| *start).collect();
        let (places, scan) = found(&bytes);
        prop_assert_eq!(places, expected);
        let last = hit + 1 == starts.len();
        prop_assert_eq!(scan.damage.len(), usize::from(!padding && !last));
        prop_assert_eq!(scan.end, if !padding && last { starts[hit] } else { bytes.len() as u64 });
    }

    #[test]
    fn a_record_inside_a_payload_is_never_taken(inner in payloads(), at in 0usize..96) {
        // A stranger's payload that is a whole volume of another set, behind a header that gets lost.
        let other = Place { set: [4; 16], volume: 1 };
        let (mut hostile, starts) = volume(&inner);
        for start in starts {
            let header = PLACE.decode_record(start, hostile[start as usize..][..96].try_into().unwrap()).unwrap();
            hostile[start as usize..][..96].copy_from_slice(&other.encode_record(start + 160, &header));
        }
        let (mut bytes, starts) = volume(&[hostile, vec![5; 10]]);
        bytes[64 + at] ^= 1;
        let (places, _) = found(&bytes);
        prop_assert_eq!(places, vec![starts[1]]);
    }

    #[test]
    fn hostile_bytes_never_panic(noise in prop::collection::vec(any::<u8>(), 0..2000), magic in prop::collection::vec(0usize..1900, 0..8)) {
        let mut bytes = PLACE.encode_volume().to_vec();
        bytes.extend(noise);
        for at in magic {
            if let Some(target) = bytes.get_mut(64 + at / 8 * 8..64 + at / 8 * 8 + 4) {
                target.copy_from_slice(&RECORD_MAGIC);
            }
        }
        let (places, scan) = found(&bytes);
        prop_assert!(places.is_empty());
        prop_assert_eq!(scan, Scan { end: 64, damage: vec![] });
    }
}
