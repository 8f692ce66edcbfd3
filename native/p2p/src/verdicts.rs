//! Values that others want kept here, until somebody outside has judged them.

use std::collections::HashMap;
use std::time::Instant;

use libp2p::kad::store::RecordStore;
use libp2p::kad::{Record, RecordKey};
use tokio::sync::mpsc;

use crate::host::Event;
use crate::limits;
use crate::store::BoundedStore;

struct Waiting {
    record: Record,
    /// The value that it was to be compared with.
    held: Option<Vec<u8>>,
    until: Instant,
}

pub(crate) struct Verdicts {
    events: mpsc::Sender<Event>,
    waiting: HashMap<u64, Waiting>,
    next: u64,
}

impl Verdicts {
    pub(crate) fn new(events: mpsc::Sender<Event>) -> Self {
        Self { events, waiting: HashMap::new(), next: 0 }
    }

    /// Asks for a verdict. Drops the record when it is too large, too many wait, or nobody reads the events.
    pub(crate) fn ask(&mut self, record: Record, store: &BoundedStore, now: Instant) {
        self.waiting.retain(|_, other| other.until > now);
        if record.value.len() > limits::RECORD_BYTES
            || record.key.as_ref().len() > limits::KEY_BYTES
            || self.waiting.len() >= limits::VERDICTS
        {
            return;
        }
        let held = held_value(store, &record.key);
        let event =
            Event::Record { id: self.next, key: record.key.to_vec(), value: record.value.clone(), held: held.clone() };
        if self.events.try_send(event).is_ok() {
            self.waiting.insert(self.next, Waiting { record, held, until: now + limits::VERDICT });
            self.next += 1;
        }
    }

    /// Keeps an accepted record, unless another one took its place in the meantime: then it has to be judged again.
    pub(crate) fn answer(&mut self, id: u64, accept: bool, store: &mut BoundedStore, now: Instant) {
        let Some(waiting) = self.waiting.remove(&id).filter(|waiting| accept && waiting.until > now) else { return };
        if held_value(store, &waiting.record.key) == waiting.held {
            // A full store refuses; the publisher finds that out by reading back.
            let _ = store.put(waiting.record);
        } else {
            self.ask(waiting.record, store, now);
        }
    }
}

fn held_value(store: &BoundedStore, key: &RecordKey) -> Option<Vec<u8>> {
    store.get(key).map(|record| record.value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::PeerId;

    fn record(value: &[u8]) -> Record {
        Record::new(b"/pangea/note/x".to_vec(), value.to_vec())
    }

    #[test]
    fn only_accepted_ones_are_kept_and_races_are_judged_again() {
        let (sender, mut events) = mpsc::channel(16);
        let (mut verdicts, mut store, now) =
            (Verdicts::new(sender), BoundedStore::new(PeerId::random()), Instant::now());
        let key = record(b"").key;
        verdicts.ask(record(b"refused"), &store, now);
        verdicts.answer(0, false, &mut store, now);
        assert_eq!(held_value(&store, &key), None);
        verdicts.ask(record(b"2"), &store, now);
        verdicts.ask(record(b"1"), &store, now);
        verdicts.answer(1, true, &mut store, now);
        verdicts.answer(2, true, &mut store, now);
        assert_eq!(held_value(&store, &key), Some(b"2".to_vec()), "judged against nothing, while 2 is held by now");
        let mut last = None;
        while let Ok(Event::Record { id, held, .. }) = events.try_recv() {
            last = Some((id, held));
        }
        assert_eq!(last, Some((3, Some(b"2".to_vec()))));
        verdicts.answer(3, false, &mut store, now);
        verdicts.answer(3, true, &mut store, now);
        assert_eq!(held_value(&store, &key), Some(b"2".to_vec()));
    }

    #[test]
    fn bounded_in_number_size_and_time() {
        let (sender, _events) = mpsc::channel(limits::VERDICTS * 2);
        let (mut verdicts, mut store, now) =
            (Verdicts::new(sender), BoundedStore::new(PeerId::random()), Instant::now());
        for _ in 0..limits::VERDICTS * 2 {
            verdicts.ask(record(b"x"), &store, now);
        }
        assert_eq!(verdicts.waiting.len(), limits::VERDICTS);
        verdicts.answer(0, true, &mut store, now + limits::VERDICT);
        assert_eq!(held_value(&store, &record(b"").key), None, "too late");
        verdicts.ask(record(&vec![0; limits::RECORD_BYTES + 1]), &store, now + limits::VERDICT);
        assert!(
            verdicts.waiting.is_empty()
                || verdicts.waiting.values().all(|waiting| waiting.record.value.len() <= limits::RECORD_BYTES)
        );
    }
}
