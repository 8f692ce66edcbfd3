//! The swarm, owned by one task that takes orders over a channel.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::StreamExt;
use libp2p::gossipsub::{self, IdentTopic, MessageAcceptance};
use libp2p::kad::store::{MemoryStore, RecordStore};
use libp2p::kad::{
    self, GetProvidersOk, GetRecordOk, PeerInfo, QueryId, QueryResult, Quorum, StoreInserts,
};
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, identify, identity::Keypair, mdns,
    multiaddr::Protocol, ping,
};
use tokio::sync::{mpsc, oneshot};

use crate::{Result, record};

const KAD: StreamProtocol = StreamProtocol::new("/pangea/kad/1.0.0");
const IDENTIFY: &str = "/pangea/1.0.0";
const KEPT_MESSAGES: usize = 1024;

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    gossip: gossipsub::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
    streams: libp2p_stream::Behaviour,
}

pub(crate) enum Order {
    Addresses(oneshot::Sender<Vec<Multiaddr>>),
    Connected(oneshot::Sender<(BTreeMap<String, String>, usize)>),
    Dial(Multiaddr, oneshot::Sender<Result<PeerId>>),
    Provide(Vec<u8>, oneshot::Sender<Result<()>>),
    Providers(Vec<u8>, oneshot::Sender<Vec<PeerId>>),
    Closest(Vec<u8>, oneshot::Sender<Vec<PeerInfo>>),
    Put(kad::Record, oneshot::Sender<Result<()>>),
    Get(Vec<u8>, oneshot::Sender<Vec<Vec<u8>>>),
    Subscribe(String, oneshot::Sender<Result<()>>),
    Publish(String, Vec<u8>, oneshot::Sender<Result<()>>),
    Messages(String, oneshot::Sender<Vec<(PeerId, Vec<u8>)>>),
    Discovered(oneshot::Sender<Vec<(PeerId, Multiaddr)>>),
}

enum Query {
    Provide(oneshot::Sender<Result<()>>),
    Providers(Vec<PeerId>, oneshot::Sender<Vec<PeerId>>),
    Closest(oneshot::Sender<Vec<PeerInfo>>),
    Put(oneshot::Sender<Result<()>>),
    Get(Vec<Vec<u8>>, oneshot::Sender<Vec<Vec<u8>>>),
}

pub(crate) fn build(key: &Keypair, with_mdns: bool) -> Result<Swarm<Behaviour>> {
    let own = key.public().to_peer_id();
    let mut config = kad::Config::new(KAD);
    config.set_record_filtering(StoreInserts::FilterBoth);
    let mut kad = kad::Behaviour::with_config(own, MemoryStore::new(own), config);
    kad.set_mode(Some(kad::Mode::Server));
    let gossip = gossipsub::ConfigBuilder::default()
        .validation_mode(gossipsub::ValidationMode::Strict)
        .validate_messages()
        .build()?;
    let behaviour = Behaviour {
        kad,
        identify: identify::Behaviour::new(identify::Config::new(
            IDENTIFY.to_owned(),
            key.public(),
        )),
        ping: ping::Behaviour::default(),
        gossip: gossipsub::Behaviour::new(
            gossipsub::MessageAuthenticity::Signed(key.clone()),
            gossip,
        )?,
        mdns: if with_mdns {
            Some(mdns::tokio::Behaviour::new(mdns::Config::default(), own)?)
        } else {
            None
        }
        .into(),
        streams: libp2p_stream::Behaviour::new(),
    };
    let swarm = libp2p::SwarmBuilder::with_existing_identity(key.clone())
        .with_tokio()
        .with_tcp(
            Default::default(),
            libp2p::noise::Config::new,
            libp2p::yamux::Config::default,
        )?
        .with_quic()
        .with_behaviour(|_| behaviour)?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(3600)))
        .build();
    Ok(swarm)
}

pub(crate) fn control(swarm: &Swarm<Behaviour>) -> libp2p_stream::Control {
    swarm.behaviour().streams.new_control()
}

pub(crate) struct Driver {
    swarm: Swarm<Behaviour>,
    queries: HashMap<QueryId, Query>,
    dials: HashMap<libp2p::swarm::ConnectionId, oneshot::Sender<Result<PeerId>>>,
    paths: BTreeMap<String, String>,
    messages: HashMap<String, Vec<(PeerId, Vec<u8>)>>,
    discovered: Vec<(PeerId, Multiaddr)>,
}

impl Driver {
    pub(crate) fn new(swarm: Swarm<Behaviour>) -> Self {
        Self {
            swarm,
            queries: HashMap::new(),
            dials: HashMap::new(),
            paths: BTreeMap::new(),
            messages: HashMap::new(),
            discovered: Vec::new(),
        }
    }

    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                event = self.swarm.select_next_some() => self.on_event(event),
            }
        }
    }

    /// Who asked may have given up meanwhile: an answer that nobody waits for is dropped.
    fn obey(&mut self, order: Order) {
        let behaviour = self.swarm.behaviour_mut();
        let kad = &mut behaviour.kad;
        match order {
            Order::Addresses(reply) => drop(reply.send(self.swarm.listeners().cloned().collect())),
            Order::Connected(reply) => {
                let table = kad.kbuckets().map(|bucket| bucket.num_entries()).sum();
                drop(reply.send((self.paths.clone(), table)));
            }
            Order::Dial(address, reply) => {
                let options = libp2p::swarm::dial_opts::DialOpts::from(address);
                let id = options.connection_id();
                match self.swarm.dial(options) {
                    Ok(()) => drop(self.dials.insert(id, reply)),
                    Err(error) => drop(reply.send(Err(error.into()))),
                }
            }
            Order::Provide(key, reply) => match kad.start_providing(key.into()) {
                Ok(id) => drop(self.queries.insert(id, Query::Provide(reply))),
                Err(error) => drop(reply.send(Err(error.into()))),
            },
            Order::Providers(key, reply) => {
                let id = kad.get_providers(key.into());
                self.queries.insert(id, Query::Providers(Vec::new(), reply));
            }
            Order::Closest(key, reply) => {
                let id = kad.get_closest_peers(key);
                self.queries.insert(id, Query::Closest(reply));
            }
            Order::Put(record, reply) => match kad.put_record(record, Quorum::One) {
                Ok(id) => drop(self.queries.insert(id, Query::Put(reply))),
                Err(error) => drop(reply.send(Err(error.into()))),
            },
            Order::Get(key, reply) => {
                let id = kad.get_record(key.into());
                self.queries.insert(id, Query::Get(Vec::new(), reply));
            }
            Order::Subscribe(topic, reply) => {
                let done = behaviour
                    .gossip
                    .subscribe(&IdentTopic::new(topic))
                    .map(drop);
                drop(reply.send(done.map_err(Into::into)));
            }
            Order::Publish(topic, data, reply) => {
                let done = behaviour
                    .gossip
                    .publish(IdentTopic::new(topic), data)
                    .map(drop);
                drop(reply.send(done.map_err(Into::into)));
            }
            Order::Messages(topic, reply) => {
                drop(reply.send(self.messages.get(&topic).cloned().unwrap_or_default()));
            }
            Order::Discovered(reply) => drop(reply.send(self.discovered.clone())),
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => self.swarm.add_external_address(address),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                endpoint,
                connection_id,
                ..
            } => {
                self.paths.insert(
                    peer_id.to_string(),
                    endpoint.get_remote_address().to_string(),
                );
                if let Some(reply) = self.dials.remove(&connection_id) {
                    drop(reply.send(Ok(peer_id)));
                }
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                ..
            } => {
                self.paths.remove(&peer_id.to_string());
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                error,
                ..
            } => {
                if let Some(reply) = self.dials.remove(&connection_id) {
                    drop(reply.send(Err(error.into())));
                }
            }
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            _ => {}
        }
    }

    fn on_behaviour(&mut self, event: BehaviourEvent) {
        let behaviour = self.swarm.behaviour_mut();
        match event {
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })
                if info.protocols.contains(&KAD) =>
            {
                for address in info.listen_addrs {
                    behaviour.kad.add_address(&peer_id, address);
                }
            }
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => self.discovered.extend(found),
            BehaviourEvent::Gossip(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            }) => {
                let author = message.source.unwrap_or(propagation_source);
                let topic = message.topic.to_string();
                let good =
                    topic != record::TOPIC || record::is_valid_message(author, &message.data);
                let verdict = if good {
                    MessageAcceptance::Accept
                } else {
                    MessageAcceptance::Reject
                };
                behaviour.gossip.report_message_validation_result(
                    &message_id,
                    &propagation_source,
                    verdict,
                );
                let kept = self.messages.entry(topic).or_default();
                if good && kept.len() < KEPT_MESSAGES {
                    kept.push((author, message.data));
                }
            }
            BehaviourEvent::Kad(kad::Event::InboundRequest {
                request:
                    kad::InboundRequest::PutRecord {
                        record: Some(record),
                        ..
                    },
            }) => {
                let store = behaviour.kad.store_mut();
                let newer = store
                    .get(&record.key)
                    .is_none_or(|held| record::compare(&record.value, &held.value).is_ge());
                if newer && record::is_valid(record.key.as_ref(), &record.value) {
                    // A full store refuses; the publisher finds out by reading back.
                    let _ = store.put(record);
                }
            }
            BehaviourEvent::Kad(kad::Event::InboundRequest {
                request:
                    kad::InboundRequest::AddProvider {
                        record: Some(record),
                    },
            }) => {
                // As above.
                let _ = behaviour.kad.store_mut().add_provider(record);
            }
            BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                id, result, step, ..
            }) => {
                self.on_progress(id, result, step.last);
            }
            _ => {}
        }
    }

    fn on_progress(&mut self, id: QueryId, result: QueryResult, last: bool) {
        match (self.queries.get_mut(&id), &result) {
            (
                Some(Query::Providers(found, _)),
                QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })),
            ) => found.extend(providers),
            (
                Some(Query::Get(found, _)),
                QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(answer))),
            ) if record::is_valid(answer.record.key.as_ref(), &answer.record.value) => {
                found.push(answer.record.value.clone());
            }
            _ => {}
        }
        if !last {
            return;
        }
        match (self.queries.remove(&id), result) {
            (Some(Query::Provide(reply)), QueryResult::StartProviding(done)) => {
                drop(reply.send(done.map(drop).map_err(Into::into)));
            }
            (Some(Query::Put(reply)), QueryResult::PutRecord(done)) => {
                drop(reply.send(done.map(drop).map_err(Into::into)));
            }
            (Some(Query::Closest(reply)), QueryResult::GetClosestPeers(done)) => {
                drop(reply.send(done.map(|found| found.peers).unwrap_or_default()));
            }
            (Some(Query::Providers(mut found, reply)), _) => {
                found.sort();
                found.dedup();
                drop(reply.send(found));
            }
            (Some(Query::Get(found, reply)), _) => drop(reply.send(found)),
            _ => {}
        }
    }
}

/// `…/p2p/<id>` at the end of an address.
pub(crate) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}
