//! The endpoint: one socket, the connections on it, requests out and in.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use libp2p_identity::PeerId;
use pangea_firewall::AllowList;
use parking_lot::Mutex;
use quinn::{AsyncUdpSocket, EndpointConfig, Runtime, TokioRuntime, VarInt};
use quinn_proto::HashedConnectionIdGenerator;
use tokio::time::{sleep, timeout};

use crate::accept::accept;
use crate::body::{self, Bounds};
use crate::budget::Budget;
use crate::config::{
    Config, Congestion, LARGEST_DATAGRAM_BYTES, Limits, accepting, connection_window, dialling, streams,
};
use crate::doors::Doors;
use crate::error::{Error, close_reason, reset};
use crate::framing::{Answer, ReceiveError, Sending, receive_head, request_head};
use crate::guest::Seat;
use crate::serve::{Handler, Serving};
use crate::{socket, tls};

/// Longest wait for peers that do not acknowledge the end, and then for the socket.
const DRAIN: Duration = Duration::from_millis(500);

/// One UDP socket that listens and dials.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    /// Absent once closed: the last handle gives the socket back.
    quinn: Mutex<Option<quinn::Endpoint>>,
    pub(crate) local_address: SocketAddr,
    pub(crate) socket: Weak<dyn AsyncUdpSocket>,
    pub(crate) identity: tls::Identity,
    pub(crate) client_transport: Arc<quinn::TransportConfig>,
    pub(crate) allow: AllowList,
    limits: Limits,
    pub(crate) congestion: Congestion,
    pub(crate) doors: Doors,
    /// Settings of inbound connections.
    pub(crate) template: Mutex<Arc<tls::Template>>,
    /// Where libp2p's connections go, while it uses this socket.
    pub(crate) seat: Mutex<Option<Arc<Seat>>>,
    connections: Mutex<HashMap<u32, quinn::Connection>>,
    window: Mutex<VarInt>,
    next_connection: AtomicU32,
    serving: Arc<Serving>,
    answers: Budget,
    requesting: AtomicUsize,
    /// Under way, of both protocols.
    pub(crate) handshakes: AtomicUsize,
    handler: Mutex<Option<Arc<dyn Handler>>>,
    pub(crate) refused_alpn: AtomicU64,
    stopping: AtomicBool,
}

/// What the endpoint has let in and turned away since it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Connection attempts whose source address is on the allowlist.
    pub allowed: u64,
    /// Attempts from elsewhere; they get no answer.
    pub denied: u64,
    /// Peers that speak no protocol of this socket.
    pub refused_alpn: u64,
    /// Handshakes that failed otherwise: no or a bad certificate, silence.
    pub refused_handshake: u64,
    /// Attempts beyond the limit of connections.
    pub refused_full: u64,
    /// Open connections of libp2p.
    pub guest_connections: u64,
    /// Handshakes of libp2p that failed.
    pub guest_refused_handshake: u64,
    /// Attempts of libp2p beyond its limits of connections and of handshakes under way.
    pub guest_refused_full: u64,
}

impl Endpoint {
    /// Binds the socket and starts to accept. Must run inside a tokio runtime.
    pub fn open(config: Config, handler: Arc<dyn Handler>) -> Result<Self, Error> {
        let doors = Doors::new(config.limits.connections);
        let identity = tls::Identity::new(config.seed, doors.clone())?;
        let template = Arc::new(identity.server(false, accepting(&config.limits, config.congestion, None))?);
        let socket = TokioRuntime.wrap_udp_socket(socket::bind(&config.bind)?)?;
        let (local_address, weak_socket) = (socket.local_addr()?, Arc::downgrade(&socket));
        let quinn = quinn::Endpoint::new_with_abstract_socket(
            endpoint_config(&config.seed)?,
            Some(template.quinn.clone()),
            socket,
            Arc::new(TokioRuntime),
        )?;
        let shared = Arc::new(Shared {
            quinn: Mutex::new(Some(quinn.clone())),
            local_address,
            socket: weak_socket,
            identity,
            client_transport: dialling(&config.limits, config.congestion),
            allow: config.allow,
            limits: config.limits,
            congestion: config.congestion,
            doors,
            template: Mutex::new(template),
            seat: Mutex::new(None),
            connections: Mutex::default(),
            window: Mutex::new(connection_window(0)),
            next_connection: AtomicU32::new(1),
            serving: Serving::new(config.limits),
            answers: Budget::new(config.limits.body_bytes_in_flight),
            requesting: AtomicUsize::new(0),
            handshakes: AtomicUsize::new(0),
            handler: Mutex::new(Some(handler)),
            refused_alpn: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        });
        tokio::spawn(accept(shared.clone(), quinn));
        Ok(Self { shared })
    }

    /// This node, in base58btc.
    #[must_use]
    pub fn local_peer(&self) -> String {
        self.shared.identity.peer.to_base58()
    }

    /// With the real port.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.shared.local_address
    }

    /// One request on one stream. `expected`: a guess at the length of the answer's body, 0 for none.
    pub async fn request(
        &self,
        connection: u32,
        kind: u8,
        head: Bytes,
        body: Bytes,
        expected: usize,
        limit: Duration,
    ) -> Result<Answer, Error> {
        let connection =
            self.shared.connection(connection).ok_or_else(|| Error::Unreachable("the connection is closed".into()))?;
        let _counted = Counted::enter(&self.shared.requesting);
        timeout(limit, self.shared.exchange(connection, request_head(kind, &head), body, expected))
            .await
            .map_err(|_| Error::Timeout(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)))?
    }

    /// Answers a request that the handler was given. False when nobody waits for it any more.
    #[must_use]
    pub fn respond(&self, id: u32, answer: Answer) -> bool {
        self.shared.serving.respond(id, answer)
    }

    /// Closes one connection; `reason` is shown to the peer.
    pub fn close_connection(&self, connection: u32, reason: &str) {
        if let Some(connection) = self.shared.connection(connection) {
            connection.close(reset::NONE, reason.as_bytes());
        }
    }

    /// Where connections may come from, shared with the caller.
    #[must_use]
    pub fn allow(&self) -> &AllowList {
        &self.shared.allow
    }

    /// Counted since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let (allowed, denied) = self.shared.allow.counters();
        let doors = &self.shared.doors;
        let (refused_full, refused_handshake) = doors.shards.refused();
        let (guest_refused_full, guest_refused_handshake) = doors.guest.refused();
        Counters {
            allowed,
            denied,
            refused_alpn: self.shared.refused_alpn.load(Ordering::Relaxed),
            refused_handshake,
            refused_full,
            guest_connections: doors.guest.open() as u64,
            guest_refused_handshake,
            guest_refused_full,
        }
    }

    /// Requests that are being served, and requests that wait for an answer.
    #[must_use]
    pub fn under_way(&self) -> (usize, usize) {
        (self.shared.serving.total(), self.shared.requesting.load(Ordering::Relaxed))
    }

    /// Bytes of the budget for bodies of requests that are free.
    #[must_use]
    pub fn free_body_bytes(&self) -> usize {
        self.shared.serving.budget.free_bytes()
    }

    /// Takes no new connection and no new request, waits for those under way until `deadline`, closes, and
    /// gives the port back.
    pub async fn close(&self, deadline: Duration) {
        let shared = &self.shared;
        let Some(quinn) = shared.quinn() else { return };
        {
            let _unchanged = shared.template.lock();
            shared.stopping.store(true, Ordering::Release);
            quinn.set_server_config(None);
        }
        // Requests that have reached the handler are still answered: `respond` does not need it.
        let handler = shared.handler.lock().take();
        wait_until(deadline, || self.under_way() == (0, 0)).await;
        // libp2p hears that its socket is gone, and its connections end with the others.
        shared.seat.lock().take();
        quinn.close(reset::NONE, b"the node stops");
        // Lets the close frames out, and the connections drain.
        let _ = timeout(DRAIN, quinn.wait_idle()).await;
        shared.quinn.lock().take();
        drop(quinn);
        wait_until(DRAIN, || shared.socket.strong_count() == 0).await;
        drop(handler);
    }
}

async fn wait_until(limit: Duration, condition: impl Fn() -> bool) {
    let _ = timeout(limit, async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

impl Shared {
    /// Absent once closed.
    pub(crate) fn quinn(&self) -> Option<quinn::Endpoint> {
        self.quinn.lock().clone()
    }

    /// Absent as soon as no new connections are taken.
    pub(crate) fn accepting(&self) -> Option<quinn::Endpoint> {
        self.quinn().filter(|_| !self.stopping.load(Ordering::Acquire))
    }

    /// Changes what inbound connections may speak: libp2p too, with so many streams, or the shard protocol only. Does
    /// nothing once the endpoint is being closed.
    pub(crate) fn admit(&self, guest_streams: Option<u32>) -> Result<(), Error> {
        let transport = accepting(&self.limits, self.congestion, guest_streams);
        let template = self.identity.server(guest_streams.is_some(), transport)?;
        let mut current = self.template.lock();
        if let Some(quinn) = self.accepting() {
            quinn.set_server_config(Some(template.quinn.clone()));
        }
        *current = Arc::new(template);
        Ok(())
    }

    fn connection(&self, id: u32) -> Option<quinn::Connection> {
        self.connections.lock().get(&id).cloned()
    }

    fn handler(&self) -> Option<Arc<dyn Handler>> {
        self.handler.lock().clone()
    }

    /// Enters an authenticated connection, serves its streams, and tells when it ends. The news of its
    /// beginning is out before its first request can be.
    pub(crate) fn adopt(self: &Arc<Self>, connection: quinn::Connection, peer: PeerId, dialled: bool) -> u32 {
        // A connection may begin with room for libp2p's few streams and with a small window: what it may have is known now.
        connection.set_max_concurrent_bi_streams(streams(&self.limits));
        let id = self.next_connection.fetch_add(1, Ordering::Relaxed);
        let place = self.doors.shards.enter();
        self.connections.lock().insert(id, connection.clone());
        self.share_windows(Some(&connection));
        if let Some(handler) = self.handler() {
            handler.opened(id, &peer.to_base58(), &canonical(connection.remote_address()).to_string(), dialled);
        }
        let shared = self.clone();
        tokio::spawn(async move {
            let reason = loop {
                match connection.accept_bi().await {
                    Ok(stream) => {
                        let handler = shared.clone();
                        tokio::spawn(shared.serving.clone().stream(id, peer, stream, move || handler.handler()));
                    }
                    Err(error) => break close_reason(&error),
                }
            };
            shared.connections.lock().remove(&id);
            drop(place);
            shared.share_windows(None);
            if let Some(handler) = shared.handler() {
                handler.closed(id, &reason);
            }
        });
        id
    }

    /// Keeps what all connections may leave unread within one bound.
    fn share_windows(&self, added: Option<&quinn::Connection>) {
        let connections: Vec<_> = {
            let connections = self.connections.lock();
            let share = connection_window(connections.len());
            let mut window = self.window.lock();
            let changed = *window != share;
            *window = share;
            if changed { connections.values().cloned().collect() } else { added.cloned().into_iter().collect() }
        };
        let share = *self.window.lock();
        for connection in connections {
            connection.set_receive_window(share);
        }
    }

    async fn exchange(
        &self,
        connection: quinn::Connection,
        head: Bytes,
        body: Bytes,
        expected: usize,
    ) -> Result<Answer, Error> {
        let (send, mut recv) = connection.open_bi().await?;
        let mut send = Sending::new(send);
        let mut chunks = [head, body];
        let mut complete = false;
        let write = async {
            complete = send.write_all_chunks(&mut chunks).await.is_ok() && send.finish().is_ok();
            // A peer that stops reading has an answer for it; a lost connection shows in the reading too.
            std::future::pending::<Infallible>().await
        };
        let answer = tokio::select! {
            never = write => match never {},
            answer = self.receive_answer(&mut recv, expected) => answer,
        };
        // An answer that came before the end of the request makes the rest of it needless.
        if answer.is_ok() && complete {
            send.release();
        }
        if answer.is_err() {
            let _ = recv.stop(reset::CANCELLED);
        }
        answer.map_err(Error::from)
    }

    async fn receive_answer(&self, recv: &mut quinn::RecvStream, expected: usize) -> Result<Answer, ReceiveError> {
        let (status, head) = receive_head::<2>(recv, self.limits.struct_bytes).await?;
        let bounds = Bounds { limit: self.limits.body_bytes, budget: &self.answers, stall: self.limits.stall };
        // The hold ends here: from now on the body is the caller's own.
        let (body, _hold) = body::receive(recv, expected, &bounds).await?;
        Ok(Answer { status: u16::from_le_bytes(status), head, body })
    }
}

/// A dual-stack socket shows IPv4 sources as mapped IPv6 addresses.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A restarted node must be able to tell its peers that their connections are gone, so the keys of
/// stateless resets and of connection ids follow from the identity.
fn endpoint_config(seed: &[u8; 32]) -> Result<EndpointConfig, Error> {
    let key = blake3::derive_key("pangea-node 1 quic stateless reset", seed);
    let cid = blake3::derive_key("pangea-node 1 quic connection ids", seed);
    let cid = u64::from_le_bytes([cid[0], cid[1], cid[2], cid[3], cid[4], cid[5], cid[6], cid[7]]);
    let mut config = EndpointConfig::new(Arc::new(ResetKey(key)));
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(cid)));
    config.max_udp_payload_size(LARGEST_DATAGRAM_BYTES).map_err(|error| Error::Identity(error.to_string()))?;
    Ok(config)
}

struct ResetKey([u8; 32]);

impl quinn::crypto::HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        blake3::Hasher::new_keyed(&self.0).update(data).finalize_xof().fill(signature_out);
    }

    fn signature_len(&self) -> usize {
        32
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), quinn::crypto::CryptoError> {
        let given = <[u8; 32]>::try_from(signature).map_err(|_| quinn::crypto::CryptoError)?;
        // The comparison of blake3 hashes takes constant time.
        if blake3::keyed_hash(&self.0, data) == given { Ok(()) } else { Err(quinn::crypto::CryptoError) }
    }
}

/// Counts a running operation, also when it is cancelled.
pub(crate) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    pub(crate) fn enter(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
