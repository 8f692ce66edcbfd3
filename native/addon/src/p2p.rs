//! Face of the p2p crate.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use pangea_p2p::{
    Event, FoundPeer, Host, HostStream, Multiaddr, NatOptions, NatReport, Options, P2pError, QuicChoice, Reachability,
    Source,
};
use tokio::sync::{Mutex, mpsc};

use crate::body::NativeBody;
use crate::error;

/// Events that cross the boundary at one time.
const EVENT_BATCH: usize = 256;

fn p2p_error(failure: P2pError) -> napi::Error {
    error(failure.code, failure.message)
}

fn milliseconds(value: u32) -> Duration {
    Duration::from_millis(u64::from(value))
}

#[napi(object, object_to_js = false)]
pub struct SwarmOptions {
    /// 32 bytes.
    pub seed: Uint8Array,
    pub listen: Vec<String>,
    pub allow: Vec<String>,
    pub mdns: bool,
    pub agent_version: String,
    /// Told to others instead of what is listened on, unless it is empty.
    pub advertise: Vec<String>,
    /// Whether there is QUIC on `/udp/…/quic-v1` addresses.
    pub quic: bool,
    /// QUIC on the socket that `shareQuic` gives later, instead of sockets of its own.
    pub shared_quic: Option<bool>,
    /// Absent: nothing but plain dials.
    pub nat: Option<SwarmNatOptions>,
}

#[napi(object, object_to_js = false)]
pub struct SwarmNatOptions {
    /// Direct multiaddrs with `/p2p/`.
    pub relays: Vec<String>,
    pub serve_relay: bool,
    pub upnp: bool,
}

#[napi(object, object_from_js = false)]
pub struct SwarmNatReport {
    #[napi(ts_type = "'public' | 'private' | 'unknown'")]
    pub reachability: String,
    pub observed: Vec<String>,
    pub confirmed: Vec<String>,
    pub upnp: SwarmUpnpReport,
    pub relays: Vec<SwarmRelayReport>,
    pub punches: Vec<SwarmPunchReport>,
    pub carrying: SwarmCarrying,
}

#[napi(object, object_from_js = false)]
pub struct SwarmUpnpReport {
    #[napi(ts_type = "'off' | 'searching' | 'mapped' | 'none' | 'failed'")]
    pub state: String,
    pub detail: String,
}

#[napi(object, object_from_js = false)]
pub struct SwarmRelayReport {
    pub relay: String,
    #[napi(ts_type = "'reserved' | 'pending' | 'failed'")]
    pub state: String,
    pub detail: String,
}

#[napi(object, object_from_js = false)]
pub struct SwarmPunchReport {
    pub peer: String,
    pub ok: bool,
    pub took_ms: f64,
    pub detail: String,
}

/// What this node carries for others now.
#[napi(object, object_from_js = false)]
pub struct SwarmCarrying {
    pub circuits: u32,
    pub reservations: u32,
}

impl From<NatReport> for SwarmNatReport {
    fn from(report: NatReport) -> Self {
        let texts = |addresses: &[Multiaddr]| addresses.iter().map(ToString::to_string).collect();
        let reachability = match report.reachability {
            Reachability::Public => "public",
            Reachability::Private => "private",
            Reachability::Unknown => "unknown",
        };
        Self {
            reachability: reachability.to_owned(),
            observed: texts(&report.observed),
            confirmed: texts(&report.confirmed),
            upnp: SwarmUpnpReport { state: report.upnp.state.to_owned(), detail: report.upnp.detail },
            relays: report
                .relays
                .into_iter()
                .map(|relay| SwarmRelayReport {
                    relay: relay.relay.to_string(),
                    state: relay.state.to_owned(),
                    detail: relay.detail,
                })
                .collect(),
            punches: report
                .punches
                .into_iter()
                .map(|punch| SwarmPunchReport {
                    peer: punch.peer.to_string(),
                    ok: punch.ok,
                    took_ms: punch.took.as_secs_f64() * 1000.0,
                    detail: punch.detail,
                })
                .collect(),
            carrying: SwarmCarrying {
                circuits: u32::try_from(report.circuits).unwrap_or(u32::MAX),
                reservations: u32::try_from(report.reservations).unwrap_or(u32::MAX),
            },
        }
    }
}

#[napi(object, object_from_js = false)]
pub struct SwarmPeer {
    pub peer: String,
    pub multiaddrs: Vec<String>,
}

#[napi(object, object_from_js = false)]
pub struct SwarmRecord {
    /// Absent for this node itself.
    pub peer: Option<String>,
    pub value: Buffer,
}

#[napi(object, object_from_js = false)]
pub struct SwarmGateCounters {
    pub allowed: i64,
    pub denied: i64,
}

#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct SwarmEvent {
    #[napi(
        ts_type = "'connected' | 'disconnected' | 'mdns' | 'identify' | 'refused' | 'record' | 'stream' | 'gossip' | 'path'"
    )]
    pub kind: String,
    pub peer: Option<String>,
    /// `connected`, `refused`: the remote's; `mdns`, `identify`: what was learned.
    pub addresses: Option<Vec<String>>,
    /// `record`, `gossip`: to be given to `recordVerdict`, `gossipVerdict`.
    pub id: Option<f64>,
    pub key: Option<Buffer>,
    pub value: Option<Buffer>,
    /// `record`: what is held now.
    pub held: Option<Buffer>,
    pub topic: Option<String>,
    #[napi(ts_type = "'direct' | 'punched' | 'relayed'")]
    pub path: Option<String>,
    pub stream: Option<SwarmStream>,
}

impl From<Event> for SwarmEvent {
    fn from(event: Event) -> Self {
        let of = |kind: &str| SwarmEvent { kind: kind.to_owned(), ..SwarmEvent::default() };
        match event {
            Event::Connected { peer, address } => SwarmEvent {
                peer: Some(peer.to_string()),
                addresses: Some(vec![address.to_string()]),
                ..of("connected")
            },
            Event::Disconnected { peer } => SwarmEvent { peer: Some(peer.to_string()), ..of("disconnected") },
            Event::Discovered { peer, addresses, source } => SwarmEvent {
                peer: Some(peer.to_string()),
                addresses: Some(addresses.iter().map(ToString::to_string).collect()),
                ..of(if source == Source::Mdns { "mdns" } else { "identify" })
            },
            Event::Refused { address } => SwarmEvent { addresses: Some(vec![address.to_string()]), ..of("refused") },
            #[allow(clippy::cast_precision_loss, reason = "2^53 verdicts are never asked for")]
            Event::Record { id, key, value, held } => SwarmEvent {
                id: Some(id as f64),
                key: Some(key.into()),
                value: Some(value.into()),
                held: held.map(Into::into),
                ..of("record")
            },
            #[allow(clippy::cast_precision_loss, reason = "2^53 verdicts are never asked for")]
            Event::Gossip { id, topic, from, data } => SwarmEvent {
                id: Some(id as f64),
                topic: Some(topic),
                peer: Some(from.to_string()),
                value: Some(data.into()),
                ..of("gossip")
            },
            Event::Path { peer, path, address } => SwarmEvent {
                peer: Some(peer.to_string()),
                path: Some(path.name().to_owned()),
                addresses: Some(vec![address.to_string()]),
                ..of("path")
            },
            Event::Stream(stream) => SwarmEvent {
                peer: Some(stream.peer().to_string()),
                stream: Some(SwarmStream::new(stream)),
                ..of("stream")
            },
        }
    }
}

fn found(peers: Vec<FoundPeer>) -> Vec<SwarmPeer> {
    peers
        .into_iter()
        .map(|found| SwarmPeer {
            peer: found.peer.to_string(),
            multiaddrs: found.addresses.iter().map(ToString::to_string).collect(),
        })
        .collect()
}

fn peer_of<T: std::str::FromStr>(text: &str) -> napi::Result<T> {
    text.parse().map_err(|_| error("USAGE", format!("'{text}' is no PeerId")))
}

/// The libp2p swarm. It keeps the process alive while `nextEvents` is awaited, until `close`.
#[napi]
pub struct SwarmHost {
    pub(crate) host: Host,
    #[cfg(feature = "quic")]
    pub(crate) lender: Option<pangea_quic::Lender>,
    events: Mutex<mpsc::Receiver<Event>>,
}

#[napi]
impl SwarmHost {
    #[napi(factory)]
    pub async fn open(options: SwarmOptions) -> napi::Result<Self> {
        let seed = <[u8; 32]>::try_from(options.seed.as_ref()).map_err(|_| error("INTERNAL", "a seed has 32 bytes"))?;
        let SwarmOptions { listen, allow, mdns, agent_version, advertise, quic, shared_quic, nat, .. } = options;
        let quic = if quic { QuicChoice::Own } else { QuicChoice::Off };
        #[cfg(not(feature = "quic"))]
        if shared_quic == Some(true) {
            return Err(error("NOT_SUPPORTED", "this addon has no QUIC endpoint to share"));
        }
        #[cfg(feature = "quic")]
        let (quic, lender) = match shared_quic {
            Some(true) => {
                let (quic, lender) = crate::one_port::borrowed();
                (quic, Some(lender))
            }
            _ => (quic, None),
        };
        let nat = nat.map(|SwarmNatOptions { relays, serve_relay, upnp }| NatOptions { relays, serve_relay, upnp });
        let options = Options { seed, listen, allow, mdns, agent_version, advertise, nat, quic };
        let (host, events) = Host::open(options).await.map_err(p2p_error)?;
        Ok(Self {
            host,
            #[cfg(feature = "quic")]
            lender,
            events: Mutex::new(events),
        })
    }

    #[napi(getter)]
    pub fn peer_id(&self) -> String {
        self.host.peer_id().to_string()
    }

    /// Without the identity.
    #[napi]
    pub fn multiaddrs(&self) -> Vec<String> {
        self.host.addresses().iter().map(ToString::to_string).collect()
    }

    #[napi]
    pub fn connected_peers(&self) -> Vec<String> {
        self.host.connected_peers().iter().map(ToString::to_string).collect()
    }

    /// The best way to a peer that is open now.
    #[napi(ts_return_type = "'direct' | 'punched' | 'relayed' | null")]
    pub fn path_to(&self, peer: String) -> napi::Result<Option<String>> {
        Ok(self.host.path_to(&peer_of(&peer)?).map(|path| path.name().to_owned()))
    }

    /// How this node is reached from outside, at most a second old.
    #[napi]
    pub fn nat_report(&self) -> SwarmNatReport {
        self.host.nat_report().into()
    }

    /// Messages of this topic come as events from now on.
    #[napi]
    pub async fn subscribe(&self, topic: String) -> napi::Result<()> {
        self.host.subscribe(topic).await.map_err(p2p_error)
    }

    #[napi]
    pub fn unsubscribe(&self, topic: String) -> napi::Result<()> {
        self.host.unsubscribe(topic).map_err(p2p_error)
    }

    #[napi]
    pub async fn publish(&self, topic: String, data: Uint8Array) -> napi::Result<()> {
        self.host.publish(topic, data.to_vec()).await.map_err(p2p_error)
    }

    #[napi]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ids were made from u64 below 2^53")]
    pub fn gossip_verdict(&self, id: f64, accept: bool) -> napi::Result<()> {
        self.host.gossip_verdict(id as u64, accept).map_err(p2p_error)
    }

    #[napi]
    pub fn routing_table(&self) -> Vec<SwarmPeer> {
        found(self.host.routing_table())
    }

    #[napi]
    pub fn gate_counters(&self) -> SwarmGateCounters {
        let (allowed, denied) = self.host.gate_counters();
        SwarmGateCounters {
            allowed: i64::try_from(allowed).unwrap_or(i64::MAX),
            denied: i64::try_from(denied).unwrap_or(i64::MAX),
        }
    }

    /// What happened since the last call, at least one event; empty when the host is closed.
    #[napi]
    pub async fn next_events(&self) -> Vec<SwarmEvent> {
        let mut batch = Vec::new();
        self.events.lock().await.recv_many(&mut batch, EVENT_BATCH).await;
        batch.into_iter().map(SwarmEvent::from).collect()
    }

    /// Connects to an address of the operator's; resolves to the PeerId that answered.
    #[napi]
    pub async fn dial(&self, multiaddr: String, timeout_ms: u32) -> napi::Result<String> {
        self.host.dial(&multiaddr, milliseconds(timeout_ms)).await.map(|peer| peer.to_string()).map_err(p2p_error)
    }

    /// Connects to a peer at addresses that were learned, under the dial policy.
    #[napi]
    pub async fn dial_learned(&self, peer: String, multiaddrs: Vec<String>, timeout_ms: u32) -> napi::Result<()> {
        self.host
            .dial_learned(peer_of(&peer)?, &multiaddrs, milliseconds(timeout_ms))
            .await
            .map(drop)
            .map_err(p2p_error)
    }

    #[napi]
    pub async fn disconnect(&self, peer: String) -> napi::Result<()> {
        self.host.disconnect(peer_of(&peer)?).await.map_err(p2p_error)
    }

    #[napi]
    pub fn add_addresses(&self, peer: String, multiaddrs: Vec<String>) -> napi::Result<()> {
        self.host.add_addresses(peer_of(&peer)?, &multiaddrs).map_err(p2p_error)
    }

    /// Inbound streams of this protocol come as events from now on.
    #[napi]
    pub fn serve(&self, protocol: String) -> napi::Result<()> {
        self.host.serve(protocol).map_err(p2p_error)
    }

    #[napi]
    pub async fn open_stream(&self, peer: String, protocol: String, timeout_ms: u32) -> napi::Result<SwarmStream> {
        self.host
            .open_stream(peer_of(&peer)?, protocol, milliseconds(timeout_ms))
            .await
            .map(SwarmStream::new)
            .map_err(p2p_error)
    }

    #[napi]
    pub fn set_allow(&self, blocks: Vec<String>) -> napi::Result<()> {
        self.host.set_allow(&blocks).map_err(p2p_error)
    }

    #[napi]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ids were made from u64 below 2^53")]
    pub fn record_verdict(&self, id: f64, accept: bool) -> napi::Result<()> {
        self.host.record_verdict(id as u64, accept).map_err(p2p_error)
    }

    #[napi]
    pub async fn bootstrap(&self) -> napi::Result<()> {
        self.host.bootstrap().await.map_err(p2p_error)
    }

    #[napi]
    pub async fn start_providing(&self, key: Uint8Array) -> napi::Result<()> {
        self.host.start_providing(key.to_vec()).await.map_err(p2p_error)
    }

    #[napi]
    pub async fn stop_providing(&self, key: Uint8Array) -> napi::Result<()> {
        self.host.stop_providing(key.to_vec()).await.map_err(p2p_error)
    }

    #[napi]
    pub async fn providers(&self, key: Uint8Array, limit: u32, timeout_ms: u32) -> napi::Result<Vec<SwarmPeer>> {
        self.host.providers(key.to_vec(), limit as usize, milliseconds(timeout_ms)).await.map(found).map_err(p2p_error)
    }

    #[napi]
    pub async fn put_record(&self, key: Uint8Array, value: Uint8Array) -> napi::Result<()> {
        self.host.put_record(key.to_vec(), value.to_vec()).await.map_err(p2p_error)
    }

    #[napi]
    pub async fn get_record(&self, key: Uint8Array, timeout_ms: u32) -> napi::Result<Vec<SwarmRecord>> {
        let records = self.host.get_record(key.to_vec(), milliseconds(timeout_ms)).await.map_err(p2p_error)?;
        Ok(records
            .into_iter()
            .map(|record| SwarmRecord { peer: record.peer.map(|peer| peer.to_string()), value: record.value.into() })
            .collect())
    }

    #[napi]
    pub async fn closest_peers(&self, key: Uint8Array, timeout_ms: u32) -> napi::Result<Vec<SwarmPeer>> {
        self.host.closest_peers(key.to_vec(), milliseconds(timeout_ms)).await.map(found).map_err(p2p_error)
    }

    /// Ends the swarm; its ports are free when this resolves. Safe to repeat.
    #[napi]
    pub async fn close(&self) {
        self.host.close().await;
    }
}

/// One bidirectional stream. When the collector takes it, it is reset unless both sides had ended.
#[napi]
pub struct SwarmStream {
    stream: Arc<HostStream>,
}

impl SwarmStream {
    fn new(stream: HostStream) -> Self {
        Self { stream: Arc::new(stream) }
    }
}

#[napi]
impl SwarmStream {
    #[napi(getter)]
    pub fn peer(&self) -> String {
        self.stream.peer().to_string()
    }

    #[napi(getter)]
    pub fn protocol(&self) -> String {
        self.stream.protocol().to_owned()
    }

    /// Next bytes, at most 256 KiB; null after the remote's end.
    #[napi]
    pub async fn read(&self) -> napi::Result<Option<NativeBody>> {
        Ok(self.stream.read().await.map_err(p2p_error)?.map(NativeBody::new))
    }

    /// Shares the body before it returns; resolves when the stream has taken all of it.
    #[napi]
    pub fn write<'env>(&self, env: &'env Env, body: &NativeBody) -> napi::Result<PromiseRaw<'env, ()>> {
        let (stream, bytes) = (self.stream.clone(), body.share()?);
        env.spawn_future(async move { stream.write(bytes).await.map_err(p2p_error) })
    }

    #[napi]
    pub async fn close_write(&self) -> napi::Result<()> {
        self.stream.close_write().await.map_err(p2p_error)
    }

    /// Ends what waits on the stream and drops it. Safe to repeat.
    #[napi]
    pub fn reset(&self) {
        self.stream.cancel();
        let stream = self.stream.clone();
        napi::bindgen_prelude::spawn(async move { stream.release().await });
    }
}
