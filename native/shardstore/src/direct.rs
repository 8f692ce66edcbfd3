//! Large writes past the page cache: a third of the time and a tenth of the CPU of cached ones (see
//! `docs/internals/store.md`). The kernel wants whole aligned blocks in aligned memory, so records are
//! gathered in one buffer that begins with what the last block already holds and ends in zeros.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use crate::error::Result;
use crate::volume::Volume;

/// Alignment that every block device and file system accepts.
pub const BLOCK_BYTES: usize = 4096;
/// Smaller writes stay cached: for them the copy and the second write of a block cost more than they save.
pub const MIN_DIRECT_BYTES: usize = 256 * 1024;
/// One write; larger ones were no faster.
const BUFFER_BLOCKS: usize = 1024;

#[derive(Clone)]
#[repr(C, align(4096))]
struct Block([u8; BLOCK_BYTES]);

#[cfg(target_os = "linux")]
const DIRECT_FLAG: i32 = libc::O_DIRECT;
#[cfg(not(target_os = "linux"))]
const DIRECT_FLAG: i32 = 0;

/// The buffer, and what the last written block holds.
pub struct DirectWriter {
    /// The volume's file past the page cache, and the volume's number.
    file: Option<(u32, File)>,
    /// The file system has no such thing.
    refused: bool,
    blocks: Vec<Block>,
    last_block: Box<[u8; BLOCK_BYTES]>,
    /// Volume and offset up to which `last_block` is known.
    known: (u32, u64),
}

impl DirectWriter {
    /// Takes memory only when it is first used.
    pub fn new() -> Self {
        Self {
            file: None,
            refused: DIRECT_FLAG == 0,
            blocks: Vec::new(),
            last_block: Box::new([0; BLOCK_BYTES]),
            known: (0, 0),
        }
    }

    /// Whether a volume can be written past the page cache.
    pub fn is_ready(&mut self, volume: &Volume) -> bool {
        if !self.refused && self.file.as_ref().is_none_or(|file| file.0 != volume.number) {
            let opened = OpenOptions::new().write(true).custom_flags(DIRECT_FLAG).open(&volume.path);
            self.refused = opened.is_err();
            self.file = opened.ok().map(|file| (volume.number, file));
        }
        !self.refused
    }

    /// Writes all slices one behind the other from `offset`, rounded up to a whole block with zeros.
    pub fn write(&mut self, volume: &Volume, slices: &[&[u8]], offset: u64) -> Result<()> {
        if self.blocks.is_empty() {
            self.blocks = vec![Block([0; BLOCK_BYTES]); BUFFER_BLOCKS];
        }
        let mut filled = (offset % BLOCK_BYTES as u64) as usize;
        let mut at = offset - filled as u64;
        if self.known != (volume.number, offset) {
            volume.read_exact(&mut self.last_block[..filled], at)?;
        }
        self.known = (0, 0);
        let file = self.file.as_ref().filter(|file| file.0 == volume.number).map(|file| &file.1);
        let mut write = |blocks: &[u8], offset: u64| write_blocks(volume, file, &mut self.refused, blocks, offset);
        let buffer = bytes_of(&mut self.blocks);
        buffer[..filled].copy_from_slice(&self.last_block[..filled]);
        for mut slice in slices.iter().copied() {
            while !slice.is_empty() {
                let count = slice.len().min(buffer.len() - filled);
                buffer[filled..filled + count].copy_from_slice(&slice[..count]);
                slice = &slice[count..];
                filled += count;
                if filled == buffer.len() {
                    write(buffer, at)?;
                    at += filled as u64;
                    filled = 0;
                }
            }
        }
        let whole = filled.next_multiple_of(BLOCK_BYTES);
        buffer[filled..whole].fill(0);
        if whole > 0 {
            write(&buffer[..whole], at)?;
        }
        let part = filled % BLOCK_BYTES;
        self.last_block[..part].copy_from_slice(&buffer[filled - part..filled]);
        self.known = (volume.number, at + filled as u64);
        Ok(())
    }
}

/// Through the page cache after all where the file system refuses at the last moment.
fn write_blocks(volume: &Volume, file: Option<&File>, refused: &mut bool, blocks: &[u8], offset: u64) -> Result<()> {
    #[cfg(test)]
    volume.fault(&volume.faults.write, "write")?;
    let Some(file) = file.filter(|_| !*refused) else {
        return volume.write_gathered(&[blocks], offset);
    };
    match file.write_all_at(blocks, offset) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            *refused = true;
            volume.write_gathered(&[blocks], offset)
        }
        outcome => outcome.map_err(|error| volume.error("write", &error)),
    }
}

fn bytes_of(blocks: &mut [Block]) -> &mut [u8] {
    let bytes = std::mem::size_of_val(blocks);
    // SAFETY: blocks are plain bytes without padding (size equals alignment), borrowed for as long as the result.
    unsafe { std::slice::from_raw_parts_mut(blocks.as_mut_ptr().cast(), bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn mixed_direct_and_cached_writes_read_back(pieces in prop::collection::vec((1usize..9000, any::<bool>(), any::<u8>()), 1..12), big in 0usize..3) {
            let directory = tempfile::tempdir().unwrap();
            let volume = Volume::open(directory.path(), 1, true).unwrap();
            let mut writer = DirectWriter::new();
            let mut model = Vec::new();
            for (index, (length, direct, fill)) in pieces.into_iter().enumerate() {
                let length = if index == big { length + 5_000_000 } else { length };
                let piece = vec![fill; length];
                let halves = piece.split_at(length / 2);
                if direct && writer.is_ready(&volume) {
                    writer.write(&volume, &[halves.0, halves.1], model.len() as u64).unwrap();
                } else {
                    volume.write_gathered(&[halves.0, halves.1], model.len() as u64).unwrap();
                }
                model.extend_from_slice(&piece);
                let mut found = vec![0; model.len()];
                volume.read_exact(&mut found, 0).unwrap();
                prop_assert!(found == model);
                let length = volume.length().unwrap();
                prop_assert!(length < (model.len() + BLOCK_BYTES) as u64 && length >= model.len() as u64);
            }
        }
    }
}
