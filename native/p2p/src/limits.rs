//! Every bound of the swarm. `src/host/limits.ts` names the same ones for the other backend.

use std::time::Duration;

pub const CONNECTIONS: u32 = 512;
pub const CONNECTIONS_PER_PEER: u32 = 4;
pub const PENDING_INCOMING: u32 = 64;
pub const PENDING_OUTGOING: u32 = 128;
/// Inbound streams of our own protocols that one connection may have open.
pub const INBOUND_STREAMS: usize = 256;
/// Streams of all protocols in one connection.
pub const STREAMS: usize = 512;
/// Sum of the receive windows of one connection: 256 KiB for each stream, and 32 MiB for windows to grow.
pub const CONNECTION_WINDOW_BYTES: usize = STREAMS * 256 * 1024 + 32 * 1024 * 1024;
pub const QUIC_STREAMS: u32 = 256;
pub const QUIC_STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
pub const QUIC_CONNECTION_WINDOW_BYTES: u32 = 32 * 1024 * 1024;
pub const FRAME_BYTES: usize = 64 * 1024;
pub const READ_BYTES: usize = 256 * 1024;
/// A connection without a stream is closed after this long; it is made again on demand.
pub const IDLE_CONNECTION: Duration = Duration::from_secs(300);
pub const HANDSHAKE: Duration = Duration::from_secs(10);
pub const QUERY: Duration = Duration::from_secs(10);
/// Kademlia messages; a value has at most 10,000 bytes, a full answer with addresses some more.
pub const KAD_MESSAGE_BYTES: usize = 64 * 1024;
pub const RECORD_BYTES: usize = 10_000;
pub const KEY_BYTES: usize = 300;
pub const PUSH_EVENTS: usize = 4096;
pub const COMMANDS: usize = 1024;
/// Values that wait for a verdict at one time; more are dropped.
pub const VERDICTS: usize = 256;
pub const VERDICT: Duration = Duration::from_secs(5);
pub const GOSSIP_TOPICS: usize = 64;
pub const GOSSIP_TOPICS_PER_PEER: usize = 1024;
pub const GOSSIP_TOPIC_BYTES: usize = 256;
pub const GOSSIP_MESSAGE_BYTES: usize = 64 * 1024;
/// Author, signature, key and number around a message.
pub const GOSSIP_ENVELOPE_BYTES: usize = 4 * 1024;
/// Messages that wait to be sent to one peer.
pub const GOSSIP_QUEUE: usize = 1024;
/// Messages that wait for a verdict at one time; more are not passed on.
pub const GOSSIP_WAITING: usize = 1024;
/// What this node carries for others as a relay.
pub const RELAY_RESERVATIONS: usize = 128;
pub const RELAY_RESERVATIONS_PER_PEER: usize = 4;
pub const RELAY_CIRCUITS: usize = 64;
pub const RELAY_CIRCUITS_PER_PEER: usize = 8;
/// The stock 128 KiB in two minutes end a circuit within one shard.
pub const RELAY_CIRCUIT_BYTES: u64 = 1024 * 1024 * 1024;
pub const RELAY_CIRCUIT: Duration = Duration::from_secs(3600);
/// Relays that are remembered, and those that this node has a place at.
pub const RELAYS: usize = 16;
pub const RESERVATIONS: usize = 3;
pub const RELAY_RETRY_MIN: Duration = Duration::from_secs(5);
pub const RELAY_RETRY_MAX: Duration = Duration::from_secs(300);
/// So long nobody may have said whether this node is reached directly, before relays are asked that nobody named.
pub const REACH_UNKNOWN: Duration = Duration::from_secs(10);
/// A relayed connection stays so long beside a direct one, and then until its streams have ended.
pub const RELAYED_LINGER: Duration = Duration::from_secs(2);
/// Addresses at which this node was said to be seen.
pub const CANDIDATES: usize = 64;
pub const OWN_ADDRESSES: usize = 64;
pub const OBSERVED: usize = 16;
pub const PUNCH_ATTEMPTS: usize = 3;
pub const PUNCH: Duration = Duration::from_secs(60);
pub const PUNCH_REPORTS: usize = 32;
pub const NAT_TICK: Duration = Duration::from_secs(1);
pub const BOOK_PEERS: usize = 4096;
pub const ADDRESSES_PER_PEER: usize = 16;
pub const PROVIDERS_PER_KEY: usize = 64;
/// Providers of one key out of one /24 (IPv4) or /48 (IPv6). Loopback is exempt.
pub const PROVIDERS_PER_SUBNET: usize = 8;
pub const PROVIDER_KEYS: usize = 100_000;
pub const PROVIDER_ENTRIES: usize = 200_000;
pub const OWN_PROVIDER_KEYS: usize = 100_000;
pub const RECORDS: usize = 65_536;
pub const RECORD_BYTES_TOTAL: usize = 64 * 1024 * 1024;
pub const RECORD_AGE: Duration = Duration::from_secs(48 * 3600);
pub const SWEEP: Duration = Duration::from_secs(600);
pub const BOOTSTRAP_INTERVAL: Duration = Duration::from_secs(300);
