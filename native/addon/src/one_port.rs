//! The swarm's QUIC on the socket of the shard protocol.

use std::time::Duration;

use napi_derive::napi;
use pangea_p2p::QuicChoice;
use pangea_quic::{GuestLimits, Lender, shared_transport};

use crate::p2p::SwarmHost;
use crate::quic::{QuicEndpoint, quic_error};

/// As many as the swarm takes over TCP; see `limits.rs` of the p2p crate.
const GUESTS: GuestLimits = GuestLimits { connections: 512, handshakes: 64, streams: 256, waiting: 64 };
/// For the swarm to learn its addresses, which takes a few messages from the kernel.
const ANNOUNCED: Duration = Duration::from_secs(1);

/// A transport that waits for its socket, and who gives it.
pub(crate) fn borrowed() -> (QuicChoice, Lender) {
    let (lender, transport) = shared_transport(GUESTS);
    (QuicChoice::Shared(transport), lender)
}

#[napi]
impl SwarmHost {
    /// From now on the swarm's QUIC uses this endpoint's socket. Resolves when it listens there. For a swarm that was
    /// opened with `sharedQuic`, once.
    #[napi]
    pub async fn share_quic(&self, endpoint: &QuicEndpoint) -> napi::Result<()> {
        let lender = self.lender.as_ref();
        let lender = lender.ok_or_else(|| crate::error("USAGE", "this swarm was opened without sharedQuic"))?;
        lender.lend(endpoint.endpoint()).map_err(quic_error)?;
        let port = format!("/udp/{}/quic-v1", endpoint.endpoint().local_address().port());
        let listening = async {
            while !self.host.addresses().iter().any(|address| address.to_string().ends_with(&port)) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        // Without an interface there is nothing to announce, and nothing wrong.
        let _ = tokio::time::timeout(ANNOUNCED, listening).await;
        Ok(())
    }
}
