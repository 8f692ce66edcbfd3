//! Settings of an endpoint, and what they mean to quinn.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pangea_firewall::AllowList;
use quinn::congestion::{BbrConfig, CubicConfig};
use quinn::{IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

/// One stream may have this much unread; with 100 ms of round trip it allows 160 MB/s.
const STREAM_WINDOW_BYTES: u32 = 16 * 1024 * 1024;
/// One connection may have this much unread while few are open; see [`connection_window`].
const CONNECTION_WINDOW_BYTES: u32 = 64 * 1024 * 1024;
/// Unread bytes that all connections together may hold, as long as there are fewer than 256.
const ALL_WINDOWS_BYTES: u32 = 128 * 1024 * 1024;
const SMALLEST_WINDOW_BYTES: u32 = 512 * 1024;
/// Sent and not yet acknowledged, a connection.
const SEND_WINDOW_BYTES: u64 = 16 * 1024 * 1024;
/// The same for libp2p, whose connections carry control traffic and what cannot go another way; with 100 ms of round
/// trip it allows 40 MB/s.
const GUEST_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
const GUEST_WINDOWS_BYTES: u32 = 64 * 1024 * 1024;
const GUEST_SMALLEST_WINDOW_BYTES: u32 = 256 * 1024;
pub(crate) const GUEST_SEND_WINDOW_BYTES: u64 = 4 * 1024 * 1024;
/// Largest datagram that is looked for: jumbo frames and loopback. Ten of them, the most that quinn hands
/// to the kernel at once, must stay below 64 KiB, or segmentation offload fails.
pub(crate) const LARGEST_DATAGRAM_BYTES: u16 = 6000;
/// A silent peer is given up after this time; the dialling side keeps a live connection from falling silent.
const IDLE: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(3);

/// How much is sent into a path before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Congestion {
    /// Loss-driven, RFC 9438.
    Cubic,
    /// Model-driven: keeps its rate under random loss.
    Bbr,
}

/// Bounds that TypeScript's `limits` sets.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest struct of a request or an answer.
    pub struct_bytes: usize,
    /// Largest body of a request or an answer.
    pub body_bytes: usize,
    /// Requests of one peer that are served at one time.
    pub requests_per_peer: usize,
    /// Requests that are served at one time.
    pub requests_total: usize,
    /// Bytes of bodies that arrive, or have arrived and are not yet answered.
    pub body_bytes_in_flight: usize,
    /// Open connections.
    pub connections: usize,
    /// Longest silence within a request or an answer that is being received.
    pub stall: Duration,
    /// Longest time that the handler may take.
    pub serve: Duration,
}

/// All that an endpoint needs to start.
pub struct Config {
    /// Seed of the Ed25519 identity.
    pub seed: [u8; 32],
    /// Local addresses to try, in order; port 0 takes a free one.
    pub bind: Vec<SocketAddr>,
    /// From where connections are taken, and which private addresses may be dialled.
    pub allow: AllowList,
    /// Congestion controller.
    pub congestion: Congestion,
    /// Bounds.
    pub limits: Limits,
}

/// What differs between the kinds of connections.
struct Shape {
    streams: VarInt,
    stream_window: u32,
    window: VarInt,
    send_window: u64,
    keep_alive: bool,
}

/// Requests that one peer may have open on a connection.
pub(crate) fn streams(limits: &Limits) -> VarInt {
    VarInt::from_u32(u32::try_from(limits.requests_per_peer).unwrap_or(u32::MAX))
}

/// Shard connections that we dial.
pub(crate) fn dialling(limits: &Limits, congestion: Congestion) -> Arc<TransportConfig> {
    transport(congestion, &Shape { keep_alive: true, ..shards(limits) })
}

/// Connections of others. What they may have must be said before it is known which protocol they want, so with libp2p on
/// the socket a connection begins with the smaller share of the two, and gets its own when it has said so.
pub(crate) fn accepting(limits: &Limits, congestion: Congestion, guest_streams: Option<u32>) -> Arc<TransportConfig> {
    let shards = shards(limits);
    let shape = match guest_streams {
        None => shards,
        Some(guests) => Shape {
            streams: shards.streams.min(VarInt::from_u32(guests)),
            window: VarInt::from_u32(SMALLEST_WINDOW_BYTES),
            ..shards
        },
    };
    transport(congestion, &shape)
}

/// libp2p connections that we dial.
pub(crate) fn guest_dialling(congestion: Congestion, streams: u32) -> Arc<TransportConfig> {
    transport(
        congestion,
        &Shape {
            streams: VarInt::from_u32(streams),
            stream_window: GUEST_WINDOW_BYTES,
            window: VarInt::from_u32(GUEST_WINDOW_BYTES),
            send_window: GUEST_SEND_WINDOW_BYTES,
            keep_alive: true,
        },
    )
}

fn shards(limits: &Limits) -> Shape {
    Shape {
        streams: streams(limits),
        stream_window: STREAM_WINDOW_BYTES,
        window: VarInt::from_u32(CONNECTION_WINDOW_BYTES),
        send_window: SEND_WINDOW_BYTES,
        keep_alive: false,
    }
}

fn transport(congestion: Congestion, shape: &Shape) -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(shape.streams)
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(shape.stream_window))
        .receive_window(shape.window)
        .send_window(shape.send_window)
        .max_idle_timeout(IdleTimeout::try_from(IDLE).ok())
        .keep_alive_interval(shape.keep_alive.then_some(KEEP_ALIVE));
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(LARGEST_DATAGRAM_BYTES);
    transport.mtu_discovery_config(Some(discovery));
    match congestion {
        Congestion::Cubic => transport.congestion_controller_factory(Arc::new(CubicConfig::default())),
        Congestion::Bbr => transport.congestion_controller_factory(Arc::new(BbrConfig::default())),
    };
    Arc::new(transport)
}

/// The window of a libp2p connection when so many are open with it.
pub(crate) fn guest_window(connections: usize) -> VarInt {
    let connections = u32::try_from(connections.max(1).next_power_of_two()).unwrap_or(u32::MAX);
    VarInt::from_u32((GUEST_WINDOWS_BYTES / connections).clamp(GUEST_SMALLEST_WINDOW_BYTES, GUEST_WINDOW_BYTES))
}

/// Share of one connection when `connections` are open, in powers of two so that it rarely changes.
pub(crate) fn connection_window(connections: usize) -> VarInt {
    let connections = u32::try_from(connections.max(1).next_power_of_two()).unwrap_or(u32::MAX);
    VarInt::from_u32((ALL_WINDOWS_BYTES / connections).clamp(SMALLEST_WINDOW_BYTES, CONNECTION_WINDOW_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_many_connections_stay_small_together() {
        assert_eq!(connection_window(0), VarInt::from_u32(CONNECTION_WINDOW_BYTES));
        assert_eq!(connection_window(2), VarInt::from_u32(CONNECTION_WINDOW_BYTES));
        for connections in 2..=256_u64 {
            let window = connection_window(usize::try_from(connections).unwrap()).into_inner();
            assert!(window * connections <= u64::from(ALL_WINDOWS_BYTES), "{connections}");
        }
        for connections in 1..=512_usize {
            let window = guest_window(connections).into_inner();
            assert!((u64::from(GUEST_SMALLEST_WINDOW_BYTES)..=u64::from(GUEST_WINDOW_BYTES)).contains(&window));
        }
        assert_eq!(connection_window(usize::MAX / 2), VarInt::from_u32(SMALLEST_WINDOW_BYTES));
    }
}
