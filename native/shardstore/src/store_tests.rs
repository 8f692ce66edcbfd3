//! What only injected errors and direct looks at the files can show; the rest is the conformance suite in TypeScript.

use super::*;
use std::sync::atomic::Ordering;

fn options(directory: &Path) -> Options {
    Options {
        directory: directory.join("store"),
        create: true,
        owner: "me".into(),
        volume_bytes: 4096,
        quota_bytes: None,
    }
}

fn key(stripe: u32) -> Key {
    Key { object: [1; 32], kind: 0, row: 0, stripe }
}

fn wait(start: impl FnOnce(Done)) -> Result<()> {
    let (told, outcome) = std::sync::mpsc::sync_channel(1);
    start(Box::new(move |result| told.send(result).unwrap()));
    outcome.recv().unwrap()
}

fn put(store: &Store, stripe: u32, payload: &[u8], fsync: bool) -> Result<()> {
    let payload = Bytes::copy_from_slice(payload);
    let record = Record { key: key(stripe), identity: *blake3::hash(&payload).as_bytes(), payload };
    wait(|done| store.reserve().unwrap().put(vec![record], fsync, done))
}

fn last_volume(store: &Store) -> Arc<volume::Volume> {
    store.shared.index.read().volumes.values().next_back().unwrap().file.clone()
}

fn read(store: &Store, stripe: u32) -> Option<Vec<u8>> {
    store.get(&key(stripe), None).unwrap().map(|bytes| bytes.to_vec())
}

#[test]
fn a_failed_fsync_fails_its_puts_and_never_counts_their_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(directory.path())).unwrap();
    put(&store, 0, b"old", true).unwrap();
    put(&store, 1, b"kept only in memory", false).unwrap();
    let first = last_volume(&store);
    first.faults.sync.store(libc::EIO, Ordering::SeqCst);
    assert_eq!(put(&store, 0, b"new", true).unwrap_err().code, Code::Io);
    assert_eq!(read(&store, 0).unwrap(), b"old", "what was durable is back");
    assert_eq!(read(&store, 1), None);
    assert_eq!(wait(|done| store.sync(done)).unwrap_err().code, Code::Io, "the loss of a memory put is told once");
    wait(|done| store.sync(done)).unwrap();
    put(&store, 2, b"later", true).unwrap();
    assert_ne!(last_volume(&store).number, first.number, "nothing is appended to that volume again");
    store.close();
    let store = Store::open(&options(directory.path())).unwrap();
    assert_eq!(
        [read(&store, 0), read(&store, 1), read(&store, 2)],
        [Some(b"old".to_vec()), None, Some(b"later".to_vec())]
    );
}

#[test]
fn a_full_disk_at_fsync_is_full_and_later_puts_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(directory.path())).unwrap();
    put(&store, 0, b"old", true).unwrap();
    last_volume(&store).faults.sync.store(libc::ENOSPC, Ordering::SeqCst);
    assert_eq!(put(&store, 1, b"new", true).unwrap_err().code, Code::Full);
    put(&store, 1, b"new", true).unwrap();
    assert_eq!(read(&store, 1).unwrap(), b"new");
}

#[test]
fn a_write_that_fails_leaves_a_readable_volume() {
    for (errno, code) in [(libc::ENOSPC, Code::Full), (libc::EIO, Code::Io), (libc::EROFS, Code::ReadOnly)] {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&options(directory.path())).unwrap();
        put(&store, 0, b"old", true).unwrap();
        last_volume(&store).faults.write.store(errno, Ordering::SeqCst);
        assert_eq!(put(&store, 1, b"lost", true).unwrap_err().code, code);
        put(&store, 2, b"later", true).unwrap();
        store.close();
        let store = Store::open(&options(directory.path())).unwrap();
        assert!(store.damage().is_empty(), "{:?}", store.damage());
        assert_eq!(
            [read(&store, 0), read(&store, 1), read(&store, 2)],
            [Some(b"old".to_vec()), None, Some(b"later".to_vec())]
        );
    }
}

#[test]
fn a_failed_fsync_while_a_volume_ends_fails_the_puts_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(directory.path())).unwrap();
    put(&store, 0, &[1; 2000], false).unwrap();
    last_volume(&store).faults.sync.store(libc::EIO, Ordering::SeqCst);
    assert_eq!(put(&store, 1, &[2; 3000], true).unwrap_err().code, Code::Io);
    assert_eq!([read(&store, 0), read(&store, 1)], [None, None]);
}

#[test]
fn removals_outlive_the_records_they_suppress_and_no_longer() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(directory.path())).unwrap();
    put(&store, 0, &[0; 2000], true).unwrap();
    put(&store, 1, &[1; 1000], true).unwrap();
    put(&store, 2, &[2; 3000], true).unwrap();
    wait(|done| store.remove(vec![key(1), key(2)], done)).unwrap();
    let removals =
        |store: &Store| store.shared.index.read().volumes.values().map(|tally| tally.removal_bytes).sum::<u64>();
    assert_eq!(removals(&store), 2 * 96);
    store.compact().unwrap();
    assert_eq!(removals(&store), 2 * 96, "volume 1 still holds stripe 1");
    wait(|done| store.remove(vec![key(0)], done)).unwrap();
    // The next job begins after volume 1, now wholly dead, has gone.
    wait(|done| store.sync(done)).unwrap();
    store.compact().unwrap();
    assert_eq!(removals(&store), 0);
    assert_eq!(store.usage().unwrap().records, 0);
    drop(store);
}

#[test]
fn a_turn_that_is_given_up_holds_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(directory.path())).unwrap();
    let turn = store.reserve().unwrap();
    let (told, outcome) = std::sync::mpsc::sync_channel(1);
    store.sync(Box::new(move |result| told.send(result).unwrap()));
    assert!(outcome.recv_timeout(std::time::Duration::from_millis(20)).is_err(), "the sync waits for its turn");
    drop(turn);
    outcome.recv().unwrap().unwrap();
}
