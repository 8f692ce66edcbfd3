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

/// quinn's settings for one side.
pub(crate) fn transport(config: &Config, dialling: bool) -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    let streams = u32::try_from(config.limits.requests_per_peer).unwrap_or(u32::MAX);
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(streams))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        .max_idle_timeout(IdleTimeout::try_from(IDLE).ok())
        .keep_alive_interval(dialling.then_some(KEEP_ALIVE));
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(LARGEST_DATAGRAM_BYTES);
    transport.mtu_discovery_config(Some(discovery));
    match config.congestion {
        Congestion::Cubic => transport.congestion_controller_factory(Arc::new(CubicConfig::default())),
        Congestion::Bbr => transport.congestion_controller_factory(Arc::new(BbrConfig::default())),
    };
    Arc::new(transport)
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
        assert_eq!(connection_window(usize::MAX / 2), VarInt::from_u32(SMALLEST_WINDOW_BYTES));
    }
}
