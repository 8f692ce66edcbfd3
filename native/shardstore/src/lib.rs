//! The shard store: append-only volumes, one index in memory, group commit.
//!
//! The format and the guarantees stand in `schema/volume.md`, the reasons in `docs/internals/store.md`.
//! One thread writes ([`append`]); any thread reads. Nothing here knows N-API or an async runtime:
//! writing calls take a function that is told the outcome, reading calls block on the disk.

mod append;
mod checkpoint;
mod compact;
mod direct;
mod error;
mod format;
mod index;
mod lock;
mod marker;
mod open;
mod scan;
mod volume;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, RwLock};

pub use error::{Code, Result, StoreError};
pub use format::{Key, MAX_PAYLOAD_BYTES};
pub use index::Entry;

use append::{Active, Appender};
use format::RECORD_HEADER_BYTES;
use index::Index;

/// Payload bytes that one gathered write takes at most, so that one fsync does not grow without bound.
const BATCH_BYTES: usize = 32 * 1024 * 1024;
/// Size of a volume when none is given.
pub const DEFAULT_VOLUME_BYTES: u64 = 1024 * 1024 * 1024;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// The store's own directory.
    pub directory: PathBuf,
    /// Make and mark the directory when it is missing or empty.
    pub create: bool,
    /// PeerId of the node; another owner's directory is refused.
    pub owner: String,
    /// Size at which a new volume begins.
    pub volume_bytes: u64,
    /// Upper bound of all volumes together.
    pub quota_bytes: Option<u64>,
}

/// One record to put.
pub struct Record {
    /// Its key.
    pub key: Key,
    /// BLAKE3-256 of the payload.
    pub identity: [u8; 32],
    /// The bytes.
    pub payload: Bytes,
}

/// Sizes, all from counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Live records with their headers.
    pub live_bytes: u64,
    /// The rest of all volumes.
    pub garbage_bytes: u64,
    /// Live records.
    pub records: u64,
    /// Files.
    pub volumes: u64,
    /// What disk or quota still give.
    pub free_bytes: u64,
}

/// Told once how a write ended; called on the writing thread, so it must be short.
pub type Done = Box<dyn FnOnce(Result<()>) + Send>;

pub(crate) enum Job {
    Put {
        records: Vec<Record>,
        fsync: bool,
        done: Done,
    },
    Remove {
        keys: Vec<Key>,
        done: Done,
    },
    Sync {
        done: Done,
    },
    /// Compaction's: moves a record unless it has been replaced meanwhile.
    Copy {
        records: Vec<(Key, Entry, Bytes)>,
        done: Done,
    },
    Seal {
        done: Done,
    },
    Reclaim {
        volume: u32,
        done: Done,
    },
    /// A place that was reserved and not used.
    Void,
}

pub(crate) struct Shared {
    directory: PathBuf,
    set: [u8; 16],
    volume_bytes: u64,
    quota_bytes: Option<u64>,
    index: RwLock<Index>,
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Given back when the last of store and writing thread lets go.
    lock: Mutex<Option<lock::Lock>>,
}

/// Jobs in the order of their callers. A place can be reserved before its job is ready (its payloads
/// are still being hashed), so that a `sync` called after a `put` never overtakes it.
#[derive(Default)]
struct Queue {
    places: VecDeque<Option<Job>>,
    /// Number of the first place.
    first: u64,
    closed: bool,
}

/// A reserved place; dropped unused, it is passed over.
pub struct Turn {
    shared: Arc<Shared>,
    number: u64,
    job: Option<Job>,
}

impl Turn {
    /// Writes verified records (see [`verify`]); with `fsync` the outcome comes when they are on disk.
    pub fn put(mut self, records: Vec<Record>, fsync: bool, done: Done) {
        self.job = Some(Job::Put { records, fsync, done });
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        let at = self.number - queue.first;
        if let Some(place) = queue.places.get_mut(at as usize) {
            *place = Some(self.job.take().unwrap_or(Job::Void));
        }
        self.shared.wake.notify_one();
    }
}

impl Shared {
    fn submit(&self, job: Job) {
        let mut queue = self.queue.lock();
        if !queue.closed {
            queue.places.push_back(Some(job));
            self.wake.notify_one();
            return;
        }
        drop(queue);
        if let Job::Put { done, .. }
        | Job::Remove { done, .. }
        | Job::Sync { done }
        | Job::Copy { done, .. }
        | Job::Seal { done }
        | Job::Reclaim { done, .. } = job
        {
            done(Err(StoreError::closed()));
        }
    }

    /// Submits and waits.
    fn perform(&self, make: impl FnOnce(Done) -> Job) -> Result<()> {
        let (told, outcome) = std::sync::mpsc::sync_channel(1);
        self.submit(make(Box::new(move |result| {
            let _ = told.send(result);
        })));
        outcome.recv().unwrap_or_else(|_| Err(StoreError::closed()))
    }

    /// All jobs that wait, up to a bound; nothing after the last one of a closed store.
    pub(crate) fn take_jobs(&self) -> Option<Vec<Job>> {
        let mut queue = self.queue.lock();
        while !matches!(queue.places.front(), Some(Some(_))) {
            if queue.closed && queue.places.is_empty() {
                return None;
            }
            self.wake.wait(&mut queue);
        }
        let mut bytes = 0;
        let mut count = 0;
        for job in queue.places.iter().map_while(Option::as_ref) {
            if let Job::Put { records, .. } = job {
                bytes += records.iter().map(|record| record.payload.len() + RECORD_HEADER_BYTES).sum::<usize>();
            }
            if count > 0 && bytes > BATCH_BYTES {
                break;
            }
            count += 1;
        }
        queue.first += count as u64;
        Some(queue.places.drain(..count).flatten().collect())
    }

    fn is_closed(&self) -> bool {
        self.queue.lock().closed
    }
}

/// An open store.
pub struct Store {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    compaction: Mutex<()>,
    damage: Vec<String>,
}

/// Checks payloads against their identities and the largest size, before anything is written.
pub fn verify(records: &[Record]) -> Result<()> {
    for record in records {
        if record.payload.len() > MAX_PAYLOAD_BYTES as usize {
            let text = format!("a record of {} bytes is above the {MAX_PAYLOAD_BYTES} allowed", record.payload.len());
            return Err(StoreError::new(Code::TooLarge, text));
        }
        if blake3::hash(&record.payload).as_bytes() != &record.identity {
            return Err(StoreError::new(
                Code::Mismatch,
                format!("stripe {} row {}: the bytes do not match the identity", record.key.stripe, record.key.row),
            ));
        }
    }
    Ok(())
}

impl Store {
    /// Opens, locks and reads the index. Blocks on the disk.
    pub fn open(options: &Options) -> Result<Self> {
        let home = marker::open_home(&options.directory, options.create, &options.owner)?;
        let loaded = open::load(&home, options.volume_bytes)?;
        let active = loaded.active.and_then(|number| loaded.index.volumes.get(&number)).map(|tally| Active {
            file: tally.file.clone(),
            length: tally.total_bytes,
            synced_length: tally.total_bytes,
        });
        let shared = Arc::new(Shared {
            directory: home.path,
            set: home.set,
            volume_bytes: options.volume_bytes,
            quota_bytes: options.quota_bytes,
            index: RwLock::new(loaded.index),
            queue: Mutex::default(),
            wake: Condvar::new(),
            lock: Mutex::new(Some(home.lock)),
        });
        let appender = Appender::new(shared.clone(), active, loaded.next_sequence, loaded.next_number);
        let thread = std::thread::Builder::new()
            .name("pangea-store".into())
            .spawn(move || appender.run())
            .map_err(|error| StoreError::io("start the writing thread for", &options.directory, &error))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)), compaction: Mutex::new(()), damage: loaded.damage })
    }

    /// What opening found broken, a line each. What is left is served.
    #[must_use]
    pub fn damage(&self) -> &[String] {
        &self.damage
    }

    /// A place in the order of writes, for a put whose records are still to be verified.
    pub fn reserve(&self) -> Result<Turn> {
        let mut queue = self.shared.queue.lock();
        if queue.closed {
            return Err(StoreError::closed());
        }
        let number = queue.first + queue.places.len() as u64;
        queue.places.push_back(None);
        Ok(Turn { shared: self.shared.clone(), number, job: None })
    }

    /// Removes records durably.
    pub fn remove(&self, keys: Vec<Key>, done: Done) {
        self.shared.submit(Job::Remove { keys, done });
    }

    /// Everything put before is on disk when `done` is told.
    pub fn sync(&self, done: Done) {
        self.shared.submit(Job::Sync { done });
    }

    /// A payload or, as (offset, length), a range of it, cut at its end. A whole read verifies the identity. Blocks on the disk.
    pub fn get(&self, key: &Key, range: Option<(u32, u32)>) -> Result<Option<Bytes>> {
        if self.shared.is_closed() {
            return Err(StoreError::closed());
        }
        let (entry, file) = {
            let index = self.shared.index.read();
            let Some(entry) = index.live(key).copied() else { return Ok(None) };
            let Some(tally) = index.volumes.get(&entry.volume) else { return Ok(None) };
            (entry, tally.file.clone())
        };
        let (offset, length) = range.unwrap_or((0, entry.length));
        let Some(behind) = entry.length.checked_sub(offset) else {
            let text = format!("offset {offset} is behind the {} bytes of the record", entry.length);
            return Err(StoreError::new(Code::Internal, text));
        };
        let length = length.min(behind);
        let start = entry.offset + RECORD_HEADER_BYTES as u64 + u64::from(offset);
        let bytes = file.read_block(start, length as usize)?;
        if length == entry.length && blake3::hash(&bytes).as_bytes() != &entry.identity {
            return Err(StoreError::new(
                Code::Corrupt,
                format!("volume {}: the record at {} does not match its identity", entry.volume, entry.offset),
            ));
        }
        Ok(Some(bytes))
    }

    /// Length and identity of a record.
    pub fn stat(&self, key: &Key) -> Result<Option<Entry>> {
        if self.shared.is_closed() {
            return Err(StoreError::closed());
        }
        Ok(self.shared.index.read().live(key).copied())
    }

    /// Records of one object, ordered by kind, stripe and row.
    pub fn records(&self, object: &[u8; 32]) -> Result<Vec<(Key, Entry)>> {
        if self.shared.is_closed() {
            return Err(StoreError::closed());
        }
        let index = self.shared.index.read();
        Ok(index.slots(object).map(|(slot, entry)| (Key::from_slot(*object, *slot), *entry)).collect())
    }

    /// Objects that have a record of this kind.
    pub fn objects(&self, kind: u8) -> Result<Vec<[u8; 32]>> {
        if self.shared.is_closed() {
            return Err(StoreError::closed());
        }
        Ok(self.shared.index.read().objects(kind).copied().collect())
    }

    /// Sizes, from counters and one statvfs.
    pub fn usage(&self) -> Result<Usage> {
        if self.shared.is_closed() {
            return Err(StoreError::closed());
        }
        let disk = free_bytes(&self.shared.directory)?;
        let index = self.shared.index.read();
        let quota = self.shared.quota_bytes.map_or(u64::MAX, |quota| quota.saturating_sub(index.total_bytes));
        Ok(Usage {
            live_bytes: index.live_bytes,
            garbage_bytes: index.total_bytes - index.live_bytes,
            records: index.records,
            volumes: index.volumes.len() as u64,
            free_bytes: disk.min(quota),
        })
    }

    /// Finishes what waits, syncs, writes the checkpoint and gives the directory free. Safe to repeat.
    pub fn close(&self) {
        self.stop();
        let mut thread = self.thread.lock();
        if let Some(handle) = thread.take() {
            let _ = handle.join();
        }
        // Open files would keep the disk from being unmounted until the store is collected.
        *self.shared.index.write() = Index::default();
        drop(self.shared.lock.lock().take());
    }

    fn stop(&self) {
        self.shared.queue.lock().closed = true;
        self.shared.wake.notify_one();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_bytes(path: &Path) -> Result<u64> {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::CString::new(path.as_os_str().as_bytes())
        .map_err(|_| StoreError::new(Code::Internal, "a path with a zero byte"))?;
    // SAFETY: `statvfs` is a plain struct for which all-zero bytes are a valid value.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: `name` is a C string and `found` a writable struct, both alive during the call.
    if unsafe { libc::statvfs(name.as_ptr(), &raw mut found) } != 0 {
        return Err(StoreError::io("statvfs", path, &std::io::Error::last_os_error()));
    }
    Ok(found.f_bavail * found.f_frsize)
}

#[cfg(test)]
mod store_tests;
