//! Kademlia queries under way, and who waits for them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::core::Endpoint;
use libp2p::kad::{
    self, GetClosestPeersError, GetClosestPeersOk, GetProvidersOk, GetRecordOk, PeerInfo, PutRecordError, QueryId,
    QueryResult, Quorum, Record,
};
use libp2p::swarm::{ConnectionId, NetworkBehaviour};
use tokio::sync::oneshot;

use crate::books::{AddressBook, usable};
use crate::error::P2pError;
use crate::host::{FoundPeer, FoundRecord};
use crate::limits;
use crate::store::BoundedStore;

type Kad = kad::Behaviour<BoundedStore>;
type Reply<T> = oneshot::Sender<T>;

enum Kind {
    Closest {
        found: Vec<FoundPeer>,
        reply: Reply<Vec<FoundPeer>>,
    },
    Provide {
        reply: Reply<Result<(), P2pError>>,
    },
    Providers {
        found: Vec<FoundPeer>,
        limit: usize,
        reply: Reply<Vec<FoundPeer>>,
    },
    Get {
        found: Vec<FoundRecord>,
        reply: Reply<Vec<FoundRecord>>,
    },
    /// First half of a put: the peers nearest to the key.
    PutWhere {
        record: Record,
        reply: Reply<Result<(), P2pError>>,
    },
    PutSend {
        reply: Reply<Result<(), P2pError>>,
    },
}

struct Query {
    kind: Kind,
    until: Instant,
    stopping: bool,
}

/// After a query was told to finish, its last event has this long to come.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Queries(HashMap<QueryId, Query>);

impl Queries {
    pub(crate) fn closest(&mut self, kad: &mut Kad, key: Vec<u8>, within: Duration, reply: Reply<Vec<FoundPeer>>) {
        let id = kad.get_closest_peers(key);
        self.track(id, within, Kind::Closest { found: Vec::new(), reply });
    }

    pub(crate) fn provide(&mut self, kad: &mut Kad, key: &[u8], reply: Reply<Result<(), P2pError>>) {
        match kad.start_providing(kad::RecordKey::new(&key)) {
            Ok(id) => self.track(id, limits::QUERY, Kind::Provide { reply }),
            Err(error) => drop(reply.send(Err(P2pError::new("TOO_LARGE", error)))),
        }
    }

    pub(crate) fn providers(
        &mut self,
        kad: &mut Kad,
        key: &[u8],
        limit: usize,
        within: Duration,
        reply: Reply<Vec<FoundPeer>>,
    ) {
        let id = kad.get_providers(kad::RecordKey::new(&key));
        self.track(id, within, Kind::Providers { found: Vec::new(), limit, reply });
    }

    pub(crate) fn get(&mut self, kad: &mut Kad, key: &[u8], within: Duration, reply: Reply<Vec<FoundRecord>>) {
        let id = kad.get_record(kad::RecordKey::new(&key));
        self.track(id, within, Kind::Get { found: Vec::new(), reply });
    }

    /// `Kad::put_record` would overwrite a newer value of ours, so the two halves of a put are done one by one.
    pub(crate) fn put(&mut self, kad: &mut Kad, record: Record, reply: Reply<Result<(), P2pError>>) {
        let id = kad.get_closest_peers(record.key.to_vec());
        self.track(id, limits::QUERY, Kind::PutWhere { record, reply });
    }

    /// When `expire` has to be called next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.0.values().map(|query| query.until).min()
    }

    /// Ends queries whose time is over: they answer with what they have.
    pub(crate) fn expire(&mut self, kad: &mut Kad, now: Instant) {
        let late: Vec<QueryId> = self.0.iter().filter(|(_, query)| query.until <= now).map(|(id, _)| *id).collect();
        for id in late {
            if self.stop(kad, id, now) {
                continue;
            }
            if let Some(query) = self.0.remove(&id) {
                settle(query.kind);
            }
        }
    }

    /// Takes one event of a query.
    pub(crate) fn progress(&mut self, kad: &mut Kad, book: &AddressBook, id: QueryId, result: QueryResult, last: bool) {
        let Some(query) = self.0.get_mut(&id) else { return };
        let mut enough = false;
        match (&mut query.kind, result) {
            (Kind::Closest { found, .. }, QueryResult::GetClosestPeers(result)) => {
                *found = closest(result).iter().map(found_peer).collect()
            }
            (
                Kind::Providers { found, limit, .. },
                QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { key, providers })),
            ) => {
                for peer in providers {
                    if found.len() < *limit && found.iter().all(|other| other.peer != peer) {
                        found.push(FoundPeer { peer, addresses: addresses_of(kad, book, &key, peer) });
                    }
                }
                enough = found.len() >= *limit;
            }
            (Kind::Get { found, .. }, QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(answer))))
                if answer.record.value.len() <= limits::RECORD_BYTES =>
            {
                found.push(FoundRecord { peer: answer.peer, value: answer.record.value });
            }
            (Kind::PutWhere { .. }, QueryResult::GetClosestPeers(result)) => {
                let peers: Vec<PeerId> = closest(result).iter().map(|info| info.peer_id).collect();
                if let Some(Query { kind: Kind::PutWhere { record, reply }, .. }) = self.0.remove(&id) {
                    self.send_to(kad, record, peers, reply);
                }
                return;
            }
            (Kind::PutSend { .. }, QueryResult::PutRecord(result)) => {
                let kept = match result {
                    Ok(_) => true,
                    Err(PutRecordError::QuorumFailed { success, .. } | PutRecordError::Timeout { success, .. }) => {
                        !success.is_empty()
                    }
                };
                if let Some(Query { kind: Kind::PutSend { reply }, .. }) = self.0.remove(&id) {
                    drop(reply.send(if kept { Ok(()) } else { Err(nobody()) }));
                }
                return;
            }
            _ => {}
        }
        if last {
            if let Some(query) = self.0.remove(&id) {
                settle(query.kind);
            }
        } else if enough {
            self.stop(kad, id, Instant::now());
        }
    }

    fn send_to(&mut self, kad: &mut Kad, record: Record, peers: Vec<PeerId>, reply: Reply<Result<(), P2pError>>) {
        if peers.is_empty() {
            return drop(reply.send(Err(nobody())));
        }
        // All of them: with a smaller quorum the query ends before the others were asked.
        let id = kad.put_record_to(record, peers.into_iter(), Quorum::All);
        self.track(id, limits::QUERY, Kind::PutSend { reply });
    }

    fn track(&mut self, id: QueryId, within: Duration, kind: Kind) {
        self.0.insert(id, Query { kind, until: Instant::now() + within, stopping: false });
    }

    /// False when it was told before.
    fn stop(&mut self, kad: &mut Kad, id: QueryId, now: Instant) -> bool {
        let Some(query) = self.0.get_mut(&id).filter(|query| !query.stopping) else { return false };
        query.stopping = true;
        query.until = now + GRACE;
        if let Some(mut running) = kad.query_mut(&id) {
            running.finish();
        }
        true
    }
}

/// Answers with what there is. Whoever asked may have gone, which is no failure.
fn settle(kind: Kind) {
    match kind {
        Kind::Closest { found, reply } | Kind::Providers { found, reply, .. } => drop(reply.send(found)),
        Kind::Get { found, reply } => drop(reply.send(found)),
        Kind::Provide { reply } => drop(reply.send(Ok(()))),
        Kind::PutWhere { reply, .. } | Kind::PutSend { reply } => drop(reply.send(Err(nobody()))),
    }
}

fn nobody() -> P2pError {
    P2pError::new("NOT_ENOUGH_PEERS", "no peer of the DHT took the value")
}

fn closest(result: Result<GetClosestPeersOk, GetClosestPeersError>) -> Vec<PeerInfo> {
    match result {
        Ok(GetClosestPeersOk { peers, .. }) | Err(GetClosestPeersError::Timeout { peers, .. }) => peers,
    }
}

fn found_peer(info: &PeerInfo) -> FoundPeer {
    FoundPeer { peer: info.peer_id, addresses: usable(&info.addrs) }
}

/// Results name providers only. Their addresses came with the answers, and while the query runs Kademlia has them
/// at hand for whoever dials that peer.
fn addresses_of(kad: &mut Kad, book: &AddressBook, key: &kad::RecordKey, peer: PeerId) -> Vec<libp2p::Multiaddr> {
    use libp2p::kad::store::RecordStore;
    let mut all: Vec<_> = kad
        .store_mut()
        .providers(key)
        .into_iter()
        .filter(|record| record.provider == peer)
        .flat_map(|record| record.addresses)
        .collect();
    all.extend(
        kad.handle_pending_outbound_connection(ConnectionId::new_unchecked(0), Some(peer), &[], Endpoint::Dialer)
            .unwrap_or_default(),
    );
    all.extend_from_slice(book.get(&peer));
    usable(&all)
}
