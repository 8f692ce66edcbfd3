//! Frames of the stream: segment table, then segments. Bounds are checked on the table, before memory is taken.

/// Segments of one message, each in memory of its own so that it can be handed on alone.
pub type Segments = Vec<Vec<u64>>;

/// Words as the bytes that they are in memory.
#[must_use]
pub fn bytes(words: &[u64]) -> &[u8] {
    // SAFETY: every byte of a u64 is initialised, bytes need no alignment, and the length is the same memory's.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

/// The same for writing.
pub fn bytes_mut(words: &mut [u64]) -> &mut [u8] {
    // SAFETY: as above, and any byte is a good part of a u64.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
}

/// Bytes of all segments.
#[must_use]
pub fn total_bytes(segments: &Segments) -> usize {
    segments.iter().map(|words| words.len() * 8).sum()
}

/// Segments in one message. The other implementations write a handful.
pub const MAX_SEGMENTS: usize = 512;

/// Why a stream is no good; the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// More segments than [`MAX_SEGMENTS`], or a first one without room for a root.
    #[error("PROTOCOL: the segment table of a message is not one")]
    Table,
    /// More bytes than allowed.
    #[error("TOO_LARGE: a message of {0} bytes is beyond the limit")]
    TooLarge(u64),
}

/// What [`Assembler::advance`] got to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// All input is used up.
    Starved,
    /// A table is complete; its segments take this many bytes, which the next step takes.
    Declared(usize),
    /// A message is complete.
    Complete(Segments),
}

/// Puts frames together from bytes that are cut anywhere.
#[derive(Debug, Default)]
pub struct Assembler {
    table: Vec<u8>,
    lengths: Vec<usize>,
    segments: Segments,
    /// Bytes of the last of `segments` that are there.
    filled: usize,
    stage: Stage,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Table,
    Declared,
    Segments,
}

impl Assembler {
    /// Takes from the front of `input` up to the next step.
    ///
    /// # Errors
    /// The stream is no good and must not be read on.
    pub fn advance(&mut self, input: &mut &[u8], limit_bytes: usize) -> Result<Step, FrameError> {
        match self.stage {
            Stage::Table => self.read_table(input, limit_bytes),
            Stage::Declared => {
                self.stage = Stage::Segments;
                self.segments.reserve_exact(self.lengths.len());
                Ok(self.read_segments(input))
            }
            Stage::Segments => Ok(self.read_segments(input)),
        }
    }

    /// Bytes taken for the message under assembly.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        if self.stage == Stage::Segments { self.lengths.iter().sum::<usize>() * 8 } else { 0 }
    }

    /// Bytes that the next step takes, when a table waits for leave to.
    #[must_use]
    pub fn declared_bytes(&self) -> Option<usize> {
        (self.stage == Stage::Declared).then(|| self.lengths.iter().sum::<usize>() * 8)
    }

    fn read_table(&mut self, input: &mut &[u8], limit_bytes: usize) -> Result<Step, FrameError> {
        if !self.fill_table(input, 8) {
            return Ok(Step::Starved);
        }
        let count = u64::from(self.table_word(0)) + 1;
        if count > MAX_SEGMENTS as u64 {
            return Err(FrameError::Table);
        }
        let count = count as usize;
        if !self.fill_table(input, (4 + 4 * count).next_multiple_of(8)) {
            return Ok(Step::Starved);
        }
        self.lengths = (1..=count).map(|at| self.table_word(at) as usize).collect();
        let bytes = self.lengths.iter().map(|&words| words as u64 * 8).sum::<u64>();
        if bytes > limit_bytes as u64 {
            return Err(FrameError::TooLarge(bytes));
        }
        if self.lengths.first().is_none_or(|&words| words == 0) {
            return Err(FrameError::Table);
        }
        self.table.clear();
        self.stage = Stage::Declared;
        Ok(Step::Declared(bytes as usize))
    }

    fn fill_table(&mut self, input: &mut &[u8], wanted: usize) -> bool {
        let missing = wanted.saturating_sub(self.table.len()).min(input.len());
        let (head, rest) = input.split_at(missing);
        self.table.extend_from_slice(head);
        *input = rest;
        self.table.len() >= wanted
    }

    fn table_word(&self, at: usize) -> u32 {
        self.table.get(at * 4..at * 4 + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
    }

    fn read_segments(&mut self, input: &mut &[u8]) -> Step {
        loop {
            if let Some(segment) = self.segments.last_mut() {
                let open = bytes_mut(segment).get_mut(self.filled..).unwrap_or_default();
                let (head, rest) = input.split_at(open.len().min(input.len()));
                open.get_mut(..head.len()).unwrap_or_default().copy_from_slice(head);
                *input = rest;
                self.filled += head.len();
                if self.filled < segment.len() * 8 {
                    return Step::Starved;
                }
            }
            let Some(&words) = self.lengths.get(self.segments.len()) else {
                self.stage = Stage::Table;
                return Step::Complete(std::mem::take(&mut self.segments));
            };
            // Zero pages of the system's, not touched before the bytes come.
            self.segments.push(vec![0; words]);
            self.filled = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All messages in `stream`, cut as `cuts` says.
    fn read(stream: &[u8], cuts: &[usize], limit: usize) -> Result<Vec<Vec<u8>>, FrameError> {
        let mut assembler = Assembler::default();
        let mut found = Vec::new();
        let mut rest = stream;
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let (mut chunk, after) = rest.split_at((*cuts.next().unwrap()).clamp(1, rest.len()));
            rest = after;
            loop {
                match assembler.advance(&mut chunk, limit)? {
                    Step::Starved => break,
                    Step::Declared(bytes) => assert!(bytes <= limit),
                    Step::Complete(segments) => {
                        found.push(segments.iter().flat_map(|words| bytes(words).to_vec()).collect())
                    }
                }
            }
            assert!(chunk.is_empty() && assembler.held_bytes() <= limit);
        }
        Ok(found)
    }

    fn framed(segments: &[Vec<u64>]) -> Vec<u8> {
        let mut bytes = (segments.len() as u32 - 1).to_le_bytes().to_vec();
        bytes.extend(segments.iter().flat_map(|words| (words.len() as u32).to_le_bytes()));
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend(segments.iter().flatten().flat_map(|word| word.to_le_bytes()));
        bytes
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_messages(
            messages in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u64>(), 1..20), 1..6), 0..6),
            cuts in prop::collection::vec(1_usize..200, 1..20),
        ) {
            let stream = messages.iter().flat_map(|segments| framed(segments)).collect::<Vec<_>>();
            let expected = messages.iter().map(|segments| segments.iter().flatten().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>()).collect::<Vec<_>>();
            prop_assert_eq!(read(&stream, &cuts, 1 << 20).unwrap(), expected);
        }

        #[test]
        fn any_bytes_end_in_messages_or_an_error(stream in prop::collection::vec(any::<u8>(), 0..400), cut in 1_usize..50) {
            let _ = read(&stream, &[cut], 4096);
        }
    }

    #[test]
    fn limits_hold_before_memory_is_taken() {
        let mut table: &[u8] = &[1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0];
        assert_eq!(
            Assembler::default().advance(&mut table, 1 << 20),
            Err(FrameError::TooLarge(2 * 8 * u64::from(u32::MAX)))
        );
        let mut many: &[u8] = &[0, 2, 0, 0, 1, 0, 0, 0];
        assert_eq!(Assembler::default().advance(&mut many, 1 << 20), Err(FrameError::Table));
        let mut rootless: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Assembler::default().advance(&mut rootless, 1 << 20), Err(FrameError::Table));
    }
}
