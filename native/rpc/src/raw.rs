//! Pointers of a message by hand, as far as is needed to hand its content on where it lies.
//!
//! The content of an RPC message is made the root of a message of its own by rewriting one word, so that nothing is
//! copied; the other way round, a finished message is appended behind the RPC header and its root moved into it.

use crate::frame::Segments;

/// Where a pointer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index of the segment.
    pub segment: usize,
    /// Word within it.
    pub word: usize,
}

/// Pointers on the way from the root of an RPC message to what a call brings: `call`, `params`, `content`.
pub const CALL_CONTENT: [usize; 3] = [0, 1, 0];
/// The same for what a return brings: `return`, `results`, `content`.
pub const RETURN_CONTENT: [usize; 3] = [0, 0, 0];

/// The pointer that is reached from the root through the pointer fields `path`; `None` when one on the way is null or wild.
#[must_use]
pub fn find(segments: &Segments, path: &[usize]) -> Option<Place> {
    path.iter().try_fold(Place { segment: 0, word: 0 }, |place, &field| {
        let (start, data_words, pointers) = follow(segments, place)?;
        (field < pointers).then_some(Place { segment: start.segment, word: start.word + data_words + field })
    })
}

/// The word that, at the very front of the message, points to what the pointer at `place` points to.
#[must_use]
pub fn as_root(segments: &Segments, place: Place) -> Option<u64> {
    let pointer = read(segments, place)?;
    match pointer & 3 {
        _ if pointer == 0 => Some(0),
        0 | 1 if place.segment == 0 => moved(pointer, place.word as i64),
        // Elsewhere the pointer itself serves as the landing pad of a far one.
        0 | 1 => Some(2 | (place.word as u64) << 3 | (place.segment as u64) << 32),
        _ => Some(pointer),
    }
}

/// Writes the word at the front.
pub fn set_root(segments: &mut Segments, root: u64) {
    if let Some(word) = segments.first_mut().and_then(|words| words.first_mut()) {
        *word = root.to_le();
    }
}

/// A near pointer that shall point to the same from `words` further to the front (or back, when negative).
#[must_use]
pub fn moved(pointer: u64, words: i64) -> Option<u64> {
    let offset = i64::from(pointer as u32 as i32 >> 2) + words;
    if !(-(1 << 29)..1 << 29).contains(&offset) {
        return None;
    }
    Some(pointer & 0xffff_ffff_0000_0003 | u64::from((offset as i32 as u32) << 2))
}

/// Start of the struct that the pointer at `place` points to, its data words and its pointers.
fn follow(segments: &Segments, place: Place) -> Option<(Place, usize, usize)> {
    let pointer = read(segments, place)?;
    match pointer & 7 {
        _ if pointer == 0 => None,
        // A far pointer to a pad that is a near one.
        2 => near(read(segments, far(pointer))?, far(pointer)),
        // To a pad of two words: a far pointer to the object itself, and its tag.
        6 => {
            let pad = far(pointer);
            let (start, tag) = (read(segments, pad)?, read(segments, Place { word: pad.word + 1, ..pad })?);
            (start & 7 == 2 && tag & 3 == 0).then(|| (far(start), sizes(tag).0, sizes(tag).1))
        }
        _ => near(pointer, place),
    }
}

fn near(pointer: u64, place: Place) -> Option<(Place, usize, usize)> {
    if pointer & 3 != 0 {
        return None;
    }
    let word = usize::try_from(place.word as i64 + 1 + i64::from(pointer as u32 as i32 >> 2)).ok()?;
    Some((Place { segment: place.segment, word }, sizes(pointer).0, sizes(pointer).1))
}

fn far(pointer: u64) -> Place {
    Place { segment: (pointer >> 32) as usize, word: (pointer as u32 >> 3) as usize }
}

fn sizes(pointer: u64) -> (usize, usize) {
    ((pointer >> 32 & 0xffff) as usize, (pointer >> 48) as usize)
}

fn read(segments: &Segments, place: Place) -> Option<u64> {
    segments.get(place.segment)?.get(place.word).copied().map(u64::from_le)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{bytes, bytes_mut};
    use capnp::message::{Builder, HeapAllocator, Reader, ReaderOptions};
    use capnp_rpc::rpc_capnp::message;
    use proptest::prelude::*;

    struct Parts(Segments);
    impl capnp::message::ReaderSegments for Parts {
        fn get_segment(&self, at: u32) -> Option<&[u8]> {
            self.0.get(at as usize).map(|words| bytes(words))
        }
    }

    /// A call whose content is a text, in segments of about `words`.
    fn call_with(text: &str, words: u32) -> Segments {
        let mut builder = Builder::new(
            HeapAllocator::new()
                .first_segment_words(words)
                .allocation_strategy(capnp::message::AllocationStrategy::FixedSize),
        );
        let mut content = builder.init_root::<message::Builder>().init_call().init_params().get_content();
        content.set_as(text).unwrap();
        builder
            .get_segments_for_output()
            .iter()
            .map(|segment| {
                let mut words = vec![0; segment.len() / 8];
                bytes_mut(&mut words).copy_from_slice(segment);
                words
            })
            .collect()
    }

    proptest! {
        #[test]
        fn the_content_becomes_the_root(text in "[a-z]{0,300}", words in 1_u32..60) {
            let mut segments = call_with(&text, words);
            let place = find(&segments, &CALL_CONTENT).unwrap();
            let root = as_root(&segments, place).unwrap();
            set_root(&mut segments, root);
            let reader = Reader::new(Parts(segments), ReaderOptions::default());
            prop_assert_eq!(reader.get_root::<capnp::text::Reader>().unwrap().to_str().unwrap(), text);
        }

        #[test]
        fn any_words_are_survived(words in prop::collection::vec(prop::collection::vec(any::<[u8; 8]>(), 0..12), 0..4), narrow in any::<bool>()) {
            let mut segments: Segments = words.iter().map(|part| {
                let mut out = vec![0; part.len()];
                let masked = part.iter().flat_map(|word| if narrow { [word[0] & 31, 0, 0, 0, word[4] & 3, 0, word[6] & 3, 0] } else { *word }).collect::<Vec<_>>();
                bytes_mut(&mut out).copy_from_slice(&masked);
                out
            }).collect();
            for path in [CALL_CONTENT, RETURN_CONTENT] {
                if let Some(root) = find(&segments, &path).and_then(|place| as_root(&segments, place)) {
                    set_root(&mut segments, root);
                }
            }
        }
    }
}
