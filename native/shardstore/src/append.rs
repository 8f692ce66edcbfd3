//! The one thread that writes. It takes all waiting jobs at once, writes them gathered, and lets
//! one fsync answer for all (group commit).

use std::fs;
use std::sync::Arc;

use bytes::Bytes;

use crate::checkpoint::{self, CHECKPOINT_FILE};
use crate::direct::{DirectWriter, MIN_DIRECT_BYTES};
use crate::error::{Code, Result, StoreError};
use crate::format::{ALIGNMENT, Key, Place, RecordHeader, VOLUME_HEADER_BYTES, record_bytes};
use crate::index::Entry;
use crate::marker::{sync_directory, write_durably};
use crate::volume::Volume;
use crate::{Job, Shared};

/// The index is written out after so many appended bytes, or eight times its own size if that is more.
const CHECKPOINT_BYTES: u64 = 256 * 1024 * 1024;
const CHECKPOINT_RATIO: u64 = 8;
/// Space set aside so that records can be removed from a full disk, or nothing could ever make room.
const RESERVE_FILE: &str = "reserve";
const RESERVE_BYTES: usize = 64 * 1024;

/// State of the thread.
pub(crate) struct Appender {
    pub(crate) shared: Arc<Shared>,
    pub(crate) active: Option<Active>,
    pub(crate) next_sequence: u64,
    pub(crate) next_number: u32,
    /// Written since the last fsync, with what each replaced, so that a failed fsync can be undone.
    unsynced: Vec<(Key, Entry, Option<Entry>)>,
    /// A failed fsync took records whose callers had already gone: the next `sync` must say so.
    lost: Option<StoreError>,
    since_checkpoint_bytes: u64,
    checkpoint_bytes: u64,
    direct: DirectWriter,
}

/// The volume at whose end is written.
pub(crate) struct Active {
    pub(crate) file: Arc<Volume>,
    pub(crate) length: u64,
    pub(crate) synced_length: u64,
}

struct Planned {
    job: usize,
    header: RecordHeader,
    payload: Bytes,
}

struct Waiting {
    done: crate::Done,
    result: Result<()>,
    fsync: bool,
    is_sync: bool,
}

#[derive(Default)]
struct Batch {
    waiting: Vec<Waiting>,
    planned: Vec<Planned>,
    planned_bytes: u64,
}

impl Batch {
    fn join(&mut self, done: crate::Done, fsync: bool) -> usize {
        self.waiting.push(Waiting { done, result: Ok(()), fsync, is_sync: false });
        self.waiting.len() - 1
    }

    fn fail(&mut self, job: usize, error: &StoreError) {
        let waiting = &mut self.waiting[job];
        if waiting.result.is_ok() {
            waiting.result = Err(error.clone());
        }
    }
}

impl Appender {
    pub(crate) fn new(shared: Arc<Shared>, active: Option<Active>, next_sequence: u64, next_number: u32) -> Self {
        Self {
            shared,
            active,
            next_sequence,
            next_number,
            unsynced: Vec::new(),
            lost: None,
            since_checkpoint_bytes: 0,
            checkpoint_bytes: 0,
            direct: DirectWriter::new(),
        }
    }

    /// Works until the store is closed, then leaves everything on disk.
    pub(crate) fn run(mut self) {
        self.make_reserve();
        while let Some(jobs) = self.shared.take_jobs() {
            self.work(jobs);
        }
        if self.sync().is_ok() {
            self.write_checkpoint();
        }
    }

    fn work(&mut self, jobs: Vec<Job>) {
        let mut batch = Batch::default();
        for job in jobs {
            self.plan_job(&mut batch, job);
        }
        self.flush(&mut batch);
        if batch.waiting.iter().any(|waiting| waiting.fsync && waiting.result.is_ok()) {
            self.sync_for(&mut batch);
        }
        for waiting in batch.waiting {
            (waiting.done)(waiting.result);
        }
        if self.unsynced.is_empty() {
            self.reclaim_dead();
            if self.since_checkpoint_bytes > CHECKPOINT_BYTES.max(self.checkpoint_bytes * CHECKPOINT_RATIO) {
                self.write_checkpoint();
            }
        }
    }

    fn plan_job(&mut self, batch: &mut Batch, job: Job) {
        match job {
            Job::Void => {}
            Job::Put { records, fsync, done } => {
                let job = batch.join(done, fsync);
                for record in records {
                    let header = RecordHeader {
                        key: record.key,
                        sequence: self.next_sequence(),
                        identity: record.identity,
                        length: record.payload.len() as u32,
                        removal: false,
                    };
                    if let Err(error) = self.within_quota(batch, record_bytes(header.length)) {
                        batch.fail(job, &error);
                    }
                    self.plan(batch, Planned { job, header, payload: record.payload });
                }
            }
            Job::Remove { keys, done } => {
                self.flush(batch);
                let job = batch.join(done, true);
                for key in keys {
                    if self.shared.index.read().live(&key).is_some() {
                        let sequence = self.next_sequence();
                        let header = RecordHeader { key, sequence, identity: [0; 32], length: 0, removal: true };
                        self.plan(batch, Planned { job, header, payload: Bytes::new() });
                    }
                }
            }
            Job::Copy { records, done } => {
                self.flush(batch);
                let job = batch.join(done, false);
                for (key, entry, payload) in records {
                    if self.shared.index.read().entry(&key) == Some(&entry) {
                        let Entry { sequence, identity, length, removal, .. } = entry;
                        let header = RecordHeader { key, sequence, identity, length, removal };
                        self.plan(batch, Planned { job, header, payload });
                    }
                }
            }
            Job::Sync { done } => {
                let job = batch.join(done, true);
                batch.waiting[job].is_sync = true;
                if let Some(error) = self.lost.take() {
                    batch.fail(job, &error);
                }
            }
            Job::Seal { done } => {
                self.flush(batch);
                batch.join(done, false);
                self.seal(batch);
            }
            Job::Reclaim { volume, done } => {
                self.flush(batch);
                let job = batch.join(done, false);
                self.sync_for(batch);
                if batch.waiting[job].result.is_ok()
                    && let Err(error) = self.reclaim(volume)
                {
                    batch.fail(job, &error);
                }
            }
        }
    }

    fn next_sequence(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence - 1
    }

    fn within_quota(&self, batch: &Batch, bytes: u64) -> Result<()> {
        let used = self.shared.index.read().total_bytes + batch.planned_bytes;
        match self.shared.quota_bytes {
            Some(quota) if used + bytes > quota => {
                Err(StoreError::new(Code::Full, format!("the quota of {quota} bytes is used up")))
            }
            _ => Ok(()),
        }
    }

    /// Takes a record into the next gathered write. A job that has failed writes nothing more: order is promised.
    fn plan(&mut self, batch: &mut Batch, planned: Planned) {
        let bytes = record_bytes(planned.header.length);
        let end = self.active.as_ref().map_or(0, |active| active.length) + batch.planned_bytes + bytes;
        if end > self.shared.volume_bytes {
            self.flush(batch);
            if self.active.as_ref().is_some_and(|active| active.length > VOLUME_HEADER_BYTES) {
                self.seal(batch);
            }
        }
        if batch.waiting[planned.job].result.is_err() {
            return;
        }
        if let Err(error) = self.ensure_active() {
            batch.fail(planned.job, &error);
            return;
        }
        batch.planned_bytes += bytes;
        batch.planned.push(planned);
    }

    fn ensure_active(&mut self) -> Result<()> {
        if self.active.is_some() {
            return Ok(());
        }
        let number = self.next_number;
        let file = Volume::open(&self.shared.directory, number, true)?;
        self.next_number += 1;
        let header = Place { set: self.shared.set, volume: number }.encode_volume();
        let made = file
            .write_gathered(&[&header], 0)
            .and_then(|()| file.sync())
            .and_then(|()| sync_directory(&self.shared.directory));
        if let Err(error) = made {
            let _ = fs::remove_file(&file.path);
            return Err(error);
        }
        let file = Arc::new(file);
        self.shared.index.write().add_volume(file.clone(), VOLUME_HEADER_BYTES);
        self.active = Some(Active { file, length: VOLUME_HEADER_BYTES, synced_length: VOLUME_HEADER_BYTES });
        Ok(())
    }

    /// Writes what is planned. On a full disk the records are tried one by one, so that those which fit still go.
    fn flush(&mut self, batch: &mut Batch) {
        batch.planned_bytes = 0;
        let planned = std::mem::take(&mut batch.planned);
        if planned.is_empty() {
            return;
        }
        let mut written = self.write(&planned);
        if written.as_ref().is_err_and(|error| error.code == Code::Full)
            && planned.iter().any(|one| one.header.removal)
            && fs::remove_file(self.shared.directory.join(RESERVE_FILE)).is_ok()
        {
            written = self.write(&planned);
        }
        match written {
            Ok(()) => {}
            Err(error) if error.code == Code::Full && planned.len() > 1 => {
                for one in planned {
                    if batch.waiting[one.job].result.is_err() {
                        continue;
                    }
                    let job = one.job;
                    if let Err(error) = self.write(&[one]) {
                        batch.fail(job, &error);
                    }
                }
            }
            Err(error) => {
                for one in &planned {
                    batch.fail(one.job, &error);
                }
                if error.code == Code::Io {
                    self.seal(batch);
                }
            }
        }
    }

    fn write(&mut self, planned: &[Planned]) -> Result<()> {
        let Some(active) = &mut self.active else {
            return Err(StoreError::new(Code::Internal, "no volume to write to"));
        };
        let place = Place { set: self.shared.set, volume: active.file.number };
        let padding = [0; ALIGNMENT as usize];
        let mut headers = Vec::with_capacity(planned.len());
        let mut end = active.length;
        for one in planned {
            headers.push((end, place.encode_record(end, &one.header)));
            end += record_bytes(one.header.length);
        }
        let mut slices: Vec<&[u8]> = Vec::with_capacity(planned.len() * 3);
        for (one, (_, header)) in planned.iter().zip(&headers) {
            let missing = one.payload.len().next_multiple_of(ALIGNMENT as usize) - one.payload.len();
            slices.extend([&header[..], &one.payload, &padding[..missing]]);
        }
        let large = end - active.length >= MIN_DIRECT_BYTES as u64 && self.direct.is_ready(&active.file);
        let written = if large {
            self.direct.write(&active.file, &slices, active.length)
        } else {
            active.file.write_gathered(&slices, active.length)
        };
        if let Err(error) = written {
            // Gives the space back; should this fail too, the next write or the next start goes over it.
            let _ = active.file.truncate(active.length);
            return Err(error);
        }
        self.since_checkpoint_bytes += end - active.length;
        active.length = end;
        let mut index = self.shared.index.write();
        index.resize_volume(active.file.number, end);
        for (one, (offset, _)) in planned.iter().zip(&headers) {
            let RecordHeader { key, sequence, identity, length, removal } = one.header;
            let entry = Entry { sequence, volume: active.file.number, offset: *offset, length, identity, removal };
            if let Some(previous) = index.apply(&key, entry) {
                self.unsynced.push((key, entry, previous));
            }
        }
        Ok(())
    }

    /// One fsync for all that wait. Whoever put since the last one hears when it fails.
    fn sync_for(&mut self, batch: &mut Batch) {
        if let Err(error) = self.sync() {
            if batch.waiting.iter().any(|waiting| waiting.is_sync) {
                self.lost = None;
            }
            for job in 0..batch.waiting.len() {
                batch.fail(job, &error);
            }
        }
    }

    /// After a failed fsync the kernel may have dropped the bytes and will not say so again. So they
    /// count as gone: the index goes back to what was durable, and the volume is never appended to again.
    fn sync(&mut self) -> Result<()> {
        let Some(active) = &mut self.active else { return Ok(()) };
        if active.length == active.synced_length {
            return Ok(());
        }
        match active.file.sync() {
            Ok(()) => {
                active.synced_length = active.length;
                self.unsynced.clear();
                Ok(())
            }
            Err(error) => {
                let (file, length) = (active.file.clone(), active.synced_length);
                self.active = None;
                let mut index = self.shared.index.write();
                for (key, entry, previous) in self.unsynced.drain(..).rev() {
                    if index.entry(&key) == Some(&entry) {
                        index.set(&key, previous);
                    }
                }
                let _ = file.truncate(length);
                index.resize_volume(file.number, length);
                self.lost = Some(error.clone());
                Err(error)
            }
        }
    }

    fn seal(&mut self, batch: &mut Batch) {
        self.sync_for(batch);
        self.active = None;
    }

    fn reclaim_dead(&mut self) {
        loop {
            let active = self.active.as_ref().map(|active| active.file.number);
            let dead = {
                let index = self.shared.index.read();
                index.volumes.keys().copied().find(|number| Some(*number) != active && index.needed_bytes(*number) == 0)
            };
            // A failure (a disk gone read-only) leaves the file; the next start looks again.
            let Some(dead) = dead else { return };
            if self.reclaim(dead).is_err() {
                return;
            }
        }
    }

    /// Removes a volume that nothing needs. The checkpoint forgets it first, so that a checkpoint
    /// which names a missing volume always means that the disk lost it.
    fn reclaim(&mut self, number: u32) -> Result<()> {
        let file = {
            let mut index = self.shared.index.write();
            let is_active = self.active.as_ref().is_some_and(|active| active.file.number == number);
            if is_active || index.needed_bytes(number) > 0 {
                return Ok(());
            }
            index.drop_volume(number)
        };
        let Some(file) = file else { return Ok(()) };
        self.write_checkpoint();
        fs::remove_file(&file.path).map_err(|error| StoreError::io("unlink", &file.path, &error))?;
        sync_directory(&self.shared.directory)?;
        drop(file);
        self.make_reserve();
        Ok(())
    }

    fn make_reserve(&self) {
        let path = self.shared.directory.join(RESERVE_FILE);
        let whole = fs::metadata(&path).is_ok_and(|found| found.len() == RESERVE_BYTES as u64);
        if !whole && fs::write(&path, [0; RESERVE_BYTES]).is_err() {
            let _ = fs::remove_file(&path);
        }
    }

    fn write_checkpoint(&mut self) {
        let bytes = checkpoint::encode(&self.shared.set, self.next_sequence, &self.shared.index.read());
        self.checkpoint_bytes = bytes.len() as u64;
        self.since_checkpoint_bytes = 0;
        if write_durably(&self.shared.directory, CHECKPOINT_FILE, &bytes).is_err() {
            // An outdated one could name volumes that are about to go; without any the next start scans.
            for name in [CHECKPOINT_FILE.to_owned(), format!("{CHECKPOINT_FILE}.tmp")] {
                let _ = fs::remove_file(self.shared.directory.join(name));
            }
            let _ = sync_directory(&self.shared.directory);
        }
    }
}
