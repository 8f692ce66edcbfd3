//! Contents compressed with a dictionary: what comes back, what is refused with which word, and what it saves.

use std::sync::LazyLock;

use pangea_ces::dictionary::{MAX_DICTIONARY_BYTES, train};
use pangea_ces::segment::{Context, open_segment};
use pangea_ces::stripe::encode_stripe;
use pangea_ces::whole::{decode_whole, encode_whole};
use pangea_ces::{Compression, Dictionary, Effort, Encoded, Engine, Error, Span, seal};
use proptest::prelude::*;

const KEY: [u8; 32] = [3; 32];
const CONTEXT: Context = Context { salt: [9; 32], stripe: 5, segments_in_stripe: 2 };

fn record(at: usize) -> Vec<u8> {
    format!(
        "{{\"user\":{},\"city\":\"{}\",\"active\":{},\"score\":{}}}",
        at * 7919 % 10_000,
        ["Lisbon", "Osaka", "Quito", "Oslo"][at * 31 % 4],
        at.is_multiple_of(3),
        at * 104_729 % 977
    )
    .into_bytes()
}

static RIGHT: LazyLock<Dictionary> = LazyLock::new(|| trained(0));
static OTHER: LazyLock<Dictionary> = LazyLock::new(|| trained(50_000));

fn trained(first: usize) -> Dictionary {
    let records: Vec<Vec<u8>> = (first..first + 2000).map(record).collect();
    let samples: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    Dictionary::new(train(&samples, 4096).unwrap()).unwrap()
}

fn with(effort: Effort, dictionary: Option<&Dictionary>) -> Compression<'_> {
    Compression { effort, dictionary }
}

/// The twelve shards of a whole block, and the bytes that the compressor gave.
fn whole(plaintext: &[u8], compression: Compression<'_>) -> (Vec<Vec<u8>>, usize) {
    let block = encode_whole::<Vec<u8>>(&Engine::detect(), Span::new(&[plaintext]), &KEY, compression, 1).unwrap();
    let data = block.data.chunks_exact(block.shard_bytes).map(<[u8]>::to_vec);
    (data.chain(block.parity).collect(), block.compressed_bytes)
}

fn back(shards: &[Vec<u8>], dictionary: Option<&Dictionary>, max_bytes: usize) -> Result<Vec<u8>, Error> {
    let shards: Vec<Option<&[u8]>> = shards.iter().map(|shard| Some(shard.as_slice())).collect();
    decode_whole(&Engine::detect(), &shards, &KEY, dictionary, max_bytes)
}

#[test]
fn small_records_shrink_and_come_back() {
    let right: &Dictionary = &RIGHT;
    for level in [1, 3, 9, 19] {
        let (mut without, mut with_it) = (0, 0);
        for at in 5000..5200 {
            let plaintext = record(at);
            without += whole(&plaintext, with(Effort::Level(level), None)).1;
            let (shards, bytes) = whole(&plaintext, with(Effort::Level(level), Some(right)));
            with_it += bytes;
            assert_eq!(back(&shards, Some(right), plaintext.len()).unwrap(), plaintext);
        }
        assert!(with_it * 2 < without, "level {level}: {with_it} against {without}");
    }
}

#[test]
fn another_dictionary_or_none_is_told_apart() {
    let (right, other): (&Dictionary, &Dictionary) = (&RIGHT, &OTHER);
    let plaintext = record(7000);
    let (shards, _) = whole(&plaintext, with(Effort::Level(3), Some(right)));
    assert_eq!(back(&shards, None, 1000).unwrap_err().code(), "WRONG_DICTIONARY");
    assert_eq!(back(&shards, Some(other), 1000).unwrap_err().code(), "WRONG_DICTIONARY");
    // Stored content names no dictionary, nor does content compressed without: neither needs one, and any may be given.
    for compression in [with(Effort::Store, Some(right)), with(Effort::Level(3), None)] {
        let (shards, _) = whole(&plaintext, compression);
        for given in [None, Some(right), Some(other)] {
            assert_eq!(back(&shards, given, 1000).unwrap(), plaintext);
        }
    }
}

#[test]
fn segments_take_dictionaries_too() {
    let (right, other): (&Dictionary, &Dictionary) = (&RIGHT, &OTHER);
    let plaintext = [record(6000), record(6001)].concat();
    let lengths = [record(6000).len(), record(6001).len()];
    let span = [plaintext.as_slice()];
    let compression = with(Effort::Sample { min: 3, max: 9 }, Some(right));
    let encoded: Encoded<Vec<u8>> =
        encode_stripe(&Engine::detect(), Span::new(&span), &lengths, &KEY, &CONTEXT, compression, 2).unwrap();
    let open = |dictionary: Option<&Dictionary>| {
        open_segment::<Vec<u8>>(&Engine::detect(), &encoded.shards[1], 1, lengths[1], &KEY, &CONTEXT, dictionary)
    };
    assert_eq!(open(Some(right)).unwrap(), record(6001));
    assert_eq!(open(Some(other)).unwrap_err().code(), "WRONG_DICTIONARY");
    assert_eq!(open(None).unwrap_err().code(), "WRONG_DICTIONARY");
}

/// 128 MiB of zeros in a frame that names the dictionary: refused by what it declares, or by the room that there is.
#[test]
fn bombs_with_a_dictionary_are_refused_before_memory_is_taken() {
    let right: &Dictionary = &RIGHT;
    let blocks = 1024_u64;
    for declared in [true, false] {
        let mut frame = 0xFD2F_B528_u32.to_le_bytes().to_vec();
        frame.extend_from_slice(if declared { &[0xC3, 0x38] } else { &[0x03, 0x38] });
        frame.extend_from_slice(&right.id().to_le_bytes());
        if declared {
            frame.extend_from_slice(&(blocks * 128 * 1024).to_le_bytes());
        }
        for block in 1..=blocks {
            let header = (128_u32 * 1024) << 3 | 1 << 1 | u32::from(block == blocks);
            frame.extend_from_slice(&header.to_le_bytes()[..3]);
            frame.push(0);
        }
        let associated_data = CONTEXT.associated_data(0, 1 << 20).unwrap();
        let sealed = seal::seal(&Engine::detect(), &KEY, &frame, &associated_data).unwrap();
        let open = |dictionary: Option<&Dictionary>| {
            open_segment::<Vec<u8>>(&Engine::detect(), &sealed, 0, 1 << 20, &KEY, &CONTEXT, dictionary)
        };
        assert_eq!(open(Some(right)).unwrap_err().code(), "CORRUPT");
        assert_eq!(open(None).unwrap_err().code(), "WRONG_DICTIONARY");
    }
    let plaintext = record(1).repeat(1000);
    let (shards, _) = whole(&plaintext, with(Effort::Level(3), Some(right)));
    assert_eq!(back(&shards, Some(right), plaintext.len() - 1).unwrap_err().code(), "TOO_LARGE");
    assert_eq!(back(&shards, Some(right), plaintext.len()).unwrap(), plaintext);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A dictionary comes from wherever a link says: any bytes are prepared or refused by their own name, and what is
    /// prepared works both ways.
    #[test]
    fn any_bytes_are_a_dictionary_or_refused(
        mut bytes in prop::collection::vec(any::<u8>(), 0..600),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        real in any::<bool>(),
        end in any::<prop::sample::Index>(),
    ) {
        if real {
            bytes = RIGHT.bytes().to_vec();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(end.index(bytes.len() * 2));
        }
        match Dictionary::new(bytes) {
            Err(error) => prop_assert_eq!(error.code(), "DICTIONARY_INVALID"),
            Ok(prepared) => {
                let plaintext = record(8000);
                let (shards, _) = whole(&plaintext, with(Effort::Level(3), Some(&prepared)));
                prop_assert_eq!(back(&shards, Some(&prepared), 1000).unwrap(), plaintext);
            }
        }
    }

    /// Sealed by the right key and named right, but not what an encoder makes.
    #[test]
    fn garbage_behind_the_right_name_is_corrupt(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let right: &Dictionary = &RIGHT;
        let mut frame = 0xFD2F_B528_u32.to_le_bytes().to_vec();
        frame.extend_from_slice(&[0x23]);
        frame.extend_from_slice(&right.id().to_le_bytes());
        frame.extend_from_slice(&content);
        let associated_data = CONTEXT.associated_data(0, 100).unwrap();
        let sealed = seal::seal(&Engine::detect(), &KEY, &frame, &associated_data).unwrap();
        let opened = open_segment::<Vec<u8>>(&Engine::detect(), &sealed, 0, 100, &KEY, &CONTEXT, Some(right));
        prop_assert!(opened.is_err_and(|error| error.code() == "CORRUPT"));
    }
}

#[test]
fn a_dictionary_is_bounded() {
    assert!(Dictionary::new(vec![0; MAX_DICTIONARY_BYTES + 1]).is_err());
    assert_eq!(
        Dictionary::shared(&vec![0; MAX_DICTIONARY_BYTES + 1]).err().map(|error| error.code()),
        Some("DICTIONARY_INVALID")
    );
}
