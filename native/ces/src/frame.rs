//! zstd frames of raw blocks (RFC 8878, section 3.1.1), for data that compression would not shrink: one
//! copy instead of a search, and every zstd decoder reads them.

use crate::memory::Span;

/// First bytes of a zstd frame; skippable frames have others.
pub const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// Frame_Content_Size in 4 bytes, window descriptor present, no checksum, no dictionary.
const DESCRIPTOR: u8 = 0x80;
/// A window of 128 KiB: all that raw blocks need, and little for a streaming decoder to set aside.
const WINDOW: u8 = 0x38;
const HEADER_BYTES: usize = 10;
const BLOCK_HEADER_BYTES: usize = 3;
const MAX_BLOCK_BYTES: usize = 128 * 1024;

/// Bytes of the frame around so much content.
pub const fn stored_frame_bytes(content_bytes: usize) -> usize {
    HEADER_BYTES + content_bytes + BLOCK_HEADER_BYTES * stored_blocks(content_bytes)
}

/// Blocks of that frame.
pub const fn stored_blocks(content_bytes: usize) -> usize {
    if content_bytes == 0 { 1 } else { content_bytes.div_ceil(MAX_BLOCK_BYTES) }
}

/// What precedes a block's content in the frame.
pub struct Header {
    bytes: [u8; HEADER_BYTES + BLOCK_HEADER_BYTES],
    start: usize,
}

impl AsRef<[u8]> for Header {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// One of the [`stored_blocks`]. The content is at most a whole block's, so its length fits 32 bits.
pub fn stored_block(content: Span<'_>, block: usize) -> (Header, Span<'_>) {
    let length = content.length();
    let from = length.min(block * MAX_BLOCK_BYTES);
    let to = length.min(from + MAX_BLOCK_BYTES);
    let header = ((to - from) << 3 | usize::from(to == length)) as u32;
    let mut bytes = [0; HEADER_BYTES + BLOCK_HEADER_BYTES];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4..6].copy_from_slice(&[DESCRIPTOR, WINDOW]);
    bytes[6..HEADER_BYTES].copy_from_slice(&(length as u32).to_le_bytes());
    bytes[HEADER_BYTES..].copy_from_slice(&header.to_le_bytes()[..BLOCK_HEADER_BYTES]);
    (Header { bytes, start: if block == 0 { 0 } else { HEADER_BYTES } }, content.part(from..to))
}

/// Appends the frame.
pub fn append_stored(content: Span<'_>, out: &mut Vec<u8>) {
    for block in 0..stored_blocks(content.length()) {
        let (header, content) = stored_block(content, block);
        out.extend_from_slice(header.as_ref());
        content.pieces().for_each(|piece| out.extend_from_slice(piece));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zstd_reads_stored_frames_of_every_block_count() {
        for length in [0, 1, MAX_BLOCK_BYTES - 1, MAX_BLOCK_BYTES, MAX_BLOCK_BYTES + 1, 5 * MAX_BLOCK_BYTES + 77] {
            let content: Vec<u8> = (0..length).map(|at| ((at * 31) >> 3) as u8).collect();
            let mut frame = vec![9; 24];
            append_stored(Span::new(&[&content]), &mut frame);
            assert_eq!(frame.len(), 24 + stored_frame_bytes(length));
            let mut back = vec![0; length];
            assert_eq!(zstd_safe::decompress(&mut back[..], &frame[24..]), Ok(length));
            assert_eq!(back, content);
        }
    }
}
