//! Every kernel against the golden value, the scalar reference and another implementation of the code.

use pangea_ces::kernel::MAX_OUTPUTS;
use pangea_ces::rows::reconstruct;
use pangea_ces::stripe::add_parity;
use pangea_ces::{DATA_SHARDS, Kernel, PARITY_SHARDS, TOTAL_SHARDS, identity};
use proptest::prelude::*;
use reed_solomon_erasure::galois_8::ReedSolomon;
use xxhash_rust::xxh64::Xxh64;

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

    /// Any lengths, alignments, numbers of rows and coefficients.
    #[test]
    fn kernels_agree_with_the_reference(
        length in 0_usize..700,
        offsets in prop::array::uniform8(0_usize..64),
        count in 0_usize..=DATA_SHARDS,
        made in 1_usize..=MAX_OUTPUTS,
        coefficients in prop::array::uniform8(any::<[u8; MAX_OUTPUTS]>()),
        seed in any::<u64>(),
    ) {
        let memory: Vec<Vec<u8>> = offsets.iter().enumerate().map(|(row, offset)| pseudo_random(offset + length, seed ^ row as u64)).collect();
        let inputs: Vec<&[u8]> = memory.iter().zip(offsets).map(|(row, offset)| &row[offset..]).take(count).collect();
        let run = |kernel: Kernel, dirt: u8| {
            let mut outputs = vec![vec![dirt; length + 70]; made];
            let mut targets: Vec<&mut [u8]> = outputs.iter_mut().zip(offsets).map(|(row, offset)| &mut row[offset..offset + length]).collect();
            kernel.multiply(&coefficients[..count], &inputs, &mut targets);
            for (row, offset) in outputs.iter().zip(offsets) {
                assert!(row[..offset].iter().chain(&row[offset + length..]).all(|byte| *byte == dirt), "nothing is written outside");
            }
            outputs.iter().zip(offsets).map(|(row, offset)| row[offset..offset + length].to_vec()).collect::<Vec<_>>()
        };
        let kernels = Kernel::available();
        let reference = run(kernels[kernels.len() - 1], 0xAA);
        for kernel in kernels {
            prop_assert_eq!(run(kernel, 0x55), reference.clone(), "{}", kernel.name());
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
