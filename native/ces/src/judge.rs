//! Whether compressing is worth trying, found out in some 10 µs a MiB.
//!
//! zstd itself passes what it cannot shrink at 4–5 GB/s, so a judge that compresses a sample first costs more than it
//! saves. This one only counts. Do bytes meet their equals more often than random ones would, in a window every 64 KiB?
//! If not, does a word come back in the neighbourhood, or at the start of a page? What it gets wrong stands in
//! `docs/internals/codec.md`; `examples/judge.rs` measures it.

use crate::memory::Span;

/// Up to here compressing is cheaper than judging.
pub const JUDGED_BYTES: usize = 8 * 1024;

/// A window shows how bytes are distributed.
const WINDOW_BYTES: usize = 256;
const WINDOW_SHARE_BYTES: usize = 64 * 1024;
const MIN_WINDOWS: usize = 8;
const MAX_WINDOWS: usize = 128;
/// Windows that are fetched together, so that their cache misses overlap.
const BATCH: usize = 16;
/// Sum over all byte values of the square of how often they occur, expected of a window of random bytes.
const RANDOM_SQUARES: u32 = (WINDOW_BYTES + WINDOW_BYTES * (WINDOW_BYTES - 1) / 256) as u32;
/// Excess of that sum per bit of entropy that a byte lacks, near the uniform distribution: n² · 2 ln 2 / 256.
const SQUARES_PER_BIT: u32 = 355;
/// No window counts for more than half of it saved; otherwise one window of zeros would speak for a whole segment.
const MAX_EXCESS: u32 = 4 * SQUARES_PER_BIT;
/// Mean excess that pays: 2.5 % of eight bits.
const WORTHWHILE_EXCESS: u32 = SQUARES_PER_BIT / 5;

/// A neighbourhood is searched for words that come back.
const NEIGHBOURHOOD_BYTES: usize = 1024;
const NEIGHBOURHOOD_SHARE_BYTES: usize = 256 * 1024;
const MAX_NEIGHBOURHOODS: usize = 32;
/// One word in 32 is remembered, chosen by itself so that copies choose the same.
const WORDS_PER_ANCHOR_BITS: u32 = 5;
/// Copies lie at sectors and pages more often than not: there one word each is enough to meet them.
const PAGE_BYTES: usize = 8192;
const MAX_PAGES: usize = 1024;
const TABLE_BITS: u32 = 11;
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// True where compressing is likely to save 3 % or more.
#[must_use]
pub fn worth_compressing(content: Span<'_>) -> bool {
    content.length() <= JUDGED_BYTES || is_skewed(content) || has_copies(content)
}

/// Whether bytes meet their equals more often than random ones.
fn is_skewed(content: Span<'_>) -> bool {
    let windows = (content.length() / WINDOW_SHARE_BYTES).clamp(MIN_WINDOWS, MAX_WINDOWS);
    let share = content.length() / windows;
    let enough = WORTHWHILE_EXCESS * windows as u32;
    let mut excess = 0;
    let mut room = [0; BATCH * WINDOW_BYTES];
    for first in (0..windows).step_by(BATCH) {
        let batch = BATCH.min(windows - first);
        for (window, room) in (first..first + batch).zip(room.chunks_exact_mut(WINDOW_BYTES)) {
            fetch(content, window * share + shift(window) % (share - WINDOW_BYTES), room);
        }
        for window in room.chunks_exact(WINDOW_BYTES).take(batch) {
            excess += excess_squares(window);
            if excess >= enough {
                return true;
            }
        }
    }
    false
}

/// Whether a word is met twice, which in random bytes never happens.
fn has_copies(content: Span<'_>) -> bool {
    let mut words = Words { table: [0; 1 << TABLE_BITS] };
    let mut start = 0;
    for piece in content.part(0..content.length().min(MAX_PAGES * PAGE_BYTES)).pieces() {
        // A page's first word that two chunks share is left out.
        let pages = piece.get(start..).unwrap_or_default().chunks(PAGE_BYTES).filter_map(|page| page.first_chunk());
        if pages.fold(false, |seen, word| words.seen_before(u64::from_le_bytes(*word)) | seen) {
            return true;
        }
        start = (start + PAGE_BYTES - piece.len() % PAGE_BYTES) % PAGE_BYTES;
    }
    let neighbourhoods = (content.length() / NEIGHBOURHOOD_SHARE_BYTES).clamp(1, MAX_NEIGHBOURHOODS);
    let mut room = [0; NEIGHBOURHOOD_BYTES];
    (0..neighbourhoods).any(|at| {
        // Behind the first word of a page, which has been met.
        let page = at * (content.length() / PAGE_BYTES) / neighbourhoods;
        fetch(content, page * PAGE_BYTES + 8 + shift(at) % (PAGE_BYTES - 8 - NEIGHBOURHOOD_BYTES), &mut room);
        room.array_windows().any(|word| {
            let word = u64::from_le_bytes(*word);
            word.wrapping_mul(MIX) >> (64 - WORDS_PER_ANCHOR_BITS) == 0 && words.seen_before(word)
        })
    })
}

/// A number that changes with the sample, so that records of a round size are not always cut at one byte.
fn shift(sample: usize) -> usize {
    (sample as u32).wrapping_mul(2_654_435_769) as usize >> 8
}

fn fetch(content: Span<'_>, at: usize, room: &mut [u8]) {
    let mut filled = 0;
    for piece in content.part(at..at + room.len()).pieces() {
        room[filled..filled + piece.len()].copy_from_slice(piece);
        filled += piece.len();
    }
}

/// How much more often bytes meet their equals than random ones would.
fn excess_squares(bytes: &[u8]) -> u32 {
    // Two tables, since equal bytes in a row would wait for each other's count.
    let mut counts = [[0_u16; 256]; 2];
    for pair in bytes.chunks_exact(2) {
        counts[0][usize::from(pair[0])] += 1;
        counts[1][usize::from(pair[1])] += 1;
    }
    let [even, odd] = &counts;
    let squares: u32 = even.iter().zip(odd).map(|(a, b)| u32::from(a + b) * u32::from(a + b)).sum();
    squares.saturating_sub(RANDOM_SQUARES).min(MAX_EXCESS)
}

/// Words of eight bytes that were met, as many as there is room for.
struct Words {
    table: [u64; 1 << TABLE_BITS],
}

impl Words {
    /// Zero is what the table begins with, and no sign of anything.
    fn seen_before(&mut self, word: u64) -> bool {
        let place = word.wrapping_mul(MIX) << WORDS_PER_ANCHOR_BITS >> (64 - TABLE_BITS);
        std::mem::replace(&mut self.table[place as usize], word) == word && word != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        (0..length.div_ceil(8))
            .flat_map(|_| {
                state = state.wrapping_add(MIX);
                let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
                (mixed ^ mixed >> 31).to_le_bytes()
            })
            .take(length)
            .collect()
    }

    fn judged(content: &[u8]) -> bool {
        worth_compressing(Span::new(&[content]))
    }

    #[test]
    fn noise_is_stored_whatever_its_length() {
        for seed in 0..300 {
            let length = JUDGED_BYTES + 1 + (seed as usize * 7919) % (300 * 1024);
            assert!(!judged(&noise(length, seed * 1000)), "{length} bytes of seed {seed}");
        }
        assert!(!judged(&noise(16 << 20, 5)));
    }

    #[test]
    fn what_compresses_is_compressed() {
        let counters: Vec<u8> = (0_u32..300_000).flat_map(u32::to_le_bytes).collect();
        let floats: Vec<u8> = (0..300_000).flat_map(|at| (at as f32).sin().to_le_bytes()).collect();
        let hex: Vec<u8> = noise(500_000, 1).iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect();
        let block = noise(64 * 1024, 2);
        for content in [vec![0; 1 << 20], counters, floats, hex, block.repeat(16)] {
            assert!(judged(&content));
        }
    }

    #[test]
    fn a_tenth_of_text_in_noise_is_enough() {
        let mut content = noise(1 << 20, 3);
        let text = b"it was the best of times, it was the worst of times; ".repeat(2000);
        content[300_000..300_000 + text.len()].copy_from_slice(&text);
        assert!(judged(&content));
    }

    #[test]
    fn chunks_do_not_matter() {
        for content in [noise(200_000, 4), b"one two three four ".repeat(10_000)] {
            let chunks: Vec<&[u8]> = content.chunks(333).collect();
            assert_eq!(worth_compressing(Span::new(&chunks)), judged(&content));
        }
    }
}
