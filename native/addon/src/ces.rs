//! Face of the ces crate: chunks and bodies in, bodies and identities out.
#![allow(clippy::too_many_arguments, reason = "JavaScript gives them one by one: an object costs a look-up for each")]

use std::sync::Arc;

use bytes::Bytes;
use napi::Env;
use napi::bindgen_prelude::{Buffer, ClassInstance, Either, PromiseRaw, Uint8Array};
use napi_derive::napi;
use pangea_blocks::Block;
use pangea_ces::footprint::Footprint;
use pangea_ces::segment::{Context, open_segment};
use pangea_ces::stripe::encode_stripe;
use pangea_ces::whole::{decode_whole, encode_whole};
use pangea_ces::{
    Cipher, Compression, DATA_SHARDS, Dictionary, Effort, Engine, Kernel, Memory, PARITY_SHARDS, Span, TOTAL_SHARDS,
    dictionary, footprint, rows, seal,
};

use crate::body::NativeBody;
use crate::cores::{Account, account, heavy};
use crate::error;

/// Most input of a call that works while JavaScript waits: a third of a millisecond.
const MAX_SMALL_BYTES: usize = 1024 * 1024;

/// Hashing takes a few KiB of stack.
const NOTHING: Footprint = Footprint { bytes: 0, helper_bytes: 0 };

/// Shards in pooled memory.
pub(crate) struct Pooled(Block);

impl Memory for Pooled {
    fn with_capacity(capacity: usize) -> Self {
        Self(Block::with_capacity(capacity))
    }

    fn vec(&mut self) -> &mut Vec<u8> {
        self.0.vec()
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn extend_to(&mut self, length: usize) {
        self.0.extend_to(length);
    }
}

impl From<Pooled> for NativeBody {
    fn from(memory: Pooled) -> Self {
        Self::new(memory.0.freeze())
    }
}

#[napi(object, object_to_js = false)]
pub struct CesCompression {
    /// A frame of raw blocks, whatever the levels say.
    pub store: bool,
    /// The content decides between storing and a level in the range; otherwise the lower level is taken.
    pub sample: bool,
    /// zstd levels, 1–22.
    pub min_level: i32,
    pub max_level: i32,
}

impl From<CesCompression> for Effort {
    fn from(asked: CesCompression) -> Self {
        let CesCompression { store, sample, min_level: min, max_level: max } = asked;
        match (store, sample) {
            (true, _) => Self::Store,
            (false, true) => Self::Sample { min, max },
            (false, false) => Self::Level(min),
        }
    }
}

#[napi(object, object_to_js = false)]
pub struct CesSegmentContext {
    /// 32 bytes.
    pub salt: Uint8Array,
    pub stripe: i64,
    pub segments_in_stripe: u32,
}

impl CesSegmentContext {
    fn parse(&self) -> napi::Result<Context> {
        let salt = fixed(&self.salt, "a salt")?;
        let stripe = u64::try_from(self.stripe).map_err(|_| error("INTERNAL", "stripe numbers are not negative"))?;
        Ok(Context { salt, stripe, segments_in_stripe: self.segments_in_stripe as usize })
    }
}

#[napi(object, object_from_js = false)]
pub struct CesEncodedShards {
    /// 12 shards, data first.
    pub shards: Vec<NativeBody>,
    /// 12 × 32 bytes.
    pub identities: Buffer,
    pub compressed_bytes: u32,
}

#[napi(object, object_from_js = false)]
pub struct CesKernels {
    pub compress: String,
    pub seal: String,
    pub reed_solomon: String,
    pub hash: String,
}

#[napi(object, object_from_js = false)]
pub struct CesMemory {
    pub limit: f64,
    pub taken: f64,
    pub most: f64,
}

/// The codec on one choice of implementations. Holds no state, so that there may be any number of them.
#[napi]
pub struct Ces {
    engine: Engine,
}

#[napi]
impl Ces {
    /// `BACKEND_UNAVAILABLE` for a name that this machine cannot run.
    #[napi(constructor)]
    pub fn new(kernel: String, cipher: String) -> napi::Result<Self> {
        let missing = |what, name| error("BACKEND_UNAVAILABLE", format!("no {what} named {name} runs on this machine"));
        let kernel = Kernel::named(&kernel).ok_or_else(|| missing("Reed–Solomon kernel", &kernel))?;
        let cipher = Cipher::named(&cipher).ok_or_else(|| missing("cipher", &cipher))?;
        Ok(Self { engine: Engine { kernel, cipher, ..Engine::detect() } })
    }

    /// On the first of every list.
    #[napi(factory)]
    pub fn best() -> Self {
        Self { engine: Engine::detect() }
    }

    /// What each stage runs on.
    #[napi]
    pub fn kernels(&self) -> CesKernels {
        CesKernels {
            compress: "zstd".into(),
            seal: self.engine.cipher.name().into(),
            reed_solomon: self.engine.kernel.name().into(),
            hash: pangea_ces::hash_kernel(),
        }
    }

    #[napi]
    pub fn identity<'env>(&self, env: &'env Env, body: &NativeBody) -> napi::Result<PromiseRaw<'env, Buffer>> {
        let bytes = body.share()?;
        heavy(env, 0, NOTHING, bytes, |bytes, _| Ok(pangea_ces::identity(bytes).to_vec().into()))
    }

    /// At most 1 MiB, as for the next two: they work while JavaScript waits.
    #[napi]
    pub fn derive_key(&self, context: String, material: &[u8]) -> napi::Result<Buffer> {
        small(material.len(), 0)?;
        Ok(pangea_ces::derive_key(&context, material).to_vec().into())
    }

    #[napi]
    pub fn seal(&self, key: &[u8], plaintext: &[u8], associated_data: &[u8]) -> napi::Result<Buffer> {
        small(plaintext.len(), associated_data.len())?;
        seal::seal(&self.engine, &fixed(key, "a key")?, plaintext, associated_data).map(Into::into).map_err(crossed)
    }

    #[napi]
    pub fn open(&self, key: &[u8], sealed: &[u8], associated_data: &[u8]) -> napi::Result<Buffer> {
        let length = sealed.len().saturating_sub(seal::OVERHEAD_BYTES);
        small(length, associated_data.len())?;
        let key = fixed(key, "a key")?;
        let mut plaintext = vec![0; length];
        seal::open_into(self.engine.cipher, &mut plaintext, &key, sealed, associated_data).map_err(crossed)?;
        Ok(plaintext.into())
    }

    #[napi]
    pub fn encode_whole<'env>(
        &self,
        env: &'env Env,
        plaintext: Vec<Either<Uint8Array, ClassInstance<'env, NativeBody>>>,
        key: &[u8],
        compression: CesCompression,
        dictionary: Option<Uint8Array>,
    ) -> napi::Result<PromiseRaw<'env, CesEncodedShards>> {
        let engine = self.engine;
        let key = fixed(key, "a key")?;
        let plaintext = chunks_of(plaintext)?;
        let effort = Effort::from(compression);
        let length = plaintext.iter().map(|chunk| chunk.len()).sum();
        let footprint = footprint::encoding(&[length], effort, length_of(&dictionary));
        heavy(env, PARITY_SHARDS - 1, footprint, (plaintext, dictionary), move |(plaintext, dictionary), threads| {
            let dictionary = shared_dictionary(dictionary.as_deref())?;
            let compression = Compression { effort, dictionary: dictionary.as_deref() };
            let chunks = slices(plaintext);
            let block =
                encode_whole::<Pooled>(&engine, Span::new(&chunks), &key, compression, threads).map_err(crossed)?;
            let data = block.data.0.freeze();
            let slices = (0..DATA_SHARDS).map(|row| data.slice(row * block.shard_bytes..(row + 1) * block.shard_bytes));
            Ok(CesEncodedShards {
                shards: slices.map(NativeBody::new).chain(block.parity.into_iter().map(NativeBody::from)).collect(),
                identities: block.identities.concat().into(),
                compressed_bytes: block.compressed_bytes as u32,
            })
        })
    }

    #[napi]
    pub fn decode_whole<'env>(
        &self,
        env: &'env Env,
        shards: Vec<Option<ClassInstance<'env, NativeBody>>>,
        key: &[u8],
        max_bytes: i64,
        dictionary: Option<Uint8Array>,
    ) -> napi::Result<PromiseRaw<'env, NativeBody>> {
        let engine = self.engine;
        let key = fixed(key, "a key")?;
        let shards = shared(&shards)?;
        let max_bytes = usize::try_from(max_bytes).map_err(|_| error("INTERNAL", "a limit is not negative"))?;
        let shard_bytes = shards.iter().flatten().map(Bytes::len).max().unwrap_or(0);
        let footprint = footprint::decoding(shard_bytes, max_bytes);
        heavy(env, 0, footprint, (shards, dictionary), move |(shards, dictionary), _| {
            let dictionary = shared_dictionary(dictionary.as_deref())?;
            decode_whole::<Pooled>(&engine, &rows_of(shards), &key, dictionary.as_deref(), max_bytes)
                .map(NativeBody::from)
                .map_err(crossed)
        })
    }

    #[napi]
    pub fn encode_stripe<'env>(
        &self,
        env: &'env Env,
        plaintext: Vec<Either<Uint8Array, ClassInstance<'env, NativeBody>>>,
        segment_lengths: Vec<u32>,
        key: &[u8],
        context: CesSegmentContext,
        compression: CesCompression,
        dictionary: Option<Uint8Array>,
    ) -> napi::Result<PromiseRaw<'env, CesEncodedShards>> {
        let engine = self.engine;
        let key = fixed(key, "a key")?;
        let context = context.parse()?;
        let plaintext = chunks_of(plaintext)?;
        let lengths: Vec<usize> = segment_lengths.iter().map(|length| *length as usize).collect();
        let effort = Effort::from(compression);
        let footprint = footprint::encoding(&lengths, effort, length_of(&dictionary));
        heavy(env, DATA_SHARDS - 1, footprint, (plaintext, dictionary), move |(plaintext, dictionary), threads| {
            let dictionary = shared_dictionary(dictionary.as_deref())?;
            let compression = Compression { effort, dictionary: dictionary.as_deref() };
            let chunks = slices(plaintext);
            let encoded =
                encode_stripe::<Pooled>(&engine, Span::new(&chunks), &lengths, &key, &context, compression, threads)
                    .map_err(crossed)?;
            Ok(CesEncodedShards {
                shards: encoded.shards.into_iter().map(NativeBody::from).collect(),
                identities: encoded.identities.concat().into(),
                compressed_bytes: encoded.compressed_bytes as u32,
            })
        })
    }

    #[napi]
    pub fn open_segment<'env>(
        &self,
        env: &'env Env,
        sealed: &NativeBody,
        segment: u32,
        plaintext_bytes: u32,
        key: &[u8],
        context: CesSegmentContext,
        dictionary: Option<Uint8Array>,
    ) -> napi::Result<PromiseRaw<'env, NativeBody>> {
        let engine = self.engine;
        let key = fixed(key, "a key")?;
        let context = context.parse()?;
        let sealed = sealed.share()?;
        let (segment, bytes) = (segment as usize, plaintext_bytes as usize);
        let footprint = footprint::opening(sealed.len(), bytes);
        heavy(env, 0, footprint, (sealed, dictionary), move |(sealed, dictionary), _| {
            let dictionary = shared_dictionary(dictionary.as_deref())?;
            open_segment::<Pooled>(&engine, sealed, segment, bytes, &key, &context, dictionary.as_deref())
                .map(NativeBody::from)
                .map_err(crossed)
        })
    }

    #[napi]
    pub fn reconstruct<'env>(
        &self,
        env: &'env Env,
        shards: Vec<Option<ClassInstance<'env, NativeBody>>>,
        lengths: Vec<u32>,
        rows: Vec<u32>,
    ) -> napi::Result<PromiseRaw<'env, Vec<NativeBody>>> {
        let kernel = self.engine.kernel;
        let shards = shared(&shards)?;
        let lengths: Vec<usize> = lengths.iter().map(|length| *length as usize).collect();
        let wanted: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
        let footprint = footprint::rebuilding(wanted.iter().filter_map(|row| lengths.get(*row).copied()));
        heavy(env, 0, footprint, shards, move |shards, _| {
            let made = rows::reconstruct::<Pooled>(kernel, &rows_of(shards), &lengths, &wanted).map_err(crossed)?;
            let given = |row: usize| shards.get(row).cloned().flatten().unwrap_or_default();
            Ok(made
                .into_iter()
                .zip(wanted)
                .map(|(memory, row)| memory.map_or_else(|| NativeBody::new(given(row)), NativeBody::from))
                .collect())
        })
    }

    /// Learns a dictionary of at most `maxBytes`.
    #[napi]
    pub fn train_dictionary<'env>(
        &self,
        env: &'env Env,
        samples: Vec<Uint8Array>,
        max_bytes: u32,
    ) -> napi::Result<PromiseRaw<'env, Buffer>> {
        let footprint = footprint::training(samples.iter().map(|sample| sample.len()).sum());
        heavy(env, 0, footprint, samples, move |samples, _| {
            let samples: Vec<&[u8]> = samples.iter().map(|sample| &**sample).collect();
            dictionary::train(&samples, max_bytes as usize).map(Into::into).map_err(crossed)
        })
    }

    /// What all calls of this process may take together, take now, and took at most, in bytes. A single call may take more.
    #[napi]
    pub fn memory() -> CesMemory {
        let Account { limit, taken, most } = account();
        CesMemory { limit: limit as f64, taken: taken as f64, most: most as f64 }
    }
}

fn crossed(failure: pangea_ces::Error) -> napi::Error {
    error(failure.code(), failure)
}

fn small(bytes: usize, associated_bytes: usize) -> napi::Result<()> {
    if bytes.saturating_add(associated_bytes) <= MAX_SMALL_BYTES {
        return Ok(());
    }
    Err(error(
        "TOO_LARGE",
        format!("{bytes} bytes with {associated_bytes} beside; at most {MAX_SMALL_BYTES} are small"),
    ))
}

fn fixed<const LENGTH: usize>(bytes: &[u8], what: &str) -> napi::Result<[u8; LENGTH]> {
    bytes.try_into().map_err(|_| error("INTERNAL", format!("{what} has {LENGTH} bytes, not {}", bytes.len())))
}

fn shared_dictionary(bytes: Option<&[u8]>) -> napi::Result<Option<Arc<Dictionary>>> {
    bytes.map(Dictionary::shared).transpose().map_err(crossed)
}

fn length_of(dictionary: &Option<Uint8Array>) -> usize {
    dictionary.as_ref().map_or(0, |bytes| bytes.len())
}

/// Plaintext in the memory of JavaScript, or outside it.
enum Chunk {
    Lent(Uint8Array),
    Shared(Bytes),
}

impl std::ops::Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// Bodies may be released as soon as the call returns, so the shares are taken before that.
fn chunks_of(plaintext: Vec<Either<Uint8Array, ClassInstance<'_, NativeBody>>>) -> napi::Result<Vec<Chunk>> {
    plaintext
        .into_iter()
        .map(|chunk| match chunk {
            Either::A(lent) => Ok(Chunk::Lent(lent)),
            Either::B(body) => body.share().map(Chunk::Shared),
        })
        .collect()
}

fn slices(chunks: &[Chunk]) -> Vec<&[u8]> {
    chunks.iter().map(|chunk| &**chunk).collect()
}

/// As [`chunks_of`].
fn shared(shards: &[Option<ClassInstance<'_, NativeBody>>]) -> napi::Result<Vec<Option<Bytes>>> {
    if shards.len() != TOTAL_SHARDS {
        return Err(error("INTERNAL", format!("{TOTAL_SHARDS} places of shards are expected, not {}", shards.len())));
    }
    shards.iter().map(|shard| shard.as_ref().map(|body| body.share()).transpose()).collect()
}

fn rows_of(shards: &[Option<Bytes>]) -> Vec<Option<&[u8]>> {
    shards.iter().map(Option::as_deref).collect()
}
