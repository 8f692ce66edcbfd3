//! The compression stage: which level, or none, and decompression that is bounded before it starts.

use zstd_safe::{CCtx, DCtx, WriteBuf};

use crate::frame::{MAGIC, append_stored, stored_frame_bytes};
use crate::judge::worth_compressing;
use crate::memory::Span;
use crate::{Dictionary, Error, Result};

/// How to compress.
#[derive(Clone, Copy)]
pub struct Compression<'a> {
    /// How hard to try.
    pub effort: Effort,
    /// What is known beforehand; decoding needs the same.
    pub dictionary: Option<&'a Dictionary>,
}

impl From<Effort> for Compression<'_> {
    fn from(effort: Effort) -> Self {
        Self { effort, dictionary: None }
    }
}

/// How hard to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// A frame of raw blocks.
    Store,
    /// A zstd level, 1–22.
    Level(i32),
    /// The content decides between storing and a level from `min` to `max`.
    Sample {
        /// Lowest level.
        min: i32,
        /// Highest level.
        max: i32,
    },
}

const SAMPLES: usize = 4;
const SAMPLE_BYTES: usize = 4096;
/// Below this, as logs are, two levels up take a quarter off; elsewhere they take a twentieth for twice
/// the time, and further levels next to nothing (`docs/internals/codec.md`).
const REPETITIVE_RATIO: f32 = 0.2;

/// Room that [`append_frame`] needs for so much content.
pub fn frame_capacity(content_bytes: usize) -> usize {
    zstd_safe::compress_bound(content_bytes).max(stored_frame_bytes(content_bytes))
}

/// Appends one frame around `content` to `out`, which has [`frame_capacity`] to spare.
pub fn append_frame(
    compressor: &mut CCtx<'_>,
    scratch: &mut Vec<u8>,
    content: Span<'_>,
    compression: Compression<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    if !append_compressed(compressor, scratch, content, compression, || &mut *out)? {
        append_stored(content, out);
    }
    Ok(())
}

/// Appends a compressed frame, or says that a stored one is no longer and leaves what `out` gives as it was. `out` is
/// asked only when compressing is tried.
pub fn append_compressed<'a>(
    compressor: &mut CCtx<'_>,
    scratch: &mut Vec<u8>,
    content: Span<'_>,
    compression: Compression<'_>,
    out: impl FnOnce() -> &'a mut Vec<u8>,
) -> Result<bool> {
    let Some(level) = level_for(compressor, scratch, content, compression.effort)? else {
        return Ok(false);
    };
    let out = out();
    let start = out.len();
    let plain = content.contiguous(scratch);
    let mut tail = Tail::of(out);
    let written = match compression.dictionary {
        Some(dictionary) => compressor.compress_using_cdict(&mut tail, plain, dictionary.compressor(level)?),
        None => compressor.compress(&mut tail, plain, level),
    };
    let shrinks = written.map_err(internal)? < stored_frame_bytes(content.length());
    if !shrinks {
        out.truncate(start);
    }
    Ok(shrinks)
}

/// Decompresses exactly one frame to `out`. More than `max_bytes` is `TOO_LARGE` before memory is taken for
/// it: `make_room` is called once, with the bytes that may be needed, before anything is written. A frame that names
/// another dictionary than the one given is `WRONG_DICTIONARY`; one that names none is read without.
pub fn read_frame<'a>(
    decompressor: &mut DCtx<'_>,
    frame: &[u8],
    dictionary: Option<&Dictionary>,
    max_bytes: usize,
    make_room: impl FnOnce(usize) -> &'a mut Vec<u8>,
) -> Result<()> {
    let too_large = || Error::TooLarge(format!("the content is larger than the {max_bytes} bytes allowed"));
    let broken = || Error::Corrupt("the sealed content is not one zstd frame".into());
    if !frame.starts_with(&MAGIC) || zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) {
        return Err(broken());
    }
    let dictionary = named_by(frame, dictionary)?;
    let declared = zstd_safe::get_frame_content_size(frame).map_err(|_| broken())?;
    let room = match declared {
        Some(bytes) if bytes > max_bytes as u64 => return Err(too_large()),
        Some(bytes) => bytes as usize,
        None => max_bytes,
    };
    let out = make_room(room);
    out.clear();
    let mut tail = Tail { vec: out, limit: room };
    let decompressed = match dictionary {
        Some(dictionary) => decompressor.decompress_using_ddict(&mut tail, frame, dictionary.decompressor()),
        None => decompressor.decompress(&mut tail, frame),
    };
    let written = match decompressed {
        Ok(written) => written,
        Err(DESTINATION_TOO_SMALL) => return Err(too_large()),
        Err(_) => {
            return Err(Error::Corrupt("the sealed content does not decompress".into()));
        }
    };
    match declared {
        Some(bytes) if bytes != written as u64 => Err(broken()),
        _ => Ok(()),
    }
}

/// The dictionary that the frame was made with.
fn named_by<'a>(frame: &[u8], given: Option<&'a Dictionary>) -> Result<Option<&'a Dictionary>> {
    let Some(id) = zstd_safe::get_dict_id_from_frame(frame) else { return Ok(None) };
    match given {
        Some(dictionary) if dictionary.id() == id.get() => Ok(Some(dictionary)),
        Some(dictionary) => Err(Error::WrongDictionary(format!(
            "the content was compressed with dictionary {id}, not with {}",
            dictionary.id()
        ))),
        None => {
            Err(Error::WrongDictionary(format!("the content was compressed with dictionary {id}, which is missing")))
        }
    }
}

/// `ZSTD_error_dstSize_tooSmall`, as zstd returns it.
const DESTINATION_TOO_SMALL: usize = 70_usize.wrapping_neg();

/// The free end of a vector, as zstd writes to it.
struct Tail<'a> {
    vec: &'a mut Vec<u8>,
    /// Most bytes that may be written.
    limit: usize,
}

impl<'a> Tail<'a> {
    fn of(vec: &'a mut Vec<u8>) -> Self {
        let limit = vec.capacity() - vec.len();
        Self { vec, limit }
    }
}

// SAFETY: `as_mut_ptr` and `capacity` describe spare capacity of the vector, and zstd reports by
// `filled_until` how many bytes of it, from the start, it has initialised. A tail is written once.
unsafe impl WriteBuf for Tail<'_> {
    fn as_slice(&self) -> &[u8] {
        &[]
    }

    fn capacity(&self) -> usize {
        self.limit.min(self.vec.capacity() - self.vec.len())
    }

    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.vec.spare_capacity_mut().as_mut_ptr().cast()
    }

    unsafe fn filled_until(&mut self, count: usize) {
        let length = self.vec.len() + count;
        // SAFETY: zstd has initialised `count` bytes after the former end, inside the capacity.
        unsafe { self.vec.set_len(length) }
    }
}

fn level_for(
    compressor: &mut CCtx<'_>,
    scratch: &mut Vec<u8>,
    content: Span<'_>,
    effort: Effort,
) -> Result<Option<i32>> {
    match effort {
        Effort::Store => Ok(None),
        Effort::Level(level) => checked(level).map(Some),
        Effort::Sample { min, max } => {
            let (min, max) = (checked(min)?, checked(max)?.max(min));
            if !worth_compressing(content) {
                return Ok(None);
            }
            let raise = (max - min) / 3;
            let repetitive = raise > 0 && sampled_ratio(compressor, scratch, content, min)? < REPETITIVE_RATIO;
            Ok(Some(if repetitive { min + raise } else { min }))
        }
    }
}

/// What a few pieces from across the content shrink to together.
fn sampled_ratio(compressor: &mut CCtx<'_>, scratch: &mut Vec<u8>, content: Span<'_>, level: i32) -> Result<f32> {
    const PICKED: usize = SAMPLES * SAMPLE_BYTES;
    if content.length() <= PICKED {
        return Ok(1.0); // too little for a level to matter
    }
    let stride = (content.length() - SAMPLE_BYTES) / (SAMPLES - 1);
    scratch.clear();
    for start in (0..SAMPLES).map(|sample| sample * stride) {
        content.part(start..start + SAMPLE_BYTES).pieces().for_each(|piece| scratch.extend_from_slice(piece));
    }
    let mut out = [0; PICKED + 1024];
    let written = compressor.compress(&mut out[..], scratch, level).map_err(internal)?;
    Ok(written as f32 / PICKED as f32)
}

fn checked(level: i32) -> Result<i32> {
    if (1..=22).contains(&level) {
        Ok(level)
    } else {
        Err(Error::Internal(format!("zstd level {level} is not one of 1–22")))
    }
}

fn internal(code: usize) -> Error {
    Error::Internal(format!("zstd: {}", zstd_safe::get_error_name(code)))
}
