//! Whole blocks and stripes: what comes back, and what is refused with which word.

use pangea_ces::segment::{Context, open_segment};
use pangea_ces::stripe::encode_stripe;
use pangea_ces::whole::{Block, decode_whole, encode_whole};
use pangea_ces::{Cipher, Effort, Encoded, Engine, Error, Span, TOTAL_SHARDS, identity, seal};
use proptest::prelude::*;

const KEY: [u8; 32] = [3; 32];

fn context(segments_in_stripe: usize) -> Context {
    Context { salt: [9; 32], stripe: 5, segments_in_stripe }
}

fn shards_of(block: &Block<Vec<u8>>) -> Vec<Vec<u8>> {
    block.data.chunks_exact(block.shard_bytes).map(<[u8]>::to_vec).chain(block.parity.iter().cloned()).collect()
}

fn decode(shards: &[Vec<u8>], lost: u32, max_bytes: usize) -> Result<Vec<u8>, Error> {
    let given: Vec<Option<&[u8]>> =
        shards.iter().enumerate().map(|(row, bytes)| (lost >> row & 1 == 0).then_some(bytes.as_slice())).collect();
    decode_whole(&Engine::detect(), &given, &KEY, None, max_bytes)
}

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|at| b"the quick brown fox jumps over the lazy dog "[at * at / 7 % 44]).collect()
}

fn any_compression() -> impl Strategy<Value = Effort> {
    prop_oneof![Just(Effort::Store), (1..=9).prop_map(Effort::Level), Just(Effort::Sample { min: 1, max: 9 }),]
}

fn any_plaintext(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..longest), (0..longest).prop_map(text)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whole_blocks_come_back(
        plaintext in any_plaintext(60_000),
        compression in any_compression(),
        cut in any::<prop::sample::Index>(),
        lost in prop::collection::vec(0..TOTAL_SHARDS, 0..=4),
        threads in 1_usize..4,
    ) {
        let (a, b) = plaintext.split_at(cut.index(plaintext.len() + 1));
        let block: Block<Vec<u8>> = encode_whole(&Engine::detect(), Span::new(&[a, b]), &KEY, compression.into(), threads).unwrap();
        let shards = shards_of(&block);
        prop_assert_eq!(&block.identities, &shards.iter().map(|shard| identity(shard)).collect::<Vec<_>>());
        let mask = lost.iter().fold(0, |mask, row| mask | 1 << row);
        prop_assert_eq!(decode(&shards, mask, plaintext.len()).unwrap(), plaintext);
    }

    #[test]
    fn stripes_come_back(
        plaintext in any_plaintext(60_000),
        compression in any_compression(),
        segments in 1_usize..=8,
        threads in 1_usize..4,
    ) {
        let each = plaintext.len() / segments;
        let mut lengths = vec![each; segments];
        lengths[segments - 1] = plaintext.len() - each * (segments - 1);
        let encoded: Encoded<Vec<u8>> =
            encode_stripe(&Engine::detect(), Span::new(&[&plaintext]), &lengths, &KEY, &context(segments), compression.into(), threads).unwrap();
        prop_assert_eq!(&encoded.identities, &encoded.shards.iter().map(|shard| identity(shard)).collect::<Vec<_>>());
        let mut joined = Vec::new();
        for (segment, length) in lengths.iter().enumerate() {
            let opened: Vec<u8> = open_segment(&Engine::detect(), &encoded.shards[segment], segment, *length, &KEY, &context(segments), None).unwrap();
            joined.extend(opened);
        }
        prop_assert_eq!(joined, plaintext);
        prop_assert!(encoded.shards[segments..8].iter().all(Vec::is_empty));
    }

    /// Shards of anyone's making: an answer or a documented error, never a panic, never plaintext.
    #[test]
    fn arbitrary_shards_are_refused(
        bytes in prop::collection::vec(any::<u8>(), 12 * 60),
        length in 0_usize..=60,
        odd in prop::option::weighted(0.1, 0_usize..60),
        lost in 0_u32..16,
    ) {
        let mut shards: Vec<Vec<u8>> = bytes.chunks(60).map(|shard| shard[..length].to_vec()).collect();
        if let Some(odd) = odd {
            shards[5].resize(odd, 1);
        }
        if length > 0 && odd.is_none() {
            // A length prefix that fits, so that the seal is what refuses.
            let sealed_bytes = (length * 8 - 4) as u32;
            shards[0].splice(..length.min(4), sealed_bytes.to_le_bytes()[..length.min(4)].iter().copied());
        }
        let error = decode(&shards, lost, 1 << 20).unwrap_err();
        prop_assert!(matches!(error, Error::Corrupt(_)));
        let opened: Result<Vec<u8>, _> = open_segment(&Engine::detect(), &shards[0], 0, 10, &KEY, &context(1), None);
        prop_assert!(matches!(opened, Err(Error::Corrupt(_))));
    }

    /// Sealed by the right key, but not a frame: what a faulty encoder could make.
    #[test]
    fn sealed_garbage_is_corrupt(mut content in prop::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
        if magic && content.len() >= 4 {
            content[..4].copy_from_slice(&0xFD2F_B528_u32.to_le_bytes());
        }
        let associated_data = context(1).associated_data(0, 100).unwrap();
        let sealed = seal::seal(&Engine::detect(), &KEY, &content, &associated_data).unwrap();
        let opened: Result<Vec<u8>, _> = open_segment(&Engine::detect(), &sealed, 0, 100, &KEY, &context(1), None);
        prop_assert!(opened.is_err_and(|error| error.code() == "CORRUPT"));
    }
}

/// Content around every boundary that sealing, storing, hashing and coding have, on every cipher, in odd chunks.
#[test]
fn boundaries_come_back_on_every_cipher() {
    let kib = 1024;
    let mut noise = vec![0; 2_200 * kib];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    for cipher in Cipher::available() {
        let engine = Engine { cipher, ..Engine::detect() };
        for length in [0, 1, 13, 64 * kib, 128 * kib, 192 * kib + 5, 512 * kib, 1024 * kib, 2_100 * kib + 7]
            .into_iter()
            .flat_map(|length: usize| [length.saturating_sub(53), length, length + 40])
        {
            let content = &noise[..length];
            let thirds = [&content[..length / 3], &[], &content[length / 3..length / 2], &content[length / 2..]];
            for (chunks, effort, threads) in [
                (&thirds[..], Effort::Store, 1),
                (&[content][..], Effort::Store, 3),
                (&thirds[..], Effort::Sample { min: 1, max: 9 }, 2),
                (&[content][..], Effort::Level(1), 1),
            ] {
                let block: Block<Vec<u8>> =
                    encode_whole(&engine, Span::new(chunks), &KEY, effort.into(), threads).unwrap();
                let shards = shards_of(&block);
                assert_eq!(block.identities, shards.iter().map(|shard| identity(shard)).collect::<Vec<_>>());
                assert!(block.compressed_bytes <= stored_bytes(length), "{effort:?} of {length}");
                for lost in [0, 0b1111, 0b1010_0101_0000] {
                    assert!(decode(&shards, lost, length).unwrap() == content, "{length}, lost {lost:b}");
                }
                let cuts = [length / 2, 0, length - length / 2];
                let stripe: Encoded<Vec<u8>> =
                    encode_stripe(&engine, Span::new(chunks), &cuts, &KEY, &context(3), effort.into(), threads)
                        .unwrap();
                assert_eq!(stripe.identities, stripe.shards.iter().map(|shard| identity(shard)).collect::<Vec<_>>());
                let opened = [0, 1, 2].map(|segment| -> Vec<u8> {
                    let (sealed, bytes) = (&stripe.shards[segment], cuts[segment]);
                    open_segment(&Engine::detect(), sealed, segment, bytes, &KEY, &context(3), None).unwrap()
                });
                assert!(opened.concat() == content, "{effort:?} of {length}");
            }
        }
    }
}

/// A frame of raw blocks: ten bytes, and three for each block of 128 KiB.
fn stored_bytes(content_bytes: usize) -> usize {
    10 + content_bytes + 3 * content_bytes.div_ceil(128 * 1024).max(1)
}

#[test]
fn damage_is_corrupt_and_absence_is_not() {
    let plaintext = text(10_000);
    let block: Block<Vec<u8>> =
        encode_whole(&Engine::detect(), Span::new(&[&plaintext]), &KEY, Effort::Level(3).into(), 1).unwrap();
    let good = shards_of(&block);
    let mut damaged = good.clone();
    damaged[2][10] ^= 1;
    assert_eq!(decode(&damaged, 0, 20_000).unwrap_err().code(), "CORRUPT");
    assert_eq!(decode(&damaged, 0b100, 20_000).unwrap(), plaintext, "the damaged one left out");
    let mut swapped = good.clone();
    swapped.swap(0, 1);
    assert_eq!(decode(&swapped, 0, 20_000).unwrap_err().code(), "CORRUPT");
    assert_eq!(decode(&good, 0b11111, 20_000).unwrap_err(), Error::NotEnoughShards { present: 7 });
    assert_eq!(decode(&good, 0, 9_999).unwrap_err().code(), "TOO_LARGE");
}

/// 10 GiB of zeros in 300 KiB: refused by what the frame declares, or by the room there is when it declares nothing.
#[test]
fn bombs_are_refused_before_memory_is_taken() {
    let block_of_zeros = |last: u32| ((128 * 1024) << 3 | 1 << 1 | last).to_le_bytes();
    for declared in [true, false] {
        let mut frame = 0xFD2F_B528_u32.to_le_bytes().to_vec();
        frame.extend_from_slice(if declared { &[0xC0, 0x38] } else { &[0x00, 0x38] });
        let blocks = 80 * 1024_u64;
        if declared {
            frame.extend_from_slice(&(blocks * 128 * 1024).to_le_bytes());
        }
        for block in 1..=blocks {
            frame.extend_from_slice(&block_of_zeros(u32::from(block == blocks))[..3]);
            frame.push(0);
        }
        let associated_data = context(1).associated_data(0, 1 << 20).unwrap();
        let sealed = seal::seal(&Engine::detect(), &KEY, &frame, &associated_data).unwrap();
        let opened: Result<Vec<u8>, _> = open_segment(&Engine::detect(), &sealed, 0, 1 << 20, &KEY, &context(1), None);
        assert_eq!(opened.unwrap_err().code(), "CORRUPT");
    }
}

#[test]
fn segments_cannot_change_places() {
    let plaintext = text(4000);
    let encoded: Encoded<Vec<u8>> = encode_stripe(
        &Engine::detect(),
        Span::new(&[&plaintext]),
        &[2000, 2000],
        &KEY,
        &context(2),
        Effort::Store.into(),
        1,
    )
    .unwrap();
    let open = |segment: usize, length: usize, key: &[u8; 32], context: &Context| -> Result<Vec<u8>, Error> {
        open_segment(&Engine::detect(), &encoded.shards[0], segment, length, key, context, None)
    };
    let right = context(2);
    assert_eq!(open(0, 2000, &KEY, &right).unwrap(), &plaintext[..2000]);
    for refused in [
        open(1, 2000, &KEY, &right),
        open(0, 1999, &KEY, &right),
        open(0, 2000, &[4; 32], &right),
        open(0, 2000, &KEY, &Context { salt: [8; 32], ..right }),
        open(0, 2000, &KEY, &Context { stripe: 6, ..right }),
        open(0, 2000, &KEY, &context(3)),
    ] {
        assert_eq!(refused.unwrap_err().code(), "CORRUPT");
    }
}

#[test]
fn requests_that_cannot_be_are_internal_or_too_large() {
    let plaintext = text(100);
    let chunks: [&[u8]; 1] = [&plaintext];
    let span = Span::new(&chunks);
    let encode = |lengths: &[usize], count: usize, compression: Effort| {
        encode_stripe::<Vec<u8>>(&Engine::detect(), span, lengths, &KEY, &context(count), compression.into(), 1)
            .map(|encoded| encoded.shards.len())
    };
    assert_eq!(encode(&[60, 40], 2, Effort::Store), Ok(12));
    for (lengths, count, compression) in [
        (&[60, 41][..], 2, Effort::Store),
        (&[100], 2, Effort::Store),
        (&[], 0, Effort::Store),
        (&[usize::MAX, 101], 2, Effort::Store),
        (&[12, 12, 12, 12, 12, 12, 12, 12, 4], 9, Effort::Store),
        (&[100], 1, Effort::Level(0)),
        (&[100], 1, Effort::Level(23)),
        (&[100], 1, Effort::Sample { min: 0, max: 3 }),
    ] {
        assert_eq!(encode(lengths, count, compression).unwrap_err().code(), "INTERNAL", "{lengths:?} {count}");
    }
    let large = vec![0; pangea_ces::MAX_WHOLE_BYTES + 1];
    let refused = encode_whole::<Vec<u8>>(&Engine::detect(), Span::new(&[&large]), &KEY, Effort::Store.into(), 1);
    assert!(refused.is_err_and(|error| error.code() == "TOO_LARGE"));
}
