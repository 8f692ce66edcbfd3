//! The task that owns the swarm.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::core::ConnectedPoint;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionDenied, ConnectionId, DialError, ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, identify, identity, kad, mdns};
use pangea_firewall::AllowList;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};

use crate::address::{DialPolicy, Pass, Target, ip_of, parse_target, subnet};
use crate::behaviour::{Behaviour, BehaviourEvent, KAD_PROTOCOL};
use crate::books::{AddressBook, Snapshot, usable};
use crate::error::{P2pError, find_cause};
use crate::gossip::Gossip;
use crate::host::{Event, FoundPeer, FoundRecord, Options, Source};
use crate::paths::{Connection, Connections, Path};
use crate::queries::Queries;
use crate::stream::HostStream;
use crate::streams::{Open, Served};
use crate::transport::DIAL_REFUSED;
use crate::verdicts::Verdicts;
use crate::{gate, limits, transport};

/// Told apart inside the crate only: the DHT is asked, then it becomes `PEER_UNREACHABLE`.
pub(crate) const NO_ADDRESS: &str = "NO_ADDRESS";

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
    let behaviour = Behaviour::new(&keypair, &options, allow.clone(), served.clone(), event_sender.clone())?;
    let config = libp2p::swarm::Config::with_tokio_executor().with_idle_connection_timeout(limits::IDLE_CONNECTION);
    let transport = transport::build(&keypair, &policy, quic)?;
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
        next_sweep: Instant::now() + limits::SWEEP,
    };
    driver.advertise(&options.advertise)?;
    driver.listen(&options.listen).await?;
    tokio::spawn(driver.run());
    Ok(Started { commands, events, snapshot, served, allow, peer })
}

struct Dial {
    reply: Reply<Result<PeerId, P2pError>>,
    _passing: Option<Pass>,
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
    next_sweep: Instant,
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
            let wake = self.queries.next_deadline().map_or(self.next_sweep, |deadline| deadline.min(self.next_sweep));
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
        let passing = self.policy.as_operator(&target.address);
        let opts = match target.peer {
            Some(peer) => {
                DialOpts::peer_id(peer).addresses(vec![target.address]).condition(PeerCondition::Always).build()
            }
            None => DialOpts::unknown_peer_id().address(target.address).build(),
        };
        self.dial(target.peer, opts, Some(passing), reply);
    }

    fn dial(
        &mut self,
        peer: Option<PeerId>,
        opts: DialOpts,
        passing: Option<Pass>,
        reply: Reply<Result<PeerId, P2pError>>,
    ) {
        if let Some(peer) = peer.filter(|peer| self.swarm.is_connected(peer)) {
            return drop(reply.send(Ok(peer)));
        }
        let id = opts.connection_id();
        match self.swarm.dial(opts) {
            Ok(()) => drop(self.dials.insert(id, Dial { reply, _passing: passing })),
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
            SwarmEvent::NewListenAddr { address, .. } => {
                // Unless it is called external, other implementations drop what this node provides.
                if !self.advertises {
                    self.swarm.add_external_address(address.clone());
                }
                let mut listening = self.snapshot.listening.lock();
                if !listening.contains(&address) {
                    listening.push(address);
                }
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.swarm.remove_external_address(&address);
                self.snapshot.listening.lock().retain(|other| *other != address);
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, num_established, .. } => {
                self.connected(peer_id, connection_id, &endpoint, num_established.get() == 1);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                self.connections.remove(connection_id);
                if num_established == 0 {
                    self.snapshot.connected.lock().remove(&peer_id);
                    self.tell(Event::Disconnected { peer: peer_id });
                } else {
                    self.update_path(peer_id);
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                self.dial_failed(peer_id, &error);
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
            _ => {}
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
        let path = if endpoint.is_relayed() { Path::Relayed } else { Path::Direct };
        let inbound = endpoint.is_listener();
        self.connections.insert(id, Connection { peer, address: address.clone(), inbound, path });
        if first {
            self.snapshot.connected.lock().insert(peer, path);
            self.tell(Event::Connected { peer, address });
        } else {
            self.update_path(peer);
        }
        if let Some(dial) = self.dials.remove(&id) {
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

/// libp2p listens with SO_REUSEPORT, and would share a TCP port with another process of this user without a word; what
/// it says of a UDP port in use has lost its cause.
fn probe(address: &Multiaddr, text: &str) -> Result<(), P2pError> {
    let Some(ip) = ip_of(address) else { return Ok(()) };
    match address.iter().nth(1) {
        Some(Protocol::Tcp(port)) if port != 0 => TcpListener::bind(SocketAddr::new(ip, port)).map(drop),
        Some(Protocol::Udp(port)) if port != 0 => UdpSocket::bind(SocketAddr::new(ip, port)).map(drop),
        _ => Ok(()),
    }
    .map_err(|error| listen_error(&error, text))
}

fn listen_error(error: &(dyn std::error::Error + 'static), text: &str) -> P2pError {
    match find_cause::<std::io::Error>(error).map(std::io::Error::kind) {
        Some(std::io::ErrorKind::AddrInUse) => {
            P2pError::new("PORT_IN_USE", format!("{text} is in use by another process"))
        }
        _ => P2pError::new("ADDRESS_INVALID", format!("cannot listen on {text}: {error}")),
    }
}

pub(crate) fn dial_error(error: &DialError) -> P2pError {
    match error {
        DialError::WrongPeerId { obtained, .. } => {
            P2pError::new("PEER_MISMATCH", format!("{obtained} answered instead"))
        }
        DialError::NoAddresses => P2pError::new(NO_ADDRESS, "no address is known"),
        DialError::Denied { cause } => P2pError::new("DIAL_REFUSED", format!("not dialled: {cause}")),
        DialError::Transport(attempts) => {
            let all: Vec<(&Multiaddr, String)> =
                attempts.iter().map(|(address, error)| (address, chain(error))).collect();
            let refused = !all.is_empty() && all.iter().all(|(_, text)| text.contains(DIAL_REFUSED));
            let late = all.iter().any(|(_, text)| text.contains("Timeout"));
            let text = all.iter().map(|(address, text)| format!("{address}: {text}")).collect::<Vec<_>>().join("; ");
            P2pError::new(
                if refused {
                    "DIAL_REFUSED"
                } else if late {
                    "TIMEOUT"
                } else {
                    "PEER_UNREACHABLE"
                },
                text,
            )
        }
        other => P2pError::new("PEER_UNREACHABLE", other),
    }
}

pub(crate) fn public(error: P2pError) -> P2pError {
    if error.code == NO_ADDRESS { P2pError::new("PEER_UNREACHABLE", error.message) } else { error }
}

/// All that an error and its causes say, each once.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut current = error.source();
    while let Some(source) = current {
        let more = source.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        current = source.source();
    }
    text
}
