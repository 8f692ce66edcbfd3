//! Every kernel against the golden value, the scalar reference and two other implementations of the code.

use pangea_ces::kernel::{MAX_OUTPUTS, Stores};
use pangea_ces::matrix::WIDE_ROWS;
use pangea_ces::rows::reconstruct;
use pangea_ces::stripe::add_parity;
use pangea_ces::{DATA_SHARDS, Kernel, PARITY_SHARDS, TOTAL_SHARDS, identity, wide};
use proptest::prelude::*;
use reed_solomon_erasure::galois_8::ReedSolomon;
use xxhash_rust::xxh64::{Xxh64, xxh64};

fn parity(kernel: Kernel, data: &[&[u8]], threads: usize) -> Vec<Vec<u8>> {
    let coded = add_parity::<Vec<u8>>(kernel, data, true, threads);
    for (row, hash) in data.iter().zip(&coded.data_identities) {
        assert_eq!(*hash, identity(row), "hashed in passing");
    }
    coded
        .parity
        .into_iter()
        .map(|(row, hash)| {
            assert_eq!(hash, identity(&row));
            row
        })
        .collect()
}

fn pseudo_random(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .collect()
}

#[test]
fn the_golden_value_holds_on_every_kernel() {
    let input: Vec<u8> = (0..=255).collect();
    let data: Vec<&[u8]> = input.chunks(32).collect();
    for kernel in Kernel::available() {
        let parity = parity(kernel, &data, 1);
        let mut hash = Xxh64::new(0);
        for (index, shard) in data.iter().copied().chain(parity.iter().map(Vec::as_slice)).enumerate() {
            hash.update(&[index as u8]);
            hash.update(shard);
        }
        assert_eq!(hash.digest(), 0x03ba_5e9b_41bf_07f0, "{}", kernel.name());
    }
}

#[test]
fn the_best_kernel_comes_first_and_the_reference_last() {
    let names: Vec<_> = Kernel::available().into_iter().map(Kernel::name).collect();
    assert_eq!(names.last(), Some(&"scalar"));
    assert_eq!(Kernel::detect().name(), names[0]);
    for name in names {
        assert_eq!(Kernel::named(name).map(Kernel::name), Some(name));
    }
    assert_eq!(Kernel::named("neon-avx512"), None);
    assert!(
        Kernel::available().iter().all(|kernel| (kernel.name() == "scalar") == kernel.required_features().is_empty())
    );
}

/// Data rows, then the wanted parity rows of the wide code.
fn widened(kernel: Kernel, data: &[Vec<u8>], parity: usize) -> Vec<Vec<u8>> {
    let mut rows = data.to_vec();
    rows.resize(DATA_SHARDS + parity, vec![0xEE; data[0].len()]);
    let (data, made) = rows.split_at_mut(DATA_SHARDS);
    let mut wanted: Vec<wide::Wanted<'_>> =
        made.iter_mut().enumerate().map(|(row, bytes)| (DATA_SHARDS + row, bytes.as_mut_slice())).collect();
    wide::encode(kernel, std::array::from_fn(|row| data[row].as_slice()), &mut wanted).unwrap();
    rows
}

/// `test/vectors/codec/klauspost.json` tells how its input is made.
fn vector_row(seed: u64, row: u64, length: usize) -> Vec<u8> {
    let mut state = seed * 31 + row;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn parity_is_that_of_klauspost() {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../../../test/vectors/codec/klauspost.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 21);
    for vector in vectors {
        let number = |name: &str| vector[name].as_u64().unwrap();
        let (count, length) = (number("parity") as usize, number("length") as usize);
        let data: Vec<Vec<u8>> = (0..8).map(|row| vector_row(number("seed"), row, length)).collect();
        for kernel in Kernel::available() {
            let hashes: Vec<String> = widened(kernel, &data, count)[DATA_SHARDS..]
                .iter()
                .map(|row| format!("{:016x}", xxh64(row, 0)))
                .collect();
            let wanted: Vec<&str> = vector["rows"].as_array().unwrap().iter().filter_map(|row| row.as_str()).collect();
            assert_eq!(wanted.len(), count);
            assert_eq!(hashes, wanted, "{} 8+{count}, {length} bytes", kernel.name());
        }
    }
}

#[test]
fn wide_parity_is_that_of_reed_solomon_erasure_and_begins_with_the_narrow() {
    for count in [8, 16] {
        let other = ReedSolomon::new(DATA_SHARDS, count).unwrap();
        for length in [1, 63, 1000, 65_537] {
            let data: Vec<Vec<u8>> = (0..8).map(|row| pseudo_random(length, row + 99)).collect();
            let mut rows = data.clone();
            rows.resize(DATA_SHARDS + count, vec![0; length]);
            other.encode(&mut rows).unwrap();
            for kernel in Kernel::available() {
                assert_eq!(widened(kernel, &data, count), rows, "{} 8+{count}, {length} bytes", kernel.name());
            }
            let data: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
            assert_eq!(parity(Kernel::detect(), &data, 1), rows[DATA_SHARDS..TOTAL_SHARDS]);
        }
    }
}

#[test]
fn requests_for_rows_that_are_none_are_refused() {
    let kernel = Kernel::detect();
    let row = [1_u8; 100];
    let refused = |result: pangea_ces::Result<()>| assert_eq!(result.unwrap_err().code(), "INTERNAL");
    let (mut room, mut short) = ([0; 100], [0; 99]);
    refused(wide::encode(kernel, [&row; 8], &mut [(WIDE_ROWS, &mut room)]));
    refused(wide::encode(kernel, [&row; 8], &mut [(8, &mut short)]));
    let mut present = std::array::from_fn(|number| (number, row.as_slice()));
    present[3].0 = 5;
    refused(wide::rebuild(kernel, present, &mut [(3, &mut room)]));
    present[3].0 = WIDE_ROWS;
    refused(wide::rebuild(kernel, present, &mut [(3, &mut room)]));
    refused(wide::update(kernel, 8, &row, &row, &mut [(8, &mut room)]));
    refused(wide::update(kernel, 0, &row, &row[..99], &mut [(8, &mut room)]));
}

#[test]
fn parity_is_that_of_reed_solomon_erasure() {
    let other = ReedSolomon::new(DATA_SHARDS, PARITY_SHARDS).unwrap();
    for length in [1, 15, 16, 31, 63, 64, 65, 1000, 65_536, 65_537, 200_003] {
        let mut shards: Vec<Vec<u8>> =
            (0..DATA_SHARDS).map(|row| pseudo_random(length, length as u64 * 77 + row as u64)).collect();
        shards.resize(TOTAL_SHARDS, vec![0; length]);
        other.encode(&mut shards).unwrap();
        let data: Vec<&[u8]> = shards[..DATA_SHARDS].iter().map(Vec::as_slice).collect();
        for kernel in Kernel::available() {
            for threads in [1, 2, 3, 4] {
                assert_eq!(
                    parity(kernel, &data, threads),
                    shards[DATA_SHARDS..],
                    "{} {length} {threads}",
                    kernel.name()
                );
            }
        }
    }
}

#[test]
fn every_loss_of_up_to_four_rows_of_unequal_length_is_made_good() {
    let lengths = [70_000, 3, 0, 66_000, 65_536, 69_999, 1, 32];
    let mut rows: Vec<Vec<u8>> =
        lengths.iter().enumerate().map(|(row, length)| pseudo_random(*length, row as u64 + 5)).collect();
    let data: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    let parity = parity(Kernel::detect(), &data, 1);
    rows.extend(parity);
    let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
    let mut patterns = 0;
    for lost in (0_u32..1 << TOTAL_SHARDS).filter(|lost| lost.count_ones() <= 4) {
        let given: Vec<Option<&[u8]>> =
            rows.iter().enumerate().map(|(row, bytes)| (lost >> row & 1 == 0).then_some(bytes.as_slice())).collect();
        let wanted: Vec<usize> = (0..TOTAL_SHARDS).filter(|row| lost >> row & 1 == 1).collect();
        let made = reconstruct::<Vec<u8>>(Kernel::detect(), &given, &lengths, &wanted).unwrap();
        for (row, bytes) in wanted.iter().zip(made) {
            assert_eq!(bytes.unwrap_or_default(), rows[*row], "row {row} of loss {lost:012b}");
        }
        patterns += 1;
    }
    assert_eq!(patterns, 1 + 12 + 66 + 220 + 495);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any lengths, alignments, places within a page, numbers of rows and coefficients, and any way of writing.
    #[test]
    fn kernels_agree_with_the_reference(
        length in prop_oneof![0_usize..700, 4000_usize..9000],
        offsets in prop::array::uniform12(prop_oneof![Just(0_usize), 0_usize..64, 0_usize..4096]),
        count in prop_oneof![Just(DATA_SHARDS), 0_usize..=DATA_SHARDS],
        made in prop_oneof![Just(MAX_OUTPUTS), 1_usize..=MAX_OUTPUTS],
        coefficients in prop_oneof![
            prop::array::uniform8(any::<[u8; MAX_OUTPUTS]>()),
            prop::array::uniform2(any::<[u8; 4]>()).prop_map(|form| {
                std::array::from_fn(|i| std::array::from_fn(|o| form[i / 4][(i % 4) ^ o]))
            }),
        ],
        streaming in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let memory: Vec<Vec<u8>> = offsets[..count].iter().enumerate().map(|(row, offset)| pseudo_random(offset + length, seed ^ row as u64)).collect();
        let inputs: Vec<&[u8]> = memory.iter().zip(offsets).map(|(row, offset)| &row[offset..]).collect();
        let offsets = &offsets[DATA_SHARDS..];
        let run = |kernel: Kernel, dirt: u8| {
            let mut outputs = vec![vec![dirt; 4096 + length + 70]; made];
            let mut targets: Vec<&mut [u8]> = outputs.iter_mut().zip(offsets).map(|(row, offset)| &mut row[*offset..offset + length]).collect();
            let stores = if streaming { Stores::Streaming } else { Stores::Cached };
            kernel.multiply_with(stores, &coefficients[..count], &inputs, &mut targets);
            for (row, offset) in outputs.iter().zip(offsets) {
                assert!(row[..*offset].iter().chain(&row[offset + length..]).all(|byte| *byte == dirt), "nothing is written outside");
            }
            outputs.iter().zip(offsets).map(|(row, offset)| row[*offset..offset + length].to_vec()).collect::<Vec<_>>()
        };
        let kernels = Kernel::available();
        let reference = run(kernels[kernels.len() - 1], 0xAA);
        for kernel in kernels {
            prop_assert_eq!(run(kernel, 0x55), reference.clone(), "{}", kernel.name());
        }
    }

    /// A changed data row leaves the parity that the new data would have been given.
    #[test]
    fn updated_parity_is_that_of_the_new_data(
        length in 0_usize..700,
        offset in 0_usize..64,
        row in 0_usize..DATA_SHARDS,
        rows in prop::sample::subsequence((DATA_SHARDS..WIDE_ROWS).collect::<Vec<_>>(), 1..=16),
        seed in any::<u64>(),
    ) {
        let mut data: Vec<Vec<u8>> = (0..8).map(|row| pseudo_random(length, seed ^ row)).collect();
        let change = pseudo_random(offset + length, !seed);
        let new = &change[offset..];
        for kernel in Kernel::available() {
            let mut before = widened(kernel, &data, 16);
            let old = std::mem::replace(&mut data[row], new.to_vec());
            let after = widened(Kernel::named("scalar").unwrap(), &data, 16);
            let mut parity: Vec<wide::Wanted<'_>> = before
                .iter_mut()
                .enumerate()
                .filter(|(number, _)| rows.contains(number))
                .map(|(number, bytes)| (number, bytes.as_mut_slice()))
                .collect();
            wide::update(kernel, row, &old, new, &mut parity).unwrap();
            for number in &rows {
                prop_assert_eq!(&before[*number], &after[*number], "{} row {}", kernel.name(), number);
            }
            data[row] = old;
        }
    }

    /// Any eight of 24 rows, in any order, make all others.
    #[test]
    fn any_eight_of_the_wide_code_rebuild_the_rest(
        numbers in Just((0..WIDE_ROWS).collect::<Vec<_>>()).prop_shuffle(),
        length in 1_usize..300,
        seed in any::<u64>(),
    ) {
        let data: Vec<Vec<u8>> = (0..8).map(|row| pseudo_random(length, seed ^ row)).collect();
        let rows = widened(Kernel::detect(), &data, 16);
        let (present, lost) = numbers.split_at(DATA_SHARDS);
        let mut made = vec![vec![0; length]; lost.len()];
        let mut wanted: Vec<wide::Wanted<'_>> = lost.iter().copied().zip(made.iter_mut().map(Vec::as_mut_slice)).collect();
        let present = std::array::from_fn(|at| (present[at], rows[present[at]].as_slice()));
        wide::rebuild(Kernel::detect(), present, &mut wanted).unwrap();
        for (number, bytes) in lost.iter().zip(made) {
            prop_assert_eq!(&bytes, &rows[*number], "row {}", number);
        }
    }

    /// Rows of unequal length are what padding with zeros and cutting off would give.
    #[test]
    fn unequal_rows_count_as_padded(lengths in prop::array::uniform8(0_usize..70_000), seed in any::<u64>()) {
        let data: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(row, length)| pseudo_random(*length, seed ^ row as u64)).collect();
        let longest = lengths.into_iter().max().unwrap();
        let mut padded = data.clone();
        padded.iter_mut().for_each(|row| row.resize(longest, 0));
        let slices = |rows: &[Vec<u8>]| -> Vec<Vec<u8>> {
            parity(Kernel::detect(), &rows.iter().map(Vec::as_slice).collect::<Vec<_>>(), 1)
        };
        prop_assert_eq!(slices(&data), slices(&padded));
    }
}
