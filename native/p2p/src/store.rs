//! What this node keeps for others as a Kademlia server: values and providers, all bounded.
//!
//! The stock store refuses new provider keys beyond 1,024 in all and knows no networks. Here a key takes few
//! providers out of one network, since ids cost nothing, and what this node provides itself never competes with others.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

use libp2p::PeerId;
use libp2p::kad::store::{Error, RecordStore, Result};
use libp2p::kad::{ProviderRecord, Record, RecordKey};

use crate::limits;

pub(crate) struct BoundedStore {
    own: PeerId,
    records: HashMap<RecordKey, Record>,
    record_bytes: usize,
    providers: HashMap<RecordKey, Vec<Provider>>,
    provider_entries: usize,
    provided: HashSet<RecordKey>,
}

struct Provider {
    record: ProviderRecord,
    subnet: Option<u64>,
}

impl BoundedStore {
    pub(crate) fn new(own: PeerId) -> Self {
        Self {
            own,
            records: HashMap::new(),
            record_bytes: 0,
            providers: HashMap::new(),
            provider_entries: 0,
            provided: HashSet::new(),
        }
    }

    /// Keeps another peer's announcement unless a bound is reached; renewing one always succeeds.
    pub(crate) fn keep_provider(
        &mut self,
        mut record: ProviderRecord,
        subnet: Option<u64>,
        now: Instant,
    ) -> Result<()> {
        if record.key.as_ref().len() > limits::KEY_BYTES {
            return Err(Error::ValueTooLarge);
        }
        record.addresses.truncate(limits::ADDRESSES_PER_PEER);
        self.drop_expired_of(&record.key, now);
        let known = self.providers.len();
        let held = self.providers.get_mut(&record.key);
        if let Some(place) =
            held.and_then(|held| held.iter_mut().find(|other| other.record.provider == record.provider))
        {
            *place = Provider { record, subnet };
            return Ok(());
        }
        let held = self.providers.get(&record.key).map_or(&[][..], Vec::as_slice);
        let neighbours = held.iter().filter(|other| subnet.is_some() && other.subnet == subnet).count();
        let full = held.len() >= limits::PROVIDERS_PER_KEY
            || neighbours >= limits::PROVIDERS_PER_SUBNET
            || self.provider_entries >= limits::PROVIDER_ENTRIES
            || (held.is_empty() && known >= limits::PROVIDER_KEYS);
        if full {
            return Err(Error::MaxProvidedKeys);
        }
        self.provider_entries += 1;
        self.providers.entry(record.key.clone()).or_default().push(Provider { record, subnet });
        Ok(())
    }

    /// Forgets what has expired. Linear in what is held: called some times an hour.
    pub(crate) fn sweep(&mut self, now: Instant) {
        self.records.retain(|_, record| !record.is_expired(now));
        self.record_bytes = self.records.values().map(|record| record.value.len()).sum();
        self.providers.retain(|_, held| {
            held.retain(|provider| !provider.record.is_expired(now));
            !held.is_empty()
        });
        self.provider_entries = self.providers.values().map(Vec::len).sum();
    }

    fn drop_expired_of(&mut self, key: &RecordKey, now: Instant) {
        if let Some(held) = self.providers.get_mut(key) {
            let before = held.len();
            held.retain(|provider| !provider.record.is_expired(now));
            self.provider_entries -= before - held.len();
            if held.is_empty() {
                self.providers.remove(key);
            }
        }
    }
}

impl RecordStore for BoundedStore {
    type RecordsIter<'a> = Box<dyn Iterator<Item = Cow<'a, Record>> + 'a>;
    type ProvidedIter<'a> = Box<dyn Iterator<Item = Cow<'a, ProviderRecord>> + 'a>;

    fn get(&self, key: &RecordKey) -> Option<Cow<'_, Record>> {
        self.records.get(key).map(Cow::Borrowed)
    }

    fn put(&mut self, record: Record) -> Result<()> {
        if record.value.len() > limits::RECORD_BYTES || record.key.as_ref().len() > limits::KEY_BYTES {
            return Err(Error::ValueTooLarge);
        }
        let held = self.records.get(&record.key).map(|held| held.value.len());
        let bytes = self.record_bytes - held.unwrap_or(0) + record.value.len();
        if (held.is_none() && self.records.len() >= limits::RECORDS) || bytes > limits::RECORD_BYTES_TOTAL {
            return Err(Error::MaxRecords);
        }
        self.record_bytes = bytes;
        self.records.insert(record.key.clone(), record);
        Ok(())
    }

    fn remove(&mut self, key: &RecordKey) {
        if let Some(record) = self.records.remove(key) {
            self.record_bytes -= record.value.len();
        }
    }

    fn records(&self) -> Self::RecordsIter<'_> {
        Box::new(self.records.values().map(Cow::Borrowed))
    }

    /// Called for this node's own announcements only: others' are filtered and come through `keep_provider`.
    fn add_provider(&mut self, record: ProviderRecord) -> Result<()> {
        if !self.provided.contains(&record.key) && self.provided.len() >= limits::OWN_PROVIDER_KEYS {
            return Err(Error::MaxProvidedKeys);
        }
        self.provided.insert(record.key);
        Ok(())
    }

    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        let own = self.provided.contains(key).then(|| self.own_record(key));
        let held = self.providers.get(key).map_or(&[][..], Vec::as_slice);
        own.into_iter().chain(held.iter().map(|provider| provider.record.clone())).collect()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        Box::new(self.provided.iter().map(|key| Cow::Owned(self.own_record(key))))
    }

    fn remove_provider(&mut self, key: &RecordKey, peer: &PeerId) {
        if *peer == self.own {
            self.provided.remove(key);
        } else if let Some(held) = self.providers.get_mut(key) {
            let before = held.len();
            held.retain(|provider| provider.record.provider != *peer);
            self.provider_entries -= before - held.len();
            if held.is_empty() {
                self.providers.remove(key);
            }
        }
    }
}

impl BoundedStore {
    /// Without addresses: Kademlia fills in the present ones.
    fn own_record(&self, key: &RecordKey) -> ProviderRecord {
        ProviderRecord::new(key.clone(), self.own, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn key(number: usize) -> RecordKey {
        RecordKey::new(&number.to_be_bytes())
    }

    fn provider(number: usize, peer: PeerId) -> ProviderRecord {
        ProviderRecord {
            key: key(number),
            provider: peer,
            expires: Some(Instant::now() + Duration::from_secs(60)),
            addresses: Vec::new(),
        }
    }

    #[test]
    fn caps_providers_of_a_key() {
        let mut store = BoundedStore::new(PeerId::random());
        let now = Instant::now();
        let first = PeerId::random();
        store.keep_provider(provider(1, first), None, now).unwrap();
        for _ in 1..limits::PROVIDERS_PER_KEY {
            store.keep_provider(provider(1, PeerId::random()), None, now).unwrap();
        }
        store.keep_provider(provider(1, PeerId::random()), None, now).unwrap_err();
        store.keep_provider(provider(1, first), None, now).unwrap();
        assert_eq!(store.providers(&key(1)).len(), limits::PROVIDERS_PER_KEY);
        store.remove_provider(&key(1), &first);
        store.keep_provider(provider(1, PeerId::random()), None, now).unwrap();
    }

    #[test]
    fn caps_providers_of_a_network() {
        let mut store = BoundedStore::new(PeerId::random());
        let now = Instant::now();
        for _ in 0..limits::PROVIDERS_PER_SUBNET {
            store.keep_provider(provider(1, PeerId::random()), Some(7), now).unwrap();
        }
        store.keep_provider(provider(1, PeerId::random()), Some(7), now).unwrap_err();
        store.keep_provider(provider(1, PeerId::random()), Some(8), now).unwrap();
        store.keep_provider(provider(2, PeerId::random()), Some(7), now).unwrap();
    }

    #[test]
    fn takes_more_keys_than_the_stock_store_and_no_more_than_its_own_bound() {
        let mut store = BoundedStore::new(PeerId::random());
        let (now, peer) = (Instant::now(), PeerId::random());
        for number in 0..limits::PROVIDER_KEYS {
            store.keep_provider(provider(number, peer), None, now).unwrap();
        }
        store.keep_provider(provider(limits::PROVIDER_KEYS, peer), None, now).unwrap_err();
        store.add_provider(ProviderRecord::new(key(usize::MAX), store.own, Vec::new())).unwrap();
        assert_eq!(store.provided().count(), 1);
    }

    #[test]
    fn forgets_what_has_expired() {
        let mut store = BoundedStore::new(PeerId::random());
        let now = Instant::now();
        store.keep_provider(provider(1, PeerId::random()), None, now).unwrap();
        store
            .put(Record {
                key: key(1),
                value: vec![0; 10],
                publisher: None,
                expires: Some(now + Duration::from_secs(5)),
            })
            .unwrap();
        store.sweep(now + Duration::from_secs(3600));
        assert_eq!(
            (store.provider_entries, store.providers.len(), store.record_bytes, store.records.len()),
            (0, 0, 0, 0)
        );
    }

    #[test]
    fn bounds_records() {
        let mut store = BoundedStore::new(PeerId::random());
        let record = |number: usize, bytes: usize| Record {
            key: key(number),
            value: vec![0; bytes],
            publisher: None,
            expires: None,
        };
        store.put(record(0, limits::RECORD_BYTES + 1)).unwrap_err();
        let fit = limits::RECORD_BYTES_TOTAL / limits::RECORD_BYTES;
        for number in 0..fit {
            store.put(record(number, limits::RECORD_BYTES)).unwrap();
        }
        store.put(record(fit, limits::RECORD_BYTES)).unwrap_err();
        store.put(record(0, 1)).unwrap();
        store.put(record(fit, limits::RECORD_BYTES - 1)).unwrap();
        store.remove(&key(fit));
        assert_eq!(store.record_bytes, (fit - 1) * limits::RECORD_BYTES + 1);
    }
}
