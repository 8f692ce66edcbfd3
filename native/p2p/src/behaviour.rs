//! The parts of the swarm and their settings.

use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identify;
use libp2p::identity::Keypair;
use libp2p::kad::{self, StoreInserts};
use libp2p::mdns;
use libp2p::ping;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{PeerId, StreamProtocol, autonat, relay, upnp};
use pangea_firewall::AllowList;
use tokio::sync::mpsc;

use crate::address::DialPolicy;
use crate::error::P2pError;
use crate::host::{Event, Options};
use crate::nat::relay_config;
use crate::store::BoundedStore;
use crate::streams::Served;
use crate::{gate, gossip, limits, punch, reach, streams};

pub(crate) const KAD_PROTOCOL: StreamProtocol = StreamProtocol::new("/pangea/kad/1.0.0");
const IDENTIFY_VERSION: &str = "/pangea/1.0.0";

/// The gate comes first: what it refuses reaches no other part.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) gate: gate::Behaviour,
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) streams: streams::Behaviour,
    pub(crate) kad: kad::Behaviour<BoundedStore>,
    pub(crate) identify: identify::Behaviour,
    pub(crate) ping: ping::Behaviour,
    pub(crate) gossip: gossip::Behaviour,
    pub(crate) mdns: Toggle<mdns::tokio::Behaviour>,
    pub(crate) relay_client: Toggle<relay::client::Behaviour>,
    pub(crate) relay_server: Toggle<relay::Behaviour>,
    pub(crate) punch: Toggle<punch::Behaviour>,
    pub(crate) reach: Toggle<reach::Client>,
    pub(crate) reach_server: Toggle<autonat::v2::server::Behaviour>,
    pub(crate) reach_old_server: Toggle<autonat::v1::Behaviour>,
    pub(crate) upnp: Toggle<upnp::tokio::Behaviour>,
}

/// What a behaviour is made of beside the operator's options.
pub(crate) struct Parts {
    pub(crate) allow: AllowList,
    pub(crate) policy: DialPolicy,
    pub(crate) served: Served,
    pub(crate) events: mpsc::Sender<Event>,
    /// Its transport is part of the swarm's.
    pub(crate) relay_client: Option<relay::client::Behaviour>,
    pub(crate) asks_gateway: bool,
}

impl Behaviour {
    pub(crate) fn new(keypair: &Keypair, options: &Options, parts: Parts) -> Result<Self, P2pError> {
        let Parts { allow, policy, served, events, relay_client, asks_gateway } = parts;
        let nat = options.nat.as_ref();
        let own = keypair.public().to_peer_id();
        let mdns = if options.mdns {
            Some(
                mdns::tokio::Behaviour::new(mdns::Config::default(), own)
                    .map_err(|error| P2pError::new("NOT_SUPPORTED", format!("no mDNS here: {error}")))?,
            )
        } else {
            None
        };
        let identify = identify::Config::new(IDENTIFY_VERSION.to_owned(), keypair.public())
            .with_agent_version(options.agent_version.clone())
            .with_push_listen_addr_updates(true)
            // What the operator says is what others are told, and nothing beside it.
            .with_hide_listen_addrs(!options.advertise.is_empty());
        Ok(Self {
            gate: gate::Behaviour::new(allow),
            limits: connection_limits::Behaviour::new(
                ConnectionLimits::default()
                    .with_max_established(Some(limits::CONNECTIONS))
                    .with_max_established_per_peer(Some(limits::CONNECTIONS_PER_PEER))
                    .with_max_pending_incoming(Some(limits::PENDING_INCOMING))
                    .with_max_pending_outgoing(Some(limits::PENDING_OUTGOING)),
            ),
            streams: streams::Behaviour::new(served, events),
            kad: kademlia(own),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::default(),
            gossip: gossip::behaviour(keypair)?,
            mdns: Toggle::from(mdns),
            relay_client: Toggle::from(relay_client),
            relay_server: nat.filter(|nat| nat.serve_relay).map(|_| relay::Behaviour::new(own, relay_config())).into(),
            punch: nat.map(|_| punch::Behaviour::new(own, policy)).into(),
            reach: nat.map(|_| reach::Client::new()).into(),
            reach_server: nat.map(|_| autonat::v2::server::Behaviour::default()).into(),
            reach_old_server: nat.map(|_| reach::old_server(own)).into(),
            upnp: asks_gateway.then(upnp::tokio::Behaviour::default).into(),
        })
    }
}

fn kademlia(own: PeerId) -> kad::Behaviour<BoundedStore> {
    let mut config = kad::Config::new(KAD_PROTOCOL);
    config
        .set_query_timeout(limits::QUERY)
        .set_record_filtering(StoreInserts::FilterBoth)
        .set_record_ttl(Some(limits::RECORD_AGE))
        .set_provider_record_ttl(Some(limits::RECORD_AGE))
        // Repetition is paced by the DHT above the hosts, one way for all of them.
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        .set_max_packet_size(limits::KAD_MESSAGE_BYTES)
        .set_periodic_bootstrap_interval(Some(limits::BOOTSTRAP_INTERVAL))
        // Only addresses that pass the dial policy go into the table: see the driver.
        .set_kbucket_inserts(kad::BucketInserts::Manual);
    let mut kad = kad::Behaviour::with_config(own, BoundedStore::new(own), config);
    kad.set_mode(Some(kad::Mode::Server));
    kad
}
