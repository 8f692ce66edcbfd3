//! Connections from others: the gate, the handshake, and which protocol gets them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use quinn::{ConnectionError, Incoming};
use tokio::time::timeout;

use crate::doors::Protocol;
use crate::endpoint::{Counted, Shared};
use crate::error::reset;
use crate::tls;

/// Handshakes under way from which on a source must prove its address first (a Retry packet).
const HANDSHAKES_WITHOUT_RETRY: usize = 32;
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Takes connections until the endpoint closes.
pub(crate) async fn accept(shared: Arc<Shared>, quinn: quinn::Endpoint) {
    while let Some(incoming) = quinn.accept().await {
        if !shared.allow.permits(incoming.remote_address().ip()) {
            incoming.ignore();
        } else if shared.doors.shards.is_full() && shared.doors.guest.is_full() {
            // While one of them has a place, the door is chosen when the protocol is known.
            shared.doors.shards.count_full();
            incoming.refuse();
        } else if shared.handshakes.load(Ordering::Relaxed) >= HANDSHAKES_WITHOUT_RETRY && incoming.may_retry() {
            let _ = incoming.retry();
        } else {
            tokio::spawn(greet(shared.clone(), incoming));
        }
    }
}

async fn greet(shared: Arc<Shared>, incoming: Incoming) {
    let _counted = Counted::enter(&shared.handshakes);
    let template = shared.template.lock().clone();
    let (connection, protocol) = match shared.identity.usher(&template) {
        Ok((usher, config)) => {
            let connection = match incoming.accept_with(config) {
                Ok(connecting) => timeout(HANDSHAKE, connecting).await.unwrap_or(Err(ConnectionError::TimedOut)),
                Err(error) => Err(error),
            };
            (connection, usher.dismiss().unwrap_or(Protocol::Shards))
        }
        Err(_) => return incoming.refuse(),
    };
    let connection = match connection {
        Ok(connection) => connection,
        Err(error) => return shared.turned_away(protocol, &error),
    };
    match tls::remote_peer(&connection) {
        Some(peer) if peer != shared.identity.peer => match protocol {
            Protocol::Shards => drop(shared.adopt(connection, peer, false)),
            Protocol::Guest => shared.admit_guest(connection, peer),
        },
        _ => connection.close(reset::NONE, b""),
    }
}

impl Shared {
    fn turned_away(&self, protocol: Protocol, error: &ConnectionError) {
        let alert = match error {
            ConnectionError::TransportError(error) => u64::from(error.code),
            _ => 0,
        };
        match alert {
            tls::NO_APPLICATION_PROTOCOL => drop(self.refused_alpn.fetch_add(1, Ordering::Relaxed)),
            // The door was full, and has counted it.
            tls::ACCESS_DENIED => {}
            _ => self.doors.of(protocol).count_failed(),
        }
    }
}
