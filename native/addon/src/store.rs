//! Face of the store crate. Keys and index answers cross as packed buffers (layouts below, read by
//! `src/store/backends/native.ts`), payloads as [`NativeBody`].

use std::path::PathBuf;
use std::sync::Arc;

use napi::bindgen_prelude::{Buffer, ClassInstance, PromiseRaw, spawn_blocking};
use napi::{Env, Result};
use napi_derive::napi;
use pangea_shardstore::{DEFAULT_VOLUME_BYTES, Done, Entry, Key, Options, Record, Store, StoreError, verify};
use tokio::sync::{Semaphore, oneshot};

use crate::body::NativeBody;
use crate::error;

/// Object 32, stripe u32, row u16, kind u8, zero u8.
const KEY_BYTES: usize = 40;
/// A key and the identity of its payload.
const PUT_BYTES: usize = 72;
/// Reads of the disk under way at one time; each takes a thread of the blocking pool.
const READS_IN_FLIGHT: usize = 64;

fn failed(failure: StoreError) -> napi::Error {
    error(failure.code.name(), failure.message)
}

fn stopped(_: impl std::fmt::Display) -> napi::Error {
    error("STORE_CLOSED", "the shard store stopped before it answered")
}

/// How to open a store; sizes in bytes.
#[napi(object)]
pub struct NativeStoreOptions {
    pub directory: String,
    pub create: bool,
    pub owner: String,
    pub volume_bytes: Option<f64>,
    pub quota_bytes: Option<f64>,
}

/// Sizes in bytes, and counts.
#[napi(object)]
pub struct NativeStoreUsage {
    pub live_bytes: f64,
    pub garbage_bytes: f64,
    pub records: f64,
    pub volumes: f64,
    pub free_bytes: f64,
}

/// An open shard store. `src/store/store.ts` is its manual.
#[napi]
pub struct NativeStore {
    store: Arc<Store>,
    reads: Arc<Semaphore>,
}

/// Opens a store: locks the directory and reads its index.
#[napi]
pub async fn open_native_store(options: NativeStoreOptions) -> Result<NativeStore> {
    let options = Options {
        directory: PathBuf::from(options.directory),
        create: options.create,
        owner: options.owner,
        volume_bytes: options.volume_bytes.map_or(DEFAULT_VOLUME_BYTES, |bytes| bytes as u64),
        quota_bytes: options.quota_bytes.map(|bytes| bytes as u64),
    };
    let store = spawn_blocking(move || Store::open(&options)).await.map_err(stopped)?.map_err(failed)?;
    Ok(NativeStore { store: Arc::new(store), reads: Arc::new(Semaphore::new(READS_IN_FLIGHT)) })
}

#[napi]
impl NativeStore {
    /// Puts one record per 72 bytes of `entries` (object 32, stripe u32, row u16, kind u8, zero u8, identity 32).
    #[napi(ts_return_type = "Promise<void>")]
    pub fn put<'env>(
        &self,
        env: &'env Env,
        entries: &[u8],
        payloads: Vec<ClassInstance<NativeBody>>,
        fsync: bool,
    ) -> Result<PromiseRaw<'env, ()>> {
        if entries.len() != payloads.len() * PUT_BYTES {
            return Err(error("INTERNAL", "entries and payloads differ in number"));
        }
        let mut records = Vec::with_capacity(payloads.len());
        for (entry, payload) in entries.chunks_exact(PUT_BYTES).zip(&payloads) {
            let key = key_of(&entry[..KEY_BYTES])?;
            records.push(Record { key, identity: bytes_32(&entry[KEY_BYTES..])?, payload: payload.share()? });
        }
        let turn = self.store.reserve().map_err(failed)?;
        env.spawn_future(async move {
            let records = spawn_blocking(move || verify(&records).map(|()| records));
            let records = records.await.map_err(stopped)?.map_err(failed)?;
            told(|done| turn.put(records, fsync, done)).await
        })
    }

    /// The payload, or `length` bytes of it from `offset`; null when there is no such record.
    #[napi(ts_return_type = "Promise<NativeBody | null>")]
    pub fn get<'env>(
        &self,
        env: &'env Env,
        key: &[u8],
        offset: Option<u32>,
        length: Option<u32>,
    ) -> Result<PromiseRaw<'env, Option<NativeBody>>> {
        let key = key_of(key)?;
        let (store, reads) = (self.store.clone(), self.reads.clone());
        env.spawn_future(async move {
            let _permit = reads.acquire_owned().await.map_err(stopped)?;
            let found = spawn_blocking(move || store.get(&key, offset.zip(length))).await.map_err(stopped)?;
            Ok(found.map_err(failed)?.map(NativeBody::new))
        })
    }

    /// Identity 32 and length u32 of a record, or null.
    #[napi]
    pub fn stat(&self, key: &[u8]) -> Result<Option<Buffer>> {
        let found = self.store.stat(&key_of(key)?).map_err(failed)?;
        Ok(found.map(|entry| [&entry.identity[..], &entry.length.to_le_bytes()].concat().into()))
    }

    /// The records of an object, 44 bytes each: identity 32, length u32, stripe u32, row u16, kind u8, zero u8.
    #[napi]
    pub fn records(&self, object: &[u8]) -> Result<Buffer> {
        let found = self.store.records(&bytes_32(object)?).map_err(failed)?;
        Ok(found.iter().flat_map(pack_record).collect::<Vec<u8>>().into())
    }

    /// Objects with a record of this kind, 32 bytes each.
    #[napi]
    pub fn objects(&self, kind: u8) -> Result<Buffer> {
        Ok(self.store.objects(kind).map_err(failed)?.concat().into())
    }

    /// Removes the records of these keys, 40 bytes each, durably.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn remove<'env>(&self, env: &'env Env, keys: &[u8]) -> Result<PromiseRaw<'env, ()>> {
        let keys = keys.chunks(KEY_BYTES).map(key_of).collect::<Result<Vec<Key>>>()?;
        let store = self.store.clone();
        env.spawn_future(async move { told(|done| store.remove(keys, done)).await })
    }

    /// Everything put so far is on disk when it resolves.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn sync<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, ()>> {
        let store = self.store.clone();
        env.spawn_future(async move { told(|done| store.sync(done)).await })
    }

    /// Rewrites volumes that are more than half garbage; the bytes won back.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn compact<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, f64>> {
        let store = self.store.clone();
        env.spawn_future(async move {
            let won = spawn_blocking(move || store.compact()).await.map_err(stopped)?;
            Ok(won.map_err(failed)? as f64)
        })
    }

    #[napi]
    pub fn usage(&self) -> Result<NativeStoreUsage> {
        let usage = self.store.usage().map_err(failed)?;
        Ok(NativeStoreUsage {
            live_bytes: usage.live_bytes as f64,
            garbage_bytes: usage.garbage_bytes as f64,
            records: usage.records as f64,
            volumes: usage.volumes as f64,
            free_bytes: usage.free_bytes as f64,
        })
    }

    /// What opening found damaged, a line each.
    #[napi]
    pub fn damage(&self) -> Vec<String> {
        self.store.damage().to_vec()
    }

    /// Syncs and closes. Safe to repeat.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, ()>> {
        let store = self.store.clone();
        env.spawn_future(async move { spawn_blocking(move || store.close()).await.map_err(stopped) })
    }
}

async fn told(submit: impl FnOnce(Done)) -> Result<()> {
    let (tell, outcome) = oneshot::channel();
    submit(Box::new(move |result| {
        // Nobody listens any more only when the environment is being torn down.
        let _ = tell.send(result);
    }));
    outcome.await.map_err(stopped)?.map_err(failed)
}

fn bytes_32(bytes: &[u8]) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| error("INTERNAL", format!("a hash has 32 bytes, not {}", bytes.len())))
}

fn key_of(bytes: &[u8]) -> Result<Key> {
    if bytes.len() != KEY_BYTES {
        return Err(error("INTERNAL", format!("a record key has {KEY_BYTES} bytes, not {}", bytes.len())));
    }
    Ok(Key {
        object: bytes_32(&bytes[..32])?,
        stripe: u32::from_le_bytes([bytes[32], bytes[33], bytes[34], bytes[35]]),
        row: u16::from_le_bytes([bytes[36], bytes[37]]),
        kind: bytes[38],
    })
}

fn pack_record((key, entry): &(Key, Entry)) -> [u8; 44] {
    let mut out = [0; 44];
    out[..32].copy_from_slice(&entry.identity);
    out[32..36].copy_from_slice(&entry.length.to_le_bytes());
    out[36..40].copy_from_slice(&key.stripe.to_le_bytes());
    out[40..42].copy_from_slice(&key.row.to_le_bytes());
    out[42] = key.kind;
    out
}
