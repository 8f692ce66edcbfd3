//! Face of the ces crate: chunks and bodies in, bodies and identities out, and how many cores it may use.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use napi::Env;
use napi::bindgen_prelude::{Buffer, ClassInstance, PromiseRaw, Uint8Array};
use napi_derive::napi;
use pangea_blocks::Block;
use pangea_ces::segment::{Context, open_segment};
use pangea_ces::stripe::encode_stripe;
use pangea_ces::whole::{decode_whole, encode_whole};
use pangea_ces::{Cipher, DATA_SHARDS, Effort, Engine, Kernel, Memory, PARITY_SHARDS, Span, TOTAL_SHARDS, rows, seal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::body::NativeBody;
use crate::error;

/// One permit a core: heavy calls wait here in order, not as threads.
static CORES: LazyLock<Arc<Semaphore>> =
    LazyLock::new(|| Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, Into::into))));

/// Shards in pooled memory.
struct Pooled(Block);

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
    /// A sample decides between storing and a level in the range; otherwise the lower level is taken.
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

/// What each stage runs on.
#[napi]
pub fn ces_kernels() -> CesKernels {
    CesKernels {
        compress: "zstd".into(),
        seal: "dryoc".into(),
        reed_solomon: Kernel::detect().name().into(),
        hash: pangea_ces::hash_kernel(),
    }
}

#[napi]
pub fn ces_identity<'env>(env: &'env Env, body: &NativeBody) -> napi::Result<PromiseRaw<'env, Buffer>> {
    let bytes = body.share()?;
    env.spawn_future(async move { heavy(0, move |_| Ok(pangea_ces::identity(&bytes).to_vec().into())).await })
}

#[napi]
pub fn ces_derive_key(context: String, material: &[u8]) -> Buffer {
    pangea_ces::derive_key(&context, material).to_vec().into()
}

#[napi]
pub fn ces_seal(key: &[u8], plaintext: &[u8], associated_data: &[u8]) -> napi::Result<Buffer> {
    seal::seal(&Engine::detect(), &fixed(key, "a key")?, plaintext, associated_data).map(Into::into).map_err(crossed)
}

#[napi]
pub fn ces_open(key: &[u8], sealed: &[u8], associated_data: &[u8]) -> napi::Result<Buffer> {
    let key = fixed(key, "a key")?;
    let mut plaintext = vec![0; sealed.len().saturating_sub(seal::OVERHEAD_BYTES)];
    seal::open_into(Cipher::detect(), &mut plaintext, &key, sealed, associated_data).map_err(crossed)?;
    Ok(plaintext.into())
}

#[napi]
pub fn ces_encode_whole<'env>(
    env: &'env Env,
    plaintext: Vec<Buffer>,
    key: &[u8],
    compression: CesCompression,
) -> napi::Result<PromiseRaw<'env, CesEncodedShards>> {
    let key = fixed(key, "a key")?;
    env.spawn_future(async move {
        heavy(PARITY_SHARDS - 1, move |threads| {
            let chunks = slices(&plaintext);
            let block = encode_whole::<Pooled>(
                &Engine::detect(),
                Span::new(&chunks),
                &key,
                Effort::from(compression).into(),
                threads,
            )?;
            let data = block.data.0.freeze();
            let slices = (0..DATA_SHARDS).map(|row| data.slice(row * block.shard_bytes..(row + 1) * block.shard_bytes));
            Ok(CesEncodedShards {
                shards: slices.map(NativeBody::new).chain(block.parity.into_iter().map(NativeBody::from)).collect(),
                identities: block.identities.concat().into(),
                compressed_bytes: block.compressed_bytes as u32,
            })
        })
        .await
    })
}

#[napi]
pub fn ces_decode_whole<'env>(
    env: &'env Env,
    shards: Vec<Option<ClassInstance<'env, NativeBody>>>,
    key: &[u8],
    max_bytes: i64,
) -> napi::Result<PromiseRaw<'env, NativeBody>> {
    let key = fixed(key, "a key")?;
    let shards = shared(&shards)?;
    let max_bytes = usize::try_from(max_bytes).map_err(|_| error("INTERNAL", "a limit is not negative"))?;
    env.spawn_future(async move {
        heavy(0, move |_| {
            let memory = decode_whole::<Pooled>(&Engine::detect(), &rows_of(&shards), &key, None, max_bytes)?;
            Ok(NativeBody::from(memory))
        })
        .await
    })
}

#[napi]
pub fn ces_encode_stripe<'env>(
    env: &'env Env,
    plaintext: Vec<Buffer>,
    segment_lengths: Vec<u32>,
    key: &[u8],
    context: CesSegmentContext,
    compression: CesCompression,
) -> napi::Result<PromiseRaw<'env, CesEncodedShards>> {
    let key = fixed(key, "a key")?;
    let context = context.parse()?;
    env.spawn_future(async move {
        heavy(segment_lengths.len().saturating_sub(1), move |threads| {
            let chunks = slices(&plaintext);
            let lengths: Vec<usize> = segment_lengths.iter().map(|length| *length as usize).collect();
            let engine = Engine::detect();
            let span = Span::new(&chunks);
            let encoded = encode_stripe::<Pooled>(
                &engine,
                span,
                &lengths,
                &key,
                &context,
                Effort::from(compression).into(),
                threads,
            )?;
            Ok(CesEncodedShards {
                shards: encoded.shards.into_iter().map(NativeBody::from).collect(),
                identities: encoded.identities.concat().into(),
                compressed_bytes: encoded.compressed_bytes as u32,
            })
        })
        .await
    })
}

#[napi]
pub fn ces_open_segment<'env>(
    env: &'env Env,
    sealed: &NativeBody,
    segment: u32,
    plaintext_bytes: u32,
    key: &[u8],
    context: CesSegmentContext,
) -> napi::Result<PromiseRaw<'env, NativeBody>> {
    let key = fixed(key, "a key")?;
    let context = context.parse()?;
    let sealed = sealed.share()?;
    env.spawn_future(async move {
        heavy(0, move |_| {
            let opened = open_segment::<Pooled>(
                &Engine::detect(),
                &sealed,
                segment as usize,
                plaintext_bytes as usize,
                &key,
                &context,
                None,
            )?;
            Ok(NativeBody::from(opened))
        })
        .await
    })
}

#[napi]
pub fn ces_reconstruct<'env>(
    env: &'env Env,
    shards: Vec<Option<ClassInstance<'env, NativeBody>>>,
    lengths: Vec<u32>,
    rows: Vec<u32>,
) -> napi::Result<PromiseRaw<'env, Vec<NativeBody>>> {
    let shards = shared(&shards)?;
    env.spawn_future(async move {
        heavy(0, move |_| {
            let lengths: Vec<usize> = lengths.iter().map(|length| *length as usize).collect();
            let wanted: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
            let made = rows::reconstruct::<Pooled>(Kernel::detect(), &rows_of(&shards), &lengths, &wanted)?;
            let given = |row: usize| shards.get(row).cloned().flatten().unwrap_or_default();
            Ok(made
                .into_iter()
                .zip(wanted)
                .map(|(memory, row)| memory.map_or_else(|| NativeBody::new(given(row)), NativeBody::from))
                .collect())
        })
        .await
    })
}

/// Runs `work` on a blocking thread when a core is free, and tells it how many threads it may use: its own and
/// up to `helpers` more where cores are idle at that moment.
async fn heavy<T: Send + 'static>(
    helpers: usize,
    work: impl FnOnce(usize) -> pangea_ces::Result<T> + Send + 'static,
) -> napi::Result<T> {
    let closed = |_| error("INTERNAL", "the codec is shutting down");
    let mut permits: Vec<OwnedSemaphorePermit> = vec![Arc::clone(&CORES).acquire_owned().await.map_err(closed)?];
    while permits.len() <= helpers {
        match Arc::clone(&CORES).try_acquire_owned() {
            Ok(permit) => permits.push(permit),
            Err(_) => break,
        }
    }
    let done = tokio::task::spawn_blocking(move || {
        let result = work(permits.len());
        drop(permits);
        result
    });
    done.await.map_err(|failure| error("INTERNAL", format!("codec: {failure}")))?.map_err(crossed)
}

fn crossed(failure: pangea_ces::Error) -> napi::Error {
    error(failure.code(), failure)
}

fn fixed<const LENGTH: usize>(bytes: &[u8], what: &str) -> napi::Result<[u8; LENGTH]> {
    bytes.try_into().map_err(|_| error("INTERNAL", format!("{what} has {LENGTH} bytes, not {}", bytes.len())))
}

fn slices(chunks: &[Buffer]) -> Vec<&[u8]> {
    chunks.iter().map(AsRef::as_ref).collect()
}

/// The caller may release its bodies as soon as the call returns, so the shares are taken before that.
fn shared(shards: &[Option<ClassInstance<'_, NativeBody>>]) -> napi::Result<Vec<Option<Bytes>>> {
    if shards.len() != TOTAL_SHARDS {
        return Err(error("INTERNAL", format!("{TOTAL_SHARDS} places of shards are expected, not {}", shards.len())));
    }
    shards.iter().map(|shard| shard.as_ref().map(|body| body.share()).transpose()).collect()
}

fn rows_of(shards: &[Option<Bytes>]) -> Vec<Option<&[u8]>> {
    shards.iter().map(Option::as_deref).collect()
}
