//! The task that owns the swarm.

mod traversal;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionDenied, ConnectionId, DialError, ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, identify, identity, kad, mdns, relay};
use pangea_firewall::AllowList;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};

use crate::address::{DialPolicy, Pass, Target, ip_of, is_loopback_only, is_relayed, parse_target, subnet};
use crate::behaviour::{Behaviour, BehaviourEvent, KAD_PROTOCOL, Parts};
use crate::books::{AddressBook, Snapshot, usable};
use crate::error::P2pError;
use crate::failures::{dial_error, listen_error, probe, public};
use crate::gossip::Gossip;
use crate::host::{Event, FoundPeer, FoundRecord, Options, Source};
use crate::nat::Nat;
use crate::paths::{Connection, Connections, Path, circuit_of};
use crate::queries::Queries;
use crate::stream::HostStream;
use crate::streams::{Open, Served};
use crate::verdicts::Verdicts;
use crate::{gate, limits, transport};

type Reply<T> = oneshot::Sender<T>;

pub(crate) enum Command {
    Dial { target: Target, reply: Reply<Result<PeerId, P2pError>> },
    DialLearned { peer: PeerId, addresses: Vec<Multiaddr>, reply: Reply<Result<PeerId, P2pError>> },
    Disconnect { peer: PeerId, reply: Reply<()> },
    AddAddresses { peer: PeerId, addresses: Vec<Multiaddr> },
    Open { peer: PeerId, protocol: StreamProtocol, reply: Reply<Result<HostStream, P2pError>> },
    Recheck,
    Verdict { id: u64, accept: bool },
    Provide { key: Vec<u8>, reply: Reply<Result<(), P2pError>> },
    StopProviding { key: Vec<u8> },
    Providers { key: Vec<u8>, limit: usize, within: Duration, reply: Reply<Vec<FoundPeer>> },
    Subscribe { topic: String, reply: Reply<Result<(), P2pError>> },
    Unsubscribe { topic: String },
    Publish { topic: String, data: Vec<u8>, reply: Reply<Result<(), P2pError>> },
    GossipVerdict { id: u64, accept: bool },
    Put { key: Vec<u8>, value: Vec<u8>, reply: Reply<Result<(), P2pError>> },
    Get { key: Vec<u8>, within: Duration, reply: Reply<Vec<FoundRecord>> },
    Closest { key: Vec<u8>, within: Duration, reply: Reply<Vec<FoundPeer>> },
    Close { reply: Reply<()> },
}

pub(crate) struct Started {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) served: Served,
    pub(crate) allow: AllowList,
    pub(crate) peer: PeerId,
}

pub(crate) async fn start(mut options: Options) -> Result<Started, P2pError> {
    let quic = std::mem::take(&mut options.quic);
    let keypair =
        identity::Keypair::ed25519_from_bytes(options.seed).map_err(|error| P2pError::new("INTERNAL", error))?;
    let peer = keypair.public().to_peer_id();
    let allow = AllowList::new(&options.allow).map_err(|error| P2pError::new("CONFIG_INVALID", error))?;
    let policy = DialPolicy::new(allow.clone());
    let (event_sender, events) = mpsc::channel(limits::PUSH_EVENTS);
    let (commands, command_receiver) = mpsc::channel(limits::COMMANDS);
    let (snapshot, served): (Arc<Snapshot>, Served) = Default::default();
    let now = Instant::now();
    let (relay_transport, relay_client) = options.nat.as_ref().map(|_| relay::client::new(peer)).unzip();
    let asks_gateway = options.nat.as_ref().is_some_and(|nat| nat.upnp) && !is_loopback_only(&options.listen);
    let nat = options.nat.as_ref().map(|nat| Nat::new(nat, asks_gateway, now)).transpose()?;
    let parts = Parts {
        allow: allow.clone(),
        policy: policy.clone(),
        served: served.clone(),
        events: event_sender.clone(),
        relay_client,
        asks_gateway,
    };
    let behaviour = Behaviour::new(&keypair, &options, parts)?;
    let config = libp2p::swarm::Config::with_tokio_executor().with_idle_connection_timeout(limits::IDLE_CONNECTION);
    let transport = transport::build(&keypair, &policy, relay_transport, quic)?;
    let swarm = Swarm::new(transport, behaviour, peer, config);
    let mut driver = Driver {
        swarm,
        commands: command_receiver,
        verdicts: Verdicts::new(event_sender.clone()),
        gossip: Gossip::new(event_sender.clone()),
        events: event_sender,
        snapshot: snapshot.clone(),
        allow: allow.clone(),
        policy,
        advertises: !options.advertise.is_empty(),
        book: AddressBook::default(),
        queries: Queries::default(),
        dials: HashMap::new(),
        connections: Connections::default(),
        nat,
        next_sweep: now + limits::SWEEP,
        next_nat: now + limits::NAT_TICK,
    };
    driver.advertise(&options.advertise)?;
    driver.listen(&options.listen).await?;
    tokio::spawn(driver.run());
    Ok(Started { commands, events, snapshot, served, allow, peer })
}

struct Dial {
    reply: Reply<Result<PeerId, P2pError>>,
    /// The operator's address, and what lets it be dialled as wanted.
    operator: Option<(Multiaddr, [Option<Pass>; 2])>,
}

struct Driver {
    swarm: Swarm<Behaviour>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    snapshot: Arc<Snapshot>,
    allow: AllowList,
    policy: DialPolicy,
    /// Others are told the operator's addresses, not those listened on.
    advertises: bool,
    book: AddressBook,
    queries: Queries,
    verdicts: Verdicts,
    gossip: Gossip,
    dials: HashMap<ConnectionId, Dial>,
    connections: Connections,
    nat: Option<Nat>,
    next_sweep: Instant,
    next_nat: Instant,
}

impl Driver {
    async fn listen(&mut self, addresses: &[String]) -> Result<(), P2pError> {
        let mut pending = Vec::new();
        for text in addresses {
            let target = parse_target(text)?;
            probe(&target.address, text)?;
            let listener = self.swarm.listen_on(target.address).map_err(|error| listen_error(&error, text))?;
            pending.push(listener);
        }
        let ready = async {
            while !pending.is_empty() {
                let event = self.swarm.select_next_some().await;
                match &event {
                    SwarmEvent::NewListenAddr { listener_id, .. } => pending.retain(|id| id != listener_id),
                    SwarmEvent::ListenerClosed { listener_id, reason: Err(error), .. }
                        if pending.contains(listener_id) =>
                    {
                        return Err(listen_error(error, "the given address"));
                    }
                    _ => {}
                }
                self.on_event(event);
            }
            Ok(())
        };
        timeout(limits::HANDSHAKE, ready)
            .await
            .map_err(|_| P2pError::new("ADDRESS_INVALID", "no interface has the listening address"))?
    }

    fn advertise(&mut self, addresses: &[String]) -> Result<(), P2pError> {
        for text in addresses {
            self.swarm.add_external_address(parse_target(text)?.address);
        }
        Ok(())
    }

    async fn run(mut self) {
        loop {
            let timer = if self.nat.is_some() { self.next_nat } else { self.next_sweep };
            let wake = self.queries.next_deadline().map_or(timer, |deadline| deadline.min(timer));
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                command = self.commands.recv() => match command {
                    Some(Command::Close { reply }) => {
                        // The ports are free before the answer; a second close finds the channel closed.
                        let Self { swarm, commands, .. } = self;
                        drop(swarm);
                        drop(commands);
                        let _ = reply.send(());
                        return;
                    }
                    Some(command) => self.on_command(command),
                    None => return,
                },
                () = sleep_until(wake.into()) => self.on_time(Instant::now()),
            }
        }
    }

    fn on_time(&mut self, now: Instant) {
        self.queries.expire(&mut self.swarm.behaviour_mut().kad, now);
        if self.next_sweep <= now {
            self.swarm.behaviour_mut().kad.store_mut().sweep(now);
            self.next_sweep = now + limits::SWEEP;
        }
        if self.next_nat <= now {
            self.next_nat = now + limits::NAT_TICK;
            self.traverse(now);
        }
    }

    fn on_command(&mut self, command: Command) {
        let Behaviour { kad, gossip, .. } = self.swarm.behaviour_mut();
        match command {
            Command::Dial { target, reply } => self.dial_operator(target, reply),
            Command::DialLearned { peer, addresses, reply } => {
                let opts =
                    DialOpts::peer_id(peer).addresses(addresses).condition(PeerCondition::DisconnectedAndNotDialing);
                self.dial(Some(peer), opts.build(), None, reply);
            }
            Command::Disconnect { peer, reply } => {
                // Not connected is what was wanted.
                let _ = self.swarm.disconnect_peer_id(peer);
                let _ = reply.send(());
            }
            Command::AddAddresses { peer, addresses } => drop(self.book.set(peer, &addresses)),
            Command::Open { peer, protocol, reply } => self.open(peer, protocol, reply),
            Command::Recheck => {
                for (id, connection) in self.connections.iter() {
                    if connection.inbound && !ip_of(&connection.address).is_some_and(|ip| self.allow.contains(ip)) {
                        self.swarm.close_connection(id);
                    }
                }
            }
            Command::Verdict { id, accept } => self.verdicts.answer(id, accept, kad.store_mut(), Instant::now()),
            Command::Provide { key, reply } => self.queries.provide(kad, &key, reply),
            Command::StopProviding { key } => kad.stop_providing(&kad::RecordKey::new(&key)),
            Command::Providers { key, limit, within, reply } => self.queries.providers(kad, &key, limit, within, reply),
            Command::Get { key, within, reply } => self.queries.get(kad, &key, within, reply),
            Command::Closest { key, within, reply } => self.queries.closest(kad, key, within, reply),
            Command::Put { key, value, reply } => {
                let record = kad::Record {
                    publisher: None,
                    expires: Some(Instant::now() + limits::RECORD_AGE),
                    ..kad::Record::new(key, value)
                };
                self.verdicts.ask(record.clone(), kad.store_mut(), Instant::now());
                self.queries.put(kad, record, reply);
            }
            Command::Subscribe { topic, reply } => drop(reply.send(Gossip::subscribe(gossip, &topic))),
            Command::Unsubscribe { topic } => Gossip::unsubscribe(gossip, &topic),
            Command::Publish { topic, data, reply } => drop(reply.send(Gossip::publish(gossip, &topic, data))),
            Command::GossipVerdict { id, accept } => self.gossip.verdict(gossip, id, accept),
            Command::Close { .. } => {}
        }
    }

    fn dial_operator(&mut self, target: Target, reply: Reply<Result<PeerId, P2pError>>) {
        let operator = [
            Some(self.policy.as_operator(&target.address)),
            // So that others see the port that this node listens on as its router maps it.
            self.nat.is_some().then(|| self.policy.leave_from_listening_port(&target.address)),
        ];
        let address = target.address.clone();
        let opts = match target.peer {
            Some(peer) => {
                DialOpts::peer_id(peer).addresses(vec![target.address]).condition(PeerCondition::Always).build()
            }
            None => DialOpts::unknown_peer_id().address(target.address).build(),
        };
        self.dial(target.peer, opts, Some((address, operator)), reply);
    }

    fn dial(
        &mut self,
        peer: Option<PeerId>,
        opts: DialOpts,
        operator: Option<(Multiaddr, [Option<Pass>; 2])>,
        reply: Reply<Result<PeerId, P2pError>>,
    ) {
        let direct = operator.as_ref().is_some_and(|(address, _)| !is_relayed(address));
        let connected = peer.and_then(|peer| self.connections.best(peer).map(|best| (peer, best.path)));
        // A direct address that the operator names is tried although there is a way through a relay.
        if let Some((peer, _)) = connected.filter(|(_, path)| *path != Path::Relayed || !direct) {
            self.operator_reached(peer, operator.map(|(address, _)| address));
            return drop(reply.send(Ok(peer)));
        }
        let id = opts.connection_id();
        match self.swarm.dial(opts) {
            Ok(()) => drop(self.dials.insert(id, Dial { reply, operator })),
            Err(error) => drop(reply.send(Err(public(dial_error(&error))))),
        }
    }

    fn open(&mut self, peer: PeerId, protocol: StreamProtocol, reply: Reply<Result<HostStream, P2pError>>) {
        if self.swarm.behaviour_mut().streams.open(peer, Open { protocol, reply }) {
            let addresses = self.book.get(&peer).to_vec();
            let opts = DialOpts::peer_id(peer).addresses(addresses).extend_addresses_through_behaviour();
            // The streams behaviour hears of the failure itself.
            let _ = self.swarm.dial(opts.condition(PeerCondition::DisconnectedAndNotDialing).build());
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::NewListenAddr { listener_id, address } => self.listening(listener_id, address),
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.swarm.remove_external_address(&address);
                self.snapshot.listening.lock().retain(|other| *other != address);
            }
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                self.not_listening(listener_id, &addresses, reason.err());
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, num_established, .. } => {
                self.connected(peer_id, connection_id, &endpoint, num_established.get() == 1);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                self.connections.remove(connection_id);
                self.relayed_closed(peer_id);
                if num_established == 0 {
                    self.snapshot.connected.lock().remove(&peer_id);
                    self.tell(Event::Disconnected { peer: peer_id });
                } else {
                    self.update_path(peer_id);
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                self.dial_failed(peer_id, &error);
                self.punch_failed(connection_id, peer_id, &error);
                if let Some(dial) = self.dials.remove(&connection_id) {
                    let _ = dial.reply.send(Err(public(dial_error(&error))));
                }
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error: ListenError::Denied { cause }, .. } => {
                self.denied(cause, send_back_addr)
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                self.identified(peer_id, &info)
            }
            SwarmEvent::Behaviour(BehaviourEvent::Kad(event)) => self.on_kad(event),
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => {
                self.gossip.on_event(&mut self.swarm.behaviour_mut().gossip, event, Instant::now());
            }
            SwarmEvent::Behaviour(BehaviourEvent::Mdns(mdns::Event::Discovered(found))) => self.on_mdns(found),
            event => self.on_nat_event(event),
        }
    }

    /// The gate's refusals are told; the connection limits' are not.
    fn denied(&self, cause: ConnectionDenied, address: Multiaddr) {
        if cause.downcast::<gate::NotAllowed>().is_ok() {
            self.tell(Event::Refused { address });
        }
    }

    fn connected(&mut self, peer: PeerId, id: ConnectionId, endpoint: &ConnectedPoint, first: bool) {
        let address = endpoint.get_remote_address().clone();
        let path = self.path_of(peer, id, endpoint);
        // The remote end of a circuit is named without the relay, which alone has an address.
        let address = if endpoint.is_relayed() { circuit_of(endpoint) } else { address };
        let connection =
            Connection { peer, address: address.clone(), inbound: endpoint.is_listener(), path, since: Instant::now() };
        self.connections.insert(id, connection);
        if first {
            self.snapshot.connected.lock().insert(peer, path);
            self.tell(Event::Connected { peer, address });
        } else {
            self.update_path(peer);
        }
        if let Some(dial) = self.dials.remove(&id) {
            self.operator_reached(peer, dial.operator.map(|(address, _)| address));
            let _ = dial.reply.send(Ok(peer));
        }
    }

    fn update_path(&mut self, peer: PeerId) {
        let Some(Connection { path, address, .. }) = self.connections.best(peer).cloned() else { return };
        let before = self.snapshot.connected.lock().insert(peer, path);
        if before != Some(path) {
            self.tell(Event::Path { peer, path, address });
        }
    }

    /// Who cannot be reached leaves the routing table, so that queries stop waiting for it; it comes back with its
    /// next connection. Not when nobody can be reached: then the fault is here.
    fn dial_failed(&mut self, peer: Option<PeerId>, error: &DialError) {
        let Some(peer) = peer else { return };
        let unreachable = matches!(error, DialError::Transport(_) | DialError::WrongPeerId { .. });
        if unreachable && !self.swarm.is_connected(&peer) && self.swarm.network_info().num_peers() > 0 {
            self.swarm.behaviour_mut().kad.remove_peer(&peer);
            self.snapshot.table.lock().remove(&peer);
        }
    }

    fn identified(&mut self, peer: PeerId, info: &identify::Info) {
        self.learn_from(peer, info);
        let addresses = self.book.set(peer, &info.listen_addrs).to_vec();
        if info.protocols.contains(&KAD_PROTOCOL) {
            let known = self.snapshot.table.lock().get(&peer).map_or(0, Vec::len);
            let room = limits::ADDRESSES_PER_PEER.saturating_sub(known);
            for address in addresses.iter().filter(|address| self.policy.permits(address)).take(room) {
                self.swarm.behaviour_mut().kad.add_address(&peer, address.clone());
            }
        }
        if !addresses.is_empty() {
            self.tell(Event::Discovered { peer, addresses, source: Source::Identify });
        }
    }

    fn on_kad(&mut self, event: kad::Event) {
        let kad = &mut self.swarm.behaviour_mut().kad;
        match event {
            kad::Event::OutboundQueryProgressed { id, result, step, .. } => {
                self.queries.progress(kad, &self.book, id, result, step.last)
            }
            kad::Event::RoutingUpdated { peer, addresses, old_peer, .. } => {
                let mut table = self.snapshot.table.lock();
                old_peer.and_then(|old| table.remove(&old));
                table.insert(peer, usable(&addresses.into_vec()));
            }
            kad::Event::InboundRequest { request: kad::InboundRequest::PutRecord { record: Some(record), .. } } => {
                self.verdicts.ask(record, kad.store_mut(), Instant::now());
            }
            kad::Event::InboundRequest { request: kad::InboundRequest::AddProvider { record: Some(mut record) } } => {
                record.addresses = usable(&record.addresses);
                let from = self
                    .connections
                    .iter()
                    .map(|(_, connection)| connection)
                    .find(|connection| connection.peer == record.provider)
                    .and_then(|connection| ip_of(&connection.address));
                // A full store refuses: the announcer announces to nineteen others too.
                let _ = kad.store_mut().keep_provider(record, from.and_then(subnet), Instant::now());
            }
            _ => {}
        }
    }

    fn on_mdns(&mut self, found: Vec<(PeerId, Multiaddr)>) {
        let mut by_peer: HashMap<PeerId, Vec<Multiaddr>> = HashMap::new();
        for (peer, address) in found.into_iter().take(limits::BOOK_PEERS) {
            by_peer.entry(peer).or_default().push(address);
        }
        for (peer, addresses) in by_peer {
            let addresses = usable(&addresses);
            if !addresses.is_empty() {
                self.tell(Event::Discovered { peer, addresses, source: Source::Mdns });
            }
        }
    }

    /// Events are dropped when nobody reads them.
    fn tell(&self, event: Event) {
        let _ = self.events.try_send(event);
    }
}
