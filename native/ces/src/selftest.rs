//! Whether this machine computes what it should: each candidate against pinned values and against another hand.
//!
//! Made for the start of the node: each check takes a few milliseconds at most and says what was wrong, so that the
//! candidate can be left out by name. The checks take functions, so that tests can show that they catch a wrong one.

use std::hint::black_box;

use crate::compress::{append_frame, frame_capacity, read_frame};
use crate::kernel::{MAX_OUTPUTS, Stores};
use crate::matrix::{CODING_MATRIX, rebuilding_row};
use crate::memory::Span;
use crate::seal::{Key, NONCE_BYTES, Opener, Sealer, TAG_BYTES};
use crate::workspace::Workspace;
use crate::{
    Cipher, Compression, DATA_SHARDS, Effort, Error, IDENTITY_BYTES, Kernel, PARITY_SHARDS, derive_key, identity,
};

/// Right, or what was wrong.
pub type Verdict = Result<(), String>;

type Factors = [[u8; MAX_OUTPUTS]; DATA_SHARDS];

/// Length of the rows that the pinned parity is made of: whole registers and a rest.
const PINNED_ROW_BYTES: usize = 333;
/// [`fingerprint`] of the four parity rows over rows of [`fill`] with seeds 1–8, as reed-solomon-erasure makes them.
const PINNED_PARITY: u64 = 0x8874_f9ad_0736_b224;
/// [`fingerprint`] of 9,001 bytes of [`fill`] with seed 5 as libsodium seals them in [`seal_with`], and of the tag.
const PINNED_SEALED: u64 = 0x9cd2_1471_b7c2_ef6a;
const PINNED_SEALED_BYTES: usize = 9001;
/// The kernel that all others are compared with; itself it has the pinned values only.
const REFERENCE: &str = "scalar";
/// A loss that leaves data and parity, and the rows that are left.
const LOST: [usize; PARITY_SHARDS] = [0, 2, 5, 9];
const LEFT: [usize; DATA_SHARDS] = [1, 3, 4, 6, 7, 8, 10, 11];

/// Checks one kernel in all that it does.
///
/// # Errors
/// What was wrong.
pub fn reed_solomon(kernel: Kernel) -> Verdict {
    if kernel.name() == REFERENCE {
        pinned_with(|factors, inputs, outputs| kernel.multiply(factors, inputs, outputs))?;
        return update_with(|factors, old, new, outputs| kernel.update(factors, old, new, outputs));
    }
    let mut agree = true;
    reed_solomon_with(|factors, inputs, outputs| {
        kernel.multiply_with(Stores::Streaming, factors, inputs, outputs);
        let streamed: Vec<Vec<u8>> = outputs.iter().map(|row| row.to_vec()).collect();
        kernel.multiply_with(Stores::Cached, factors, inputs, outputs);
        agree &= streamed.iter().zip(outputs.iter()).all(|(streamed, cached)| streamed == *cached);
    })?;
    if !agree {
        return Err("outputs written past the caches differ from those written into them".into());
    }
    update_with(|factors, old, new, outputs| kernel.update(factors, old, new, outputs))
}

/// Checks what [`Kernel::multiply`] does.
///
/// # Errors
/// What was wrong.
pub fn reed_solomon_with(mut multiply: impl FnMut(&Factors, &[&[u8]], &mut [&mut [u8]])) -> Verdict {
    pinned_with(&mut multiply)?;
    let parity = columns(|row| CODING_MATRIX[DATA_SHARDS + row]);
    let mixed = columns(|row| rebuilding_row(LOST[row], &LEFT));
    let lengths = (1..=200).map(|length| (length, length % MAX_OUTPUTS + 1)).chain([(4096 + 77, 3), (64 * 1024, 4)]);
    let longest = 64 * 1024 + 64;
    // Rows that overlap are as good as others, and sooner made.
    let noise = fill(longest + 1000 * DATA_SHARDS, 11);
    let rows: Vec<&[u8]> = (0..DATA_SHARDS).map(|row| &noise[1000 * row..][..longest]).collect();
    let mut made = vec![vec![0; longest]; MAX_OUTPUTS];
    let mut expected = made.clone();
    let reference = Kernel::named(REFERENCE).ok_or("the scalar reference is missing")?;
    for (length, outputs) in lengths {
        let (from, to) = (length * 7 % 64, length * 11 % 64);
        let factors = if length % 3 == 0 { &mixed } else { &parity };
        let inputs = slices(&rows, from, length);
        reference.multiply(factors, &inputs, &mut targets(&mut expected[..outputs], to, length));
        multiply(factors, black_box(&inputs), &mut targets(&mut made[..outputs], to, length));
        let (made, expected) = (black_box(&made), &expected);
        if let Some(row) = (0..outputs).find(|row| made[*row][to..to + length] != expected[*row][to..to + length]) {
            return Err(format!("output {row} of {outputs}, {length} bytes at {from} and {to}: not as the reference"));
        }
    }
    Ok(())
}

/// Makes the pinned parity, and from it and some rows the lost others. Neither needs a kernel to compare with.
fn pinned_with(mut multiply: impl FnMut(&Factors, &[&[u8]], &mut [&mut [u8]])) -> Verdict {
    let mut rows: Vec<Vec<u8>> = (1..=DATA_SHARDS as u64).map(|seed| fill(PINNED_ROW_BYTES, seed)).collect();
    let mut made = vec![vec![0xaa; PINNED_ROW_BYTES]; PARITY_SHARDS];
    let parity = columns(|row| CODING_MATRIX[DATA_SHARDS + row]);
    multiply(&parity, black_box(&slices(&rows, 0, PINNED_ROW_BYTES)), &mut targets(&mut made, 0, PINNED_ROW_BYTES));
    if fingerprint(black_box(&made).iter().flatten()) != PINNED_PARITY {
        return Err("the parity of pinned rows is not the pinned one".into());
    }
    rows.append(&mut made);
    // The parity's coefficients have a short form that kernels may use; these have none.
    let left: Vec<&[u8]> = LEFT.iter().map(|row| rows[*row].as_slice()).collect();
    let mut rebuilt = vec![vec![0xaa; PINNED_ROW_BYTES]; LOST.len()];
    let factors = columns(|row| rebuilding_row(LOST[row], &LEFT));
    multiply(&factors, black_box(&left), &mut targets(&mut rebuilt, 0, PINNED_ROW_BYTES));
    match LOST.iter().zip(black_box(&rebuilt)).find(|(lost, rebuilt)| rows[**lost] != **rebuilt) {
        Some((lost, _)) => Err(format!("row {lost} is not rebuilt as it was")),
        None => Ok(()),
    }
}

/// Checks what [`Kernel::update`] does.
///
/// # Errors
/// What was wrong.
pub fn update_with(mut update: impl FnMut(&[u8], &[u8], &[u8], &mut [&mut [u8]])) -> Verdict {
    let reference = Kernel::named(REFERENCE).ok_or("the scalar reference is missing")?;
    for length in [1, 15, 64, 65, 127, 200, 1000, 4096 + 33] {
        let (old, new) = (fill(length + 3, 31), fill(length + 3, 32));
        let factors: [u8; MAX_OUTPUTS] = std::array::from_fn(|row| CODING_MATRIX[DATA_SHARDS + row][length % 8]);
        let mut made: Vec<Vec<u8>> = (41..45).map(|seed| fill(length + 5, seed)).collect();
        let change: Vec<u8> = old[3..].iter().zip(&new[3..]).map(|(old, new)| old ^ new).collect();
        let mut expected = vec![vec![0; length + 5]; MAX_OUTPUTS];
        reference.multiply(&[factors], &[&change], &mut targets(&mut expected, 5, length));
        for (sum, byte) in expected.iter_mut().flatten().zip(made.iter().flatten()) {
            *sum ^= byte;
        }
        update(&factors, black_box(&old[3..]), black_box(&new[3..]), &mut targets(&mut made, 5, length));
        if black_box(&made) != &expected {
            return Err(format!("an update of {length} bytes is not what its change comes to"));
        }
    }
    Ok(())
}

/// What [`seal_with`] checks: in place both.
pub struct SealCheck<S, O> {
    /// Encrypts (text, key, nonce, associated data) and gives the tag.
    pub seal: S,
    /// Decrypts (text, tag, key, nonce, associated data), or gives false and leaves the text as it is, or zeros.
    pub open: O,
}

/// Checks one cipher, at once and piece by piece, also against a library of another hand.
///
/// # Errors
/// What was wrong.
pub fn seal(cipher: Cipher) -> Verdict {
    let other = Cipher::named(if cipher.name() == "rustcrypto" { "dryoc" } else { "rustcrypto" })
        .ok_or("the library to compare with is missing")?;
    let at_once = SealCheck {
        seal: |text: &mut [u8], key: &Key, nonce: &_, bound: &[u8]| cipher.seal(text, key, nonce, bound).ok(),
        open: |text: &mut [u8], tag: &_, key: &Key, nonce: &_, bound: &[u8]| {
            cipher.open(text, tag, key, nonce, bound).is_ok()
        },
    };
    let in_pieces = SealCheck {
        seal: |text: &mut [u8], key: &Key, nonce: &_, bound: &[u8]| {
            let mut sealer = Sealer::new(cipher, key, nonce, bound);
            text.chunks_mut(1000).for_each(|piece| sealer.update(piece));
            Some(sealer.finish())
        },
        open: |text: &mut [u8], tag: &_, key: &Key, nonce: &_, bound: &[u8]| {
            let mut opener = Opener::new(cipher, key, nonce, bound);
            text.chunks(777).for_each(|piece| opener.authenticate(piece));
            let opened = opener.verify(tag);
            opened.map(|mut opened| text.chunks_mut(3000).for_each(|piece| opened.decrypt(piece))).is_ok()
        },
    };
    seal_with(other, &at_once)?;
    seal_with(other, &in_pieces).map_err(|wrong| format!("{wrong} (piece by piece)"))
}

/// Checks functions that seal and open, also against `other`.
///
/// # Errors
/// What was wrong.
pub fn seal_with<S, O>(other: Cipher, subject: &SealCheck<S, O>) -> Verdict
where
    S: Fn(&mut [u8], &Key, &[u8; NONCE_BYTES], &[u8]) -> Option<[u8; TAG_BYTES]>,
    O: Fn(&mut [u8], &[u8; TAG_BYTES], &Key, &[u8; NONCE_BYTES], &[u8]) -> bool,
{
    let key: Key = std::array::from_fn(|at| 0x80 + at as u8);
    let nonce: [u8; NONCE_BYTES] = std::array::from_fn(|at| 0x40 + at as u8);
    let refused = "sealing was refused";
    let mut text = fill(PINNED_SEALED_BYTES, 5);
    let tag = (subject.seal)(&mut text, &key, &nonce, b"bound").ok_or(refused)?;
    if fingerprint(black_box(&text).iter().chain(&tag)) != PINNED_SEALED {
        return Err("pinned bytes do not seal to the pinned ones".into());
    }
    let lengths = [0, 1, 15, 16, 63, 64, 65, 255, 1023, 1024, 1025, 5000, 9216, 20_011];
    for (length, bound_bytes) in lengths.into_iter().zip(0..) {
        let plaintext = fill(length, 100 + length as u64);
        let bound = fill(bound_bytes, 7);
        let mut text = plaintext.clone();
        let tag = (subject.seal)(&mut text, &key, &nonce, &bound).ok_or(refused)?;
        let mut expected = plaintext.clone();
        let expected_tag = other.seal(&mut expected, &key, &nonce, &bound).map_err(|_| refused)?;
        if black_box(&text) != &expected || tag != expected_tag {
            return Err(format!("{length} bytes are sealed otherwise than by {}", other.name()));
        }
        let mut wrong_tag = tag;
        wrong_tag[length % TAG_BYTES] ^= 1;
        let mut turned = expected.clone();
        if let Some(byte) = turned.get_mut(length / 2) {
            *byte ^= 0x10;
        }
        for (text, tag, what) in [(&expected, &wrong_tag, "a wrong tag"), (&turned, &tag, "a turned bit")] {
            let mut refused = text.clone();
            if text.is_empty() && *tag == expected_tag {
                continue; // there is no bit to turn
            }
            if (subject.open)(&mut refused, tag, &key, &nonce, &bound) {
                return Err(format!("{length} bytes with {what} are opened"));
            }
            if black_box(&refused) != text && refused.iter().any(|byte| *byte != 0) {
                return Err(format!("{length} bytes with {what} are refused, but something of them is left"));
            }
        }
        if !(subject.open)(&mut text, &tag, &key, &nonce, &bound) || black_box(&text) != &plaintext {
            return Err(format!("{length} sealed bytes do not open to what they were"));
        }
    }
    Ok(())
}

/// Checks BLAKE3.
///
/// # Errors
/// What was wrong.
pub fn hash() -> Verdict {
    hash_with(identity)?;
    // The derivation mode over no bytes, in BLAKE3's test vectors.
    let derived = derive_key("BLAKE3 2019-12-27 16:29:52 test vectors context", black_box(&[]));
    if derived[..8] != 0x2cc3_9783_c223_154f_u64.to_be_bytes() {
        return Err("the derived key is not the pinned one".into());
    }
    Ok(())
}

/// Checks a hash function against BLAKE3's own test vectors: so many bytes of 0, 1 … 250, 0 …
///
/// # Errors
/// What was wrong.
pub fn hash_with(identity: impl Fn(&[u8]) -> [u8; IDENTITY_BYTES]) -> Verdict {
    const VECTORS: [(usize, u64); 4] = [
        (0, 0xaf13_49b9_f5f9_a1a6),
        (1, 0x2d3a_dedf_f11b_61f1),
        (1024, 0x4221_4739_f095_a406),
        (102_400, 0xbc3e_3d41_a114_6b06),
    ];
    for (length, begin) in VECTORS {
        let input: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        if identity(black_box(&input))[..8] != begin.to_be_bytes() {
            return Err(format!("the hash of {length} bytes is not the pinned one"));
        }
    }
    Ok(())
}

/// Checks zstd.
///
/// # Errors
/// What was wrong.
pub fn compress() -> Verdict {
    compress_with(
        |content, effort| {
            let mut frame = Vec::with_capacity(frame_capacity(content.len()));
            let compression = Compression::from(effort);
            Workspace::with(|tools| {
                let chunks = [content];
                append_frame(&mut tools.compressor, &mut tools.scratch, Span::new(&chunks), compression, &mut frame)
            })?;
            Ok(frame)
        },
        |frame, max_bytes| {
            let mut content = Vec::new();
            Workspace::with(|tools| {
                read_frame(&mut tools.decompressor, frame, None, max_bytes, |bytes| {
                    content.reserve_exact(bytes);
                    &mut content
                })
            })?;
            Ok(content)
        },
    )
}

/// Checks a compressor and a decompressor, which is given a limit.
///
/// # Errors
/// What was wrong.
pub fn compress_with(
    compress: impl Fn(&[u8], Effort) -> crate::Result<Vec<u8>>,
    decompress: impl Fn(&[u8], usize) -> crate::Result<Vec<u8>>,
) -> Verdict {
    // "pangea " a hundred times, by the zstd command line tool.
    const FRAME: [u8; 24] = [
        0x28, 0xb5, 0x2f, 0xfd, 0x60, 0xbc, 0x01, 0x75, 0x00, 0x00, 0x38, 0x70, 0x61, 0x6e, 0x67, 0x65, 0x61, 0x20,
        0x01, 0x00, 0xb2, 0x54, 0x15, 0x23,
    ];
    let pinned = "pangea ".repeat(100);
    if decompress(black_box(&FRAME), pinned.len()).ok().as_deref() != Some(pinned.as_bytes()) {
        return Err("a pinned frame does not decompress".into());
    }
    if !matches!(decompress(&FRAME, pinned.len() - 1), Err(Error::TooLarge(_))) {
        return Err("more than allowed is decompressed".into());
    }
    let text: Vec<u8> = fill(6000, 3)
        .into_iter()
        .flat_map(|byte| [b"so", b"is", b"it", b"at"][usize::from(byte % 4)])
        .copied()
        .collect();
    for (content, shrinks) in [(&text, true), (&fill(12_000, 4), false)] {
        for effort in [Effort::Store, Effort::Level(1), Effort::Level(3)] {
            let frame = compress(black_box(content), effort).map_err(|wrong| wrong.to_string())?;
            if (frame.len() < content.len() / 2) != (shrinks && effort != Effort::Store) {
                return Err(format!("{effort:?} makes {} bytes of {}", frame.len(), content.len()));
            }
            if black_box(decompress(&frame, content.len())).ok().as_ref() != Some(content) {
                return Err(format!("{effort:?} does not lead back"));
            }
            if decompress(&frame[..frame.len() - 1], content.len()).is_ok() {
                return Err("a frame that was cut decompresses".into());
            }
        }
    }
    Ok(())
}

/// Coefficients in the order that kernels take.
fn columns(row: impl Fn(usize) -> [u8; DATA_SHARDS]) -> Factors {
    std::array::from_fn(|input| std::array::from_fn(|output| row(output)[input]))
}

fn slices<Row: AsRef<[u8]>>(rows: &[Row], start: usize, length: usize) -> Vec<&[u8]> {
    rows.iter().map(|row| &row.as_ref()[start..start + length]).collect()
}

fn targets(rows: &mut [Vec<u8>], start: usize, length: usize) -> Vec<&mut [u8]> {
    rows.iter_mut().map(|row| &mut row[start..start + length]).collect()
}

/// Bytes without a pattern: xorshift.
fn fill(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

/// FNV-1a: weak, but nothing here is hostile and it is no part of what is checked.
fn fingerprint<'a>(bytes: impl Iterator<Item = &'a u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use reed_solomon_erasure::galois_8::ReedSolomon;

    use super::*;

    #[test]
    fn all_that_runs_here_is_right() {
        for kernel in Kernel::available() {
            assert_eq!(reed_solomon(kernel), Ok(()), "{}", kernel.name());
        }
        for cipher in Cipher::available() {
            assert_eq!(seal(cipher), Ok(()), "{}", cipher.name());
        }
        assert_eq!(hash(), Ok(()));
        assert_eq!(compress(), Ok(()));
    }

    #[test]
    fn the_pinned_parity_is_that_of_another_implementation() {
        let mut shards: Vec<Vec<u8>> = (1..=8).map(|seed| fill(PINNED_ROW_BYTES, seed)).collect();
        shards.resize(DATA_SHARDS + PARITY_SHARDS, vec![0; PINNED_ROW_BYTES]);
        ReedSolomon::new(DATA_SHARDS, PARITY_SHARDS).unwrap().encode(&mut shards).unwrap();
        assert_eq!(fingerprint(shards[DATA_SHARDS..].iter().flatten()), PINNED_PARITY);
    }

    /// The best kernel with something done to it.
    fn with_fault(fault: impl Fn(&Factors, &[&[u8]], &mut [&mut [u8]])) -> Verdict {
        reed_solomon_with(|factors, inputs, outputs| {
            Kernel::detect().multiply(factors, inputs, outputs);
            fault(factors, inputs, outputs);
        })
    }

    #[test]
    fn a_wrong_kernel_is_caught() {
        let reference = Kernel::named(REFERENCE).unwrap();
        let short_form_only = pinned_with(|factors, inputs, outputs| {
            reference.multiply(factors, inputs, outputs);
            if factors[0] != columns(|row| CODING_MATRIX[DATA_SHARDS + row])[0] {
                outputs[3][0] ^= 1;
            }
        });
        assert_eq!(short_form_only, Err("row 9 is not rebuilt as it was".into()));
        assert!(with_fault(|_, _, _| {}).is_ok());
        assert!(reed_solomon_with(|_, _, _| {}).is_err(), "does nothing");
        assert!(reed_solomon_with(|_, inputs, outputs| outputs[0].copy_from_slice(inputs[0])).is_err());
        let last_bit_of = |length: usize| {
            with_fault(move |_, _, outputs| {
                if outputs[0].len() == length {
                    outputs[outputs.len() - 1][length - 1] ^= 0x80;
                }
            })
        };
        for length in [PINNED_ROW_BYTES, 1, 63, 64, 65, 199, 200, 4096 + 77, 64 * 1024] {
            assert!(last_bit_of(length).is_err(), "{length}");
        }
        assert!(last_bit_of(12_345).is_ok(), "a length that is not tried");
        let other_coefficients = with_fault(|factors, _, outputs| {
            if factors[0] != columns(|row| CODING_MATRIX[DATA_SHARDS + row])[0] {
                outputs[0][0] ^= 1;
            }
        });
        assert!(other_coefficients.is_err());
        let unaligned = with_fault(|_, _, outputs| {
            if outputs[0].as_ptr().align_offset(16) != 0 {
                outputs[0][0] ^= 1;
            }
        });
        assert!(unaligned.is_err());
    }

    #[test]
    fn a_wrong_update_is_caught() {
        let right = |factors: &[u8], old: &[u8], new: &[u8], outputs: &mut [&mut [u8]]| {
            Kernel::detect().update(factors, old, new, outputs);
        };
        assert!(update_with(right).is_ok());
        assert!(update_with(|_, _, _, _| {}).is_err());
        assert!(update_with(|factors, _, new, outputs| right(factors, new, new, outputs)).is_err());
    }

    #[test]
    fn a_wrong_cipher_is_caught() {
        let other = Cipher::named("rustcrypto").unwrap();
        let dryoc = Cipher::named("dryoc").unwrap();
        let seal = |text: &mut [u8], key: &Key, nonce: &[u8; NONCE_BYTES], bound: &[u8]| {
            dryoc.seal(text, key, nonce, bound).ok()
        };
        let open = |text: &mut [u8], tag: &[u8; TAG_BYTES], key: &Key, nonce: &[u8; NONCE_BYTES], bound: &[u8]| {
            dryoc.open(text, tag, key, nonce, bound).is_ok()
        };
        assert_eq!(seal_with(other, &SealCheck { seal, open }), Ok(()));
        let plain = |_: &mut [u8], _: &Key, _: &_, _: &[u8]| Some([0; TAG_BYTES]);
        assert!(seal_with(other, &SealCheck { seal: plain, open }).is_err(), "nothing is encrypted");
        let unbound = |text: &mut [u8], key: &Key, nonce: &_, _: &[u8]| seal(text, key, nonce, b"bound");
        let wrong = seal_with(other, &SealCheck { seal: unbound, open });
        assert!(
            wrong.unwrap_err().contains("otherwise than by rustcrypto"),
            "the comparison sees what the pin does not"
        );
        let trusting = |text: &mut [u8], _: &_, key: &Key, nonce: &_, bound: &[u8]| {
            let _tag = seal(text, key, nonce, bound); // the same stream decrypts
            true
        };
        assert!(seal_with(other, &SealCheck { seal, open: trusting }).unwrap_err().contains("are opened"));
        let leaking = |text: &mut [u8], tag: &_, key: &Key, nonce: &_, bound: &[u8]| {
            let right = open(text, tag, key, nonce, bound);
            if !right && text.len() > 5000 {
                text[1] ^= 1;
            }
            right
        };
        assert!(seal_with(other, &SealCheck { seal, open: leaking }).unwrap_err().contains("is left"));
        let closed = |_: &mut [u8], _: &_, _: &Key, _: &_, _: &[u8]| false;
        assert!(seal_with(other, &SealCheck { seal, open: closed }).is_err());
    }

    #[test]
    fn a_wrong_hash_is_caught() {
        assert!(hash_with(|_| [0; IDENTITY_BYTES]).is_err());
        assert!(hash_with(|bytes| identity(&bytes[..bytes.len().min(102_399)])).is_err(), "only long input is wrong");
    }

    #[test]
    fn a_wrong_compressor_is_caught() {
        let store = |content: &[u8], _: Effort| -> crate::Result<Vec<u8>> {
            let mut frame = Vec::with_capacity(frame_capacity(content.len()));
            Workspace::with(|tools| {
                let effort = Compression::from(Effort::Store);
                append_frame(&mut tools.compressor, &mut tools.scratch, Span::new(&[content]), effort, &mut frame)
            })?;
            Ok(frame)
        };
        let unbounded =
            |frame: &[u8], _: usize| zstd_safe_decompress(frame).ok_or_else(|| Error::Corrupt("not a frame".into()));
        assert!(compress_with(store, unbounded).unwrap_err().contains("more than allowed"));
        let bounded = |frame: &[u8], max_bytes: usize| match zstd_safe_decompress(frame) {
            Some(content) if content.len() > max_bytes => Err(Error::TooLarge("long".into())),
            Some(content) => Ok(content),
            None => Err(Error::Corrupt("not a frame".into())),
        };
        assert!(compress_with(store, bounded).unwrap_err().contains("Level(1) makes"), "it does not compress");
        assert!(compress_with(store, |_, _| Ok(Vec::new())).is_err());
    }

    fn zstd_safe_decompress(frame: &[u8]) -> Option<Vec<u8>> {
        let mut content = vec![0; 1 << 20];
        let length = zstd_safe::decompress(&mut content[..], frame).ok()?;
        content.truncate(length);
        Some(content)
    }
}
